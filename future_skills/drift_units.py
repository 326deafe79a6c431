"""How many independent facts stand behind rows: 300 rows of one role are one salary, and few roles are few draws.

Two things make rows count for less than their number:

* **Level.** A feature that has one value per role is a fact about roles. Each fact counts once, whatever the rows (and periods)
  that repeat it: a row weighs 1 / the rows of its unit. Units are told apart by ``profile.LEVEL_KEYS``.
* **Clusters.** A fact about a pair resembles the other facts of its role and of its skill. With the model
  ``y_rs = m + a_r + b_s + e_rs`` and the shares ``A, B, E`` of the variance, the difference of the means of two samples has the
  variance ``A sum_r (p_r - q_r)^2 + B sum_s (p_s - q_s)^2 + E (1/n + 1/m)`` where ``p_r`` and ``q_r`` are the shares of role r
  among the units of each: the same roles as often in both cancel out, few roles do not. Divided by ``1/n + 1/m``, it is the
  **design effect** of the comparison (Kish 1965, *Survey Sampling*, ch. 5; Rao and Scott 1981, JASA 76, 221-230, divide the
  sample sizes of a categorical comparison by it).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from future_skills import schema
from future_skills.profile import LEVEL_KEYS, codes

Weights = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Clusters = Mapping[str, Mapping[str, float]]
"""Column -> name -> units that have it; two columns for a level of two keys, none for another."""

PERIOD_LEVEL = "period"


@dataclass(frozen=True, slots=True)
class Units:
    """The independent facts of one level behind the rows of a frame.

    Attributes:
        weights: of each row, 1 / the rows of its unit; shape (rows,).
        count: units.
        effective_rows: rows divided by Kish's design effect of rows that repeat one fact.
        clusters: see ``Clusters``.
    """

    weights: Weights
    count: int
    effective_rows: float
    clusters: Clusters


def key_codes(rows: pl.DataFrame) -> dict[str, Codes]:
    """Codes of period, role and skill, and of the department where it is there; each of shape (rows,)."""
    names = (schema.PERIOD, schema.DEPARTMENT, schema.ROLE, schema.SKILL)
    return {name: dense_codes(rows[name]) for name in names if name in rows.columns}


def units_of(rows: pl.DataFrame, codes_by_name: Mapping[str, Codes], level: str) -> Units:
    """The units of one of ``LEVEL_KEYS`` behind rows.

    Args:
        rows: with the columns of the level.
        codes_by_name: their ``key_codes``.
        level: one of ``LEVEL_KEYS``.
    """
    columns = LEVEL_KEYS[level] or (schema.PERIOD,)
    keys = [codes_by_name[name] for name in columns]
    repeats = _repeats(combined_codes(keys))
    weights = 1.0 / repeats
    clusters = {
        name: _units_by_name(rows[name], key, weights)
        for name, key in zip(columns, keys, strict=True)
        if len(columns) == 2
    }
    effective_rows = len(repeats) ** 2 / repeats.sum() if len(repeats) else 0.0
    return Units(weights, round(weights.sum()), float(effective_rows), clusters)


def dense_codes(names: pl.Series) -> Codes:
    """0, 1, 2 … for each distinct name, a missing one included; shape (rows,)."""
    numbers = codes(names)
    raw = numbers.fill_null((numbers.max() or 0) + 1).to_numpy().astype(np.int64)  # type: ignore[operator]
    present = np.zeros(raw.max(initial=0) + 1, dtype=np.int64)
    present[raw] = 1
    places: Codes = (np.cumsum(present) - 1)[raw]
    return places


def combined_codes(keys: Sequence[Codes]) -> Codes:
    """One number for each combination of codes."""
    combined = keys[0]
    for key in keys[1:]:
        combined = combined * (key.max(initial=0) + 1) + key
    return combined


def _repeats(unit: Codes) -> Weights:
    """How many rows have the code of each row; shape (rows,)."""
    if unit.max(initial=0) < 4 * len(unit):
        return np.bincount(unit).astype(np.float64)[unit]
    counted: Weights = (
        pl.DataFrame({"unit": unit}).select(pl.len().over("unit")).to_series().to_numpy().astype(np.float64)
    )
    return counted


def _units_by_name(names: pl.Series, key: Codes, weights: Weights) -> dict[str, float]:
    """Name -> units; a missing name is the empty text."""
    first = np.full(key.max(initial=-1) + 1, -1)
    first[key] = np.arange(len(key))
    units = np.bincount(key, weights=weights).round(6)
    return dict(zip(names.gather(first).fill_null("").to_list(), units.tolist(), strict=True))


# --- Clusters -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Crossed:
    """Which unit stands in which clusters, for a level of two keys.

    Attributes:
        first: code of the first key of each unit (the role), shape (units,).
        second: code of its second key (the skill), shape (units,).
    """

    first: Codes
    second: Codes

    def shares(self, values: npt.NDArray[np.float64]) -> tuple[float, float]:
        """Shares of the variance that the first and the second key explain, each 0 to 1, together at most 1.

        The intraclass covariance over all pairs of units of one cluster, over the variance (Fisher 1925, *Statistical Methods
        for Research Workers*, ch. 7). Every pair counts the same, as it does in the variance of a mean: on real data common
        skills have both many facts and uncommon ones, and an analysis of variance, where each cluster counts by its size,
        sees no cluster at all there.

        Args:
            values: of each unit, NaN where unknown; shape (units,).
        """
        known = np.isfinite(values)
        y = values[known] - values[known].mean() if known.any() else values[known]
        variance = float(y @ y) / max(1, len(y))
        if variance == 0:
            return 0.0, 0.0
        first, second = (_covariance(y, key[known]) / variance for key in (self.first, self.second))
        first, second = np.clip((first, second), 0.0, 1.0).tolist()
        return round(first / max(1.0, first + second), 6), round(second / max(1.0, first + second), 6)


def _covariance(y: npt.NDArray[np.float64], key: Codes) -> float:
    """Mean product of two different centred values of one cluster; 0 where no cluster has two."""
    sizes = np.bincount(key)
    pairs = float((sizes * (sizes - 1.0)).sum())
    return float((np.bincount(key, weights=y) ** 2).sum() - y @ y) / pairs if pairs else 0.0


def crossed_units(codes_by_name: Mapping[str, Codes], level: str) -> tuple[Crossed, npt.NDArray[np.bool_]]:
    """The units of a level of two keys, and which row is the last to tell of each (mask, shape (rows,))."""
    first, second = (codes_by_name[name] for name in LEVEL_KEYS[level])
    last = pl.Series(combined_codes([first, second])).is_last_distinct().to_numpy()
    return Crossed(first[last], second[last]), last


def design_effect(
    shares: tuple[float, float],
    reference: Clusters,
    window: Clusters,
    *,
    units: tuple[float, float],
) -> float:
    """By how much clusters inflate the variance of the difference of two samples; at least 1. See the module's docstring.

    Args:
        shares: of the variance, see ``Crossed.shares``.
        reference: its ``Clusters``, the same columns in the same order as the window's.
        window: its ``Clusters``.
        units: of the reference and of the window, both above 0.
    """
    sampling = 1 / units[0] + 1 / units[1]
    clustered = sum(
        share * _squared_difference(reference[column], window[column])
        for share, column in zip(shares, window, strict=False)
        if share > 0
    )
    own = 1 - sum(shares)
    return max(1.0, clustered / sampling + own)


def _squared_difference(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    totals = sum(one.values()), sum(other.values())
    names = one.keys() | other.keys()
    return sum((one.get(name, 0.0) / totals[0] - other.get(name, 0.0) / totals[1]) ** 2 for name in sorted(names))
