"""The verb of this room: heed the pin of the settings."""

from django.utils import timezone

from apps.accounts.actors import Actor
from apps.audit.services import record, turn
from apps.registry.live import live_deployment
from apps.registry.models import Deployment, PinSighting
from apps.registry.services.deployments import deploy_version
from apps.serving.pins import Pin, is_due
from future_skills.errors import FutureSkillsError

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
