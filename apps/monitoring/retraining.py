"""Asking for another version: what arrived since its parent's dataset, and who asks."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.audit.services import record, turn
from apps.monitoring.models import Alert, RetrainRequest
from apps.monitoring.selectors import ALERTING, requests
from apps.registry.live import live_deployment
from apps.registry.models import ModelVersion
from apps.serving.retention import months_before
from apps.workforce.models import SkillSnapshot
from apps.workforce.selectors import periods_back
from future_skills.errors import NothingLiveError, RetrainingBusyError
from future_skills.monitoring_policy import MonitoringPolicy

POLICY: Final = Actor("monitoring-policy", "system")
"""Who asks where the policy does: whoever looks at production may not train. It has the rights of the system's user."""

IMPORTERS: Final = 5
"""People named who delivered facts last."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came since a version's dataset was made.

    Attributes:
        since: when that dataset was registered, ISO 8601; empty where it was not kept.
        periods: of the facts that were created or changed since, in order.
        rows: facts that were.
        labels: of these periods, facts with an observed level.
        newest: the newest period there is; empty where there are no facts.
        importers: who delivered facts last, the latest first.
    """

    since: str
    periods: list[str]
    rows: int
    labels: int
    newest: str
    importers: list[str]

    @property
    def nothing(self) -> bool:
        """Whether there is nothing new to learn from."""
        return not self.rows


def what_arrived(parent: ModelVersion) -> Arrived:
    """What came since a version's dataset was registered, as the audit log tells it."""
    events = AuditEvent.objects.filter(object_type="snapshots")
    since = parent.dataset.created_at if parent.dataset else None
    later = events.filter(at__gt=since) if since else events
    details = [one for one in later.values_list("details", flat=True) if _changed(one)]
    periods = sorted({period for one in details for period in one.get("periods", ())})
    names = events.order_by("-sequence").values_list("actor", flat=True)[: 10 * IMPORTERS]
    return Arrived(
        since=since.isoformat() if since else "",
        periods=periods,
        rows=sum(map(_changed, details)),
        labels=SkillSnapshot.objects.filter(period__in=periods, observed_need_level__isnull=False).count(),
        newest=next(periods_back(), ""),
        importers=list(dict.fromkeys(names))[:IMPORTERS],
    )


def _changed(details: dict[str, Any]) -> int:
    """Facts that a write created or changed."""
    return int(details.get("created", 0)) + int(details.get("updated", 0))


def parent_version() -> ModelVersion:
    """What the next version follows: the one that is live.

    Raises:
        NothingLiveError: none is.
    """
    deployment = live_deployment()
    if deployment is None:
        raise NothingLiveError
    return deployment.version


def opened_request(*, actor: Actor, parent: ModelVersion, reason: str, alert: Alert | None) -> RetrainRequest:
    """Write a request; with nothing new it ends at once, and says what is needed and from whom.

    Raises:
        RetrainingBusyError: one that follows the same version is under way.
    """
    arrived, now = what_arrived(parent), timezone.now()
    with turn():
        try:
            with transaction.atomic():
                request = RetrainRequest.objects.create(
                    alert=alert,
                    parent=parent,
                    reason=reason,
                    requested_at=now,
                    requester=actor.name,
                    requester_source=actor.source,
                    arrived=asdict(arrived),
                    finished_at=now if arrived.nothing else None,
                )
        except IntegrityError as error:
            busy = requests().filter(parent=parent, finished_at=None, failed_at=None).first()
            raise RetrainingBusyError(request=busy.pk if busy else 0, holder=busy.requester if busy else "—") from error
        record(
            actor=actor,
            action="monitoring.request_retraining",
            object_type="retraining",
            object_id=str(request.pk),
            details={
                "parent": parent.name,
                "reason": reason,
                "alert": alert.pk if alert else None,
                "arrived": asdict(arrived),
            },
        )
    return request


def request_by_policy(*, policy: MonitoringPolicy, opened: list[Alert]) -> RetrainRequest | None:
    """Ask for a retraining where the policy says so; never a deployment.

    Args:
        policy: in force.
        opened: alerts that were just opened.
    """
    deployment = live_deployment()
    if deployment is None or policy.retraining.when == "manual":
        return None
    parent = deployment.version
    alert = next((one for one in opened if one.version_id == parent.pk and one.severity in ALERTING), None)
    if policy.retraining.when == "on_drift" and alert is None:
        return None
    if policy.retraining.when == "every_months" and not _is_due(parent, policy.retraining.months or 0):
        return None
    reason = f"policy {policy.sha256[:12]}: {policy.retraining.when}"
    try:
        return opened_request(actor=POLICY, parent=parent, reason=reason, alert=alert)
    except RetrainingBusyError:
        return None


def _is_due(parent: ModelVersion, months: int) -> bool:
    """Whether a version is so old, and nobody asked for another one since."""
    before: datetime = months_before(timezone.now(), months)
    return parent.trained_at < before and not RetrainRequest.objects.filter(requested_at__gte=before).exists()
