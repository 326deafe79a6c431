"""Logging in and out on the pages, and being locked out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from tests.apps.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db

ENGLISH = {"headers": {"accept-language": "en"}}


@pytest.fixture
def claire(with_password: Callable[..., User]) -> User:
    return with_password("claire", "drh_reviewer")


def log_in(client: Client, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/login/", {"username": "claire", "password": password} | more, **ENGLISH)


# --- In -----------------------------------------------------------------------------------------------------------------
def test_a_page_leads_a_stranger_to_the_login_and_back(client: Client, claire: User) -> None:
    response = client.get("/versions/?sort=version")
    assert response.headers["Location"] == "/login/?next=/versions/%3Fsort%3Dversion"
    text = client.get(response.headers["Location"], **ENGLISH).content.decode()
    assert "Log in to see this page." in text
    assert 'name="next" value="/versions/?sort=version"' in text
    assert log_in(client, next="/versions/?sort=version").headers["Location"] == "/versions/?sort=version"
    assert client.get("/versions/").status_code == 200


def test_a_part_of_a_page_makes_the_whole_page_load_again(client: Client) -> None:
    response = client.get("/versions/?q=a", headers={"HX-Request": "true"})
    assert (response.status_code, response.headers["HX-Refresh"]) == (401, "true")


def test_an_act_of_a_stranger_is_not_done_after_the_login(client: Client, claire: User) -> None:
    response = client.post("/account/tokens/fs_x/revoke/", **ENGLISH)
    assert response.headers["Location"] == "/login/"
    assert "Nothing was done" in client.get("/login/", **ENGLISH).content.decode()


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil.example", "/\\evil.example"],
)
def test_nobody_is_sent_to_another_site(client: Client, claire: User, elsewhere: str) -> None:
    assert "evil" not in client.get("/login/", {"next": elsewhere}).content.decode().partition("language")[0]
    assert log_in(client, next=elsewhere).headers["Location"] == "/"
    assert client.post("/logout/", {"next": elsewhere}).headers["Location"] == "/login/"
    assert client.post("/i18n/setlang/", {"language": "en", "next": elsewhere}).headers["Location"] == "/"


def test_a_login_takes_a_new_session_and_a_new_form_secret(client: Client, claire: User) -> None:
    client.get("/login/")
    client.session["planted"] = True
    client.session.save()
    before, secret = client.session.session_key, client.cookies["csrftoken"].value
    log_in(client)
    assert client.session.session_key != before
    assert client.cookies["csrftoken"].value != secret


def test_a_login_is_in_the_audit_log(client: Client, claire: User) -> None:
    log_in(client)
    event = AuditEvent.objects.get()
    assert (event.actor, event.actor_source, event.action) == ("claire", "login", "accounts.log_in")
    assert event.details == {"ip_address": "127.0.0.1"}


def test_who_is_logged_in_has_no_login_page(client: Client, claire: User) -> None:
    log_in(client)
    assert client.get("/login/").headers["Location"] == "/"


@pytest.mark.parametrize("username", ["claire", "ghost", "closed"])
def test_a_failed_login_says_the_same_whatever_is_wrong(
    client: Client, claire: User, with_password: Callable[..., User], username: str
) -> None:
    closed = with_password("closed", "auditor")
    closed.is_active = False
    closed.save()
    password = PASSWORD if username == "closed" else "not hers at all"
    response = client.post("/login/", {"username": username, "password": password}, **ENGLISH)
    text = response.content.decode()
    assert response.status_code == 200
    assert "This name and this password do not go together, or the account is closed." in text
    assert f'value="{username}"' in text
    assert password not in text
    assert "_auth_user_id" not in client.session


def test_where_nobody_has_an_account_the_page_says_what_to_type(client: Client) -> None:
    text = client.get("/login/", **ENGLISH).content.decode()
    assert "python manage.py create_demo_people" in text
    assert "python manage.py create_person --username NAME --role administrator" in text


def test_it_is_no_longer_said_once_somebody_has(client: Client, claire: User) -> None:
    assert "create_demo_people" not in client.get("/login/", **ENGLISH).content.decode()


def test_a_form_from_elsewhere_logs_nobody_in(claire: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert log_in(client).status_code == 403
    assert "_auth_user_id" not in client.session


def test_an_old_kind_of_password_becomes_the_new_one_at_login(client: Client, claire: User) -> None:
    from django.contrib.auth.hashers import make_password

    User.objects.update(password=make_password(PASSWORD, hasher="pbkdf2_sha256"))
    log_in(client)
    assert User.objects.get().password.startswith("argon2$argon2id$")


# --- Out ----------------------------------------------------------------------------------------------------------------
def test_a_logout_ends_the_session_and_only_a_form_does_it(client: Client, claire: User) -> None:
    log_in(client)
    key = client.session.session_key
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert client.get("/versions/").status_code == 302
    assert not client.session.exists(key)


def test_a_closed_account_is_out_at_once(client: Client, claire: User) -> None:
    log_in(client)
    assert client.get("/versions/").status_code == 200
    User.objects.update(is_active=False)
    assert client.get("/versions/").status_code == 302


def test_a_role_taken_away_is_gone_at_the_next_page(client: Client, claire: User) -> None:
    log_in(client)
    claire.groups.clear()
    response = client.get("/versions/", **ENGLISH)
    assert response.status_code == 403
    text = response.content.decode()
    assert "You are logged in as claire, and this account may not do anything yet." in text
    assert "python manage.py set_person_roles --username claire --role drh_reviewer" in text


# --- Locked out ---------------------------------------------------------------------------------------------------------
def fail(client: Client, times: int = 5, **more: str) -> Any:
    for _ in range(times):
        response = log_in(client, "not hers at all", **more)
    return response


def test_five_failures_lock_the_name_out(client: Client, claire: User) -> None:
    assert fail(client, 4).status_code == 200
    response = fail(client, 1)
    assert response.status_code == 429
    assert "Five logins failed with this name from this address: wait 15 minutes" in response.content.decode()
    assert log_in(client).status_code == 429  # the right password too
    assert "_auth_user_id" not in client.session


def test_a_lockout_is_in_the_audit_log_once(client: Client, claire: User) -> None:
    fail(client, 9)
    event = AuditEvent.objects.get()
    assert (event.action, event.object_id, event.details) == (
        "accounts.lock_out",
        "claire",
        {"ip_address": "127.0.0.1"},
    )


def test_others_and_other_addresses_are_not_locked(
    client: Client, claire: User, with_password: Callable[..., User]
) -> None:
    with_password("driss", "drh_reviewer")
    fail(client)
    assert client.post("/login/", {"username": "driss", "password": PASSWORD}).status_code == 302
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert log_in(elsewhere).status_code == 302


def test_a_login_forgets_the_failures_before_it(client: Client, claire: User) -> None:
    fail(client, 4)
    assert log_in(client).status_code == 302
    client.post("/logout/")
    assert fail(client, 4).status_code == 200


def test_a_quarter_of_an_hour_later_the_name_is_free(client: Client, claire: User) -> None:
    fail(client)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=14))
    assert log_in(client).status_code == 429
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert log_in(client).status_code == 302


def test_no_password_is_kept_of_a_failure(client: Client, claire: User) -> None:
    fail(client, 1)
    assert "not hers" not in str(AccessAttempt.objects.values().get())
