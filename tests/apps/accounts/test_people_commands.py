"""Accounts made and changed from a terminal: ``create_person``, ``set_person_roles``, ``changepassword``, ``createsuperuser``."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.accounts.selectors import roles_of
from apps.accounts.services import create_person, set_person_password, set_person_roles
from apps.audit.models import AuditEvent
from future_skills.errors import PermissionDeniedError, ProofRequiredError, UsageError
from tests.apps.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def as_administrator(settings: Any, administrator: Actor, token: Callable[..., str]) -> None:
    """Commands are run with a token of an administrator."""
    settings.FUTURE_SKILLS_TOKEN = token("adele", Right.READ, Right.ADMINISTER)


# --- create_person ------------------------------------------------------------------------------------------------------
def test_the_first_account_is_an_administrators_and_anybody_makes_it(run: Run) -> None:
    code, out, _ = run("create_person", "--username", "adele", "--role", "administrator")
    assert code == 0
    assert "adele can log in; roles: administrator." in out
    password = out.partition("Password, shown once: ")[2].split()[0]
    user = User.objects.get(username="adele")
    assert user.check_password(password)
    assert len(password) == 16
    assert user.password.startswith("argon2$argon2id$")
    assert roles_of("adele") == ["administrator"]
    event = AuditEvent.objects.get()
    assert (event.action, event.object_id, event.details) == (
        "accounts.create_person",
        "adele",
        {"roles": ["administrator"]},
    )


def test_the_first_account_cannot_be_another(run: Run) -> None:
    code, out, words = run("create_person", "--username", "claire", "--role", "drh_reviewer", "--json")
    assert code == 1
    assert json.loads(out)["error"]["code"] == "usage"
    assert "The first account must be an administrator" in words
    assert not User.objects.exists()
    assert not AuditEvent.objects.exists()


def test_nobody_makes_the_second_without_a_proof(run: Run, administrator: Actor) -> None:
    for words in ((), ("--as", "adele")):
        code, out, _ = run("create_person", "--username", "claire", "--role", "drh_reviewer", "--json", *words)
        assert (code, json.loads(out)["error"]["code"]) == (1, "proof_required")
    assert not User.objects.filter(username="claire").exists()


def test_an_administrator_makes_the_others(run: Run, as_administrator: None, types: Callable[[str], None]) -> None:
    types(PASSWORD + "\n")
    words = ("--username", "claire", "--role", "drh_reviewer", "--role", "auditor", "--password-stdin", "--json")
    code, out, _ = run("create_person", *words)
    assert code == 0
    assert json.loads(out) == {"username": "claire", "roles": ["drh_reviewer", "auditor"], "password": None}
    assert User.objects.get(username="claire").check_password(PASSWORD)
    assert AuditEvent.objects.get(object_id="claire").actor == "adele"


def test_an_account_without_a_role(run: Run, as_administrator: None) -> None:
    code, out, _ = run("create_person", "--username", "omar", "--json")
    assert (code, json.loads(out)["roles"], roles_of("omar")) == (0, [], [])


@pytest.mark.parametrize(
    ("username", "password", "words"),
    [
        ("adele", PASSWORD, "already exists"),
        ("", PASSWORD, "cannot be made"),
        ("x" * 151, PASSWORD, "at most 150 characters"),
        ("na dia", PASSWORD, "valid username"),
        ("na\0dia", PASSWORD, "control characters"),
        ("na\udcffdia", PASSWORD, "control characters"),
        ("claire", "brief", "at least 12 characters"),
        ("claire", "password1234", "too common"),
        ("claire", "314159265358", "entirely numeric"),
        ("claire.martin", "claire.martin", "too similar"),
    ],
)
def test_what_cannot_be_an_account_is_refused(administrator: Actor, username: str, password: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        create_person(actor=administrator, username=username, roles=["auditor"], password=password)
    assert password not in str(refused.value) or password == username
    assert User.objects.count() == 1


def test_a_role_that_does_not_exist_is_refused(administrator: Actor) -> None:
    with pytest.raises(UsageError, match=r"There is no role drh\. Roles: data_scientist, drh_reviewer"):
        create_person(actor=administrator, username="claire", roles=["drh"], password=PASSWORD)


def test_a_name_is_kept_as_the_login_page_will_read_it(administrator: Actor) -> None:
    user = create_person(actor=administrator, username="ze\u0301lie", roles=[], password=PASSWORD)
    assert user.username == "zélie"


def test_two_first_administrators_at_once_are_one(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second shell asked before the first one's account was there; its turn comes after."""
    from apps.accounts import rights

    early = Actor("nadia", "system")
    create_person(actor=early, username="adele", roles=["administrator"], password=PASSWORD)
    fresh = iter([True])  # what the verb's first look at the rows still said
    monkeypatch.setattr(rights, "_fresh", lambda: next(fresh, False))
    with pytest.raises(ProofRequiredError):
        create_person(actor=early, username="second", roles=["drh_reviewer"], password=PASSWORD)


@pytest.mark.parametrize("role", ["data_scientist", "drh_reviewer", "operator", "auditor"])
def test_only_an_administrator_does(person: Callable[..., User], administrator: Actor, role: str) -> None:
    person("claire", role)
    with pytest.raises(PermissionDeniedError, match="Roles that have it: administrator"):
        create_person(actor=Actor("claire", "login"), username="x", roles=[], password=PASSWORD)
    with pytest.raises(PermissionDeniedError):
        set_person_roles(actor=Actor("claire", "login"), username="adele", roles=[])
    with pytest.raises(PermissionDeniedError):
        set_person_password(actor=Actor("claire", "login"), username="adele", password=PASSWORD)


@pytest.mark.parametrize("text", ["", "\n"])
def test_a_password_that_is_not_piped_is_said(
    run: Run, as_administrator: None, types: Callable[[str], None], text: str
) -> None:
    types(text)
    code, _, words = run("create_person", "--username", "omar", "--password-stdin")
    assert code == 1
    assert "nothing is there" in words


def test_a_password_of_bytes_that_are_no_text_is_not_repeated(
    run: Run, as_administrator: None, types: Callable[[str], None]
) -> None:
    types("mot de passe \udcff\n")
    code, out, words = run("create_person", "--username", "omar", "--password-stdin", "--json")
    assert code == 1
    assert "not UTF-8" in words
    assert "mot de passe" not in out + words


# --- set_person_roles ---------------------------------------------------------------------------------------------------
def test_roles_are_replaced_and_the_audit_log_keeps_both(
    run: Run, as_administrator: None, person: Callable[..., User]
) -> None:
    person("claire", "drh_reviewer", "auditor")
    code, out, _ = run("set_person_roles", "--username", "claire", "--role", "operator", "--json")
    assert (code, json.loads(out)) == (0, {"username": "claire", "roles": ["operator"]})
    assert roles_of("claire") == ["operator"]
    details = AuditEvent.objects.get(action="accounts.set_person_roles").details
    assert details == {"before": ["drh_reviewer", "auditor"], "roles": ["operator"]}


def test_without_a_role_a_person_may_do_nothing(
    run: Run, as_administrator: None, person: Callable[..., User], token: Callable[..., str], settings: Any
) -> None:
    person("claire", "drh_reviewer")
    of_claire = token("claire", Right.READ, Right.LABEL)
    code, out, _ = run("set_person_roles", "--username", "claire")
    assert (code, out.strip()) == (0, "claire: roles —.")
    settings.FUTURE_SKILLS_TOKEN = of_claire
    assert run("registry", "list")[0] == 1


def test_a_superuser_becomes_what_the_roles_say(administrator: Actor) -> None:
    User.objects.create_superuser("root", password=PASSWORD)
    assert roles_of("root") == ["administrator"]
    set_person_roles(actor=administrator, username="root", roles=["auditor"])
    assert roles_of("root") == ["auditor"]


def test_nobody_changes_their_own_roles_so_an_administrator_remains(run: Run, as_administrator: None) -> None:
    code, _, words = run("set_person_roles", "--username", "adele", "--role", "auditor")
    assert code == 1
    assert "Ask another administrator" in words
    assert roles_of("adele") == ["administrator"]


def test_an_account_that_does_not_exist_is_said(run: Run, as_administrator: None) -> None:
    for words in (("set_person_roles", "--username", "claier"), ("changepassword", "claier")):
        code, _, said = run(*words)
        assert code == 1
        assert "There is no account “claier”" in said


# --- changepassword -----------------------------------------------------------------------------------------------------
def test_an_administrator_gives_another_password(
    run: Run, as_administrator: None, with_password: Callable[..., User]
) -> None:
    with_password("claire", "drh_reviewer")
    code, out, _ = run("changepassword", "claire", "--json")
    assert code == 0
    claire = User.objects.get(username="claire")
    assert claire.check_password(json.loads(out)["password"])
    assert not claire.check_password(PASSWORD)
    event = AuditEvent.objects.get(action="accounts.set_person_password")
    assert (event.actor, event.object_id, event.details) == ("adele", "claire", {})


def test_and_nobody_else_takes_an_account_over(run: Run, with_password: Callable[..., User]) -> None:
    with_password("adele", "administrator")
    with_password("claire", "drh_reviewer")
    for words in ((), ("--as", "claire"), ("--as", "adele")):
        code, out, _ = run("changepassword", "claire", "--json", *words)
        assert (code, json.loads(out)["error"]["code"]) in {(1, "proof_required"), (1, "permission_denied")}
    assert User.objects.get(username="claire").check_password(PASSWORD)


def test_a_weak_password_is_refused(run: Run, as_administrator: None, types: Callable[[str], None]) -> None:
    types("123\n")
    code, _, words = run("changepassword", "adele", "--password-stdin")
    assert code == 1
    assert "at least 12 characters" in words


# --- createsuperuser ----------------------------------------------------------------------------------------------------
def test_djangos_createsuperuser_says_which_command_makes_accounts(run: Run) -> None:
    code, _, words = run("createsuperuser", "--noinput", "--username", "root")
    assert code == 1
    assert "manage.py create_person" in words
    assert not User.objects.exists()
