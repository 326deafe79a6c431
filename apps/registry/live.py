"""What is live, what was, and what a version is compared with: asked of the deployments. Never a write."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.registry.models import Deployment, ModelVersion, Suspension


def live_deployment() -> Deployment | None:
    """The open deployment with its version, or None where nothing was ever deployed. One indexed query."""
    return Deployment.objects.select_related("version").defer("version__manifest").filter(live=True).first()


def deployment_at(moment: datetime) -> Deployment | None:
    """What was live at a moment, or None."""
    open_then = Q(ended_at__isnull=True) | Q(ended_at__gt=moment)
    found = Deployment.objects.select_related("version").filter(open_then, started_at__lte=moment)
    return found.order_by("-started_at", "-id").first()


def open_suspension() -> Suspension | None:
    """The suspension under way, or None."""
    return Suspension.objects.filter(open=True).first()


@dataclass(frozen=True, slots=True)
class Champions:
    """Which version another is compared with: the live one; for the live one itself, the one that was live before it.

    Attributes:
        live: key of the live version, or None.
        before: key of the last other version that was live, or None.
    """

    live: int | None
    before: int | None

    def of(self, version_id: int) -> int | None:
        """Key of the previous version, as the written rule means it."""
        return self.before if version_id == self.live else self.live


def champions() -> Champions:
    """The two versions that any other may be compared with, in one query or two."""
    deployments = Deployment.objects.order_by("-id").values_list("version_id", flat=True)
    live = deployments.filter(live=True).first()
    return Champions(live, deployments.exclude(version_id=live).first() if live else None)


def way_back() -> ModelVersion | None:
    """The version a rollback returns to: the one before the live one was put there, of those not retracted since.

    A rollback puts nothing there, it goes back: a second one goes back further, and never to what the first one left.
    """
    live = live_deployment()
    if live is None:
        return None
    put = Deployment.objects.filter(version=live.version).exclude(kind=Deployment.Kind.ROLLBACK).order_by("-id")
    earlier = Deployment.objects.filter(pk__lt=put.values("pk")[:1], version__retraction__isnull=True)
    last = earlier.exclude(version=live.version).select_related("version").order_by("-id").first()
    return last.version if last else None


def deployed_since(moment: datetime) -> QuerySet[ModelVersion]:
    """The versions that were live at any time since a moment."""
    lived = Q(deployments__live=True) | Q(deployments__ended_at__gte=moment)
    return ModelVersion.objects.filter(lived, retraction__isnull=True).distinct()


def timeline() -> QuerySet[Deployment]:
    """Every deployment, newest first, with what a history shows."""
    return (
        Deployment.objects.select_related("version", "previous__version", "report")
        .defer("version__manifest", "previous__version__manifest", "report__content")
        .order_by("-id")
    )


def suspension_at(moment: datetime) -> Suspension | None:
    """The suspension under way at a moment, or None."""
    open_then = Q(ended_at__isnull=True) | Q(ended_at__gt=moment)
    return Suspension.objects.filter(open_then, started_at__lte=moment).order_by("-id").first()


def suspensions_between(start: datetime | None, end: datetime | None) -> list[Suspension]:
    """The suspensions that began at ``start`` or later and before ``end`` (None: no bound), newest first."""
    found = Suspension.objects.order_by("-id")
    if start is not None:
        found = found.filter(started_at__gte=start)
    if end is not None:
        found = found.filter(started_at__lt=end)
    return list(found)


def once_live() -> QuerySet[Deployment]:
    """Of each version that may be rolled back to, its last deployment, newest first: not live now, not retracted since."""
    later = Deployment.objects.filter(version=OuterRef("version"), pk__gt=OuterRef("pk"))
    return timeline().filter(~Exists(later), live=False, version__retraction__isnull=True)
