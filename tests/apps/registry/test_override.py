"""A person lifts the second lock of one report, for a while, and takes the risk."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.accounts.services import create_token
from apps.audit.models import AuditEvent
from apps.registry.models import GateOverride, GateReport
from apps.registry.services.approvals import approve
from apps.registry.services.deployments import deploy_version
from apps.registry.services.gate import evaluate_gate, override_gate
from apps.registry.standing import standing_of
from future_skills.errors import NotAllowedError, NotPromotableError, OwnWorkError, ProofRequiredError, UsageError
from future_skills.errors import PermissionDeniedError as Denied
from future_skills.gates import Verdict
from future_skills.lifecycle import Stage
from tests.apps.registry.promotion import (
    ADELE,
    CLAIRE,
    DATA,
    DOMINIQUE,
    DRH,
    EASY,
    HARD,
    NADIA,
    OLIVIER,
    drawn_and_labelled,
    gate_passed,
    put_in_force,
    refusal_of,
    stored,
)

Run = Callable[..., tuple[int, str, str]]

DOUBTFUL = {**EASY, "second_lock": {**EASY["second_lock"], "minimum_predictions": 10_000}}
"""Under this policy v1 meets the written rule, and its second lock is inconclusive: nobody predicted a level that often."""


@pytest.fixture
def doubtful(office: Path, tmp_path: Path) -> GateReport:
    """The report of v1, whose second lock alone is open."""
    put_in_force(tmp_path, DOUBTFUL)
    report = gate_passed("v1").report
    assert report is not None
    assert (report.verdict, report.written_verdict) == ("inconclusive", "promotable")
    return report


def lifted(actor: Actor = ADELE, version: str = "v1", **changes: Any) -> GateOverride:
    words = {"reason": "Peu de lignes de test.", "risk": "Émergences manquées.", "days": 30} | changes
    return override_gate(actor=actor, version=version, **words)


def both_approve() -> None:
    approve(actor=DOMINIQUE, version="v1", team=DATA)
    approve(actor=CLAIRE, version="v1", team=DRH)


def test_with_the_second_lock_lifted_the_written_rule_decides(doubtful: GateReport) -> None:
    with pytest.raises(NotPromotableError):
        approve(actor=DOMINIQUE, version="v1", team=DATA)
    override = lifted()
    standing = standing_of(stored("v1"))
    assert (standing.override, standing.evidence_verdict, standing.stage) == (
        override,
        Verdict.PROMOTABLE,
        Stage.GATE_PASSED,
    )
    both_approve()
    assert deploy_version(actor=OLIVIER, version="v1").report == doubtful
    event = AuditEvent.objects.get(action="registry.override")
    assert (event.actor, event.object_id, event.details) == (
        "adele",
        "v1",
        {
            "report_sha256": doubtful.sha256,
            "reason": "Peu de lignes de test.",
            "risk": "Émergences manquées.",
            "expires_at": override.expires_at.isoformat(),
        },
    )


def test_it_ends_by_itself_and_takes_the_approvals_effect_with_it(doubtful: GateReport) -> None:
    override = lifted(days=1)
    assert timedelta(hours=23) < override.expires_at - timezone.now() <= timedelta(days=1)
    both_approve()
    assert standing_of(stored("v1")).stage is Stage.APPROVED
    GateOverride.objects.filter(pk=override.pk).update(expires_at=timezone.now())  # a day later
    standing = standing_of(stored("v1"))
    assert (standing.stage, standing.override, standing.verdict) == (Stage.CANDIDATE, None, Verdict.INCONCLUSIVE)
    with pytest.raises(NotPromotableError):
        deploy_version(actor=OLIVIER, version="v1")


def test_it_is_of_one_report_and_falls_with_it(doubtful: GateReport) -> None:
    lifted()
    drawn_and_labelled("v1")
    assert evaluate_gate(actor=DOMINIQUE, version="v1").override is None
    assert standing_of(stored("v1")).stage is Stage.CANDIDATE


def test_the_author_never_lifts_it(doubtful: GateReport, person: Callable[..., Any]) -> None:
    person("nadia", "data_scientist", "administrator")
    with pytest.raises(OwnWorkError):
        lifted(actor=NADIA)
    assert not GateOverride.objects.exists()


def test_it_is_done_by_an_administrator_in_their_own_name(doubtful: GateReport) -> None:
    for actor in (DOMINIQUE, CLAIRE, OLIVIER):
        with pytest.raises(Denied):
            lifted(actor=actor)
    for source in ("declared", "environment", "system"):
        with pytest.raises(ProofRequiredError):
            lifted(actor=Actor("adele", source))  # type: ignore[arg-type]
    assert not GateOverride.objects.exists()


@pytest.mark.parametrize(
    "changes", [{"reason": " "}, {"risk": ""}, {"days": 0}, {"days": 91}, {"reason": "x" * 10_001}, {"risk": "x\x00"}]
)
def test_it_needs_a_reason_a_risk_and_an_end(doubtful: GateReport, changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        lifted(**changes)


def test_there_must_be_something_to_lift(doubtful: GateReport) -> None:
    with pytest.raises(NotAllowedError):
        lifted(version="v3")  # no report
    with pytest.raises(NotAllowedError):
        lifted(report_sha256="0" * 64)  # not the one that was read
    lifted(report_sha256=doubtful.sha256)
    with pytest.raises(NotAllowedError):
        lifted()  # already


def test_the_written_rule_is_never_lifted(office: Path, tmp_path: Path) -> None:
    put_in_force(tmp_path, {**DOUBTFUL, "written_rule": HARD["written_rule"]})
    report = gate_passed("v1").report
    assert report is not None
    assert report.written_verdict == "refused"
    with pytest.raises(NotAllowedError):
        lifted()
    evaluate_gate(actor=DOMINIQUE, version="v2")  # no sample yet: a person lifts the second lock, never the sample
    assert not GateOverride.objects.exists()


def test_where_nothing_is_wrong_there_is_nothing_to_lift(office: Path) -> None:
    gate_passed("v1")
    with pytest.raises(NotAllowedError):
        lifted()


def test_it_is_done_in_a_terminal_with_ones_own_token(doubtful: GateReport, run: Run, settings: Any) -> None:
    words = ("registry", "override", "v1", "--reason", "Peu de lignes.", "--risk", "Émergences.", "--json")
    code, output, _ = run(*words, "--as", "adele")
    assert (code, refusal_of(output)["code"]) == (1, "proof_required")
    settings.FUTURE_SKILLS_TOKEN = create_token(
        actor=ADELE, username="adele", name="lever", scopes=[Right.READ, Right.OVERRIDE]
    )[1]
    code, output, _ = run(*words, "--days", "10", "--report", doubtful.sha256)
    assert (code, json.loads(output)["risk"]) == (0, "Émergences.")
    assert GateOverride.objects.get().created_by == "adele"
