"""The reference of drift: how every feature was distributed in the rows that a version stands on, as one JSON document.

The rows are those that the version was trained on and the newest snapshot known when it was registered, so that a retraining
clears a drift that has become normal. Everything is counted in independent units (``drift_units``).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
import polars as pl
from pydantic import Field

from future_skills import schema
from future_skills.drift_null import Bins, Counts, effects
from future_skills.drift_units import PERIOD_LEVEL, Crossed, Units, Weights, crossed_units, key_codes, units_of
from future_skills.errors import MissingColumnsError, NotEnoughDataError, translatable
from future_skills.files import sha256_of_bytes
from future_skills.manifest import Part, Share
from future_skills.monitoring_policy import StatisticName
from future_skills.policy import canonical_json
from future_skills.profile import FIRST_ROWS, LEVEL_KEYS, PAIR, varies_by

PREDICTED: Final = "level"
"""Column of the level that the version said, as a campaign's result has it."""

CONFIDENCE: Final = "confidence"
"""Column of its confidence, 0 to 1."""

FINE_BINS: Final = 100
"""Quantile bins that the distance of a number is measured on."""

LEAST_BIN: Final = 0.05
"""Smallest share of a bin that the PSI of a number counts."""

RARE: Final = 0.02
"""A category under this share is pooled with the other rare ones."""

COMMONEST: Final = 10
"""Categories that are compared by themselves where every one is rare."""

Level = Literal["period", "department", "role", "skill", "department_skill", "pair"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A feature's distribution in some rows, in the bins of its reference.

    Attributes:
        counts: units in each bin.
        beyond: of a number, see ``drift_null.effects``.
        mean: of a number, over the units.
    """

    counts: Counts
    beyond: float = 0.0
    mean: float = 0.0


class FeatureReference(Part):
    """What every kind of feature has.

    Attributes:
        feature: column name.
        level: at which it varies, one of ``profile.LEVEL_KEYS``.
        missing: share of the rows without a value.
    """

    feature: str
    level: Level
    missing: Share


class NumericReference(FeatureReference):
    """A number.

    Attributes:
        units: independent units with a value.
        shares: of its variance that the two keys of its level explain (0 where the level has one key).
        edges: of quantile bins, half-way between two values; ``counts[i]`` units lie in (``edges[i]``, ``edges[i + 1]``], the
            first bin closed on the left.
        counts: units in each bin.
        usual: statistic -> the farthest that one period of the reference is from its other periods; none where it has one.
        mean, standard_deviation, minimum, maximum: over the units.
    """

    kind: Literal["numeric"] = "numeric"
    units: float
    shares: tuple[Share, Share]
    usual: dict[StatisticName, float]
    mean: float
    standard_deviation: float
    minimum: float
    maximum: float
    edges: tuple[float, ...]
    counts: tuple[float, ...]

    def bins(self) -> Bins:
        """What is compared."""
        widths = tuple((np.diff(self.edges) / self.scale).tolist())
        return Bins(_of_total(self.counts), widths, self.coarse())

    def total(self) -> Counts:
        """Units of the reference in each bin."""
        return np.array(self.counts)

    @property
    def scale(self) -> float:
        """What distances are divided by: the standard deviation, or 1 where every unit has one value."""
        return self.standard_deviation or 1.0

    def sample(self, values: pl.Series, weights: Weights) -> Sample:
        """Units of any rows in each bin; those out of the range are in the first or the last one."""
        numbers = values.cast(pl.Float64).to_numpy()
        if values.null_count():
            known = np.isfinite(numbers)
            numbers, weights = numbers[known], weights[known]
        beyond = np.maximum(self.minimum - numbers, 0.0) + np.maximum(numbers - self.maximum, 0.0)
        total = max(float(weights.sum()), 1e-12)
        return Sample(
            counts=binned_counts(numbers, weights, np.array(self.edges)),
            beyond=float((beyond * weights).sum() / total / self.scale),
            mean=float((numbers * weights).sum() / total),
        )

    def coarse(self) -> tuple[int, ...]:
        """The first fine bin of each of the bins that have at least ``LEAST_BIN`` of the units."""
        least = LEAST_BIN * sum(self.counts) - 1e-6
        starts, held = [0], 0.0
        for place, count in enumerate(self.counts):
            if held >= least:
                starts.append(place)
                held = 0.0
            held += count
        if held < least and len(starts) > 1:
            starts.pop()
        return tuple(starts)


class CategoricalReference(FeatureReference):
    """A category, a department, a level.

    Attributes:
        units: see ``NumericReference``.
        shares: the largest over its categories, see ``NumericReference``.
        usual: see ``NumericReference``.
        counts: category -> units, commonest first.
    """

    kind: Literal["categorical"] = "categorical"
    units: float
    shares: tuple[Share, Share]
    usual: dict[StatisticName, float]
    counts: dict[str, float]

    @property
    def names(self) -> tuple[str | None, ...]:
        """Of the bins: the categories that are compared by themselves, then None for the rare and the unseen ones."""
        return (*self.kept(), None)

    def bins(self) -> Bins:
        """What is compared."""
        return Bins(_of_total(self.total().tolist()))

    def total(self) -> Counts:
        """Units of the reference in each bin."""
        return self.pooled(self.counts)

    def sample(self, values: pl.Series, weights: Weights) -> Sample:
        """Units of any rows in each bin."""
        return Sample(self.pooled(dict(distinct(values, weights).iter_rows())))

    def pooled(self, counts: Mapping[str, float]) -> Counts:
        """Units of each bin, from those of each category; shape (names,)."""
        found = [counts.get(name, 0.0) for name in self.kept()]
        return np.array([*found, max(0.0, round(sum(counts.values()) - sum(found), 5))])

    def kept(self) -> tuple[str, ...]:
        """The categories that are compared by themselves: those that are not rare, or the commonest where all are."""
        total = sum(self.counts.values())
        common = tuple(name for name, count in self.counts.items() if count >= RARE * total)
        return common or tuple(self.counts)[:COMMONEST]


class NameReference(FeatureReference):
    """Names of roles or skills: there is no distribution of them, they are known or not.

    Attributes:
        counts: name -> rows.
        expected_unseen: share of the newest period's rows whose name no earlier period had; 0 where there is one period.
    """

    kind: Literal["name"] = "name"
    counts: dict[str, int]
    expected_unseen: Share


class MarketReference(FeatureReference):
    """One value per period: no distribution, a signal. ``values``: period -> value."""

    kind: Literal["market"] = "market"
    values: dict[str, float | str | None]


AnyReference = Annotated[
    NumericReference | CategoricalReference | NameReference | MarketReference, Field(discriminator="kind")
]


class ReferenceProfile(Part):
    """See the module's docstring.

    Attributes:
        periods: of the rows, in order.
        rows: how many.
        features: in the order they were asked for, what the version said (``level``, ``confidence``) last.
        clusters: level of two keys -> column -> name -> units.
        trend: skill -> trend_score at the newest period, where it is one of the features.
    """

    format: Literal[1] = 1
    periods: tuple[str, ...]
    rows: int
    features: tuple[AnyReference, ...]
    clusters: dict[str, dict[str, dict[str, float]]]
    trend: dict[str, float]

    @property
    def sha256(self) -> str:
        """Of the canonical JSON (hexadecimal)."""
        return sha256_of_bytes(canonical_json(self.to_dict()).encode())

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, document: Any) -> "ReferenceProfile":
        """What ``to_dict`` gave, also after a way through JSON."""
        return cls.model_validate(document)

    def columns(self) -> tuple[str, ...]:
        """What a window must have to be compared."""
        return required_columns([one.feature for one in self.features])


def required_columns(features: Collection[str]) -> tuple[str, ...]:
    """The key, and the features; each once."""
    return tuple(dict.fromkeys((*schema.SNAPSHOT_KEY, *features)))


def build_reference(
    rows: pl.DataFrame,
    *,
    features: Collection[str] = schema.BASE_FEATURES,
    levels: Mapping[str, str] | None = None,
) -> ReferenceProfile:
    """Describe the rows that windows will be compared with.

    Args:
        rows: period, role, skill and the features; ``level`` and ``confidence`` too where they are known. Rows of the newest
            period last, where units are described by one row.
        features: that the version reads; texts are categories, anything else is a number.
        levels: feature -> level at which it varies, where that is known: in a few rows, one of each role, everything seems to
            be a fact about roles. None: as the rows show it.

    Raises:
        MissingColumnsError: a column is missing.
        NotEnoughDataError: there is no row.
    """
    rows = comparable(rows, required_columns(features), name="reference")
    if rows.is_empty():
        raise NotEnoughDataError(translatable("There are no rows to compare later ones with."))
    said = [name for name in (PREDICTED, CONFIDENCE) if name in rows.columns and name not in features]
    levels = levels or varies_by(rows.select(features), rows)
    keys = key_codes(rows)
    units = {
        level: units_of(rows, keys, level)
        for level in sorted({*(levels[name] for name in features), *(PAIR for _name in said)})
    }
    crossed = {level: crossed_units(keys, level) for level in units if len(LEVEL_KEYS[level]) == 2}
    periods = tuple(rows[schema.PERIOD].unique().sort())
    return ReferenceProfile(
        periods=periods,
        rows=rows.height,
        features=(
            *(
                _described(name, rows, levels[name], units[levels[name]], crossed.get(levels[name]))
                for name in features
            ),
            *_said(rows, said),
        ),
        clusters={level: {c: dict(n) for c, n in units[level].clusters.items()} for level in sorted(crossed)},
        trend=trend_by_skill(rows.filter(pl.col(schema.PERIOD) == periods[-1])) if "trend_score" in features else {},
    )


def _said(rows: pl.DataFrame, names: Collection[str]) -> Iterator[AnyReference]:
    """What the version said, of the rows that it was asked about: a pair counts once among these, whatever its other rows."""
    for name in names:
        told = rows.filter(pl.col(name).is_not_null())
        if not told.is_empty():
            keys = key_codes(told)
            yield _described(name, told, PAIR, units_of(told, keys, PAIR), crossed_units(keys, PAIR))


def comparable(rows: pl.DataFrame, columns: Collection[str], *, name: str) -> pl.DataFrame:
    """``rows`` with NaN as missing values, and a column of no or of truth values as numbers.

    Raises:
        MissingColumnsError: names the columns that are not there.
    """
    absent = [column for column in columns if column not in rows.columns]
    if absent:
        raise MissingColumnsError(path=name, columns=", ".join(absent), found=", ".join(rows.columns))
    return rows.with_columns(
        pl.selectors.float().fill_nan(None), pl.selectors.by_dtype(pl.Null, pl.Boolean).cast(pl.Float64)
    )


def trend_by_skill(rows: pl.DataFrame) -> dict[str, float]:
    """Skill -> its mean trend_score, in order of the names."""
    coded = rows.select(pl.col(schema.SKILL).cast(pl.Categorical), "trend_score")  # quicker to group than the texts
    means = coded.group_by(schema.SKILL).agg(pl.col("trend_score").mean()).drop_nulls()
    by_skill = means.with_columns(pl.col(schema.SKILL).cast(pl.String)).sort(schema.SKILL)
    return {skill: round(value, 9) for skill, value in by_skill.iter_rows()}


def _described(
    name: str, rows: pl.DataFrame, level: str, units: Units, crossed: tuple[Crossed, Any] | None
) -> AnyReference:
    values = rows[name]
    common: Any = {"feature": name, "level": level, "missing": values.null_count() / len(values)}
    if name in {schema.ROLE, schema.SKILL}:
        return NameReference(**common, counts=_rows_by_name(values), expected_unseen=_expected_unseen(rows, name))
    known = distinct(values, units.weights)
    if level == PERIOD_LEVEL or known.is_empty():
        return MarketReference(**common | {"level": PERIOD_LEVEL}, values=values_by_period(rows, name))
    common["units"] = round(float(known["units"].sum()), 3)
    if values.dtype == pl.String:
        category = CategoricalReference(**common, shares=(0.0, 0.0), usual={}, counts=dict(known.iter_rows()))
        shares = _categorical_shares(values, category.kept(), crossed)
        return category.model_copy(update={"shares": shares, "usual": _usual(category, rows, units)})
    common["shares"] = (0.0, 0.0) if crossed is None else crossed[0].shares(_numbers(values.filter(crossed[1])))
    number = NumericReference(**common, usual={}, **_binned(known))
    return number.model_copy(update={"usual": _usual(number, rows, units)})


def _usual(
    reference: NumericReference | CategoricalReference, rows: pl.DataFrame, units: Units
) -> dict[StatisticName, float]:
    """How far at most one period of the rows is from the other ones, as each statistic says it."""
    periods = rows[schema.PERIOD].unique().sort()
    found: dict[StatisticName, float] = {}
    for period in periods if len(periods) > 1 else ():
        these = (rows[schema.PERIOD] == period).to_numpy()
        one = reference.sample(rows[reference.feature].filter(these), units.weights[these]).counts
        others = np.maximum(reference.total() - one, 0.0)
        if one.sum() > 0 and others.sum() > 0:
            for name, effect in effects(reference.bins(), others, one).items():
                found[name] = max(found.get(name, 0.0), round(float(effect), 9))
    return found


def distinct(values: pl.Series, weights: Weights) -> pl.DataFrame:
    """``value`` and ``units`` of the known values: numbers in order, categories commonest first.

    A category stands there once; a number too, unless most are different anyway.

    Args:
        values: of rows.
        weights: of the same rows, see ``drift_units.Units``.
    """
    known = pl.DataFrame({"value": values, "units": weights}).drop_nulls("value")
    if values.dtype == pl.String or known["value"].head(FIRST_ROWS).n_unique() < FIRST_ROWS // 2:
        known = known.group_by("value").agg(pl.sum("units"))
    if values.dtype == pl.String:
        return known.with_columns(pl.col("units").round(6)).sort("units", "value", descending=[True, False])
    return known.with_columns(pl.col("value").cast(pl.Float64)).sort("value")


def values_by_period(rows: pl.DataFrame, name: str) -> dict[str, float | str | None]:
    """Period -> the feature's value: the mean of a number, the commonest text; in order of the periods."""
    value = pl.col(name).mode().sort().first() if rows[name].dtype == pl.String else pl.col(name).mean().round(9)
    return {
        period: rows.filter(pl.col(schema.PERIOD) == period).select(value).item()
        for period in rows[schema.PERIOD].drop_nulls().unique().sort()
    }


def _binned(known: pl.DataFrame) -> dict[str, Any]:
    """Edges, counts, mean, deviation and range of a number, from its values in order and their units."""
    values, units = known["value"].to_numpy(), known["units"].to_numpy()
    reached = np.cumsum(units)
    total = reached[-1]
    places = np.searchsorted(reached, np.arange(1, FINE_BINS) / FINE_BINS * total - 1e-9 * total)
    places = np.unique(np.searchsorted(values, values[places], side="right") - 1)  # the last of equal ones
    places = places[places < len(values) - 1]
    # Half-way to the next value: one that many units share may move by a rounding without leaving its bin.
    edges = np.concatenate([values[:1], (values[places] + values[places + 1]) / 2, values[-1:]])
    ends = np.concatenate([[0], np.searchsorted(values, edges[1:-1], side="right"), [len(values)]])
    counts = np.diff(np.concatenate([[0.0], reached])[ends])
    mean = float((values * units).sum() / total)
    return {
        "mean": round(mean, 9),
        "standard_deviation": round(float(np.sqrt((units * (values - mean) ** 2).sum() / total)), 9),
        "minimum": float(values[0]),
        "maximum": float(values[-1]),
        "edges": tuple(edges.tolist()),
        "counts": tuple(counts.round(6).tolist()),
    }


def binned_counts(values: Counts, units: Counts, edges: Counts) -> Counts:
    """Units in each bin; those out of the range are in the first or the last one."""
    places = np.searchsorted(edges[1:-1], values, side="left")
    counts: Counts = np.bincount(places, weights=units, minlength=len(edges) - 1).astype(np.float64)
    return counts


def _rows_by_name(names: pl.Series) -> dict[str, int]:
    counts = names.drop_nulls().value_counts(name="rows").sort("rows", names.name, descending=[True, False])
    return dict(counts.iter_rows())


def _expected_unseen(rows: pl.DataFrame, name: str) -> float:
    periods = rows[schema.PERIOD].unique().sort()
    if len(periods) < 2:
        return 0.0
    newest = rows.filter(pl.col(schema.PERIOD) == periods[-1])[name]
    before = rows.filter(pl.col(schema.PERIOD) < periods[-1])[name].unique()
    return float((~newest.is_in(before.implode())).fill_null(value=False).mean() or 0.0)  # type: ignore[arg-type]


def _categorical_shares(
    values: pl.Series, kept: Sequence[str], crossed: tuple[Crossed, Any] | None
) -> tuple[float, float]:
    """The largest shares of the variance of belonging to a category, over the kept ones."""
    if crossed is None:
        return 0.0, 0.0
    units, last = crossed
    found = [units.shares(_numbers((values == category).cast(pl.Float64).filter(last))) for category in kept]
    first, second = (max(one[place] for one in found) for place in (0, 1))
    return first / max(1.0, first + second), second / max(1.0, first + second)


def _numbers(values: pl.Series) -> Counts:
    numbers: Counts = values.cast(pl.Float64).to_numpy()
    return numbers


def _of_total(counts: Collection[float]) -> tuple[float, ...]:
    total = sum(counts)
    return tuple(count / total for count in counts)
