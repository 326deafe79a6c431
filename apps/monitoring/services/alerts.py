"""Verbs on alerts: a person has read one, or is done with it."""

from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record, turn
from apps.monitoring.models import Alert
from apps.monitoring.selectors import find_alert
from apps.monitoring.telling import tell_registry
from apps.registry.words import moment, required_words
from future_skills.errors import AlertClosedError, translatable

_WHY = translatable("Say in words what was found, or what is done about it (10 000 characters at most).")


@verb(Right.HANDLE_ALERTS)
def acknowledge_alert(*, actor: Actor, alert: int, reason: str) -> Alert:
    """Say that somebody has read an alert and looks after it: it stays open, and no longer calls.

    Raises:
        UsageError: no reason.
        AlertNotFoundError: no such alert.
        AlertClosedError: somebody acknowledged or closed it before.
    """
    reason = required_words(reason, _WHY)
    with turn():
        found = find_alert(alert)
        if found.acknowledged_at is not None or found.closed_at is not None:
            raise _dealt_with(found)
        Alert.objects.filter(pk=alert).update(
            acknowledged_at=timezone.now(), acknowledged_by=actor.name, acknowledged_reason=reason
        )
        _recorded(actor, found, reason, action="monitoring.acknowledge_alert")
    return find_alert(alert)


@verb(Right.HANDLE_ALERTS)
def close_alert(*, actor: Actor, alert: int, reason: str) -> Alert:
    """Say that an alert is done with. What is still there in a later window opens another one.

    Raises:
        UsageError: no reason.
        AlertNotFoundError: no such alert.
        AlertClosedError: somebody closed it before.
    """
    reason = required_words(reason, _WHY)
    with turn():
        found = find_alert(alert)
        if found.closed_at is not None:
            raise _dealt_with(found)
        Alert.objects.filter(pk=alert).update(closed_at=timezone.now(), closed_by=actor.name, closed_reason=reason)
        _recorded(actor, found, reason, action="monitoring.close_alert")
    return find_alert(alert)


def _dealt_with(alert: Alert) -> AlertClosedError:
    at = alert.closed_at or alert.acknowledged_at
    name = alert.closed_by or alert.acknowledged_by
    return AlertClosedError(alert=alert.pk, name=name, at=moment(at) if at else "—")


def _recorded(actor: Actor, alert: Alert, reason: str, *, action: str) -> None:
    record(
        actor=actor,
        action=action,
        object_type="alert",
        object_id=str(alert.pk),
        details={
            "version": alert.version.name,
            "kind": alert.kind,
            "feature": alert.feature,
            "severity": alert.severity,
            "reason": reason,
        },
    )
    tell_registry(name=actor.name)
