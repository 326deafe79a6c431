"""Promotion and production in a browser: readable by everybody, decided by keyboard alone, confirmed before anything is done."""

import re
import time
from datetime import timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from apps.registry.live import open_suspension
from apps.registry.models import Approval, Suspension, WorksCouncilRecord
from tests.apps.registry import factories as make
from tests.browser.test_pages import violations

pytestmark = pytest.mark.django_db(transaction=True)

EVERYTHING = ("data_scientist", "drh_reviewer", "operator", "auditor", "administrator")
LONG_REASON = "Salaires importés deux fois pour la direction " + "Administration-des-ventes-et-relations-clients " * 3
PAGES = [
    "/decisions/",
    "/versions/",
    "/versions/v2/gate/",
    "/versions/v3/gate/",
    f"/versions/{make.LONG_NAME}/gate/",
    f"/versions/{make.LONG_NAME}/deploy/",
    "/versions/v3/deploy/",
    "/production/",
    "/production/?at=2026-04-05T12:00",
    "/production/?at=hier&page=x",
    "/production/rollback/",
    "/production/suspend/",
    "/production/resume/",
    "/works-council/?version=v2",
    "/policy/",
]
EMPTY = ["/decisions/", "/production/", "/production/rollback/", "/production/suspend/", "/works-council/", "/policy/"]


@pytest.fixture
def registry() -> list[str]:
    """v1 was live, then v2; v3 waits for people; one of a long name is ready; gives the pages to look at."""
    first, second = make.version("v1"), make.version("v2", history=True)
    make.approved(first)
    make.deployment(first, days=32, reason=LONG_REASON)
    make.approved(second)
    make.deployment(second, days=33)
    make.report(make.version("v3", history=True))
    refused = make.report(make.version("v4"), written="refused", second="inconclusive")
    make.approval(refused, "drh", "claire", decision="reject", comment=LONG_REASON)
    make.approved(make.version(make.LONG_NAME, history=True))
    at = make.BASE_TIME + timedelta(days=33, hours=2)
    Suspension.objects.create(
        reason=LONG_REASON, started_at=at, started_by="olivier", open=False, ended_at=at, ended_by="odile"
    )
    for version in (None, second):
        WorksCouncilRecord.objects.create(
            version=version,
            state="consulted",
            held_on=at,
            reason=LONG_REASON,
            document="PV 2026-03-03, point 4",
            created_at=at,
            created_by="claire",
        )
    return [*PAGES, f"/versions/v4/reports/{refused.sha256}/"]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_axe_finds_nothing(open_page, registry: list[str], live_server, language: str) -> None:
    page = open_page(registry[0], roles=EVERYTHING, language=language)
    found = violations(page)
    for address in registry[1:]:
        page.goto(live_server.url + address)
        found += violations(page)
    assert found == []


def test_axe_finds_nothing_where_there_is_nothing_yet(open_page, live_server) -> None:
    page = open_page(EMPTY[0], roles=EVERYTHING)
    found = violations(page)
    for address in EMPTY[1:]:
        page.goto(live_server.url + address)
        found += violations(page)
    assert found == []


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_page_is_wider_than_its_window(open_page, registry: list[str], live_server, width: int) -> None:
    page = open_page("/decisions/", roles=EVERYTHING, width=width)
    wide = []
    for address in registry:
        page.goto(live_server.url + address)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(address)
    assert wide == []


def press(page: Page, name: str, leads_to: str) -> None:
    """Tab to what has that name, press Enter, and wait for the address."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            page.keyboard.press("Enter")
            expect(page).to_have_url(re.compile(leads_to))
            page.wait_for_load_state()
            return
    pytest.fail(f"the keyboard never reaches {name!r}")


def test_a_reviewer_decides_by_keyboard_alone(open_page, registry: list[str]) -> None:
    page = open_page("/versions/", roles=("drh_reviewer",), language="en")
    press(page, "1 decision waits for you", "/decisions/$")
    press(page, "Read the criteria of v3 and decide", "/gate/#decide$")
    press(page, "Decide for the DRH", "#team-drh$")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Comment (needed to reject)")).to_be_focused()
    page.keyboard.type("Relu.")
    press(page, "Approve v3 for the DRH", "/gate/$")
    expect(page.locator("#messages")).to_have_text("You approved v3.")
    expect(page.locator("#waiting")).to_have_text("nothing waits for you")
    assert Approval.objects.get(created_by="drh_reviewer").comment == "Relu."


def test_everything_is_decided_without_javascript(open_page, registry: list[str]) -> None:
    page = open_page("/versions/v3/gate/", roles=("drh_reviewer",), language="en", java_script_enabled=False)
    page.get_by_role("button", name="Reject v3 for the DRH").click()
    expect(page.get_by_role("alert")).to_contain_text("A rejection needs a reason")
    page.get_by_label("Comment (needed to reject)").fill("Des métiers manquent.")
    page.get_by_role("button", name="Reject v3 for the DRH").click()
    expect(page.locator("#team-drh")).to_contain_text("✕ rejected by drh_reviewer")
    page.get_by_text("Take my decision back…").click()
    page.get_by_label("Why").fill("Erreur.")
    page.get_by_role("button", name="Take my rejection back").click()
    expect(page.locator("#messages")).to_have_text("You took back your decision on v3.")


def test_a_switch_is_confirmed_shows_that_it_works_and_is_undone(open_page, registry: list[str]) -> None:
    page = open_page("/production/", roles=("operator",), language="en")
    expect(page.locator("#live")).to_contain_text("v2 in production since")
    page.get_by_role("button", name="Suspend predictions…").click()
    expect(page.locator(".answer")).to_have_text("v2 will not answer any more, until somebody resumes.")
    page.get_by_label("Why").fill("Salaires en double")

    def slow(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    page.route("**/production/suspend/", slow)
    expect(page.locator(".busy")).to_be_hidden()
    button = page.get_by_role("button", name="Suspend predictions")
    button.click(no_wait_after=True)
    expect(page.locator(".busy")).to_be_visible()
    expect(button).to_be_disabled()
    expect(page.locator("#messages")).to_have_text("Predictions are suspended.")
    expect(page.locator("#live")).to_have_text("v2: model suspended")
    expect(page).to_have_url(re.compile(r"/production/$"))
    expect(page).to_have_title(re.compile("^Production"))
    page.get_by_role("button", name="Resume predictions…").click()
    page.get_by_role("button", name="Resume predictions").click()
    expect(page.locator("#live")).to_contain_text("v2 in production since")
    assert open_suspension() is None


def test_a_switch_that_is_refused_says_why_in_place_and_keeps_what_was_typed(open_page, registry: list[str]) -> None:
    page = open_page("/production/rollback/", roles=("operator",), language="en")
    page.get_by_label("Why").fill("La DRH conteste.")
    page.get_by_role("button", name="Go back to v1").click()
    expect(page.get_by_role("alert")).to_contain_text("does not exist")  # these versions have no files
    expect(page.get_by_label("Why")).to_have_value("La DRH conteste.")
    expect(page.locator("#live")).to_contain_text("v2 in production since")
    page.get_by_role("link", name="Change nothing").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Production")


def test_one_asks_what_was_in_production_and_sends_the_address_to_a_colleague(open_page, registry: list[str]) -> None:
    page = open_page("/production/", language="en")
    page.get_by_label("What was in production on").fill("2026-04-05T12:00")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#then")).to_contain_text("v1 was in production")
    assert "at=2026-04-05T12" in page.url
    page.reload()
    expect(page.locator("#then")).to_contain_text("v1 was in production")
