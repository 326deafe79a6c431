"""Who acts: the name that every verb takes and every audit event keeps."""

import getpass
from dataclasses import dataclass
from typing import Literal

from django.conf import settings

from future_skills.errors import UsageError, translatable

ActorSource = Literal["declared", "environment", "system", "login", "token"]


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (or a robot) who acts.

    Attributes:
        name: user name, 1 to 150 characters.
        source: how we know it: ``declared`` by ``--as``, taken from the ``environment`` (FUTURE_SKILLS_ACTOR), the user
            of the operating ``system``, or proved by a ``login`` or a ``token``.
    """

    name: str
    source: ActorSource


def _system_user() -> str:
    """Name of the user of the operating system.

    Raises:
        UsageError: a container may run under a number that has no name.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise UsageError(
            translatable("The user of the operating system has no name."),
            hint=translatable("Say who acts with --as USERNAME, or set FUTURE_SKILLS_ACTOR."),
        ) from error


def command_actor(declared: str | None = None) -> Actor:
    """Who acts in a command: ``--as``, else FUTURE_SKILLS_ACTOR, else the user of the operating system.

    Raises:
        UsageError: the name is empty, longer than 150 characters, or holds characters that do not print; or nobody is
            named.
    """
    if declared is not None:
        actor = Actor(declared.strip(), "declared")
    elif settings.FUTURE_SKILLS_ACTOR:
        actor = Actor(settings.FUTURE_SKILLS_ACTOR.strip(), "environment")
    else:
        actor = Actor(_system_user(), "system")
    if not (0 < len(actor.name) <= 150 and actor.name.isprintable()):
        raise UsageError(translatable("“{name}” cannot be the name of the person who acts."), name=actor.name[:80])
    return actor
