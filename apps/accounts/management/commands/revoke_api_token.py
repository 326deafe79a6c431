"""``manage.py revoke_api_token``: make a token useless from now on."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.accounts.services import revoke_token


class Command(ActingCommand):
    help = "Revoke a token: one's own, or anybody's for an administrator. It cannot be undone."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("prefix", help="how the token begins, as list_api_tokens shows it")

    def act(self, actor: Actor, *, prefix: str, **_options: Any) -> None:
        token = revoke_token(actor=actor, prefix=prefix)
        self.answer({"prefix": token.prefix, "user": token.user.get_username(), "revoked_at": token.revoked_at})
        self.say(_("The token “{name}” is revoked: it is refused from now on.").format(name=token.name))
