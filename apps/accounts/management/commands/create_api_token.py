"""``manage.py create_api_token``: what proves who acts in a terminal or through the API; shown once."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.accounts.rights import Right
from apps.accounts.services import TOKEN_DAYS, create_token, prove
from apps.accounts.terminal import typed_password


class Command(ActingCommand):
    help = (
        "Make a token for yourself: your password is asked for, whoever you are in this terminal. With a token of an "
        "administrator (FUTURE_SKILLS_TOKEN), make one for a robot, without the rights that are used in one's own name."
    )
    right = None

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", required=True, metavar="USERNAME", help="whose token it is")
        parser.add_argument("--name", required=True, help="what it is for")
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            choices=[str(right) for right in Right],
            dest="scopes",
            help="a right it may use (repeatable)",
        )
        parser.add_argument("--days", type=int, default=TOKEN_DAYS, help="how long it is valid (default: %(default)s)")
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password on stdin (default: it is typed)"
        )

    def act(
        self, actor: Actor, *, user: str, name: str, scopes: list[str], days: int, password_stdin: bool, **_options: Any
    ) -> None:
        if actor.name == user or not actor.proved:
            actor = prove(username=user, password=typed_password(user, piped=password_stdin))
        token, secret = create_token(actor=actor, username=user, name=name, scopes=map(Right, scopes), days=days)
        self.answer(
            {
                "token": secret,
                "prefix": token.prefix,
                "user": user,
                "name": token.name,
                "scopes": token.scopes,
                "expires_at": token.expires_at,
            }
        )
        self.say(_("Token of {name}, shown once: {secret}").format(name=user, secret=secret))
        self.say(
            _("It may: {scopes}. Valid until {day}.").format(
                scopes=", ".join(token.scopes), day=token.expires_at.date().isoformat()
            )
        )
