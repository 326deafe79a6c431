"""``manage.py set_person_roles``: what a person is from now on."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.accounts.rights import ROLES
from apps.accounts.services import set_person_roles


class Command(ActingCommand):
    help = "Give a person these roles and no others (an administrator does it, with a token of their own)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--username", required=True, help="whose roles")
        parser.add_argument(
            "--role",
            action="append",
            default=[],
            choices=list(ROLES),
            dest="roles",
            help="what the person is (repeatable; default: no role, so no right any more)",
        )

    def act(self, actor: Actor, *, username: str, roles: list[str], **_options: Any) -> None:
        set_person_roles(actor=actor, username=username, roles=roles)
        self.answer({"username": username, "roles": roles})
        self.say(_("{name}: roles {roles}.").format(name=username, roles=", ".join(roles) or "—"))
