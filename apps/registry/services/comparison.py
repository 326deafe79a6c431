"""Two registered versions on the rows that both are tested on."""

from dataclasses import replace
from functools import lru_cache

import future_skills  # scikit-learn is loaded when a comparison is asked for, not by every page
from apps.registry.selectors import find_version
from apps.registry.store import version_rows
from future_skills.comparison import Comparison


def compare_versions(reference: str, challenger: str) -> Comparison:
    """Compare two registered versions; at once the second time, as the files of a version never change.

    Raises:
        VersionNotFoundError: no such version.
        ArtifactError: a file of a version is absent or was changed, or nobody vouches for it.
    """
    one, other = find_version(reference), find_version(challenger)
    return _compare(one.name, one.manifest_sha256, other.name, other.manifest_sha256)


@lru_cache(maxsize=64)
def _compare(reference: str, _reference_sha256: str, challenger: str, _challenger_sha256: str) -> Comparison:
    """The hash of a manifest, which holds the hash of every other file: one hash, one content."""
    versions = [find_version(name) for name in (reference, challenger)]
    comparison = future_skills.compare(*((version.name, version_rows(version)) for version in versions))
    unknown = {version.name: None for version in versions if not version.words.split.train_rows_known}
    return replace(comparison, seen=comparison.seen | unknown)
