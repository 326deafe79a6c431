"""What an operator wants to know of monitoring at a glance; ``/metrics`` shows it."""

from collections.abc import Iterator

from django.db.models import Count, Q
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from apps.monitoring.models import SEVERITIES, Alert, RetrainRequest, Watch, Window
from apps.monitoring.selectors import newest_finding, newest_performance
from apps.registry.live import live_deployment


def monitoring_figures() -> Iterator[Metric]:
    """What the rows say now, in six queries that do not grow with the windows.

    Yields:
        Metrics; moments are seconds since 1970. What does not exist (nothing was looked at, no level is observed) has no
        sample.
    """
    yield _looked_at()
    yield from _last_window()
    yield _alerts()
    under_way = RetrainRequest.objects.filter(finished_at=None, failed_at=None).count()
    yield GaugeMetricFamily("future_skills_retrainings_under_way", "Retraining requests that are not over.", under_way)


def _looked_at() -> Metric:
    metric = GaugeMetricFamily("future_skills_monitored_timestamp_seconds", "When production was looked at last.")
    done_at = Watch.objects.filter(pk=1).values_list("done_at", flat=True).first()
    if done_at is not None:
        metric.add_metric([], done_at.timestamp())
    return metric


def _last_window() -> Iterator[Metric]:
    """The newest window of the version in production."""
    labels = ["version", "kind", "window"]
    alarms = GaugeMetricFamily("future_skills_drift_alarms", "Alarms of drift in the last window.", labels=labels)
    accuracy = GaugeMetricFamily(
        "future_skills_window_accuracy", "Share right where levels were observed, in the last window.", labels=labels
    )
    live = live_deployment()
    window = Window.objects.filter(version=live.version).order_by("-pk").first() if live else None
    if window is not None:
        values = [live.version.name if live else "", window.kind, window.name]
        finding, known = newest_finding(window), newest_performance(window)
        if finding is not None:
            alarms.add_metric(values, finding.alarms)
        if known is not None and (measured := known.words.measured) is not None:
            accuracy.add_metric(values, measured.metrics.accuracy)
    yield alarms
    yield accuracy


def _alerts() -> Metric:
    """Alerts that are open, of each severity; zero where there is none, so that a rule may compare."""
    metric = GaugeMetricFamily(
        "future_skills_alerts_open", "Alerts that nobody closed.", labels=["severity", "acknowledged"]
    )
    waits = Count("pk", filter=Q(acknowledged_at=None))
    found = (
        Alert.objects.filter(closed_at=None)
        .order_by()
        .values_list("severity")
        .annotate(waiting=waits, read=Count("pk") - waits)
    )
    counts = {severity: (waiting, read) for severity, waiting, read in found}
    for severity in SEVERITIES:
        for acknowledged, count in zip(("no", "yes"), counts.get(severity, (0, 0)), strict=True):
            metric.add_metric([severity, acknowledged], count)
    return metric
