"""Who acts in the API: the person of a token, or whoever is logged in on the pages; and what they may do there."""

import time
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from ninja import Router
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf
from pydantic import BaseModel, ConfigDict

from apps.accounts import selectors
from apps.accounts.access import let_in, login_actor, needed, needs, request_rights
from apps.accounts.actors import Actor
from apps.accounts.limits import LIMITER
from apps.accounts.rights import Right, rights_of
from apps.accounts.tokens import digest, token_actor
from future_skills.errors import AccessError, translatable

KNOWN_FOR: Final = 1.0
"""Seconds for which a process reads with a token without asking the rows again. Acts always ask."""

_MOST_KNOWN: Final = 10_000
_known: dict[str, tuple[float, Actor, frozenset[Right]]] = {}


class Bearer(HttpBearer):
    """``Authorization: Bearer fs_…``: a token of ``manage.py create_api_token`` or of the page "My account".

    Where only the right to read is needed, a process trusts a token for ``KNOWN_FOR`` seconds after it was asked of the
    rows: a revoked one reads for one second more, and never acts.
    """

    def __call__(self, request: HttpRequest) -> Actor | None:
        """The person of the token, or None where none was sent; from the one header, without making a table of all."""
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        return self.authenticate(request, token) if scheme.lower() == self.openapi_scheme else None

    def authenticate(self, request: HttpRequest, token: str) -> Actor:
        """The person of the token.

        Raises:
            NotAuthenticatedError: it is unknown, expired or revoked, or the account is closed.
            TooManyRequestsError: the person asked too often in this minute.
            PermissionDeniedError: the person may not, or not with this token.
        """
        key, now = digest(token.strip()), time.monotonic()
        known = _known.get(key) if _asked(request) == (Right.READ,) else None
        if known is None or known[0] <= now:
            actor = token_actor(token)
            known = now + KNOWN_FOR, actor, rights_of(actor)
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            _known[key] = known
        _, actor, rights = known
        _let_in(request, actor, rights)
        return actor


class Login(APIKeyCookie):
    """The cookie of a person who is logged in on the pages; what changes something sends ``X-CSRFToken`` too."""

    param_name: str = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Actor | None:
        """The person, or None where nobody is logged in.

        Raises:
            AccessError: the request may come from another site, or the person may not.
            TooManyRequestsError: the person asked too often in this minute.
        """
        return self.authenticate(request, request.COOKIES.get(self.param_name))

    def authenticate(self, request: HttpRequest, key: str | None) -> Actor | None:
        """As ``__call__``; ``key`` is the cookie."""
        if key is None or not request.user.is_authenticated:
            return None
        if check_csrf(request) is not None:
            raise AccessError(
                translatable("Nothing proves that the request comes from these pages."),
                hint=translatable("Send the cookie csrftoken in the header X-CSRFToken too, or use a token."),
            )
        actor = login_actor(request)
        _let_in(request, actor, None)
        return actor


def _asked(request: HttpRequest) -> tuple[Right, ...]:
    """The rights of which the operation asks one."""
    return needed(request.resolver_match.func, request.method or "")


def _let_in(request: Any, actor: Actor, rights: frozenset[Right] | None) -> None:
    """Refuse whoever asks too often or may not, before anything of what they sent is read."""
    LIMITER.count(actor.name)
    request.actor = actor
    if rights is not None:
        request._rights = rights
    let_in(request, _asked(request))


# --- Operations -----------------------------------------------------------------------------------------------------------
class Me(BaseModel):
    """Who acts with this token or login.

    Attributes:
        rights: what they may do here: the rights of their roles, and with a token only those it was given.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    source: str
    roles: list[str]
    rights: list[Right]


router = Router(tags=["account"])


@router.get("/me", response=Me, summary=_("Who I am here, and what I may do"))
@needs()
def me(request: HttpRequest) -> Me:
    """My name, roles and rights."""
    actor = login_actor(request)
    held = request_rights(request)
    return Me(
        name=actor.name,
        source=actor.source,
        roles=selectors.roles_of(actor.name),
        rights=[right for right in Right if right in held],
    )
