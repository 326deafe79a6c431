"""A retraining request: what arrived, one candidate however often its worker dies, and never a deployment."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.audit.services import verify_chain
from apps.monitoring import retraining_work
from apps.monitoring.models import Alert, RetrainRequest
from apps.monitoring.policies import active_monitoring_policy
from apps.monitoring.retraining import what_arrived
from apps.monitoring.retraining_work import next_version_name, take_up_left_behind, what_would_change, work_on
from apps.monitoring.services.policy import set_monitoring_policy
from apps.monitoring.services.retraining import request_retraining
from apps.registry.models import Dataset, Deployment, GateReport, ModelVersion
from apps.serving.campaigns.browse import is_rising
from apps.serving.leases import MOST_ATTEMPTS
from future_skills import schema
from future_skills.errors import (
    NothingLiveError,
    PermissionDeniedError,
    RetrainingBusyError,
    RetrainingGivenUpError,
    StorageError,
    UsageError,
)
from future_skills.monitoring_policy import default_monitoring_policy
from tests.apps.monitoring.conftest import looked_at
from tests.apps.registry.promotion import ADELE, CLAIRE, NADIA
from tests.apps.serving.campaigns.conftest import result_frame

pytestmark = pytest.mark.django_db

Run = Callable[..., tuple[int, str, str]]
Make = Callable[..., Any]


@pytest.fixture
def year_later(live: Deployment, small_company: pl.DataFrame, next_quarter: Make) -> str:
    """A quarter that gives labels to the newest one."""
    year, month = str(small_company[schema.PERIOD].max()).split("-")
    return str(next_quarter(f"{int(year) + 1}-{month}"))


def asked(**changes: Any) -> RetrainRequest:
    return request_retraining(actor=NADIA, enqueue=False, **({"reason": "Un relevé est arrivé."} | changes))


# --- What arrived -----------------------------------------------------------------------------------------------------------
def test_with_nothing_new_nothing_is_trained_and_it_is_said_what_is_needed_and_from_whom(
    live: Deployment, run: Run, settings: Any, small_company: pl.DataFrame
) -> None:
    settings.FUTURE_SKILLS_ACTOR = "nadia"
    settings.LANGUAGE_CODE = "en"
    code, out, _err = run("retrain", "--reason", "Pour voir.", "--json")
    document = json.loads(out)
    assert (code, document["state"], document["model_version"]) == (0, "nothing_new", None)
    assert document["arrived"]["newest"] == small_company[schema.PERIOD].max()
    assert document["arrived"]["importers"]
    assert document["arrived"]["importers"][0] in document["sentence"]
    assert ModelVersion.objects.count() == 2


def test_what_arrived_is_counted(year_later: str, live: Deployment, small_company: pl.DataFrame) -> None:
    arrived = what_arrived(live.version)
    newest = small_company.filter(pl.col(schema.PERIOD) == small_company[schema.PERIOD].max())
    assert arrived.periods == [year_later]
    assert arrived.rows == len(newest)
    assert arrived.labels == newest[schema.OBSERVED_LEVEL].is_not_null().sum()


# --- A candidate --------------------------------------------------------------------------------------------------------
def test_a_request_ends_with_a_candidate_that_waits_for_people(year_later: str, live: Deployment, done: Make) -> None:
    campaign = done(period=year_later)
    request = work_on(asked().pk)
    assert request.state == "done"
    version = request.version
    assert version is not None
    assert (version.name, version.parent) == ("v3", live.version)
    assert version.manifest["author"] == "nadia"
    assert version.dataset == request.dataset != live.version.dataset
    assert version.words.hyperparameters == live.version.words.hyperparameters
    assert version.words.split.test_period != live.version.words.split.test_period
    assert request.report is not None
    assert request.report.version == version
    assert Deployment.objects.get(live=True) == live
    assert request.changes is not None
    assert request.changes["campaign"] == campaign.pk
    assert request.changes["pairs"] == campaign.pairs
    assert verify_chain() >= 1


def test_what_it_would_have_changed_is_counted_pair_by_pair(year_later: str, live: Deployment, done: Make) -> None:
    campaign = done(period=year_later)
    own = what_would_change(live.version)
    rising = result_frame(campaign).filter(is_rising()).height
    assert own is not None
    assert (own["moves"], own["appeared"], own["vanished"]) == ([], 0, 0)
    assert own["rising_before"] == own["rising_after"] == rising
    other = what_would_change(ModelVersion.objects.get(name="v2"))
    assert other is not None
    assert sum(move["pairs"] for move in other["moves"]) <= other["pairs"] == campaign.pairs
    assert other["rising_after"] == other["rising_before"] + other["appeared"] - other["vanished"]


class Killed(BaseException):
    """The end of a process, at once."""


@pytest.mark.parametrize(
    "step",
    ["export_dataset", "train", "register_version", "measure_version_engine", "evaluate_gate", "what_would_change"],
)
@pytest.mark.parametrize("after", [False, True])
def test_killed_before_or_after_any_step_it_ends_all_the_same_and_once(
    year_later: str, live: Deployment, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    request, real = asked(), getattr(retraining_work, step)

    def dies(*args: Any, **named: Any) -> Any:
        if after:
            real(*args, **named)
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(retraining_work, step, dies)
        with pytest.raises(Killed):
            work_on(request.pk)
    assert [(key, refusal) for key, refusal in take_up_left_behind()] == [(request.pk, None)]
    request.refresh_from_db()
    assert request.state == "done"
    assert ModelVersion.objects.count() == 3
    assert Dataset.objects.count() == 2
    assert GateReport.objects.filter(version=request.version).count() == 1
    assert AuditEvent.objects.filter(action="monitoring.complete_retraining").count() == 1
    assert list(take_up_left_behind()) == []


def test_one_at_a_time(year_later: str, live: Deployment) -> None:
    request = asked()
    with pytest.raises(RetrainingBusyError):
        asked()
    RetrainRequest.objects.filter(pk=request.pk).update(
        lease_holder="elsewhere/12", lease_until=timezone.now() + timedelta(hours=1)
    )
    with pytest.raises(RetrainingBusyError):
        work_on(request.pk)
    RetrainRequest.objects.filter(pk=request.pk).update(attempts=MOST_ATTEMPTS, lease_until=None)
    ((key, refusal),) = take_up_left_behind()
    assert key == request.pk
    assert isinstance(refusal, RetrainingGivenUpError)
    assert asked().pk != request.pk


def test_a_refusal_ends_it_and_is_kept(year_later: str, live: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(**_named: Any) -> None:
        raise UsageError("no")

    monkeypatch.setattr(retraining_work, "export_dataset", refuses)
    request = asked()
    with pytest.raises(UsageError):
        work_on(request.pk)
    request.refresh_from_db()
    assert (request.state, request.problem["code"]) == ("failed", "usage")


def test_a_defect_ends_the_request_and_the_worker_goes_on(
    year_later: str, live: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(**_named: Any) -> None:
        raise NotImplementedError("adding to a sparse array")

    request = asked()
    monkeypatch.setattr(retraining_work, "export_dataset", defect)
    ((key, refusal),) = take_up_left_behind()
    assert (key, refusal.code if refusal else "") == (request.pk, "defect")
    request.refresh_from_db()
    assert (request.state, request.problem["code"]) == ("failed", "defect")
    assert list(take_up_left_behind()) == []


def test_a_full_disk_makes_it_rest_and_the_worker_goes_on(
    year_later: str, live: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_named: Any) -> None:
        raise OSError(28, "No space left on device", "/somewhere")

    request = asked()
    with monkeypatch.context() as patch:
        patch.setattr(retraining_work, "export_dataset", full)
        ((key, refusal),) = take_up_left_behind()
    assert (key, refusal.code if refusal else "") == (request.pk, StorageError.code)
    assert list(take_up_left_behind()) == []  # it rests
    RetrainRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert list(take_up_left_behind()) == [(request.pk, None)]
    request.refresh_from_db()
    assert (request.state, request.problem) == ("done", None)


def test_who_lost_the_lease_of_a_request_writes_nothing_more(year_later: str, live: Deployment) -> None:
    request = asked()

    def overtaken(words: str) -> None:
        if words == "train the version":
            RetrainRequest.objects.update(lease_holder="elsewhere/12", lease_until=timezone.now() + timedelta(hours=1))

    with pytest.raises(RetrainingBusyError, match="elsewhere"):
        work_on(request.pk, on_step=overtaken)
    request.refresh_from_db()
    assert (request.lease_holder, request.name, request.version) == ("elsewhere/12", "", None)
    assert ModelVersion.objects.count() == 2


def test_the_next_number_is_behind_all_that_was_taken(live: Deployment, settings: Any, tmp_path: Path) -> None:
    settings.ML_DIR = tmp_path
    assert next_version_name() == "v3"
    (tmp_path / "future_skills_model_v7.pkl").touch()
    (tmp_path / "future_skills_model_essai.pkl").touch()
    assert next_version_name() == "v8"


def test_who_may_ask(registered: list[ModelVersion], cast: None) -> None:
    with pytest.raises(NothingLiveError):
        asked()
    with pytest.raises(PermissionDeniedError):
        request_retraining(actor=CLAIRE, reason="Essai.")
    with pytest.raises(UsageError):
        asked(reason=" ")


# --- By policy ------------------------------------------------------------------------------------------------------------
def in_force(folder: Path, **retraining: Any) -> None:
    document = default_monitoring_policy().model_dump(mode="json")
    path = folder / "monitoring.yaml"
    path.write_text(yaml.safe_dump(document | {"retraining": retraining}))
    set_monitoring_policy(actor=ADELE, path=path, reason="Essai.")


def test_an_alert_opens_a_request_where_the_policy_says_so(
    live: Deployment, scored: Make, next_quarter: Make, small_company: pl.DataFrame, tmp_path: Path
) -> None:
    in_force(tmp_path, when="on_drift", months=None)
    scored(str(small_company[schema.PERIOD].max()))
    for period in ("2030-01", "2030-04"):
        assert not RetrainRequest.objects.exists()
        scored(next_quarter(period, scarcity_index=0.4))
    request = RetrainRequest.objects.get()
    assert request.alert in Alert.objects.filter(severity="warning")
    assert (request.requester, request.requester_source) == ("monitoring-policy", "system")
    assert Deployment.objects.get(live=True) == live


def test_the_calendar_opens_one_and_not_a_second_one(year_later: str, live: Deployment, tmp_path: Path) -> None:
    in_force(tmp_path, when="every_months", months=6)  # v1 was trained in March
    assert looked_at().request is not None
    assert looked_at().request is None
    assert RetrainRequest.objects.count() == 1


def test_a_policy_is_versioned_and_its_change_is_in_the_audit(live: Deployment, run: Run, tmp_path: Path) -> None:
    before = active_monitoring_policy().sha256
    in_force(tmp_path, when="every_months", months=3)
    assert active_monitoring_policy().retraining.months == 3
    assert AuditEvent.objects.get(action="monitoring.set_policy").details["from"] == before
    code, out, _err = run("monitoring_policy", "--json", "--as", "adele")
    assert (code, json.loads(out)["sha256"]) == (0, active_monitoring_policy().sha256)
    with pytest.raises(UsageError):
        in_force(tmp_path, when="every_months", months=3)
