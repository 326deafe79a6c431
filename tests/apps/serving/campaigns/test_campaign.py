"""A campaign from its start to its result: every pair once, as one version and one set of facts say it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.registry.models import Deployment, ModelVersion
from apps.registry.services.deployments import resume, suspend
from apps.serving import leases, predictions
from apps.serving.campaigns import work
from apps.serving.campaigns.models import Campaign, CampaignCell, RisingPair, State
from apps.serving.campaigns.services import start_campaign
from apps.serving.campaigns.tasks import run_campaign, take_up_left_behind
from apps.serving.campaigns.work import LEASE, folder_of, work_on
from apps.serving.leases import MOST_ATTEMPTS
from apps.workforce.services import store_snapshots
from future_skills import schema
from future_skills.campaign_results import ANSWERS, FACTS, ORDER
from future_skills.errors import (
    CampaignBusyError,
    CampaignNotFoundError,
    ModelSuspendedError,
    NothingLiveError,
    PermissionDeniedError,
    StorageError,
    UsageError,
)
from future_skills.history import HISTORY_FEATURES
from tests.apps.registry import factories
from tests.apps.registry.promotion import AUDE, OLIVIER
from tests.apps.serving.campaigns.conftest import CHUNK_ROWS, result_frame

pytestmark = pytest.mark.django_db

Make = Callable[..., Campaign]


class Killed(BaseException):
    """What a test does to a campaign instead of kill -9: nothing of the product catches it."""


def killed_after(chunks: int) -> Callable[[Campaign], None]:
    """What stops a campaign once so many chunks were scored."""

    def report(campaign: Campaign) -> None:
        if campaign.chunks_done == chunks and campaign.pairs is not None:
            raise Killed

    return report


# --- The result -----------------------------------------------------------------------------------------------------------
def test_every_pair_of_the_latest_snapshot_is_scored_once(live: Deployment, facts: pl.DataFrame, done: Make) -> None:
    campaign = done(label="Plan 2027")
    latest = facts.filter(pl.col("period") == facts["period"].max())
    result = result_frame(campaign)
    assert campaign.state is State.DONE
    assert (campaign.period, campaign.version, campaign.pairs) == (latest["period"][0], "v1", len(latest))
    assert set(result.select("job_role_name", "skill_name").rows()) == set(
        latest.select("job_role_name", "skill_name").rows()
    )
    assert len(result) == len(latest) > 3 * CHUNK_ROWS
    assert result.columns == [*FACTS, *ANSWERS, *schema.NUMERIC_FEATURES]
    assert result.equals(result.sort(ORDER))
    assert campaign.result_bytes is not None
    assert not folder_of(campaign).exists()


def test_a_campaign_says_of_a_pair_what_production_says_of_it(history_live: Deployment, done: Make) -> None:
    result = result_frame(done())
    assert set(HISTORY_FEATURES) <= set(result.columns)
    asked = result.sample(30, seed=1).select("job_role_name", "skill_name").to_dicts()
    answers = predictions.predict(asked, actor=OLIVIER)
    for answer in answers.answers:
        (row,) = result.filter(job_role_name=answer.said.role, skill_name=answer.said.skill).to_dicts()
        said = answer.said.prediction
        assert (row["level"], row["score"], row["emergence"]) == (said.level, said.score, said.emergence)
        assert (row["current_need_level"], row["abstained"]) == (said.current_level, answer.said.abstained)
        assert (row["low"], row["medium"], row["high"]) == tuple((said.probabilities or {}).values())
        assert row["warnings"] == ",".join(dict.fromkeys(warning.code for warning in said.warnings))
        assert {name: row[name] for name in answer.said.inputs} == answer.said.inputs


def test_an_earlier_period_is_scored_as_it_was_known_then(
    history_live: Deployment, facts: pl.DataFrame, done: Make
) -> None:
    period = facts["period"].unique().sort()[-3]
    then = facts.filter(pl.col("period") <= period)
    result = result_frame(done(period=period))
    assert len(result) == len(then.filter(pl.col("period") == period))
    assert result["period"].unique().to_list() == [period]
    later = facts.filter(pl.col("period") > period).with_columns(observed_need_level=pl.lit("HIGH"))
    store_snapshots(actor=OLIVIER, batches=[later], source="later facts, changed")
    assert result_frame(done(period=period)).equals(result)


def test_what_a_page_reads_at_a_glance_is_the_result_counted(live: Deployment, done: Make) -> None:
    campaign = done()
    result = result_frame(campaign)
    cells = CampaignCell.objects.filter(campaign=campaign)
    assert sum(cell.pairs for cell in cells) == len(result)
    for cell in cells:
        rows = result.filter(job_department=cell.department, skill_category=cell.category)
        assert cell.pairs == len(rows)
        assert cell.high == len(rows.filter(level="HIGH"))
        assert cell.high_now == len(rows.filter(current_need_level="HIGH"))
        assert cell.rising == len(rows.filter(pl.col("emergence").is_not_null(), level="HIGH"))
        assert cell.abstained == rows["abstained"].sum()
        assert cell.mean_high == pytest.approx(rows["high"].mean())
    rising = RisingPair.objects.filter(campaign=campaign)
    for department in {pair.department for pair in rising}:
        kept = [pair for pair in rising if pair.department == department]
        rows = result.filter(pl.col("emergence").is_not_null(), job_department=department)
        assert [pair.rank for pair in kept] == list(range(1, len(kept) + 1))
        assert [pair.emergence for pair in kept] == rows["emergence"].sort(descending=True)[:20].to_list()
        assert all(pair.current_level != "HIGH" for pair in kept)


def test_what_a_campaign_said_is_never_changed(live: Deployment, done: Make) -> None:
    cell = CampaignCell.objects.filter(campaign=done()).first()
    assert cell is not None
    with pytest.raises(TypeError, match="never changed"):
        cell.save()


def test_start_and_end_are_in_the_audit_log(live: Deployment, done: Make) -> None:
    campaign = done(label="Plan 2027")
    events = AuditEvent.objects.filter(object_type="campaign", object_id=str(campaign.pk)).order_by("sequence")
    start, end = events
    assert (start.action, start.actor) == ("serving.start_campaign", "olivier")
    assert start.details["version"] == "v1"
    assert (end.action, end.actor) == ("serving.complete_campaign", "olivier")
    assert end.details["sha256"] == campaign.result_sha256
    assert sum(end.details["levels"].values()) == campaign.pairs


# --- Killed and taken up again --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("chunks", [0, 1, 3])
def test_one_that_was_killed_goes_on_and_the_result_is_the_same(
    history_live: Deployment, started: Make, done: Make, facts: pl.DataFrame, chunks: int
) -> None:
    whole = done(label="never interrupted")
    campaign = started(label="killed")
    with pytest.raises(Killed):
        work_on(campaign.pk, on_progress=killed_after(chunks))
    left = sorted(path.name for path in folder_of(campaign).glob("0*.parquet"))
    assert left == [f"{number:05}.parquet" for number in range(chunks)]
    store_snapshots(  # facts that come meanwhile are not its facts
        actor=OLIVIER,
        batches=[facts.filter(pl.col("period") == facts["period"].max()).with_columns(internal_usage=pl.lit(0.5))],
        source="meanwhile",
    )
    scored: list[int] = []
    campaign = work_on(campaign.pk, on_progress=lambda one: scored.append(one.chunks_done))
    assert campaign.result_sha256 == whole.result_sha256
    assert scored == [chunks, *range(chunks, (campaign.chunks or 0) + 1)]
    assert CampaignCell.objects.filter(campaign=campaign).count() == CampaignCell.objects.filter(campaign=whole).count()
    ends = AuditEvent.objects.filter(action="serving.complete_campaign", object_id=str(campaign.pk))
    assert ends.count() == 1
    assert work_on(campaign.pk).finished_at == campaign.finished_at  # over: nothing is done again


def test_another_deployment_meanwhile_changes_nothing(
    live: Deployment, registered: list[ModelVersion], started: Make, done: Make
) -> None:
    whole, campaign = done(label="before"), started(label="during")
    with pytest.raises(Killed):
        work_on(campaign.pk, on_progress=killed_after(1))
    factories.deployment(registered[1], kind="rollback", reason="Essai.", days=40)
    campaign = work_on(campaign.pk)
    assert (campaign.version, campaign.deployment_id) == ("v1", live.pk)
    assert campaign.result_sha256 == whole.result_sha256


def test_asked_again_the_same_campaign_goes_on(live: Deployment, started: Make) -> None:
    campaign = started(label="Plan")
    again = start_campaign(actor=OLIVIER, label=" Plan ", enqueue=False)
    assert (again.campaign.pk, again.is_new) == (campaign.pk, False)
    assert start_campaign(actor=OLIVIER, label="Other", enqueue=False).is_new
    work_on(campaign.pk)
    assert start_campaign(actor=OLIVIER, label="Plan", enqueue=False).is_new


def test_two_processes_never_work_on_one_campaign(live: Deployment, started: Make) -> None:
    campaign = started()

    def meanwhile(_campaign: Campaign) -> None:
        with pytest.raises(CampaignBusyError):
            work_on(campaign.pk)

    assert work_on(campaign.pk, on_progress=meanwhile).state is State.DONE


def test_another_machine_waits_for_the_lease(live: Deployment, started: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = started()
    with pytest.raises(Killed):
        work_on(campaign.pk, on_progress=killed_after(1))
    assert Campaign.objects.get().state is State.RUNNING  # nobody knows yet
    monkeypatch.setattr(leases, "_machine", lambda: "another-machine")
    with pytest.raises(CampaignBusyError):
        work_on(campaign.pk)
    assert list(take_up_left_behind()) == []
    Campaign.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert Campaign.objects.get().state is State.INTERRUPTED
    assert list(take_up_left_behind()) == [(campaign.pk, None)]
    assert Campaign.objects.get().state is State.DONE


def test_who_lost_the_lease_writes_nothing_more(live: Deployment, started: Make) -> None:
    campaign = started()

    def overtaken(now: Campaign) -> None:
        if now.chunks_done == 2:
            Campaign.objects.update(lease_holder="another-machine/1/abcd", lease_until=timezone.now() + LEASE)

    with pytest.raises(CampaignBusyError, match="another-machine"):
        work_on(campaign.pk, on_progress=overtaken)
    assert Campaign.objects.get().lease_holder == "another-machine/1/abcd"
    assert Campaign.objects.get().chunks_done == 2
    assert not CampaignCell.objects.exists()


def test_a_folder_that_was_lost_begins_again_and_nothing_is_double(live: Deployment, started: Make, done: Make) -> None:
    import shutil

    whole, campaign = done(label="whole"), started(label="lost")
    with pytest.raises(Killed):
        work_on(campaign.pk, on_progress=killed_after(2))
    shutil.rmtree(folder_of(campaign))
    assert work_on(campaign.pk).result_sha256 == whole.result_sha256


# --- The worker -----------------------------------------------------------------------------------------------------------
def test_a_campaign_that_is_asked_for_is_a_task_of_the_queue(live: Deployment) -> None:
    campaign = start_campaign(actor=OLIVIER, chunk_rows=CHUNK_ROWS).campaign
    (task,) = DBTaskResult.objects.all()
    assert task.task.func is run_campaign.func
    assert task.args_kwargs == {"args": [campaign.pk], "kwargs": {}}
    assert campaign.state is State.WAITING
    run_campaign.call(campaign.pk)
    assert Campaign.objects.get().state is State.DONE
    run_campaign.call(campaign.pk)  # taken up twice, done once
    assert AuditEvent.objects.filter(action="serving.complete_campaign").count() == 1


def test_what_a_dead_worker_left_is_taken_up(live: Deployment, started: Make) -> None:
    campaign = started()
    assert list(take_up_left_behind()) == []  # it has just been asked for, and is left to the queue
    with pytest.raises(Killed):
        work_on(campaign.pk, on_progress=killed_after(2))
    assert list(take_up_left_behind()) == [(campaign.pk, None)]
    assert list(take_up_left_behind()) == []


def test_one_that_waits_too_long_is_taken_up_too(live: Deployment, started: Make) -> None:
    campaign = started()
    Campaign.objects.update(requested_at=timezone.now() - timedelta(minutes=2))
    assert list(take_up_left_behind()) == [(campaign.pk, None)]


def test_one_that_never_gets_further_is_given_up(live: Deployment, started: Make) -> None:
    campaign = started()
    for _attempt in range(MOST_ATTEMPTS):
        with pytest.raises(Killed):
            work_on(campaign.pk, on_progress=killed_after(0))
    ((key, refusal),) = take_up_left_behind()
    assert (key, refusal.code if refusal else "") == (campaign.pk, "campaign_given_up")
    assert Campaign.objects.get().state is State.FAILED
    assert list(take_up_left_behind()) == []


def test_a_defect_ends_one_campaign_and_no_other(
    live: Deployment, started: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = started(label="broken"), started(label="sound")
    Campaign.objects.update(requested_at=timezone.now() - timedelta(minutes=2))

    def defect(lease: Any, *rest: Any) -> None:
        if lease.row.pk == broken.pk:
            raise NotImplementedError("adding to a sparse array")
        scored(lease, *rest)

    scored = work._scored
    monkeypatch.setattr(work, "_scored", defect)
    found = dict(take_up_left_behind())
    assert found[sound.pk] is None
    assert (found[broken.pk].code if found[broken.pk] else "") == "defect"
    assert "NotImplementedError" in caplog.text
    broken.refresh_from_db()
    assert broken.state is State.FAILED
    assert broken.problem is not None
    assert broken.problem["details"] == {"problem": "NotImplementedError: adding to a sparse array"}
    assert list(take_up_left_behind()) == []


def test_a_full_disk_makes_it_rest_and_it_goes_on_later(
    live: Deployment, started: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = started()

    def full(*_args: Any, **_options: Any) -> None:
        raise OSError(28, "No space left on device", "/somewhere")

    with monkeypatch.context() as patch:
        patch.setattr(work, "keep_campaign", full)
        with pytest.raises(OSError, match="No space"):
            work_on(campaign.pk)
    campaign = Campaign.objects.get()
    assert campaign.state is State.INTERRUPTED
    assert campaign.problem is not None
    assert campaign.problem["code"] == StorageError.code
    assert list(take_up_left_behind()) == []  # it rests
    Campaign.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert list(take_up_left_behind()) == [(campaign.pk, None)]
    assert Campaign.objects.get().problem is None


def test_a_version_that_was_changed_ends_the_campaign(live: Deployment, started: Make, settings: Any) -> None:
    campaign = started()
    (model,) = Path(settings.ARTIFACTS_DIR).glob(f"versions/{live.version.manifest_sha256}/*.pkl")
    model.write_bytes(b"something else")
    Campaign.objects.update(requested_at=timezone.now() - timedelta(minutes=2))
    ((_key, refusal),) = take_up_left_behind()
    assert refusal is not None
    assert refusal.code == "artifact_hash_mismatch"
    assert Campaign.objects.get().state is State.FAILED
    assert list(take_up_left_behind()) == []
    assert not folder_of(campaign).exists()


# --- Who, and when not ----------------------------------------------------------------------------------------------------
def test_it_rests_while_predictions_are_suspended(live: Deployment, started: Make) -> None:
    campaign = started()

    def suspended(now: Campaign) -> None:
        if now.chunks_done == 1:
            suspend(actor=OLIVIER, reason="Essai.")

    with pytest.raises(ModelSuspendedError):
        work_on(campaign.pk, on_progress=suspended)
    assert Campaign.objects.get().state is State.INTERRUPTED
    with pytest.raises(ModelSuspendedError):
        start_campaign(actor=OLIVIER)
    assert list(take_up_left_behind()) == []
    resume(actor=OLIVIER)
    assert list(take_up_left_behind()) == [(campaign.pk, None)]


def test_nothing_is_scored_while_nothing_is_live(registered: list[ModelVersion], cast: None) -> None:
    with pytest.raises(NothingLiveError):
        start_campaign(actor=OLIVIER)


def test_a_period_without_facts_is_refused_and_the_known_ones_are_named(live: Deployment, facts: pl.DataFrame) -> None:
    with pytest.raises(UsageError, match=facts["period"].max()):
        start_campaign(actor=OLIVIER, period="1999-01")
    with pytest.raises(UsageError):
        start_campaign(actor=OLIVIER, period="soon")


@pytest.mark.parametrize("label", ["x" * 101, "two\nlines", "a\0b"])
def test_a_label_is_one_short_line(live: Deployment, label: str) -> None:
    with pytest.raises(UsageError):
        start_campaign(actor=OLIVIER, label=label)


def test_an_auditor_starts_none(live: Deployment) -> None:
    with pytest.raises(PermissionDeniedError):
        start_campaign(actor=AUDE)
    assert start_campaign(actor=Actor("claire", "login")).is_new


def test_an_unknown_campaign_is_said_to_be() -> None:
    with pytest.raises(CampaignNotFoundError):
        work_on(404)
