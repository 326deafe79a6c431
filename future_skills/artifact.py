"""The files of a version: written once, whole or not at all, and checked before they are opened.

A version is a pair, ``future_skills_model_v2.pkl`` + ``future_skills_model_v2.json`` (the manifest), with two more files
that the manifest lists: ``….profile.json`` (the full reference profile) and ``….rows.parquet`` (which rows trained, and
what the model said of each test row).
"""

import io
import pickle
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import polars as pl

from future_skills import schema
from future_skills.errors import (
    ArtifactExistsError,
    ArtifactHashMismatchError,
    ArtifactMissingError,
    ArtifactUnreadableError,
    UsageError,
    translatable,
)
from future_skills.files import sha256_of_bytes, sha256_of_file, take_back_new_files, write_new_files
from future_skills.manifest import FileEntry, Manifest, manifest_text, read_manifest
from future_skills.text import require_path

MODEL_SUFFIX = ".pkl"
MANIFEST_SUFFIX = ".json"
PROFILE_SUFFIX = ".profile.json"
ROWS_SUFFIX = ".rows.parquet"

ROWS_COLUMNS = (
    "row",
    "row_hash",
    "part",
    schema.ROLE,
    schema.SKILL,
    schema.CURRENT_LEVEL,
    schema.LABEL,
    "predicted",
)
"""Columns every rows file has; those of the probabilities are there where the model gives some."""

COMPRESSION = ("zlib", 3)
"""How the model is compressed on disk; measured in docs/decisions/0004."""


@dataclass(frozen=True, slots=True)
class VersionPaths:
    """Where the files of a version are, from the path of its ``.pkl``."""

    model: Path

    @classmethod
    def of(cls, path: Path) -> "VersionPaths":
        """From the path of the ``.pkl`` or of the manifest.

        Raises:
            UsageError: another suffix, or a name that could not be written in a manifest.
        """
        if path.suffix not in {MODEL_SUFFIX, MANIFEST_SUFFIX}:
            raise UsageError(translatable("{path}: a model file ends with .pkl."), path=str(path))
        require_path(path)
        return cls(path.with_suffix(MODEL_SUFFIX))

    @property
    def manifest(self) -> Path:
        """The ``.json``."""
        return self.model.with_suffix(MANIFEST_SUFFIX)

    def beside(self, suffix: str) -> Path:
        """Another file of the version."""
        return self.model.with_suffix(suffix)


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """A version whose files were checked and opened.

    Attributes:
        manifest: what it says of itself.
        model: the fitted scikit-learn estimator.
        paths: where it was read.
    """

    manifest: Manifest
    model: Any
    paths: VersionPaths

    def rows(self) -> pl.DataFrame:
        """The rows file (see ``training.rows_frame``), checked.

        Raises:
            ArtifactMissingError: it is absent.
            ArtifactHashMismatchError: it was changed.
        """
        return read_rows(self.manifest, self.paths)


def model_bytes(model: Any) -> bytes:
    """The estimator as ``joblib.load`` reads it."""
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=COMPRESSION)
    return buffer.getvalue()


def file_entries(paths: VersionPaths, contents: Mapping[str, bytes]) -> tuple[FileEntry, ...]:
    """Name, hash and size of each file; ``contents`` maps suffix -> bytes."""
    return tuple(
        FileEntry(name=paths.beside(suffix).name, sha256=sha256_of_bytes(content), bytes=len(content))
        for suffix, content in contents.items()
    )


def require_absent(paths: VersionPaths) -> None:
    """Refuse to write over a version.

    A lone ``.pkl`` is refused too: it may be somebody's model. What a killed process left half-written is taken away.

    Raises:
        ArtifactExistsError: a file of that name is there.
    """
    files = (paths.model, paths.beside(PROFILE_SUFFIX), paths.beside(ROWS_SUFFIX), paths.manifest)
    take_back_new_files(files)
    for path in reversed(files):
        if path.exists():
            raise ArtifactExistsError(path=str(path))


def write_version(paths: VersionPaths, manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    """Write the files, the manifest last: without it there is no version. Nothing stays behind on a failure.

    Raises:
        ArtifactExistsError: a file of that name appeared meanwhile.
        OSError: the disk is full or read-only.
    """
    texts = {**contents, MANIFEST_SUFFIX: manifest_text(manifest).encode()}
    try:
        write_new_files({paths.beside(suffix): content for suffix, content in texts.items()})
    except FileExistsError as error:
        raise ArtifactExistsError(path=str(error.filename2 or paths.model)) from error


def remove_version(paths: VersionPaths) -> None:
    """Take away the files of a version that was written a moment ago and could not be registered."""
    for suffix in (MANIFEST_SUFFIX, MODEL_SUFFIX, PROFILE_SUFFIX, ROWS_SUFFIX):
        paths.beside(suffix).unlink(missing_ok=True)


def checked_bytes(path: Path, entry: FileEntry) -> bytes:
    """Content of a file of a version, once its hash was found right.

    Raises:
        ArtifactMissingError: no such file.
        ArtifactHashMismatchError: not the file that was written.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ArtifactMissingError(path=str(path)) from error
    actual = sha256_of_bytes(content)
    if actual != entry.sha256:
        raise ArtifactHashMismatchError(path=str(path), expected=entry.sha256, actual=actual)
    return content


def check_files(manifest: Manifest, paths: VersionPaths) -> dict[str, bytes]:
    """Every file of a version: name -> content, all hashes right.

    Raises:
        ArtifactMissingError: one is absent.
        ArtifactHashMismatchError: one was changed.
    """
    folder = paths.model.parent
    return {entry.name: checked_bytes(folder / entry.name, entry) for entry in manifest.files}


def load_version(path: Path | str, *, manifest_sha256: str | None = None) -> LoadedVersion:
    """Open a version: the hash of every file is checked first, and the very bytes that were checked are opened.

    A pickle runs code when it is opened: open the versions of people you trust. The hash says that the file is the one
    the manifest names, not who wrote both.

    Args:
        path: of the ``.pkl`` or the ``.json``.
        manifest_sha256: what the manifest itself must hash to, where that is known (the registry knows).

    Raises:
        ArtifactMissingError: a file is absent.
        ArtifactHashMismatchError: a file was changed.
        ManifestError: the manifest cannot be read.
        ArtifactUnreadableError: the file is right, and this installation cannot open it.
    """
    paths = VersionPaths.of(Path(path))
    manifest = read_manifest(paths.manifest)
    if manifest_sha256 is not None and (actual := sha256_of_file(paths.manifest)) != manifest_sha256:
        raise ArtifactHashMismatchError(path=str(paths.manifest), expected=manifest_sha256, actual=actual)
    content = check_files(manifest, paths)[manifest.file(MODEL_SUFFIX).name]
    try:
        model = joblib.load(io.BytesIO(content))
    except _UNPICKLING_FAILURES as error:
        raise _unreadable(manifest, paths.model, str(error) or type(error).__name__) from error
    if not (hasattr(model, "predict_proba") and hasattr(model, "classes_")):
        raise _unreadable(manifest, paths.model, f"it holds {type(model).__name__}, not a fitted classifier")
    return LoadedVersion(manifest, model, paths)


def read_rows(manifest: Manifest, paths: VersionPaths) -> pl.DataFrame:
    """The rows file of a version, checked; see ``LoadedVersion.rows``.

    Raises:
        ArtifactUnreadableError: it is the file that the manifest names, and not a table of rows.
    """
    path = paths.model.parent / manifest.file(ROWS_SUFFIX).name
    content = checked_bytes(path, manifest.file(ROWS_SUFFIX))
    try:
        rows = pl.read_parquet(content)
    except pl.exceptions.PolarsError as error:
        raise _unreadable(manifest, path, str(error).splitlines()[0]) from error
    absent = [name for name in ROWS_COLUMNS if name not in rows.columns]
    if absent:
        raise _unreadable(manifest, path, f"columns are missing: {', '.join(absent)}")
    return rows


_UNPICKLING_FAILURES = (
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    zlib.error,
)
"""What opening a pickle of other libraries, or of none, ends with."""


def _unreadable(manifest: Manifest, path: Path, problem: str) -> ArtifactUnreadableError:
    return ArtifactUnreadableError(
        version=manifest.version,
        path=str(path),
        problem=problem,
        libraries=", ".join(f"{name} {version}" for name, version in manifest.environment.libraries.items()),
    )
