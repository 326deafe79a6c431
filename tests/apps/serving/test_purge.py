"""Old predictions are purged, and the audit log proves for ever which they were."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.audit.models import AuditEvent
from apps.audit.services import verify_chain
from apps.registry.models import Dataset, Deployment
from apps.serving import services
from apps.serving.ids import answer_id, moment_of, new_request_id
from apps.serving.models import Prediction
from apps.serving.retention import months_before
from apps.serving.services import purge_predictions
from future_skills.errors import UsageError
from tests.apps.registry import factories

pytestmark = pytest.mark.django_db

Run = Callable[..., tuple[int, str, str]]
OLIVIER = Actor("olivier", "login")
MONTHS = 36


@pytest.fixture(autouse=True)
def operator(person: Callable[..., Any], settings: Any) -> None:
    person("olivier", "operator")
    settings.FUTURE_SKILLS_ACTOR = "olivier"
    settings.FUTURE_SKILLS_PREDICTION_RETENTION_MONTHS = MONTHS
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def deployment() -> Deployment:
    return factories.deployment(factories.version("v1"), kind="rollback", reason="Essai.")


@pytest.fixture
def log(deployment: Deployment) -> Callable[..., list[Prediction]]:
    """``log(5, months=40)``: so many lines of so long ago."""

    def write(count: int, *, months: int) -> list[Prediction]:
        start = months_before(timezone.now(), months) - timedelta(days=1)
        requests = [new_request_id(start + timedelta(seconds=number)) for number in range(count)]
        return Prediction.objects.bulk_create(
            Prediction(
                id=answer_id(request, 0),
                request_id=request,
                deployment=deployment,
                version="v1",
                at=moment_of(request),
                requester="olivier",
                requester_source="token",
                role="Chargé de recrutement",
                skill="Droit du travail",
                period="2026-03",
                level="HIGH",
                probabilities={"LOW": 0.1, "MEDIUM": 0.2, "HIGH": 0.7},
                current_level="LOW",
                warnings=["out_of_range"],
                abstained=False,
                inputs={"trend_score": 0.1 + number, "skill_category": "Juridique", "scarcity_index": None},
            )
            for number, request in enumerate(requests)
        )

    return write


def events() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action="serving.purge_predictions"))


def test_without_yes_it_says_what_it_would_remove_and_removes_nothing(
    run: Run, log: Callable[..., list[Prediction]]
) -> None:
    log(3, months=MONTHS)
    log(2, months=MONTHS - 1)
    code, out, _ = run("purge_predictions")
    assert code == 0
    assert "3 predictions are older than 36 months" in out
    assert "Nothing was removed. To remove them, for ever: add --yes." in out
    assert (Prediction.objects.count(), events()) == (5, [])


def test_what_is_older_is_removed_and_what_is_not_stays(run: Run, log: Callable[..., list[Prediction]]) -> None:
    old, young = log(3, months=MONTHS), log(2, months=MONTHS - 1)
    document = json.loads(run("purge_predictions", "--yes", "--json")[1])
    assert (document["count"], document["retention_months"]) == (3, MONTHS)
    assert sorted(Prediction.objects.values_list("id", flat=True)) == sorted(line.id for line in young)
    (event,) = events()
    assert (event.actor, event.object_type) == ("olivier", "predictions")
    assert event.details["count"] == 3
    assert event.details["from"] == old[0].at.isoformat()
    assert event.details["to"] == old[-1].at.isoformat()
    assert document["purged"] == [
        {"event": event.sequence} | {name: event.details[name] for name in ("count", "from", "to", "sha256")}
    ]
    assert verify_chain() == event.sequence
    assert json.loads(run("purge_predictions", "--yes", "--json")[1])["purged"] == []
    assert "No prediction is older than 36 months." in run("purge_predictions")[1]


def test_whoever_kept_what_the_api_answered_can_make_the_proof_again(
    run: Run, log: Callable[..., list[Prediction]], login: Callable[..., Client]
) -> None:
    lines = log(4, months=MONTHS + 3)
    auditor = login("auditor")
    kept = [auditor.get(f"/api/v1/predictions/{line.id}").json() for line in lines]
    run("purge_predictions", "--yes")
    canonical = "".join(
        json.dumps(one, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n" for one in kept
    )
    assert hashlib.sha256(canonical.encode()).hexdigest() == events()[0].details["sha256"]
    assert auditor.get(f"/api/v1/predictions/{lines[0].id}").json()["code"] == "prediction_not_found"


def test_many_are_removed_in_batches_each_with_its_proof(
    run: Run, log: Callable[..., list[Prediction]], monkeypatch: pytest.MonkeyPatch
) -> None:
    log(7, months=MONTHS)
    monkeypatch.setitem(services.purge_predictions.__wrapped__.__kwdefaults__, "most", 3)  # type: ignore[attr-defined]
    document = json.loads(run("purge_predictions", "--yes", "--json")[1])
    assert [one["count"] for one in document["purged"]] == [3, 3, 1]
    assert [event.details["count"] for event in events()] == [3, 3, 1]
    assert Prediction.objects.count() == 0


def test_labels_that_come_later_than_usual_keep_predictions_longer(
    run: Run, deployment: Deployment, log: Callable[..., list[Prediction]]
) -> None:
    log(1, months=MONTHS)
    used = Dataset.objects.get(versions=deployment.version)
    used.card = {**used.card, "labels": {"horizon_months": 24, "tolerance_months": 12}}
    used.save()
    for words in ((), ("--yes",)):
        code, _, refusal = run("purge_predictions", *words)
        assert code == 1
        assert "39" in refusal
    with pytest.raises(UsageError, match=used.name):
        purge_predictions(actor=OLIVIER)
    assert Prediction.objects.count() == 1
    used.card = {**used.card, "labels": {"rule": "ready-made labels of the file", "horizon_months": None}}
    used.save()
    assert run("purge_predictions", "--yes")[0] == 0
    assert Prediction.objects.count() == 0


def test_only_operators_and_administrators_purge(
    run: Run, log: Callable[..., list[Prediction]], person: Callable[..., Any]
) -> None:
    log(1, months=MONTHS)
    for role in ("auditor", "data_scientist", "drh_reviewer"):
        person(role, role)
        document = json.loads(run("purge_predictions", "--yes", "--json", "--as", role)[1])
        assert document["error"]["details"]["right"] == Right.PURGE_PREDICTIONS
    person("adele", "administrator")
    assert Prediction.objects.count() == 1
    assert run("purge_predictions", "--yes", "--as", "adele")[0] == 0
    assert Prediction.objects.count() == 0


@pytest.mark.parametrize(
    ("moment", "months", "before"),
    [
        (datetime(2026, 3, 31, 9, 5, tzinfo=UTC), 1, datetime(2026, 2, 28, 9, 5, tzinfo=UTC)),
        (datetime(2026, 3, 4, tzinfo=UTC), 36, datetime(2023, 3, 4, tzinfo=UTC)),
        (datetime(2024, 2, 29, tzinfo=UTC), 12, datetime(2023, 2, 28, tzinfo=UTC)),
        (datetime(2026, 1, 1, tzinfo=UTC), 1, datetime(2025, 12, 1, tzinfo=UTC)),
    ],
)
def test_months_are_counted_by_the_calendar(moment: datetime, months: int, before: datetime) -> None:
    assert months_before(moment, months) == before
