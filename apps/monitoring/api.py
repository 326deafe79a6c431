"""Monitoring in the API: windows, alerts, retraining requests."""

from typing import Annotated

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from ninja import Path, Query, Router
from pydantic import Field

from apps.accounts.access import login_actor, needs
from apps.accounts.rights import Right
from apps.monitoring import selectors
from apps.monitoring.documents import AlertDocument, Kind, RequestDocument, WindowDocument
from apps.monitoring.services.alerts import acknowledge_alert, close_alert
from apps.monitoring.services.retraining import request_retraining
from apps.registry.api import Body
from apps.registry.documents import Document
from apps.registry.words import LONGEST_TEXT

PAGE_SIZE = 50

Key = Annotated[int, Path(ge=1, le=10**18)]
Limit = Annotated[int, Query(ge=1, le=200, description="how many at most")]
Before = Annotated[
    int | None, Query(ge=1, le=10**18, description="only those before that one: “next” of the page before")
]
Version = Annotated[str, Query(max_length=64, description="exact name")]
Reason = Annotated[str, Field(max_length=LONGEST_TEXT)]


class WindowsPage(Document):
    """A page of windows, newest first."""

    windows: list[WindowDocument]
    next: int | None = Field(description="“before” of the next page; null on the last one")


class AlertsPage(Document):
    """Alerts: those that wait for somebody first."""

    alerts: list[AlertDocument]


class RequestsPage(Document):
    """A page of retraining requests, newest first."""

    requests: list[RequestDocument]
    next: int | None = Field(description="“before” of the next page; null on the last one")


class AlertBody(Body):
    reason: Reason


class RetrainingBody(Body):
    reason: Reason
    alert: Annotated[int | None, Field(ge=1, le=10**18, description="that it answers")] = None


router = Router(tags=["monitoring"])


@router.get("/windows", response=WindowsPage, summary=_("Windows that were looked at"))
@needs(Right.READ)
def list_windows(
    request: HttpRequest,
    version: Version = "",
    kind: Kind | None = None,
    before: Before = None,
    limit: Limit = PAGE_SIZE,
) -> WindowsPage:
    """Newest first, each with what is known of it."""
    del request
    rows = selectors.windows_known(version=version, kind=kind or "", before=before, most=limit + 1)
    return WindowsPage(
        windows=[WindowDocument.made(one.window, one.finding, one.performance) for one in rows[:limit]],
        next=rows[limit - 1].window.pk if len(rows) > limit else None,
    )


@router.get("/windows/{window}", response=WindowDocument, summary=_("A window, and everything that was found in it"))
@needs(Right.READ)
def show_window(request: HttpRequest, window: Key) -> WindowDocument:
    """Drift by feature, accuracy beside what was declared, and the estimate before levels."""
    del request
    return WindowDocument.of(selectors.find_window(window), whole=True)


@router.get("/alerts", response=AlertsPage, summary=_("Alerts"))
@needs(Right.READ)
def list_alerts(
    request: HttpRequest,
    closed: Annotated[bool, Query(description="closed ones too")] = False,
    limit: Limit = PAGE_SIZE,
) -> AlertsPage:
    """Those that wait for somebody first."""
    del request
    found = selectors.alerts() if closed else selectors.open_alerts()
    return AlertsPage(alerts=[AlertDocument.of(alert) for alert in found[:limit]])


@router.post("/alerts/{alert}/acknowledge", response=AlertDocument, summary=_("Acknowledge an alert"))
@needs(Right.HANDLE_ALERTS)
def acknowledge(request: HttpRequest, alert: Key, body: AlertBody) -> AlertDocument:
    """It stays open, and no longer calls."""
    return AlertDocument.of(acknowledge_alert(actor=login_actor(request), alert=alert, reason=body.reason))


@router.post("/alerts/{alert}/close", response=AlertDocument, summary=_("Close an alert"))
@needs(Right.HANDLE_ALERTS)
def close(request: HttpRequest, alert: Key, body: AlertBody) -> AlertDocument:
    """What is still there in a later window opens another one."""
    return AlertDocument.of(close_alert(actor=login_actor(request), alert=alert, reason=body.reason))


@router.get("/retrainings", response=RequestsPage, summary=_("Retraining requests"))
@needs(Right.READ)
def list_retrainings(request: HttpRequest, before: Before = None, limit: Limit = PAGE_SIZE) -> RequestsPage:
    """Newest first."""
    del request
    found = selectors.requests() if before is None else selectors.requests().filter(pk__lt=before)
    rows = list(found[: limit + 1])
    return RequestsPage(
        requests=[RequestDocument.of(one) for one in rows[:limit]],
        next=rows[limit - 1].pk if len(rows) > limit else None,
    )


@router.post("/retrainings", response=RequestDocument, summary=_("Ask for a retraining"))
@needs(Right.RETRAIN)
def retrain(request: HttpRequest, body: RetrainingBody) -> RequestDocument:
    """A worker makes a candidate that follows the live version; it waits for people, and is never deployed alone."""
    return RequestDocument.of(
        request_retraining(actor=login_actor(request), reason=body.reason, alert=body.alert, enqueue=True)
    )
