"""The table of roles: as groups and permissions after every migration, and as the decision note shows it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command

from apps.accounts.actors import Actor
from apps.accounts.rights import PROVED, RIGHT_NAMES, ROLE_NAMES, ROLES, SYSTEM_ROLES, Right, rights_of, roles_with

pytestmark = pytest.mark.django_db

NOTE = Path(__file__).resolve().parents[3] / "docs" / "decisions" / "0009-who-may-do-what.md"


def permissions_of(role: str) -> set[str]:
    return set(Permission.objects.filter(group__name=role).values_list("codename", flat=True))


def table() -> str:
    """The roles and their rights as the decision note has them."""
    head = ["right", "in words", *ROLES]
    rows = [
        [f"`{right}`" + ("*" if right in PROVED else ""), RIGHT_NAMES[right]]
        + ["x" if right in rights else "" for rights in ROLES.values()]
        for right in Right
    ]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_a_group_with_the_permissions_of_the_table(role: str) -> None:
    assert permissions_of(role) == {str(right) for right in ROLES[role]}


def test_every_right_and_role_has_words_and_somebody_has_every_right() -> None:
    assert set(RIGHT_NAMES) == set(Right)
    assert set(ROLE_NAMES) == set(ROLES)
    assert [right for right in Right if not roles_with(right)] == []


def test_no_role_speaks_for_two_teams_or_overrides_what_it_approves() -> None:
    decides = {Right.APPROVE_DATA, Right.APPROVE_DRH, Right.OVERRIDE}
    assert {role: len(decides & rights) for role, rights in ROLES.items()} == {
        "data_scientist": 1,
        "drh_reviewer": 1,
        "operator": 0,
        "auditor": 0,
        "administrator": 1,
    }


def test_an_auditor_reads_and_nothing_else() -> None:
    assert ROLES["auditor"] == {Right.READ, Right.READ_AUDIT, Right.READ_PREDICTIONS}


def test_the_user_of_the_operating_system_is_never_a_reviewer_or_an_administrator() -> None:
    assert set(SYSTEM_ROLES) < set(ROLES)
    assert not {"drh_reviewer", "administrator"} & set(SYSTEM_ROLES)


def test_migrating_again_mends_what_somebody_changed() -> None:
    auditor = Group.objects.get(name="auditor")
    auditor.permissions.set(Permission.objects.filter(codename="deploy"))
    Group.objects.get(name="operator").delete()
    own = Group.objects.create(name="readers of the intranet")
    call_command("migrate", "--verbosity", "0")
    assert permissions_of("auditor") == {"read", "read_audit", "read_predictions"}
    assert permissions_of("operator") == {str(right) for right in ROLES["operator"]}
    assert Group.objects.filter(pk=own.pk).exists()


def test_two_roles_add_up(person: Callable[..., User]) -> None:
    person("omar", "auditor", "operator")
    assert rights_of(Actor("omar", "login")) == ROLES["auditor"] | ROLES["operator"]


def test_a_superuser_counts_as_an_administrator_and_no_more(person: Callable[..., User]) -> None:
    user = person("root")
    user.is_superuser = user.is_staff = True
    user.save()
    assert rights_of(Actor("root", "login")) == ROLES["administrator"]


def test_permissions_of_other_applications_are_no_rights(person: Callable[..., User]) -> None:
    user = person("eve")
    group = Group.objects.create(name="strange")
    group.permissions.set(Permission.objects.exclude(content_type__app_label="accounts"))
    user.groups.add(group)
    assert rights_of(Actor("eve", "login")) == frozenset()


def test_a_closed_account_may_nothing_however_it_comes(person: Callable[..., User]) -> None:
    user = person("claire", "drh_reviewer")
    user.is_active = False
    user.save()
    assert {rights_of(Actor("claire", source)) for source in ("login", "token", "declared", "system")} == {frozenset()}


def test_the_decision_note_has_the_table_of_the_code() -> None:
    assert table() in NOTE.read_text(encoding="utf-8"), f"write it again:\n{table()}"
