"""What a campaign says of every pair, as a table, and what is read of it at a glance. No file, no database.

A result has one row per pair, in the order of ``ORDER``: a department, and a category within it, is one stretch of rows, so
that a file of it is read by the stretch. It holds what the version read besides what it said: two campaigns can be told apart
row by row (``campaign_changes``).
"""

from typing import Final

import polars as pl

from future_skills import schema
from future_skills.history import HISTORY_FEATURES

ORDER: Final = (schema.DEPARTMENT, schema.CATEGORY, schema.ROLE, schema.SKILL)
"""What the rows of a result are sorted by."""

FACTS: Final = (
    schema.ROLE,
    schema.SKILL,
    schema.DEPARTMENT,
    schema.CATEGORY,
    schema.PERIOD,
    schema.CURRENT_LEVEL,
)
"""What each row is about."""

ANSWERS: Final = ("level", "low", "medium", "high", "score", "confidence", "emergence", "warnings", "abstained")
"""What the version says of it: see ``Predictions.to_frame``; ``warnings`` are codes, separated by commas."""

TOP: Final = 20
"""Pairs of the watch-list of one department."""


def input_columns(*, with_history: bool) -> tuple[str, ...]:
    """What the rows that a campaign scores hold.

    Args:
        with_history: whether the version reads any history feature.
    """
    return (*FACTS, *schema.NUMERIC_FEATURES, *(HISTORY_FEATURES if with_history else ()))


def answers_of(said: pl.DataFrame, abstained: pl.Series) -> pl.DataFrame:
    """``ANSWERS`` of some rows.

    Args:
        said: what the version says of them (``Predictions.to_frame``).
        abstained: whether each answer abstains (``Abstention.flags``).
    """
    codes = said["warnings"].list.unique(maintain_order=True).list.join(",")
    return said.with_columns(codes.alias("warnings"), abstained.alias("abstained")).select(ANSWERS)


def result_of(rows: pl.DataFrame, said: pl.DataFrame, abstained: pl.Series) -> pl.DataFrame:
    """Some rows of a result.

    Args:
        rows: ``input_columns``, in the order of a result.
        said: what the version says of them (``Predictions.to_frame``).
        abstained: whether each answer abstains (``Abstention.flags``).

    Returns:
        ``FACTS``, ``ANSWERS``, then the other input columns.
    """
    return rows.select(FACTS).hstack(answers_of(said, abstained)).hstack(rows.drop(FACTS))


def is_rising() -> pl.Expr:
    """Whether a pair is not HIGH now, and is expected to be."""
    return pl.col("emergence").is_not_null() & (pl.col("level") == schema.HIGH)


def cells_of(result: pl.LazyFrame) -> pl.DataFrame:
    """A result counted by department and category.

    Returns:
        ``job_department, skill_category`` (sorted by them), and of their pairs: ``pairs``, ``low``, ``medium``, ``high``
        (by the level expected), ``high_now`` (HIGH today), ``rising``, ``abstained`` (counts), ``mean_high`` (mean P(HIGH)).
    """
    by_level = [(pl.col("level") == level).sum().alias(level.lower()) for level in schema.LEVELS]
    return (
        result.group_by(schema.DEPARTMENT, schema.CATEGORY)
        .agg(
            pl.len().alias("pairs"),
            *by_level,
            (pl.col(schema.CURRENT_LEVEL) == schema.HIGH).sum().alias("high_now"),
            is_rising().sum().alias("rising"),
            pl.col("abstained").sum(),
            # summed as whole numbers: the same mean whatever the number of threads
            (pl.col("high") * _UNITS).round().cast(pl.Int64).sum().truediv(_UNITS).truediv(pl.len()).alias("mean_high"),
        )
        .sort(schema.DEPARTMENT, schema.CATEGORY)
        .collect()
    )


def watch_list_of(result: pl.LazyFrame, *, top: int = TOP) -> pl.DataFrame:
    """The pairs of each department that are likeliest to become HIGH.

    Args:
        result: of a campaign.
        top: how many of each department at most.

    Returns:
        ``FACTS``, ``ANSWERS`` and ``rank`` (1: the likeliest of its department; names decide among equals), sorted by
        department and rank.
    """
    return (
        result.select(*FACTS, *ANSWERS)
        .filter(pl.col("emergence").is_not_null())
        .sort(schema.DEPARTMENT, "emergence", schema.ROLE, schema.SKILL, descending=[False, True, False, False])
        .group_by(schema.DEPARTMENT, maintain_order=True)
        .head(top)
        .with_columns(pl.int_range(1, pl.len() + 1).over(schema.DEPARTMENT).alias("rank"))
        .select(*FACTS, *ANSWERS, "rank")
        .collect()
    )


_UNITS: Final = 1e12
