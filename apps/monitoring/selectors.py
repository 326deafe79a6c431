"""Reads of what was watched. Never a write."""

from dataclasses import dataclass

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from apps.monitoring.models import Alert, DriftFinding, PerformanceFinding, RetrainRequest, Watch, Window
from apps.registry.models import ModelVersion
from apps.serving.models import Campaign
from future_skills.errors import AlertNotFoundError, RequestNotFoundError, WindowNotFoundError

ALERTING = ("warning", "critical")
"""Severities that somebody has to do something about."""


def series_of(window: Window) -> list[Window]:
    """The windows of a version and a kind up to one of them, oldest first; of two campaigns of a period, the later one."""
    found = Window.objects.filter(version=window.version, kind=window.kind, name__lte=window.name).order_by(
        "name", "pk"
    )
    return list({one.name: one for one in found}.values())


def newest_performances(window: Window) -> list[PerformanceFinding]:
    """The newest performance of each earlier window of the series, oldest first."""
    earlier = [one.pk for one in series_of(window) if one.name < window.name]
    found = PerformanceFinding.objects.filter(window__in=earlier).select_related("window").order_by("pk")
    newest = {one.window_id: one for one in found}
    return sorted(newest.values(), key=lambda one: one.window.name)


def windows() -> QuerySet[Window]:
    """Every window, the newest first."""
    return Window.objects.select_related("version", "campaign").order_by("-pk")


@dataclass(frozen=True, slots=True)
class Known:
    """A window, and the newest of what was found in it; None where there is nothing."""

    window: Window
    finding: DriftFinding | None
    performance: PerformanceFinding | None


def windows_known(*, version: str = "", kind: str = "", before: int | None = None, most: int) -> list[Known]:
    """Windows with what is known of them, newest first, in three queries.

    Args:
        version: exact name of the version; empty asks nothing, as below.
        kind: of ``Window.Kind``.
        before: only windows before that one.
        most: how many at most.
    """
    asked = {"version__name": version, "kind": kind, "pk__lt": before}
    rows = list(windows().filter(**{name: value for name, value in asked.items() if value})[:most])
    findings = {one.window_id: one for one in DriftFinding.objects.filter(window__in=rows).order_by("pk")}
    known = {one.window_id: one for one in PerformanceFinding.objects.filter(window__in=rows).order_by("pk")}
    return [Known(row, findings.get(row.pk), known.get(row.pk)) for row in rows]


def find_window(key: int) -> Window:
    """A window.

    Raises:
        WindowNotFoundError: there is none of that number.
    """
    found = windows().filter(pk=key).first()
    if found is None:
        raise WindowNotFoundError(window=key)
    return found


def newest_finding(window: Window) -> DriftFinding | None:
    """What was found when it was compared, under the newest policy."""
    return DriftFinding.objects.filter(window=window).order_by("-pk").first()


def newest_performance(window: Window) -> PerformanceFinding | None:
    """What is known of its worth."""
    return PerformanceFinding.objects.filter(window=window).order_by("-pk").first()


def alerts() -> QuerySet[Alert]:
    """Every alert: those that nobody acknowledged first, then those that are open; the most severe and newest first."""
    state = Case(
        When(closed_at__isnull=False, then=Value(2)),
        When(acknowledged_at__isnull=False, then=Value(1)),
        default=Value(0),
        output_field=IntegerField(),
    )
    weight = Case(
        When(severity="critical", then=Value(0)),
        When(severity="warning", then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    beside = Alert.objects.select_related("version", "first_window", "last_window")
    return beside.alias(place=state, weight=weight).order_by("place", "weight", "-pk")


def open_alerts() -> QuerySet[Alert]:
    """Those that are not closed."""
    return alerts().filter(closed_at=None)


def alerting() -> QuerySet[Alert]:
    """Those that nobody acknowledged, and that somebody has to do something about."""
    return open_alerts().filter(acknowledged_at=None, severity__in=ALERTING)


def find_alert(key: int) -> Alert:
    """An alert.

    Raises:
        AlertNotFoundError: there is none of that number.
    """
    found = alerts().filter(pk=key).first()
    if found is None:
        raise AlertNotFoundError(alert=key)
    return found


def requests() -> QuerySet[RetrainRequest]:
    """Every retraining request, newest first."""
    return RetrainRequest.objects.select_related("parent", "version", "alert", "report").order_by("-pk")


def find_request(key: int) -> RetrainRequest:
    """A retraining request.

    Raises:
        RequestNotFoundError: there is none of that number.
    """
    found = requests().filter(pk=key).first()
    if found is None:
        raise RequestNotFoundError(request=key)
    return found


# --- What the pages ask besides ---------------------------------------------------------------------------------------------
def last_look() -> Watch | None:
    """When production was looked at last, and by whom; None where nobody ever did."""
    return Watch.objects.filter(pk=1, done_at__isnull=False).first()


def campaigns_to_compare() -> int:
    """Finished campaigns that are no window yet."""
    return Campaign.objects.filter(finished_at__isnull=False, window=None).count()


def series_watched() -> dict[str, list[str]]:
    """Version -> kinds of its windows, the newest version first. One query."""
    pairs = Window.objects.order_by("-version_id", "kind").values_list("version__name", "kind").distinct()
    found: dict[str, list[str]] = {}
    for version, kind in pairs:
        found.setdefault(version, []).append(kind)
    return found


def neighbours(window: Window) -> tuple[Window | None, Window | None]:
    """The windows before and after one in its series; None at its ends."""
    series = Window.objects.filter(version=window.version, kind=window.kind)
    before = series.filter(Q(name__lt=window.name) | Q(name=window.name, pk__lt=window.pk)).order_by("-name", "-pk")
    after = series.filter(Q(name__gt=window.name) | Q(name=window.name, pk__gt=window.pk)).order_by("name", "pk")
    return before.first(), after.first()


def alerts_seen_in(window: Window) -> QuerySet[Alert]:
    """Alerts that a window opened, or in which they were seen last."""
    return alerts().filter(Q(first_window=window) | Q(last_window=window))


def request_of(version: ModelVersion) -> RetrainRequest | None:
    """The retraining request that made a version; None where a person made it."""
    return requests().filter(version=version).first()
