"""One's own account on the pages: roles and rights, tokens, password."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.accounts.models import ApiToken
from apps.accounts.rights import Right, rights_of
from apps.accounts.tokens import PREFIX_LENGTH, token_actor
from apps.audit.models import AuditEvent
from future_skills.errors import NotAuthenticatedError
from tests.apps.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "cinq autres mots de passe"


@pytest.fixture
def claire(login: Callable[..., Client]) -> Client:
    client = login("drh_reviewer", username="claire")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def page(response: Any, status: int = 200) -> str:
    text: str = response.content.decode()
    assert response.status_code == status, text
    return text


# --- Who I am -----------------------------------------------------------------------------------------------------------
def test_it_says_who_i_am_and_what_i_may(claire: Client) -> None:
    text = page(claire.get("/account/"))
    assert "You are claire: DRH reviewer." in text
    assert re.search(r"approve for the DRH <span class=\"muted\">\(in my own name only", text)
    assert "<li>read the pages</li>" in text
    assert "approve for the Data team" not in text


def test_in_french(claire: Client) -> None:
    assert 'lang="fr"' in page(claire.get("/account/", headers={"accept-language": "fr"}))


def test_without_a_role_there_is_nothing_to_make_a_token_of(login: Callable[..., Client]) -> None:
    client = login(username="omar")
    text = page(client.get("/account/", headers={"accept-language": "en"}))
    assert "You are omar, and no role was given to you." in text
    assert "scopes" not in text
    assert client.post("/account/", {"name": "x", "days": "9", "scopes": "read"}).status_code == 403
    assert not ApiToken.objects.exists()


# --- Tokens -------------------------------------------------------------------------------------------------------------
def make(client: Client, **changes: Any) -> Any:
    return client.post("/account/", {"name": "portable", "days": "30", "scopes": ["read", "label"]} | changes)


def test_a_token_is_shown_once_and_no_cache_keeps_it(claire: Client) -> None:
    response = make(claire)
    (secret,) = set(re.findall(r"fs_[0-9a-f]{8}_[\w-]{43}", page(response)))
    assert "no-store" in response.headers["Cache-Control"]
    assert rights_of(token_actor(secret)) == {Right.READ, Right.LABEL}
    text = page(claire.get("/account/"))
    assert secret not in text
    assert secret[:PREFIX_LENGTH] in text
    assert "portable" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "needs a name"),
        ({"name": "x\0y"}, "control characters"),
        ({"scopes": []}, "at least one right"),
        ({"scopes": ["fly"]}, "at least one right"),
        ({"days": "0"}, "1 to 366 days"),
        ({"days": "-1"}, "1 to 366 days"),
        ({"days": "²"}, "1 to 366 days"),
        ({"days": "9" * 40}, "1 to 366 days"),
        ({"days": ""}, "1 to 366 days"),
    ],
)
def test_a_refused_form_keeps_what_was_typed(claire: Client, changes: dict[str, Any], words: str) -> None:
    text = page(make(claire, **changes), 400)
    assert words in text
    if "name" not in changes:
        assert 'name="name" value="portable"' in text
    if "scopes" not in changes:
        assert text.count(" checked") == 2
    assert not ApiToken.objects.exists()


def test_a_right_that_is_not_mine_is_refused(claire: Client) -> None:
    assert "needs the right “put versions into production”" in page(make(claire, scopes=["deploy"]), 400)


def test_a_token_is_revoked_by_its_person_alone(
    claire: Client, login: Callable[..., Client], token: Callable[..., str]
) -> None:
    secret = token("claire", Right.READ)
    address = f"/account/tokens/{secret[:PREFIX_LENGTH]}/revoke/"
    assert address in page(claire.get("/account/"))
    assert claire.get(address).status_code == 405
    assert login("drh_reviewer", username="driss").post(address).status_code == 400
    assert token_actor(secret).name == "claire"
    response = claire.post(address, follow=True)
    assert "is refused from now on" in page(response)
    assert "revoked on" in page(response)
    with pytest.raises(NotAuthenticatedError):
        token_actor(secret)


@pytest.mark.parametrize("prefix", ["fs_none", "%00", "é" * 200, "..%2f"])
def test_a_token_that_is_not_mine_says_nothing_of_itself(claire: Client, prefix: str) -> None:
    assert claire.post(f"/account/tokens/{prefix}/revoke/").status_code in {400, 404}


# --- Password -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def browser(with_password: Callable[..., User]) -> Client:
    with_password("claire", "drh_reviewer")
    client = Client(headers={"accept-language": "en"})
    client.post("/login/", {"username": "claire", "password": PASSWORD})
    return client


def change(client: Client, old: str = PASSWORD, new: str = NEW_PASSWORD, again: str = NEW_PASSWORD) -> Any:
    words = {"old_password": old, "new_password1": new, "new_password2": again}
    return client.post("/account/password/", words)


def test_a_new_password_ends_the_other_sessions(browser: Client) -> None:
    elsewhere = Client()
    elsewhere.post("/login/", {"username": "claire", "password": PASSWORD})
    response = change(browser)
    assert response.headers["Location"] == "/account/"
    assert "Your password is changed" in page(browser.get("/account/"))
    assert elsewhere.get("/account/").status_code == 302
    assert User.objects.get().check_password(NEW_PASSWORD)
    event = AuditEvent.objects.get(action="accounts.change_password")
    assert (event.actor, event.actor_source, event.details) == ("claire", "login", {})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"old": "not hers"}, "entered incorrectly"),
        ({"again": "something else"}, "match"),
        ({"new": "brief", "again": "brief"}, "at least 12 characters"),
        ({"new": "123456789012", "again": "123456789012"}, "entirely numeric"),
    ],
)
def test_a_password_that_cannot_be_is_refused(browser: Client, words: dict[str, str], said: str) -> None:
    text = page(change(browser, **words))
    assert said in text
    assert 'aria-invalid="true"' in text
    assert User.objects.get().check_password(PASSWORD)


def test_the_password_page_needs_a_login(client: Client) -> None:
    assert client.get("/account/password/").headers["Location"] == "/login/?next=/account/password/"
