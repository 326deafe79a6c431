"""Decision 13: what a name may do that is only said, and what only a person's own login or token may."""

import getpass
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from apps.accounts.actors import Actor, command_actor
from apps.accounts.rights import PROVED, ROLES, Right, require, rights_of
from future_skills.errors import PermissionDeniedError, ProofRequiredError

pytestmark = pytest.mark.django_db

SAID = ("declared", "environment", "system")
AT_THE_TERMINAL = (ROLES["data_scientist"] | ROLES["operator"]) - PROVED


def test_approving_labelling_and_overriding_are_done_in_ones_own_name() -> None:
    assert {Right.APPROVE_DATA, Right.APPROVE_DRH, Right.LABEL, Right.OVERRIDE} <= PROVED


@pytest.mark.parametrize("source", SAID)
def test_on_a_fresh_installation_whoever_is_there_is_a_data_scientist_and_an_operator(source: Any) -> None:
    assert rights_of(Actor("nadia", source)) == AT_THE_TERMINAL | {Right.ADMINISTER}


@pytest.mark.parametrize("source", SAID)
@pytest.mark.parametrize("right", [Right.LABEL, Right.APPROVE_DATA, Right.APPROVE_DRH, Right.OVERRIDE])
def test_and_never_a_reviewer_or_an_approver(source: Any, right: Right) -> None:
    with pytest.raises(ProofRequiredError, match="not proof of who acts") as refused:
        require(Actor("nadia", source), right)
    assert refused.value.details["right"] == right


def test_once_somebody_has_an_account_the_user_of_the_system_stays_what_they_are(person: Callable[..., User]) -> None:
    person("adele", "administrator")
    assert rights_of(Actor("nadia", "system")) == AT_THE_TERMINAL
    with pytest.raises(ProofRequiredError):
        require(Actor("nadia", "system"), Right.ADMINISTER)


@pytest.mark.parametrize("source", ["declared", "environment"])
def test_and_a_name_that_is_nobodys_account_is_a_mistake(person: Callable[..., User], source: Any) -> None:
    person("adele", "administrator")
    with pytest.raises(PermissionDeniedError, match="There is no account “nadai”"):
        require(Actor("nadai", source), Right.READ)


@pytest.mark.parametrize("source", SAID)
@pytest.mark.parametrize("role", ROLES)
def test_a_name_that_is_only_said_has_what_needs_no_proof(person: Callable[..., User], role: str, source: Any) -> None:
    person("claire", role)
    assert rights_of(Actor("claire", source)) == ROLES[role] - PROVED


@pytest.mark.parametrize("source", ["login", "token"])
@pytest.mark.parametrize("role", ROLES)
def test_a_login_or_a_token_has_all_of_it(person: Callable[..., User], role: str, source: Any) -> None:
    person("claire", role)
    assert rights_of(Actor("claire", source)) == ROLES[role]


def test_a_proof_of_somebody_who_has_no_account_proves_nothing(db: Any) -> None:
    assert rights_of(Actor("ghost", "login")) == frozenset()


def test_the_settings_can_leave_the_user_of_the_system_without_a_role(
    settings: Any, person: Callable[..., User]
) -> None:
    person("adele", "administrator")
    settings.FUTURE_SKILLS_SYSTEM_ROLES = ["auditor"]
    assert rights_of(Actor("nadia", "system")) == ROLES["auditor"]
    settings.FUTURE_SKILLS_SYSTEM_ROLES = []
    assert rights_of(Actor("nadia", "system")) == frozenset()


def test_what_is_missing_is_said(person: Callable[..., User]) -> None:
    person("claire", "drh_reviewer")
    said, logged_in = Actor("claire", "declared"), Actor("claire", "login")
    narrow = Actor("claire", "token", frozenset({Right.READ}))
    with pytest.raises(ProofRequiredError, match="approve for the DRH"):
        require(said, Right.APPROVE_DRH)
    with pytest.raises(ProofRequiredError, match="approve for the DRH"):
        require(said, Right.APPROVE_DATA, Right.APPROVE_DRH)
    with pytest.raises(PermissionDeniedError, match="Roles that have it: operator"):
        require(said, Right.DEPLOY)
    with pytest.raises(PermissionDeniedError, match="not with this token"):
        require(narrow, Right.APPROVE_DRH)
    with pytest.raises(PermissionDeniedError, match="Roles that have it: data scientist"):
        require(narrow, Right.APPROVE_DATA)
    require(logged_in, Right.APPROVE_DRH)
    require(logged_in, Right.DEPLOY, Right.LABEL)


def test_a_token_in_the_environment_proves_who_acts(
    settings: Any, person: Callable[..., User], token: Callable[..., str]
) -> None:
    person("claire", "drh_reviewer")
    settings.FUTURE_SKILLS_TOKEN = token("claire", Right.READ, Right.LABEL)
    settings.FUTURE_SKILLS_ACTOR = "robot"
    assert command_actor(None) == Actor("claire", "token", frozenset({Right.READ, Right.LABEL}))
    require(command_actor("claire"), Right.LABEL)


def test_an_act_at_the_terminal_is_kept_under_the_user_of_the_system(run: Callable[..., Any]) -> None:
    from apps.audit.models import AuditEvent

    assert run("create_person", "--username", "adele", "--role", "administrator")[0] == 0
    event = AuditEvent.objects.get(action="accounts.create_person")
    assert (event.actor, event.actor_source) == (getpass.getuser(), "system")
