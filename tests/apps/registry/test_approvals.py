"""The two teams approve, reject and take back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.accounts.services import create_token
from apps.audit.models import AuditEvent
from apps.registry.models import Approval
from apps.registry.services.approvals import approve, reject, withdraw
from apps.registry.services.deployments import deploy_version
from apps.registry.services.gate import evaluate_gate
from apps.registry.services.samples import draw_sample
from apps.registry.services.versions import register_version, retract_version
from apps.registry.standing import standing_of
from future_skills.errors import NotAllowedError, NotPromotableError, OwnWorkError, ProofRequiredError, UsageError
from future_skills.errors import PermissionDeniedError as Denied
from future_skills.gates import Verdict
from future_skills.lifecycle import Stage
from tests.apps.registry.promotion import (
    ADELE,
    AUDE,
    CAMILLE,
    CLAIRE,
    DATA,
    DOMINIQUE,
    DRH,
    DRISS,
    EASY,
    HARD,
    NADIA,
    OLIVIER,
    approved,
    deployed,
    gate_passed,
    put_in_force,
    refusal_of,
    stored,
    twin,
)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ready(office: Path) -> Path:
    """v1 has a report that may be approved."""
    gate_passed("v1")
    return office


def stage(version: str = "v1") -> Stage:
    return standing_of(stored(version)).stage


def test_both_teams_approve_and_the_version_may_go_into_production(ready: Path) -> None:
    assert stage() is Stage.GATE_PASSED
    approve(actor=DOMINIQUE, version="v1", team=DATA, comment="  Relu.  ")
    assert stage() is Stage.GATE_PASSED
    approval = approve(actor=CLAIRE, version="v1", team=DRH)
    assert (stage(), standing_of(stored("v1")).verdict) == (Stage.APPROVED, Verdict.PROMOTABLE)

    report = approval.report
    assert (approval.report_sha256, approval.model_sha256) == (report.sha256, stored("v1").model_sha256)
    events = AuditEvent.objects.filter(action="registry.approve").order_by("sequence")
    assert [(event.actor, event.actor_source, event.object_id) for event in events] == [
        ("dominique", "login", "v1"),
        ("claire", "login", "v1"),
    ]
    assert events[0].details == {
        "team": "data",
        "comment": "Relu.",
        "report_sha256": report.sha256,
        "model_sha256": report.model_sha256,
    }


@pytest.mark.parametrize("decide", [approve, reject])
def test_the_author_never_decides(ready: Path, decide: Callable[..., Approval]) -> None:
    with pytest.raises(OwnWorkError):
        decide(actor=NADIA, version="v1", team=DATA, comment="Mon travail.")
    assert not Approval.objects.exists()


def test_whoever_trained_it_is_its_author_although_somebody_else_registered_it(office: Path) -> None:
    register_version(actor=NADIA, path=twin(office, "v1", "v4", author="camille"))
    gate_passed("v4")
    for author in (CAMILLE, NADIA):
        with pytest.raises(OwnWorkError):
            approve(actor=author, version="v4", team=DATA)
    approve(actor=DOMINIQUE, version="v4", team=DATA)


def test_one_person_speaks_for_one_team(ready: Path) -> None:
    approve(actor=CAMILLE, version="v1", team=DATA)
    with pytest.raises(OwnWorkError):
        approve(actor=CAMILLE, version="v1", team=DRH)
    approve(actor=DRISS, version="v1", team=DRH)
    assert stage() is Stage.APPROVED


def test_an_earlier_decision_never_comes_back(ready: Path) -> None:
    """Or one person could speak for both teams: Camille's first approval would be there again."""
    approve(actor=CAMILLE, version="v1", team=DATA)
    reject(actor=DOMINIQUE, version="v1", team=DATA, comment="À revoir.")
    approve(actor=CAMILLE, version="v1", team=DRH)
    withdraw(actor=DOMINIQUE, version="v1", team=DATA, reason="C'est revu.")
    assert (stage(), list(standing_of(stored("v1")).decisions)) == (Stage.GATE_PASSED, ["drh"])
    with pytest.raises(OwnWorkError):
        approve(actor=CAMILLE, version="v1", team=DATA)


@pytest.mark.parametrize("source", ["declared", "environment", "system"])
@pytest.mark.parametrize("decide", [approve, reject])
def test_a_name_that_is_only_said_decides_nothing(ready: Path, decide: Callable[..., Approval], source: Any) -> None:
    with pytest.raises(ProofRequiredError):
        decide(actor=Actor("dominique", source), version="v1", team=DATA, comment="Oui.")
    assert not Approval.objects.exists()


def test_as_somebody_in_a_terminal_is_no_proof_and_their_token_is(ready: Path, run: Run, settings: Any) -> None:
    words = ("registry", "approve", "v1", "--team", "drh", "--json")
    code, output, _ = run(*words, "--as", "claire")
    assert (code, refusal_of(output)["code"]) == (1, "proof_required")

    reader = create_token(actor=CLAIRE, username="claire", name="lire", scopes=[Right.READ])[1]
    settings.FUTURE_SKILLS_TOKEN = reader
    code, output, _ = run(*words)
    assert (code, refusal_of(output)["code"]) == (1, "permission_denied")

    settings.FUTURE_SKILLS_TOKEN = create_token(
        actor=CLAIRE, username="claire", name="approuver", scopes=[Right.READ, Right.APPROVE_DRH]
    )[1]
    code, output, _ = run(*words)
    assert (code, Approval.objects.get().created_by) == (0, "claire")
    assert AuditEvent.objects.get(action="registry.approve").actor_source == "token"


@pytest.mark.parametrize(
    ("actor", "team"), [(CLAIRE, DATA), (DOMINIQUE, DRH), (OLIVIER, DATA), (ADELE, DRH), (AUDE, DRH)]
)
def test_only_people_of_a_team_speak_for_it(ready: Path, actor: Actor, team: Approval.Team) -> None:
    for act in (
        lambda: approve(actor=actor, version="v1", team=team),
        lambda: reject(actor=actor, version="v1", team=team, comment="Non."),
        lambda: withdraw(actor=actor, version="v1", team=team, reason="Non."),
    ):
        with pytest.raises(Denied):
            act()
    assert not Approval.objects.exists()


def test_there_is_nothing_to_approve_before_a_report(office: Path) -> None:
    with pytest.raises(NotAllowedError):
        approve(actor=DOMINIQUE, version="v1", team=DATA)
    evaluate_gate(actor=DOMINIQUE, version="v1")  # and no sample yet
    with pytest.raises(NotPromotableError) as refused:
        approve(actor=DOMINIQUE, version="v1", team=DATA)
    assert (refused.value.details["verdict"], refused.value.details["checks"]) == ("waiting", ["sample"])


def test_what_does_not_meet_the_criteria_is_not_approved_and_may_be_rejected(office: Path, tmp_path: Path) -> None:
    put_in_force(tmp_path, HARD)
    gate_passed("v1")
    with pytest.raises(NotPromotableError) as refused:
        approve(actor=DOMINIQUE, version="v1", team=DATA)
    assert refused.value.details["verdict"] == "refused"
    assert "precision.MEDIUM" in refused.value.details["checks"]
    reject(actor=DOMINIQUE, version="v1", team=DATA, comment="Se trompe trop souvent.")
    assert stage() is Stage.REJECTED


def test_an_approval_is_of_the_report_that_was_read(ready: Path) -> None:
    read = standing_of(stored("v1")).report
    assert read is not None
    with pytest.raises(NotAllowedError):
        approve(actor=DOMINIQUE, version="v1", team=DATA, report_sha256="0" * 64)
    approve(actor=DOMINIQUE, version="v1", team=DATA, report_sha256=read.sha256)
    gate_passed("v1")
    with pytest.raises(NotAllowedError):
        approve(actor=CLAIRE, version="v1", team=DRH, report_sha256=read.sha256)


def test_a_team_approves_once(ready: Path) -> None:
    approve(actor=DOMINIQUE, version="v1", team=DATA)
    for again in (DOMINIQUE, CAMILLE):
        with pytest.raises(UsageError):
            approve(actor=again, version="v1", team=DATA)
    assert Approval.objects.count() == 1


def test_a_rejection_needs_words_and_holds_until_the_team_decides_otherwise(ready: Path) -> None:
    for words in ("", "   ", "x" * 10_001, "non\x00"):
        with pytest.raises(UsageError):
            reject(actor=CLAIRE, version="v1", team=DRH, comment=words)
    reject(actor=CLAIRE, version="v1", team=DRH, comment="Les niveaux des soignants sont bas.")
    approve(actor=DOMINIQUE, version="v1", team=DATA)
    assert stage() is Stage.REJECTED
    with pytest.raises(NotPromotableError) as refused:
        deploy_version(actor=OLIVIER, version="v1")
    assert (refused.value.details["verdict"], refused.value.details["checks"]) == ("refused", ["approval.drh"])
    approve(actor=DRISS, version="v1", team=DRH)
    assert stage() is Stage.APPROVED


def test_an_approval_is_taken_back_until_the_version_is_deployed(ready: Path) -> None:
    approve(actor=DOMINIQUE, version="v1", team=DATA)
    approve(actor=CLAIRE, version="v1", team=DRH)
    with pytest.raises(UsageError):
        withdraw(actor=CLAIRE, version="v1", team=DRH, reason=" ")
    withdraw(actor=CLAIRE, version="v1", team=DRH, reason="J'ai lu trop vite.")
    assert stage() is Stage.GATE_PASSED
    with pytest.raises(NotPromotableError):
        deploy_version(actor=OLIVIER, version="v1")
    with pytest.raises(NotAllowedError):
        withdraw(actor=CLAIRE, version="v1", team=DRH, reason="Encore.")

    approve(actor=CLAIRE, version="v1", team=DRH)
    deploy_version(actor=OLIVIER, version="v1")
    for live in ("v1", "v3"):  # in production, then formerly so: this deployment stands on it for ever
        with pytest.raises(NotAllowedError):
            withdraw(actor=CLAIRE, version="v1", team=DRH, reason="Trop tard.")
        if live == "v1":
            deployed("v3")
    events = AuditEvent.objects.filter(action="registry.withdraw")
    assert [event.details["reason"] for event in events] == ["J'ai lu trop vite."]


def test_people_take_back_their_own_decisions_alone(ready: Path) -> None:
    approve(actor=CLAIRE, version="v1", team=DRH)
    with pytest.raises(NotAllowedError):
        withdraw(actor=DRISS, version="v1", team=DRH, reason="Pas d'accord.")
    with pytest.raises(ProofRequiredError):
        withdraw(actor=Actor("claire", "declared"), version="v1", team=DRH, reason="Pas d'accord.")
    assert list(standing_of(stored("v1")).decisions) == ["drh"]


def _another_champion(folder: Path, office: Path) -> None:
    deployed("v3")


def _another_policy(folder: Path, office: Path) -> None:
    put_in_force(folder, {**EASY, "override": {"longest_days": 5}})


def _another_sample(folder: Path, office: Path) -> None:
    draw_sample(actor=DOMINIQUE, version="v1", size=12, seed=2)


@pytest.mark.parametrize("change", [_another_champion, _another_policy, _another_sample])
def test_approvals_fall_with_the_report_they_are_of(
    office: Path, tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    before = approved("v1")
    change(tmp_path, office)
    after = standing_of(stored("v1"))
    assert before.stage is Stage.APPROVED
    assert (after.stage, after.report, after.outdated, after.decisions) == (
        Stage.CANDIDATE,
        None,
        before.report,
        {},
    )
    with pytest.raises(NotPromotableError) as refused:
        deploy_version(actor=OLIVIER, version="v1")
    assert refused.value.details["checks"] == ["report", "approval.data", "approval.drh"]


def test_a_retracted_version_is_judged_no_more(ready: Path) -> None:
    retract_version(actor=NADIA, version="v1", reason="Erreur dans les données.")
    with pytest.raises(NotAllowedError):
        approve(actor=DOMINIQUE, version="v1", team=DATA)
    with pytest.raises(NotAllowedError):
        reject(actor=DOMINIQUE, version="v1", team=DATA, comment="Trop tard.")


def test_reject_and_withdraw_from_the_command(ready: Path, run: Run, settings: Any) -> None:
    settings.FUTURE_SKILLS_TOKEN = create_token(
        actor=CLAIRE, username="claire", name="décider", scopes=[Right.READ, Right.APPROVE_DRH]
    )[1]
    code, output, _ = run("registry", "reject", "v1", "--team", "drh", "--comment", "À revoir.", "--json")
    assert (code, Approval.objects.get().decision) == (0, "reject")
    assert '"À revoir."' in output
    code, _, _ = run("registry", "withdraw", "v1", "--team", "drh", "--reason", "Revu.")
    assert (code, Approval.objects.get().withdrawal.reason) == (0, "Revu.")
    code, output, _ = run("registry", "withdraw", "v1", "--team", "drh", "--reason", "Revu.", "--json")
    assert (code, refusal_of(output)["code"]) == (1, "not_allowed")
