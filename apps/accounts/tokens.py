"""What a token looks like, and whose it is."""

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Final

from django.db.models import Q
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.models import ApiToken
from future_skills.errors import NotAuthenticatedError, translatable

MARK: Final = "fs_"
"""How every token begins, so that a scanner of leaked secrets can tell."""

PREFIX_LENGTH: Final = len(MARK) + 8

USE_IS_NOTED_EVERY: Final = timedelta(minutes=1)

_NOBODY: Final = "0" * 64
"""Compared with where no token has that prefix, so that an unknown prefix takes as long as a wrong secret."""


def new_secret() -> str:
    """A secret of 256 random bits after its prefix."""
    return f"{MARK}{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> str:
    """Sha256, hexadecimal: enough for a secret that nobody can guess, and quick at every request."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _find(secret: str) -> ApiToken | None:
    """The token that begins as the secret does."""
    if not (secret.isascii() and secret.isprintable()):  # neither database could be asked for every text
        return None
    return ApiToken.objects.select_related("user").filter(prefix=secret[:PREFIX_LENGTH]).first()


def token_actor(secret: str) -> Actor:
    """Who acts with a token.

    Raises:
        NotAuthenticatedError: it is no token of this installation, or expired or revoked, or its person's account is closed.
    """
    secret = secret.strip()
    token = _find(secret)
    if not hmac.compare_digest(digest(secret), token.digest if token else _NOBODY) or token is None:
        raise NotAuthenticatedError(
            translatable("The token is not one of this installation."),
            hint=translatable("Check it, or make another one."),
        )
    now = timezone.now()
    problem = ""
    if token.revoked_at is not None:
        problem = translatable("it was revoked")
    elif token.expires_at <= now:
        problem = translatable("it has expired")
    elif not token.user.is_active:
        problem = translatable("the account is closed")
    if problem:
        raise NotAuthenticatedError(
            translatable("The token {prefix}… cannot be used: {problem}."),
            hint=translatable("Make another one, on the page “My account” or with manage.py create_api_token."),
            prefix=token.prefix,
            problem=problem,
        )
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USE_IS_NOTED_EVERY)
    if token.last_used_at is None or token.last_used_at < now - USE_IS_NOTED_EVERY:
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    return Actor(token.user.get_username(), "token", frozenset(token.rights))
