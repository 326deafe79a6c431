"""``manage.py create_demo_people``: everybody the demonstration needs, and nobody where real people are."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from apps.accounts.models import ApiToken
from apps.accounts.rights import ROLES, Right, rights_of
from apps.accounts.selectors import roles_of
from apps.accounts.tokens import token_actor
from apps.audit.models import AuditEvent
from tests.apps.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db

Run = Callable[..., tuple[int, str, str]]


def tokens_in(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def test_two_people_for_each_team_and_one_of_each_other_role(run: Run) -> None:
    code, out, _ = run("create_demo_people", "--json")
    assert code == 0
    people = {person["username"]: person for person in json.loads(out)}
    assert {name: person["roles"] for name, person in people.items()} == {
        "camille": ["data_scientist"],
        "dominique": ["data_scientist"],
        "claire": ["drh_reviewer"],
        "driss": ["drh_reviewer"],
        "olivier": ["operator"],
        "aude": ["auditor"],
        "adele": ["administrator"],
    }
    assert {role for person in people.values() for role in person["roles"]} == set(ROLES)
    assert all(roles_of(name) == person["roles"] for name, person in people.items())
    assert all(User.objects.get(username=name).check_password(one["password"]) for name, one in people.items())
    assert len({person["password"] for person in people.values()}) == 7
    assert AuditEvent.objects.get().details == {"people": list(people)}


def test_again_they_keep_what_they_have(run: Run) -> None:
    _, out, _ = run("create_demo_people", "--json")
    before = {person["username"]: person["password"] for person in json.loads(out)}
    code, out, _ = run("create_demo_people")
    assert code == 0
    assert "They were there already" in out
    assert User.objects.get(username="claire").check_password(before["claire"])
    _, out, _ = run("create_demo_people", "--new-passwords", "--json")
    after = {person["username"]: person["password"] for person in json.loads(out)}
    assert after["claire"] != before["claire"]
    assert User.objects.get(username="claire").check_password(after["claire"])
    assert User.objects.count() == 7


def test_one_password_for_all_is_not_shown_again(run: Run, types: Callable[[str], None]) -> None:
    types(f"{PASSWORD}\n")
    code, out, words = run("create_demo_people", "--password-stdin")
    assert code == 0
    assert PASSWORD not in out + words
    assert all(user.check_password(PASSWORD) for user in User.objects.all())


def test_their_tokens_go_to_a_file_closed_to_others(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "tokens.env"
    code, out, _ = run("create_demo_people", "--tokens", str(path))
    assert code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    tokens = tokens_in(path)
    assert list(tokens) == [f"TOKEN_{user.username.upper()}" for user in User.objects.order_by("pk")]
    assert rights_of(token_actor(tokens["TOKEN_CLAIRE"])) == ROLES["drh_reviewer"] >= {Right.LABEL, Right.APPROVE_DRH}
    assert not any(secret in out for secret in tokens.values())

    run("create_demo_people", "--tokens", str(path))
    assert tokens_in(path) != tokens
    assert ApiToken.objects.filter(revoked_at=None).count() == 7
    assert AuditEvent.objects.filter(action="accounts.revoke_token").count() == 7


def test_a_file_that_cannot_be_written_takes_everything_back(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, out, _ = run("create_demo_people", "--tokens", str(tmp_path / "file" / "tokens.env"), "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "storage_failed")
    assert not User.objects.exists()
    assert not AuditEvent.objects.exists()


def test_where_somebody_real_has_an_account_they_stay_out(run: Run, person: Callable[..., User]) -> None:
    person("nadia", "data_scientist")
    code, out, words = run("create_demo_people", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "usage")
    assert "real accounts (nadia)" in words
    assert User.objects.count() == 1


def test_a_server_that_others_reach_asks_twice(run: Run, settings: Any) -> None:
    settings.HTTPS = True
    code, _, words = run("create_demo_people")
    assert code == 1
    assert "--yes-demo" in words
    assert not User.objects.exists()
    assert run("create_demo_people", "--yes-demo")[0] == 0
