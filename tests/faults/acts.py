"""What the worker's children do besides commands: prepare an installation, and look at what is there."""

from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User

from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.accounts.services import create_token
from apps.audit.models import AuditEvent
from apps.audit.services import turn, verify_chain
from apps.registry.models import Approval, Deployment, ModelVersion
from apps.registry.services.approvals import withdraw
from apps.registry.services.deployments import deploy_version
from apps.registry.services.soundness import require_sound
from apps.registry.services.versions import register_version
from apps.registry.standing import standing_of
from apps.serving.campaigns.models import CampaignCell
from apps.serving.campaigns.services import start_campaign
from apps.serving.campaigns.work import folder_of, work_on
from apps.serving.models import Prediction
from apps.workforce.models import SkillSnapshot
from future_skills.artifact import VersionPaths, check_files
from future_skills.errors import FutureSkillsError
from future_skills.manifest import read_manifest
from tests.apps.registry.promotion import (
    CLAIRE,
    DOMINIQUE,
    EASY,
    NADIA,
    ODILE,
    OLIVIER,
    approved,
    deployed,
    gate_passed,
    hire,
    put_in_force,
    stored,
    twin,
)


def prepare(count: int) -> dict[str, str]:
    """The cast, an easy policy, v1 in production, and ``count`` versions of its very model: v2, v3, …

    Returns:
        A token for each of the people who decide.
    """

    def person(username: str, *roles: str) -> User:
        user = User.objects.create(username=username, password="!")
        user.groups.set(Group.objects.filter(name__in=roles))
        return user

    hire(person)
    put_in_force(settings.ML_DIR, EASY)
    deployed("v1")
    for number in range(2, 2 + count):
        register_version(actor=NADIA, path=twin(settings.ML_DIR, "v1", f"v{number}"))
    scopes = {DOMINIQUE: Right.APPROVE_DATA, CLAIRE: Right.APPROVE_DRH, OLIVIER: Right.DEPLOY, ODILE: Right.DEPLOY}
    return {
        actor.name: create_token(actor=actor, username=actor.name, name="pannes", scopes=[Right.READ, right])[1]
        for actor, right in scopes.items()
    }


def make_twin(name: str) -> str:
    """The pair of a version that is not registered yet."""
    return str(twin(settings.ML_DIR, "v1", name))


def make_approved(version: str) -> str:
    """A version with both approvals."""
    return approved(version).stage


def make_gate_passed(version: str) -> str:
    """A version that waits for people."""
    return gate_passed(version).stage


def take_back(version: str) -> None:
    """Every approval of a version."""
    for team, decision in standing_of(stored(version)).decisions.items():
        actor = Actor(decision.created_by, "login")
        withdraw(actor=actor, version=version, team=Approval.Team(team), reason="Essai.")


def deploy_if_still(version: str, who: str, seen: int) -> dict[str, Any]:
    """What the button of a page does: deploy, if what is live is still what the person saw."""
    try:
        deployment = deploy_version(actor=Actor(who, "login"), version=version, seen=seen)
    except FutureSkillsError as error:
        return {"error": {"code": error.code, "details": error.details}}
    return {"deployed": deployment.pk}


def score_all(label: str) -> dict[str, Any]:
    """A campaign in chunks of ten pairs, begun or gone on with; what there is of it at its end."""
    started = start_campaign(actor=NADIA, label=label, enqueue=False, chunk_rows=10)
    campaign = work_on(started.campaign.pk)
    events = AuditEvent.objects.filter(object_type="campaign", object_id=str(campaign.pk)).order_by("sequence")
    return {
        "sha256": campaign.result_sha256,
        "chunks": campaign.chunks,
        "pairs": sum(CampaignCell.objects.filter(campaign=campaign).values_list("pairs", flat=True)),
        "events": list(events.values_list("action", flat=True)),
        "left": folder_of(campaign).exists(),
    }


def look() -> dict[str, Any]:
    """The facts, once every act under way has ended, and the check of the audit log (which raises)."""
    with turn():
        deployments = list(
            Deployment.objects.order_by("id").values_list(
                "id", "version__name", "kind", "live", "previous", "previous__ended_at", "started_at", "started_by"
            )
        )
        return {
            "live": list(Deployment.objects.filter(live=True).values_list("version__name", flat=True)),
            "deployments": deployments,
            "versions": list(ModelVersion.objects.values_list("name", flat=True)),
            "approvals": list(Approval.objects.order_by("id").values_list("version__name", "team", "created_by")),
            "standing": list(Approval.objects.filter(withdrawal=None).values_list("version__name", "team")),
            "events": Counter(
                f"{action} {name}" for action, name in AuditEvent.objects.values_list("action", "object_id")
            ),
            "chain": verify_chain(),
        }


def pairs(count: int) -> list[dict[str, str]]:
    """Some pairs of the newest facts, as rows of a request."""
    newest = SkillSnapshot.objects.order_by("-period", "id").select_related("job_role", "skill")[:count]
    return [{"job_role_name": one.job_role.name, "skill_name": one.skill.name} for one in newest]


def logged() -> dict[str, list[Any]]:
    """The prediction log: identifier -> request, version, level, probabilities."""
    return {
        str(line.id): [str(line.request_id), line.version, line.level, line.probabilities]
        for line in Prediction.objects.all()
    }


def sound(version: str) -> str:
    """Every byte of a version, its signature and its stored answers, as a deployment checks them."""
    require_sound(stored(version))
    return version


def published(name: str) -> bool | None:
    """Whether a pair is published: None where there is no manifest; every file it names must be right."""
    paths = VersionPaths(Path(settings.ML_DIR) / f"future_skills_model_{name}.pkl")
    if not paths.manifest.exists():
        return None
    check_files(read_manifest(paths.manifest), paths)
    return True
