"""How long predictions are kept here, and which are older. Never a write."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Max, Min
from django.utils import timezone

from apps.registry.models import Dataset
from apps.serving.logged import Asked, matching
from future_skills.errors import UsageError, translatable
from future_skills.retention import shortest_retention


@dataclass(frozen=True, slots=True)
class Old:
    """The predictions that are older than the retention period.

    Attributes:
        months: the retention period.
        before: what was answered before that moment is older.
        count: how many there are.
        first: moment of the oldest; None where there is none.
        last: moment of the newest of them.
    """

    months: int
    before: datetime
    count: int
    first: datetime | None
    last: datetime | None


def old_predictions() -> Old:
    """What a purge would remove now.

    Raises:
        UsageError: the retention period is shorter than a version that was in production waits for its labels.
    """
    months = retention_months()
    before = months_before(timezone.now(), months)
    found = matching(Asked(until=before))
    return Old(months, before, found.count(), **found.aggregate(first=Min("at"), last=Max("at")))


def retention_months() -> int:
    """Months for which predictions are kept.

    Settings refuse what is too short for labels made the usual way; an export may look for them later than that.

    Raises:
        UsageError: it is too short for the labels of a version that was in production.
    """
    months: int = settings.FUTURE_SKILLS_PREDICTION_RETENTION_MONTHS
    deployed = Dataset.objects.filter(versions__deployments__isnull=False).distinct()
    labels = deployed.values_list("name", "card__labels__horizon_months", "card__labels__tolerance_months")
    for name, horizon, tolerance in labels:
        if horizon is None:
            continue  # a data scientist's own file: nobody knows how its labels were made
        needed = shortest_retention(horizon_months=horizon, tolerance_months=tolerance)
        if months < needed:
            raise UsageError(
                translatable(
                    "Nothing is purged: FUTURE_SKILLS_PREDICTION_RETENTION_MONTHS is {months}, and the labels of {dataset}, "
                    "which a version in production was trained on, may take {needed} months."
                ),
                hint=translatable("Set it to {needed} at least."),
                months=months,
                dataset=name,
                needed=needed,
            )
    return months


def months_before(moment: datetime, months: int) -> datetime:
    """The same day of an earlier month, or its last day where it has no such day."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))
