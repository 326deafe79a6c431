"""People of the tests of this room."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import translation

from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.accounts.services import create_token

PASSWORD = "quatre mots de passe"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def nobody_named(settings: Any) -> None:
    """Commands are run by the user of the operating system, unless a test says otherwise."""
    settings.FUTURE_SKILLS_ACTOR = settings.FUTURE_SKILLS_TOKEN = ""


@pytest.fixture
def with_password(person: Callable[..., User]) -> Callable[..., User]:
    """``with_password("claire", "drh_reviewer")``: somebody who can log in with ``PASSWORD``."""

    def make(username: str, *roles: str) -> User:
        user = person(username, *roles)
        user.set_password(PASSWORD)
        user.save()
        return user

    return make


@pytest.fixture
def token(person: Callable[..., User]) -> Callable[..., str]:
    """``token("claire", Right.READ)``: the secret of a token that a person made for themselves."""

    def make(username: str, *scopes: Right, days: int = 90) -> str:
        owner = Actor(username, "login")
        return create_token(actor=owner, username=username, name="essai", scopes=scopes, days=days)[1]

    return make


@pytest.fixture
def administrator(person: Callable[..., User]) -> Actor:
    """An administrator who is logged in."""
    person("adele", "administrator")
    return Actor("adele", "login")


@pytest.fixture
def types(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """``types("secret")``: what the next command finds on stdin."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))
