"""The prediction log: a line for every answer that production gave."""

from typing import Any

from django.db import models
from django.db.models import Q

from apps.registry.models import Deployment
from apps.serving.campaigns.models import Campaign, CampaignCell, RisingPair
from apps.serving.overrides.models import PredictionOverride
from apps.serving.written_once import WrittenOnce
from apps.workforce.models import LEVEL_CHOICES
from future_skills import schema

__all__ = ["Campaign", "CampaignCell", "Prediction", "PredictionOverride", "RisingPair"]


class LoggedQuerySet(models.QuerySet["Prediction"]):
    """Lines are written by ``apps.serving.log`` and removed by the purge; nothing changes one."""

    def update(self, **_changes: Any) -> int:
        """Refused."""
        raise TypeError(_NEVER_CHANGED)


class Prediction(WrittenOnce):
    """What production answered about one pair, and everything the answer was made of.

    A line is written before its answer leaves, and never changed. Score, confidence and emergence follow from
    the rest (see ``apps.serving.logged.said``).

    Attributes:
        id: see ``apps.serving.ids``; its order is that of ``at``, so that reads are bounded and ordered by it alone.
        request_id: the request it was an answer of; one request may ask about several pairs.
        version: name of the version that answered, which is the deployment's.
        at: when, to the millisecond.
        requester: who asked, and ``requester_source`` how we know it (see ``apps.accounts.actors.Actor``).
        period: of the snapshot that its values come from; empty where the pair has none.
        inputs: column -> value that the model read.
        probabilities: level -> probability; null for a model that gives none.
        current_level: the level at ``period``; empty where it is not known.
        warnings: codes of what there was to know before trusting it.
        abstained: whether the answer said that it should not be relied upon.
        override: what a person had decided of the pair, and the answer said too; null where nobody had.
    """

    id = models.UUIDField(primary_key=True)
    request_id = models.UUIDField()
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="predictions", db_index=False)
    version = models.CharField(max_length=64)
    at = models.DateTimeField()
    requester = models.CharField(max_length=150)
    requester_source = models.CharField(max_length=20)
    role = models.CharField(max_length=schema.NAME_MAX_LENGTH)
    skill = models.CharField(max_length=schema.NAME_MAX_LENGTH)
    period = models.CharField(max_length=32, blank=True)
    level = models.CharField(max_length=6, choices=LEVEL_CHOICES)
    probabilities = models.JSONField(null=True)
    current_level = models.CharField(max_length=6, choices=LEVEL_CHOICES, blank=True)
    warnings = models.JSONField()
    abstained = models.BooleanField()
    override = models.ForeignKey(
        PredictionOverride, on_delete=models.PROTECT, null=True, related_name="answers", db_index=False
    )
    inputs = models.JSONField()  # last, so that a page of the others does not read past it

    objects = LoggedQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["-id"]
        # each is written with every answer: a deployment has none, it answers in a stretch of the log (``logged.matching``)
        indexes = [
            models.Index(fields=["role", "skill", "id"], name="prediction_by_pair"),
            models.Index(fields=["requester", "id"], name="prediction_by_requester"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(level__in=schema.LEVELS), name="prediction_level_is_known"),
            models.CheckConstraint(condition=Q(current_level__in=["", *schema.LEVELS]), name="prediction_level_now_is"),
        ]

    def __str__(self) -> str:
        return f"{self.role} × {self.skill}: {self.level}"


_NEVER_CHANGED = "A line of the prediction log is never changed."
