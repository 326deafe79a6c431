"""Who may do what: the rights, the roles that have them, and the one question every verb asks first.

A role is a Django group of its name, a right a Django permission ``accounts.<right>``; both are written from ``ROLES``
after every migration. What a person may do is read from the rows; nothing here is cached between two acts.
"""

import inspect
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import wraps
from typing import Final, ParamSpec, TypeVar, cast

from django.conf import settings
from django.contrib.auth import get_user_model

from apps.accounts.actors import Actor
from future_skills.errors import PermissionDeniedError, ProofRequiredError, translatable

P = ParamSpec("P")
R = TypeVar("R")


class Right(StrEnum):
    """What a person may be allowed to do."""

    READ = "read"
    IMPORT_FACTS = "import_facts"
    REGISTER = "register"
    EVALUATE = "evaluate"
    LABEL = "label"
    DEFINE_LEVELS = "define_levels"
    APPROVE_DATA = "approve_data"
    APPROVE_DRH = "approve_drh"
    CONSULT = "consult"
    DEPLOY = "deploy"
    SUSPEND = "suspend"
    RUN_CAMPAIGNS = "run_campaigns"
    OVERRIDE = "override"
    OVERRIDE_PREDICTIONS = "override_predictions"
    READ_AUDIT = "read_audit"
    READ_PREDICTIONS = "read_predictions"
    PURGE_PREDICTIONS = "purge_predictions"
    READ_METRICS = "read_metrics"
    MONITOR = "monitor"
    HANDLE_ALERTS = "handle_alerts"
    RETRAIN = "retrain"
    ADMINISTER = "administer"


RIGHT_NAMES: Final[Mapping[Right, str]] = {
    Right.READ: translatable("read the pages"),
    Right.IMPORT_FACTS: translatable("import HR facts"),
    Right.REGISTER: translatable("register datasets and versions"),
    Right.EVALUATE: translatable("evaluate versions"),
    Right.LABEL: translatable("label a validation sample"),
    Right.DEFINE_LEVELS: translatable("define the levels"),
    Right.APPROVE_DATA: translatable("approve for the Data team"),
    Right.APPROVE_DRH: translatable("approve for the DRH"),
    Right.CONSULT: translatable("record the consultation of the works council"),
    Right.DEPLOY: translatable("put versions into production"),
    Right.SUSPEND: translatable("suspend predictions"),
    Right.RUN_CAMPAIGNS: translatable("run prediction campaigns"),
    Right.OVERRIDE: translatable("override the second lock"),
    Right.OVERRIDE_PREDICTIONS: translatable("override predictions"),
    Right.READ_AUDIT: translatable("read the audit log"),
    Right.READ_PREDICTIONS: translatable("read the prediction log"),
    Right.PURGE_PREDICTIONS: translatable("purge the prediction log"),
    Right.READ_METRICS: translatable("read the metrics of the server"),
    Right.MONITOR: translatable("monitor production"),
    Right.HANDLE_ALERTS: translatable("deal with alerts"),
    Right.RETRAIN: translatable("ask for retrainings"),
    Right.ADMINISTER: translatable("administer people and roles"),
}
"""Each right in words; doors translate them."""

ROLES: Final[Mapping[str, frozenset[Right]]] = {
    "data_scientist": frozenset(
        {
            Right.READ,
            Right.IMPORT_FACTS,
            Right.REGISTER,
            Right.EVALUATE,
            Right.APPROVE_DATA,
            Right.RUN_CAMPAIGNS,
            Right.READ_PREDICTIONS,
            Right.MONITOR,
            Right.HANDLE_ALERTS,
            Right.RETRAIN,
        }
    ),
    "drh_reviewer": frozenset(
        {
            Right.READ,
            Right.IMPORT_FACTS,
            Right.LABEL,
            Right.DEFINE_LEVELS,
            Right.APPROVE_DRH,
            Right.CONSULT,
            Right.RUN_CAMPAIGNS,
            Right.OVERRIDE_PREDICTIONS,
            Right.HANDLE_ALERTS,
        }
    ),
    "operator": frozenset(
        {
            Right.READ,
            Right.IMPORT_FACTS,
            Right.DEPLOY,
            Right.SUSPEND,
            Right.RUN_CAMPAIGNS,
            Right.READ_AUDIT,
            Right.READ_PREDICTIONS,
            Right.PURGE_PREDICTIONS,
            Right.READ_METRICS,
            Right.MONITOR,
            Right.HANDLE_ALERTS,
        }
    ),
    "auditor": frozenset({Right.READ, Right.READ_AUDIT, Right.READ_PREDICTIONS}),
    "administrator": frozenset(
        {Right.READ, Right.READ_AUDIT, Right.ADMINISTER, Right.OVERRIDE, Right.CONSULT, Right.PURGE_PREDICTIONS}
    ),
}
"""Role -> its rights: the one table of ``docs/decisions/0009-who-may-do-what.md``."""

ROLE_NAMES: Final[Mapping[str, str]] = {
    "data_scientist": translatable("data scientist"),
    "drh_reviewer": translatable("DRH reviewer"),
    "operator": translatable("operator"),
    "auditor": translatable("auditor"),
    "administrator": translatable("administrator"),
}
"""Each role in words; doors translate them."""

PROVED: Final = frozenset(
    {
        Right.LABEL,
        Right.APPROVE_DATA,
        Right.APPROVE_DRH,
        Right.OVERRIDE,
        Right.OVERRIDE_PREDICTIONS,
        Right.ADMINISTER,
    }
)
"""Done in one's own name only: a login or a token. ADMINISTER too, or a shell could make itself a second person."""


SYSTEM_ROLES: Final = ("data_scientist", "operator", "auditor")
"""What FUTURE_SKILLS_SYSTEM_ROLES may name: the user of the operating system is never a reviewer or an administrator."""


def roles_with(right: Right) -> list[str]:
    """The roles that have a right, in the order of ``ROLES``."""
    return [role for role, rights in ROLES.items() if right in rights]


def rights_of(actor: Actor) -> frozenset[Right]:
    """What an actor may do now. One query for a person who has an account, two for a name that has none."""
    account = _account_rights(actor.name)
    if actor.proved:
        rights = account or frozenset()
    elif account is not None:
        rights = account - PROVED
    else:
        rights = _rights_without_account(actor)
    return rights if actor.scopes is None else rights & actor.scopes


def _account_rights(username: str) -> frozenset[Right] | None:
    """Rights of the account of that name, none of a closed one; None where there is no such account."""
    rows = list(
        get_user_model()
        .objects.filter(username=username)
        .values_list(
            "is_active", "is_superuser", "groups__permissions__content_type__app_label", "groups__permissions__codename"
        )
    )
    if not rows:
        return None
    active, superuser = rows[0][:2]
    if not active:
        return frozenset()
    known = set(Right)
    granted = {Right(codename) for *_, label, codename in rows if label == "accounts" and codename in known}
    return frozenset(granted) | (ROLES["administrator"] if superuser else frozenset())


def _rights_without_account(actor: Actor) -> frozenset[Right]:
    """Rights of a name that nobody has proved and that is no account's.

    The user of the operating system always has those of FUTURE_SKILLS_SYSTEM_ROLES. On a fresh installation (no account
    at all) so has every name, and the first administrator can be made; once accounts exist, an unknown name is a typo.
    """
    fresh = _fresh()
    if not (fresh or actor.source == "system"):
        return frozenset()
    roles = settings.FUTURE_SKILLS_SYSTEM_ROLES
    rights = frozenset[Right]().union(*(ROLES[role] for role in roles)) - PROVED
    return rights | {Right.ADMINISTER} if fresh else rights


def _fresh() -> bool:
    """Whether this installation has no account at all."""
    return not get_user_model().objects.exists()


def require(actor: Actor, *rights: Right) -> None:
    """Refuse an actor who has none of the rights (most verbs name one: the first line of every verb).

    Raises:
        ProofRequiredError: the right is used in one's own name, and nothing proves who acts.
        PermissionDeniedError: no role of the actor, or no scope of their token, has it.
    """
    if rights_of(actor).isdisjoint(rights):
        raise _refusal(actor, rights)


def _refusal(actor: Actor, rights: tuple[Right, ...]) -> PermissionDeniedError:
    """Why an actor has none of the rights: what is missing is a proof, a scope, a role, or the account itself."""
    account = _account_rights(actor.name)
    details = {"name": actor.name, "right": str(rights[0]), "right_words": RIGHT_NAMES[rights[0]]}
    if account is None and not actor.proved and actor.source != "system" and not _fresh():
        return PermissionDeniedError(
            translatable("There is no account “{name}”."),
            hint=translatable("Check the name; an administrator makes accounts: manage.py create_person."),
            **details,
        )
    own = [right for right in rights if right in PROVED and (account is None or right in account)]
    if own and not actor.proved:
        return ProofRequiredError(**details | {"right": str(own[0]), "right_words": RIGHT_NAMES[own[0]]})
    if actor.scopes is not None and account is not None and not account.isdisjoint(rights):
        return PermissionDeniedError(
            translatable("{name} may do this, but not with this token: it was not given the right “{right_words}”."),
            hint=translatable("Make a token that has it, on the page “My account” or with manage.py create_api_token."),
            **details,
        )
    roles = roles_with(rights[0])
    return PermissionDeniedError(**details, roles=roles, role_words=[ROLE_NAMES[role] for role in roles])


def verb(*rights: Right) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a verb's right, and require it of ``actor`` before anything else is done.

    The decorated function keeps ``rights``; ``tests/apps/accounts/test_permission_matrix.py`` fails on a verb without.

    Args:
        *rights: any one of them is enough; a verb whose right depends on what it is asked names all of them, and calls
            ``require`` again with the one it needs.
    """

    def declare(function: Callable[P, R]) -> Callable[P, R]:
        actor = inspect.signature(function).parameters.get("actor")
        if not rights or actor is None or actor.kind is not actor.KEYWORD_ONLY or actor.default is not actor.empty:
            message = f"{function.__qualname__}: a verb names a right, and takes a keyword-only, required actor."
            raise TypeError(message)

        @wraps(function)
        def enforced(*args: P.args, **kwargs: P.kwargs) -> R:
            if "actor" in kwargs:  # without one, the call below is a TypeError that names the function
                require(cast("Actor", kwargs["actor"]), *rights)
            return function(*args, **kwargs)

        enforced.rights = rights  # type: ignore[attr-defined]
        return enforced

    return declare
