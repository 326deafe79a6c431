"""Which predictions people look at: a stratified draw, the same on every machine for the same seed.

**Populations.** One half of the sample comes from the version's test rows, whose later level is known to the registry and
to no reviewer; the other half from the latest snapshot, which is what the version will be asked about.

**Strata.** In each population: predicted level x certainty. The margin of a prediction is its highest probability minus
the next (Settles, 2012, *Active Learning*, chapter 2); *unsure* is the third of a level's rows whose margin is smallest,
ties included. A model without probabilities has one stratum per level.

**Allocation.** Every stratum that holds a row gets one; each further row goes where ``g * sqrt(N) / sqrt(n (n + 1))`` is
largest, with N rows in the stratum, n drawn so far and g its gain below: equal proportions on a power allocation of 1/2
(Bankier, 1988, *Power allocations: determining sample sizes for subnational areas*, The American Statistician 42(3);
Wright, 2012, *The equivalence of Neyman optimum allocation for sampling and equal proportions for apportioning the U.S.
House of Representatives*, The American Statistician 66(4)). HIGH and unsure rows, which are few, are looked at more often
than their share.

**Weights.** A row of a stratum weighs ``(share of the population in the sample) x (N / rows of the population) / n``: the
inverse of its chance to be drawn, scaled so that all weights sum to 1. The weighted mean of anything over the sample is
then an unbiased estimate of its mean over the populations (Horvitz and Thompson, 1952).

**Order.** A pair's key is BLAKE2b of the seed and its names. The test half takes the smallest keys of each stratum, the
latest half the largest ones: each half is a simple random sample of its stratum, and no pair is in both, where the facts
of the one would give away what came of the other. Where strata are so small that the halves meet, the pair stays in the
test half. The order in which rows are shown comes from other keys: a place in the list says nothing of the prediction.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from future_skills import schema
from future_skills.errors import NotEnoughDataError, UsageError, translatable

Origin = Literal["test", "latest"]
Certainty = Literal["sure", "unsure", "unknown"]

UNKNOWN: Final = "UNKNOWN"
"""What a reviewer says who does not know."""

ANSWERS: Final = (*schema.LEVELS, UNKNOWN)
"""What a reviewer may say of a row."""

SMALLEST_SIZE: Final = 12
"""One row of every stratum of both populations."""

LARGEST_SIZE: Final = 2_000

LARGEST_SEED: Final = 2**31 - 1

UNSURE_SHARE: Final = 1 / 3
"""Share of a level's rows that are called unsure: those of smallest margin."""

GAIN: Final[Mapping[str, float]] = {schema.HIGH: 1.5, "unsure": 1.5}
"""How much more often than the power allocation would have it a kind of row is looked at."""

POPULATION_COLUMNS: Final = ("row", schema.PERIOD, schema.ROLE, schema.SKILL, "predicted")
"""What a population has; the probabilities ``low``, ``medium``, ``high`` besides, where the model gives some."""

_PROBABILITIES: Final = tuple(level.lower() for level in schema.LEVELS)
_STRATUM: Final = ("predicted", "certainty")


@dataclass(frozen=True, slots=True)
class Stratum:
    """Rows of one population that are predicted alike.

    Attributes:
        origin: the population.
        level: the predicted level.
        certainty: how sure the prediction is.
        population: how many rows there are.
        drawn: how many of them are in the sample.
        weight: of each of those; 0 where none is.
    """

    origin: Origin
    level: str
    certainty: Certainty
    population: int
    drawn: int
    weight: float

    @property
    def name(self) -> str:
        """``HIGH unsure``."""
        return f"{self.level} {self.certainty}"


@dataclass(frozen=True, slots=True)
class Draw:
    """A sample.

    Attributes:
        items: one line per row to label, in the order they are shown: ``position`` (from 1), ``origin``, ``row``,
            ``period``, role, skill, ``predicted``, the probabilities where there are some, ``stratum``, ``weight``,
            ``labels_needed`` (1 or 2).
        strata: where they come from.
    """

    items: pl.DataFrame
    strata: tuple[Stratum, ...]


def draw(populations: Mapping[Origin, pl.DataFrame], *, size: int, seed: int, second_reviewer_share: float) -> Draw:
    """Draw a sample; the same populations and seed give the same one, whatever the order of their rows.

    Args:
        populations: origin -> its predictions (``POPULATION_COLUMNS``); one of the two may be absent or empty.
        size: how many rows, ``SMALLEST_SIZE`` to ``LARGEST_SIZE``; all rows are taken where there are fewer.
        seed: 0 to ``LARGEST_SEED``.
        second_reviewer_share: share of the rows that a second person labels, 0 to 1.

    Raises:
        UsageError: a size or a seed out of range.
        NotEnoughDataError: there is no prediction at all.
    """
    require_drawable(size=size, seed=seed)
    known: dict[Origin, pl.DataFrame] = {
        origin: _with_certainty(populations[origin]).with_columns(_keys(populations[origin], seed))
        for origin in ("test", "latest")
        if origin in populations and len(populations[origin])
    }
    if not known:
        raise NotEnoughDataError(translatable("There is no prediction to draw a sample from."))
    taken = _take(known, size)
    total = sum(map(len, taken.values()))
    strata = tuple(
        stratum for origin, rows in taken.items() for stratum in _strata(origin, known[origin], rows, total=total)
    )
    items = pl.concat(
        [rows.with_columns(pl.lit(origin).alias("origin")) for origin, rows in taken.items()], how="diagonal_relaxed"
    )
    return Draw(_in_order(items, strata, seed, second_reviewer_share), strata)


def require_drawable(*, size: int, seed: int) -> None:
    """Refuse a sample that could not be drawn from anything.

    Raises:
        UsageError: a size or a seed out of range.
    """
    _require_between(
        translatable("A sample has {least} to {most} rows, not {value}."), size, SMALLEST_SIZE, LARGEST_SIZE
    )
    _require_between(translatable("The seed of a sample is {least} to {most}, not {value}."), seed, 0, LARGEST_SEED)


def _require_between(refusal: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise UsageError(refusal, least=least, most=most, value=value)


def _with_certainty(population: pl.DataFrame) -> pl.DataFrame:
    """Add ``certainty``: the smallest margins of each predicted level are unsure."""
    if not all(name in population.columns for name in _PROBABILITIES):
        return population.with_columns(pl.lit("unknown").alias("certainty"))
    ordered = pl.concat_list(_PROBABILITIES).list.sort(descending=True)
    margin = ordered.list.get(0) - ordered.list.get(1)
    limit = margin.quantile(UNSURE_SHARE, interpolation="lower").over("predicted")
    return population.with_columns(
        pl.when(margin.is_null())
        .then(pl.lit("unknown"))
        .when(margin <= limit)
        .then(pl.lit("unsure"))
        .otherwise(pl.lit("sure"))
        .alias("certainty")
    )


def _keys(population: pl.DataFrame, seed: int) -> pl.Series:
    """A key per row, equal for the same pair in both populations (rows that repeat a pair have each their own)."""
    twins = population.select(pl.col("row").rank("ordinal").over(schema.ROLE, schema.SKILL).alias("twin"))
    names = zip(population[schema.ROLE], population[schema.SKILL], twins["twin"], strict=True)
    return pl.Series("key", [_hash(seed, "draw", *pair) for pair in names], dtype=pl.String)


def _hash(seed: int, *words: str | int) -> str:
    return hashlib.blake2b("\x1f".join(map(str, (seed, *words))).encode(), digest_size=16).hexdigest()


def _take(known: Mapping[Origin, pl.DataFrame], size: int) -> dict[Origin, pl.DataFrame]:
    """The drawn rows of each population: half and half, unless one of them has too few."""
    rows = {origin: len(population) for origin, population in known.items()}
    if len(known) == 1:
        return {origin: _smallest_keys(population, size) for origin, population in known.items()}
    of_test = min(rows["test"], max(-(-size // 2), size - rows["latest"]))
    test = _smallest_keys(known["test"], of_test)
    others = known["latest"].join(test, on=[schema.ROLE, schema.SKILL], how="anti")
    latest = _smallest_keys(others, size - len(test), largest=True)
    both: dict[Origin, pl.DataFrame] = {"test": test, "latest": latest}
    return both


def _smallest_keys(population: pl.DataFrame, size: int, *, largest: bool = False) -> pl.DataFrame:
    """``size`` rows of a population: in each stratum, as many as allocated, those whose keys are smallest (or largest)."""
    counts = {
        (level, certainty): count
        for level, certainty, count in population.group_by(_STRATUM).len().sort(_STRATUM).iter_rows()
    }
    wanted = allocate(counts, size)
    quotas = pl.DataFrame(
        [(*stratum, count) for stratum, count in wanted.items()],
        schema={"predicted": pl.String, "certainty": pl.String, "quota": pl.Int64},
        orient="row",
    )
    return (
        population.sort("key", descending=largest)
        .join(quotas, on=_STRATUM, how="inner", maintain_order="left")
        .filter(pl.int_range(pl.len()).over(_STRATUM) < pl.col("quota"))
        .drop("quota")
    )


def allocate(counts: Mapping[tuple[str, str], int], size: int) -> dict[tuple[str, str], int]:
    """How many rows to draw from each stratum (see the top of the module).

    Args:
        counts: (level, certainty) -> rows there are.
        size: rows to draw; all of them where there are fewer.
    """
    drawn = dict.fromkeys(counts, 0)

    def priority(stratum: tuple[str, str]) -> float:
        n = drawn[stratum]
        gain = math.prod(GAIN.get(word, 1.0) for word in stratum)
        return gain * math.sqrt(counts[stratum]) * (1 / math.sqrt(n * (n + 1)) if n else math.inf)

    for _ in range(min(size, sum(counts.values()))):
        drawn[max((stratum for stratum in counts if drawn[stratum] < counts[stratum]), key=priority)] += 1
    return drawn


def _strata(origin: Origin, population: pl.DataFrame, drawn: pl.DataFrame, *, total: int) -> list[Stratum]:
    """The strata of a population; where some gave no row, the others stand for them."""
    counts = (
        population.group_by(_STRATUM)
        .len("population")
        .join(drawn.group_by(_STRATUM).len("drawn"), on=_STRATUM, how="left")
    )
    seen = counts.filter(pl.col("drawn").is_not_null())["population"].sum()
    return [
        Stratum(
            origin=origin,
            level=level,
            certainty=certainty,
            population=rows,
            drawn=count,
            weight=len(drawn) / total * rows / seen / count if count else 0.0,
        )
        for level, certainty, rows, count in counts.with_columns(pl.col("drawn").fill_null(0))
        .sort(pl.col("predicted").replace_strict(schema.LEVEL_RANK), "certainty")
        .iter_rows()
    ]


def _in_order(
    items: pl.DataFrame, strata: tuple[Stratum, ...], seed: int, second_reviewer_share: float
) -> pl.DataFrame:
    """The items in the order they are shown, with their weights and how many people label each."""
    weights = pl.DataFrame(
        [(one.origin, one.level, one.certainty, one.name, one.weight) for one in strata],
        schema={
            "origin": pl.String,
            "predicted": pl.String,
            "certainty": pl.String,
            "stratum": pl.String,
            "weight": pl.Float64,
        },
        orient="row",
    )
    twice = math.ceil(round(second_reviewer_share * len(items), 9))

    def shuffled(purpose: str) -> pl.Series:
        keys = [_hash(seed, purpose, origin, key) for origin, key in items.select("origin", "key").iter_rows()]
        return pl.Series(purpose, keys, dtype=pl.String)

    return (
        items.with_columns(shuffled("order"), shuffled("second"))
        .join(weights, on=["origin", *_STRATUM], how="left")
        .with_columns(pl.when(pl.col("second").rank("ordinal") <= twice).then(2).otherwise(1).alias("labels_needed"))
        .sort("order")
        .with_columns(pl.int_range(1, pl.len() + 1).alias("position"))
        .drop("order", "second", "key", "certainty")
    )
