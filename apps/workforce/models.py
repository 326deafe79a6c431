"""HR facts. Ranges and uniqueness are constraints of the database itself."""

from django.db import models
from django.db.models import Q

from future_skills import schema

LEVEL_CHOICES = [(level, level) for level in schema.LEVELS]


class JobRole(models.Model):
    """A job role, known by its code; the name is unique too, since datasets and people use it.

    Example: 15-1252.00 “Software Developers”, in “Computer and Mathematical”.
    """

    code = models.CharField(max_length=schema.NAME_MAX_LENGTH, unique=True)
    name = models.CharField(max_length=schema.NAME_MAX_LENGTH, unique=True)
    department = models.CharField(max_length=schema.NAME_MAX_LENGTH)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Skill(models.Model):
    """A skill, known by its name, with its latest category. Example: “Python”, in “Programming languages”."""

    name = models.CharField(max_length=schema.NAME_MAX_LENGTH, unique=True)
    category = models.CharField(max_length=schema.NAME_MAX_LENGTH)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SkillSnapshot(models.Model):
    """What was recorded of one skill in one role at one period (a month, YYYY-MM).

    Department and category are those of the period. A missing value is null. ``observed_need_level`` is null where
    the need was not observed at that period.
    """

    job_role = models.ForeignKey(JobRole, on_delete=models.PROTECT, related_name="snapshots")
    skill = models.ForeignKey(Skill, on_delete=models.PROTECT, related_name="snapshots")
    period = models.CharField(max_length=7)
    job_department = models.CharField(max_length=schema.NAME_MAX_LENGTH)
    skill_category = models.CharField(max_length=schema.NAME_MAX_LENGTH)
    trend_score = models.FloatField(null=True)
    internal_usage = models.FloatField(null=True)
    training_requests = models.FloatField(null=True)
    scarcity_index = models.FloatField(null=True)
    hiring_difficulty = models.FloatField(null=True)
    avg_salary_k = models.FloatField(null=True)
    economic_indicator = models.FloatField(null=True)
    observed_need_level = models.CharField(max_length=6, null=True, choices=LEVEL_CHOICES)  # noqa: DJ001 — unknown is not ""

    class Meta:
        ordering = ["period", "job_role_id", "skill_id"]
        constraints = [
            models.UniqueConstraint(fields=["period", "job_role", "skill"], name="snapshot_one_per_pair_and_period"),
            models.CheckConstraint(condition=Q(period__regex=schema.PERIOD_PATTERN), name="snapshot_period_is_a_month"),
            models.CheckConstraint(
                condition=Q(observed_need_level__isnull=True) | Q(observed_need_level__in=schema.LEVELS),
                name="snapshot_level_is_known",
            ),
            *[
                models.CheckConstraint(
                    condition=Q(**{f"{feature.name}__isnull": True})
                    | Q(**{f"{feature.name}__gte": feature.minimum, f"{feature.name}__lte": feature.maximum}),
                    name=f"snapshot_{feature.name}_in_range",
                )
                for feature in schema.NUMERIC
            ],
        ]

    def __str__(self) -> str:
        return f"{self.job_role_id} x {self.skill_id} @ {self.period}"
