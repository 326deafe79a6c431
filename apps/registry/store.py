"""The artifact store: a folder where every dataset and every version is kept under its own hash, written once.

    <ARTIFACTS_DIR>/datasets/<sha256>/<file name>
    <ARTIFACTS_DIR>/versions/<sha256 of the manifest>/future_skills_model_v2.pkl, .json, …

A version's folder is named by its manifest, and the manifest holds the hash of every other file.
"""

import secrets
import shutil
from pathlib import Path

from django.conf import settings

from apps.registry.models import Dataset, ModelVersion
from future_skills.artifact import VersionPaths
from future_skills.errors import ArtifactMissingError
from future_skills.manifest import Manifest


def keep_dataset(path: Path, *, sha256: str, name: str) -> Path:
    """Keep a copy of a dataset file; where it is kept already, nothing is done."""
    return _keep([path], settings.ARTIFACTS_DIR / "datasets" / sha256, {path: name}) / name


def keep_version(manifest: Manifest, paths: VersionPaths, *, manifest_sha256: str) -> VersionPaths:
    """Keep a copy of every file of a version; where it is kept already, nothing is done."""
    files = [paths.manifest, *(paths.model.parent / entry.name for entry in manifest.files)]
    folder = _keep(files, settings.ARTIFACTS_DIR / "versions" / manifest_sha256, {})
    return VersionPaths(folder / paths.model.name)


def _keep(files: list[Path], folder: Path, names: dict[Path, str]) -> Path:
    """Copy files into ``folder`` in one step: it appears whole or not at all."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir()
    try:
        for file in files:
            shutil.copyfile(file, temporary / names.get(file, file.name))
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process kept the same content first
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def dataset_path(dataset: Dataset) -> Path:
    """Where a registered dataset is kept.

    Raises:
        ArtifactMissingError: the copy is gone.
    """
    path: Path = settings.ARTIFACTS_DIR / "datasets" / dataset.sha256 / dataset.name
    if not path.is_file():
        raise ArtifactMissingError(path=str(path))
    return path


def version_paths(version: ModelVersion) -> VersionPaths:
    """Where a registered version is kept.

    Raises:
        ArtifactMissingError: the copy is gone.
    """
    folder: Path = settings.ARTIFACTS_DIR / "versions" / version.manifest_sha256
    model = folder / next(file["name"] for file in version.manifest["files"] if file["name"].endswith(".pkl"))
    if not model.is_file():
        raise ArtifactMissingError(path=str(model))
    return VersionPaths(model)
