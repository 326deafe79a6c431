"""Who acts: the name that every verb takes and every audit event keeps."""

import getpass
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from django.conf import settings

from future_skills.errors import UsageError, translatable

if TYPE_CHECKING:
    from apps.accounts.rights import Right

ActorSource = Literal["declared", "environment", "system", "login", "token"]


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (or a robot) who acts.

    Attributes:
        name: user name, 1 to 150 characters.
        source: how we know it: ``declared`` by ``--as``, taken from the ``environment`` (FUTURE_SKILLS_ACTOR), the user
            of the operating ``system``, or proved by a ``login`` or a ``token``.
        scopes: what a token was made for; None where nothing narrows the person's own rights.
    """

    name: str
    source: ActorSource
    scopes: frozenset["Right"] | None = None

    @property
    def proved(self) -> bool:
        """Whether the name is proved, and not only said."""
        return self.source in {"login", "token"}


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


def server_actor() -> Actor:
    """Who acts when the server itself does."""
    try:
        return Actor(_system_user(), "system")
    except UsageError:
        return Actor("server", "system")


def command_actor(declared: str | None = None) -> Actor:
    """Who acts in a command: the person of FUTURE_SKILLS_TOKEN, else ``--as``, FUTURE_SKILLS_ACTOR, the system's user.

    Raises:
        UsageError: the name is empty, longer than 150 characters, or holds characters that do not print; nobody is named;
            or ``--as`` names another person than the token's.
        NotAuthenticatedError: the token cannot be used.
    """
    if settings.FUTURE_SKILLS_TOKEN:
        from apps.accounts.tokens import token_actor  # noqa: PLC0415 — rows: the ml/ scripts name an actor without them

        actor = token_actor(settings.FUTURE_SKILLS_TOKEN)
        if declared is not None and declared.strip() != actor.name:
            raise UsageError(
                translatable("--as {declared} contradicts FUTURE_SKILLS_TOKEN, which is a token of {name}."),
                hint=translatable("Give one of the two."),
                declared=declared[:80],
                name=actor.name,
            )
        return actor
    if declared is not None:
        actor = Actor(declared.strip(), "declared")
    elif settings.FUTURE_SKILLS_ACTOR:
        actor = Actor(settings.FUTURE_SKILLS_ACTOR.strip(), "environment")
    else:
        actor = Actor(_system_user(), "system")
    if not (0 < len(actor.name) <= 150 and actor.name.isprintable()):
        raise UsageError(translatable("“{name}” cannot be the name of the person who acts."), name=actor.name[:80])
    return actor
