"""The information and consultation of the works council (CSE) is recorded, and the policy says whether it blocks."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.registry.models import WorksCouncilRecord
from apps.registry.services.deployments import deploy_version
from apps.registry.services.works_council import record_works_council
from apps.registry.standing import standing_of
from future_skills.errors import NotPromotableError, UsageError, VersionNotFoundError
from future_skills.errors import PermissionDeniedError as Denied
from future_skills.gates import Verdict
from tests.apps.registry.promotion import (
    ADELE,
    AUDE,
    CLAIRE,
    DOMINIQUE,
    EASY,
    OLIVIER,
    approved,
    put_in_force,
    refusal_of,
    stored,
)

Run = Callable[..., tuple[int, str, str]]
State = WorksCouncilRecord.State

DAY = date(2026, 3, 3)


def told(state: State, version: str | None = None, **words: Any) -> WorksCouncilRecord:
    return record_works_council(
        actor=CLAIRE, state=state, held_on=DAY, version=version, **{"reason": "Réunion ordinaire."} | words
    )


def check(version: str = "v1") -> Any:
    return next(one for one in standing_of(stored(version)).checks if one.key == "works_council")


def test_it_is_recorded_for_the_system_then_confirmed_for_each_version(office: Path) -> None:
    assert (check().verdict, check().lock) == (Verdict.WAITING, "target")
    told(State.CONSULTED, document="PV n° 12")
    assert (check().verdict, check().facts["system"], check().facts["document"]) == (
        Verdict.WAITING,
        "consulted",
        "PV n° 12",
    )
    told(State.INFORMED, "v1")
    assert (check("v1").verdict, check("v3").verdict) == (Verdict.PROMOTABLE, Verdict.WAITING)
    told(State.NOT_REQUIRED, "v3", reason="Aucun salarié n'est concerné : essai sur des données publiques.")
    assert (check("v3").verdict, check("v3").observed) == (Verdict.PROMOTABLE, "not_required")

    events = AuditEvent.objects.filter(action="registry.works_council").order_by("sequence")
    assert [(event.object_type, event.object_id, event.details["state"]) for event in events] == [
        ("system", "works_council", "consulted"),
        ("version", "v1", "informed"),
        ("version", "v3", "not_required"),
    ]
    assert events[0].details["held_on"] == "2026-03-03"


def test_the_newest_record_counts(office: Path) -> None:
    told(State.INFORMED)
    told(State.INFORMED, "v1")
    told(State.OPINION_GIVEN, "v1", reason="Avis favorable, avec réserves.")
    assert check().observed == "opinion_given"


def test_where_the_policy_says_so_a_version_waits_for_it(office: Path, tmp_path: Path) -> None:
    put_in_force(tmp_path, {**EASY, "works_council": {"blocks": True, "minimum": "consulted"}})
    approved("v1")
    for state, version in ((None, None), (State.CONSULTED, None), (State.INFORMED, "v1")):
        if state is not None:
            told(state, version)
        with pytest.raises(NotPromotableError) as refused:
            deploy_version(actor=OLIVIER, version="v1")
        assert (refused.value.details["verdict"], refused.value.details["checks"]) == ("waiting", ["works_council"])
    told(State.OPINION_GIVEN, "v1")
    assert deploy_version(actor=OLIVIER, version="v1").live


def test_by_default_it_is_shown_and_blocks_nothing(office: Path) -> None:
    assert approved("v1").verdict is Verdict.PROMOTABLE
    assert check().verdict is Verdict.WAITING


def test_what_makes_no_sense_is_refused(office: Path) -> None:
    tomorrow = timezone.localdate() + timedelta(days=1)
    for words in (
        {"reason": " "},
        {"reason": "x" * 10_001},
        {"document": "x" * 501},
        {"document": "PV\x00"},
    ):
        with pytest.raises(UsageError):
            told(State.INFORMED, **words)
    with pytest.raises(UsageError):
        record_works_council(actor=CLAIRE, state=State.INFORMED, held_on=tomorrow, reason="Prévue.")
    with pytest.raises(VersionNotFoundError):
        told(State.INFORMED, "v99")
    assert not WorksCouncilRecord.objects.exists()


def test_reviewers_of_the_drh_and_administrators_record_it(office: Path) -> None:
    for actor in (DOMINIQUE, OLIVIER, AUDE):
        with pytest.raises(Denied):
            record_works_council(actor=actor, state=State.INFORMED, held_on=DAY, reason="Réunion.")
    record_works_council(actor=ADELE, state=State.INFORMED, held_on=DAY, reason="Réunion.")
    assert WorksCouncilRecord.objects.get().created_by == "adele"


def test_it_is_recorded_in_a_terminal(office: Path, run: Run) -> None:
    words = ("registry", "works-council", "--state", "informed", "--reason", "Réunion.", "--as", "claire")
    code, output, _ = run(*words, "--on", "2026-03-03", "--for", "v1", "--document", "PV n° 12", "--json")
    assert code == 0
    assert json.loads(output)["held_on"] == "2026-03-03"
    assert WorksCouncilRecord.objects.get().version == stored("v1")
    assert run(*words)[0] == 0
    assert WorksCouncilRecord.objects.get(version=None).held_on == timezone.localdate()
    code, output, _ = run(*words, "--on", "2999-01-01", "--json")
    assert (code, refusal_of(output)["code"]) == (1, "usage")
