"""What a labelled sample says: how far reviewers agree with the model, and with one another.

A row counts for the share of its opinions that are the model's level: two reviewers of whom one agrees make one half. "I do
not know" is no opinion; a row on which nobody has one is counted, and left out of every figure.

* **Agreement**: the weighted mean of these shares, with the weights of the draw (see ``sampling``), divided by their sum.
* **Interval**: Wilson's (see ``intervals``) on the effective number of rows ``(sum w)^2 / sum w^2`` of Kish (1965, *Survey
  Sampling*, 11.7): unequal weights make a sample worth fewer rows. Franco, Little, Louis and Slud (2019, *Comparative study of
  confidence intervals for proportions in complex sample surveys*, Journal of Survey Statistics and Methodology 7(3)) find it
  among the best where rows are few and shares near 0 or 1, where variances estimated stratum by stratum are often 0.
* **Kappa**: Cohen's (1968) with quadratic weights, of model and opinions, rows weighing as they were drawn.
* **Between reviewers**: every two opinions on one row make a pair. Nobody is the first of a pair, so each enters both ways;
  rows weigh the same, for it is the reviewers that are measured. Wilson's interval is on the number of pairs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from future_skills import schema
from future_skills.intervals import wilson
from future_skills.metrics import quadratic_kappa
from future_skills.sampling import UNKNOWN, Origin

ORIGINS: Final[tuple[Origin, ...]] = ("test", "latest")

NOTHING_SAID: Final = {"estimate": None, "low": 0.0, "high": 1.0, "n_effective": 0.0}
"""The agreement on rows of which nobody said a level."""

DECIMALS: Final = 6
"""Figures are rounded to this many decimals: the same on every machine."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one reviewer said of a row; ``level`` is one of ``sampling.ANSWERS``."""

    reviewer: str
    level: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class LabelledItem:
    """A row of a sample with what people said of it, one opinion for each of them."""

    position: int
    origin: Origin
    role: str
    skill: str
    period: str
    predicted: str
    weight: float
    opinions: tuple[Opinion, ...]

    @property
    def levels(self) -> list[str]:
        """The levels that people said."""
        return [one.level for one in self.opinions if one.level != UNKNOWN]

    @property
    def agreement(self) -> float:
        """Share of the levels said that are the predicted one; some were said."""
        return self.levels.count(self.predicted) / len(self.levels)

    @property
    def disputed(self) -> bool:
        """Whether somebody said another level than the model."""
        return any(level != self.predicted for level in self.levels)


def sample_result(items: Sequence[LabelledItem], *, confidence: float) -> dict[str, Any]:
    """What the sample says, in JSON.

    Args:
        items: every row of the sample.
        confidence: of the intervals, two-sided.

    Returns:
        ``size``, ``labelled`` (rows of which somebody said a level), ``unknown`` (rows of which nobody could), ``confidence``;
        ``agreement`` (estimate, low, high, n_effective; null where nobody said a level); ``kappa`` (null where only one
        level is there); ``by_level`` (agreement by predicted level, with ``predicted`` and ``agreed``, in rows; 0 to 1 where
        nobody said a level); ``by_origin`` (agreement on the test rows and on the latest snapshot); ``reviewers`` (pairs,
        agreement, low, high, kappa); ``disagreements`` (rows where somebody said another level than the model, with every
        opinion).
    """
    said = [item for item in items if item.levels]
    by_level = {level: [item for item in said if item.predicted == level] for level in schema.LEVELS}
    by_origin = {origin: [item for item in said if item.origin == origin] for origin in ORIGINS}
    return {
        "size": len(items),
        "labelled": len(said),
        "unknown": len(items) - len(said),
        "confidence": confidence,
        "agreement": _agreement(said, confidence),
        "kappa": _model_kappa(said),
        "by_level": {
            level: {
                "predicted": len(rows),
                "agreed": _rounded(sum(item.agreement for item in rows)),
                **(_agreement(rows, confidence) or NOTHING_SAID),
            }
            for level, rows in by_level.items()
        },
        "by_origin": {origin: _agreement(rows, confidence) for origin, rows in by_origin.items()},
        "reviewers": _between_reviewers(said, confidence),
        "disagreements": [_disagreement(item) for item in items if item.disputed],
    }


def effective_size(weights: Sequence[float]) -> float:
    """Kish's: how many rows of equal weight these are worth; at least one weight, all above 0."""
    return math.fsum(weights) ** 2 / math.fsum(weight * weight for weight in weights)


def _agreement(items: Sequence[LabelledItem], confidence: float) -> dict[str, float] | None:
    if not items:
        return None
    weights = [item.weight for item in items]
    n = effective_size(weights)
    share = min(1.0, math.fsum(item.weight * item.agreement for item in items) / math.fsum(weights))
    low, high = wilson(share, n, confidence=confidence)
    return {
        "estimate": _rounded(share),
        "low": _rounded(low),
        "high": _rounded(high),
        "n_effective": _rounded(n),
    }


def _model_kappa(items: Sequence[LabelledItem]) -> float | None:
    opinions = [(level, item.predicted, item.weight / len(item.levels)) for item in items for level in item.levels]
    return _kappa(opinions)


def _between_reviewers(items: Sequence[LabelledItem], confidence: float) -> dict[str, Any]:
    pairs = [pair for item in items for pair in combinations(item.levels, 2)]
    if not pairs:
        return {"pairs": 0, "agreement": None, "low": 0.0, "high": 1.0, "kappa": None}
    share = sum(first == second for first, second in pairs) / len(pairs)
    low, high = wilson(share, len(pairs), confidence=confidence)
    both_ways = [(one, other, 1.0) for first, second in pairs for one, other in ((first, second), (second, first))]
    return {
        "pairs": len(pairs),
        "agreement": _rounded(share),
        "low": _rounded(low),
        "high": _rounded(high),
        "kappa": _kappa(both_ways),
    }


def _kappa(opinions: Sequence[tuple[str, str, float]]) -> float | None:
    """Quadratic kappa of (level, level, weight)."""
    first = np.array([schema.LEVEL_RANK[level] for level, _, _ in opinions], dtype=np.int64)
    second = np.array([schema.LEVEL_RANK[level] for _, level, _ in opinions], dtype=np.int64)
    kappa = quadratic_kappa(first, second, weights=np.array([weight for _, _, weight in opinions]))
    return None if kappa is None else _rounded(kappa)


def _disagreement(item: LabelledItem) -> dict[str, Any]:
    return {
        "position": item.position,
        "role": item.role,
        "skill": item.skill,
        "period": item.period,
        "predicted": item.predicted,
        "labels": [{"reviewer": one.reviewer, "level": one.level, "comment": one.comment} for one in item.opinions],
    }


def _rounded(value: float) -> float:
    return round(value, DECIMALS) + 0.0  # turns the -0.0 that rounding leaves into 0.0
