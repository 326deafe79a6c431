"""What the registry says of versions whose words look like something else."""

import pytest

from apps.registry.selectors import registry_summary, versions_page
from apps.registry.services.page import registry_page_text
from apps.registry.terminal import list_versions, versions_table
from tests.apps.registry.factories import manifest, version

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("notes", ["2018", "true", "null", '{"a": 1}', '"x"', "", "1.50"])
def test_a_note_that_looks_like_json_is_a_note(notes: str) -> None:
    version("v1", notes=notes)
    line = next(line for line in registry_page_text().splitlines() if line.startswith("| v1 |"))
    assert line.endswith(f"| {notes} |")


def test_a_year_as_test_period_is_a_period() -> None:
    split = manifest().split.model_copy(update={"test_period": "2018", "train_periods": ("2017",)})
    version("panel-1", split=split)
    listed = list_versions(limit=10, offset=0)
    assert listed["versions"][0]["test_period"] == "2018"
    assert versions_table(listed["versions"]).row_count == 1
    assert versions_page(text="", sort="-date", page=1).rows[0].test.period == "2018"
    newest = registry_summary().newest
    assert newest is not None
    assert newest.test.period == "2018"
