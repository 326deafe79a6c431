"""``manage.py changepassword``: another password for somebody who lost theirs, in the place of Django's command.

Django's lets any shell take anybody's account over, and so speak for two teams; this one asks for an administrator.
"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.accounts.services import set_person_password
from apps.accounts.terminal import made_password, piped_password


class Command(ActingCommand):
    help = "Give a person another password (an administrator does it, with a token of their own). One's own: the pages."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("username", help="whose password")
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="read the password on stdin (default: one is made, and shown once)",
        )

    def act(self, actor: Actor, *, username: str, password_stdin: bool, **_options: Any) -> None:
        made = "" if password_stdin else made_password()
        set_person_password(actor=actor, username=username, password=made or piped_password())
        self.answer({"username": username, "password": made or None})
        self.say(_("The password of {name} is changed.").format(name=username))
        if made:
            self.say(_("Password, shown once: {password}").format(password=made))
