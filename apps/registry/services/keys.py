"""Verbs on the keys that sign versions. Their private halves are files of this installation, the public ones rows."""

import logging
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record, turn
from apps.registry.models import ModelVersion, SigningKey
from apps.registry.selectors import find_version
from apps.registry.store import check_kept, check_signed, file_names, keep_signature, published_paths
from future_skills.errors import SigningKeyError
from future_skills.files import written_whole
from future_skills.signing import PrivateKey, Signature

logger = logging.getLogger(__name__)


@verb(Right.REGISTER, Right.ADMINISTER)
def create_key(*, actor: Actor) -> tuple[SigningKey, bool]:
    """The current key, made where there is none yet. The first registration does it by itself.

    Returns:
        The key, and whether it is new.

    Raises:
        OSError: the folder of the keys cannot be written.
    """
    with turn():
        key = _current_key()
        return (key, False) if key else (_new_key(actor), True)


@verb(Right.ADMINISTER)
def rotate_key(*, actor: Actor) -> SigningKey:
    """Make a new key, and retire the one in use: what it signed can still be checked, and its private half is removed.

    Raises:
        OSError: the folder of the keys cannot be written.
    """
    with turn():
        old = _current_key()
        if old is not None:
            old.current, old.retired_at, old.retired_by = False, timezone.now(), actor.name
            old.save(update_fields=["current", "retired_at", "retired_by"])
            transaction.on_commit(lambda: _remove(private_key_path(old)))
        return _new_key(actor, instead_of=old)


@verb(Right.REGISTER, Right.ADMINISTER)
def sign_manifest(*, actor: Actor, manifest_sha256: str) -> Signature:
    """Sign a version, known by the sha256 of its manifest, with the current key (made where there is none yet).

    Raises:
        SigningKeyError: the private key cannot be used.
    """
    with turn():  # a rotation waits, and removes no private key that is in use here
        return _private_key(_current_key() or _new_key(actor)).sign(manifest_sha256)


@verb(Right.ADMINISTER)
def sign_version(*, actor: Actor, version: str) -> ModelVersion:
    """Sign a version that was registered before versions were signed, or put a lost ``.sig`` back where it belongs.

    Raises:
        VersionNotFoundError: no such version.
        ArtifactMissingError, ArtifactHashMismatchError: a kept file is gone, or was changed.
        SignatureInvalidError: it has a signature, which no key of this installation made.
        SigningKeyError: the private key cannot be used.
    """
    check_kept(find_version(version))
    with turn():
        row = find_version(version)
        if row.signature is None:
            signature = sign_manifest(actor=actor, manifest_sha256=row.manifest_sha256)
        else:
            signature = check_signed(row)
        keep_signature(signature, name=file_names(row).signature.name, published=published_paths(row))
        row.signature = signature.model_dump()
        row.save(update_fields=["signature"])
        record(
            actor=actor,
            action="registry.sign_version",
            object_type="version",
            object_id=row.name,
            details={"manifest_sha256": row.manifest_sha256, "key_id": signature.key_id},
        )
    return row


def private_key_path(key: SigningKey) -> Path:
    """Where the private half of a key is, on the machines that have it."""
    path: Path = settings.KEYS_DIR / f"{key.key_id}.pem"
    return path


def _current_key() -> SigningKey | None:
    return SigningKey.objects.filter(current=True).first()


def _new_key(actor: Actor, *, instead_of: SigningKey | None = None) -> SigningKey:
    """A new current key, inside the caller's turn: its private half first, or the row would promise what cannot be done."""
    private = PrivateKey.generate()
    key = SigningKey(
        key_id=private.key_id, public_key=private.public_key, created_at=timezone.now(), created_by=actor.name
    )
    path = private_key_path(key)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with written_whole(path, exclusive=True) as temporary:
        temporary.chmod(0o600)  # before there is anything to read in it
        temporary.write_bytes(private.to_pem())
    key.save(force_insert=True)
    record(
        actor=actor,
        action="registry.rotate_key" if instead_of else "registry.create_key",
        object_type="key",
        object_id=key.key_id,
        details={"public_key": key.public_key, "instead_of": instead_of.key_id if instead_of else None},
    )
    return key


def _private_key(key: SigningKey) -> PrivateKey:
    path = private_key_path(key)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SigningKeyError(key=key.key_id[:12], path=str(path), problem=error.strerror) from error
    return PrivateKey.of_pem(content, key_id=key.key_id, path=str(path))


def _remove(path: Path) -> None:
    """Remove the private half of a retired key; the key stays retired whatever the disk says."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("The private half of a retired key could not be removed: %s", error)
