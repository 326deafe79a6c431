"""The cast of promotion, and the shortest honest way of a version into production.

Nadia trained the versions. Every helper goes through the services, as these people: no row is written by hand.
"""

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from apps.accounts.actors import Actor
from apps.registry.models import Approval, Deployment, ModelVersion, ValidationSample
from apps.registry.services.approvals import approve
from apps.registry.services.deployments import deploy_version
from apps.registry.services.gate import evaluate_gate
from apps.registry.services.policies import set_policy
from apps.registry.services.samples import Given, draw_sample, label_items
from apps.registry.standing import Standing, standing_of
from future_skills.artifact import SIGNATURE_SUFFIX, VersionPaths
from future_skills.manifest import manifest_text, read_manifest
from future_skills.policy import default_policy

NADIA: Final = Actor("nadia", "login")
DOMINIQUE: Final = Actor("dominique", "login")
CAMILLE: Final = Actor("camille", "login")
CLAIRE: Final = Actor("claire", "login")
DRISS: Final = Actor("driss", "login")
OLIVIER: Final = Actor("olivier", "login")
ODILE: Final = Actor("odile", "login")
ADELE: Final = Actor("adele", "login")
AUDE: Final = Actor("aude", "login")

ROLES: Final = {
    NADIA: ("data_scientist",),
    DOMINIQUE: ("data_scientist",),
    CAMILLE: ("data_scientist", "drh_reviewer"),  # may speak for either team, and never for both
    CLAIRE: ("drh_reviewer",),
    DRISS: ("drh_reviewer",),
    OLIVIER: ("operator",),
    ODILE: ("operator",),
    ADELE: ("administrator",),
    AUDE: ("auditor",),
}

DATA, DRH = Approval.Team.DATA, Approval.Team.DRH


def hire(person: Callable[..., Any]) -> None:
    """Make the accounts of the cast."""
    for actor, roles in ROLES.items():
        person(actor.name, *roles)


def policy_document(**changes: Any) -> dict[str, Any]:
    """The repository's policy with other values: ``policy_document(sample={"minimum_size": 12})``."""
    document = default_policy().model_dump(mode="json")
    for part, values in changes.items():
        document[part] |= values
    return document


EASY: Final = policy_document(
    written_rule={"minimum_precision": 0.2},
    second_lock={
        "confidence": 0.5,
        "draws": 200,
        "minimum_predictions": 1,
        "margins": dict.fromkeys(default_policy().second_lock.margins.model_dump(), 0.5),
    },
    sample={"minimum_size": 12, "minimum_agreement": 0.5, "second_reviewer_share": 0.0},
)
"""What the models of the small company meet: promotion is what these tests are about, not statistics."""

HARD: Final = {**EASY, "written_rule": {"f1_weighted_gain": 0.02, "minimum_precision": 0.999}}
"""What none of them meets: the written rule refuses."""


def put_in_force(folder: Path, document: dict[str, Any], *, actor: Actor = ADELE) -> None:
    """Make this the gate policy."""
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(document))
    set_policy(actor=actor, path=path, reason="Essai.")


def drawn_and_labelled(version: str, *, by: Actor = CLAIRE, wrong: Iterable[int] = ()) -> ValidationSample:
    """A sample of 12 rows, labelled as the model says, but for the positions ``wrong``."""
    sample = draw_sample(actor=DOMINIQUE, version=version, size=12)
    spoilt = set(wrong)
    answers = [
        Given(item.position, _other(item.predicted) if item.position in spoilt else item.predicted)
        for item in sample.items.all()
    ]
    return label_items(actor=by, version=version, answers=answers).sample


def _other(level: str) -> Any:
    return "LOW" if level == "HIGH" else "HIGH"


def gate_passed(version: str) -> Standing:
    """The version with a completed sample and a report that may be approved."""
    drawn_and_labelled(version)
    return evaluate_gate(actor=DOMINIQUE, version=version)


def approved(version: str) -> Standing:
    """The version with both approvals."""
    standing = gate_passed(version)
    approve(actor=DOMINIQUE, version=version, team=DATA)
    approve(actor=CLAIRE, version=version, team=DRH)
    return standing_of(standing.version)


def deployed(version: str) -> Deployment:
    """The version in production."""
    approved(version)
    return deploy_version(actor=OLIVIER, version=version)


def twin(folder: Path, source: str, name: str, *, author: str = NADIA.name) -> Path:
    """A pair with the very model of another one, under a name of its own; returns its ``.pkl``."""
    paths = VersionPaths(folder / f"future_skills_model_{source}.pkl")
    own = VersionPaths(folder / f"future_skills_model_{name}.pkl")
    manifest = read_manifest(paths.manifest)
    files = []
    for entry in manifest.files:
        renamed = entry.name.replace(paths.model.stem, own.model.stem)
        shutil.copy(folder / entry.name, folder / renamed)
        files.append(entry.model_copy(update={"name": renamed}))
    words = manifest.model_copy(update={"version": name, "author": author, "files": tuple(files)})
    own.manifest.write_text(manifest_text(words), encoding="utf-8")
    assert not own.beside(SIGNATURE_SUFFIX).exists()
    return own.model


def stored(version: str) -> ModelVersion:
    """The row of a version, read again."""
    return ModelVersion.objects.get(name=version)


def refusal_of(output: str) -> dict[str, Any]:
    """The error of a command run with ``--json``."""
    error: dict[str, Any] = json.loads(output)["error"]
    return error
