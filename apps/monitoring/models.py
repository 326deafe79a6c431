"""What was watched, what was found, and what people were told of it."""

from enum import StrEnum

from django.db import models
from django.db.models import Q

from apps.registry.models import Dataset, GateReport, ModelVersion
from apps.serving.leases import Leased
from apps.serving.models import Campaign
from apps.serving.written_once import WrittenOnce
from future_skills.drift_profile import ReferenceProfile
from future_skills.drift_report import DriftReport
from future_skills.estimate import Estimate
from future_skills.performance import Measured, Performance

SEVERITIES = ["info", "warning", "critical"]

MARKET_SIGNAL = "market_signal"
PERFORMANCE_FALL = "performance_fall"
"""Kinds of alerts besides those of ``AlarmKind``."""


class MonitoringPolicyChoice(models.Model):
    """A monitoring policy that takes the place of the repository's file, from the moment it was written. The newest counts."""

    content = models.JSONField()
    sha256 = models.CharField(max_length=64)
    reason = models.TextField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        default_permissions = ()
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} ({self.created_by})"


class Reference(models.Model):
    """What a version stands on, as windows are compared with it; made once, when its first window is there.

    Attributes:
        newest_period: of the snapshot that was the newest one known when the version was registered.
        profile: see ``ReferenceProfile``.
        declared: see ``performance.declared``.
    """

    version = models.OneToOneField(ModelVersion, on_delete=models.PROTECT, related_name="reference")
    newest_period = models.CharField(max_length=7)
    sha256 = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    profile = models.JSONField()
    declared = models.JSONField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.version_id}: {self.newest_period}"

    @property
    def words(self) -> ReferenceProfile:
        """The profile as typed objects."""
        return ReferenceProfile.from_dict(self.profile)

    @property
    def declared_figures(self) -> Measured:
        """What the version declared, as typed objects."""
        return Measured.model_validate(self.declared)


class Window(models.Model):
    """Answers of one version that are looked at together: a campaign, or a slice of the prediction log.

    Attributes:
        kind: what it is a part of; the windows of a version and a kind are a series.
        name: the period of a campaign's snapshots (YYYY-MM); the day, the week (YYYY-Www) or the month of a slice.
        campaign: the campaign; null for a slice.
        start: first moment of a slice; when a campaign was asked for.
        end: the moment after its last one; when a campaign was finished.
        rows: answers in it.
        checked_event: number of the newest event of the audit log when its labels were looked for last.
    """

    class Kind(models.TextChoices):
        CAMPAIGN = "campaign"
        DAY = "day"
        WEEK = "week"
        MONTH = "month"

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="windows")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=10)
    campaign = models.OneToOneField(Campaign, on_delete=models.PROTECT, null=True, related_name="window")
    start = models.DateTimeField()
    end = models.DateTimeField()
    rows = models.PositiveBigIntegerField()
    made_at = models.DateTimeField()
    checked_event = models.PositiveBigIntegerField(null=True)

    class Meta:
        default_permissions = ()
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["version", "kind", "name"], condition=Q(campaign=None), name="window_of_log_once"
            ),
            models.CheckConstraint(
                condition=Q(kind="campaign", campaign__isnull=False) | (~Q(kind="campaign") & Q(campaign__isnull=True)),
                name="window_is_a_campaign_or_a_slice",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.kind} {self.name}"


class DriftFinding(WrittenOnce):
    """A window compared with what its version stands on, under one policy.

    Attributes:
        alarms: how many there are.
        content: see ``DriftReport``.
    """

    window = models.ForeignKey(Window, on_delete=models.PROTECT, related_name="findings")
    policy_sha256 = models.CharField(max_length=64)
    alarms = models.PositiveIntegerField()
    made_at = models.DateTimeField()
    content = models.JSONField()

    class Meta:
        default_permissions = ()
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["window", "policy_sha256"], name="finding_once_a_policy")]

    def __str__(self) -> str:
        return f"{self.window_id}: {self.alarms}"

    @property
    def words(self) -> DriftReport:
        """The report as typed objects."""
        return DriftReport.from_dict(self.content)


class PerformanceFinding(WrittenOnce):
    """What is known of a window's worth, after some import; a new one where an import changed it.

    Attributes:
        facts_event: number of the newest event of the audit log when it was made.
        labelled: answers whose label was there.
        content: see ``Performance``.
        estimate: see ``Estimate``.
    """

    window = models.ForeignKey(Window, on_delete=models.PROTECT, related_name="performances")
    policy_sha256 = models.CharField(max_length=64)
    facts_event = models.PositiveBigIntegerField()
    labelled = models.PositiveBigIntegerField()
    made_at = models.DateTimeField()
    content = models.JSONField()
    estimate = models.JSONField()

    class Meta:
        default_permissions = ()
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.window_id}: {self.labelled}"

    @property
    def words(self) -> Performance:
        """The performance as typed objects."""
        return Performance.model_validate(self.content)

    @property
    def estimated(self) -> Estimate:
        """The estimate as typed objects."""
        return Estimate.model_validate(self.estimate)


class AlertState(StrEnum):
    """Where an alert stands; asked of its row, never stored."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class Alert(models.Model):
    """Something that people have to look at. There is one open alert of a kind about a feature of a version at most.

    Acknowledging and closing it are the only changes ever made to a row, and ``last_window`` follows what is still seen.

    Attributes:
        series: kind of the windows that it was seen in.
        kind: an ``AlarmKind``, ``market_signal`` or ``performance_fall``.
        feature: column; empty where it is about none.
        first_window: that opened it.
        last_window: the newest one in which it is still there.
        details: figures that its words need.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="alerts")
    series = models.CharField(max_length=8, choices=Window.Kind.choices)
    kind = models.CharField(max_length=20)
    feature = models.CharField(max_length=64, blank=True)
    severity = models.CharField(max_length=8)
    first_window = models.ForeignKey(Window, on_delete=models.PROTECT, related_name="+")
    last_window = models.ForeignKey(Window, on_delete=models.PROTECT, related_name="+")
    details = models.JSONField()
    opened_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=150, blank=True, default="")
    acknowledged_reason = models.TextField(blank=True, default="")
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=150, blank=True, default="")
    closed_reason = models.TextField(blank=True, default="")

    class Meta:
        default_permissions = ()
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["version", "series", "kind", "feature"], condition=Q(closed_at=None), name="alert_one_open"
            ),
            models.CheckConstraint(condition=Q(severity__in=SEVERITIES), name="alert_severity_is_known"),
            models.CheckConstraint(
                condition=Q(closed_at=None, closed_by="") | (Q(closed_at__isnull=False) & ~Q(closed_by="")),
                name="alert_closed_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.kind} {self.feature}"

    @property
    def state(self) -> AlertState:
        """Where it stands."""
        if self.closed_at is not None:
            return AlertState.CLOSED
        return AlertState.OPEN if self.acknowledged_at is None else AlertState.ACKNOWLEDGED


class RequestState(StrEnum):
    """Where a retraining request stands; asked of its row, never stored."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    NOTHING_NEW = "nothing_new"
    FAILED = "failed"


class RetrainRequest(Leased):
    """Somebody, or the policy, asked for another version. One of a parent is under way at most.

    Attributes:
        alert: that opened it; null where a person or the calendar did.
        parent: the version that the new one follows.
        name: of the new version, once it was chosen.
        arrived: what came since the parent's dataset: ``periods``, ``rows``, ``labels``; and where nothing did, what is
            needed and from whom.
        dataset: that was exported for it.
        version: the candidate.
        report: its gate report.
        changes: what the candidate would have changed in the last campaign; null where there is none.
    """

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, null=True, related_name="requests")
    parent = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    requested_at = models.DateTimeField()
    requester = models.CharField(max_length=150)
    requester_source = models.CharField(max_length=20)
    arrived = models.JSONField()
    name = models.CharField(max_length=64, blank=True, default="")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, null=True, related_name="+")
    version = models.OneToOneField(ModelVersion, on_delete=models.PROTECT, null=True, related_name="retrain_request")
    report = models.ForeignKey(GateReport, on_delete=models.PROTECT, null=True, related_name="+")
    changes = models.JSONField(null=True)

    class Meta:
        default_permissions = ()
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["parent"], condition=Q(finished_at=None, failed_at=None), name="retraining_one_under_way"
            ),
            models.CheckConstraint(condition=Q(finished_at=None) | Q(failed_at=None), name="retraining_ends_once"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}: {self.name or self.parent_id}"

    @property
    def state(self) -> RequestState:
        """Where it stands."""
        if self.failed_at is not None:
            return RequestState.FAILED
        if self.finished_at is not None:
            return RequestState.DONE if self.version_id else RequestState.NOTHING_NEW
        return RequestState.RUNNING if self.lease_holder else RequestState.WAITING


class Watch(models.Model):
    """Who is monitoring now: one row, held by one process at a time."""

    holder = models.CharField(max_length=300, blank=True, default="")
    until = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    done_by = models.CharField(max_length=150, blank=True, default="")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.holder


class Replay(models.Model):
    """A track record: past periods gone through again as of their date, with the recipe of a version.

    Attributes:
        recipe: what is trained at each period (``Recipe``), and the months of its labels.
        periods: gone through, in order.
        facts_event: number of the newest event of the audit log when it was begun.
        done: of one that is not finished, the periods that are; see ``ReplayedPeriod``.
        content: once it is finished; see ``TrackRecord``.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    recipe = models.JSONField()
    periods = models.JSONField()
    facts_event = models.PositiveBigIntegerField()
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=150)
    done = models.JSONField()
    content = models.JSONField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.version_id} ({self.made_by})"
