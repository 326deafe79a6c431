"""What the registry says of versions whose words look like something else."""

from datetime import timedelta

import pytest

from apps.registry.models import ModelVersion, Suspension
from apps.registry.selectors import registry_summary, versions_page
from apps.registry.services.page import registry_page_text
from apps.registry.terminal import list_versions, versions_table
from tests.apps.registry.factories import BASE_TIME, approved, deployment, manifest, many_versions, version

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


# --- Promotion and production -------------------------------------------------------------------------------------------
def section(text: str, heading: str) -> str:
    """What stands under a heading, with ordinary spaces."""
    return text.replace("\u00a0", " ").replace("\u202f", " ").split(f"\n{heading}\n")[1].split("\n## ")[0]


def test_the_page_follows_what_is_decided_and_deployed() -> None:
    first, second = version("v1"), version("v2", history=True, created_at=BASE_TIME + timedelta(days=1))
    assert "Aucune version n'est en production." in section(registry_page_text(), "## En production")
    deployment(first, days=32, reason="Démarrage.")
    approved(second)
    text = registry_page_text()
    live = section(text, "## En production")
    assert (
        "**v1 est en production** depuis le 5 avril 2026 à 11:05, mise en production par olivier. Motif : Dém" in live
    )
    assert "- **Approuvée** : v2" in live
    described = section(text, "### Version v2")
    assert "- **Étape** : approuvée" in described
    assert "- **Approbation de la DRH** : approuvée par claire, le 4 avril 2026 à 11:05 : Vu en comité." in described
    assert "5 avril 2026 à 11:05, par olivier. Responsables" in section(text, "## Dernière mise à jour")
    deployment(second, days=33)
    Suspension.objects.create(reason="Contrôle.", started_at=BASE_TIME + timedelta(days=34), started_by="odile")
    text = registry_page_text()
    assert "**Prédictions suspendues** depuis le 7 avril 2026 à 11:05 par odile : Contrôle." in text.replace(
        "\u00a0", " "
    )
    assert "7 avril 2026 à 11:05, par odile. Responsables" in section(text, "## Dernière mise à jour")


def test_a_thousand_versions_cost_as_many_queries_as_two(django_assert_num_queries) -> None:
    first, second = version("v1"), version("v2", history=True)
    deployment(first)
    approved(second)
    with django_assert_num_queries(30) as few:
        registry_page_text()
    many_versions(300, first=3)
    for found in ModelVersion.objects.order_by("-id")[:20]:
        approved(found)
    with django_assert_num_queries(len(few)):
        registry_page_text()
