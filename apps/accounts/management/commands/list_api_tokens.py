"""``manage.py list_api_tokens``: which tokens there are; never a secret."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.accounts.rights import Right, require
from apps.accounts.selectors import tokens_of


class Command(ActingCommand):
    help = "List tokens, newest first: one's own, or everybody's with the right to read the audit log."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", metavar="USERNAME", help="whose tokens (default: everybody's)")

    def act(self, actor: Actor, *, user: str | None, **_options: Any) -> None:
        if user != actor.name:
            require(actor, Right.READ_AUDIT)
        now = timezone.now()
        tokens = list(tokens_of(user))
        self.answer(
            [
                {
                    "prefix": token.prefix,
                    "user": token.user.get_username(),
                    "name": token.name,
                    "scopes": token.scopes,
                    "created_at": token.created_at,
                    "expires_at": token.expires_at,
                    "revoked_at": token.revoked_at,
                    "last_used_at": token.last_used_at,
                    "usable": token.revoked_at is None and token.expires_at > now,
                }
                for token in tokens
            ]
        )
        for token in tokens:
            state = _("revoked") if token.revoked_at else _("expired") if token.expires_at <= now else _("usable")
            self.say(
                f"{token.prefix}…  {token.user.get_username()}  {token.name}  {', '.join(token.scopes)}  "
                f"{token.expires_at.date().isoformat()}  {state}"
            )
        if not tokens:
            self.say(_("There is no token."))
