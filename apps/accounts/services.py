"""The verbs on people, roles and tokens: the only writers of this room."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.models import ApiToken
from apps.accounts.rights import PROVED, RIGHT_NAMES, ROLES, Right, require, rights_of, verb
from apps.accounts.selectors import roles_of
from apps.accounts.tokens import PREFIX_LENGTH, digest, new_secret
from apps.audit.services import record, turn
from future_skills.errors import NotAuthenticatedError, ProofRequiredError, UsageError, translatable
from future_skills.text import require_text

TOKEN_DAYS: Final = 90
MOST_TOKEN_DAYS: Final = 366

DEMO_PEOPLE: Final = {
    "camille": ("data_scientist",),
    "dominique": ("data_scientist",),
    "claire": ("drh_reviewer",),
    "driss": ("drh_reviewer",),
    "olivier": ("operator",),
    "aude": ("auditor",),
    "adele": ("administrator",),
}
"""The people of the demonstration, and their roles: two in each team, so that a version can be approved."""

DEMO_DOMAIN: Final = "demo.invalid"
"""Mail domain of the demonstration's people: it tells them from anybody real."""

DEMO_LABEL: Final = "démonstration"


# --- People -------------------------------------------------------------------------------------------------------------
@contextmanager
def _administering(actor: Actor) -> Iterator[None]:
    """The turn of an administrator, who may be none any more since the verb was called.

    So two shells cannot both make the first account, nor two administrators take each other's role away.
    """
    with turn():
        require(actor, Right.ADMINISTER)
        yield


@verb(Right.ADMINISTER)
def create_person(*, actor: Actor, username: str, roles: Iterable[str], password: str) -> User:
    """Make an account. The first one of an installation is an administrator, and anybody may make it.

    Raises:
        UsageError: the name cannot be one or is taken, a role does not exist, the password is too weak, or the first
            account would be no administrator.
    """
    roles = _known_roles(roles)
    with _administering(actor):
        if not User.objects.exists() and "administrator" not in roles:
            raise UsageError(
                translatable("The first account must be an administrator, who then makes the others."),
                hint=translatable("Give it the role: --role administrator."),
            )
        user = _new_user(username, password)
        user.groups.set(Group.objects.filter(name__in=roles))
        record(
            actor=actor,
            action="accounts.create_person",
            object_type="person",
            object_id=user.username,
            details={"roles": roles},
        )
    return user


@verb(Right.ADMINISTER)
def set_person_roles(*, actor: Actor, username: str, roles: Iterable[str]) -> User:
    """Give a person these roles and no others; without any, the person may do nothing more.

    Raises:
        UsageError: nobody has that name, a role does not exist, or it is the actor's own account (so one administrator
            at least remains).
    """
    roles = _known_roles(roles)
    if username == actor.name:
        raise UsageError(
            translatable("Nobody changes their own roles."), hint=translatable("Ask another administrator to do it.")
        )
    with _administering(actor):
        user = _find_person(username)
        before = roles_of(username)
        if user.is_superuser:
            user.is_superuser = False
            user.save(update_fields=["is_superuser"])
        user.groups.set(Group.objects.filter(name__in=roles))
        record(
            actor=actor,
            action="accounts.set_person_roles",
            object_type="person",
            object_id=username,
            details={"before": before, "roles": roles},
        )
    return user


@verb(Right.ADMINISTER)
def set_person_password(*, actor: Actor, username: str, password: str) -> User:
    """Give a person another password, where theirs is lost; their sessions end.

    Raises:
        UsageError: nobody has that name, or the password is too weak.
    """
    with _administering(actor):
        user = _find_person(username)
        _require_strong(password, user)
        user.set_password(password)
        user.save(update_fields=["password"])
        record(actor=actor, action="accounts.set_person_password", object_type="person", object_id=username, details={})
    return user


def prove(*, username: str, password: str) -> Actor:
    """Who acts, once their own password was typed in a terminal; failures lock the name out there, as they do on the pages.

    Raises:
        NotAuthenticatedError: no open account has that name and password, or the name is locked out.
    """
    request = HttpRequest()  # no address, no browser: what the count of failures knows of a terminal
    user = authenticate(request, username=require_text(username), password=password)
    if getattr(request, "axes_locked_out", False):
        raise NotAuthenticatedError(
            translatable("The name {name} is locked after too many wrong passwords."),
            hint=translatable("Wait a quarter of an hour, then try again."),
            name=username,
        )
    if user is None:
        raise NotAuthenticatedError(
            translatable("The password is not that of {name}."), hint=translatable("Type it again."), name=username
        )
    return Actor(user.get_username(), "login")


def _find_person(username: str) -> User:
    user = User.objects.filter(username=require_text(username)).first()
    if user is None:
        raise UsageError(
            translatable("There is no account “{name}”."),
            hint=translatable("Check the name; an administrator makes accounts: manage.py create_person."),
            name=username[:150],
        )
    return user


def _known_roles(roles: Iterable[str]) -> list[str]:
    """The roles in the order of ``ROLES``, each once."""
    wanted = set(roles)
    unknown = sorted(wanted - set(ROLES))
    if unknown:
        raise UsageError(
            translatable("There is no role {role}. Roles: {known}."), role=unknown[0][:80], known=", ".join(ROLES)
        )
    return [role for role in ROLES if role in wanted]


def _new_user(username: str, password: str, email: str = "") -> User:
    user = User(username=User.normalize_username(require_text(username)), email=email)
    user.set_password(password)
    try:
        user.full_clean()
    except ValidationError as error:
        raise UsageError(
            translatable("“{name}” cannot be made: {problem}"), name=username[:150], problem=" ".join(error.messages)
        ) from error
    _require_strong(password, user)
    user.save(force_insert=True)
    return user


def _require_strong(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise UsageError(
            translatable("The password is refused: {problem}"), problem=" ".join(error.messages)
        ) from error


# --- The people of the demonstration ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A person of the demonstration.

    Attributes:
        username: to log in with.
        roles: what the person is.
        password: the new one; empty where the account was there and keeps the one it has.
        token: a new one with all rights of the roles; empty where none was asked for.
    """

    username: str
    roles: tuple[str, ...]
    password: str
    token: str


def create_demo_people(
    *, actor: Actor, password: str = "", new_passwords: bool = False, with_tokens: bool = False
) -> list[DemoPerson]:
    """Make the people of the demonstration; those that are there stay as they are.

    It needs no right, for it makes the people who have them: it is refused wherever somebody real has an account.

    Args:
        actor: who acts.
        password: of all of them; a random one each where it is empty.
        new_passwords: give those that are there a new password too.
        with_tokens: make a token for each, valid for 30 days; earlier ones are revoked.

    Raises:
        UsageError: an account of this installation is not one of the demonstration.
    """
    with turn():
        stranger = User.objects.exclude(email__endswith=f"@{DEMO_DOMAIN}").order_by("pk").first()
        if stranger is not None:
            raise UsageError(
                translatable("This installation has real accounts ({name}): the people of the demonstration stay out."),
                hint=translatable("Use another database (DATABASE_URL), or make real people with create_person."),
                name=stranger.username,
            )
        people = [
            _demo_person(actor, username, roles, password, new_passwords=new_passwords, with_token=with_tokens)
            for username, roles in DEMO_PEOPLE.items()
        ]
        if any(person.password for person in people):
            record(
                actor=actor,
                action="accounts.create_demo_people",
                object_type="person",
                object_id=DEMO_DOMAIN,
                details={"people": [person.username for person in people if person.password]},
            )
    return people


def _demo_person(
    actor: Actor, username: str, roles: tuple[str, ...], password: str, *, new_passwords: bool, with_token: bool
) -> DemoPerson:
    user = User.objects.filter(username=username).first()
    given = ""
    if user is None or new_passwords:
        given = password or secrets.token_urlsafe(9)
    if user is None:
        user = User.objects.create_user(username, f"{username}@{DEMO_DOMAIN}", given)
        user.groups.set(Group.objects.filter(name__in=roles))
    elif given:
        user.set_password(given)
        user.save(update_fields=["password"])
    token = ""
    if with_token:
        for earlier in user.api_tokens.filter(name=DEMO_LABEL, revoked_at=None):
            _revoke(actor, earlier)
        scopes = rights_of(Actor(username, "login"))
        token = _store_token(actor, user, DEMO_LABEL, scopes, days=30)[1]
    return DemoPerson(username, roles, given, token)


# --- Tokens -------------------------------------------------------------------------------------------------------------
@verb(Right.READ, Right.ADMINISTER)
def create_token(
    *, actor: Actor, username: str, name: str, scopes: Iterable[Right], days: int = TOKEN_DAYS
) -> tuple[ApiToken, str]:
    """Make a token, and return it with its secret, which is never shown again.

    People who have logged in (or typed their password) make their own. An administrator makes those of robots: never
    with a right that is used in one's own name, or one shell could speak for two teams.

    Args:
        actor: who acts.
        username: whose token it is.
        name: what it is for, 1 to 100 characters.
        scopes: the rights it may use, at least one, all of them the person's.
        days: how long it is valid, 1 to 366.

    Raises:
        UsageError: no such person, an empty or too long name, no scope, or days out of range.
        ProofRequiredError: a right that only the person may put into a token, after a login.
        PermissionDeniedError: the actor is not that person and no administrator, or the person has not that right.
    """
    name = require_text(name)
    wanted = frozenset(scopes)
    if not 0 < len(name) <= 100:
        raise UsageError(translatable("A token needs a name, of 100 characters at most, that says what it is for."))
    if not wanted:
        raise UsageError(translatable("A token needs at least one right: choose what it may do."))
    if not 1 <= days <= MOST_TOKEN_DAYS:
        raise UsageError(translatable("A token is valid for 1 to {most} days."), most=MOST_TOKEN_DAYS)
    with transaction.atomic():
        user = _find_person(username)
        if not (actor.source == "login" and actor.name == username):
            _require_to_lend(actor, username, wanted)
        for right in sorted(wanted):
            require(Actor(username, "login"), right)
        return _store_token(actor, user, name, wanted, days=days)


def _require_to_lend(actor: Actor, username: str, wanted: frozenset[Right]) -> None:
    """Refuse a token for somebody else, unless an administrator makes it, and it speaks in nobody's own name."""
    if actor.name == username:
        raise ProofRequiredError(
            translatable("A token of {name} is made by {name} alone, after a login, and not with another token."),
            hint=translatable("Make it on the page “My account”, or type the password in manage.py create_api_token."),
            name=username,
        )
    require(actor, Right.ADMINISTER)
    own = sorted(wanted & PROVED)
    if own:
        raise ProofRequiredError(
            translatable("Nobody but {name} makes a token that may “{right_words}”."),
            hint=translatable("{name} makes it on the page “My account”."),
            name=username,
            right=str(own[0]),
            right_words=RIGHT_NAMES[own[0]],
        )


def _store_token(actor: Actor, user: User, name: str, scopes: Iterable[Right], *, days: int) -> tuple[ApiToken, str]:
    secret, now = new_secret(), timezone.now()
    token = ApiToken.objects.create(
        user=user,
        name=name,
        prefix=secret[:PREFIX_LENGTH],
        digest=digest(secret),
        scopes=sorted(str(right) for right in scopes),
        created_at=now,
        created_by=actor.name,
        expires_at=now + timedelta(days=days),
    )
    record(
        actor=actor,
        action="accounts.create_token",
        object_type="token",
        object_id=token.prefix,
        details={
            "person": user.username,
            "name": name,
            "scopes": token.scopes,
            "expires_at": token.expires_at.isoformat(),
        },
    )
    return token, secret


@verb(Right.READ, Right.ADMINISTER)
def revoke_token(*, actor: Actor, prefix: str) -> ApiToken:
    """Make a token useless from now on; one that is revoked already stays as it is.

    It only takes away, so a name that nobody has proved may revoke its own tokens: a leak cannot wait. Of somebody else's,
    only an administrator learns that it exists.

    Raises:
        UsageError: no token that the actor may revoke begins like that.
    """
    with transaction.atomic():
        tokens = ApiToken.objects.select_for_update(of=("self",)).select_related("user")
        if Right.ADMINISTER not in rights_of(actor):
            tokens = tokens.filter(user__username=actor.name)
        token = tokens.filter(prefix=require_text(prefix)).first()
        if token is None:
            raise UsageError(
                translatable("No token of yours begins with {prefix}."),
                hint=translatable(
                    "“manage.py list_api_tokens” shows them. An administrator revokes those of others, in their own name."
                ),
                prefix=prefix[:20],
            )
        if token.revoked_at is None:
            _revoke(actor, token)
    return token


def _revoke(actor: Actor, token: ApiToken) -> None:
    token.revoked_at, token.revoked_by = timezone.now(), actor.name
    token.save(update_fields=["revoked_at", "revoked_by"])
    record(
        actor=actor,
        action="accounts.revoke_token",
        object_type="token",
        object_id=token.prefix,
        details={"person": token.user.username, "name": token.name},
    )
