"""Campaigns over the small company, scored in chunks of a few rows."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from apps.accounts.actors import Actor
from apps.registry.models import Deployment, ModelVersion
from apps.registry.store import campaign_path
from apps.serving.campaigns.models import Campaign
from apps.serving.campaigns.services import start_campaign
from apps.serving.campaigns.work import work_on
from tests.apps.registry import factories
from tests.apps.registry.promotion import OLIVIER
from tests.apps.serving.conftest import cast, fresh_process, live, registered, trained_pairs

__all__ = ["cast", "fresh_process", "live", "registered", "trained_pairs"]

CHUNK_ROWS = 20


@pytest.fixture
def history_live(registered: list[ModelVersion], cast: None) -> Deployment:
    """v2, which reads the history, in production."""
    return factories.deployment(registered[1], kind="rollback", reason="Essai.")


@pytest.fixture
def started() -> Callable[..., Campaign]:
    """``started(label="…")``: a campaign that waits, in chunks of ``CHUNK_ROWS``."""

    def start(*, actor: Actor = OLIVIER, **how: Any) -> Campaign:
        return start_campaign(actor=actor, enqueue=False, chunk_rows=CHUNK_ROWS, **how).campaign

    return start


@pytest.fixture
def done(started: Callable[..., Campaign]) -> Callable[..., Campaign]:
    """``done(label="…")``: one that is finished."""
    return lambda **how: work_on(started(**how).pk)


def result_frame(campaign: Campaign) -> pl.DataFrame:
    """The whole result of a finished campaign."""
    return pl.read_parquet(campaign_path(campaign.result_sha256))
