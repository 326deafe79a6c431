"""Logging in and one's own account in a browser: clean, narrow, by keyboard, without JavaScript."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.accounts.services import create_token
from tests.browser.test_pages import violations

pytestmark = pytest.mark.django_db(transaction=True)

LONG_NAME = "marie-antoinette.de-la-rochefoucauld-montmorency@direction-generale.example.org"
PASSWORD = "quatre mots de passe"


@pytest.fixture
def claire(person: Callable[..., User]) -> User:
    """Somebody who labels and approves, and who has tokens."""
    user = person("claire", "drh_reviewer")
    user.set_password(PASSWORD)
    user.save()
    for name, days in (
        ("portable", 90),
        ("Carnet de la cellule Data, lecture seule, à renouveler chaque trimestre", 1),
    ):
        create_token(actor=Actor("claire", "login"), username="claire", name=name, scopes=[Right.READ], days=days)
    return user


def log_in(page: Page, password: str = PASSWORD) -> None:
    page.locator("#id_username").fill("claire")
    page.locator("#id_password").fill(password)
    page.keyboard.press("Enter")


def every_page(open_page, **options) -> list[tuple[str, Page]]:
    """Each page of this room as each kind of visitor finds it."""
    fails = open_page("/login/", roles=None, **options)
    log_in(fails, "not hers")
    expect(fails.get_by_role("alert")).to_be_visible()
    locked = open_page("/login/", roles=None, **options)
    for _ in range(4):  # the fifth failure from this address
        locked.locator("#id_username").fill("claire")
        locked.locator("#id_password").fill("not hers")
        with locked.expect_navigation():
            locked.keyboard.press("Enter")
    token = open_page("/login/?next=/account/", roles=None, **options)
    refused = open_page("/account/", roles=("drh_reviewer", "administrator"), **options)
    refused.locator("#token-name").fill("x")
    refused.locator("[name=scopes][checked]").uncheck()
    refused.locator("#new-token ~ form button").click()
    expect(refused.get_by_role("alert")).to_be_visible()
    password = open_page("/account/password/", **options)
    for field in password.locator("main input[type=password]").all():
        field.fill("x")
    password.locator("main button").click()
    expect(password.locator("[aria-invalid]").first).to_be_visible()
    return [
        ("failed login", fails),
        ("locked out", locked),
        ("login", token),
        ("refused token", refused),
        ("refused password", password),
        ("no role", open_page("/versions/", roles=(), **options)),
        ("account without a role", open_page("/account/", roles=(), **options)),
    ]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_axe_finds_nothing(open_page, claire: User, language: str) -> None:
    found = [one for _, page in every_page(open_page, language=language) for one in violations(page)]
    assert found == []


def test_axe_finds_nothing_where_nobody_has_an_account(open_page) -> None:
    page = open_page("/versions/", roles=None)
    expect(page.get_by_text("python manage.py create_demo_people")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("width", [360, 768])
def test_no_page_is_wider_than_its_window(open_page, claire: User, width: int) -> None:
    pages = every_page(open_page, width=width)
    own = open_page("/login/?next=/account/", roles=None, width=width)
    User.objects.filter(username="claire").update(username=LONG_NAME)
    own.locator("#id_username").fill(LONG_NAME)
    own.locator("#id_password").fill(PASSWORD)
    own.keyboard.press("Enter")
    expect(own.locator("table.data tbody tr")).to_have_count(2)
    own.locator("table.data summary").first.click()
    wide = [
        name
        for name, page in [*pages, ("own tokens", own)]
        if page.evaluate("document.documentElement.scrollWidth") > width
    ]
    assert wide == []


def test_the_keyboard_alone_logs_in_and_comes_back_to_the_page(open_page, claire: User) -> None:
    page = open_page("/compare/?reference=v1", roles=None)
    expect(page.locator("#id_username")).to_be_focused()
    page.keyboard.type("claire")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/compare/\?reference=v1$"))
    expect(page.locator(".who")).to_have_text("claire")


def test_a_session_that_ended_while_filtering_leads_to_the_login_and_back(open_page, claire: User) -> None:
    from tests.apps.registry import factories

    factories.version("v1")
    page = open_page("/versions/?sort=version")
    Session.objects.all().delete()
    page.locator("#q").press_sequentially("v")
    expect(page).to_have_url(re.compile(r"/login/\?next=/versions/%3Fsort%3Dversion$"))
    log_in(page)
    expect(page).to_have_url(re.compile(r"/versions/\?sort=version$"))


def test_a_token_is_made_copied_and_revoked(open_page, claire: User) -> None:
    page = open_page("/login/?next=/account/", roles=None, permissions=["clipboard-read", "clipboard-write"])
    log_in(page)
    page.locator("#token-name").fill("essai")
    page.locator("#new-token ~ form button").click()
    secret = page.locator(".banner code").inner_text()
    assert re.fullmatch(r"fs_[0-9a-f]{8}_[\w-]{43}", secret)
    page.locator(".banner [data-copy]").click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.startsWith('fs_'))")
    assert page.evaluate("navigator.clipboard.readText()") == secret
    row = page.locator("tr", has_text="essai")
    row.locator("summary").click()
    row.get_by_role("button").click()
    expect(page.locator("tr", has_text="essai").locator("form")).to_have_count(0)
    assert secret not in page.content()


def test_everything_works_without_javascript(open_page, claire: User) -> None:
    page = open_page("/account/", roles=None, java_script_enabled=False)
    log_in(page)
    expect(page.locator("table.data tbody tr")).to_have_count(2)
    page.locator("#menu summary").click()
    page.locator("header form[action='/logout/'] button").click()
    expect(page.locator("#id_username")).to_be_visible()
    page.goto(page.url.replace("/login/", "/account/"))
    expect(page.locator("#id_password")).to_be_visible()
