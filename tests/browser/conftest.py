"""A real browser on a real server. Without Chromium: one clear line, and the rest of the suite runs; with CI set, a failure."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

# Playwright's synchronous interface keeps an event loop in this thread, which Django takes for asynchronous code.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

PATIENCE = 20_000
"""Milliseconds that a busy machine may take for anything."""

expect.set_options(timeout=PATIENCE)

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        message = "Chromium is not installed (apt-get install chromium): the pages were not tried in a browser."
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, live_server, login: Callable[..., Client]) -> Iterator[OpenPage]:
    """Open an address of the test's server; the test fails if the browser's console speaks or a script breaks.

    Whoever looks is an auditor, unless ``roles`` says otherwise: none is somebody without a role, None a stranger.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_one(
        address: str,
        *,
        roles: tuple[str, ...] | None = ("auditor",),
        language: str = "fr",
        theme: str = "light",
        width: int = 1440,
        **options,
    ) -> Page:
        context = browser.new_context(
            locale=language, color_scheme=theme, viewport={"width": width, "height": 900}, **options
        )
        contexts.append(context)
        if roles is not None:
            name = settings.SESSION_COOKIE_NAME
            session = login(*roles).cookies[name].value
            context.add_cookies([{"name": name, "value": session, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{live_server.url}{address}")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert [one for one in complaints if "the server responded with a status of 4" not in one] == []
