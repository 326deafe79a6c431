"""One changed byte, anywhere, of anything a version is made of: found, named, refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.accounts.actors import Actor
from apps.registry.models import ModelVersion, SigningKey
from apps.registry.services.diagnosis import diagnose_version
from apps.registry.services.reproduction import reproduce_version
from apps.registry.services.soundness import require_sound
from apps.registry.services.versions import register_version
from apps.registry.store import dataset_path, open_version, version_paths, version_rows
from future_skills import artifact
from future_skills.artifact import (
    BACKGROUND_SUFFIX,
    CASES_SUFFIX,
    MANIFEST_SUFFIX,
    MODEL_SUFFIX,
    PROFILE_SUFFIX,
    ROWS_SUFFIX,
    SIGNATURE_SUFFIX,
    VersionPaths,
)
from future_skills.errors import (
    ArtifactError,
    ArtifactHashMismatchError,
    ArtifactMissingError,
    ArtifactTypeRefusedError,
    ArtifactUnreadableError,
    ManifestError,
    SignatureInvalidError,
    SignatureMissingError,
    SmokeFailedError,
)
from future_skills.files import sha256_of_bytes
from future_skills.manifest import manifest_text, read_manifest
from future_skills.signing import PrivateKey

EVERY_FILE = (
    MODEL_SUFFIX,
    MANIFEST_SUFFIX,
    SIGNATURE_SUFFIX,
    PROFILE_SUFFIX,
    ROWS_SUFFIX,
    CASES_SUFFIX,
    BACKGROUND_SUFFIX,
)


@pytest.fixture
def version(registered: list[ModelVersion]) -> ModelVersion:
    """v2, registered."""
    return registered[1]


def store(version: ModelVersion) -> VersionPaths:
    return version_paths(version)


def published(version: ModelVersion) -> VersionPaths:
    return VersionPaths(Path(version.published_path))


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_what_was_registered_is_sound(version: ModelVersion) -> None:
    require_sound(version)
    assert open_version(version).manifest == version.words
    assert sorted(path.suffix for path in store(version).model.parent.iterdir()) == sorted(
        path.suffix for path in published(version).model.parent.glob("future_skills_model_v2*")
    )


@pytest.mark.parametrize("place", [store, published])
@pytest.mark.parametrize("suffix", EVERY_FILE)
def test_one_flipped_byte_is_found_and_named_before_anything_is_opened(
    version: ModelVersion, place: Callable[[ModelVersion], VersionPaths], suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place(version).beside(suffix)
    flip(path)
    monkeypatch.setattr(artifact, "open_pickle", lambda *_, **__: pytest.fail("opened before it was checked"))
    for act in (require_sound, open_version):
        with pytest.raises(ArtifactHashMismatchError) as refusal:
            act(version)
        assert (refusal.value.code, refusal.value.details["path"]) == ("artifact_hash_mismatch", str(path))


@pytest.mark.parametrize("place", [store, published])
@pytest.mark.parametrize("suffix", EVERY_FILE)
def test_a_file_that_was_removed_is_named(
    version: ModelVersion, place: Callable[[ModelVersion], VersionPaths], suffix: str
) -> None:
    path = place(version).beside(suffix)
    path.unlink()
    for act in (require_sound, open_version):
        with pytest.raises(ArtifactMissingError) as refusal:
            act(version)
        assert refusal.value.details["path"] == str(path)


def test_the_kept_copy_of_the_dataset_is_checked_where_it_counts(version: ModelVersion) -> None:
    path = dataset_path(version.dataset)
    flip(path)
    open_version(version)
    with pytest.raises(ArtifactHashMismatchError, match=r"dataset\.csv"):
        require_sound(version)
    path.unlink()
    with pytest.raises(ArtifactMissingError, match=r"dataset\.csv"):
        require_sound(version)


def test_a_published_pair_that_was_wholly_taken_away_is_no_fault(version: ModelVersion) -> None:
    for path in published(version).model.parent.glob("future_skills_model_v2*"):
        path.unlink()
    require_sound(version)
    shutil.rmtree(published(version).model.parent)
    require_sound(version)


def test_another_model_in_the_place_of_the_published_one_is_found(version: ModelVersion) -> None:
    shutil.copy(published(version).model.with_name("future_skills_model_v1.pkl"), published(version).model)
    with pytest.raises(ArtifactHashMismatchError, match=r"v2\.pkl"):
        require_sound(version)


# --- Signatures -----------------------------------------------------------------------------------------------------------
def sign_again(version: ModelVersion, key: PrivateKey, **changes: Any) -> None:
    """Put a signature of somebody else's in the row."""
    version.signature = key.sign(version.manifest_sha256).model_dump() | changes
    version.save()


def test_a_signature_of_a_key_that_this_installation_does_not_have_is_refused(version: ModelVersion) -> None:
    sign_again(version, PrivateKey.generate())
    for act in (require_sound, open_version, version_rows):
        with pytest.raises(SignatureInvalidError, match="this installation does not know"):
            act(version)


def test_a_signature_that_the_key_did_not_make_is_refused(
    version: ModelVersion, registered: list[ModelVersion]
) -> None:
    sign_again(version, PrivateKey.generate(), key_id=SigningKey.objects.get().key_id)
    with pytest.raises(SignatureInvalidError, match="was not made by the key"):
        require_sound(version)
    version.signature = registered[0].signature
    with pytest.raises(SignatureInvalidError, match="another version"):
        require_sound(version)


@pytest.mark.parametrize("signature", [{}, {"signature": "00"}, [], "text", 3])
def test_a_signature_that_means_nothing_is_refused(version: ModelVersion, signature: Any) -> None:
    version.signature = signature
    for act in (require_sound, open_version, version_rows, version_paths):
        with pytest.raises(SignatureInvalidError, match="is not a signature"):
            act(version)


def test_a_version_that_was_never_signed_is_not_opened(version: ModelVersion) -> None:
    version.signature = None
    for act in (require_sound, open_version, version_rows):
        with pytest.raises(SignatureMissingError, match="v2"):
            act(version)


def test_files_and_hashes_changed_together_are_still_not_vouched_for(version: ModelVersion) -> None:
    """Somebody who writes in the database and on the disk, and has no key."""
    paths = store(version)
    spoilt = paths.manifest.read_text().replace('"author": "nadia"', '"author": "mallory"')
    moved = shutil.copytree(paths.model.parent, paths.model.parent.with_name(sha256_of_bytes(spoilt.encode())))
    (moved / paths.manifest.name).write_text(spoilt)
    version.manifest_sha256, version.published_path = moved.name, ""
    with pytest.raises(SignatureInvalidError, match="signs another version"):
        require_sound(version)


# --- Rows -----------------------------------------------------------------------------------------------------------------
def test_a_row_that_says_something_else_than_its_manifest_is_found(version: ModelVersion) -> None:
    version.manifest["metrics"]["accuracy"] = 0.999
    version.save()
    with pytest.raises(ManifestError, match="row of v2 does not say what its manifest says"):
        require_sound(version)


def test_a_row_that_names_another_hash_is_found(version: ModelVersion) -> None:
    version.manifest["files"][0]["sha256"] = "0" * 64
    with pytest.raises(ArtifactHashMismatchError, match=r"v2\.pkl"):
        require_sound(version)


# --- What the model says --------------------------------------------------------------------------------------------------
def rewritten(folder: Path, suffix: str, content: bytes | None) -> Path:
    """The pair of v2 with another file in it (None: without it), its manifest as it must be."""
    paths = VersionPaths(folder / "future_skills_model_v2.pkl")
    manifest = read_manifest(paths.manifest)
    entries = [entry for entry in manifest.files if not entry.name.endswith(suffix)]
    paths.beside(suffix).unlink()
    if content is not None:
        paths.beside(suffix).write_bytes(content)
        changed = {"sha256": sha256_of_bytes(content), "bytes": len(content)}
        entries.append(manifest.file(suffix).model_copy(update=changed))
    paths.manifest.write_text(manifest_text(manifest.model_copy(update={"files": tuple(entries)})))
    return paths.model


@pytest.mark.django_db
def test_a_model_that_no_longer_gives_its_stored_answers_is_refused(pairs: Path, analyst: Actor) -> None:
    stored = json.loads((pairs / f"future_skills_model_v2{CASES_SUFFIX}").read_bytes())
    said = stored[0]["probabilities"]
    said["LOW"], said["HIGH"] = said["HIGH"] + 0.001, said["LOW"] - 0.001
    other = register_version(actor=analyst, path=rewritten(pairs, CASES_SUFFIX, json.dumps(stored).encode()))
    with pytest.raises(SmokeFailedError, match="does not answer as it did"):
        require_sound(other)


@pytest.mark.django_db
def test_a_version_without_test_cases_cannot_be_trusted(pairs: Path, analyst: Actor) -> None:
    old = register_version(actor=analyst, path=rewritten(pairs, CASES_SUFFIX, None))
    open_version(old)
    with pytest.raises(ManifestError, match="v2 was trained before versions kept test cases"):
        require_sound(old)


@pytest.mark.django_db
def test_a_registered_pickle_that_names_refused_types_is_never_opened(
    pairs: Path, analyst: Actor, tmp_path: Path, settings: Any
) -> None:
    marker = tmp_path / "it-ran"
    content = b"cposix\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR."
    hostile = register_version(actor=analyst, path=rewritten(pairs, MODEL_SUFFIX, content))
    with pytest.raises(ArtifactTypeRefusedError, match=r"posix\.system"):
        require_sound(hostile)
    assert not marker.exists()
    settings.FUTURE_SKILLS_ALLOWED_TYPES = ["posix.system"]
    with pytest.raises(ArtifactUnreadableError, match="it holds int"):
        open_version(hostile)
    assert marker.exists()  # the list of the server is what decides


# --- Other doors ----------------------------------------------------------------------------------------------------------
def test_every_reader_of_a_version_refuses_what_was_changed(version: ModelVersion, analyst: Actor) -> None:
    flip(store(version).beside(ROWS_SUFFIX))
    for act in (
        lambda: version_rows(version),
        lambda: diagnose_version("v2"),
        lambda: reproduce_version(actor=analyst, version="v2", on_step=lambda _step: None),
    ):
        with pytest.raises(ArtifactHashMismatchError, match=r"rows\.parquet"):
            act()
    flip(store(version).manifest)
    with pytest.raises(ArtifactHashMismatchError, match=r"v2\.json"):
        version_rows(version)


def test_the_scripts_open_versions_that_are_vouched_for_only(version: ModelVersion) -> None:
    from config.registry_verbs import loaded_versions

    assert [one.manifest.version for one in loaded_versions()] == ["v1", "v2"]
    flip(published(version).model)
    with pytest.raises(ArtifactError, match=r"v2\.pkl"):
        loaded_versions(["v2"])
    assert [one.manifest.version for one in loaded_versions(["v1"])] == ["v1"]


def test_a_notebook_opens_a_pair_without_any_key(version: ModelVersion) -> None:
    assert artifact.load_version(published(version).model).manifest == version.words
    published(version).signature.unlink()
    assert artifact.load_version(published(version).model).manifest == version.words
