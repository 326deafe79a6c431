"""Which windows there are to look at, and the answers in each. Never a write."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl
from django.db.models import Count, Max
from django.db.models.functions import TruncDay, TruncMonth, TruncWeek
from django.utils import timezone

from apps.monitoring.models import Window
from apps.registry.models import ModelVersion
from apps.registry.store import campaign_path
from apps.serving.logged import between
from apps.serving.models import Campaign, Prediction
from apps.workforce.selectors import snapshots_at
from future_skills import schema

Kind = Window.Kind

DEFAULT_KINDS: Final = (Kind.CAMPAIGN, Kind.MONTH)
"""What is looked at unless something else is asked for."""

_TRUNCATED: Final = {Kind.DAY: TruncDay, Kind.WEEK: TruncWeek, Kind.MONTH: TruncMonth}
_AT_ONCE: Final = 20_000
"""Lines of the log turned into columns at a time."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A window that nobody looked at yet.

    Attributes:
        version: that answered.
        campaign: the campaign; None for a slice of the log.
        kind, name, start, end, rows: see ``Window``.
    """

    version: ModelVersion
    kind: str
    name: str
    campaign: Campaign | None
    start: datetime
    end: datetime
    rows: int

    def row(self) -> Window:
        """The row to be written."""
        names = ("version", "kind", "name", "campaign", "start", "end", "rows")
        return Window(**{name: getattr(self, name) for name in names}, made_at=timezone.now())


def pending(kinds: Iterable[str], *, now: datetime) -> Iterator[Pending]:
    """Every complete window that nobody looked at yet, those that were missed included; of each kind, oldest first.

    Args:
        kinds: of ``Window.Kind``.
        now: a slice is complete once it is over.
    """
    for kind in dict.fromkeys(kinds):
        yield from _campaigns() if kind == Kind.CAMPAIGN else _slices(Kind(kind), now)


def _campaigns() -> Iterator[Pending]:
    found = Campaign.objects.filter(finished_at__isnull=False, window=None).select_related("deployment__version")
    for campaign in found.order_by("period", "pk"):
        yield Pending(
            version=campaign.deployment.version,
            kind=Kind.CAMPAIGN,
            name=campaign.period,
            campaign=campaign,
            start=campaign.requested_at,
            end=campaign.finished_at or campaign.requested_at,
            rows=campaign.pairs or 0,
        )


def _slices(kind: Window.Kind, now: datetime) -> Iterator[Pending]:
    """Slices of the log that are over, from the last one that was looked at on: several versions may have answered in it."""
    last = Window.objects.filter(kind=kind).aggregate(last=Max("start"))["last"]
    lines = between(Prediction.objects.order_by(), last, _start_of(kind, now))
    looked_at = set(Window.objects.filter(kind=kind, start=last).values_list("version", "start")) if last else set()
    found = (
        lines.annotate(slice=_TRUNCATED[kind]("at"))
        .values("slice", "deployment__version")
        .annotate(rows=Count("pk"))
        .order_by("slice", "deployment__version")
    )
    versions: dict[int, ModelVersion] = {}
    for one in found:
        key, start = one["deployment__version"], timezone.localtime(one["slice"])
        if (key, start) in looked_at:
            continue
        if key not in versions:
            versions[key] = ModelVersion.objects.get(pk=key)
        yield Pending(versions[key], kind, slice_name(kind, start), None, start, _next(kind, start), one["rows"])


def _start_of(kind: Window.Kind, moment: datetime) -> datetime:
    """First moment of the slice that a moment is in, in the time zone of the installation."""
    day = timezone.localtime(moment).replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == Kind.MONTH:
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if kind == Kind.WEEK else day


def _next(kind: Window.Kind, start: datetime) -> datetime:
    """First moment behind a slice: days are counted in the calendar, not in hours."""
    days = {Kind.DAY: 1, Kind.WEEK: 7, Kind.MONTH: 31}[kind]
    later = start.replace(tzinfo=None) + timedelta(days=days)
    return timezone.make_aware(later.replace(day=1) if kind == Kind.MONTH else later, start.tzinfo)


def slice_name(kind: str, start: datetime) -> str:
    """``2026-11-24``, ``2026-W48`` or ``2026-11``."""
    year, week, _day = start.isocalendar()
    return {Kind.DAY: f"{start:%Y-%m-%d}", Kind.WEEK: f"{year}-W{week:02}", Kind.MONTH: f"{start:%Y-%m}"}[Kind(kind)]


# --- Their answers --------------------------------------------------------------------------------------------------------
def answers_of(window: Pending | Window) -> pl.DataFrame:
    """The answers of a window, as a campaign keeps them: key, level now, ``ANSWERS`` and what the version read.

    Raises:
        ArtifactError: a campaign's result is gone, or was changed.
    """
    if window.campaign is not None:
        return pl.read_parquet(campaign_path(window.campaign.result_sha256))
    return logged_answers(window.version, window.start, window.end)


def logged_answers(version: ModelVersion, start: datetime, end: datetime) -> pl.DataFrame:
    """The answers of a version in a stretch of the prediction log, in its order.

    A line holds what the version had read. Base features that it does not read are those of the snapshot it was completed from:
    they are watched too, and say which facts are one.
    """
    lines = between(Prediction.objects.filter(deployment__version=version).order_by("id"), start, end)
    taken = (
        "at",
        "period",
        "role",
        "skill",
        "current_level",
        "level",
        "probabilities",
        "warnings",
        "abstained",
        "inputs",
    )
    parts: list[pl.DataFrame] = []
    rows: list[dict[str, Any]] = []
    for values in lines.values_list(*taken).iterator(chunk_size=_AT_ONCE):
        rows.append(_answer(*values))
        if len(rows) == _AT_ONCE:
            parts.append(_frame(rows, version))
            rows = []
    answers = pl.concat([*parts, _frame(rows, version)])
    unread = [name for name in schema.BASE_FEATURES if name not in answers.columns]
    if not unread:
        return answers
    periods = answers[schema.PERIOD].unique().to_list()
    facts = pl.concat([snapshots_at(""), *map(snapshots_at, periods)])
    return answers.join(
        facts.select(*schema.SNAPSHOT_KEY, *unread), on=schema.SNAPSHOT_KEY, how="left", maintain_order="left"
    )


def _answer(
    at: datetime,
    period: str,
    role: str,
    skill: str,
    current: str,
    level: str,
    shares: dict[str, float] | None,
    warnings: list[str],
    abstained: bool,
    inputs: dict[str, Any],
) -> dict[str, Any]:
    by_level = {one.lower(): shares[one] if shares else None for one in schema.LEVELS}
    return {
        **inputs,
        schema.PERIOD: period or f"{timezone.localtime(at):%Y-%m}",  # a pair without a snapshot was asked about then
        schema.ROLE: role,
        schema.SKILL: skill,
        schema.CURRENT_LEVEL: current or None,
        "level": level,
        **by_level,
        "confidence": max(shares.values()) if shares else None,
        "warnings": ",".join(warnings),
        "abstained": abstained,
    }


def _frame(rows: list[dict[str, Any]], version: ModelVersion) -> pl.DataFrame:
    features = version.words.features
    texts = (*schema.SNAPSHOT_KEY, schema.CURRENT_LEVEL, *features.categorical, "level", "warnings")
    numbers = (*features.numeric, *features.history, "low", "medium", "high", "confidence")
    # the level now is one of the history features, and a text
    types: dict[str, Any] = dict.fromkeys(numbers, pl.Float64) | dict.fromkeys(texts, pl.String)
    return pl.DataFrame(rows, schema=types | {"abstained": pl.Boolean})
