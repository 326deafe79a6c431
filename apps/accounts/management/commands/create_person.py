"""``manage.py create_person``: an account, its roles, and a first password shown once."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.accounts.rights import ROLES
from apps.accounts.services import create_person
from apps.accounts.terminal import made_password, piped_password


class Command(ActingCommand):
    help = (
        "Make an account. The first one of an installation is an administrator's, and anybody may make it; an administrator "
        "makes the others, with a token of their own (FUTURE_SKILLS_TOKEN)."
    )
    right = None

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--username", required=True, help="name to log in with")
        parser.add_argument(
            "--role",
            action="append",
            default=[],
            choices=list(ROLES),
            dest="roles",
            help="what the person is (repeatable; default: no role, so no right)",
        )
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="read the password on stdin (default: one is made, and shown once)",
        )

    def act(self, actor: Actor, *, username: str, roles: list[str], password_stdin: bool, **_options: Any) -> None:
        made = "" if password_stdin else made_password()
        person = create_person(actor=actor, username=username, roles=roles, password=made or piped_password())
        self.answer({"username": person.username, "roles": roles, "password": made or None})
        self.say(_("{name} can log in; roles: {roles}.").format(name=person.username, roles=", ".join(roles) or "—"))
        if made:
            self.say(_("Password, shown once: {password}").format(password=made))
            self.say(_("To be changed at the first login, on the page “My account”."))
