"""Labelling in a browser: by keyboard alone, without JavaScript, at every width, clean for assistive technology."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from apps.registry.models import ModelVersion, SampleItem, SampleLabel, ValidationSample
from apps.registry.samples import result_of, result_sha256, steps
from future_skills import schema
from future_skills.level_definitions import default_definitions
from tests.apps.registry import factories as make
from tests.browser.test_pages import violations

pytestmark = pytest.mark.django_db(transaction=True)

START = "/versions/v1/sample/label/"
LONG = "Responsable de la transformation numérique et de l’accompagnement du changement des fonctions support"


def facts(level: str | None = "MEDIUM") -> dict[str, Any]:
    return {
        "job_department": "Systèmes d’information",
        "skill_category": "Langages de programmation",
        "current_need_level": level,
        **dict.fromkeys(schema.NUMERIC_FEATURES, 0.5),
        "scarcity_index": None,
        "history": [
            {
                "period": f"{year}-02",
                "current_need_level": level,
                "internal_usage": 0.4,
                "trend_score": 0.5,
                "training_requests": 3.0,
            }
            for year in (2023, 2022)
        ],
    }


@pytest.fixture
def sample() -> ValidationSample:
    """Six rows, one of them with the longest names, one of which two people label."""
    version: ModelVersion = make.version("v1")
    row = ValidationSample.objects.create(
        version=version,
        model_sha256=version.model_sha256,
        size=6,
        seed=1,
        drawn={
            "periods": {"test": "2024-02", "latest": "2025-08"},
            "missing": "",
            "horizon_months": [12, 24],
            "strata": [
                {"origin": "test", "level": "LOW", "certainty": "sure", "population": 32_414, "drawn": 6, "weight": 0.1}
            ],
        },
        definitions=default_definitions().model_dump(),
        created_at=make.BASE_TIME,
        created_by="dominique",
    )
    for position in range(1, 7):
        SampleItem.objects.create(
            sample=row,
            position=position,
            origin="test" if position % 2 else "latest",
            role=LONG if position == 2 else f"Analyste {position}",
            skill=LONG if position == 2 else f"Python {position}",
            period="2024-02" if position % 2 else "2025-08",
            facts=facts(None if position == 3 else "MEDIUM"),
            stratum="LOW sure",
            weight=1 / 6,
            predicted="LOW",
            labels_needed=2 if position == 1 else 1,
        )
    return row


@pytest.fixture
def open_as(open_page, login, live_server) -> Any:
    """``open_as("claire", address)``: a page of somebody who may label and define the levels."""

    def open_one(username: str, address: str, *roles: str, **options: Any) -> Page:
        cookie = login(*(roles or ("drh_reviewer",)), username=username).cookies["sessionid"].value
        page = open_page("/login/", **options)
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        page.goto(live_server.url + address)
        return page

    return open_one


def progress(page: Page) -> Locator:
    return page.locator("#progress")


def test_five_rows_are_labelled_by_keyboard_alone(open_as, sample: ValidationSample) -> None:
    way = [step.position for step in steps(sample, "claire")]
    page = open_as("claire", START)
    expect(progress(page)).to_have_text("0\u00a0/\u00a06")
    for done, key in enumerate(("1", "2", "3", "0"), start=1):
        page.keyboard.press(key)
        expect(page.get_by_role("radio", checked=True)).to_be_focused()
        page.keyboard.press("Enter")
        expect(progress(page)).to_have_text(f"{done}\u00a0/\u00a06")
    page.keyboard.press("1")
    page.keyboard.press("c")
    page.keyboard.type("Trois ans déjà.")  # a comment may hold the keys' letters and digits
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    expect(progress(page)).to_have_text("5\u00a0/\u00a06")
    said = {label.item.position: (label.level, label.comment) for label in SampleLabel.objects.select_related("item")}
    assert [said[position][0] for position in way[:5]] == ["LOW", "MEDIUM", "HIGH", "UNKNOWN", "HIGH"]
    assert said[way[4]][1] == "Trois ans déjà."


def test_the_previous_row_is_a_key_away_and_can_be_changed(open_as, sample: ValidationSample) -> None:
    page = open_as("claire", START)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(progress(page)).to_have_text("1\u00a0/\u00a06")
    page.keyboard.press("p")
    expect(page.get_by_role("radio", checked=True)).to_have_value("LOW")
    page.keyboard.press("2")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    assert list(SampleLabel.objects.values_list("level", flat=True)) == ["LOW", "MEDIUM"]


def test_the_digits_of_a_french_keyboard_need_no_shift(open_as, sample: ValidationSample) -> None:
    page = open_as("claire", START)
    page.evaluate(
        "document.getElementById('labelling').dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'é', code: 'Digit2', bubbles: true}))"
    )
    expect(page.get_by_role("radio", checked=True)).to_have_value("MEDIUM")


def test_keys_do_nothing_outside_the_row(open_as, sample: ValidationSample) -> None:
    page = open_as("claire", START)
    page.get_by_role("link", name="Future Skills ML").focus()
    page.keyboard.press("1")
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)


def test_enter_without_an_answer_records_nothing(open_as, sample: ValidationSample) -> None:
    page = open_as("claire", START)
    page.keyboard.press("Enter")
    expect(progress(page)).to_have_text("0\u00a0/\u00a06")
    assert not SampleLabel.objects.exists()


def test_the_focus_is_always_seen(open_as, sample: ValidationSample) -> None:
    page = open_as("claire", START)
    page.keyboard.press("2")
    outline = "getComputedStyle(document.activeElement.closest('.choice')).outlineStyle"
    assert page.evaluate(outline) == "solid"


def test_labelling_works_with_a_mouse_and_without_javascript(open_as, sample: ValidationSample) -> None:
    page = open_as("claire", START, java_script_enabled=False)
    expect(page.locator(".keys")).to_be_hidden()
    page.locator(".choice").nth(1).click()
    page.locator("form.answers button").click()
    expect(progress(page)).to_have_text("1\u00a0/\u00a06")
    assert SampleLabel.objects.get().level == "MEDIUM"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_axe_finds_nothing(open_as, sample: ValidationSample, live_server, language: str) -> None:
    page = open_as("claire", "/versions/v1/sample/", "drh_reviewer", "data_scientist", language=language)
    found = violations(page)
    for address in ("/versions/v1/sample/label/2/", "/definitions/", "/decisions/"):
        page.goto(live_server.url + address)
        found += violations(page)
    complete(sample)
    page.goto(live_server.url + "/versions/v1/sample/")
    assert found + violations(page) == []


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_page_is_wider_than_its_window(open_as, sample: ValidationSample, live_server, width: int) -> None:
    addresses = ("/versions/v1/sample/", "/versions/v1/sample/label/2/", "/definitions/")
    page = open_as("claire", "/definitions/", "drh_reviewer", "data_scientist", width=width)

    def wide(address: str) -> bool:
        page.goto(live_server.url + address)
        return page.evaluate("document.documentElement.scrollWidth") > width

    found = [address for address in addresses if wide(address)]
    complete(sample)
    assert found + [address for address in addresses[:1] if wide(address)] == []


def complete(sample: ValidationSample) -> None:
    """Everything labelled, with a disagreement and a comment."""
    for item in sample.items.all():
        for reviewer in ("claire", "driss")[: item.labels_needed]:
            level = "HIGH" if item.position == 2 else "LOW"
            SampleLabel.objects.create(
                item=item, reviewer=reviewer, level=level, comment="Revu. " * 40, created_at=make.BASE_TIME
            )
    sample.result = result_of(sample, confidence=0.9)
    sample.result_sha256 = result_sha256(sample.result)
    sample.completed_at = make.BASE_TIME
    sample.save()
