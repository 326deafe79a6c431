"""The label: what really happened later, never a rule on the same row."""

from typing import Final

import polars as pl

from future_skills import schema
from future_skills.errors import UsageError, translatable
from future_skills.periods import month_expression

MAX_MONTHS = 120

HORIZON_MONTHS: Final = 12
"""Months after which a label is looked for, unless an export says otherwise."""

TOLERANCE_MONTHS: Final = 12
"""Months for which it is looked for, unless an export says otherwise."""


def label_rows(snapshots: pl.DataFrame, *, horizon_months: int, tolerance_months: int) -> pl.DataFrame:
    """Give each row the need observed later for the same pair.

    The label is the pair's level at the first period, between horizon and horizon + tolerance months later (bounds
    included), for which the role has observed levels. A pair that is no longer listed while its role is still observed
    is LOW; a pair whose own level is unknown then, or a role that is not observed in that time, gives no row.

    Args:
        snapshots: the columns of ``schema.SNAPSHOT_COLUMNS``, ``period`` as YYYY-MM or YYYY.
        horizon_months: 1 to 120.
        tolerance_months: 0 to 120.

    Returns:
        The labelled rows of ``snapshots``, with ``label_period`` and ``future_need_level`` added.

    Raises:
        UsageError: months out of range.
    """
    if not (1 <= horizon_months <= MAX_MONTHS and 0 <= tolerance_months <= MAX_MONTHS):
        raise UsageError(
            translatable("The horizon must be 1 to {most} months and the tolerance 0 to {most}."), most=MAX_MONTHS
        )
    observations = snapshots.select(
        schema.ROLE, schema.SKILL, pl.col(schema.PERIOD).alias(schema.LABEL_PERIOD), schema.OBSERVED_LEVEL
    )
    first_observed = label_periods(snapshots, horizon_months=horizon_months, tolerance_months=tolerance_months)
    return (
        snapshots.join(first_observed, on=[schema.ROLE, schema.PERIOD], how="inner")
        .join(
            observations.rename({schema.OBSERVED_LEVEL: schema.LABEL}).with_columns(listed=True),
            on=[schema.ROLE, schema.SKILL, schema.LABEL_PERIOD],
            how="left",
        )
        .with_columns(
            pl.when(pl.col("listed").is_null())
            .then(pl.lit(schema.LOW))
            .otherwise(pl.col(schema.LABEL))
            .alias(schema.LABEL)
        )
        .drop("listed")
        .filter(pl.col(schema.LABEL).is_not_null())
        .sort(schema.SNAPSHOT_KEY)
    )


def label_periods(snapshots: pl.DataFrame, *, horizon_months: int, tolerance_months: int) -> pl.DataFrame:
    """Where the labels of each role and period come from.

    Args:
        snapshots: see ``label_rows``.
        horizon_months: see ``label_rows``.
        tolerance_months: see ``label_rows``.

    Returns:
        ``job_role_name, period, label_period``: the first period in the window at which the role has observed levels; no row
        where there is none.
    """
    listed = snapshots.select(schema.ROLE, schema.PERIOD).unique().with_columns(month=month_expression(schema.PERIOD))
    observed = (
        snapshots.filter(pl.col(schema.OBSERVED_LEVEL).is_not_null())
        .select(schema.ROLE, pl.col(schema.PERIOD).alias(schema.LABEL_PERIOD))
        .unique()
        .with_columns(label_month=month_expression(schema.LABEL_PERIOD))
    )
    months_later = pl.col("label_month") - pl.col("month")
    return (
        listed.join(observed, on=schema.ROLE)
        .filter(months_later.is_between(horizon_months, horizon_months + tolerance_months))
        .group_by(schema.ROLE, schema.PERIOD)
        .agg(pl.col(schema.LABEL_PERIOD).min())
    )


def level_now(frame: pl.DataFrame) -> pl.DataFrame:
    """Add ``current_need_level`` to a ready-made dataset.

    A row's level now is the label of the row of the same pair whose label period is this row's period; null where there
    is none.
    """
    earlier = frame.select(
        schema.ROLE,
        schema.SKILL,
        pl.col(schema.LABEL_PERIOD).alias(schema.PERIOD),
        pl.col(schema.LABEL).alias(schema.CURRENT_LEVEL),
    ).unique(subset=[schema.ROLE, schema.SKILL, schema.PERIOD], keep="first", maintain_order=True)
    return frame.join(earlier, on=[schema.ROLE, schema.SKILL, schema.PERIOD], how="left", maintain_order="left")
