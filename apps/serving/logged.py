"""Reads of the prediction log: filters, pages that stay fast in a log of any length, and the log in order. Never a write."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from apps.audit.selectors import MOST_COUNTED, parse_moment, printable
from apps.registry.models import Deployment
from apps.serving.ids import MOST_ANSWERS, first_id
from apps.serving.models import Prediction
from future_skills import schema
from future_skills.errors import PredictionNotFoundError, UsageError, translatable
from future_skills.prediction import Prediction as Said

PAGE_SIZE: Final = 50
BATCH: Final = 2000
"""Lines read at a time."""

_CLOCKS_DIFFER: Final = timedelta(hours=1)
"""By how much, at most, the clock of the machine that answered is wrong."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which lines are asked for; what is empty or None asks nothing.

    Attributes:
        role, skill, requester: exact names.
        level: that was predicted.
        deployment: that answered.
        version: name of the version that answered, whichever its deployment.
        since: from that moment on.
        until: before that moment.
    """

    role: str = ""
    skill: str = ""
    level: str = ""
    requester: str = ""
    deployment: int | None = None
    version: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def empty(self) -> bool:
        """Whether every line is asked for."""
        return self == Asked()


def parse_asked(
    *,
    role: str = "",
    skill: str = "",
    level: str = "",
    requester: str = "",
    deployment: int | None = None,
    version: str = "",
    since: str = "",
    until: str = "",
) -> Asked:
    """What is asked for, as people write it.

    Args:
        role: exact name.
        skill: exact name.
        level: LOW, MEDIUM or HIGH.
        requester: exact name.
        deployment: key of a deployment.
        version: exact name.
        since: a day or a moment, in the time zone of the installation where it names none.
        until: the same; a day is in it to its end.

    Raises:
        UsageError: a day or a moment that is none, or a level that is none.
    """
    level = printable(level)
    if level and level not in schema.LEVELS:
        raise UsageError(translatable("“{level}” is no need level: write LOW, MEDIUM or HIGH."), level=level[:80])
    return Asked(
        role=printable(role),
        skill=printable(skill),
        level=level,
        requester=printable(requester),
        deployment=deployment,
        version=printable(version),
        since=parse_moment(since, end_of_day=False),
        until=parse_moment(until, end_of_day=True),
    )


def matching(asked: Asked) -> QuerySet[Prediction]:
    """The lines that are asked for, in no order."""
    exact = {name: getattr(asked, name) for name in ("role", "skill", "level", "requester")}
    found = Prediction.objects.select_related("override").order_by()
    found = found.filter(**{name: value for name, value in exact.items() if value})
    if asked.deployment or asked.version:
        found = _answered_by(found, asked)
    return between(found, asked.since, asked.until)


def between(lines: QuerySet[Prediction], since: datetime | None, until: datetime | None) -> QuerySet[Prediction]:
    """The lines of answers given from a moment on, and before another; None does not bound."""
    if since is not None:
        lines = lines.filter(id__gte=first_id(since))
    return lines if until is None else lines.filter(id__lt=first_id(until))


def _answered_by(lines: QuerySet[Prediction], asked: Asked) -> QuerySet[Prediction]:
    """The lines of a deployment, or of a version's: looked for where they can be, as no index has them together."""
    deployments = Deployment.objects.all()
    if asked.deployment:
        deployments = deployments.filter(pk=asked.deployment)
    if asked.version:
        deployments = deployments.filter(version__name=asked.version)
    spans = list(deployments.values_list("pk", "started_at", "ended_at"))
    if not spans:
        return lines.none()
    first = min(started for _key, started, _ended in spans) - _CLOCKS_DIFFER
    ends = [ended + _CLOCKS_DIFFER for _key, _started, ended in spans if ended is not None]
    found = between(lines, first, max(ends) if len(ends) == len(spans) else None)
    return found.filter(deployment__in=[key for key, _started, _ended in spans])


@dataclass(frozen=True, slots=True)
class LoggedLines:
    """Some lines, newest first, and whether there are newer and older ones.

    A page is named by a line beside it, not by a number: lines are only added at the end, so that an address shows the same
    ones until they are purged, and the last page is as fast as the first.
    """

    lines: tuple[Prediction, ...]
    newer: bool
    older: bool


def page_of(
    asked: Asked, *, before: UUID | None = None, after: UUID | None = None, size: int = PAGE_SIZE
) -> LoggedLines:
    """The newest lines that are asked for; those just before a line, or just after it.

    In two queries, and one more where a deployment or a version is asked for.
    """
    found = matching(asked)
    if after is not None:
        lines = list(found.filter(id__gt=after).order_by("id")[: size + 1])
        older = found.filter(id__lte=after).exists()
        return LoggedLines(tuple(reversed(lines[:size])), newer=len(lines) > size, older=older)
    newer = False
    bounded = found
    if before is not None:
        bounded = found.filter(id__lt=before)
        newer = found.filter(id__gte=before).exists()
    lines = list(bounded.order_by("-id")[: size + 1])
    return LoggedLines(tuple(lines[:size]), newer=newer, older=len(lines) > size)


def count_matching(asked: Asked) -> int:
    """How many lines are asked for, counted to ``MOST_COUNTED`` + 1 and no further."""
    return matching(asked)[: MOST_COUNTED + 1].count()


def in_order(asked: Asked) -> Iterator[Prediction]:
    """The lines that are asked for, oldest first; read in batches, as they are consumed."""
    lines = matching(asked).order_by("id")
    batch = list(lines[:BATCH])
    while batch:
        yield from batch
        batch = list(lines.filter(id__gt=batch[-1].id)[:BATCH])


def find_line(identifier: str) -> Prediction:
    """One line.

    Raises:
        PredictionNotFoundError: there is none, or it was purged.
    """
    try:
        key = UUID(identifier)
    except ValueError:
        key = None
    line = Prediction.objects.select_related("override").filter(pk=key).first()
    if line is None:
        raise PredictionNotFoundError(prediction=identifier[:80])
    return line


def lines_of_request(line: Prediction) -> QuerySet[Prediction]:
    """Every answer of the request that a line is of, in the order they were asked."""
    last = UUID(int=line.request_id.int + MOST_ANSWERS)
    return Prediction.objects.filter(id__gt=line.request_id, id__lte=last).order_by("id")


def said(line: Prediction) -> Said:
    """What was answered, with what follows from it (score, confidence, emergence); warnings are codes of the line."""
    shares = line.probabilities and {level: line.probabilities[level] for level in schema.LEVELS}
    return Said(line.level, shares, line.current_level or None)
