"""The artifact store: a folder where every dataset and every version is kept under its own hash, written once.

    <ARTIFACTS_DIR>/datasets/<sha256>/dataset.csv (or .csv.gz, .parquet)
    <ARTIFACTS_DIR>/versions/<sha256 of the manifest>/future_skills_model_v2.pkl, .json, …

A version's folder is named by its manifest, and the manifest holds the hash of every other file.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings

from apps.registry.models import Dataset, ModelVersion
from future_skills.artifact import VersionPaths
from future_skills.errors import ArtifactHashMismatchError, ArtifactMissingError
from future_skills.files import folder_written_whole, sha256_of_file
from future_skills.manifest import Manifest


def keep_dataset(path: Path, *, sha256: str, name: str) -> Path:
    """Keep a copy of a dataset file; where it is kept already, nothing is done."""
    kept = _kept_dataset(sha256, name)
    _keep({path: (kept.name, sha256)}, kept.parent)
    return kept


def keep_version(manifest: Manifest, paths: VersionPaths, *, manifest_sha256: str) -> VersionPaths:
    """Keep a copy of every file of a version; where it is kept already, nothing is done."""
    folder: Path = settings.ARTIFACTS_DIR / "versions" / manifest_sha256
    files = {paths.model.parent / entry.name: (entry.name, entry.sha256) for entry in manifest.files}
    _keep(files | {paths.manifest: (paths.manifest.name, manifest_sha256)}, folder)
    return VersionPaths(folder / paths.model.name)


def _kept_dataset(sha256: str, name: str) -> Path:
    """Path of the copy of a dataset; only the suffix of its name counts, for the same bytes may come under two names."""
    suffix = ".csv.gz" if name.lower().endswith(".csv.gz") else Path(name).suffix.lower()
    path: Path = settings.ARTIFACTS_DIR / "datasets" / sha256 / f"dataset{suffix}"
    return path


def _keep(files: Mapping[Path, tuple[str, str]], folder: Path) -> None:
    """Copy files into ``folder`` in one step: it appears whole, each copy with its hash, or not at all.

    Args:
        files: source -> (name of the copy, sha256 it must have).
        folder: where they go; left as it is where it is there already.

    Raises:
        ArtifactHashMismatchError: a source changed since its hash was taken.
    """
    if folder.is_dir():
        return
    with folder_written_whole(folder) as temporary:
        for source, (name, sha256) in files.items():
            actual = sha256_of_file(Path(shutil.copyfile(source, temporary / name)))
            if actual != sha256:
                raise ArtifactHashMismatchError(path=str(source), expected=sha256, actual=actual)


def dataset_path(dataset: Dataset) -> Path:
    """Where a registered dataset is kept.

    Raises:
        ArtifactMissingError: the copy is gone.
    """
    path = _kept_dataset(dataset.sha256, dataset.name)
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
