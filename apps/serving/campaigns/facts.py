"""The facts that a campaign scores: every pair of a period, as it was known then. Never a write."""

from collections.abc import Iterator
from itertools import islice

import polars as pl

from apps.workforce.models import SkillSnapshot
from apps.workforce.selectors import levels_before, periods_back, snapshots_at
from future_skills import schema
from future_skills.campaign_results import ORDER, input_columns
from future_skills.errors import UsageError, translatable
from future_skills.history import HISTORY_FEATURES, history_features
from future_skills.periods import require_month

PERIODS_NAMED = 6
"""Periods that a refusal names."""


def campaign_period(asked: str | None) -> str:
    """The period that is scored: the one asked for, the latest one where none is.

    Raises:
        UsageError: there are no facts, or none of that period.
    """
    if asked is None:
        latest = next(periods_back(), None)
        if latest is None:
            raise UsageError(
                translatable("There are no HR facts, and so no pair to score."),
                hint=translatable("Import them with “manage.py import_snapshots FILE”."),
            )
        return latest
    require_month(asked)
    if not SkillSnapshot.objects.filter(period=asked).exists():
        known = islice(periods_back(), PERIODS_NAMED)
        raise UsageError(
            translatable("No pair was observed at {period}. The latest periods: {known}."),
            period=asked,
            known=", ".join(known) or "—",
        )
    return asked


def pairs_at(period: str, *, with_history: bool, size: int) -> Iterator[pl.DataFrame]:
    """Every pair that was observed at a period, as a model reads it, some at a time.

    Args:
        period: YYYY-MM.
        with_history: whether the history features are computed too, from the facts of the period and earlier ones.
        size: pairs at a time.

    Yields:
        ``input_columns``, in the order of a result; the same facts give the same rows.
    """
    level_now = pl.col(schema.OBSERVED_LEVEL).alias(schema.CURRENT_LEVEL)
    rows = snapshots_at(period).with_columns(level_now).sort(schema.ROLE, schema.SKILL)
    if with_history:
        rows = rows.hstack(_history(rows, period))
    rows = rows.select(input_columns(with_history=with_history))
    order = rows.select(pl.arg_sort_by(ORDER)).to_series()  # put in order some at a time: no second copy of them all
    for start in range(0, len(rows), size):
        yield rows[order.slice(start, size)]


def _history(rows: pl.DataFrame, period: str) -> pl.DataFrame:
    """The history features of the pairs of a period, sorted by role and skill."""
    earlier = levels_before(period)  # no history asks for the departments of earlier rows
    now = rows.select(*earlier.columns, schema.DEPARTMENT).cast(pl.Categorical)  # a fifth of the memory of texts
    known = pl.concat([earlier, now], how="diagonal")
    return history_features(known, period=period).select(HISTORY_FEATURES)
