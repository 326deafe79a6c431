"""The audit log in a browser: it verifies itself, filters live in the address, details unfold."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction
from playwright.sync_api import Page, expect

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.audit.services import record
from tests.audit_guard import unguarded

pytestmark = pytest.mark.django_db(transaction=True)

LONG = "une-personne-au-nom-vraiment-tres-long.prenom-compose@entreprise-exemple.fr"


@pytest.fixture
def log() -> None:
    """Sixty events: two pages."""
    with transaction.atomic():
        for number in range(60):
            record(
                actor=Actor(LONG if number % 2 else "nadia", "declared"),
                action="registry.note",
                object_type="version" if number % 3 else "policy",
                object_id=f"v{number}" if number % 3 else "9f" * 32,
                details={"text": f"Note {number} <b>" + "long " * 40, "sha256": "ab" * 32, "list": [{"a": None}]},
            )


def violations(page: Page) -> list[str]:
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.emulate_media(color_scheme="light")
    found = Axe().run(page).response["violations"]
    page.emulate_media(color_scheme="dark")
    found += Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_nothing_and_nothing_overflows(open_page, log, language: str, width: int) -> None:
    page = open_page("/audit/?verify=yes", language=language, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []


def test_an_empty_log_is_clean_too(open_page) -> None:
    page = open_page("/audit/")
    expect(page.locator("table")).to_have_count(0)
    assert violations(page) == []


def test_a_short_log_verifies_itself_when_the_page_is_opened(open_page, log) -> None:
    page = open_page("/audit/", language="en")
    expect(page.locator("#answer .answer")).to_have_text("60 events, chain intact.")


def test_a_broken_log_says_so_and_leads_to_the_bad_event(open_page, log) -> None:
    with unguarded():
        AuditEvent.objects.filter(sequence=30).update(actor="someone else")
    page = open_page("/audit/", language="en")
    expect(page.locator("#answer .alarm")).to_contain_text("broken at event 30")
    page.locator("#answer .alarm a").click()
    expect(page.locator("#event-30")).to_contain_text("someone else")
    expect(page.locator("#answer .alarm")).to_contain_text("broken at event 30")


def test_filters_answer_at_once_and_live_in_the_address(open_page, log) -> None:
    page = open_page("/audit/", language="en")
    page.locator("#object").fill("v7")
    page.locator("#object").press("Tab")
    expect(page.locator("table.log tbody tr")).to_have_count(1)
    expect(page.locator("#count")).to_have_text("1 event")
    expect(page).to_have_url(re.compile(r"[?&]object=v7(&|$)"))
    expect(page.get_by_role("link", name="CSV")).to_have_attribute("href", "/audit.csv?object=v7")
    page.reload()
    expect(page.locator("#object")).to_have_value("v7")
    expect(page.locator("table.log tbody tr")).to_have_count(1)


def test_everything_works_without_javascript(open_page, log) -> None:
    page = open_page("/audit/", language="en", java_script_enabled=False)
    page.get_by_role("link", name="Verify the chain").click()
    expect(page.locator("#answer .answer")).to_have_text("60 events, chain intact.")
    page.get_by_label("Who").fill("nadia")
    page.get_by_role("button", name="Filter events").click()
    expect(page.locator("#count")).to_have_text("30 events")
    page.get_by_role("link", name="Show all").or_(page.get_by_role("link", name="Audit log")).first.click()
    page.get_by_role("link", name="Older events").click()
    page.locator("#event-1 summary").click()
    expect(page.locator("#event-1")).to_contain_text("Note 0 <b>long")
    page.get_by_role("link", name="Newer events").click()
    expect(page.locator("table.log tbody tr")).to_have_count(50)
