"""The artifact store: a folder, or any Django storage; what is read from it was checked."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages

from apps.accounts.actors import Actor
from apps.registry.models import ModelVersion
from apps.registry.services.comparison import compare_versions
from apps.registry.services.datasets import register_dataset_file
from apps.registry.services.keys import sign_version
from apps.registry.services.reproduction import reproduce_version
from apps.registry.services.soundness import require_sound
from apps.registry.services.versions import register_version
from apps.registry.store import dataset_path, open_version, published_path, version_paths, version_rows
from future_skills.artifact import VersionPaths
from future_skills.dataset import read_dataset
from future_skills.errors import ArtifactHashMismatchError, ArtifactMissingError, ManifestError

Flip = Callable[[ModelVersion, str], None]

pytestmark = pytest.mark.django_db

FOLDER = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
MEMORY = {"BACKEND": "django.core.files.storage.InMemoryStorage"}


@pytest.fixture(params=["folder", "memory"])
def remote(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> Storage:
    """A storage that takes the place of the folder; from here on, the store is there."""
    kind = FOLDER | {"OPTIONS": {"location": str(tmp_path / "bucket")}} if request.param == "folder" else MEMORY
    settings.STORAGES = settings.STORAGES | {"artifacts": kind}
    return storages["artifacts"]


@pytest.fixture
def versions(remote: Storage, registered: list[ModelVersion]) -> list[ModelVersion]:
    """Both versions and their dataset, in that storage."""
    return registered


def replace_in(remote: Storage, name: str, content: bytes) -> None:
    remote.delete(name)
    assert remote.save(name, ContentFile(content)) == name


def place(version: ModelVersion) -> str:
    return f"versions/{version.manifest_sha256}"


# --- A storage elsewhere --------------------------------------------------------------------------------------------------
def test_versions_and_datasets_are_kept_in_the_storage_alone(
    versions: list[ModelVersion], remote: Storage, settings: Any, analyst: Actor
) -> None:
    v2 = versions[1]
    files = set(remote.listdir(place(v2))[1])
    assert files == {file["name"] for file in v2.manifest["files"]} | {
        "future_skills_model_v2.json",
        "future_skills_model_v2.sig",
    }
    assert remote.exists(f"datasets/{v2.dataset.sha256}/dataset.csv")
    assert not settings.ARTIFACTS_DIR.exists()
    require_sound(v2)
    assert open_version(v2).manifest == v2.words
    assert compare_versions("v1", "v2").rows == v2.words.metrics.rows
    assert reproduce_version(actor=analyst, version="v2", on_step=lambda _step: None).identical


def test_what_was_fetched_once_is_not_fetched_again_until_it_is_spoilt(
    versions: list[ModelVersion], remote: Storage, settings: Any
) -> None:
    cached = version_paths(versions[0])
    assert cached.model.is_relative_to(settings.CACHE_DIR)
    inode = cached.model.stat().st_ino
    assert version_paths(versions[0]).model.stat().st_ino == inode
    cached.model.write_bytes(b"spoilt")
    assert version_paths(versions[0]).model.stat().st_ino != inode
    require_sound(versions[0])
    shutil.rmtree(settings.CACHE_DIR)
    require_sound(versions[0])


def test_one_changed_byte_in_the_storage_is_found_and_named(versions: list[ModelVersion], remote: Storage) -> None:
    v2 = versions[1]
    require_sound(v2)  # everything is in the cache, and right
    for name in remote.listdir(place(v2))[1]:
        with remote.open(f"{place(v2)}/{name}") as file:
            content = file.read()
        replace_in(remote, f"{place(v2)}/{name}", content[:-1] + bytes([content[-1] ^ 1]))
        for act in (require_sound, open_version):
            with pytest.raises(ArtifactHashMismatchError) as refusal:
                act(v2)
            assert refusal.value.details["path"] == f"artifacts:{place(v2)}/{name}"
        replace_in(remote, f"{place(v2)}/{name}", content)
    require_sound(v2)


def test_a_file_removed_from_the_storage_is_named(versions: list[ModelVersion], remote: Storage) -> None:
    v1, v2 = versions
    remote.delete(f"{place(v1)}/future_skills_model_v1.pkl")
    with pytest.raises(ArtifactMissingError, match=r"artifacts:versions/.*/future_skills_model_v1\.pkl"):
        require_sound(v1)
    remote.delete(f"datasets/{v2.dataset.sha256}/dataset.csv")
    with pytest.raises(ArtifactMissingError, match=r"artifacts:datasets/.*/dataset\.csv"):
        require_sound(v2)


def test_rows_changed_in_the_storage_are_not_read(versions: list[ModelVersion], remote: Storage) -> None:
    v1, v2 = versions
    replace_in(remote, f"{place(v1)}/future_skills_model_v1.rows.parquet", b"rows")
    with pytest.raises(ArtifactHashMismatchError, match=r"rows\.parquet"):
        version_rows(v1)
    replace_in(remote, f"datasets/{v2.dataset.sha256}/dataset.csv", b"rows")
    with pytest.raises(ArtifactHashMismatchError, match=r"dataset\.csv"):
        dataset_path(v2.dataset)


def test_what_a_killed_process_left_half_written_is_written_again(
    remote: Storage, pairs: Path, analyst: Actor, person: Callable[..., Any]
) -> None:
    version = register_version(actor=analyst, path=pairs / "future_skills_model_v1.pkl")
    where = place(version)
    version.delete()
    replace_in(remote, f"{where}/future_skills_model_v1.pkl", b"half")
    remote.delete(f"{where}/future_skills_model_v1.json")
    remote.delete(f"{where}/future_skills_model_v1.sig")
    require_sound(register_version(actor=analyst, path=pairs / "future_skills_model_v1.pkl"))


def test_a_lost_signature_is_put_back_in_the_storage(
    versions: list[ModelVersion], remote: Storage, person: Callable[..., Any]
) -> None:
    remote.delete(f"{place(versions[0])}/future_skills_model_v1.sig")
    person("adele", "administrator")
    sign_version(actor=Actor("adele", "login"), version="v1")
    require_sound(versions[0])


def test_a_source_that_changes_meanwhile_is_not_kept(remote: Storage, pairs: Path, analyst: Actor) -> None:
    path = pairs / "future_skills_dataset.csv"
    dataset = read_dataset(path)
    path.write_text(path.read_text().replace("LOW", "HIGH", 1))
    with pytest.raises(ArtifactHashMismatchError, match="future_skills_dataset"):
        register_dataset_file(actor=analyst, path=path, dataset=dataset)
    assert not remote.exists(f"datasets/{dataset.sha256}/dataset.csv")


# --- The folder -----------------------------------------------------------------------------------------------------------
def test_a_version_that_was_kept_and_not_registered_is_registered_later(
    pairs: Path, analyst: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process was killed after it wrote the files and before it wrote the row."""
    from apps.registry.services import versions

    with monkeypatch.context() as patch:
        patch.setattr(versions, "record", lambda **_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            register_version(actor=analyst, path=pairs / "future_skills_model_v1.pkl")
    assert ModelVersion.objects.count() == 0
    assert (pairs / "future_skills_model_v1.sig").exists()
    require_sound(register_version(actor=analyst, path=pairs / "future_skills_model_v1.pkl"))


def test_a_kept_copy_that_was_changed_is_not_registered_over(pairs: Path, analyst: Actor) -> None:
    version = register_version(actor=analyst, path=pairs / "future_skills_model_v1.pkl")
    version_paths(version).model.write_bytes(b"spoilt")
    version.delete()
    with pytest.raises(ArtifactHashMismatchError, match=r"versions/.*v1\.pkl"):
        register_version(actor=analyst, path=pairs / "future_skills_model_v1.pkl")
    assert ModelVersion.objects.count() == 0


def test_a_pair_is_remembered_where_it_is_and_moves_with_the_checkout(
    settings: Any, tmp_path: Path, pairs: Path, analyst: Actor
) -> None:
    version = register_version(actor=analyst, path=pairs / "future_skills_model_v1.pkl")
    assert version.published_path == str((pairs / "future_skills_model_v1.pkl").resolve())
    settings.BASE_DIR = tmp_path
    inside = register_version(actor=analyst, path=pairs / "future_skills_model_v2.pkl")
    assert inside.published_path == "ml/future_skills_model_v2.pkl"
    settings.BASE_DIR = Path(shutil.move(tmp_path / "ml", tmp_path / "moved" / "ml")).parent
    require_sound(inside)
    assert published_path(VersionPaths(settings.BASE_DIR / "ml" / "x.pkl")) == "ml/x.pkl"
    (settings.BASE_DIR / "ml" / "future_skills_model_v2.pkl").write_bytes(b"spoilt")
    with pytest.raises(ArtifactHashMismatchError, match=r"moved/ml/future_skills_model_v2\.pkl"):
        require_sound(inside)


@pytest.mark.parametrize("renamed", ["future_skills_model_v9", "other"])
def test_a_pair_under_another_name_than_its_manifests_is_refused(pairs: Path, analyst: Actor, renamed: str) -> None:
    for suffix in (".json", ".pkl"):
        shutil.copy(pairs / f"future_skills_model_v1{suffix}", pairs / f"{renamed}{suffix}")
    with pytest.raises(ManifestError, match=rf"future_skills_model_v1\.pkl is no file of {renamed}\.pkl"):
        register_version(actor=analyst, path=pairs / f"{renamed}.pkl")
    assert ModelVersion.objects.count() == 0
