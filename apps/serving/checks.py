"""System checks of the pin, numbered. ``manage.py check`` runs them, and a server says them when it starts.

They are not among the checks that Django runs before every command: a pin that is refused must not stop ``migrate``, nor
the very commands that mend it.
"""

from typing import Any, Final

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 — Django's name
from django.db import DatabaseError
from django.utils.translation import gettext

from apps.accounts.actors import server_actor
from apps.accounts.refusals import storage_refusal
from apps.accounts.rights import Right, require
from apps.registry.live import live_deployment
from apps.registry.models import Deployment
from apps.registry.services.deployments import require_promotable
from apps.registry.words import moment
from apps.serving.pins import Pin, is_due
from future_skills.errors import (
    AccessError,
    ArtifactError,
    ArtifactHashMismatchError,
    ArtifactMissingError,
    FutureSkillsError,
    PromotionError,
    StorageError,
    UsageError,
    VersionNotFoundError,
)

FINDINGS: Final[tuple[tuple[type[FutureSkillsError], str], ...]] = (
    (VersionNotFoundError, "future_skills.E001"),
    (ArtifactMissingError, "future_skills.E002"),
    (ArtifactHashMismatchError, "future_skills.E003"),
    (UsageError, "future_skills.E004"),
    (PromotionError, "future_skills.E005"),
    (AccessError, "future_skills.E006"),
    (ArtifactError, "future_skills.E007"),
    (StorageError, "future_skills.E008"),
)
"""Refusal of the pin -> number of its finding; the first class that fits."""

OVERTAKEN: Final = "future_skills.W001"
"""Number of the finding about a pin that was heeded, and does not say any more what is live."""


def check_pin(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    """Why the version that the settings pin is not, or would not be, in production; nothing where all is well."""
    del app_configs, options
    pin = Pin.of_settings()
    if not str(pin):
        return []
    try:
        live = live_deployment()
        return _findings(pin, live)
    except DatabaseError as error:
        return [_refused(pin, storage_refusal(error), None)]


def _findings(pin: Pin, live: Deployment | None) -> list[CheckMessage]:
    try:
        version = pin.find()
        if live is not None and live.version_id == version.pk:
            return []
        if is_due(pin):
            require(server_actor(), Right.DEPLOY)
            require_promotable(version)
            return []
    except FutureSkillsError as error:
        return [_refused(pin, error, live)]
    return [_overtaken(pin, live)]


def _refused(pin: Pin, error: FutureSkillsError, live: Deployment | None) -> CheckMessage:
    text = gettext("The settings pin {pin}, which is refused: {reason}").format(pin=pin, reason=error.explain(gettext))
    number = next(number for kind, number in FINDINGS if isinstance(error, kind))
    return Error(text, hint=_what_goes_on(live), id=number)


def _overtaken(pin: Pin, live: Deployment | None) -> CheckMessage:
    text = gettext("The settings pin {pin}, which was heeded once and is not in production any more.").format(pin=pin)
    return Warning(text, hint=_what_goes_on(live), id=OVERTAKEN)


def _what_goes_on(live: Deployment | None) -> str:
    if live is None:
        return gettext("No version is in production.")
    return gettext("{version}, in production since {since} by {name}, goes on answering.").format(
        version=live.version.name, since=moment(live.started_at), name=live.started_by
    )
