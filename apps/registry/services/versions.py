"""Verbs on versions: register, note, retract."""

from pathlib import Path

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.audit.services import record
from apps.registry.models import Dataset, ModelVersion, Retraction, VersionNote
from apps.registry.selectors import find_version
from apps.registry.services.page import render_after_commit
from apps.registry.store import keep_version
from future_skills.artifact import VersionPaths, check_files
from future_skills.errors import (
    UsageError,
    VersionExistsError,
    translatable,
)
from future_skills.files import sha256_of_file
from future_skills.manifest import read_manifest
from future_skills.text import require_text


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
    try:
        with transaction.atomic():
            version = ModelVersion.objects.create(
                **ModelVersion.copied_columns(manifest),
                manifest_sha256=manifest_sha256,
                dataset=Dataset.objects.filter(sha256=manifest.dataset.sha256).first(),
                parent=ModelVersion.objects.filter(name=manifest.parent).first(),
                registered_at=timezone.now(),
                registered_by=actor.name,
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
    except IntegrityError:
        require_new_version(manifest.version)  # two processes registered it at once, and the database let one through
        raise
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
    text = require_text(text)
    if not 0 < len(text) <= 10_000:
        raise UsageError(refusal)
    return text
