"""The prediction log in a browser: filters answer at once and live in the address, and an answer unfolds."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from apps.serving.ids import answer_id, moment_of, new_request_id
from apps.serving.models import Prediction
from tests.apps.registry import factories

pytestmark = pytest.mark.django_db(transaction=True)

LONG = "Responsable de l’administration des ventes internationales et des partenariats technologiques (H/F)"


@pytest.fixture
def log() -> list[Prediction]:
    """Sixty answers: two pages."""
    deployment = factories.deployment(factories.version("v1"), kind="rollback", reason="Essai.")
    lines = []
    for number in range(60):
        request = new_request_id(datetime(2026, 3, 4, tzinfo=UTC) + timedelta(minutes=number))
        lines.append(
            Prediction(
                id=answer_id(request, 0),
                request_id=request,
                deployment=deployment,
                version="v1",
                at=moment_of(request),
                requester="une-personne-au-nom-vraiment-tres-long" if number % 2 else "nadia",
                requester_source="token",
                role=LONG if number % 3 else "Juriste",
                skill="Droit du travail",
                period="2026-03",
                level=("LOW", "MEDIUM", "HIGH")[number % 3],
                probabilities={"LOW": 0.1, "MEDIUM": 0.2, "HIGH": 0.7},
                current_level="",
                warnings=["out_of_range"],
                abstained=number % 5 == 0,
                inputs={"job_role_name": LONG, "trend_score": 0.123456789, "scarcity_index": None},
            )
        )
    return Prediction.objects.bulk_create(lines)


def violations(page: Page) -> list[str]:
    page.emulate_media(color_scheme="light")
    found = Axe().run(page).response["violations"]
    page.emulate_media(color_scheme="dark")
    found += Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_nothing_and_nothing_overflows(open_page, log, language: str, width: int) -> None:
    for address in ("/predictions/", f"/predictions/{log[0].id}/"):
        page = open_page(address, language=language, width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        assert violations(page) == [], address


def test_an_empty_log_is_clean_too(open_page) -> None:
    page = open_page("/predictions/")
    expect(page.locator("table")).to_have_count(0)
    assert violations(page) == []


def test_filters_answer_at_once_and_an_answer_opens(open_page, log) -> None:
    page = open_page("/predictions/", language="en")
    expect(page.locator("#count")).to_have_text("60 predictions, kept for 36 months.")
    page.locator("#role").fill("Juriste")
    page.locator("#role").press("Tab")
    expect(page.locator("#count")).to_have_text("20 predictions of the log, as filtered below.")
    expect(page).to_have_url(re.compile(r"[?&]role=Juriste(&|$)"))
    expect(page.get_by_role("link", name="CSV")).to_have_attribute("href", "/predictions.csv?role=Juriste")
    page.reload()
    expect(page.locator("#role")).to_have_value("Juriste")
    page.locator("tbody th a").first.click()
    expect(page.locator("h1")).to_have_text("Juriste × Droit du travail")
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(20)


def test_everything_works_without_javascript(open_page, log) -> None:
    page = open_page("/predictions/", language="en", java_script_enabled=False)
    page.get_by_label("Who asked").fill("nadia")
    page.get_by_role("button", name="Filter predictions").click()
    expect(page.locator("#count")).to_have_text("30 predictions of the log, as filtered below.")
    page.goto(page.url.split("?")[0])
    page.get_by_role("link", name="Older predictions").click()
    expect(page.locator("tbody tr")).to_have_count(10)
    page.get_by_role("link", name="Newer predictions").click()
    expect(page.locator("tbody tr")).to_have_count(50)
