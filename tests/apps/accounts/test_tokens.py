"""Tokens: what is kept of them, what they may, when they stop; from a terminal, where no page is."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from apps.accounts.actors import Actor, command_actor
from apps.accounts.models import ApiToken
from apps.accounts.rights import PROVED, ROLES, Right, rights_of
from apps.accounts.services import create_token, prove, revoke_token
from apps.accounts.tokens import PREFIX_LENGTH, token_actor
from apps.audit.models import AuditEvent
from future_skills.errors import NotAuthenticatedError, PermissionDeniedError, ProofRequiredError, UsageError
from tests.apps.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db

Run = Callable[..., tuple[int, str, str]]


def owner(username: str) -> Actor:
    return Actor(username, "login")


# --- What is kept, and what it proves -----------------------------------------------------------------------------------
def test_only_a_hash_is_kept(person: Callable[..., User], token: Callable[..., str]) -> None:
    person("claire", "drh_reviewer")
    secret = token("claire", Right.READ)
    row = ApiToken.objects.values().get()
    assert row["digest"] == hashlib.sha256(secret.encode()).hexdigest()
    assert row["prefix"] == secret[:PREFIX_LENGTH]
    assert len(secret.removeprefix(row["prefix"])) == 44  # 256 bits
    everywhere = json.dumps([row, *AuditEvent.objects.values()], default=str)
    assert secret[PREFIX_LENGTH:] not in everywhere


def test_a_token_proves_its_person_with_what_it_was_made_for(
    person: Callable[..., User], token: Callable[..., str]
) -> None:
    person("claire", "drh_reviewer")
    actor = token_actor(f" {token('claire', Right.READ, Right.LABEL)}\n")
    assert (actor.name, actor.source) == ("claire", "token")
    assert rights_of(actor) == {Right.READ, Right.LABEL} < ROLES["drh_reviewer"]


def test_a_role_taken_away_is_taken_from_the_token_too(person: Callable[..., User], token: Callable[..., str]) -> None:
    person("claire", "drh_reviewer")
    actor = token_actor(token("claire", Right.READ, Right.LABEL))
    person("claire", "auditor")
    assert rights_of(actor) == {Right.READ}
    person("claire")
    assert rights_of(actor) == frozenset()


def test_a_right_that_exists_no_more_is_none(person: Callable[..., User], token: Callable[..., str]) -> None:
    person("claire", "drh_reviewer")
    secret = token("claire", Right.READ)
    ApiToken.objects.update(scopes=["read", "fly"])
    assert token_actor(secret).scopes == {Right.READ}


def test_each_reason_why_a_token_is_refused_is_said(person: Callable[..., User], token: Callable[..., str]) -> None:
    user = person("claire", "drh_reviewer")
    secret = token("claire", Right.READ)
    for wrong in ("", "fs_", secret[:-1], secret + "x", secret.upper(), f"fs_00000000_{secret[12:]}", "é\udcff", "\0"):
        with pytest.raises(NotAuthenticatedError, match="not one of this installation"):
            token_actor(wrong)
    user.is_active = False
    user.save()
    with pytest.raises(NotAuthenticatedError, match="the account is closed"):
        token_actor(secret)
    ApiToken.objects.update(expires_at=timezone.now())
    with pytest.raises(NotAuthenticatedError, match="it has expired"):
        token_actor(secret)
    ApiToken.objects.update(revoked_at=timezone.now())
    with pytest.raises(NotAuthenticatedError, match="it was revoked"):
        token_actor(secret)


def test_its_last_use_is_noted_once_a_minute(
    person: Callable[..., User], token: Callable[..., str], django_assert_num_queries: Any
) -> None:
    person("claire", "drh_reviewer")
    secret = token("claire", Right.READ)
    with django_assert_num_queries(2):
        token_actor(secret)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    with django_assert_num_queries(1):
        token_actor(secret)
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    token_actor(secret)
    assert ApiToken.objects.get().last_used_at >= first


def test_a_command_says_what_is_wrong_with_the_token(run: Run, settings: Any, administrator: Actor) -> None:
    settings.FUTURE_SKILLS_TOKEN = "fs_00000000_unknown"
    code, out, _ = run("registry", "list", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "not_authenticated")


def test_as_another_person_than_the_tokens_is_refused(
    person: Callable[..., User], token: Callable[..., str], settings: Any
) -> None:
    person("claire", "drh_reviewer")
    settings.FUTURE_SKILLS_TOKEN = token("claire", Right.READ)
    with pytest.raises(UsageError, match="--as driss contradicts FUTURE_SKILLS_TOKEN, which is a token of claire"):
        command_actor("driss")


# --- Who makes them -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("role", ROLES)
def test_people_make_their_own_of_the_rights_they_have(person: Callable[..., User], role: str) -> None:
    person("claire", role)
    for right in Right:
        wanted = {"actor": owner("claire"), "username": "claire", "name": "essai", "scopes": [right]}
        if right in ROLES[role]:
            assert create_token(**wanted)[0].scopes == [right]
        else:
            with pytest.raises(PermissionDeniedError):
                create_token(**wanted)


@pytest.mark.parametrize("source", ["declared", "environment", "system", "token"])
def test_a_name_or_a_token_makes_no_token_of_its_own(person: Callable[..., User], source: Any) -> None:
    person("claire", "drh_reviewer")
    with pytest.raises(ProofRequiredError, match="made by claire alone, after a login"):
        create_token(actor=Actor("claire", source), username="claire", name="x", scopes=[Right.READ])


def test_an_administrator_makes_those_of_robots(administrator: Actor, person: Callable[..., User]) -> None:
    person("robot", "operator")
    made, _secret = create_token(actor=administrator, username="robot", name="nuit", scopes=[Right.READ, Right.DEPLOY])
    assert (made.user.username, made.created_by, made.scopes) == ("robot", "adele", ["deploy", "read"])


@pytest.mark.parametrize("right", sorted(PROVED))
def test_and_never_with_a_right_that_is_used_in_ones_own_name(
    administrator: Actor, person: Callable[..., User], right: Right
) -> None:
    person("claire", *ROLES)
    with pytest.raises(ProofRequiredError, match="Nobody but claire makes a token"):
        create_token(actor=administrator, username="claire", name="x", scopes=[Right.READ, right])
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("role", ["data_scientist", "drh_reviewer", "operator", "auditor"])
def test_nobody_else_makes_one_for_somebody_else(person: Callable[..., User], role: str) -> None:
    person("robot", "auditor")
    person("claire", role)
    with pytest.raises(PermissionDeniedError):
        create_token(actor=owner("claire"), username="robot", name="x", scopes=[Right.READ])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": " "}, "needs a name"),
        ({"name": "x" * 101}, "100 characters at most"),
        ({"name": "a\0b"}, "control characters"),
        ({"scopes": []}, "at least one right"),
        ({"days": 0}, "1 to 366 days"),
        ({"days": 367}, "1 to 366 days"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(
    person: Callable[..., User], changes: dict[str, Any], words: str
) -> None:
    person("claire", "drh_reviewer")
    wanted = {"actor": owner("claire"), "username": "claire", "name": "essai", "scopes": [Right.READ]}
    with pytest.raises(UsageError, match=words):
        create_token(**wanted | changes)


# --- The commands -------------------------------------------------------------------------------------------------------
def test_a_password_makes_a_token_whoever_is_at_the_terminal(
    run: Run, types: Callable[[str], None], with_password: Callable[..., User]
) -> None:
    with_password("claire", "drh_reviewer")
    types(f"{PASSWORD}\n")
    words = ("--user", "claire", "--name", "portable", "--scope", "read", "--scope", "label", "--password-stdin")
    code, out, _ = run("create_api_token", *words, "--days", "7", "--json")
    answer = json.loads(out)
    assert (code, answer["user"], answer["name"], answer["scopes"]) == (0, "claire", "portable", ["label", "read"])
    assert rights_of(token_actor(answer["token"])) == {Right.READ, Right.LABEL}
    assert ApiToken.objects.get().expires_at - timezone.now() < timedelta(days=7)
    event = AuditEvent.objects.get(action="accounts.create_token")
    assert (event.actor, event.actor_source, event.object_id) == ("claire", "login", answer["prefix"])


def test_the_secret_is_shown_once(run: Run, types: Callable[[str], None], with_password: Callable[..., User]) -> None:
    with_password("claire", "drh_reviewer")
    types(f"{PASSWORD}\n")
    _, out, _ = run("create_api_token", "--user", "claire", "--name", "x", "--scope", "read", "--password-stdin")
    secret = out.partition("shown once: ")[2].split()[0]
    assert token_actor(secret).name == "claire"
    _, listed, _ = run("list_api_tokens", "--as", "claire", "--user", "claire")
    assert secret[:PREFIX_LENGTH] in listed
    assert secret not in listed


def test_a_wrong_password_makes_none(
    run: Run, types: Callable[[str], None], with_password: Callable[..., User]
) -> None:
    with_password("claire", "drh_reviewer")
    for user in ("claire", "ghost"):
        types("not hers\n")
        code, out, _ = run(
            "create_api_token", "--user", user, "--name", "x", "--scope", "read", "--password-stdin", "--json"
        )
        assert (code, json.loads(out)["error"]["code"]) == (1, "not_authenticated")
    assert not ApiToken.objects.exists()


def test_a_closed_account_proves_nothing(with_password: Callable[..., User]) -> None:
    user = with_password("claire", "drh_reviewer")
    assert prove(username="claire", password=PASSWORD) == owner("claire")
    user.is_active = False
    user.save()
    with pytest.raises(NotAuthenticatedError, match="not that of claire"):
        prove(username="claire", password=PASSWORD)


def test_five_wrong_passwords_lock_the_name_at_the_terminal(with_password: Callable[..., User]) -> None:
    with_password("claire", "drh_reviewer")
    with_password("driss", "drh_reviewer")
    for _ in range(5):
        with pytest.raises(NotAuthenticatedError):
            prove(username="claire", password="not hers")
    for _ in range(2):
        with pytest.raises(NotAuthenticatedError, match="is locked"):
            prove(username="claire", password=PASSWORD)
    assert prove(username="driss", password=PASSWORD).name == "driss"
    event = AuditEvent.objects.get()
    assert (event.action, event.object_id, event.details) == ("accounts.lock_out", "claire", {"ip_address": None})


def test_where_nobody_can_type_it_is_said(
    run: Run, types: Callable[[str], None], with_password: Callable[..., User]
) -> None:
    with_password("claire", "drh_reviewer")
    types("")
    code, _, words = run("create_api_token", "--user", "claire", "--name", "x", "--scope", "read")
    assert code == 1
    assert "--password-stdin" in words


def test_an_administrators_token_makes_one_for_a_robot(
    run: Run, settings: Any, administrator: Actor, person: Callable[..., User], token: Callable[..., str]
) -> None:
    person("robot", "operator")
    settings.FUTURE_SKILLS_TOKEN = token("adele", Right.ADMINISTER)
    words = ("create_api_token", "--user", "robot", "--name", "nuit", "--json")
    code, out, _ = run(*words, "--scope", "deploy")
    assert (code, json.loads(out)["scopes"]) == (0, ["deploy"])
    code, out, _ = run(*words, "--scope", "label")
    assert (code, json.loads(out)["error"]["code"]) == (1, "proof_required")


def test_tokens_are_listed_with_their_state(
    run: Run, settings: Any, person: Callable[..., User], token: Callable[..., str]
) -> None:
    person("claire", "drh_reviewer")
    person("driss", "auditor")
    secrets = [token("claire", Right.READ), token("claire", Right.LABEL), token("driss", Right.READ)]
    ApiToken.objects.filter(prefix=secrets[0][:PREFIX_LENGTH]).update(expires_at=timezone.now())
    revoke_token(actor=owner("claire"), prefix=secrets[1][:PREFIX_LENGTH])
    code, out, _ = run("list_api_tokens", "--json")  # the user of the system is an operator, who reads the audit log
    assert code == 0
    assert [(one["user"], one["usable"]) for one in json.loads(out)] == [
        ("driss", True),
        ("claire", False),
        ("claire", False),
    ]
    _, out, _ = run("list_api_tokens", "--user", "claire")
    assert out.count("claire") == 2
    assert "revoked" in out
    assert "expired" in out
    assert run("list_api_tokens", "--as", "claire", "--user", "claire")[0] == 0
    assert run("list_api_tokens", "--as", "claire")[0] == 1
    assert run("list_api_tokens", "--as", "claire", "--user", "driss")[0] == 1
    assert "There is no token" in run("list_api_tokens", "--user", "nobody")[1]


def test_people_revoke_their_own_and_an_administrator_anybodys(
    administrator: Actor, person: Callable[..., User], token: Callable[..., str]
) -> None:
    person("claire", "drh_reviewer")
    person("driss", "drh_reviewer")
    first, second = token("claire", Right.READ), token("claire", Right.READ)
    for stranger in (owner("driss"), Actor("adele", "declared")):
        with pytest.raises(UsageError, match="No token of yours begins with"):
            revoke_token(actor=stranger, prefix=first[:PREFIX_LENGTH])
    revoke_token(actor=Actor("claire", "declared"), prefix=first[:PREFIX_LENGTH])
    again = revoke_token(actor=administrator, prefix=first[:PREFIX_LENGTH])
    assert again.revoked_by == "claire"
    revoke_token(actor=administrator, prefix=second[:PREFIX_LENGTH])
    events = AuditEvent.objects.filter(action="accounts.revoke_token")
    assert [event.actor for event in events] == ["claire", "adele"]
    for secret in (first, second):
        with pytest.raises(NotAuthenticatedError):
            token_actor(secret)


def test_revoke_api_token(run: Run, person: Callable[..., User], token: Callable[..., str]) -> None:
    person("claire", "drh_reviewer")
    prefix = token("claire", Right.READ)[:PREFIX_LENGTH]
    code, out, _ = run("revoke_api_token", prefix, "--as", "claire", "--json")
    answer = json.loads(out)
    assert (code, answer["prefix"], answer["user"]) == (0, prefix, "claire")
    assert "is revoked" in run("revoke_api_token", prefix, "--as", "claire")[1]
    code, _, words = run("revoke_api_token", "fs_none", "--as", "claire")
    assert code == 1
    assert "No token of yours begins with fs_none" in words
