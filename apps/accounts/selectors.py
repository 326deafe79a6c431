"""Reads: the roles and the tokens of people."""

from django.contrib.auth.models import User
from django.db.models import QuerySet

from apps.accounts.models import ApiToken
from apps.accounts.rights import ROLES


def roles_of(username: str) -> list[str]:
    """Roles of a person, in the order of ``ROLES``; a superuser counts as administrator."""
    user = User.objects.filter(username=username).first()
    if user is None:
        return []
    names = set(user.groups.values_list("name", flat=True)) | ({"administrator"} if user.is_superuser else set())
    return [role for role in ROLES if role in names]


def tokens_of(username: str | None = None) -> QuerySet[ApiToken]:
    """Tokens of a person, or of everybody, newest first."""
    tokens = ApiToken.objects.select_related("user")
    return tokens if username is None else tokens.filter(user__username=username)


def usernames(most: int = 500) -> list[str]:
    """Names of accounts, in order."""
    return list(User.objects.order_by("username").values_list("username", flat=True)[:most])
