"""The registry's rows. Facts are appended; nothing here is edited after it was written."""

from typing import Any

from django.db import models
from django.db.models import Q

from apps.workforce.models import LEVEL_CHOICES
from future_skills import schema
from future_skills.engine_choice import EngineChoice
from future_skills.manifest import VERSION_NAME_PATTERN, Manifest


class Dataset(models.Model):
    """A dataset, known by the sha256 of its bytes; a copy is kept in the artifact store.

    ``card`` is the dataset card: periods, class distribution, per-feature summary, how labels were made.
    """

    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64, unique=True)
    bytes = models.PositiveBigIntegerField()
    rows = models.PositiveBigIntegerField()
    card = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.sha256[:12]})"


class ModelVersion(models.Model):
    """A registered version: the manifest's words, the hashes of its files, who registered it.

    The columns beside ``manifest`` are copies of its keys, for sorting and for pages of ten thousand versions; they are
    written once, by ``services.versions.register_version``, from the manifest. ``signature`` is the content of the
    ``.sig`` file (see ``future_skills.signing``), null where the version was registered before versions were signed.
    ``published_path`` is where its ``.pkl`` was when it was registered, relative to the checkout where it is inside.
    """

    name = models.CharField(max_length=64, unique=True)
    manifest_sha256 = models.CharField(max_length=64)
    model_sha256 = models.CharField(max_length=64)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, null=True, related_name="versions")
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    trained_at = models.DateTimeField()
    registered_at = models.DateTimeField()
    registered_by = models.CharField(max_length=150)
    signature = models.JSONField(null=True)
    published_path = models.CharField(max_length=1024, blank=True, default="")
    accuracy = models.FloatField()
    f1_weighted = models.FloatField()
    f1_macro = models.FloatField()
    persistence_f1_macro = models.FloatField(null=True)
    emergence_lift = models.FloatField(null=True)
    emergence_precision_at_200 = models.FloatField(null=True)
    manifest = models.JSONField()  # last, so that sorting by the others does not read past it

    class Meta:
        ordering = ["trained_at", "id"]
        indexes = [
            models.Index(fields=["-trained_at", "-id"], name="version_by_date"),
            models.Index(fields=["f1_macro"], name="version_by_f1_macro"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(name__regex=VERSION_NAME_PATTERN), name="version_name_is_valid"),
        ]

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def copied_columns(manifest: Manifest) -> dict[str, Any]:
        """The columns that are copies of the manifest's keys."""
        metrics, persistence = manifest.metrics, manifest.baselines.persistence
        emergence = metrics.emergence
        return {
            "name": manifest.version,
            "manifest": manifest.model_dump(mode="json"),
            "model_sha256": manifest.file(".pkl").sha256,
            "trained_at": manifest.created_at,
            "accuracy": metrics.accuracy,
            "f1_weighted": metrics.f1_weighted,
            "f1_macro": metrics.f1_macro,
            "persistence_f1_macro": persistence.f1_macro if persistence else None,
            "emergence_lift": emergence.lift if emergence else None,
            "emergence_precision_at_200": emergence.precision_at_200 if emergence else None,
        }

    @property
    def words(self) -> Manifest:
        """The manifest as typed objects."""
        return Manifest.model_validate(self.manifest)

    @property
    def authors(self) -> frozenset[str]:
        """Who trained it and who registered it: neither of them judges it."""
        return frozenset({self.registered_by, self.manifest["author"]})

    @property
    def measured_engine(self) -> "VersionEngine | None":
        """How it is run, where that was measured."""
        return getattr(self, "engine", None)


class VersionEngine(models.Model):
    """How a version is run, as measured when it was registered; written once. ``choice``: see ``EngineChoice``."""

    version = models.OneToOneField(ModelVersion, on_delete=models.PROTECT, related_name="engine")
    choice = models.JSONField()
    measured_at = models.DateTimeField()
    measured_by = models.CharField(max_length=150)

    def __str__(self) -> str:
        return f"{self.version_id}: {'compiled' if self.choice['compiled'] else 'scikit-learn'}"

    @property
    def words(self) -> EngineChoice:
        """The choice as a typed object."""
        return EngineChoice.model_validate(self.choice)


class SigningKey(models.Model):
    """The public half of a key that signs versions; kept for ever, so that what it signed can be checked.

    The private half is a file of the installation, never in the database. The current key is the one that was not
    retired; the database refuses a second. Retiring it is the only change ever made to a row.
    """

    key_id = models.CharField(max_length=64, unique=True)
    public_key = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    current = models.BooleanField(default=True)
    retired_at = models.DateTimeField(null=True)
    retired_by = models.CharField(max_length=150, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["current"], condition=Q(current=True), name="signing_key_one_current"),
            models.CheckConstraint(
                condition=Q(current=True, retired_at__isnull=True, retired_by="")
                | (Q(current=False, retired_at__isnull=False) & ~Q(retired_by="")),
                name="signing_key_current_until_retired",
            ),
        ]

    def __str__(self) -> str:
        return self.key_id[:12]


class VersionNote(models.Model):
    """A dated, named line about a version (« documenter le changement »)."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="notes")
    text = models.TextField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.version_id}: {self.text[:60]}"


class Retraction(models.Model):
    """A version that must not be used any more. Its number is never used again."""

    version = models.OneToOneField(ModelVersion, on_delete=models.PROTECT, related_name="retraction")
    reason = models.TextField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    def __str__(self) -> str:
        return f"{self.version_id}: {self.reason[:60]}"


# --- Promotion: evidence, people, what is live ----------------------------------------------------------------------------
VERDICTS = ["promotable", "inconclusive", "refused", "waiting"]


class GatePolicyChoice(models.Model):
    """A gate policy that takes the place of the repository's file, from the moment it was written. The newest counts."""

    content = models.JSONField()
    sha256 = models.CharField(max_length=64)
    reason = models.TextField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} ({self.created_by})"


class LevelDefinitions(models.Model):
    """What Faible, Moyen and Élevé mean to reviewers, in both languages. The newest counts; samples keep their own."""

    content = models.JSONField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} ({self.created_by})"


class ValidationSample(models.Model):
    """Rows that people label blind, drawn from a version's predictions.

    ``result`` is written once, with the last label (``completed_at``), and never after: before, the sample is open.
    ``drawn`` says from what it was drawn: populations of the strata, datasets, periods.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="samples")
    model_sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    seed = models.PositiveBigIntegerField()
    drawn = models.JSONField()
    definitions = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    completed_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)
    result_sha256 = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(completed_at__isnull=True, result__isnull=True, result_sha256="")
                | (Q(completed_at__isnull=False, result__isnull=False) & ~Q(result_sha256="")),
                name="sample_result_comes_with_completion",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version_id}: {self.size}"


class SampleItem(models.Model):
    """One row to label: ``facts`` is all a reviewer sees; the prediction stays hidden until the sample is complete."""

    sample = models.ForeignKey(ValidationSample, on_delete=models.PROTECT, related_name="items")
    position = models.PositiveIntegerField()
    origin = models.CharField(max_length=6, choices=[("test", "test"), ("latest", "latest")])
    role = models.CharField(max_length=schema.NAME_MAX_LENGTH)
    skill = models.CharField(max_length=schema.NAME_MAX_LENGTH)
    period = models.CharField(max_length=32)
    facts = models.JSONField()
    stratum = models.CharField(max_length=40)
    weight = models.FloatField()
    predicted = models.CharField(max_length=6, choices=LEVEL_CHOICES)
    probabilities = models.JSONField(null=True)
    labels_needed = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["sample_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["sample", "position"], name="sample_item_one_per_position"),
            models.CheckConstraint(condition=Q(labels_needed__in=[1, 2]), name="sample_item_needs_one_or_two"),
            models.CheckConstraint(condition=Q(weight__gt=0), name="sample_item_weighs"),
        ]

    def __str__(self) -> str:
        return f"{self.sample_id}.{self.position}"


class SampleLabel(models.Model):
    """What a reviewer said of a row; of several by the same person, the newest counts."""

    item = models.ForeignKey(SampleItem, on_delete=models.PROTECT, related_name="labels")
    reviewer = models.CharField(max_length=150)
    level = models.CharField(max_length=7, choices=[*LEVEL_CHOICES, ("UNKNOWN", "UNKNOWN")])
    comment = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["item_id", "id"]
        indexes = [models.Index(fields=["item", "reviewer"], name="label_by_reviewer")]
        constraints = [
            models.CheckConstraint(condition=Q(level__in=[*schema.LEVELS, "UNKNOWN"]), name="sample_label_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.item_id}: {self.level} ({self.reviewer})"


class WorksCouncilRecord(models.Model):
    """Information and consultation of the works council (CSE): of the system once, confirmed for each version.

    ``version`` is null for the system as a whole. The newest record of each counts.
    """

    class State(models.TextChoices):
        NOT_REQUIRED = "not_required"
        INFORMED = "informed"
        CONSULTED = "consulted"
        OPINION_GIVEN = "opinion_given"

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, related_name="works_council")
    state = models.CharField(max_length=20, choices=State.choices)
    held_on = models.DateField()
    reason = models.TextField()
    document = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["not_required", "informed", "consulted", "opinion_given"]),
                name="works_council_state_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version_id or 'system'}: {self.state}"


class GateReport(models.Model):
    """The frozen evidence for or against a version: metrics, both locks, sample, policy, hashes.

    ``sha256`` is that of ``content``'s canonical JSON; approvals bind to it. ``written_verdict`` leaves the second lock
    out: it is the verdict where a person lifted that lock. What the report stands on (champion, policy,
    sample result) is repeated in columns: when one of them is no longer the present one, the report is out of date, and
    so are its approvals.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="reports")
    sha256 = models.CharField(max_length=64, unique=True)
    verdict = models.CharField(max_length=12)
    written_verdict = models.CharField(max_length=12)
    model_sha256 = models.CharField(max_length=64)
    champion = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, related_name="+")
    anchor = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, related_name="+")
    policy_sha256 = models.CharField(max_length=64)
    sample = models.ForeignKey(ValidationSample, on_delete=models.PROTECT, null=True, related_name="reports")
    sample_result_sha256 = models.CharField(max_length=64, blank=True, default="")
    test_rows_sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    content = models.JSONField()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["version", "-id"], name="report_newest_of_version"),
            models.Index(fields=["test_rows_sha256"], name="report_by_test_rows"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict__in=VERDICTS, written_verdict__in=VERDICTS), name="report_verdict_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version_id}: {self.verdict} ({self.sha256[:12]})"


class GateOverride(models.Model):
    """A person lifts the second lock of one report, for a while, and takes the risk. The written rule is never lifted."""

    report = models.ForeignKey(GateReport, on_delete=models.PROTECT, related_name="overrides")
    reason = models.TextField()
    risk = models.TextField()
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.report_id}: {self.created_by}"


class Approval(models.Model):
    """What a team decided of one report about one artifact; the newest decision of a team counts."""

    class Team(models.TextChoices):
        DATA = "data"
        DRH = "drh"

    class Decision(models.TextChoices):
        APPROVE = "approve"
        REJECT = "reject"

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="approvals")
    report = models.ForeignKey(GateReport, on_delete=models.PROTECT, related_name="approvals")
    team = models.CharField(max_length=4, choices=Team.choices)
    decision = models.CharField(max_length=7, choices=Decision.choices)
    comment = models.TextField(blank=True, default="")
    report_sha256 = models.CharField(max_length=64)
    model_sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(team__in=["data", "drh"]), name="approval_team_is_known"),
            models.CheckConstraint(condition=Q(decision__in=["approve", "reject"]), name="approval_decision_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.version_id}: {self.decision} ({self.team}, {self.created_by})"


class ApprovalWithdrawal(models.Model):
    """An approval taken back by its author, before any deployment."""

    approval = models.OneToOneField(Approval, on_delete=models.PROTECT, related_name="withdrawal")
    reason = models.TextField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    def __str__(self) -> str:
        return f"{self.approval_id}: {self.created_by}"


class Deployment(models.Model):
    """A version that answers predictions, from ``started_at`` until the next one takes its place.

    The open row (``live``) is the one answer to "what is live"; the database refuses a second. Closing it is the only
    change ever made to a row.
    """

    class Kind(models.TextChoices):
        DEPLOY = "deploy"
        ROLLBACK = "rollback"
        PIN = "pin"

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="deployments")
    previous = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="next")
    report = models.ForeignKey(GateReport, on_delete=models.PROTECT, null=True, related_name="deployments")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    reason = models.TextField()
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=150)
    live = models.BooleanField(default=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["live"], condition=Q(live=True), name="deployment_one_live"),
            models.CheckConstraint(
                condition=Q(live=True, ended_at__isnull=True) | Q(live=False, ended_at__isnull=False),
                name="deployment_live_until_it_ends",
            ),
            models.CheckConstraint(
                condition=Q(kind="rollback") | Q(kind__in=["deploy", "pin"], report__isnull=False),
                name="deployment_has_evidence",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version_id}: {self.started_at:%Y-%m-%d %H:%M}"


class Suspension(models.Model):
    """Predictions answer 503 from ``started_at`` until somebody resumes, whatever is deployed meanwhile."""

    reason = models.TextField()
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=150)
    open = models.BooleanField(default=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=150, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["open"], condition=Q(open=True), name="suspension_one_open"),
            models.CheckConstraint(
                condition=Q(open=True, ended_at__isnull=True, ended_by="")
                | (Q(open=False, ended_at__isnull=False) & ~Q(ended_by="")),
                name="suspension_open_until_it_ends",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}: {self.reason[:60]}"


class PinSighting(models.Model):
    """What the settings pinned when a server started, where that differs from the last time; and what came of it.

    ``deployment`` is null where nothing was deployed: an empty pin, or one that was refused (``refusal`` is its code).
    """

    pinned = models.CharField(max_length=600, blank=True, default="")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, null=True, related_name="+")
    refusal = models.CharField(max_length=60, blank=True, default="")
    seen_at = models.DateTimeField()
    seen_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.pinned or "—"


class WatchSummary(models.Model):
    """What monitoring says of production, for the registry's page; the newest row counts.

    Written by ``apps.monitoring``, which knows the registry; the registry does not know monitoring.

    Attributes:
        version: name of the version whose window was looked at last.
        window: that window, in French words.
        known: what is known of it, in French words.
        alerts: each open alert, in French words, the most severe first.
    """

    version = models.CharField(max_length=64)
    window = models.CharField(max_length=200)
    known = models.TextField()
    alerts = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.version}: {self.window}"
