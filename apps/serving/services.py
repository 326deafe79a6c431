"""The verbs of this room: heed the pin of the settings, purge the prediction log."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record, turn
from apps.registry.live import live_deployment
from apps.registry.models import Deployment, PinSighting
from apps.registry.services.deployments import deploy_version
from apps.serving.documents import canonical_line
from apps.serving.logged import Asked, matching
from apps.serving.pins import Pin, is_due
from apps.serving.retention import months_before, retention_months
from future_skills.errors import FutureSkillsError

PURGE_BATCH: Final = 5000
"""Predictions purged in one transaction: so many that writers wait for a fraction of a second at most."""

REASON = "FUTURE_SKILLS_MODEL_VERSION / FUTURE_SKILLS_MODEL_PATH"


def apply_pin(*, actor: Actor) -> PinSighting | None:
    """Deploy what the settings pin, where that has changed; a refusal is kept, and what is live goes on.

    It asks for no right itself: ``deploy_version`` does. Processes that start at the same instant take turns, and all but
    the first find it done.

    Args:
        actor: the server.

    Returns:
        What was seen and what came of it; None where there was nothing to do.
    """
    pin = Pin.of_settings()
    if not is_due(pin):
        return None
    with turn():
        if not is_due(pin):
            return None
        deployment, refusal = None, ""
        try:
            deployment = _deploy(actor, pin)
        except FutureSkillsError as error:
            refusal = error.code
        last = PinSighting.objects.first()
        if last is not None and (last.pinned, last.refusal) == (str(pin), refusal):
            return last  # refused again, for the same reason
        sighting = PinSighting.objects.create(
            pinned=str(pin), deployment=deployment, refusal=refusal, seen_at=timezone.now(), seen_by=actor.name
        )
        record(
            actor=actor,
            action="registry.see_pin",
            object_type="pin",
            object_id=str(pin)[:200],
            details={"deployment": deployment.pk if deployment else None, "refusal": refusal},
        )
    return sighting


def _deploy(actor: Actor, pin: Pin) -> Deployment | None:
    """The deployment of the pinned version; None where nothing is pinned, or it is live already."""
    if not str(pin):
        return None
    version, live = pin.find(), live_deployment()
    if live is not None and live.version_id == version.pk:
        return None
    return deploy_version(actor=actor, version=version.name, reason=REASON, kind=Deployment.Kind.PIN)


@dataclass(frozen=True, slots=True)
class Purged:
    """Predictions that were removed in one transaction, and what proves which they were.

    Attributes:
        count: how many.
        first: moment of the oldest.
        last: moment of the newest.
        sha256: of their canonical lines, oldest first (see ``documents.canonical_line``).
        event: of the audit log, which says the same for ever.
    """

    count: int
    first: datetime
    last: datetime
    sha256: str
    event: int


@verb(Right.PURGE_PREDICTIONS)
def purge_predictions(*, actor: Actor, most: int = PURGE_BATCH) -> Purged | None:
    """Remove the oldest predictions that are older than the retention period, and leave the proof in the audit log.

    Each call removes some of them; call it until there are none.

    Args:
        actor: who purges.
        most: how many at most.

    Returns:
        What was removed; None where nothing was old enough.

    Raises:
        UsageError: the retention period is too short (see ``retention.retention_months``).
    """
    months = retention_months()
    old = matching(Asked(until=months_before(timezone.now(), months)))
    with turn():
        lines = list(old.order_by("id")[:most])
        if not lines:
            return None
        first, last = lines[0], lines[-1]
        digest = hashlib.sha256(b"".join(map(canonical_line, lines))).hexdigest()
        removed, _by_model = old.filter(id__lte=last.id).delete()
        if removed != len(lines):
            message = f"{removed} predictions were about to be removed, and {len(lines)} are proved."
            raise RuntimeError(message)
        event = record(
            actor=actor,
            action="serving.purge_predictions",
            object_type="predictions",
            object_id=f"{first.id} {last.id}",
            details={
                "count": removed,
                "from": first.at.isoformat(),
                "to": last.at.isoformat(),
                "sha256": digest,
                "retention_months": months,
            },
        )
    return Purged(removed, first.at, last.at, digest, event.sequence)
