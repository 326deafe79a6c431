"""Monitoring in JSON: one shape for every door."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field

from apps.monitoring.models import Alert, DriftFinding, PerformanceFinding, RetrainRequest, Window
from apps.monitoring.selectors import newest_finding, newest_performance
from apps.monitoring.services.monitor import Monitored
from apps.monitoring.words import alert_text, alert_title, request_sentence
from apps.registry.documents import Document

Kind = Literal["campaign", "day", "week", "month"]
Severity = Literal["info", "warning", "critical"]
AlertStateCode = Literal["open", "acknowledged", "closed"]
RequestStateCode = Literal["waiting", "running", "done", "nothing_new", "failed"]


class AlertDocument(Document):
    """Something that people have to look at."""

    alert: int
    model_version: str
    kind: str
    feature: str | None = Field(description="column; null where it is about none")
    severity: Severity
    state: AlertStateCode
    title: str
    next: str = Field(description="since when, and what to do next")
    first_window: int
    last_window: int
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    closed_at: datetime | None
    closed_by: str | None
    reason: str | None = Field(description="given when it was closed, or else acknowledged")

    @classmethod
    def of(cls, alert: Alert) -> Self:
        """From the row."""
        return cls(
            alert=alert.pk,
            model_version=alert.version.name,
            kind=alert.kind,
            feature=alert.feature or None,
            severity=alert.severity,
            state=alert.state.value,
            title=alert_title(alert),
            next=alert_text(alert),
            first_window=alert.first_window_id,
            last_window=alert.last_window_id,
            opened_at=alert.opened_at,
            acknowledged_at=alert.acknowledged_at,
            acknowledged_by=alert.acknowledged_by or None,
            closed_at=alert.closed_at,
            closed_by=alert.closed_by or None,
            reason=alert.closed_reason or alert.acknowledged_reason or None,
        )


class WindowDocument(Document):
    """A window of answers, and what is known of it."""

    window: int
    model_version: str
    kind: Kind
    name: str = Field(description="the period of a campaign; the day, week or month of a slice of the log")
    campaign: int | None
    start: datetime
    end: datetime
    rows: int
    alarms: int | None = Field(description="in this window alone; null: it was not compared")
    drift: dict[str, Any] | None = Field(description="the whole comparison, where one window is asked for")
    accuracy: float | None = Field(description="of the answers whose level was observed; null: none was, or too few")
    labelled: int | None
    provisional_accuracy: float | None = Field(description="against the levels so far, which may still move")
    estimated: float | None = Field(description="share expected to be right, before levels; null: not estimable")
    performance: dict[str, Any] | None = Field(description="every figure, where one window is asked for")
    estimate: dict[str, Any] | None

    @classmethod
    def of(cls, window: Window, *, whole: bool = False) -> Self:
        """From the row, and the newest rows that hang on it."""
        return cls.made(window, newest_finding(window), newest_performance(window), whole=whole)

    @classmethod
    def made(
        cls, window: Window, finding: DriftFinding | None, known: PerformanceFinding | None, *, whole: bool = False
    ) -> Self:
        """From rows that were read already."""
        worth = known.words if known else None
        return cls(
            window=window.pk,
            model_version=window.version.name,
            kind=window.kind,
            name=window.name,
            campaign=window.campaign_id,
            start=window.start,
            end=window.end,
            rows=window.rows,
            alarms=finding.alarms if finding else None,
            drift=finding.content if finding and whole else None,
            accuracy=worth.measured.metrics.accuracy if worth and worth.measured else None,
            labelled=worth.counts.labelled if worth else None,
            provisional_accuracy=worth.provisional.metrics.accuracy if worth and worth.provisional else None,
            estimated=known.estimated.expected if known else None,
            performance=known.content if known and whole else None,
            estimate=known.estimate if known and whole else None,
        )


class PassedOverDocument(Document):
    """A window that cannot be compared."""

    model_version: str
    name: str
    code: str


class MonitoredDocument(Document):
    """What a look at production found."""

    windows: list[WindowDocument] = Field(description="looked at for the first time")
    updated: list[WindowDocument] = Field(description="about which later facts said something new")
    opened: list[AlertDocument]
    passed_over: list[PassedOverDocument]
    retrain_request: int | None = Field(description="that the policy opened")
    waiting: int = Field(description="alerts, warning or critical, that nobody acknowledged")

    @classmethod
    def of(cls, done: Monitored, *, waiting: int) -> Self:
        """From what was done."""
        return cls(
            windows=[WindowDocument.of(window) for window in done.windows],
            updated=[WindowDocument.of(window) for window in done.updated],
            opened=[AlertDocument.of(alert) for alert in done.opened],
            passed_over=[
                PassedOverDocument(model_version=version, name=name, code=refusal.code)
                for version, name, refusal in done.passed_over
            ],
            retrain_request=done.request.pk if done.request else None,
            waiting=waiting,
        )


class RequestDocument(Document):
    """A retraining request."""

    request: int
    state: RequestStateCode
    sentence: str
    parent: str
    reason: str
    alert: int | None
    requester: str
    requested_at: datetime
    finished_at: datetime | None
    failed_at: datetime | None
    arrived: dict[str, Any] = Field(description="what came since the parent's dataset: periods, rows, labels")
    dataset_sha256: str | None
    model_version: str | None = Field(description="the candidate; null: none, or not yet")
    verdict: str | None
    changes: dict[str, Any] | None = Field(description="what the candidate would have changed in the last campaign")
    problem: str | None = Field(description="code of the last refusal")

    @classmethod
    def of(cls, request: RetrainRequest) -> Self:
        """From the row."""
        return cls(
            request=request.pk,
            state=request.state.value,
            sentence=request_sentence(request),
            parent=request.parent.name,
            reason=request.reason,
            alert=request.alert_id,
            requester=request.requester,
            requested_at=request.requested_at,
            finished_at=request.finished_at,
            failed_at=request.failed_at,
            arrived=request.arrived,
            dataset_sha256=request.dataset.sha256 if request.dataset else None,
            model_version=request.version.name if request.version else None,
            verdict=request.report.verdict if request.report else None,
            changes=request.changes,
            problem=request.problem["code"] if request.problem else None,
        )
