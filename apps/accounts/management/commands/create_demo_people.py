"""``manage.py create_demo_people``: people of every role, for the demonstration only."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.accounts.services import DemoPerson, create_demo_people
from apps.accounts.terminal import piped_password
from future_skills.errors import UsageError, translatable
from future_skills.files import written_whole


class Command(ActingCommand):
    help = (
        "Make the people of the demonstration, two for each team that approves: camille, dominique, claire, driss, olivier, "
        "aude, adele. Refused where somebody real has an account."
    )
    right = None

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="read the one password of all of them on stdin (default: one each is made, and shown once)",
        )
        parser.add_argument(
            "--new-passwords",
            action="store_true",
            help="give new passwords to those that are there (default: keep them)",
        )
        parser.add_argument(
            "--tokens",
            type=Path,
            metavar="FILE",
            help="also make a token for each, and write them to this file, closed to others: TOKEN_CAMILLE=…",
        )
        parser.add_argument(
            "--yes-demo", action="store_true", help="do it although this server answers to more than this machine"
        )

    def act(
        self,
        actor: Actor,
        *,
        password_stdin: bool,
        new_passwords: bool,
        tokens: Path | None,
        yes_demo: bool,
        **_options: Any,
    ) -> None:
        if settings.HTTPS and not yes_demo:
            raise UsageError(
                translatable(
                    "This server has a name of its own: anybody could log in as the people of the demonstration."
                ),
                hint=translatable("--yes-demo if it holds a demonstration and nothing else."),
            )
        with transaction.atomic():  # a file that cannot be written takes the passwords that nobody saw back too
            people = create_demo_people(
                actor=actor,
                password=piped_password() if password_stdin else "",
                new_passwords=new_passwords,
                with_tokens=tokens is not None,
            )
            if tokens is not None:
                write_tokens(tokens, people)
        self.answer(
            [
                {
                    "username": person.username,
                    "roles": list(person.roles),
                    "password": (not password_stdin and person.password) or None,
                }
                for person in people
            ]
        )
        for person in people:
            shown = "" if password_stdin else person.password
            self.say(f"{person.username:<10} {', '.join(person.roles):<15} {shown}".rstrip())
        if not any(person.password for person in people):
            self.say(_("They were there already; --new-passwords gives them others."))
        elif not password_stdin:
            self.say(_("These passwords are shown once. For a demonstration only."))
        if tokens is not None:
            self.say(_("{path}: a token each, valid for 30 days.").format(path=tokens))


def write_tokens(path: Path, people: list[DemoPerson]) -> None:
    """One line for each, as a shell reads it; nobody else may read the file.

    Raises:
        OSError: the file cannot be written.
    """
    with written_whole(path) as temporary:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.writelines(f"TOKEN_{person.username.upper()}={person.token}\n" for person in people)
        temporary.chmod(0o600)
