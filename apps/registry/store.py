"""The artifact store: every dataset and every version is kept under its own hash, written once.

    datasets/<sha256>/dataset.csv (or .csv.gz, .parquet)
    versions/<sha256 of the manifest>/future_skills_model_v2.pkl, .json, …, .sig
    campaigns/<sha256>/campaign.parquet

A version's place is named by its manifest, and the manifest holds the hash of every other file; the signature vouches for
the manifest. The store is the folder ARTIFACTS_DIR, or any Django storage named "artifacts" in STORAGES: its files are
then fetched into CACHE_DIR. What is read here was checked, whatever the store says of itself.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import polars as pl
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, storages

from apps.registry.models import Dataset, ModelVersion, SigningKey
from future_skills.artifact import MODEL_SUFFIX, ROWS_SUFFIX, LoadedVersion, VersionPaths, load_version, read_rows
from future_skills.errors import ArtifactHashMismatchError, ArtifactMissingError, SignatureMissingError
from future_skills.files import folder_written_whole, sha256_of_bytes, sha256_of_file, written_whole
from future_skills.manifest import Manifest
from future_skills.signing import PublicKeys, Signature, check_signature, parse_signature, signature_text

STORAGE = "artifacts"
"""Name, in STORAGES, of the storage that takes the place of the folder."""


# --- Kept ---------------------------------------------------------------------------------------------------------------
def keep_dataset(path: Path, *, sha256: str, name: str) -> None:
    """Keep a copy of a dataset file; where it is kept already, nothing is written.

    Raises:
        ArtifactHashMismatchError: the file, or the copy kept before, is not what ``sha256`` says.
    """
    _shelf().keep(_dataset_place(sha256), {_dataset_file(name): (path, sha256)})


def keep_version(manifest: Manifest, paths: VersionPaths, *, manifest_sha256: str) -> None:
    """Keep a copy of every file of a version, the manifest last; where it is kept already, nothing is written.

    Raises:
        ArtifactHashMismatchError: a file, or a copy kept before, was changed.
    """
    files = {entry.name: (paths.model.parent / entry.name, entry.sha256) for entry in manifest.files}
    files[paths.manifest.name] = (paths.manifest, manifest_sha256)
    _shelf().keep(_version_place(manifest_sha256), files)


def keep_signature(signature: Signature, *, name: str, published: VersionPaths | None) -> None:
    """Put the ``.sig`` with the kept copy of a version, and beside the published pair; both are replaced.

    Args:
        signature: of the version's manifest.
        name: of the file.
        published: the published pair, where there is one.
    """
    content = signature_text(signature).encode()
    _shelf().put(_version_place(signature.manifest_sha256), name, content)
    if published is not None:
        with written_whole(published.signature) as temporary:
            temporary.write_bytes(content)


def keep_campaign(path: Path, *, sha256: str) -> None:
    """Keep a copy of a campaign's result; where it is kept already, nothing is written.

    Raises:
        ArtifactHashMismatchError: the file, or the copy kept before, is not what ``sha256`` says.
    """
    _shelf().keep(_campaign_place(sha256), {_CAMPAIGN_FILE: (path, sha256)})


# --- Found again --------------------------------------------------------------------------------------------------------
def dataset_path(dataset: Dataset) -> Path:
    """Where a registered dataset can be read.

    Raises:
        ArtifactMissingError: the copy is gone.
        ArtifactHashMismatchError: a remote copy was changed.
    """
    name = _dataset_file(dataset.name)
    return _shelf().at_hand(_dataset_place(dataset.sha256), {name: dataset.sha256}) / name


def campaign_path(sha256: str) -> Path:
    """Where the result of a finished campaign can be read.

    Raises:
        ArtifactMissingError: the copy is gone.
        ArtifactHashMismatchError: a remote copy was changed.
    """
    return _shelf().at_hand(_campaign_place(sha256), {_CAMPAIGN_FILE: sha256}) / _CAMPAIGN_FILE


def version_paths(version: ModelVersion) -> VersionPaths:
    """Where a registered version can be read.

    Raises:
        ArtifactMissingError: a file of the copy is gone.
        ArtifactHashMismatchError: a remote copy was changed.
    """
    folder = _shelf().at_hand(_version_place(version.manifest_sha256), _version_files(version))
    return VersionPaths(folder / file_names(version).model)


def file_names(version: ModelVersion) -> VersionPaths:
    """The names of a version's files, in no folder."""
    name: str = next(file["name"] for file in version.manifest["files"] if file["name"].endswith(MODEL_SUFFIX))
    return VersionPaths(Path(name))


def public_keys() -> PublicKeys:
    """The keys whose signatures are trusted, retired ones included."""
    return dict(SigningKey.objects.values_list("key_id", "public_key"))


def published_paths(version: ModelVersion) -> VersionPaths | None:
    """Where a version was published, or None where nothing of it is there any more."""
    if not version.published_path:
        return None
    paths = VersionPaths(settings.BASE_DIR / version.published_path)
    return paths if any((paths.model.parent / name).exists() for name in _version_files(version)) else None


def published_path(paths: VersionPaths) -> str:
    """How the place of a pair is remembered: relative to the checkout where it is inside, so that a checkout may move."""
    model, checkout = paths.model.resolve(), settings.BASE_DIR.resolve()
    return str(model.relative_to(checkout) if model.is_relative_to(checkout) else model)


# --- Checked ------------------------------------------------------------------------------------------------------------
def check_everywhere(version: ModelVersion, *, dataset: bool = True) -> None:
    """Refuse a version of which one byte was changed, in the store, in the published pair or in its dataset.

    The manifest is checked first, then its signature, then every other file. A published pair that is wholly gone is
    no fault: the store has it.

    Args:
        version: a registered version.
        dataset: whether the kept copy of its dataset is read too.

    Raises:
        ArtifactMissingError: a file is absent.
        ArtifactHashMismatchError: a file was changed.
        SignatureMissingError: the version was never signed.
        SignatureInvalidError: no key of this installation signed it.
    """
    _check_manifest(version)
    check_signed(version)
    shelf = _shelf()
    shelf.check(_version_place(version.manifest_sha256), _version_files(version))
    if (published := published_paths(version)) is not None:
        for name, sha256 in _version_files(version).items():
            _check_file(published.model.parent / name, sha256)
    if dataset and version.dataset is not None:
        name = _dataset_file(version.dataset.name)
        shelf.check(_dataset_place(version.dataset.sha256), {name: version.dataset.sha256})


def open_version(version: ModelVersion, *, dataset: bool = False) -> LoadedVersion:
    """Open a registered version from the store, once every file was found right (see ``check_everywhere``).

    Args:
        version: a registered version.
        dataset: whether the kept copy of its dataset is checked too; the model does not need it.

    Raises:
        ArtifactError: it cannot be trusted, or cannot be opened here.
    """
    check_everywhere(version, dataset=dataset)
    return load_version(
        version_paths(version).model,
        manifest_sha256=version.manifest_sha256,
        public_keys=public_keys(),
        allowed_types=settings.FUTURE_SKILLS_ALLOWED_TYPES,
    )


def version_rows(version: ModelVersion) -> pl.DataFrame:
    """The rows file of a registered version (see ``training.rows_frame``), found right as ``check_everywhere`` says.

    Raises:
        ArtifactError: it cannot be trusted, or read.
    """
    _check_manifest(version)
    check_signed(version)
    manifest = version.words
    rows = manifest.file(ROWS_SUFFIX)
    folder = _shelf().at_hand(_version_place(version.manifest_sha256), {rows.name: rows.sha256})
    return read_rows(manifest, VersionPaths(folder / file_names(version).model))


def check_kept(version: ModelVersion) -> None:
    """Refuse a version of which a kept file is absent or was changed, the ``.sig`` left out.

    Raises:
        ArtifactMissingError, ArtifactHashMismatchError: as in ``check_everywhere``.
    """
    files = _version_files(version)
    files.pop(file_names(version).signature.name, None)
    _shelf().check(_version_place(version.manifest_sha256), files)


def check_signed(version: ModelVersion) -> Signature:
    """The signature of a version, kept in its row, once it was found to be one of this installation's keys.

    Raises:
        SignatureMissingError, SignatureInvalidError: it is absent, or no key of this installation made it.
    """
    path, signature = str(file_names(version).signature), _signature(version)
    if signature is None:
        raise SignatureMissingError(path=path, version=version.name)
    check_signature(signature, manifest_sha256=version.manifest_sha256, public_keys=public_keys(), path=path)
    return signature


def _check_manifest(version: ModelVersion) -> None:
    """The manifest first: it says what every other file must be."""
    manifest = {file_names(version).manifest.name: version.manifest_sha256}
    _shelf().check(_version_place(version.manifest_sha256), manifest)


def _check_file(path: Path, sha256: str) -> None:
    try:
        actual = sha256_of_file(path)
    except FileNotFoundError as error:
        raise ArtifactMissingError(path=str(path)) from error
    if actual != sha256:
        raise ArtifactHashMismatchError(path=str(path), expected=sha256, actual=actual)


# --- Names --------------------------------------------------------------------------------------------------------------
def _dataset_place(sha256: str) -> str:
    return f"datasets/{sha256}"


def _version_place(manifest_sha256: str) -> str:
    return f"versions/{manifest_sha256}"


def _campaign_place(sha256: str) -> str:
    return f"campaigns/{sha256}"


_CAMPAIGN_FILE = "campaign.parquet"


def _dataset_file(name: str) -> str:
    """Name of the copy of a dataset; only the suffix counts, for the same bytes may come under two names."""
    return "dataset.csv.gz" if name.lower().endswith(".csv.gz") else f"dataset{Path(name).suffix.lower()}"


def _version_files(version: ModelVersion) -> dict[str, str]:
    """Every file of a registered version: name -> sha256."""
    names = file_names(version)
    files = {file["name"]: file["sha256"] for file in version.manifest["files"]}
    files[names.manifest.name] = version.manifest_sha256
    if (signature := _signature(version)) is not None:
        files[names.signature.name] = sha256_of_bytes(signature_text(signature).encode())
    return files


def _signature(version: ModelVersion) -> Signature | None:
    """What the row says of the signature, or None where the version was never signed."""
    if version.signature is None:
        return None
    return parse_signature(json.dumps(version.signature).encode(), path=str(file_names(version).signature))


# --- Where it is kept ---------------------------------------------------------------------------------------------------
class _Shelf(Protocol):
    """What a store can do. A place is ``versions/<sha256>``, ``datasets/<sha256>`` or ``campaigns/<sha256>``."""

    def keep(self, place: str, files: Mapping[str, tuple[Path, str]]) -> None:
        """Copy files there: name -> (source, sha256 it must have). What is there already must be the same."""

    def put(self, place: str, name: str, content: bytes) -> None:
        """Write one small file there, or replace it."""

    def at_hand(self, place: str, files: Mapping[str, str]) -> Path:
        """A local folder with these files: name -> sha256."""

    def check(self, place: str, files: Mapping[str, str]) -> None:
        """Read what is kept, to the last byte: name -> sha256."""


def _shelf() -> _Shelf:
    if STORAGE in settings.STORAGES:
        return _Remote(storages[STORAGE], settings.CACHE_DIR)
    return _Folder(settings.ARTIFACTS_DIR)


class _Folder:
    """A folder of this machine: a place appears whole, in one step."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def keep(self, place: str, files: Mapping[str, tuple[Path, str]]) -> None:
        folder = self.root / place
        if folder.is_dir():
            self.check(place, {name: sha256 for name, (_, sha256) in files.items()})
            return
        with folder_written_whole(folder) as temporary:
            for name, (source, sha256) in files.items():
                _copied_whole(source, temporary / name, sha256)

    def put(self, place: str, name: str, content: bytes) -> None:
        with written_whole(self.root / place / name) as temporary:
            temporary.write_bytes(content)

    def at_hand(self, place: str, files: Mapping[str, str]) -> Path:
        for name in files:
            if not (self.root / place / name).is_file():
                raise ArtifactMissingError(path=str(self.root / place / name))
        return self.root / place

    def check(self, place: str, files: Mapping[str, str]) -> None:
        for name, sha256 in files.items():
            _check_file(self.root / place / name, sha256)


def _copied_whole(source: Path, copy: Path, sha256: str) -> None:
    actual = sha256_of_file(Path(shutil.copyfile(source, copy)))
    if actual != sha256:
        raise ArtifactHashMismatchError(path=str(source), expected=sha256, actual=actual)


class _Remote:
    """Any Django storage. It may show files half-written, so only hashes count; the cache is checked at each use."""

    def __init__(self, storage: Storage, cache: Path) -> None:
        self.storage = storage
        self.cache = cache

    def keep(self, place: str, files: Mapping[str, tuple[Path, str]]) -> None:
        for name, (source, sha256) in files.items():
            key = f"{place}/{name}"
            if self._sha256(key) == sha256:
                continue
            with source.open("rb") as file:
                self._write(key, File(file))
            if (actual := self._sha256(key)) != sha256:
                self.storage.delete(key)
                raise ArtifactHashMismatchError(path=str(source), expected=sha256, actual=actual)

    def put(self, place: str, name: str, content: bytes) -> None:
        key = f"{place}/{name}"
        if self._sha256(key) != sha256_of_bytes(content):
            self._write(key, ContentFile(content))

    def at_hand(self, place: str, files: Mapping[str, str]) -> Path:
        for name, sha256 in files.items():
            cached = self.cache / place / name
            if not cached.is_file() or sha256_of_file(cached) != sha256:
                self._fetch(place, name, sha256)
        return self.cache / place

    def check(self, place: str, files: Mapping[str, str]) -> None:
        for name, sha256 in files.items():
            self._fetch(place, name, sha256)

    def _fetch(self, place: str, name: str, sha256: str) -> None:
        """Copy a file into the cache, once its bytes were found right."""
        with written_whole(self.cache / place / name) as temporary, self._opened(f"{place}/{name}") as remote:
            with temporary.open("wb") as local:
                shutil.copyfileobj(remote, local)
            if (actual := sha256_of_file(temporary)) != sha256:
                raise ArtifactHashMismatchError(path=f"{STORAGE}:{place}/{name}", expected=sha256, actual=actual)

    def _write(self, key: str, content: "File[bytes]") -> None:
        self.storage.delete(key)  # storages give a taken name another one; what is there is not what it should be
        written = self.storage.save(key, content)
        if written != key:  # another process was writing the same bytes
            self.storage.delete(written)

    def _sha256(self, key: str) -> str | None:
        try:
            with self._opened(key) as remote:
                digest = hashlib.sha256()
                for chunk in iter(lambda: remote.read(1 << 20), b""):
                    digest.update(chunk)
        except ArtifactMissingError:
            return None
        return digest.hexdigest()

    @contextmanager
    def _opened(self, key: str) -> Iterator[IO[bytes]]:
        try:
            remote = self.storage.open(key, "rb")
        except FileNotFoundError as error:
            raise ArtifactMissingError(path=f"{STORAGE}:{key}") from error
        with remote:
            yield remote
