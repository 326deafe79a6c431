"""The level that a person gives a pair in place of the model's."""

from datetime import date
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.serving.written_once import WrittenOnce
from apps.workforce.models import LEVEL_CHOICES
from future_skills import schema


class OverrideQuerySet(models.QuerySet["PredictionOverride"]):
    """Rows are written by ``apps.serving.overrides.services``, and never changed."""

    def update(self, **_changes: Any) -> int:
        """Refused."""
        raise TypeError(_NEVER_CHANGED)

    def newest(self) -> "OverrideQuerySet":
        """The last decision on each pair, a withdrawal included."""
        return self.filter(replaced_by=None)

    def in_force(self, day: date) -> "OverrideQuerySet":
        """Those that count on a day."""
        return self.newest().filter(until__gte=day)


class PredictionOverride(WrittenOnce):
    """A decision of a person on a pair: its level until a day, or (no level) that the one before no longer counts.

    The decisions on a pair are a chain: each replaces the one that its author had seen, and no two can replace the same.

    Attributes:
        level: the person's; empty: the decision before is withdrawn.
        until: the last day on which it counts; null for a withdrawal.
        predicted: what the version ``version`` had said to who decided; the level of the model, which is kept.
        prediction: its line in the prediction log, which may be purged since; null where a campaign said it.
        campaign: number of the campaign that said it; null where the log has it.
        replaces: the decision on the same pair before this one.
    """

    role = models.CharField(max_length=schema.NAME_MAX_LENGTH)
    skill = models.CharField(max_length=schema.NAME_MAX_LENGTH)
    level = models.CharField(max_length=6, choices=LEVEL_CHOICES, blank=True)
    until = models.DateField(null=True)
    reason = models.TextField()
    version = models.CharField(max_length=64)
    predicted = models.CharField(max_length=6, choices=LEVEL_CHOICES)
    prediction = models.UUIDField(null=True)
    campaign = models.PositiveBigIntegerField(null=True)
    replaces = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="replaced_by")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    objects = OverrideQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["-id"]
        indexes = [models.Index(fields=["role", "skill"], name="override_of_pair")]
        constraints = [
            models.UniqueConstraint(
                fields=["role", "skill"], condition=Q(replaces=None), name="override_one_chain_of_pair"
            ),
            models.CheckConstraint(condition=Q(level__in=["", *schema.LEVELS]), name="override_level_is_known"),
            models.CheckConstraint(condition=Q(predicted__in=schema.LEVELS), name="override_predicted_is_known"),
            models.CheckConstraint(
                condition=(Q(until=None) & Q(level="", replaces__isnull=False))
                | (Q(until__isnull=False) & ~Q(level="")),
                name="override_ends_one_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} × {self.skill}: {self.level or 'withdrawn'}"

    @property
    def expired(self) -> bool:
        """Whether its last day is over."""
        return self.until is not None and self.until < timezone.localdate()


_NEVER_CHANGED = "What a person decided of a prediction is never changed."
