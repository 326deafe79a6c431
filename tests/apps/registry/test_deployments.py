"""Versions go into production, come back, and predictions are suspended."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.registry.live import deployment_at, live_deployment, open_suspension, way_back
from apps.registry.models import Deployment
from apps.registry.services.deployments import deploy_version, resume, roll_back, suspend
from apps.registry.services.versions import register_version, retract_version
from apps.registry.standing import standing_of
from future_skills.artifact import CASES_SUFFIX, VersionPaths
from future_skills.errors import (
    ArtifactHashMismatchError,
    DeployedMeanwhileError,
    NotAllowedError,
    NothingLiveError,
    NotPromotableError,
    SmokeFailedError,
    UsageError,
    VersionNotFoundError,
)
from future_skills.errors import PermissionDeniedError as Denied
from future_skills.files import sha256_of_file
from future_skills.lifecycle import Stage
from future_skills.manifest import manifest_text, read_manifest
from tests.apps.registry.promotion import (
    ADELE,
    CLAIRE,
    DOMINIQUE,
    HARD,
    NADIA,
    ODILE,
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


def live() -> str | None:
    found = live_deployment()
    return found.version.name if found else None


def stage(version: str) -> Stage:
    return standing_of(stored(version)).stage


# --- Deploy -------------------------------------------------------------------------------------------------------------
def test_the_first_version_goes_into_production_and_the_next_one_takes_its_place(office: Path) -> None:
    first = deployed("v1")
    assert (live(), first.previous, first.kind, first.started_by, first.live) == ("v1", None, "deploy", "olivier", True)
    assert first.report is not None
    assert first.report.version.name == "v1"

    second = deployed("v3")
    first.refresh_from_db()
    assert (live(), second.previous, first.live, first.ended_at) == ("v3", first, False, second.started_at)
    assert (stage("v1"), stage("v3")) == (Stage.RETIRED, Stage.LIVE)
    assert second.report is not None
    assert second.report.champion == stored("v1")
    event = AuditEvent.objects.get(action="registry.deploy", object_id="v3")
    assert event.details == {
        "from": "v1",
        "to": "v3",
        "reason": "",
        "model_sha256": stored("v3").model_sha256,
        "report_sha256": second.report.sha256,
    }


def test_what_was_live_at_a_moment_is_asked_of_the_rows(office: Path) -> None:
    first, second = deployed("v1"), deployed("v3")
    assert deployment_at(first.started_at - timedelta(seconds=1)) is None
    assert deployment_at(first.started_at) == first
    assert deployment_at(second.started_at - timedelta(microseconds=1)) == first
    assert deployment_at(second.started_at) == second
    assert deployment_at(timezone.now()) == second


def test_a_version_whose_criteria_are_not_met_stays_out(office: Path, tmp_path: Path) -> None:
    deployed("v1")
    with pytest.raises(NotPromotableError) as refused:
        deploy_version(actor=OLIVIER, version="v3")
    assert refused.value.details["checks"] == ["report", "approval.data", "approval.drh"]
    gate_passed("v3")
    with pytest.raises(NotPromotableError) as refused:
        deploy_version(actor=OLIVIER, version="v3")
    assert refused.value.details["checks"] == ["approval.data", "approval.drh"]
    put_in_force(tmp_path, HARD)
    gate_passed("v3")
    with pytest.raises(NotPromotableError) as refused:
        deploy_version(actor=OLIVIER, version="v3")
    assert refused.value.details["verdict"] == "refused"
    assert (live(), Deployment.objects.count()) == ("v1", 1)


def test_only_operators_change_what_answers(office: Path) -> None:
    deployed("v1")
    approved("v3")
    for actor in (NADIA, DOMINIQUE, CLAIRE, ADELE, Actor("stranger", "login"), Actor("stranger", "declared")):
        for act in (
            lambda actor=actor: deploy_version(actor=actor, version="v3"),
            lambda actor=actor: roll_back(actor=actor, reason="Essai."),
            lambda actor=actor: suspend(actor=actor, reason="Essai."),
            lambda actor=actor: resume(actor=actor),
        ):
            with pytest.raises(Denied):
                act()
    assert (live(), open_suspension()) == ("v1", None)
    deploy_version(actor=Actor("olivier", "declared"), version="v3")  # no proof is asked for: two teams approved


def test_a_version_that_is_live_unknown_or_retracted_is_not_deployed(office: Path) -> None:
    deployed("v1")
    with pytest.raises(NotAllowedError):
        deploy_version(actor=OLIVIER, version="v1")
    with pytest.raises(VersionNotFoundError):
        deploy_version(actor=OLIVIER, version="v99")
    approved("v3")
    retract_version(actor=NADIA, version="v3", reason="Erreur dans les données.")
    with pytest.raises(NotAllowedError):
        deploy_version(actor=OLIVIER, version="v3")
    for words in ("x" * 10_001, "pour\x00quoi"):
        with pytest.raises(UsageError):
            deploy_version(actor=OLIVIER, version="v3", reason=words)


@pytest.mark.parametrize("where", ["store", "published pair", "dataset"])
@pytest.mark.parametrize("act", ["deploy", "rollback"])
def test_a_changed_file_never_goes_live_and_the_old_version_goes_on(office: Path, where: str, act: str) -> None:
    deployed("v1")
    if act == "rollback":
        deployed("v3")
    else:
        approved("v3")
    was, goes = ("v3", "v1") if act == "rollback" else ("v1", "v3")
    version = stored(goes)
    file = {
        "store": project.ARTIFACTS_DIR / "versions" / version.manifest_sha256 / f"future_skills_model_{goes}.pkl",
        "published pair": office / f"future_skills_model_{goes}.pkl",
        "dataset": next((project.ARTIFACTS_DIR / "datasets" / version.manifest["dataset"]["sha256"]).iterdir()),
    }[where]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    acts = {
        "deploy": lambda: deploy_version(actor=OLIVIER, version=goes),
        "rollback": lambda: roll_back(actor=OLIVIER, reason="Retour."),
    }
    with pytest.raises(ArtifactHashMismatchError):
        acts[act]()
    assert live() == was


def test_a_model_that_no_longer_gives_its_stored_answers_never_goes_live(office: Path) -> None:
    paths = VersionPaths(twin(office, "v1", "v4"))
    cases = json.loads(paths.beside(CASES_SUFFIX).read_text())
    cases[3]["probabilities"]["LOW"] += 1e-6
    paths.beside(CASES_SUFFIX).write_text(json.dumps(cases))
    manifest = read_manifest(paths.manifest)
    spoilt = paths.beside(CASES_SUFFIX)
    files = tuple(
        entry.model_copy(update={"sha256": sha256_of_file(spoilt), "bytes": spoilt.stat().st_size})
        if entry.name == spoilt.name
        else entry
        for entry in manifest.files
    )
    paths.manifest.write_text(manifest_text(manifest.model_copy(update={"files": files})), encoding="utf-8")
    register_version(actor=NADIA, path=paths.model)
    deployed("v1")
    approved("v4")
    with pytest.raises(SmokeFailedError):
        deploy_version(actor=OLIVIER, version="v4")
    assert live() == "v1"


def test_of_two_people_the_second_is_told_who_and_when(office: Path) -> None:
    first = deployed("v1")
    approved("v3")
    deploy_version(actor=ODILE, version="v3", seen=first.pk)
    for act in (
        lambda: deploy_version(actor=OLIVIER, version="v3", seen=first.pk),
        lambda: roll_back(actor=OLIVIER, reason="Retour.", seen=first.pk),
        lambda: deploy_version(actor=OLIVIER, version="v3", seen=0),
    ):
        with pytest.raises(DeployedMeanwhileError) as refused:
            act()
        assert (refused.value.details["name"], refused.value.details["version"]) == ("odile", "v3")
        assert refused.value.details["at"]
    assert Deployment.objects.count() == 2


def test_whoever_looks_at_an_empty_production_is_told_too(office: Path) -> None:
    approved("v1")
    with pytest.raises(NothingLiveError):
        deploy_version(actor=OLIVIER, version="v1", seen=7)
    deploy_version(actor=OLIVIER, version="v1", seen=0)
    assert live() == "v1"


def test_the_database_itself_refuses_a_second_live_version(office: Path) -> None:
    first = deployed("v1")
    with pytest.raises(IntegrityError), transaction.atomic():
        Deployment.objects.create(
            version=stored("v3"), previous=first, kind="rollback", reason="", started_at=timezone.now(), started_by="x"
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        Deployment.objects.filter(pk=first.pk).update(live=False)  # closed without an end
    with pytest.raises(IntegrityError), transaction.atomic():
        Deployment.objects.filter(pk=first.pk).update(report=None)  # in production without evidence
    assert live() == "v1"


def test_a_folder_that_cannot_be_written_never_fails_a_deployment(
    office: Path, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    approved("v1")
    settings.ML_DIR = office / "future_skills_model_v1.pkl"  # a file, where a folder should be
    with django_capture_on_commit_callbacks(execute=True):
        deploy_version(actor=OLIVIER, version="v1")
    assert live() == "v1"


# --- Roll back ----------------------------------------------------------------------------------------------------------
def test_rollback_puts_back_what_was_live_before_without_new_approvals(office: Path) -> None:
    deployed("v1")
    second = deployed("v3")
    back = roll_back(actor=OLIVIER, reason="  Trop d'erreurs graves.  ")
    assert (live(), back.kind, back.previous, back.report, back.reason) == (
        "v1",
        "rollback",
        second,
        None,
        "Trop d'erreurs graves.",
    )
    assert (stage("v1"), stage("v3")) == (Stage.LIVE, Stage.RETIRED)
    assert AuditEvent.objects.get(action="registry.rollback").details["from"] == "v3"


def test_rolling_back_again_goes_further_back_and_never_to_what_was_left(office: Path) -> None:
    deployed("v1")
    for name in ("v4", "v5"):
        register_version(actor=NADIA, path=twin(office, "v1", name))
        deployed(name)
    assert [roll_back(actor=OLIVIER, reason="Retour.").version.name for _ in range(2)] == ["v4", "v1"]
    assert way_back() is None
    with pytest.raises(NotAllowedError):
        roll_back(actor=OLIVIER, reason="Encore.")
    assert roll_back(actor=OLIVIER, reason="La dernière était la bonne.", to="v5").version.name == "v5"
    retract_version(actor=NADIA, version="v4", reason="Erreur.")
    assert roll_back(actor=OLIVIER, reason="Retour.").version.name == "v1"  # v4 is passed over


def test_rollback_needs_words_and_a_version_that_was_live(office: Path) -> None:
    with pytest.raises(NothingLiveError):
        roll_back(actor=OLIVIER, reason="Retour.")
    deployed("v1")
    with pytest.raises(NotAllowedError):  # the only one that ever was
        roll_back(actor=OLIVIER, reason="Retour.")
    for to, expected in (("v3", NotAllowedError), ("v1", NotAllowedError), ("v99", VersionNotFoundError)):
        with pytest.raises(expected):
            roll_back(actor=OLIVIER, reason="Retour.", to=to)
    deployed("v3")
    for words in ("", "  ", "x" * 10_001):
        with pytest.raises(UsageError):
            roll_back(actor=OLIVIER, reason=words)
    retract_version(actor=NADIA, version="v1", reason="Erreur.")
    with pytest.raises(NotAllowedError):
        roll_back(actor=OLIVIER, reason="Retour.", to="v1")
    assert live() == "v3"


def test_the_live_version_is_retracted_only_once_another_one_is_live(office: Path) -> None:
    deployed("v1")
    with pytest.raises(NotAllowedError):
        retract_version(actor=NADIA, version="v1", reason="Erreur.")
    deployed("v3")
    retract_version(actor=NADIA, version="v1", reason="Erreur.")
    assert (stage("v1"), live()) == (Stage.RETRACTED, "v3")


def test_a_version_that_came_back_keeps_the_evidence_it_went_in_with(office: Path) -> None:
    """Rolled back from, the other version is judged against the same champion as before: its approvals still hold."""
    deployed("v1")
    deployed("v3")
    roll_back(actor=OLIVIER, reason="Panne ailleurs.")
    again = deploy_version(actor=OLIVIER, version="v3", reason="La panne n'était pas du modèle.")
    assert (live(), again.reason) == ("v3", "La panne n'était pas du modèle.")


# --- Suspend ------------------------------------------------------------------------------------------------------------
def test_predictions_are_suspended_with_a_reason_and_resumed(office: Path) -> None:
    with pytest.raises(NothingLiveError):
        suspend(actor=OLIVIER, reason="Incident.")
    deployed("v1")
    with pytest.raises(UsageError):
        suspend(actor=OLIVIER, reason=" ")
    suspend(actor=OLIVIER, reason="Incident sur les données de paie.")
    with pytest.raises(UsageError) as refused:
        suspend(actor=ODILE, reason="Encore.")
    assert (refused.value.details["name"], refused.value.details["reason"]) == (
        "olivier",
        "Incident sur les données de paie.",
    )
    deployed("v3")  # what is deployed meanwhile does not answer either
    under_way = open_suspension()
    assert under_way is not None
    with pytest.raises(UsageError):
        resume(actor=ODILE, reason="x" * 10_001)
    ended = resume(actor=ODILE, reason="Corrigé.")
    assert (open_suspension(), ended.pk, ended.ended_by) == (None, under_way.pk, "odile")
    with pytest.raises(UsageError):
        resume(actor=ODILE)
    events = AuditEvent.objects.filter(action__in=["registry.suspend", "registry.resume"]).order_by("sequence")
    assert [(event.actor, event.object_id) for event in events] == [("olivier", "v1"), ("odile", "v3")]


# --- In a terminal ------------------------------------------------------------------------------------------------------
def test_an_operator_does_all_of_it_in_a_terminal(office: Path, run: Run) -> None:
    code, output, _ = run("registry", "live", "--json")
    assert (code, refusal_of(output)["code"]) == (1, "nothing_live")
    deployed("v1")
    approved("v3")

    code, output, _ = run("registry", "deploy", "v3", "--reason", "Meilleure.", "--as", "olivier", "--json")
    assert code == 0
    assert {key: json.loads(output)[key] for key in ("version", "previous", "kind", "reason")} == {
        "version": "v3",
        "previous": "v1",
        "kind": "deploy",
        "reason": "Meilleure.",
    }
    moment = timezone.localtime(Deployment.objects.get(version__name="v1").started_at)
    code, output, _ = run("registry", "live", "--at", f"{moment:%Y-%m-%dT%H:%M:%S.%f}", "--json")
    assert (code, json.loads(output)["version"]) == (0, "v1")
    code, output, _ = run("registry", "live", "--at", "2020-01-01", "--json")
    assert (code, refusal_of(output)["code"]) == (1, "nothing_live")

    code, output, _ = run("registry", "rollback", "--reason", "Retour.", "--as", "olivier", "--json")
    assert (code, json.loads(output)["version"]) == (0, "v1")
    code, output, _ = run("registry", "suspend", "--reason", "Incident.", "--as", "olivier", "--json")
    assert code == 0
    code, output, _ = run("registry", "live", "--json")
    assert json.loads(output)["suspension"]["reason"] == "Incident."
    code, output, _ = run("registry", "resume", "--as", "olivier", "--json")
    assert code == 0
    code, output, _ = run("registry", "history", "--json")
    history = json.loads(output)
    assert (history["total"], [one["version"] for one in history["deployments"]]) == (3, ["v1", "v3", "v1"])
    code, output, _ = run("registry", "history")
    assert (code, output.count("v3")) == (0, 2)  # its own line, and "before it" of the rollback

    for words, expected in (
        (("deploy", "v2"), "not_promotable"),
        (("deploy", "v1"), "not_allowed"),
        (("rollback", "--to", "v2", "--reason", "Retour."), "not_allowed"),
        (("resume",), "usage"),
    ):
        code, output, _ = run("registry", *words, "--as", "olivier", "--json")
        assert (code, refusal_of(output)["code"]) == (1, expected)
    code, output, _ = run("registry", "deploy", "v3", "--as", "aude", "--json")
    assert (code, refusal_of(output)["code"]) == (1, "permission_denied")
