"""Who acts in a command."""

import getpass
from typing import Any

import pytest

from apps.accounts.actors import Actor, command_actor
from future_skills.errors import UsageError


def test_the_declared_name_comes_first(settings: Any) -> None:
    settings.FUTURE_SKILLS_ACTOR = "robot"
    assert command_actor("nadia") == Actor("nadia", "declared")


def test_then_the_environment(settings: Any) -> None:
    settings.FUTURE_SKILLS_ACTOR = "robot"
    assert command_actor(None) == Actor("robot", "environment")


def test_then_the_user_of_the_operating_system(settings: Any) -> None:
    settings.FUTURE_SKILLS_ACTOR = ""
    assert command_actor(None) == Actor(getpass.getuser(), "system")


def test_a_user_without_a_name_is_told_to_say_who_acts(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.FUTURE_SKILLS_ACTOR = ""

    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", nobody)
    with pytest.raises(UsageError, match="--as"):
        command_actor(None)


@pytest.mark.parametrize("name", ["", "   ", "x" * 151, "na\ndia", "na\u200bdia"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="name of the person"):
        command_actor(name)
