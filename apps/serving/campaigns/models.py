"""A campaign, and what is read of its result at a glance."""

import uuid
from datetime import datetime
from enum import StrEnum

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.registry.models import Deployment
from apps.serving.leases import Leased
from apps.serving.written_once import WrittenOnce
from apps.workforce.models import LEVEL_CHOICES
from future_skills import schema


class State(StrEnum):
    """Where a campaign stands; asked of its row, never stored."""

    WAITING = "waiting"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    DONE = "done"
    FAILED = "failed"


class Campaign(Leased):
    """Every pair that was observed at a period, scored by the version that was live when somebody asked for it.

    Each chunk of rows that was scored is a file in the campaign's folder, so that another process can go on (see
    ``apps.serving.campaigns.work``).

    Attributes:
        work: name of its folder while it is under way.
        period: of the snapshots whose pairs are scored, YYYY-MM.
        version: name of the version, which is the deployment's.
        policy: the answer policy that flags abstentions, as it was then (see ``future_skills.abstention``).
        requester: who asked, and ``requester_source`` how we know it (see ``apps.accounts.actors.Actor``).
        facts_event: number of the newest event of the audit log when the facts were read.
        pairs: how many there are; null until the facts were read.
        chunk_rows: pairs scored between two checkpoints.
        chunks_done: how many chunks are.
        result_sha256: of the result's file, in the artifact store.
    """

    work = models.UUIDField(default=uuid.uuid4, unique=True)
    label = models.CharField(max_length=100, blank=True, default="")
    period = models.CharField(max_length=7)
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="campaigns")
    version = models.CharField(max_length=64)
    policy = models.JSONField()
    requested_at = models.DateTimeField()
    requester = models.CharField(max_length=150)
    requester_source = models.CharField(max_length=20)
    facts_event = models.PositiveBigIntegerField(null=True)
    pairs = models.PositiveBigIntegerField(null=True)
    chunk_rows = models.PositiveIntegerField()
    chunks_done = models.PositiveIntegerField(default=0)
    result_sha256 = models.CharField(max_length=64, blank=True, default="")
    result_bytes = models.PositiveBigIntegerField(null=True)

    class Meta:
        default_permissions = ()
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(period__regex=schema.PERIOD_PATTERN), name="campaign_period_is_a_month"),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True, result_sha256="")
                | (Q(finished_at__isnull=False, pairs__isnull=False) & ~Q(result_sha256="")),
                name="campaign_result_when_finished",
            ),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True) | Q(failed_at__isnull=True), name="campaign_ends_once"
            ),
            models.UniqueConstraint(
                fields=["deployment", "period", "label"],
                condition=Q(finished_at__isnull=True, failed_at__isnull=True),
                name="campaign_one_under_way",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}: {self.label or self.period} ({self.version})"

    @property
    def chunks(self) -> int | None:
        """How many chunks there are; None until the facts were read."""
        return None if self.pairs is None else -(-self.pairs // self.chunk_rows)

    @property
    def progress(self) -> float:
        """Share of the chunks that were scored, 0 to 1."""
        if self.finished_at is not None:
            return 1.0
        return self.chunks_done / self.chunks if self.chunks else 0.0

    def state_at(self, moment: datetime) -> State:
        """Where it stands at a moment."""
        if self.finished_at is not None:
            return State.DONE
        if self.failed_at is not None:
            return State.FAILED
        if self.started_at is None:
            return State.WAITING
        held = self.lease_holder and self.lease_until is not None and self.lease_until >= moment
        return State.RUNNING if held else State.INTERRUPTED

    @property
    def state(self) -> State:
        """Where it stands now."""
        return self.state_at(timezone.now())


class CampaignCell(WrittenOnce):
    """The pairs of a department and a category, counted (see ``future_skills.campaign_results.cells_of``)."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="cells", db_index=False)
    department = models.CharField(max_length=schema.NAME_MAX_LENGTH)
    category = models.CharField(max_length=schema.NAME_MAX_LENGTH)
    pairs = models.PositiveBigIntegerField()
    low = models.PositiveBigIntegerField()
    medium = models.PositiveBigIntegerField()
    high = models.PositiveBigIntegerField()
    high_now = models.PositiveBigIntegerField()
    rising = models.PositiveBigIntegerField()
    abstained = models.PositiveBigIntegerField()
    mean_high = models.FloatField()

    class Meta:
        default_permissions = ()
        ordering = ["campaign", "department", "category"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "department", "category"], name="campaign_cell_once"),
            models.CheckConstraint(
                condition=Q(pairs=models.F("low") + models.F("medium") + models.F("high")), name="campaign_cell_adds_up"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.department} × {self.category}"


class RisingPair(WrittenOnce):
    """A pair of a department's watch-list (see ``future_skills.campaign_results.watch_list_of``)."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="rising_pairs", db_index=False)
    department = models.CharField(max_length=schema.NAME_MAX_LENGTH)
    rank = models.PositiveIntegerField()
    category = models.CharField(max_length=schema.NAME_MAX_LENGTH)
    role = models.CharField(max_length=schema.NAME_MAX_LENGTH)
    skill = models.CharField(max_length=schema.NAME_MAX_LENGTH)
    current_level = models.CharField(max_length=6, choices=LEVEL_CHOICES)
    level = models.CharField(max_length=6, choices=LEVEL_CHOICES)
    emergence = models.FloatField()
    score = models.FloatField()
    confidence = models.FloatField()
    abstained = models.BooleanField()

    class Meta:
        default_permissions = ()
        ordering = ["campaign", "department", "rank"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "department", "rank"], name="campaign_rising_rank_once")
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.rank}. {self.role} × {self.skill}"
