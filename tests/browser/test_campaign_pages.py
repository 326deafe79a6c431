"""The pages of campaigns in a browser: the map and what it leads to, in both languages and themes, narrow and wide."""

import re
from collections.abc import Callable

import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from apps.registry.models import Deployment
from apps.serving.campaigns.models import Campaign, CampaignCell
from apps.workforce.services import store_snapshots
from tests.apps.conftest import analyst
from tests.apps.registry.conftest import facts, pairs, small_company
from tests.apps.registry.promotion import OLIVIER
from tests.apps.serving.campaigns.conftest import (
    cast,
    done,
    fresh_process,
    live,
    registered,
    started,
    trained_pairs,
)

__all__ = [
    "analyst",
    "cast",
    "done",
    "facts",
    "fresh_process",
    "live",
    "pairs",
    "registered",
    "small_company",
    "started",
    "trained_pairs",
]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def campaign(live: Deployment, facts: pl.DataFrame, done: Callable[..., Campaign]) -> Campaign:
    """The second of two campaigns, between which the facts changed; its label is as long as it may be."""
    done(label="avant")
    latest = facts.filter(pl.col("period") == facts["period"].max())
    changed = latest.with_columns(internal_usage=pl.lit(1.0), trend_score=pl.lit(1.0))
    store_snapshots(actor=OLIVIER, batches=[changed], source="après")
    return done(label="Plan de développement des compétences 2027, " * 2)


def violations(page: Page) -> list[str]:
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.emulate_media(color_scheme="light")
    found = Axe().run(page).response["violations"]
    page.emulate_media(color_scheme="dark")
    found += Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(("language", "width"), [("fr", 360), ("en", 1440)])
def test_axe_finds_nothing_and_nothing_overflows(open_page, campaign: Campaign, language: str, width: int) -> None:
    cell = CampaignCell.objects.filter(campaign=campaign).first()
    assert cell is not None
    page = open_page("/campaigns/", roles=("operator",), language=language, width=width)
    place = page.url + f"{campaign.pk}/"
    for address in ("", "?show=change", "pairs/", f"rising/?department={cell.department}", "changes/"):
        page.goto(place + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        assert violations(page) == [], address
    page.goto(place + "pairs/")
    page.locator("tbody th a").first.click()
    expect(page.locator("dl.shares")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("link", name=re.compile("with other values|autres valeurs")).click()
    expect(page.locator("dl.shares")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
    page.goto(page.url.split("/predict/")[0] + "/campaigns/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []


def test_from_the_map_to_a_pair_and_back(open_page, campaign: Campaign) -> None:
    page = open_page(f"/campaigns/{campaign.pk}/", language="en")
    page.get_by_label("Show").select_option("mean")
    expect(page).to_have_url(re.compile("show=mean"))
    expect(page.locator("#measure")).to_contain_text("Mean of P(High)")
    page.locator("table.map tbody td a").first.click()
    expect(page.locator("#count")).to_contain_text("pair")
    page.get_by_label("Level today").select_option("LOW")
    expect(page).to_have_url(re.compile("now=LOW"))
    page.locator("tbody th a").first.click()
    expect(page.locator("h1")).to_contain_text("×")
    page.go_back()
    expect(page).to_have_url(re.compile("now=LOW"))
