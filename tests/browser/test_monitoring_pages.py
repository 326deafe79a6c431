"""The pages of monitoring in a browser: in both languages and themes, narrow and wide; and the header on one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from apps.monitoring.models import Alert
from apps.monitoring.services.replays import replay_facts
from apps.monitoring.services.retraining import request_retraining
from apps.registry.models import Deployment
from future_skills import schema
from tests.apps.conftest import analyst
from tests.apps.monitoring.conftest import (
    cast,
    done,
    facts,
    fresh_process,
    live,
    next_quarter,
    pairs,
    registered,
    scored,
    small_company,
    started,
    trained_pairs,
)
from tests.apps.registry.promotion import NADIA

__all__ = [
    "analyst",
    "cast",
    "done",
    "facts",
    "fresh_process",
    "live",
    "next_quarter",
    "pairs",
    "registered",
    "scored",
    "small_company",
    "started",
    "trained_pairs",
]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def watched(live: Deployment, scored: Any, next_quarter: Callable[..., str], small_company: pl.DataFrame) -> Alert:
    """Windows with and without labels, a drift that lasts, a request, a track record."""
    periods = small_company[schema.PERIOD].unique().sort().to_list()
    scored(periods[-5])
    for period in ("2030-01", "2030-04"):
        scored(next_quarter(period, levels=False, scarcity_index=0.4))
    alert = Alert.objects.get(kind="data_drift", feature="scarcity_index")
    request_retraining(actor=NADIA, reason="Un trimestre est arrivé.", alert=alert.pk, enqueue=False)
    replay_facts(actor=NADIA, first=periods[-5], last=periods[-5])
    return alert


def violations(page: Page) -> list[str]:
    page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
    page.emulate_media(color_scheme="light")
    found = Axe().run(page).response["violations"]
    page.emulate_media(color_scheme="dark")
    found += Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(("language", "width"), [("fr", 360), ("en", 1440)])
def test_axe_finds_nothing_and_nothing_overflows(open_page, watched: Alert, language: str, width: int) -> None:
    page = open_page("/monitoring/", roles=("operator", "data_scientist"), language=language, width=width)
    place = page.url
    window, alert = f"windows/{watched.last_window_id}/", f"alerts/{watched.pk}/"
    request = f"retrainings/{watched.requests.get().pk}/"
    for address in ("", window, "alerts/", alert, "retrainings/", request, "replay/", "policy/"):
        page.goto(place + address)
        expect(page.locator("h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        assert violations(page) == [], address
    page.locator("#menu summary").click()
    expect(page.locator("#menu a")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_header_is_one_line_for_whoever_sees_all_of_it(open_page, watched: Alert, language: str) -> None:
    page = open_page("/monitoring/", roles=("operator", "drh_reviewer"), language=language)
    expect(page.locator("#alerts-waiting")).to_be_visible()
    tops = page.evaluate(
        "[...document.querySelectorAll('header nav a, header .chip, header .menu > summary')]"
        ".map(one => { const box = one.getBoundingClientRect(); return box.top + box.height / 2 })"
    )
    assert len(tops) >= 9
    assert max(tops) - min(tops) < 12


def test_from_an_alert_to_a_request_by_hand(open_page, watched: Alert) -> None:
    page = open_page(
        f"/monitoring/alerts/{watched.pk}/", roles=("data_scientist",), language="en", java_script_enabled=False
    )
    page.get_by_label("What was found").fill("The source changed its scale.")
    page.get_by_role("button", name="Acknowledge this alert").click()
    expect(page.locator("#messages")).to_contain_text("You look after this alert")
    page.get_by_role("button", name="Ask for a retraining…").click()
    page.get_by_label("Why").fill("Again.")
    page.get_by_role("button", name="Ask for a retraining").click()
    expect(page.locator("#refusal")).to_be_visible()  # one is under way
    expect(page.get_by_label("Why")).to_have_value("Again.")


def test_the_report_opens_without_a_network(open_page, browser: Browser, watched: Alert, tmp_path: Path) -> None:
    page = open_page(f"/monitoring/windows/{watched.last_window_id}/", language="en")
    with page.expect_download() as taken:
        page.get_by_role("link", name="This page as one file").click()
    taken.value.save_as(tmp_path / "report.html")
    context = browser.new_context(offline=True)
    alone = context.new_page()
    complaints: list[str] = []
    alone.on("console", lambda message: complaints.append(message.text))
    alone.goto((tmp_path / "report.html").as_uri())
    expect(alone.locator("h1")).to_contain_text("v1")
    assert alone.evaluate("getComputedStyle(document.querySelector('.answer')).fontSize") == "20px"
    assert complaints == []
    context.close()
