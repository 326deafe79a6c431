"""What an operator wants to know of production at a glance: figures of this process, and figures asked of the rows.

They are prometheus_client's metrics; ``/metrics`` shows them. A label takes few values, and never one that a visitor chose.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.db.models import Count, Min, Q
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult
from prometheus_client import CollectorRegistry, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily

from apps.registry.live import live_deployment, open_suspension
from apps.serving.campaigns.models import Campaign, State
from apps.serving.models import Prediction

PROCESS: Final = CollectorRegistry(auto_describe=True)
"""What a process counts. Every metric of it has a label: its first value is made when it is counted, not at import."""

LOG_LAG: Final = Histogram(
    "future_skills_log_lag_seconds",
    "Time that an answer waited until its lines were committed to the prediction log.",
    ["outcome"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0),
    registry=PROCESS,
)
"""``outcome``: committed, or refused by the database (nothing was answered then)."""

UNDER_WAY: Final = (State.WAITING, State.RUNNING, State.INTERRUPTED)


def production_figures() -> Iterator[Metric]:
    """What the rows say now, in six queries that do not grow with the log.

    Yields:
        Metrics; moments are seconds since 1970. What does not exist (no version is live, the log is empty) has no sample.
    """
    now = timezone.now()
    yield from _live(now)
    yield from _log(now)
    yield from _tasks(now)
    yield _campaigns(now)


def _live(now: datetime) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "future_skills_live_info", "The version in production.", labels=["version", "deployment", "manifest"]
    )
    since = GaugeMetricFamily("future_skills_live_since_timestamp_seconds", "When it was put there.")
    age = GaugeMetricFamily("future_skills_live_age_seconds", "How long it has been there.")
    deployment = live_deployment()
    if deployment is not None:
        version = deployment.version
        info.add_metric([version.name, str(deployment.pk), version.manifest_sha256[:12]], 1.0)
        since.add_metric([], deployment.started_at.timestamp())
        age.add_metric([], _age(deployment.started_at, now))
    yield from (info, since, age)
    suspended = float(open_suspension() is not None)
    yield GaugeMetricFamily("future_skills_suspended", "1 while predictions are suspended.", suspended)


def _log(now: datetime) -> Iterator[Metric]:
    newest = Prediction.objects.order_by("-id").values_list("at", flat=True).first()
    silence = GaugeMetricFamily("future_skills_log_newest_line_age_seconds", "Time since the newest line of the log.")
    if newest is not None:
        silence.add_metric([], _age(newest, now))
    yield silence


def _tasks(now: datetime) -> Iterator[Metric]:
    """The queue of background tasks; one that is to run later is not waiting yet."""
    due = DBTaskResult.objects.ready()  # type: ignore[attr-defined]
    waiting = due.aggregate(count=Count("pk"), oldest=Min("enqueued_at"))
    others = DBTaskResult.objects.aggregate(
        running=Count("pk", filter=Q(status=TaskResultStatus.RUNNING)),
        failed=Count("pk", filter=Q(status=TaskResultStatus.FAILED)),
    )
    tasks = GaugeMetricFamily("future_skills_tasks", "Background tasks in the queue, by state.", labels=["state"])
    for state, number in {"waiting": waiting["count"], **others}.items():
        tasks.add_metric([state], number)
    yield tasks
    oldest = GaugeMetricFamily(
        "future_skills_tasks_oldest_waiting_age_seconds", "How long the oldest waits; 0 if none."
    )
    oldest.add_metric([], _age(waiting["oldest"], now) if waiting["oldest"] else 0.0)
    yield oldest


def _campaigns(now: datetime) -> Metric:
    open_ones = Campaign.objects.filter(finished_at=None, failed_at=None)
    counted = Counter(campaign.state_at(now) for campaign in open_ones)
    metric = GaugeMetricFamily("future_skills_campaigns", "Campaigns under way, by state.", labels=["state"])
    for state in UNDER_WAY:
        metric.add_metric([str(state)], counted[state])
    return metric


def _age(moment: datetime, now: datetime) -> float:
    """Seconds; 0 where a clock of another machine is ahead."""
    return max(0.0, (now - moment).total_seconds())
