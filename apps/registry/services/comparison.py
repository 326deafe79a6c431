"""Two registered versions on the rows that both are tested on."""

from dataclasses import dataclass, field
from functools import lru_cache

import polars as pl

import future_skills  # scikit-learn is loaded when a comparison is asked for, not by every page
from apps.registry.models import ModelVersion
from apps.registry.selectors import find_version
from apps.registry.store import version_paths
from future_skills.artifact import VersionPaths, read_rows
from future_skills.comparison import Comparison
from future_skills.manifest import Manifest


@dataclass(frozen=True, slots=True)
class _KeptVersion:
    """A version in the store. Its manifest holds the hash of every other file: one manifest hash, one content."""

    name: str
    manifest_sha256: str
    manifest: Manifest = field(compare=False)
    paths: VersionPaths = field(compare=False)

    @classmethod
    def of(cls, version: ModelVersion) -> "_KeptVersion":
        return cls(version.name, version.manifest_sha256, version.words, version_paths(version))

    def rows(self) -> pl.DataFrame:
        return read_rows(self.manifest, self.paths)


def compare_versions(reference: str, challenger: str) -> Comparison:
    """Compare two registered versions; at once the second time, as the files of a version never change.

    Raises:
        VersionNotFoundError: no such version.
        ArtifactMissingError, ArtifactHashMismatchError: a file of a version is absent or was changed.
    """
    return _compare(_KeptVersion.of(find_version(reference)), _KeptVersion.of(find_version(challenger)))


@lru_cache(maxsize=64)
def _compare(reference: _KeptVersion, challenger: _KeptVersion) -> Comparison:
    return future_skills.compare((reference.name, reference.rows()), (challenger.name, challenger.rows()))
