"""The written registry's targets: shown beside a version's metrics, never blocking."""

from dataclasses import dataclass
from typing import Final

from future_skills.manifest import Metrics
from future_skills.schema import HIGH, LOW, MEDIUM

ACCURACY: Final = 0.80
F1_WEIGHTED: Final = 0.75
PRECISION: Final = {LOW: 0.75, MEDIUM: 0.70, HIGH: 0.80}
"""Each must be exceeded."""


@dataclass(frozen=True, slots=True)
class Target:
    """A target and what was observed.

    Attributes:
        measure: ``accuracy``, ``f1_weighted`` or ``precision``.
        level: the need level whose precision it is, or None.
        required: the value to exceed.
        observed: the version's value on its test rows.
    """

    measure: str
    level: str | None
    required: float
    observed: float

    @property
    def met(self) -> bool:
        """Whether the target is exceeded."""
        return self.observed > self.required


def targets(metrics: Metrics) -> tuple[Target, ...]:
    """The five targets and where ``metrics`` stands."""
    return (
        Target("accuracy", None, ACCURACY, metrics.accuracy),
        Target("f1_weighted", None, F1_WEIGHTED, metrics.f1_weighted),
        *(
            Target("precision", level, required, words.precision)
            for level, required in PRECISION.items()
            for name, words in metrics.per_class.items()
            if name == level
        ),
    )
