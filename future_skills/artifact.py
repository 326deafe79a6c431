"""The files of a version: written once, whole or not at all, and checked before they are opened.

A version is a pair, ``future_skills_model_v2.pkl`` + ``future_skills_model_v2.json`` (the manifest), with four more files
that the manifest lists: ``….profile.json`` (the full reference profile), ``….rows.parquet`` (which rows trained, and
what the model said of each test row), ``….cases.json`` (a few test rows with what the model said, to ask it again) and
``….background.parquet`` (a few training rows that reasons compare with). A registered version also has a ``….sig``: who
vouches for the manifest (see ``signing``).
"""

import io
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import polars as pl

from future_skills import schema
from future_skills.errors import (
    ArtifactExistsError,
    ArtifactHashMismatchError,
    ArtifactMissingError,
    ArtifactUnreadableError,
    ManifestError,
    SignatureMissingError,
    SmokeFailedError,
    UsageError,
    translatable,
)
from future_skills.files import sha256_of_bytes, take_back_new_files, write_new_files
from future_skills.manifest import FileEntry, Manifest, manifest_text, parse_manifest
from future_skills.signing import PublicKeys, check_signature, parse_signature
from future_skills.text import require_path
from future_skills.unpickling import UNPICKLING_FAILURES, open_pickle

MODEL_SUFFIX = ".pkl"
MANIFEST_SUFFIX = ".json"
PROFILE_SUFFIX = ".profile.json"
ROWS_SUFFIX = ".rows.parquet"
CASES_SUFFIX = ".cases.json"
BACKGROUND_SUFFIX = ".background.parquet"
SIGNATURE_SUFFIX = ".sig"

SUFFIXES = (
    MODEL_SUFFIX,
    PROFILE_SUFFIX,
    ROWS_SUFFIX,
    CASES_SUFFIX,
    BACKGROUND_SUFFIX,
    SIGNATURE_SUFFIX,
    MANIFEST_SUFFIX,
)
"""Every file a version may have; the manifest last: without it there is no version."""

CASES = 32
"""How many test rows are kept with what the model said of them."""

CASES_TOLERANCE = 1e-9
"""How far a probability may be from the stored one."""

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

    @property
    def signature(self) -> Path:
        """The ``.sig``."""
        return self.model.with_suffix(SIGNATURE_SUFFIX)

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
    files = [paths.beside(suffix) for suffix in SUFFIXES]
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


def require_own_names(manifest: Manifest, paths: VersionPaths) -> None:
    """Refuse a manifest that names other files than those of its own pair: they could not be told apart later.

    Raises:
        ManifestError: names the first of them, or says that there is no model.
    """
    manifest.file(MODEL_SUFFIX)
    names = {paths.beside(suffix).name for suffix in SUFFIXES} - {paths.manifest.name, paths.signature.name}
    for entry in manifest.files:
        if entry.name not in names:
            raise ManifestError(path=str(paths.manifest), problem=f"{entry.name} is no file of {paths.model.name}")


def remove_version(paths: VersionPaths) -> None:
    """Take away the files of a version that was written a moment ago and could not be registered."""
    for suffix in reversed(SUFFIXES):
        paths.beside(suffix).unlink(missing_ok=True)


def checked_bytes(path: Path, entry: FileEntry) -> bytes:
    """Content of a file of a version, once its hash was found right.

    Raises:
        ArtifactMissingError: no such file.
        ArtifactHashMismatchError: not the file that was written.
    """
    return _checked(path, entry.sha256)


def _checked(path: Path, sha256: str | None) -> bytes:
    """Content of a file, its hash found right where one is given."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ArtifactMissingError(path=str(path)) from error
    if sha256 is not None and (actual := sha256_of_bytes(content)) != sha256:
        raise ArtifactHashMismatchError(path=str(path), expected=sha256, actual=actual)
    return content


def check_files(manifest: Manifest, paths: VersionPaths) -> dict[str, bytes]:
    """Every file of a version: name -> content, all hashes right.

    Raises:
        ArtifactMissingError: one is absent.
        ArtifactHashMismatchError: one was changed.
    """
    folder = paths.model.parent
    return {entry.name: checked_bytes(folder / entry.name, entry) for entry in manifest.files}


def load_version(
    path: Path | str,
    *,
    manifest_sha256: str | None = None,
    public_keys: PublicKeys | None = None,
    allowed_types: Collection[str] = (),
) -> LoadedVersion:
    """Open a version: manifest, signature and the hash of every file are checked first, and the very bytes checked are opened.

    The model may name only what is in ``unpickling.ALLOWED_TYPES``. A hash says that a file is the one the manifest names,
    not who wrote both: the signature does.

    Args:
        path: of the ``.pkl`` or the ``.json``.
        manifest_sha256: what the manifest itself must hash to, where that is known (the registry knows).
        public_keys: the keys one of which must have signed the manifest; None where no signature is asked for.
        allowed_types: dotted names that the model may use besides ``unpickling.ALLOWED_TYPES``.

    Raises:
        ArtifactMissingError: a file is absent.
        ArtifactHashMismatchError: a file was changed.
        ManifestError: the manifest cannot be read.
        SignatureMissingError, SignatureInvalidError: a signature is asked for, and none of these keys made it.
        ArtifactTypeRefusedError: the model names types that are not allowed.
        ArtifactUnreadableError: the file is right, and this installation cannot open it.
    """
    paths = VersionPaths.of(Path(path))
    words = _checked(paths.manifest, manifest_sha256)
    manifest = parse_manifest(words, path=str(paths.manifest))
    if public_keys is not None:
        check_signed(manifest, paths, manifest_sha256=sha256_of_bytes(words), public_keys=public_keys)
    content = check_files(manifest, paths)[manifest.file(MODEL_SUFFIX).name]
    try:
        model = open_pickle(content, path=str(paths.model), allowed_types=allowed_types)
    except UNPICKLING_FAILURES as error:
        raise unreadable(manifest, paths.model, str(error) or type(error).__name__) from error
    if not (hasattr(model, "predict_proba") and hasattr(model, "classes_")):
        raise unreadable(manifest, paths.model, f"it holds {type(model).__name__}, not a fitted classifier")
    return LoadedVersion(manifest, model, paths)


def check_signed(manifest: Manifest, paths: VersionPaths, *, manifest_sha256: str, public_keys: PublicKeys) -> None:
    """Refuse a version whose ``.sig`` is absent, or was made by none of the keys.

    Raises:
        SignatureMissingError, SignatureInvalidError: see ``signing.check_signature``.
    """
    try:
        content = paths.signature.read_bytes()
    except FileNotFoundError as error:
        raise SignatureMissingError(path=str(paths.signature), version=manifest.version) from error
    path = str(paths.signature)
    check_signature(
        parse_signature(content, path=path), manifest_sha256=manifest_sha256, public_keys=public_keys, path=path
    )


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
        raise unreadable(manifest, path, str(error).splitlines()[0]) from error
    absent = [name for name in ROWS_COLUMNS if name not in rows.columns]
    if absent:
        raise unreadable(manifest, path, f"columns are missing: {', '.join(absent)}")
    return rows


# --- What a model said of a few rows, to ask it again -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cases:
    """Some test rows, and what the model said of them when it was trained.

    Attributes:
        rows: places in the dataset.
        features: the columns the model reads, one line per row.
        probabilities: shape (rows, 3), columns LOW, MEDIUM, HIGH.
        levels: the level said of each row.
    """

    rows: tuple[int, ...]
    features: pl.DataFrame
    probabilities: npt.NDArray[np.float64]
    levels: tuple[str, ...]


def cases_bytes(model: Any, rows: Sequence[int], features: pl.DataFrame) -> bytes:
    """The content of ``….cases.json``: what ``model`` says of these rows, asked alone."""
    probabilities, levels = _answers(model, features)
    document = [
        {
            "row": row,
            "features": values,
            "probabilities": dict(zip(schema.LEVELS, of_row, strict=True)),
            "level": level,
        }
        for row, values, of_row, level in zip(
            rows, features.fill_nan(None).to_dicts(), probabilities.tolist(), levels, strict=True
        )
    ]
    lines = (json.dumps(case, ensure_ascii=False, allow_nan=False) for case in document)
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def read_cases(manifest: Manifest, paths: VersionPaths) -> Cases:
    """The stored cases of a version, checked.

    Raises:
        ManifestError: it has none; it was trained before versions kept any.
        ArtifactMissingError, ArtifactHashMismatchError: the file is absent, or was changed.
        ArtifactUnreadableError: it is the file that the manifest names, and holds no cases.
    """
    if not any(entry.name.endswith(CASES_SUFFIX) for entry in manifest.files):
        raise ManifestError(
            translatable("{version} was trained before versions kept test cases: its answers cannot be checked."),
            hint=translatable("Train it again, under another name."),
            version=manifest.version,
        )
    path = paths.model.parent / manifest.file(CASES_SUFFIX).name
    content = checked_bytes(path, manifest.file(CASES_SUFFIX))
    texts = {*schema.CATEGORICAL_FEATURES, schema.CURRENT_LEVEL}
    kinds = {name: pl.String if name in texts else pl.Float64 for name in manifest.features.columns}
    try:
        document = json.loads(content)
        cases = Cases(
            rows=tuple(int(case["row"]) for case in document),
            features=pl.DataFrame([case["features"] for case in document], schema=kinds),
            probabilities=np.array(
                [[case["probabilities"][level] for level in schema.LEVELS] for case in document], float
            ),
            levels=tuple(str(case["level"]) for case in document),
        )
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise unreadable(manifest, path, str(error).splitlines()[0] if str(error) else "no cases") from error
    if not cases.rows:
        raise unreadable(manifest, path, "no cases")
    return cases


def check_cases(loaded: LoadedVersion) -> None:
    """Refuse a model that does not give its stored answers: same levels, probabilities within ``CASES_TOLERANCE``.

    Raises:
        SmokeFailedError: names the row that differs most.
        ManifestError, ArtifactError: see ``read_cases``.
    """
    cases = read_cases(loaded.manifest, loaded.paths)
    version = loaded.manifest.version
    try:
        probabilities, levels = _answers(loaded.model, cases.features)
    except UNPICKLING_FAILURES as error:
        raise SmokeFailedError(
            translatable("{version} cannot answer its stored test cases: {problem}."),
            version=version,
            problem=str(error).strip().rstrip(".") or type(error).__name__,
        ) from error
    differences = np.nan_to_num(np.abs(probabilities - cases.probabilities).max(axis=1, initial=0.0), nan=np.inf)
    wrong = (differences > CASES_TOLERANCE) | (np.array(levels) != np.array(cases.levels))
    if wrong.any():
        worst = int(np.where(wrong, differences, -1.0).argmax())
        raise SmokeFailedError(
            version=version,
            row=cases.rows[worst],
            difference=float(differences[worst]),
            said=levels[worst],
            stored=cases.levels[worst],
        )


def _answers(model: Any, features: pl.DataFrame) -> tuple[npt.NDArray[np.float64], tuple[str, ...]]:
    """Probabilities of LOW, MEDIUM and HIGH, and the level: the most probable one, the first of ``classes_`` on a tie."""
    raw = np.asarray(model.predict_proba(features), dtype=np.float64)
    names = [str(level) for level in model.classes_]
    probabilities = np.zeros((len(raw), len(schema.LEVELS)))
    probabilities[:, [schema.LEVEL_RANK[name] for name in names]] = raw
    return probabilities, tuple(names[place] for place in raw.argmax(axis=1))


def unreadable(manifest: Manifest, path: Path, problem: str) -> ArtifactUnreadableError:
    """The refusal of a file that is the one the manifest names, and cannot be read here."""
    return ArtifactUnreadableError(
        version=manifest.version,
        path=str(path),
        problem=problem,
        libraries=", ".join(f"{name} {version}" for name, version in manifest.environment.libraries.items()),
    )
