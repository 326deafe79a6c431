"""Reads of the audit log: filters, pages that stay fast in a log of any length, and the log in order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.audit.services import BATCH
from apps.audit.words import OBJECTS
from future_skills.errors import UsageError, translatable

DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")

PAGE_SIZE: Final = 50

MOST_COUNTED: Final = 10_000
"""Beyond, a filter is said to keep “more than” that many: counting them all would read them all."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which events are asked for; what is empty or None asks nothing.

    Attributes:
        actor: exact name.
        action: code of the act (``registry.deploy``).
        object_type: kind of object (``version``).
        object_id: exact name of the object.
        since: from that moment on.
        until: before that moment.
    """

    actor: str = ""
    action: str = ""
    object_type: str = ""
    object_id: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def empty(self) -> bool:
        """Whether every event is asked for."""
        return self == LogFilter()


def log_filter(*, actor: str = "", action: str = "", about: str = "", since: str = "", until: str = "") -> LogFilter:
    """A filter as people write it.

    Args:
        actor: exact name.
        action: code of the act.
        about: name of an object (``v2``), its kind and its name (``version:v2``), or a kind (``version:``).
        since: a day or a moment, in the time zone of the installation where it names none.
        until: the same; a day is in it to its end.

    Raises:
        UsageError: a day or a moment that is none.
    """
    kind, colon, name = about.strip().partition(":")
    known = bool(colon) and kind in OBJECTS
    return LogFilter(
        actor=printable(actor),
        action=printable(action),
        object_type=kind if known else "",
        object_id=printable(name if known else about),
        since=parse_moment(since, end_of_day=False),
        until=parse_moment(until, end_of_day=True),
    )


def printable(text: str) -> str:
    """Its characters that print: no column holds a NUL, and PostgreSQL refuses to look for one."""
    return "".join(filter(str.isprintable, text)).strip()


def parse_moment(text: str, *, end_of_day: bool) -> datetime | None:
    """The moment that somebody wrote; None for nothing.

    Args:
        text: a day or a moment, in the time zone of the installation where it names none.
        end_of_day: whether a day means its end.

    Raises:
        UsageError: it is neither.
    """
    text = text.strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if end_of_day and DAY.fullmatch(text):
            moment += timedelta(days=1)
        return (moment if moment.tzinfo else timezone.make_aware(moment)).astimezone(UTC)
    except (ValueError, OverflowError) as error:  # OverflowError: the ends of the calendar
        raise UsageError(
            translatable("“{text}” is no day and no moment."),
            hint=translatable("Write 2026-03-03 or 2026-03-03T10:00."),
            text=text[:80],
        ) from error


def matching(asked: LogFilter) -> QuerySet[AuditEvent]:
    """The events that a filter keeps, in no order."""
    bounds = {"at__gte": asked.since, "at__lt": asked.until}
    exact = {name: getattr(asked, name) for name in ("actor", "action", "object_type", "object_id")}
    return AuditEvent.objects.order_by().filter(**{name: value for name, value in (exact | bounds).items() if value})


def in_order(asked: LogFilter, *, last: int) -> Iterator[AuditEvent]:
    """The events that a filter keeps, oldest first, up to the one numbered ``last``; read in batches, as they are consumed."""
    events = matching(asked).filter(sequence__lte=last).order_by("sequence")
    batch = list(events[:BATCH])
    while batch:
        yield from batch
        batch = list(events.filter(sequence__gt=batch[-1].sequence)[:BATCH])


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some events, newest first, and whether there are newer and older ones.

    A page is named by an event beside it, not by a number: events are only added, so that an address shows the same events
    for ever, and the last page is as fast as the first.
    """

    events: tuple[AuditEvent, ...]
    newer: bool
    older: bool


def log_page(
    asked: LogFilter, *, before: int | None = None, after: int | None = None, size: int = PAGE_SIZE
) -> LogPage:
    """The newest events that a filter keeps; those just before an event, or just after it. In two queries."""
    found = matching(asked)
    if after is not None:
        events = list(found.filter(sequence__gt=after).order_by("sequence")[: size + 1])
        shown = tuple(reversed(events[:size]))
        older = found.filter(sequence__lte=after).exists()
        return LogPage(shown, newer=len(events) > size, older=older)
    bounded = found if before is None else found.filter(sequence__lt=before)
    events = list(bounded.order_by("-sequence")[: size + 1])
    newer = before is not None and found.filter(sequence__gte=before).exists()
    return LogPage(tuple(events[:size]), newer=newer, older=len(events) > size)


def count_matching(asked: LogFilter) -> int:
    """How many events a filter keeps, counted to ``MOST_COUNTED`` + 1 and no further."""
    return matching(asked)[: MOST_COUNTED + 1].count()
