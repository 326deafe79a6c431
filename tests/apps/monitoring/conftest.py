"""The small company with v1 in production, campaigns over its quarters, and quarters that are not like the others."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from apps.monitoring.models import Window
from apps.monitoring.services.monitor import Monitored, monitor
from apps.serving.campaigns.models import Campaign
from apps.workforce.services import store_snapshots
from future_skills import schema
from tests.apps.registry.conftest import facts, pairs, small_company
from tests.apps.registry.promotion import NADIA, OLIVIER
from tests.apps.serving.campaigns.conftest import done, history_live, started
from tests.apps.serving.conftest import cast, fresh_process, live, registered, trained_pairs

__all__ = [
    "cast",
    "done",
    "facts",
    "fresh_process",
    "history_live",
    "live",
    "pairs",
    "registered",
    "small_company",
    "started",
    "trained_pairs",
]


@pytest.fixture
def next_quarter(small_company: pl.DataFrame) -> Callable[..., str]:
    """``next_quarter("2026-01", trend_score=0.4)``: the newest quarter again, some months later, with some columns moved."""
    newest = small_company.filter(pl.col(schema.PERIOD) == small_company[schema.PERIOD].max())

    def store(period: str, *, levels: bool = True, **moved: float) -> str:
        rows = newest.with_columns(
            pl.lit(period).alias(schema.PERIOD),
            *((pl.col(name) + by).clip(*LIMITS.get(name, (0.0, None))).alias(name) for name, by in moved.items()),
        )
        if not levels:
            rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(schema.OBSERVED_LEVEL))
        store_snapshots(actor=NADIA, batches=[rows.select(small_company.columns)], source=f"relevé {period}")
        return period

    return store


LIMITS = {"trend_score": (0.0, 1.0), "scarcity_index": (0.0, 1.0), "hiring_difficulty": (0.0, 1.0)}
"""Ranges of the columns that a test moves."""


@pytest.fixture
def scored(done: Callable[..., Campaign], live: Any) -> Callable[[str], Window]:
    """``scored("2026-01")``: a campaign over that quarter, looked at; its window."""

    def look(period: str) -> Window:
        campaign = done(period=period)
        looked_at()
        return Window.objects.get(campaign=campaign)

    return look


def looked_at(**how: Any) -> Monitored:
    """Production, looked at by the operator."""
    return monitor(actor=OLIVIER, **how)
