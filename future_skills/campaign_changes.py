"""Two campaigns told apart: which pairs changed, came and went, and why the changed ones did. No file, no database.

The score of a changed pair moved from s0 to s3. It is walked there in steps that add up exactly:

    s0  the earlier version, on the earlier facts
    s1  the later version, on the earlier facts                        model  = s1 - s0
    s2  the later version, market figures as they are now              market = s2 - s1
    s3  the later version, on the later facts                          data   = s3 - s2

``MARKET`` is what no decision of the company moves. Where the later version reads a column that the earlier campaign does not
hold, the same walk is made with the earlier version, and the version is changed last. Where neither can read both, nobody
knows, and nothing is said. Steps depend on their order: what model and facts do together is counted with the later step.

The *reason* of a change is the step that went furthest in the direction of the score.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from future_skills import schema

MARKET: Final = ("trend_score", "economic_indicator")
"""Figures of the market: the same for whole skills, or for the whole company."""

PARTS: Final = ("model", "market", "data")
"""The steps; a part is what it adds to the score, in points of 100."""

PAIR: Final = (schema.ROLE, schema.SKILL)

SHOWN: Final = ("current_need_level", "level", "score", "high", "confidence", "emergence", "abstained")
"""What is kept of both sides, with ``_before`` and ``_after`` behind the name."""

Kind = Literal["changed", "came", "went"]
Score = Callable[[pl.DataFrame], pl.Series]
"""Rows (``input_columns``) -> the score that a version gives each."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A version that can score rows again.

    Attributes:
        columns: what it reads.
        score: how it scores.
    """

    columns: Collection[str]
    score: Score


def told_apart(before: pl.LazyFrame, after: pl.LazyFrame) -> pl.DataFrame:
    """The pairs that are not in both results, or not at the same level.

    Args:
        before: result of the earlier campaign.
        after: result of the later one.

    Returns:
        ``job_role_name, skill_name, job_department, skill_category`` (as they are in the later result that has the pair),
        ``kind`` (changed, came, went), and ``SHOWN`` of both sides; sorted by department, category, role and skill.
    """
    facets = (schema.DEPARTMENT, schema.CATEGORY)
    sides = [
        result.select(*PAIR, *(pl.col(name).name.suffix(suffix) for name in (*facets, *SHOWN)))
        for result, suffix in ((before, "_before"), (after, "_after"))
    ]
    kind = (
        pl.when(pl.col("level_before").is_null())
        .then(pl.lit("came"))
        .when(pl.col("level_after").is_null())
        .then(pl.lit("went"))
        .otherwise(pl.lit("changed"))
    )
    return (
        sides[0]
        .join(sides[1], on=PAIR, how="full", coalesce=True)
        .filter(pl.col("level_before").ne_missing(pl.col("level_after")))
        .select(
            *PAIR,
            *(pl.coalesce(f"{name}_after", f"{name}_before").alias(name) for name in facets),
            kind.alias("kind"),
            *(f"{name}{suffix}" for name in SHOWN for suffix in ("_before", "_after")),
        )
        .sort(*facets, *PAIR)
        .collect()
    )


def with_reasons(
    changes: pl.DataFrame,
    before: pl.LazyFrame,
    after: pl.LazyFrame,
    *,
    earlier: Reader,
    later: Reader | None,
) -> pl.DataFrame:
    """Changes with what moved each of them.

    Args:
        changes: of ``told_apart``.
        before: the earlier result it compared.
        after: the later one.
        earlier: the version of the earlier campaign.
        later: that of the later one; None: it is the same.

    Returns:
        ``changes`` with ``PARTS`` (points of the score) and ``reason``; null for pairs that came or went, and where nobody
        can know.
    """
    changed = changes.filter(pl.col("kind") == "changed")
    rows_before, rows_after = (_rows_of(changed, result) for result in (before, after))
    parts = _parts(changed, rows_before, rows_after, earlier, later)
    if parts is None:
        unknown = [pl.lit(None, dtype=pl.Float64).alias(name) for name in PARTS]
        return changes.with_columns(*unknown, pl.lit(None, dtype=pl.String).alias("reason"))
    return changes.join(parts, on=PAIR, how="left", maintain_order="left")


def _rows_of(changed: pl.DataFrame, result: pl.LazyFrame) -> pl.DataFrame:
    """The inputs of the changed pairs in a result, in their order."""
    return changed.select(PAIR).lazy().join(result, on=PAIR, how="left", maintain_order="left").collect()


def _parts(
    changed: pl.DataFrame, rows_before: pl.DataFrame, rows_after: pl.DataFrame, earlier: Reader, later: Reader | None
) -> pl.DataFrame | None:
    """The parts of each changed pair, and its reason."""
    first, last = changed["score_before"], changed["score_after"]
    market_moved = rows_before.with_columns(rows_after[name] for name in MARKET)
    version = later or earlier
    if set(version.columns) <= set(rows_before.columns):
        start = first if later is None else version.score(rows_before)
        moved = version.score(market_moved)
        model, market, data = start - first, moved - start, last - moved
    elif set(earlier.columns) <= set(rows_after.columns):
        moved, there = earlier.score(market_moved), earlier.score(rows_after)
        market, data, model = moved - first, there - moved, last - there
    else:
        return None
    parts = changed.select(PAIR).with_columns(
        values.alias(name) for name, values in zip(PARTS, (model, market, data), strict=True)
    )
    up = last > first
    towards = [pl.when(up).then(pl.col(name)).otherwise(-pl.col(name)) for name in _TIED]
    furthest = pl.concat_list(towards).list.arg_max()
    return parts.with_columns(furthest.replace_strict(dict(enumerate(_TIED)), return_dtype=pl.String).alias("reason"))


_TIED: Final = ("data", "market", "model")
"""Among equal steps, the first of these is the reason."""
