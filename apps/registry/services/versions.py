"""Verbs on versions: register, note, retract."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

import future_skills  # scikit-learn is loaded when a version is registered, not by every command
from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record, turn
from apps.registry.live import live_deployment
from apps.registry.models import Dataset, ModelVersion, Retraction, VersionNote
from apps.registry.selectors import find_version
from apps.registry.services.keys import sign_manifest
from apps.registry.services.page import render_after_commit
from apps.registry.store import keep_signature, keep_version, published_path
from future_skills.artifact import VersionPaths, check_files, read_rows, require_own_names
from future_skills.errors import (
    UsageError,
    VersionExistsError,
    translatable,
)
from future_skills.files import sha256_of_file
from future_skills.lifecycle import Act, Facts, require_allowed, stage_of
from future_skills.manifest import read_manifest
from future_skills.text import require_text


def require_new_version(name: str) -> None:
    """Refuse a name that was used already, retracted versions included.

    Raises:
        VersionExistsError: it was.
    """
    if ModelVersion.objects.filter(name=name).exists():
        raise VersionExistsError(version=name)


@verb(Right.REGISTER)
def register_version(*, actor: Actor, path: Path) -> ModelVersion:
    """Take a trained pair into the registry: every hash is checked, a copy is kept, signed, and the row is written.

    A model trained by hand and one trained from a page enter by this one function. Nothing is unpickled.

    Args:
        actor: who registers.
        path: of the ``.pkl`` or its manifest.

    Raises:
        ArtifactMissingError, ArtifactHashMismatchError, ManifestError: the files are not what they should be, or the
            metrics of the manifest are not those of its rows.
        VersionExistsError: the name was used already.
        SigningKeyError: the private key cannot be used.
    """
    return take_in(actor=actor, path=path, action="registry.register_version", details={})


@verb(Right.REGISTER, Right.ADMINISTER)
def take_in(*, actor: Actor, path: Path, action: str, details: Mapping[str, Any]) -> ModelVersion:
    """What registering is, whatever the door (see ``register_version``), whose own right was asked before.

    The row is written last, with its event. A process that is killed before leaves a copy in the store and a ``.sig``,
    which no row names: registering again finds them as they should be.

    Args:
        actor: who registers.
        path: of the ``.pkl`` or its manifest.
        action: the event's.
        details: what the event says besides the hashes.
    """
    paths = VersionPaths.of(path)
    manifest = read_manifest(paths.manifest)
    require_new_version(manifest.version)
    require_own_names(manifest, paths)
    check_files(manifest, paths)
    future_skills.check_metrics(manifest, read_rows(manifest, paths), path=str(paths.manifest))
    manifest_sha256 = sha256_of_file(paths.manifest)
    keep_version(manifest, paths, manifest_sha256=manifest_sha256)
    signature = sign_manifest(actor=actor, manifest_sha256=manifest_sha256)
    keep_signature(signature, name=paths.signature.name, published=paths)
    try:
        with transaction.atomic():
            version = ModelVersion.objects.create(
                **ModelVersion.copied_columns(manifest),
                manifest_sha256=manifest_sha256,
                dataset=Dataset.objects.filter(sha256=manifest.dataset.sha256).first(),
                parent=ModelVersion.objects.filter(name=manifest.parent).first(),
                registered_at=timezone.now(),
                registered_by=actor.name,
                signature=signature.model_dump(),
                published_path=published_path(paths),
            )
            record(
                actor=actor,
                action=action,
                object_type="version",
                object_id=version.name,
                details={
                    "manifest_sha256": manifest_sha256,
                    "model_sha256": version.model_sha256,
                    "dataset_sha256": manifest.dataset.sha256,
                    "key_id": signature.key_id,
                    **details,
                },
            )
            render_after_commit()
    except IntegrityError:
        require_new_version(manifest.version)  # two processes registered it at once, and the database let one through
        raise
    return version


@verb(Right.REGISTER)
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


@verb(Right.REGISTER)
def retract_version(*, actor: Actor, version: str, reason: str) -> Retraction:
    """Say that a version must not be used any more. Its files and its number stay taken.

    Raises:
        VersionNotFoundError: no such version.
        UsageError: the reason is empty, or the version was retracted already.
        NotAllowedError: it is in production.
    """
    reason = _words(reason, translatable("A retraction needs a reason, of 10 000 characters at most."))
    with turn():
        row = find_version(version)
        live = live_deployment()
        stage = stage_of(Facts(live=live is not None and live.version_id == row.pk))
        require_allowed(Act.RETRACT, stage, version=row.name)
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
