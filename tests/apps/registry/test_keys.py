"""The keys that sign versions: made once, rotated, their private halves readable by nobody else."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.audit.services import verify_chain
from apps.registry.models import ModelVersion, SigningKey
from apps.registry.services.keys import create_key, private_key_path, rotate_key, sign_version
from apps.registry.services.soundness import require_sound
from apps.registry.services.versions import register_version
from apps.registry.store import open_version, version_paths
from future_skills.artifact import VersionPaths, load_version
from future_skills.errors import (
    ArtifactHashMismatchError,
    PermissionDeniedError,
    SignatureMissingError,
    SigningKeyError,
    VersionNotFoundError,
)
from tests.apps.registry.promotion import ADELE, AUDE, NADIA, hire

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def people(person: Callable[..., Any]) -> None:
    """Everybody has an account."""
    hire(person)


def test_the_first_registration_makes_the_key(registered: list[ModelVersion]) -> None:
    key = SigningKey.objects.get()
    assert (key.created_by, key.current) == ("nadia", True)
    assert [version.signature["key_id"] for version in registered] == [key.key_id] * 2
    event = AuditEvent.objects.get(action="registry.create_key")
    assert (event.actor, event.object_id, event.details["public_key"]) == ("nadia", key.key_id, key.public_key)
    assert verify_chain() == AuditEvent.objects.count()


def test_the_private_half_is_read_by_its_owner_only_and_is_not_in_the_database(
    registered: list[ModelVersion],
) -> None:
    path = private_key_path(SigningKey.objects.get())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    secret = path.read_text().splitlines()[1]
    rows = str(list(SigningKey.objects.values())) + str(list(AuditEvent.objects.values()))
    assert secret not in rows


def test_a_key_is_made_once() -> None:
    key, new = create_key(actor=NADIA)
    assert create_key(actor=ADELE) == (key, False)
    assert (new, AuditEvent.objects.filter(action="registry.create_key").count()) == (True, 1)


def test_the_database_refuses_a_second_key_in_use() -> None:
    create_key(actor=NADIA)
    with pytest.raises(IntegrityError), transaction.atomic():
        SigningKey.objects.create(
            key_id="a" * 64, public_key="b" * 64, created_at="2026-03-04T09:05:00Z", created_by="x"
        )
    assert SigningKey.objects.count() == 1


def test_what_an_older_key_signed_is_still_vouched_for(
    registered: list[ModelVersion], pairs: Path, django_capture_on_commit_callbacks: Any
) -> None:
    old = SigningKey.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        new = rotate_key(actor=ADELE)
    old.refresh_from_db()
    assert (old.current, old.retired_by, new.current) == (False, "adele", True)
    assert not private_key_path(old).exists()
    assert private_key_path(new).is_file()
    require_sound(registered[1])
    event = AuditEvent.objects.get(action="registry.rotate_key")
    assert (event.object_id, event.details["instead_of"]) == (new.key_id, old.key_id)


def test_the_new_key_signs_what_comes_after(registered: list[ModelVersion], pairs: Path) -> None:
    rotate_key(actor=ADELE)
    ModelVersion.objects.filter(name="v2").delete()
    again = register_version(actor=NADIA, path=pairs / "future_skills_model_v2.pkl")
    assert again.signature["key_id"] == SigningKey.objects.get(current=True).key_id
    assert again.signature["key_id"] != registered[0].signature["key_id"]
    require_sound(again)


def test_a_private_key_that_is_gone_or_another_signs_nothing(pairs: Path) -> None:
    key, _ = create_key(actor=NADIA)
    private_key_path(key).write_bytes(b"-----BEGIN PRIVATE KEY-----")
    with pytest.raises(SigningKeyError, match="is not the private key"):
        register_version(actor=NADIA, path=pairs / "future_skills_model_v1.pkl")
    private_key_path(key).unlink()
    with pytest.raises(SigningKeyError, match="No such file") as refusal:
        register_version(actor=NADIA, path=pairs / "future_skills_model_v1.pkl")
    assert "registry keys --rotate" in str(refusal.value)
    assert ModelVersion.objects.count() == 0
    rotate_key(actor=ADELE)
    require_sound(register_version(actor=NADIA, path=pairs / "future_skills_model_v1.pkl"))


def test_only_administrators_rotate_and_sign(registered: list[ModelVersion]) -> None:
    for actor in (NADIA, AUDE, Actor("adele", "declared")):
        with pytest.raises(PermissionDeniedError):
            rotate_key(actor=actor)
        with pytest.raises(PermissionDeniedError):
            sign_version(actor=actor, version="v1")
    with pytest.raises(PermissionDeniedError):
        create_key(actor=AUDE)
    assert SigningKey.objects.count() == 1


# --- Versions registered before versions were signed ----------------------------------------------------------------------
@pytest.fixture
def unsigned(registered: list[ModelVersion]) -> ModelVersion:
    """v1 as an earlier release left it: no signature anywhere."""
    version = registered[0]
    for paths in (version_paths(version), VersionPaths(Path(version.published_path))):
        paths.signature.unlink()
    version.signature, version.published_path = None, ""
    version.save()
    return version


def test_an_unsigned_version_is_not_opened_and_the_refusal_says_who_can_sign(unsigned: ModelVersion) -> None:
    with pytest.raises(SignatureMissingError, match="registry keys --sign v1"):
        open_version(unsigned)


def test_an_administrator_signs_what_was_kept(unsigned: ModelVersion) -> None:
    signed = sign_version(actor=ADELE, version="v1")
    require_sound(signed)
    assert AuditEvent.objects.get(action="registry.sign_version").details["key_id"] == signed.signature["key_id"]
    load_version(version_paths(signed).model, public_keys=dict(SigningKey.objects.values_list("key_id", "public_key")))


def test_what_was_changed_is_never_signed(unsigned: ModelVersion) -> None:
    path = version_paths(unsigned).model
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ArtifactHashMismatchError, match=path.name):
        sign_version(actor=ADELE, version="v1")
    unsigned.refresh_from_db()
    assert unsigned.signature is None


def test_a_lost_signature_file_is_put_back_as_it_was(registered: list[ModelVersion]) -> None:
    version = registered[0]
    kept, published = version_paths(version).signature, VersionPaths(Path(version.published_path)).signature
    before = kept.read_bytes()
    kept.unlink()
    published.unlink()
    rotate_key(actor=ADELE)
    sign_version(actor=ADELE, version="v1")
    assert (kept.read_bytes(), published.read_bytes()) == (before, before)
    require_sound(version)


def test_a_version_that_does_not_exist_is_not_signed() -> None:
    with pytest.raises(VersionNotFoundError):
        sign_version(actor=ADELE, version="v7")


# --- The command ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def as_adele(settings: Any) -> None:
    """Commands are run with a token of Adele's."""
    from apps.accounts.rights import Right
    from apps.accounts.services import create_token

    scopes = (Right.READ, Right.ADMINISTER)
    token = create_token(actor=ADELE, username="adele", name="essai", scopes=scopes, days=1)
    settings.FUTURE_SKILLS_TOKEN = token[1]


@pytest.mark.usefixtures("as_adele")
def test_keys_are_listed_made_and_rotated_from_a_terminal(run: Run) -> None:
    code, out, _ = run("registry", "keys", "--json")
    (first,) = json.loads(out)["keys"]
    assert (code, first["created_by"], first["retired_at"], first["private_key_here"]) == (0, "adele", None, True)
    code, out, _ = run("registry", "keys", "--rotate", "--json")
    new, old = json.loads(out)["keys"]
    assert (code, old["key_id"], old["retired_by"], new["retired_at"]) == (0, first["key_id"], "adele", None)
    code, out, _ = run("registry", "keys")
    assert (code, new["key_id"][:12] in out, old["key_id"][:12] in out) == (0, True, True)
    assert SigningKey.objects.count() == 2


@pytest.mark.usefixtures("as_adele")
def test_a_version_is_signed_from_a_terminal(run: Run, unsigned: ModelVersion) -> None:
    code, out, _ = run("registry", "show", "v1", "--json")
    assert (code, json.loads(out)["key_id"]) == (0, None)
    code, out, _ = run("registry", "keys", "--sign", "v1", "--json")
    assert (code, json.loads(out)["key_id"]) == (0, SigningKey.objects.get().key_id)
    code, out, _ = run("registry", "keys", "--sign", "v1")
    assert (code, "v1" in out) == (0, True)


def test_somebody_who_only_reads_sees_the_keys_and_makes_none(run: Run) -> None:
    code, _, err = run("registry", "keys", "--as", "aude")
    assert (code, SigningKey.objects.count()) == (1, 0)
    assert "aude" in err
    create_key(actor=NADIA)
    code, out, _ = run("registry", "keys", "--as", "aude", "--json")
    assert (code, len(json.loads(out)["keys"])) == (0, 1)
    assert not list(settings.KEYS_DIR.glob(".*"))
