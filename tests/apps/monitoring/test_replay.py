"""The track record: made of the facts there are, gone on with where it was left, kept as a row and shown."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.test import Client

from apps.audit.models import AuditEvent
from apps.audit.services import verify_chain
from apps.monitoring.models import Replay
from apps.monitoring.replays import newest_replay, track_record_of
from apps.monitoring.services.replays import replay_facts
from apps.registry.models import Deployment
from future_skills import schema
from future_skills.errors import NothingLiveError, NotReproducibleError, UsageError, VersionNotFoundError
from future_skills.replay import replay
from future_skills.replay_text import headline
from tests.apps.registry import factories
from tests.apps.registry.promotion import NADIA
from tests.apps.serving.conftest import RECIPES

pytestmark = pytest.mark.django_db

Run = Callable[..., tuple[int, str, str]]
Make = Callable[..., Any]


@pytest.fixture
def periods(small_company: pl.DataFrame) -> list[str]:
    """Of the facts, in order."""
    return small_company[schema.PERIOD].unique().sort().to_list()


def stop_at(period: str) -> Callable[[str, int, int], None]:
    """Somebody presses Ctrl-C there."""

    def report(now: str, _done: int, _all: int) -> None:
        if now == period:
            raise KeyboardInterrupt

    return report


def test_it_is_what_the_library_finds_in_the_same_facts(
    live: Deployment, small_company: pl.DataFrame, periods: list[str]
) -> None:
    first, last = periods[-6], periods[-5]
    found = replay_facts(actor=NADIA, first=first, last=last)
    record = track_record_of(found)
    expected = replay(small_company, recipe=RECIPES["v1"], periods=[first, last])
    assert list(record.periods) == [one.record for one in expected]
    assert (found.version, found.made_by, found.done) == (live.version, "nadia", [])
    assert found.recipe["params"]["n_estimators"] == 15
    event = AuditEvent.objects.get(action="monitoring.replay")
    assert (event.actor, event.object_id, event.details["periods"]) == ("nadia", str(found.pk), [first, last])
    assert newest_replay() == found
    verify_chain()


def test_one_that_was_stopped_goes_on_where_it_was(live: Deployment, periods: list[str]) -> None:
    asked = {"actor": NADIA, "first": periods[-4]}
    with pytest.raises(KeyboardInterrupt):
        replay_facts(**asked, on_period=stop_at(periods[-2]))
    assert newest_replay() is None
    assert [one["period"] for one in Replay.objects.get().done] == periods[-4:-2]
    gone_through: list[tuple[str, int, int]] = []
    found = replay_facts(**asked, on_period=lambda *step: gone_through.append(step))
    assert gone_through == [(periods[-2], 2, 4), (periods[-1], 3, 4)]
    assert [one.period for one in track_record_of(found).periods] == periods[-4:]
    assert Replay.objects.count() == 1
    assert AuditEvent.objects.filter(action="monitoring.replay").count() == 1


def test_facts_that_changed_meanwhile_begin_it_again(live: Deployment, periods: list[str], next_quarter: Make) -> None:
    asked = {"actor": NADIA, "first": periods[-2], "last": periods[-1]}
    with pytest.raises(KeyboardInterrupt):
        replay_facts(**asked, on_period=stop_at(periods[-1]))
    next_quarter("2035-01")
    gone_through: list[str] = []
    replay_facts(**asked, on_period=lambda period, _done, _all: gone_through.append(period))
    assert gone_through == periods[-2:]


def test_what_cannot_be_replayed_is_refused(live: Deployment, periods: list[str]) -> None:
    with pytest.raises(UsageError, match="No snapshot lies between"):
        replay_facts(actor=NADIA, first="2090-01")
    with pytest.raises(VersionNotFoundError):
        replay_facts(actor=NADIA, version="v99")
    words = factories.manifest("v7")
    foreign = words.split.model_copy(update={"train_rows_known": False})
    factories.version("v7", split=foreign)
    with pytest.raises(NotReproducibleError, match="trained elsewhere"):
        replay_facts(actor=NADIA, version="v7")
    assert not Replay.objects.exists()


def test_without_a_live_version_one_must_be_named(registered: Any, cast: None, periods: list[str]) -> None:
    with pytest.raises(NothingLiveError):
        replay_facts(actor=NADIA)
    assert replay_facts(actor=NADIA, version="v1", first=periods[-1]).version.name == "v1"


# --- The command ------------------------------------------------------------------------------------------------------------
def test_the_command_prints_the_record_and_writes_one_file(
    live: Deployment, periods: list[str], run: Run, settings: Any, tmp_path: Path
) -> None:
    settings.FUTURE_SKILLS_ACTOR, settings.LANGUAGE_CODE = "nadia", "en"
    place = tmp_path / "record.html"
    code, out, err = run("replay", "--from", periods[-5], "--to", periods[-5], "--output", str(place))
    assert (code, err) == (0, "")
    record = track_record_of(Replay.objects.get())
    assert headline(record, "en") in out
    assert headline(record, "en") in place.read_text(encoding="utf-8").replace("&amp;", "&").replace("&quot;", '"')
    code, out, err = run("replay", "--to", periods[0], "--version", "v1", "--json")
    document = json.loads(out)
    assert (code, document["model_version"], document["made_by"]) == (0, "v1", "nadia")
    assert document["record"]["periods"][0]["passed_over"] == "no_label_known"


def test_the_command_refuses_with_words(live: Deployment, run: Run, settings: Any) -> None:
    settings.FUTURE_SKILLS_ACTOR, settings.LANGUAGE_CODE = "nadia", "en"
    code, _out, err = run("replay", "--from", "2090-01")
    assert code == 1
    assert "No snapshot lies between 2090-01 and —" in err


# --- The page ---------------------------------------------------------------------------------------------------------------
def test_the_page_shows_the_newest_one(live: Deployment, periods: list[str], login: Callable[..., Client]) -> None:
    client = login("auditor")
    page = client.get("/monitoring/replay/", headers={"accept-language": "en"}).content.decode()
    assert "No track record was made yet." in page
    assert "python manage.py replay" in page
    assert client.get("/monitoring/replay/report.html").status_code == 404
    replay_facts(actor=NADIA, first=periods[-5], last=periods[-5])
    found = replay_facts(actor=NADIA, first=periods[-6], last=periods[-5])
    page = client.get("/monitoring/replay/", headers={"accept-language": "en"}).content.decode()
    assert headline(track_record_of(found), "en") in page
    assert f"In {periods[-6]}" in page
    assert not re.search(r"\sstyle=|<style|<script>", page)
    report = client.get("/monitoring/replay/report.html", headers={"accept-language": "fr"})
    assert report["Content-Disposition"] == 'attachment; filename="track_record_v1.html"'
    assert '<html lang="fr">' in report.content.decode()
    assert "style-src 'sha256-" in report["Content-Security-Policy"]
