"""What requests go through: their language, and the short way of who comes to the API with a token."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.test import Client

from apps.accounts.rights import Right
from tests.apps.accounts.conftest import token

__all__ = ["token"]

pytestmark = pytest.mark.django_db


class SentThroughPagesError(Exception):
    """A session was opened."""


@pytest.fixture
def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(middleware: SessionMiddleware, request: HttpRequest) -> None:
        raise SentThroughPagesError(request.path)

    monkeypatch.setattr(SessionMiddleware, "process_request", refuse)


@pytest.fixture
def secret(person: Callable[..., User], token: Callable[..., str]) -> str:
    person("claire", "auditor")
    return token("claire", Right.READ)


def get(address: str, authorization: str) -> Any:
    return Client(headers={"accept-language": "en", "authorization": authorization}).get(address)


@pytest.mark.parametrize(("address", "status"), [("/api/v1/me", 200), ("/api/v1/versions", 200), ("/api/v1/live", 503)])
def test_with_a_token_an_operation_is_reached_without_what_pages_need(
    secret: str, no_pages: None, address: str, status: int
) -> None:
    assert get(address, f"Bearer {secret}").status_code == status
    with pytest.raises(SentThroughPagesError):
        get(address, f"bearer {secret}")


@pytest.mark.parametrize(
    "address", ["/api/v1/me", "/api/v1/versions", "/api/v1/versions/v9", "/api/v1/audit", "/api/v1/me?x=1"]
)
def test_both_ways_answer_the_same(secret: str, address: str) -> None:
    short, long = get(address, f"Bearer {secret}"), get(address, f"bearer {secret}")
    assert (short.status_code, short.content) == (long.status_code, long.content)
    assert short.headers.pop("X-Request-ID") != long.headers.pop("X-Request-ID")
    # Django's pages depend on cookies wherever a session was looked at; a token's answer does not
    assert {**short.headers} == {**long.headers, "Vary": "Accept-Language"}


def test_a_token_that_is_none_is_refused_the_same(secret: str) -> None:
    short, long = get("/api/v1/me", "Bearer fs_x"), get("/api/v1/me", "bearer fs_x")
    assert (short.status_code, short.content, short.headers["WWW-Authenticate"]) == (
        401,
        long.content,
        long.headers["WWW-Authenticate"],
    )


@pytest.mark.parametrize(("address", "status"), [("/api/v1/nothing", 404), ("/api/v1/docs", 200), ("/", 302)])
def test_what_is_no_operation_goes_the_way_of_pages(secret: str, address: str, status: int) -> None:
    assert get(address, f"Bearer {secret}").status_code == status


@pytest.mark.parametrize(
    ("cookie", "accepted", "expected"),
    [("", "", "fr"), ("", "en-GB,en;q=0.9", "en"), ("", "de", "fr"), ("en", "fr", "en"), ("xx", "en", "en")],
)
def test_the_language_is_the_one_that_was_chosen_then_the_browser_s_then_french(
    cookie: str, accepted: str, expected: str
) -> None:
    client = Client(headers={"accept-language": accepted} if accepted else {})
    if cookie:
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = cookie
    response = client.get("/accounts/login/", follow=True)
    assert response.headers["Content-Language"] == expected
    assert "Accept-Language" in response.headers["Vary"]
