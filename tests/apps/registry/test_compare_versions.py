"""Two registered versions, from the files in the store."""

import pytest

from apps.registry.selectors import find_version
from apps.registry.services import comparison as service
from apps.registry.services.comparison import compare_versions
from apps.registry.store import version_paths
from future_skills.artifact import ROWS_SUFFIX
from future_skills.errors import ArtifactHashMismatchError, VersionNotFoundError


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """No comparison of an earlier test is remembered."""
    service._compare.cache_clear()


@pytest.mark.usefixtures("registered")
def test_two_registered_versions_are_compared_on_the_rows_they_share() -> None:
    found = compare_versions("v1", "v2")
    v1, v2 = find_version("v1").words, find_version("v2").words
    assert (found.reference, found.challenger, found.rows) == ("v1", "v2", v1.split.test_rows)
    assert found.reference_metrics == v1.metrics
    assert found.challenger_metrics == v2.metrics
    assert found.difference("f1_macro") is not None


@pytest.mark.usefixtures("registered")
def test_the_second_time_nothing_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = compare_versions("v1", "v2")
    monkeypatch.setattr(service, "version_rows", None)
    assert compare_versions("v1", "v2") is first


@pytest.mark.usefixtures("registered")
def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(VersionNotFoundError):
        compare_versions("v1", "v9")


@pytest.mark.usefixtures("registered")
def test_rows_that_were_changed_in_the_store_are_refused() -> None:
    rows = version_paths(find_version("v2")).beside(ROWS_SUFFIX)
    rows.write_bytes(rows.read_bytes() + b"x")
    with pytest.raises(ArtifactHashMismatchError):
        compare_versions("v1", "v2")
