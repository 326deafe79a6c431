"""Two campaigns compared: another version, other facts, the market; in the terminal as in Python."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.utils import translation

from apps.registry.models import Deployment, ModelVersion
from apps.serving.campaigns import comparison
from apps.serving.campaigns.comparison import compare
from apps.serving.campaigns.models import Campaign
from apps.workforce.services import store_snapshots
from future_skills import schema
from future_skills.campaign_changes import PARTS
from future_skills.errors import CampaignUnfinishedError, UsageError
from tests.apps.registry import factories
from tests.apps.registry.promotion import OLIVIER
from tests.apps.serving.campaigns.conftest import result_frame

pytestmark = pytest.mark.django_db

Make = Callable[..., Campaign]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def in_english(settings: Any, cast: None) -> Any:
    settings.FUTURE_SKILLS_ACTOR = "olivier"
    with translation.override("en"):
        yield


def latest(facts: pl.DataFrame) -> pl.DataFrame:
    return facts.filter(pl.col(schema.PERIOD) == facts[schema.PERIOD].max())


def changed_facts(facts: pl.DataFrame, **values: Any) -> None:
    """The latest facts with other values."""
    store_snapshots(actor=OLIVIER, batches=[latest(facts).with_columns(**values)], source="other facts")


def test_the_same_facts_and_version_change_nothing(live: Deployment, done: Make, run: Run) -> None:
    first, second = done(label="a"), done(label="b")
    assert compare(first, second).changes.collect().is_empty()
    code, out, _ = run("compare_campaigns", str(first.pk), str(second.pk))
    assert code == 0
    assert "Nothing is different" in out


def test_another_version_on_the_same_facts_is_the_model_alone(
    live: Deployment, registered: list[ModelVersion], done: Make
) -> None:
    first = done(label="v1")
    factories.deployment(registered[1], kind="rollback", reason="Essai.", days=40)
    second = done(label="v2")
    compared = compare(first, second)
    changes = compared.changes.collect()
    levels = [result_frame(one).select(schema.ROLE, schema.SKILL, "level") for one in (first, second)]
    differing = (
        levels[0].join(levels[1], on=(schema.ROLE, schema.SKILL)).filter(pl.col("level") != pl.col("level_right"))
    )
    assert not compared.same_version
    assert len(changes) == len(differing) > 0
    assert changes["reason"].unique().to_list() == ["model"]
    assert changes.select(pl.max_horizontal(pl.col("market", "data").abs())).to_series().max() == pytest.approx(0)
    moved = changes["score_after"] - changes["score_before"]
    assert (changes["model"] - moved).abs().max() == pytest.approx(0)


def test_other_facts_under_one_version_are_market_or_data(live: Deployment, facts: pl.DataFrame, done: Make) -> None:
    first = done(label="before")
    changed_facts(facts, trend_score=pl.lit(1.0), internal_usage=pl.lit(1.0))
    second = done(label="after")
    changes = compare(first, second).changes.collect()
    assert len(changes) > 0
    assert set(changes["reason"]) <= {"market", "data"}
    assert changes["model"].abs().max() == 0
    total = changes.select(pl.sum_horizontal(PARTS)).to_series()
    assert (total - (changes["score_after"] - changes["score_before"])).abs().max() == pytest.approx(0, abs=1e-9)


def test_pairs_come_and_go_between_periods(live: Deployment, facts: pl.DataFrame, done: Make, run: Run) -> None:
    periods = facts[schema.PERIOD].unique().sort()
    first, second = done(period=periods[-5]), done()
    code, out, _ = run("compare_campaigns", str(first.pk), str(second.pk), "--json", "--most", "3")
    document = json.loads(out)
    pairs = [
        {(row[0], row[1]) for row in result_frame(one).select(schema.ROLE, schema.SKILL).rows()}
        for one in (first, second)
    ]
    assert code == 0
    assert (document["came"], document["went"]) == (len(pairs[1] - pairs[0]), len(pairs[0] - pairs[1]))
    assert document["came"] > 0
    assert document["changed"] == sum(document["reasons"].values())
    assert sum(move["pairs"] for move in document["moves"]) == document["changed"] + document["came"] + document["went"]
    assert len(document["pairs"]) == 3
    assert (document["before"]["campaign"], document["after"]["campaign"]) == (first.pk, second.pk)


def test_it_is_found_once_and_read_from_then_on(
    live: Deployment, facts: pl.DataFrame, done: Make, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    first = done(label="before")
    changed_facts(facts, trend_score=pl.lit(1.0), internal_usage=pl.lit(1.0))
    second = done(label="after")
    changes = compare(first, second).changes.collect()

    def again(*_words: Any) -> None:
        pytest.fail("found a second time")

    monkeypatch.setattr(comparison, "_told", again)
    assert compare(first, second).changes.collect().equals(changes)
    assert len(list(Path(settings.CACHE_DIR).glob("campaigns/*.parquet"))) == 1


def test_what_cannot_be_compared_is_refused(live: Deployment, started: Make, done: Make, run: Run) -> None:
    first, waiting = done(), started(label="waits")
    with pytest.raises(UsageError, match="itself"):
        compare(first, first)
    with pytest.raises(CampaignUnfinishedError):
        compare(first, waiting)
    code, out, _ = run("compare_campaigns", str(first.pk), "404", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "campaign_not_found")
