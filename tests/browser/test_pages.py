"""The pages in a browser: clean for assistive technology, usable by keyboard and without JavaScript, at every width."""

import re
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from apps.registry import views
from apps.registry.models import Retraction, VersionNote
from tests.apps.registry import factories as make

pytestmark = pytest.mark.django_db(transaction=True)

EMPTY = ["/versions/", "/compare/"]
FULL = [
    "/versions/",
    "/versions/?q=nothing-of-the-kind&sort=drop",
    "/versions/v2/",
    "/versions/v3/",
    "/compare/",
    "/compare/?reference=v1&challenger=v2",
    "/compare/?reference=v1&challenger=unknown",
    "/versions/unknown/",
    "/nowhere",
]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    make.version("v1", notes="Référence écrite.")
    second = make.version("v2", history=True, parent="v1", created_at=make.BASE_TIME + timedelta(days=1))
    third = make.version(
        "v3",
        metrics=make.metrics(make.WEAK),
        baselines=make.baselines(reason=make.NO_PERSISTENCE),
        created_at=make.BASE_TIME + timedelta(days=2),
        dataset=make.dataset_reference("enquete.parquet", 1919),
    )
    make.version(make.LONG_NAME, history=True, created_at=make.BASE_TIME + timedelta(days=3))
    VersionNote.objects.create(version=second, text="Vue.", created_at=make.BASE_TIME, created_by="amina")
    Retraction.objects.create(version=third, reason="Année en double.", created_at=make.BASE_TIME, created_by="camille")
    monkeypatch.setattr(views, "compare_versions", make.comparison)


def violations(page) -> list[str]:
    """What axe finds in the light theme, and in what the dark theme changes: the contrasts."""
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.emulate_media(color_scheme="light")
    found = Axe().run(page).response["violations"]
    page.emulate_media(color_scheme="dark")
    found += Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
    return [f"{page.url} {one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_axe_finds_nothing(open_page, registry, live_server, language: str) -> None:
    page = open_page(FULL[0], language=language)
    found = violations(page)
    for address in FULL[1:]:
        page.goto(live_server.url + address)
        found += violations(page)
    assert found == []


def test_axe_finds_nothing_on_empty_pages(open_page, live_server) -> None:
    page = open_page(EMPTY[0])
    found = violations(page)
    page.goto(live_server.url + EMPTY[1])
    assert found + violations(page) == []


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_page_is_wider_than_its_window(open_page, registry, live_server, width: int) -> None:
    page = open_page("/versions/", width=width)
    wide = []
    for address in [*FULL, f"/versions/{make.LONG_NAME}/", f"/compare/?reference={make.LONG_NAME}&challenger=v2"]:
        page.goto(live_server.url + address)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(address)
    assert wide == []


def test_the_filter_answers_while_typing_and_lives_in_the_address(open_page, registry, live_server) -> None:
    page = open_page("/versions/?sort=version")
    page.get_by_label("Filtrer", exact=True).press_sequentially("enqu")
    expect(page.locator("#table tbody tr")).to_have_count(1)
    expect(page.locator("#count")).to_have_text("1 version")
    # The address follows the table by a moment, and parts of a word may have been asked for on the way.
    expect(page).to_have_url(re.compile(r"[?&]q=enqu(&|$)"))
    assert "sort=version" in page.url
    page.reload()
    expect(page.locator("#table tbody tr")).to_have_count(1)
    page.goto(f"{live_server.url}/versions/v2/")
    page.go_back()
    expect(page.locator("#q")).to_have_value("enqu")


def test_everything_works_without_javascript(open_page, registry) -> None:
    page = open_page("/versions/", java_script_enabled=False)
    assert not page.locator("#theme").is_visible()
    page.get_by_label("Filtrer", exact=True).fill("v2")
    page.get_by_role("button", name="Filtrer les versions").click()
    page.get_by_role("link", name="v2", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Version v2")
    page.get_by_text("Fichiers et empreintes", exact=True).first.click()
    expect(page.get_by_text("future_skills_model_v2.pkl")).to_be_visible()
    page.locator("#menu summary").click()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_text("What it is worth, beside the baselines")).to_be_visible()
    page.get_by_role("link", name="Compare with v1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("v2 against v1")


def test_the_keyboard_alone_reaches_a_version(open_page, registry) -> None:
    page = open_page("/versions/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Aller au contenu")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="F1 macro", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("F1 macro")
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "v2":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Version v2")
    summary = page.get_by_text("Hyperparamètres", exact=True)
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("n_estimators", exact=True)).to_be_visible()


def test_a_row_opens_its_version_unless_text_is_selected(open_page, registry) -> None:
    page = open_page("/versions/")
    page.locator("tr", has=page.get_by_role("link", name="v2", exact=True)).locator("td").nth(2).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Version v2")


def test_the_chosen_theme_is_kept_and_never_flashes(open_page, registry) -> None:
    page = open_page("/versions/")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.locator("#menu summary").click()
    page.get_by_role("button", name="Thème sombre").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.add_init_script(
        "new MutationObserver(() => { if (document.body) window.first ??= document.documentElement.dataset.theme })"
        ".observe(document, {childList: true, subtree: true})"
    )
    page.reload()
    assert page.evaluate("window.first") == "dark"  # chosen before the body exists
    assert page.evaluate(ground) == dark
    page.locator("#menu summary").click()
    page.get_by_role("button", name="Thème clair").click()
    assert page.evaluate("localStorage.getItem('theme')") is None  # back to what the system says


def test_a_command_can_be_copied(open_page) -> None:
    page = open_page("/versions/", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="copier").nth(2).click()
    expect(page.get_by_role("button", name="copié")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "python ml/train_future_skills_model.py --version v1"


def test_paper_shows_the_whole_table(open_page, registry) -> None:
    page = open_page("/versions/", width=768)
    page.emulate_media(media="print")
    expect(page.locator(".tools")).to_be_hidden()
    box = page.locator("#table > .scroll")
    assert box.evaluate("one => getComputedStyle(one).overflow") == "visible"
