"""Versions and baselines on the same rows, and the paired differences between two of them."""

from dataclasses import dataclass

from future_skills.manifest import Metrics


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference, challenger minus reference, on the same rows.

    Attributes:
        metric: ``accuracy``, ``f1_weighted``, ``f1_macro``, ``severe_error_rate`` or ``emergence`` (average precision).
        reference: the reference's value.
        challenger: the challenger's value.
        low: lower end of the 90 % two-sided interval of the difference (two-way bootstrap: roles and skills).
        high: upper end.
    """

    metric: str
    reference: float
    challenger: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """Challenger minus reference."""
        return self.challenger - self.reference


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions on the test rows that they share.

    Attributes:
        reference: name of the reference (the older version, as a rule).
        challenger: name of the other.
        rows: test rows shared; 0 when there is none, and ``reason`` says why.
        seen: name -> how many of the other's test rows it trained on; those rows are left out.
        reference_metrics: on the shared rows; None when there is none.
        challenger_metrics: on the shared rows.
        differences: one per metric; empty when there is no shared row.
        reference_only_right: rows where only the reference is right.
        challenger_only_right: rows where only the challenger is right.
        mcnemar_p: mid-p of McNemar's test on those two counts, 0 to 1.
        reason: why there is nothing to compare, or None.
    """

    reference: str
    challenger: str
    rows: int
    seen: dict[str, int]
    reference_metrics: Metrics | None
    challenger_metrics: Metrics | None
    differences: tuple[Difference, ...]
    reference_only_right: int
    challenger_only_right: int
    mcnemar_p: float | None
    reason: str | None
