"""What a comparison of two versions says; ``evaluation.compare`` makes it.

These words stand apart from the computation so that pages can speak of a comparison without loading scikit-learn.
"""

from dataclasses import dataclass
from typing import Any, Final

from future_skills.manifest import Metrics

DRAWS: Final = 2_000
"""Draws of the two-way bootstrap behind each interval."""

CONFIDENCE: Final = 0.90
"""Share of the draws inside a two-sided interval."""


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

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "metric": self.metric,
            "reference": self.reference,
            "challenger": self.challenger,
            "difference": self.difference,
            "low": self.low,
            "high": self.high,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions on the test rows that they share.

    Attributes:
        reference: name of the reference (the older version, as a rule).
        challenger: name of the other.
        rows: test rows shared; 0 when there is none, and ``reason`` says why.
        seen: name -> how many of the other's test rows it trained on; those rows are left out. None where nobody knows, for
            it was trained elsewhere.
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
    seen: dict[str, int | None]
    reference_metrics: Metrics | None
    challenger_metrics: Metrics | None
    differences: tuple[Difference, ...]
    reference_only_right: int
    challenger_only_right: int
    mcnemar_p: float | None
    reason: str | None

    def difference(self, metric: str) -> Difference | None:
        """The difference of one metric; None where it could not be computed."""
        return next((one for one in self.differences if one.metric == metric), None)

    @property
    def command(self) -> str | None:
        """What scores both on the same rows, where they share no test row."""
        if self.rows:
            return None
        return f"python ml/evaluate_future_skills_models.py --versions {self.reference} {self.challenger}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "reference": self.reference,
            "challenger": self.challenger,
            "rows": self.rows,
            "seen": self.seen,
            "reason": self.reason,
            "command": self.command,
            "differences": [one.to_dict() for one in self.differences],
            "reference_only_right": self.reference_only_right,
            "challenger_only_right": self.challenger_only_right,
            "mcnemar_p": self.mcnemar_p,
            "reference_metrics": dumped_metrics(self.reference_metrics),
            "challenger_metrics": dumped_metrics(self.challenger_metrics),
        }


def dumped_metrics(metrics: Metrics | None) -> dict[str, Any] | None:
    """For JSON."""
    return None if metrics is None else metrics.model_dump(mode="json")
