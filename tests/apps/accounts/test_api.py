"""Who acts in the API: a token, or the login of the pages."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from apps.accounts import api
from apps.accounts.models import ApiToken
from apps.accounts.rights import ROLES, Right
from apps.accounts.tokens import PREFIX_LENGTH

pytestmark = pytest.mark.django_db

ME = "/api/v1/me"
READ = "/api/v1/versions"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_known", {})


def get(secret: str, address: str = ME) -> Any:
    return Client(headers={"accept-language": "en", "authorization": f"Bearer {secret}"}).get(address)


def refused(response: Any, status: int, code: str) -> str:
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (response.status_code, response.json()["code"]) == (status, code)
    return str(response.json()["detail"])


def test_a_token_says_whose_it_is_and_what_it_may(person: Callable[..., User], token: Callable[..., str]) -> None:
    person("claire", "drh_reviewer", "auditor")
    response = get(token("claire", Right.LABEL, Right.READ))
    assert response.json() == {
        "name": "claire",
        "source": "token",
        "roles": ["drh_reviewer", "auditor"],
        "rights": ["read", "label"],
    }
    assert response.headers["Cache-Control"] == "no-store"


def test_a_login_says_it_too(login: Callable[..., Client]) -> None:
    answer = login("operator", username="olivier").get(ME).json()
    assert (answer["name"], answer["source"], set(answer["rights"])) == ("olivier", "login", ROLES["operator"])


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer fs_00000000_x", "Basic Y2xhaXJl", "Bearer é"])
def test_what_proves_nothing_is_refused(header: str) -> None:
    headers = {"authorization": header} if header else {}
    response = Client(headers=headers).get(ME)
    refused(response, 401, "not_authenticated")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Future Skills ML"'


def test_why_a_token_cannot_be_used_is_said(person: Callable[..., User], token: Callable[..., str]) -> None:
    person("claire", "drh_reviewer")
    secret = token("claire", Right.READ)
    ApiToken.objects.update(expires_at=timezone.now())
    assert "it has expired" in refused(get(secret), 401, "not_authenticated")


def test_a_token_reads_for_a_second_without_being_asked_again(
    person: Callable[..., User],
    token: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: Any,
) -> None:
    now = 1000.0
    monkeypatch.setattr(api.time, "monotonic", lambda: now)
    person("claire", "drh_reviewer")
    secret = token("claire", Right.READ)
    assert get(secret, READ).status_code == 200
    ApiToken.objects.update(revoked_at=timezone.now())
    assert get(secret, READ).status_code == 200
    assert "it was revoked" in refused(get(secret, ME), 401, "not_authenticated")  # asks for more than reading
    now += api.KNOWN_FOR
    refused(get(secret, READ), 401, "not_authenticated")


def test_and_never_acts_without(person: Callable[..., User], token: Callable[..., str]) -> None:
    person("nadia", "data_scientist")
    secret = token("nadia", Right.READ, Right.REGISTER)
    assert get(secret, READ).status_code == 200
    ApiToken.objects.update(revoked_at=timezone.now())
    client = Client(headers={"authorization": f"Bearer {secret}"})
    response = client.post("/api/v1/versions/v1/notes", {"text": "vue"}, content_type="application/json")
    refused(response, 401, "not_authenticated")


def test_what_is_known_of_tokens_does_not_grow_for_ever(
    person: Callable[..., User], token: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_MOST_KNOWN", 2)
    person("claire", "drh_reviewer")
    for _ in range(3):
        assert get(token("claire", Right.READ), READ).status_code == 200
    assert len(api._known) == 1


def test_who_may_not_is_told_before_their_body_is_read(person: Callable[..., User], token: Callable[..., str]) -> None:
    person("aude", "auditor")
    client = Client(headers={"authorization": f"Bearer {token('aude', Right.READ)}", "accept-language": "en"})
    response = client.post("/api/v1/versions/v1/notes", "{nonsense", content_type="application/json")
    assert "register datasets and versions" in refused(response, 403, "permission_denied")


def test_a_login_acts_from_these_pages_alone(login: Callable[..., Client]) -> None:
    cookies = login("data_scientist", username="nadia").cookies
    client = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
    client.cookies = cookies
    address, body = "/api/v1/versions/v1/notes", {"data": {"text": "vue"}, "content_type": "application/json"}
    assert "X-CSRFToken" in refused(client.post(address, **body), 403, "access_refused")
    client.get("/account/")
    proved = {"headers": {"X-CSRFToken": client.cookies["csrftoken"].value}}
    assert client.post(address, **body, **proved).json()["code"] == "version_not_found"


def test_a_use_is_noted(person: Callable[..., User], token: Callable[..., str]) -> None:
    person("claire", "drh_reviewer")
    secret = token("claire", Right.READ)
    get(secret)
    row = ApiToken.objects.get(prefix=secret[:PREFIX_LENGTH])
    assert timezone.now() - row.last_used_at < timedelta(minutes=1)
