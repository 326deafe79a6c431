"""Intervals of paired differences between models scored on the same rows: a bootstrap clustered by role and by skill.

Rows are a grid of roles x skills, so they are not independent: levels move skill by skill. Each draw takes the roles
with replacement and, independently, the skills with replacement; a row weighs (times its role was drawn) x (times its
skill was drawn). Every metric is computed again with these weights, for all models in the same draw, so that a
difference is paired. This is the pigeonhole bootstrap: Owen (2007), *The pigeonhole bootstrap*, Annals of Applied
Statistics 1(2), 386-411: a little conservative where roles and skills are many. McCullagh (2000), *Resampling and
exchangeable arrays*, Bernoulli 6(2), 285-301, shows that no bootstrap of such a grid is exact.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from future_skills import schema
from future_skills.comparison import CONFIDENCE, DRAWS
from future_skills.metrics import CALIBRATION_BINS, HIGH_RANK, Ranks, Scores, calibration_bins, squared_losses

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SEED: Final = 20_251
EMERGENCE: Final = "emergence"
LEVEL_METRICS: Final = ("accuracy", "f1_weighted", "f1_macro", "severe_error_rate")
METRICS: Final = (*LEVEL_METRICS, EMERGENCE)
PROBABILITY_METRICS: Final = ("brier", "calibration_error")
PRECISIONS: Final = {level: f"precision_{level}" for level in schema.LEVELS}

_LEVELS: Final = 3
_CELLS: Final = _LEVELS * _LEVELS


@dataclass(frozen=True, slots=True)
class Replicates:
    """Metrics of several models in each draw.

    Attributes:
        values: metric -> array of shape (models, draws). NaN where a draw holds no row, or (emergence) no row that
            emerged, (precision of a level) no row predicted at it, or where the model gives no probabilities.
    """

    values: Mapping[str, Floats]

    def differences(self, metric: str, challenger: int, reference: int) -> Floats:
        """Challenger minus reference in each draw that could be computed."""
        values: Floats = self.values[metric][challenger] - self.values[metric][reference]
        known: Floats = values[np.isfinite(values)]
        return known

    def interval(
        self, metric: str, challenger: int, reference: int, *, confidence: float = CONFIDENCE
    ) -> tuple[float, float] | None:
        """Percentile interval of challenger minus reference; None unless most of the draws could be computed."""
        return _percentiles(self.values[metric][challenger] - self.values[metric][reference], confidence)

    def own_interval(self, metric: str, model: int, *, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
        """Percentile interval of one model's value; None unless most of the draws could be computed."""
        return _percentiles(self.values[metric][model], confidence)


def _percentiles(values: Floats, confidence: float) -> tuple[float, float] | None:
    known = values[np.isfinite(values)]
    if 2 * len(known) <= len(values):
        return None
    tail = 50 * (1 - confidence)
    low, high = np.percentile(known, [tail, 100 - tail])
    return float(low), float(high)


def replicates(
    *,
    truth: Ranks,
    models: Sequence[Scores],
    current: Ranks,
    roles: Integers,
    skills: Integers,
    draws: int = DRAWS,
    seed: int = SEED,
    probability_metrics: bool = False,
) -> Replicates:
    """Metrics of every model in each draw, the same draws for all.

    Args:
        truth: what happened, ranks, shape (rows,).
        models: predictions of the same rows.
        current: the level now, ranks, -1 where unknown, shape (rows,).
        roles: index of each row's role, 0 to the number of roles - 1, shape (rows,).
        skills: index of each row's skill, likewise.
        draws: how many.
        seed: of the draws.
        probability_metrics: whether ``PROBABILITY_METRICS`` are computed too.
    """
    cells = [truth * _LEVELS + scores.predicted for scores in models]
    rankings = [_Ranking.of(truth, scores, current) for scores in models]
    calibrations = [_Calibration.of(truth, scores) if probability_metrics else None for scores in models]
    counts = np.empty((len(models), draws, _CELLS))
    drawn = {metric: np.full((len(models), draws), np.nan) for metric in (EMERGENCE, *PROBABILITY_METRICS)}
    for draw, weights in enumerate(draw_weights(roles, skills, draws=draws, seed=seed)):
        for model, (cell, ranking, calibration) in enumerate(zip(cells, rankings, calibrations, strict=True)):
            counts[model, draw] = np.bincount(cell, weights, minlength=_CELLS)
            if ranking is not None:
                drawn[EMERGENCE][model, draw] = ranking.average_precision(weights)
            if calibration is not None:
                drawn["brier"][model, draw], drawn["calibration_error"][model, draw] = calibration.of_draw(weights)
    return Replicates({**level_metrics(counts), **drawn})


def draw_weights(roles: Integers, skills: Integers, *, draws: int = DRAWS, seed: int = SEED) -> Iterator[Floats]:
    """The weight of each row in each draw, shape (rows,): (times its role was drawn) x (times its skill was drawn).

    Args:
        roles: see ``replicates``.
        skills: see ``replicates``.
        draws: how many.
        seed: of the draws: the same seed, roles and skills give the same weights.
    """
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        yield times_drawn(rng, int(roles.max()) + 1)[roles] * times_drawn(rng, int(skills.max()) + 1)[skills]


def times_drawn(rng: np.random.Generator, size: int) -> Floats:
    """How often each of ``size`` units is drawn in ``size`` draws with replacement: a multinomial, shape (size,)."""
    return np.bincount(rng.integers(0, size, size), minlength=size).astype(np.float64)


def level_metrics(counts: Floats) -> dict[str, Floats]:
    """Accuracy, weighted F1, macro F1, severe error rate and precision by level of (weighted) confusion counts.

    F1 of a level = 2 TP / (true + predicted), 0 where the level is neither true nor predicted, as
    ``metrics.measure``.

    Args:
        counts: shape (..., 9), true level x 3 + predicted level.

    Returns:
        Arrays of shape (...); NaN where the counts are all zero (precision: where the level is never predicted).
    """
    confusion = counts.reshape(*counts.shape[:-1], _LEVELS, _LEVELS)
    total = confusion.sum(axis=(-2, -1))
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    support, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    f1 = _ratio(2 * right, support + predicted, empty=0.0)
    return {
        "accuracy": _ratio(right.sum(axis=-1), total, empty=np.nan),
        "f1_weighted": _ratio((f1 * support).sum(axis=-1), total, empty=np.nan),
        "f1_macro": np.where(total > 0, f1.mean(axis=-1), np.nan),
        "severe_error_rate": _ratio(confusion[..., 0, 2] + confusion[..., 2, 0], total, empty=np.nan),
        **{
            PRECISIONS[level]: _ratio(right[..., rank], predicted[..., rank], empty=np.nan)
            for rank, level in enumerate(schema.LEVELS)
        },
    }


def _ratio(part: Floats, whole: Floats, *, empty: float) -> Floats:
    return np.divide(part, whole, out=np.full_like(whole, empty), where=whole > 0)


@dataclass(frozen=True, slots=True)
class _Calibration:
    """One model's Brier loss of each row, and how far each row is from its bin's diagonal.

    Attributes:
        losses: see ``metrics.squared_losses``, shape (rows,).
        bins: see ``metrics.calibration_bins``, shape (rows,).
        gaps: confidence minus 1 where the level is right, minus 0 elsewhere, shape (rows,).
    """

    losses: Floats
    bins: Integers
    gaps: Floats

    @classmethod
    def of(cls, truth: Ranks, scores: Scores) -> "_Calibration | None":
        """None where there are no probabilities."""
        if scores.probabilities is None:
            return None
        confidence = scores.probabilities.max(axis=1)
        return cls(
            losses=squared_losses(truth, scores.probabilities),
            bins=calibration_bins(confidence),
            gaps=confidence - (truth == scores.predicted),
        )

    def of_draw(self, weights: Floats) -> tuple[float, float]:
        """Weighted Brier score and expected calibration error; NaN where nothing weighs.

        Args:
            weights: of all rows, shape (rows,).
        """
        total = weights.sum()
        if total == 0:
            return float("nan"), float("nan")
        gaps = np.bincount(self.bins, weights * self.gaps, minlength=CALIBRATION_BINS)
        # a sum of products, not BLAS's dot: its threads cost more than they save on vectors of this size
        return float((weights * self.losses).sum() / total), float(np.abs(gaps).sum() / total)


@dataclass(frozen=True, slots=True)
class _Ranking:
    """One model's order of the rows not HIGH now, cut at the ends of the ties that hold a row that emerged.

    Average precision is the sum over thresholds of (recall gained) x (precision there); recall grows only where a row
    that became HIGH stands, so only those thresholds count. Rows of equal probability share one threshold.

    Attributes:
        order: rows down to the last threshold, highest P(HIGH) first.
        cuts: places in ``order`` where each block of rows between two thresholds begins.
        emerged: rows that became HIGH, in the same order.
        emerged_cuts: places in ``emerged`` where the rows of each threshold begin.
    """

    order: Integers
    cuts: Integers
    emerged: Integers
    emerged_cuts: Integers

    @classmethod
    def of(cls, truth: Ranks, scores: Scores, current: Ranks) -> "_Ranking | None":
        """None where there are no probabilities or no row emerged."""
        if scores.probabilities is None:
            return None
        candidates = np.flatnonzero((current >= 0) & (current != HIGH_RANK))
        probability = scores.probabilities[candidates, HIGH_RANK]
        by_probability = np.argsort(-probability, kind="stable")
        order, probability = candidates[by_probability], probability[by_probability]
        happened = truth[order] == HIGH_RANK
        if not happened.any():
            return None
        tie_ends = np.append(np.flatnonzero(np.diff(probability)) + 1, len(order))
        threshold_of = np.searchsorted(tie_ends, np.flatnonzero(happened), side="right")
        thresholds, emerged_cuts = np.unique(threshold_of, return_index=True)
        ends = tie_ends[thresholds]
        return cls(
            order=order[: ends[-1]],
            cuts=np.concatenate([[0], ends[:-1]]),
            emerged=order[happened],
            emerged_cuts=emerged_cuts,
        )

    def average_precision(self, weights: Floats) -> float:
        """Weighted average precision, as scikit-learn's with ``sample_weight``; NaN where no row that emerged weighs.

        Args:
            weights: of all rows, shape (rows,).
        """
        gained = np.add.reduceat(weights[self.emerged], self.emerged_cuts)
        found = gained.cumsum()
        if found[-1] == 0:
            return float("nan")
        looked_at = np.add.reduceat(weights[self.order], self.cuts).cumsum()
        precision = _ratio(found, looked_at, empty=0.0)
        return float((gained * precision).sum() / found[-1])


def mcnemar_mid_p(reference_only: int, challenger_only: int) -> float:
    """Mid-p of McNemar's test on the discordant rows, two-sided, 0 to 1.

    With n = b + c and X ~ Binomial(n, 1/2): 2 P(X < min(b, c)) + P(X = min(b, c)); 1 where b = c. Fagerland, Lydersen
    and Laake (2013), *The McNemar test for binary matched-pairs data: mid-p and asymptotic are better than exact
    conditional*, BMC Medical Research Methodology 13:91. It takes rows as independent, which they are not: the
    clustered interval is what decides.
    """
    smaller, both = min(reference_only, challenger_only), reference_only + challenger_only
    return float(min(1.0, 2 * binom.cdf(smaller - 1, both, 0.5) + binom.pmf(smaller, both, 0.5)))
