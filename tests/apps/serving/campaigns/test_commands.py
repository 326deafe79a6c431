"""Campaigns in the terminal: started, waited for, left to a worker, taken up again; files scored."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.utils import timezone, translation

from apps.audit.models import AuditEvent
from apps.monitoring.models import Watch
from apps.registry.models import Deployment, ModelVersion
from apps.registry.services.versions import retract_version
from apps.serving.campaigns import services
from apps.serving.campaigns.models import Campaign, State
from future_skills import schema
from future_skills.campaign_results import ANSWERS
from future_skills.overrides import OVERRIDE_COLUMNS
from future_skills.scoring import MARKS
from tests.apps.serving.campaigns.conftest import CHUNK_ROWS, result_frame

pytestmark = pytest.mark.django_db

Make = Callable[..., Campaign]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def operator_at_a_terminal(settings: Any, cast: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    settings.FUTURE_SKILLS_ACTOR = "olivier"
    monkeypatch.setitem(services.start_campaign.__wrapped__.__kwdefaults__, "chunk_rows", CHUNK_ROWS)  # type: ignore[attr-defined]
    with translation.override("en"):
        yield


def test_predict_all_scores_every_pair_and_says_what_it_found(live: Deployment, run: Run) -> None:
    code, out, _ = run("predict_all", "--label", "Plan 2027")
    assert code == 0
    campaign = Campaign.objects.get()
    assert campaign.state is State.DONE
    assert f"Campaign {campaign.pk} · Plan 2027, by v1." in out
    assert "100%" in out
    assert "Expected at High:" in out


def test_who_waits_for_another_machine_goes_on_once_that_one_is_silent(
    live: Deployment, run: Run, started: Make
) -> None:
    campaign = started(label="Plan")
    until = timezone.now() + timedelta(seconds=2)
    Campaign.objects.update(lease_holder="another-machine/1/abcd", lease_until=until)
    code, out, _ = run("predict_all", "--label", "Plan")
    assert code == 0
    assert out.count(f"Another process works on campaign {campaign.pk}: another-machine") == 1
    assert Campaign.objects.get().state is State.DONE
    assert timezone.now() > until


def test_one_json_document_and_nothing_else(live: Deployment, run: Run) -> None:
    code, out, _ = run("predict_all", "--json")
    document = json.loads(out)
    campaign = Campaign.objects.get()
    assert code == 0
    assert (document["campaign"], document["state"], document["progress"]) == (campaign.pk, "done", 1)
    assert document["pairs"] == sum(document["counts"][level] for level in ("low", "medium", "high"))
    assert len(pl.read_parquet(document["path"])) == document["pairs"]
    assert document["sha256"] == campaign.result_sha256
    assert document["problem"] is None


@pytest.fixture
def worker_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker closes what a process of its own would, and listens to its signals: neither is the test's."""
    from django_tasks_db.management.commands import db_worker

    monkeypatch.setattr(db_worker, "close_old_connections", lambda: None)
    monkeypatch.setattr(db_worker.Worker, "configure_signals", lambda _worker: None)


def test_a_campaign_can_be_left_to_a_worker(live: Deployment, run: Run, worker_in_this_process: None) -> None:
    code, out, _ = run("predict_all", "--no-wait")
    assert code == 0
    assert "make worker" in out
    assert Campaign.objects.get().state is State.WAITING
    code, out, _ = run("list_campaigns")
    assert "waits for a worker" in out
    code, out, _ = run("worker", "--once")
    assert code == 0
    assert Campaign.objects.get().state is State.DONE
    assert json.loads(run("list_campaigns", "--json")[1])["campaigns"][0]["state"] == "done"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NotImplementedError("adding to a sparse array"), "A defect of the product ended it: NotImplementedError"),
        (OSError(28, "No space left on device", "/somewhere"), "no space is left on the disk"),
    ],
)
def test_what_stops_a_look_at_production_does_not_stop_the_worker(
    live: Deployment,
    run: Run,
    worker_in_this_process: None,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    told: str,
) -> None:
    def fails(**_named: Any) -> None:
        raise error

    monkeypatch.setattr("apps.monitoring.management.commands.worker.monitor", fails)
    run("predict_all", "--no-wait")
    Watch.objects.create(pk=1)
    code, out, _ = run("worker", "--once")
    assert code == 0
    assert "Production could not be looked at" in out
    assert told in out
    assert Campaign.objects.get().state is State.DONE
    assert Watch.objects.get().done_by == "worker"  # not again at once


def test_what_was_left_behind_is_swept_up(live: Deployment, started: Make, run: Run) -> None:
    assert "No campaign was left behind" in run("sweep_campaigns")[1]
    campaign = started(label="alone")
    Campaign.objects.update(requested_at=timezone.now() - timedelta(hours=1))
    code, out, _ = run("sweep_campaigns", "--json")
    assert code == 0
    assert json.loads(out)["campaigns"][0]["campaign"] == campaign.pk
    assert Campaign.objects.get().state is State.DONE


def test_nothing_live_is_said_and_nothing_begun(registered: list[ModelVersion], run: Run) -> None:
    code, out, _ = run("predict_all", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "nothing_live")
    assert not Campaign.objects.exists()
    assert "no campaign yet" in run("list_campaigns")[1]


# --- Files ------------------------------------------------------------------------------------------------------------------
@pytest.fixture
def rows(facts: pl.DataFrame, tmp_path: Path) -> Path:
    """A file with the base features of the latest pairs."""
    path = tmp_path / "rows.csv"
    facts.filter(pl.col("period") == facts["period"].max()).select(schema.BASE_FEATURES).write_csv(path)
    return path


def test_a_file_is_scored_by_the_version_in_production(
    live: Deployment, done: Make, rows: Path, run: Run, tmp_path: Path
) -> None:
    target = tmp_path / "out.parquet"
    code, out, _ = run("score", str(rows), str(target))
    assert code == 0
    assert "v1, in production" in out
    scored, of_campaign = pl.read_parquet(target), result_frame(done())
    assert scored.columns == [*schema.BASE_FEATURES, *ANSWERS, *MARKS, *OVERRIDE_COLUMNS]
    both = scored.join(of_campaign, on=(schema.ROLE, schema.SKILL), suffix="_campaign")
    assert len(both) == len(scored) == len(of_campaign)
    assert both.filter(pl.col("score") != pl.col("score_campaign")).is_empty()
    event = AuditEvent.objects.get(action="serving.score_file")
    assert (event.object_id, event.actor, event.details["rows"]) == ("v1", "olivier", len(scored))
    assert event.details["trial"] is False


def test_a_candidate_is_tried_and_every_row_says_so(live: Deployment, rows: Path, run: Run, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    code, out, _ = run("score", str(rows), str(target), "--version", "v1", "--json")
    document = json.loads(out)
    assert code == 0
    assert (document["trial"], document["deployment"], document["model_version"]) == (True, None, "v1")
    assert pl.read_csv(target)["trial"].unique().to_list() == [True]


def test_a_version_that_reads_the_history_asks_for_it(live: Deployment, rows: Path, run: Run, tmp_path: Path) -> None:
    code, out, _ = run("score", str(rows), str(tmp_path / "out.csv"), "--version", "v2", "--json")
    error = json.loads(out)["error"]
    assert (code, error["code"]) == (1, "features_missing")
    assert "need_memory" in error["details"]["columns"]
    assert not (tmp_path / "out.csv").exists()


def test_a_retracted_version_is_not_tried(
    live: Deployment, registered: list[ModelVersion], rows: Path, run: Run, tmp_path: Path, analyst: Any
) -> None:
    retract_version(actor=analyst, version="v2", reason="Essai.")
    code, out, _ = run("score", str(rows), str(tmp_path / "out.csv"), "--version", "v2", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "not_allowed")
