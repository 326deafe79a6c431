"""How far apart two distributions are, and how far apart they would be without any drift.

A distribution is counts in bins: quantile bins of a number, or categories with the rare ones pooled. The statistics:

* **wasserstein**: area between the two distribution functions, each a straight line within a bin, over the reference's standard
  deviation; what lies out of the reference's range counts with its distance to it.
* **jensen_shannon**: distance, base 2, 0 to 1 (Lin 1991, *IEEE Transactions on Information Theory* 37, 145-151).
* **share_shift**: the largest move of one category's share, 0 to 1. A distance spreads over all categories, and with a dozen of
  them chance hides the move of one; this does not.
* **psi**: population stability index, ``sum (p - q) ln(p / q)`` with half a unit added to every bin, so that an empty one does
  not make it infinite.

Without drift, both samples come from the reference's distribution: multinomial draws of both, at their sizes, give the **null
distribution** of each statistic. Many tests at a small alarm rate ask for quantiles beyond the draws, so above the 95 % quantile
the square of a distance, or the PSI, is taken to fall off exponentially, at the mean excess of the draws (a generalised Pareto
tail of shape 0; Knijnenburg et al. 2009, *Bioinformatics* 25, i161-i168): a chi-square, which they approach, falls off no slower.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr

from future_skills.monitoring_policy import StatisticName

Counts = npt.NDArray[np.float64]

SEED: Final = 20_180
TAIL: Final = 0.05
"""Share of the draws that the tail is fitted on."""

NUMERIC_STATISTICS: Final[tuple[StatisticName, ...]] = ("wasserstein", "psi")
CATEGORICAL_STATISTICS: Final[tuple[StatisticName, ...]] = ("jensen_shannon", "share_shift", "psi")


@dataclass(frozen=True, slots=True)
class Bins:
    """What is compared, as the reference has it. Hashable: null distributions are kept by it.

    Attributes:
        shares: of the reference in each bin, summing to 1.
        widths: of each bin, over the reference's standard deviation; None for categories.
        coarse: for a number, the first fine bin of each of the bins that the PSI counts; None for categories.
    """

    shares: tuple[float, ...]
    widths: tuple[float, ...] | None = None
    coarse: tuple[int, ...] | None = None

    @property
    def statistics(self) -> tuple[StatisticName, ...]:
        """Those that fit."""
        return CATEGORICAL_STATISTICS if self.widths is None else NUMERIC_STATISTICS

    def psi_counts(self, counts: Counts) -> Counts:
        """Counts in the bins of the PSI; shape (…, bins)."""
        if self.coarse is None:
            return counts
        merged: Counts = np.add.reduceat(counts, np.array(self.coarse), axis=-1)
        return merged


def effects(bins: Bins, reference: Counts, window: Counts, *, beyond: float = 0.0) -> dict[StatisticName, Counts]:
    """Each statistic of the bins, for one pair of samples or many.

    Args:
        bins: what is compared.
        reference: counts, shape (…, bins).
        window: counts, the same shape.
        beyond: mean distance of the window's values to the reference's range, in standard deviations.
    """
    p, q = _shares(reference), _shares(window)
    found: dict[StatisticName, Counts] = {}
    if bins.widths is not None:
        found["wasserstein"] = _area(p, q, np.array(bins.widths)) + beyond
    else:
        found["jensen_shannon"] = _jensen_shannon(p, q)
        found["share_shift"] = np.abs(p - q).max(axis=-1)
    p, q = _shares(bins.psi_counts(reference) + 0.5), _shares(bins.psi_counts(window) + 0.5)
    found["psi"] = ((p - q) * np.log(p / q)).sum(axis=-1)
    return found


def _shares(counts: Counts) -> Counts:
    shares: Counts = counts / counts.sum(axis=-1, keepdims=True)
    return shares


def _area(p: Counts, q: Counts, widths: Counts) -> Counts:
    """Area between two distribution functions that are straight lines within each bin."""
    right = np.abs(np.cumsum(p - q, axis=-1))
    signed = np.cumsum(p - q, axis=-1)
    left_signed = np.concatenate([np.zeros_like(signed[..., :1]), signed[..., :-1]], axis=-1)
    left = np.abs(left_signed)
    together = left + right
    crossing = left_signed * signed < 0
    mean = np.where(crossing, (left**2 + right**2) / np.where(together > 0, 2 * together, 1.0), together / 2)
    area: Counts = (mean * widths).sum(axis=-1)
    return area


def _jensen_shannon(p: Counts, q: Counts) -> Counts:
    middle = (p + q) / 2
    divergence = (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=-1) / (2 * np.log(2))
    distance: Counts = np.sqrt(np.clip(divergence, 0.0, 1.0))
    return distance


# --- Without drift --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Null:
    """One statistic without drift: its draws, and what lies beyond them.

    Attributes:
        statistic: which one.
        draws: sorted, shape (draws,).
        start: value from which the tail is fitted, on the scale of ``_scaled``.
        excess: mean excess over it.
    """

    statistic: StatisticName
    draws: Counts
    start: float
    excess: float

    def chance(self, effect: float) -> float:
        """Chance of an effect at least as large, in (0, 1]."""
        scaled = _scaled(self.statistic, effect)
        if scaled <= self.start:
            above = len(self.draws) - int(np.searchsorted(self.draws, effect, side="left"))
            return (1 + above) / (1 + len(self.draws))
        if self.excess == 0:
            return 1 / (1 + len(self.draws))
        return float(max(TAIL * np.exp(-(scaled - self.start) / self.excess), 1e-300))

    def quantile(self, chance: float) -> float:
        """The effect that is exceeded with a chance of (0, 1)."""
        if chance >= TAIL:
            return float(np.quantile(self.draws, 1 - chance))
        scaled = self.start + self.excess * np.log(TAIL / chance)
        return float(scaled if self.statistic == "psi" else np.sqrt(scaled))


def _scaled(statistic: StatisticName, effect: float) -> float:
    return effect if statistic == "psi" else effect * effect


@lru_cache(maxsize=512)
def null_distributions(bins: Bins, reference: int, window: int, draws: int) -> dict[StatisticName, Null]:
    """The null distribution of each statistic, kept by bins and sizes.

    Args:
        bins: what is compared.
        reference: independent units of the reference, see ``size``.
        window: those of the window.
        draws: how many.
    """
    rng = np.random.default_rng(SEED)
    shares = np.array(bins.shares)
    samples = [rng.multinomial(units, shares / shares.sum(), size=draws).astype(float) for units in (reference, window)]
    found = effects(bins, *samples)
    return {name: _null(name, np.sort(values)) for name, values in found.items()}


def _null(statistic: StatisticName, draws: Counts) -> Null:
    scaled = draws if statistic == "psi" else draws**2
    start = float(np.quantile(scaled, 1 - TAIL))
    above = scaled[scaled > start]
    return Null(statistic, draws, start, float((above - start).mean()) if len(above) else 0.0)


def size(units: float) -> int:
    """Units rounded down to two figures: fewer null distributions to draw, and wider ones."""
    if units < 100:
        return max(1, int(units))
    step = 10 ** (len(str(int(units))) - 2)
    return int(units) // int(step) * int(step)


def holm(chances: Sequence[float]) -> list[int]:
    """For each test, by how many Holm's procedure multiplies its chance: the number of tests not yet rejected before it.

    Holm 1979, *Scandinavian Journal of Statistics* 6, 65-70. The adjusted chance is the largest of these products over the
    tests with chances as small or smaller: see ``adjusted``.
    """
    order = sorted(range(len(chances)), key=lambda place: (chances[place], place))
    factors = [0] * len(chances)
    for rank, place in enumerate(order):
        factors[place] = len(chances) - rank
    return factors


def adjusted(chances: Sequence[float]) -> list[float]:
    """Each chance after Holm's procedure: below a rate for any test, with at most that rate, where nothing has drifted."""
    factors = holm(chances)
    found = [0.0] * len(chances)
    largest = 0.0
    for place in sorted(range(len(chances)), key=lambda place: (chances[place], place)):
        largest = max(largest, factors[place] * chances[place])
        found[place] = min(1.0, largest)
    return found
