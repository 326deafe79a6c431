"""Verbs on versions: register, note, retract, reproduce."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.audit.services import record
from apps.registry.models import Dataset, ModelVersion, Retraction, VersionNote
from apps.registry.selectors import find_version
from apps.registry.services.page import render_after_commit
from apps.registry.store import dataset_path, keep_version, version_paths
from future_skills.artifact import VersionPaths, check_files, read_rows
from future_skills.dataset import read_dataset
from future_skills.environment import current_environment
from future_skills.errors import (
    ArtifactMissingError,
    NotReproducibleError,
    UsageError,
    VersionExistsError,
    translatable,
)
from future_skills.files import sha256_of_file
from future_skills.manifest import read_manifest
from future_skills.training import Progress, Recipe, fit_and_measure

__all__ = ["version_paths"]


def require_new_version(name: str) -> None:
    """Refuse a name that was used already, retracted versions included.

    Raises:
        VersionExistsError: it was.
    """
    if ModelVersion.objects.filter(name=name).exists():
        raise VersionExistsError(version=name)


def register_version(*, actor: Actor, path: Path) -> ModelVersion:
    """Take a trained pair into the registry: every hash is checked, a copy is kept, the row is written.

    A model trained by hand and one trained from a page enter by this one function. Nothing is unpickled.

    Args:
        actor: who registers.
        path: of the ``.pkl`` or its manifest.

    Raises:
        ArtifactMissingError, ArtifactHashMismatchError, ManifestError: the files are not what they should be.
        VersionExistsError: the name was used already.
    """
    paths = VersionPaths.of(path)
    manifest = read_manifest(paths.manifest)
    require_new_version(manifest.version)
    check_files(manifest, paths)
    manifest_sha256 = sha256_of_file(paths.manifest)
    keep_version(manifest, paths, manifest_sha256=manifest_sha256)
    metrics = manifest.metrics
    try:
        with transaction.atomic():
            version = ModelVersion.objects.create(
                name=manifest.version,
                manifest=manifest.model_dump(mode="json"),
                manifest_sha256=manifest_sha256,
                model_sha256=manifest.file(".pkl").sha256,
                dataset=Dataset.objects.filter(sha256=manifest.dataset.sha256).first(),
                parent=ModelVersion.objects.filter(name=manifest.parent).first(),
                trained_at=manifest.created_at,
                registered_at=timezone.now(),
                registered_by=actor.name,
                accuracy=metrics.accuracy,
                f1_weighted=metrics.f1_weighted,
                f1_macro=metrics.f1_macro,
            )
            record(
                actor=actor,
                action="registry.register_version",
                object_type="version",
                object_id=version.name,
                details={
                    "manifest_sha256": manifest_sha256,
                    "model_sha256": version.model_sha256,
                    "dataset_sha256": manifest.dataset.sha256,
                },
            )
            render_after_commit()
    except IntegrityError as error:
        # Two processes registered the same name at the same moment: the database let one through.
        raise VersionExistsError(version=manifest.version) from error
    return version


def add_note(*, actor: Actor, version: str, text: str) -> VersionNote:
    """Add a dated, named line to a version.

    Raises:
        VersionNotFoundError: no such version.
        UsageError: the text is empty or longer than 10 000 characters.
    """
    text = _words(text, translatable("A note needs a text, of 10 000 characters at most."))
    with transaction.atomic():
        note = VersionNote.objects.create(
            version=find_version(version), text=text, created_at=timezone.now(), created_by=actor.name
        )
        record(actor=actor, action="registry.note", object_type="version", object_id=version, details={"text": text})
        render_after_commit()
    return note


def retract_version(*, actor: Actor, version: str, reason: str) -> Retraction:
    """Say that a version must not be used any more. Its files and its number stay taken.

    Raises:
        VersionNotFoundError: no such version.
        UsageError: the reason is empty, or the version was retracted already.
    """
    reason = _words(reason, translatable("A retraction needs a reason, of 10 000 characters at most."))
    with transaction.atomic():
        row = find_version(version)
        retraction, created = Retraction.objects.get_or_create(
            version=row, defaults={"reason": reason, "created_at": timezone.now(), "created_by": actor.name}
        )
        if not created:
            raise UsageError(
                translatable("Version {version} was retracted already by {name}: {reason}"),
                version=version,
                name=retraction.created_by,
                reason=retraction.reason,
            )
        record(
            actor=actor, action="registry.retract", object_type="version", object_id=version, details={"reason": reason}
        )
        render_after_commit()
    return retraction


def _words(text: str, refusal: str) -> str:
    text = text.strip()
    if not 0 < len(text) <= 10_000:
        raise UsageError(refusal)
    return text


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What training again from the kept dataset gave.

    Attributes:
        version: its name.
        differences: what is not identical: name -> (then, now); empty when everything is.
        environment: libraries that are not the ones of the training: name -> (then, now).
    """

    version: str
    differences: dict[str, tuple[Any, Any]]
    environment: dict[str, tuple[str, str]]

    @property
    def identical(self) -> bool:
        """Whether metrics, baselines and every prediction of the test rows are the same to the last bit."""
        return not self.differences


def reproduce_version(*, actor: Actor, version: str, on_step: Progress) -> Reproduction:
    """Train a version again from the kept copy of its dataset, and compare metrics and every test prediction.

    Raises:
        VersionNotFoundError: no such version.
        NotReproducibleError: its dataset was not kept.
    """
    row = find_version(version)
    manifest = row.words
    if row.dataset is None:
        raise NotReproducibleError(
            translatable("The dataset of {version} (sha256 {sha256}) was not kept, so it cannot be trained again."),
            hint=translatable("Train with the dataset registered, without --no-register."),
            version=version,
            sha256=manifest.dataset.sha256,
        )
    try:
        path = dataset_path(row.dataset)
    except ArtifactMissingError as error:
        raise NotReproducibleError(
            translatable("The kept copy of the dataset of {version} is gone: {path}."),
            version=version,
            path=error.details["path"],
        ) from error
    on_step("read the dataset")
    dataset = read_dataset(
        path,
        period_column=manifest.dataset.period_column,
        label_period_column=manifest.dataset.label_period_column,
    )
    trained = fit_and_measure(dataset, Recipe.of(manifest), on_step=on_step)
    differences: dict[str, tuple[Any, Any]] = {}
    if dataset.sha256 != manifest.dataset.sha256:
        differences["dataset.sha256"] = (manifest.dataset.sha256, dataset.sha256)
    then, now = (
        _flat({"metrics": metrics.model_dump(), "baselines": baselines.model_dump()})
        for metrics, baselines in ((manifest.metrics, manifest.baselines), (trained.metrics, trained.baselines))
    )
    differences |= {
        name: (then.get(name), now.get(name)) for name in {**then, **now} if then.get(name) != now.get(name)
    }
    kept = read_rows(manifest, version_paths(row))
    if not kept.equals(trained.rows):
        changed = (
            (kept != trained.rows).select("low", "medium", "high").sum_horizontal().sum()
            if kept.shape == trained.rows.shape
            else None
        )
        differences["predictions"] = (f"{len(kept)} rows", f"{changed} changed probabilities")
    libraries = current_environment().libraries
    environment = {
        name: (old, libraries.get(name, "—"))
        for name, old in manifest.environment.libraries.items()
        if libraries.get(name) != old
    }
    with transaction.atomic():
        record(
            actor=actor,
            action="registry.reproduce",
            object_type="version",
            object_id=version,
            details={"identical": not differences, "differences": sorted(differences)},
        )
    return Reproduction(version, differences, environment)


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as dotted names."""
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat |= _flat(item, f"{prefix}.{key}" if prefix else str(key))
    return flat
