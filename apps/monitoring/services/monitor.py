"""Verb: look at every window that nobody looked at yet, and at what became of the others."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Final

import polars as pl
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record
from apps.monitoring.mail import send_alerts
from apps.monitoring.models import (
    MARKET_SIGNAL,
    PERFORMANCE_FALL,
    Alert,
    DriftFinding,
    PerformanceFinding,
    RetrainRequest,
    Watch,
    Window,
)
from apps.monitoring.policies import active_monitoring_policy
from apps.monitoring.references import reference_of, same_pairs
from apps.monitoring.retraining import request_by_policy
from apps.monitoring.selectors import newest_performances, series_of
from apps.monitoring.tasks import run_retraining
from apps.monitoring.telling import tell_registry
from apps.monitoring.windows import DEFAULT_KINDS, Pending, answers_of, pending
from apps.registry.models import ModelVersion
from apps.registry.store import version_rows
from apps.serving.leases import new_holder
from apps.workforce.selectors import facts_changed_since, newest_event, snapshots_frame
from future_skills import schema
from future_skills.drift import compare
from future_skills.drift_report import DriftReport, persisting
from future_skills.errors import MonitoringBusyError, NotReproducibleError
from future_skills.estimate import Estimate, PastWindow, estimate
from future_skills.labels import HORIZON_MONTHS, TOLERANCE_MONTHS
from future_skills.monitoring_policy import MonitoringPolicy
from future_skills.performance import Performance, gradual_fall, performance

LEASE: Final = timedelta(minutes=30)
"""How long a process may work at one window before another one takes over."""

Report = Callable[[str], None]


@dataclass(slots=True)
class Monitored:
    """What was found.

    Attributes:
        windows: those that were looked at for the first time.
        updated: those about which later facts said something new.
        opened: alerts that were opened.
        passed_over: windows that cannot be compared, and why.
        request: for a retraining, where the policy asks for one.
    """

    windows: list[Window] = field(default_factory=list)
    updated: list[Window] = field(default_factory=list)
    opened: list[Alert] = field(default_factory=list)
    passed_over: list[tuple[str, str, NotReproducibleError]] = field(default_factory=list)
    request: RetrainRequest | None = None


@verb(Right.MONITOR)
def monitor(*, actor: Actor, kinds: Sequence[str] = DEFAULT_KINDS, on_step: Report = lambda _words: None) -> Monitored:
    """Look at what is new. Done twice, the second time finds nothing to do; windows that were missed are caught up.

    Each window is a transaction of its own: whoever takes over goes on behind the last one.

    Args:
        actor: who does.
        kinds: of windows (``Window.Kind``).
        on_step: called with the name of each window that is looked at.

    Raises:
        MonitoringBusyError: another process does it.
        ArtifactError: a version's file, or a campaign's, cannot be trusted.
    """
    done, policy = Monitored(), active_monitoring_policy()
    with _alone(actor) as go_on:
        for one in pending(kinds, now=timezone.now()):
            go_on()
            on_step(f"{one.version.name} {one.name}")
            try:
                _look_at(one, policy, actor, done)
            except NotReproducibleError as error:
                done.passed_over.append((one.version.name, one.name, error))
        observed = cache(snapshots_frame)
        for window in _to_look_up():
            go_on()
            on_step(f"{window.version.name} {window.name}")
            _look_up(window, observed, policy, actor, done)
        with transaction.atomic():
            tell_registry(name=actor.name)
        done.request = request_by_policy(policy=policy, opened=done.opened)
    if done.request is not None and not done.request.over:
        run_retraining.enqueue(done.request.pk)
    send_alerts(done.opened)
    return done


@contextmanager
def _alone(actor: Actor) -> Iterator[Callable[[], None]]:
    """The only process that monitors, as long as it says in time that it goes on.

    Raises:
        MonitoringBusyError: another one does.
    """
    holder = new_holder()
    Watch.objects.get_or_create(pk=1)
    now = timezone.now()
    free = Q(holder="") | Q(until__lt=now)
    if not Watch.objects.filter(free, pk=1).update(holder=holder, until=now + LEASE):
        raise MonitoringBusyError(holder=Watch.objects.get(pk=1).holder or "—")

    def go_on() -> None:
        if not Watch.objects.filter(pk=1, holder=holder).update(until=timezone.now() + LEASE):
            raise MonitoringBusyError(holder=Watch.objects.get(pk=1).holder or "—")

    try:
        yield go_on
        Watch.objects.filter(pk=1, holder=holder).update(done_at=timezone.now(), done_by=actor.name)
    finally:
        Watch.objects.filter(pk=1, holder=holder).update(holder="", until=None)


# --- A window for the first time --------------------------------------------------------------------------------------------
def _look_at(one: Pending, policy: MonitoringPolicy, actor: Actor, done: Monitored) -> None:
    """Compare a window with what its version stands on, and keep what was found.

    Raises:
        NotReproducibleError: see ``reference_of``.
        ArtifactError: a version's file, or a campaign's, cannot be trusted.
    """
    reference, answers = reference_of(one.version), answers_of(one)
    asked = same_pairs(reference, answers) if one.campaign is None else None  # a campaign holds every pair
    report = compare(reference.words, answers, policy, same_pairs=asked)
    with transaction.atomic():
        window = one.row()
        window.save(force_insert=True)
        DriftFinding(
            window=window,
            policy_sha256=policy.sha256,
            alarms=len(report.alarms),
            made_at=timezone.now(),
            content=report.to_dict(),
        ).save()
        opened = _alerts_of_drift(window, report, policy)
        record(
            actor=actor,
            action="monitoring.look_at",
            object_type="window",
            object_id=f"{one.version.name} {one.name}",
            details={
                "version": one.version.name,
                "kind": one.kind,
                "name": one.name,
                "rows": one.rows,
                "campaign": one.campaign.pk if one.campaign else None,
                "alarms": [f"{alarm.kind} {alarm.feature}" for alarm in report.alarms],
                "alerts": [alert.pk for alert in opened],
                "policy_sha256": policy.sha256,
            },
        )
    done.windows.append(window)
    done.opened += opened


def _alerts_of_drift(window: Window, report: DriftReport, policy: MonitoringPolicy) -> list[Alert]:
    """What persists over the last windows of the series, and figures of the market that training never saw."""
    earlier = [one for one in series_of(window) if one.name != window.name]
    findings = DriftFinding.objects.filter(window__in=earlier, policy_sha256=policy.sha256).select_related("window")
    by_window = {finding.window_id: finding.words for finding in findings}
    reports = [*(by_window[one.pk] for one in earlier if one.pk in by_window), report]
    alarms = list(persisting(reports, policy.drift.persistence))
    opened = [_told(window, alarm.kind, alarm.feature, alarm.severity, {}) for alarm in alarms]
    opened += [
        _told(window, MARKET_SIGNAL, signal.feature, policy.severity.market_signal, {"now": signal.now})
        for signal in report.signals
        if signal.outside
    ]
    return [alert for alert in opened if alert is not None]


def _told(window: Window, kind: str, feature: str, severity: str, details: dict[str, object]) -> Alert | None:
    """Open an alert; None where there is an open one already, which then follows this window."""
    about = {"version": window.version, "series": window.kind, "kind": kind, "feature": feature}
    if Alert.objects.filter(**about, closed_at=None).update(last_window=window):
        return None
    return Alert.objects.create(
        **about,
        severity=severity,
        first_window=window,
        last_window=window,
        details=details,
        opened_at=timezone.now(),
    )


# --- What became of the others ----------------------------------------------------------------------------------------------
def _to_look_up() -> Iterator[Window]:
    """The windows that facts imported since may say something new about, oldest first."""
    changed = cache(facts_changed_since)
    for window in Window.objects.select_related("version__dataset", "campaign").order_by("name", "pk"):
        if window.checked_event is None or changed(window.checked_event):
            yield window


def _look_up(
    window: Window, observed: Callable[[], pl.DataFrame], policy: MonitoringPolicy, actor: Actor, done: Monitored
) -> None:
    """Join what was answered with what was observed since, where there is something new."""
    event, reference = newest_event(), reference_of(window.version)
    whole = answers_of(window)
    if len(whole) < window.rows:  # its lines were purged: what is known of them stays as it was
        Window.objects.filter(pk=window.pk).update(checked_event=event)
        return
    answers = _one_per_pair(whole)
    horizon, tolerance = label_months(window.version)
    found = performance(
        answers,
        observed(),
        horizon_months=horizon,
        tolerance_months=tolerance,
        minimum_rows=policy.performance.minimum_rows,
        declared=reference.declared_figures,
    )
    guessed = _estimated(window, answers, policy)
    last = PerformanceFinding.objects.filter(window=window).first()
    content = found.model_dump(mode="json")
    told = guessed.model_dump(mode="json")
    with transaction.atomic():
        Window.objects.filter(pk=window.pk).update(checked_event=event)
        if last is not None and (last.content, last.estimate) == (content, told):
            return
        PerformanceFinding(
            window=window,
            policy_sha256=policy.sha256,
            facts_event=event,
            labelled=found.counts.labelled,
            made_at=timezone.now(),
            content=content,
            estimate=told,
        ).save()
        opened = _alert_of_fall(window, policy)
        record(
            actor=actor,
            action="monitoring.look_up",
            object_type="window",
            object_id=f"{window.version.name} {window.name}",
            details={
                "version": window.version.name,
                "kind": window.kind,
                "name": window.name,
                "labelled": found.counts.labelled,
                "accuracy": found.measured.metrics.accuracy if found.measured else None,
                "alerts": [alert.pk for alert in opened],
            },
        )
    done.updated.append(window)
    done.opened += opened


def _one_per_pair(answers: pl.DataFrame) -> pl.DataFrame:
    """The last answer about each pair and period: a pair that many ask about is one fact."""
    return answers.unique(subset=schema.SNAPSHOT_KEY, keep="last", maintain_order=True)


def label_months(version: ModelVersion) -> tuple[int, int]:
    """Horizon and tolerance of the labels that a version was trained on, in months; the default ones where it does not say."""
    labels = version.dataset.card.get("labels", {}) if version.dataset else {}
    return (
        labels.get("horizon_months") or HORIZON_MONTHS,
        TOLERANCE_MONTHS if labels.get("tolerance_months") is None else labels["tolerance_months"],
    )


def _estimated(window: Window, answers: pl.DataFrame, policy: MonitoringPolicy) -> Estimate:
    """What share should turn out right; what was known of earlier windows widens or narrows it."""
    past = [
        PastWindow(
            period=one.window.name,
            expected=guess.expected,
            low=guess.low,
            high=guess.high,
            realised=known.measured.metrics.accuracy,
        )
        for one in newest_performances(window)
        if (known := one.words).measured is not None
        and (guess := one.estimated).expected is not None
        and guess.low is not None
        and guess.high is not None
    ]
    return estimate(
        answers,
        version_rows(window.version),
        window.version.words.profile,
        past=past,
        minimum_rows=policy.performance.minimum_rows,
        confidence=policy.performance.confidence,
    )


def _alert_of_fall(window: Window, policy: MonitoringPolicy) -> list[Alert]:
    """Windows in a row whose accuracy lies below what the version declared."""
    known = [*newest_performances(window), *PerformanceFinding.objects.filter(window=window).order_by("-pk")[:1]]
    windows: list[Performance] = [one.words for one in known]
    fall = gradual_fall(windows, consecutive=policy.performance.consecutive_windows)
    if fall is None:
        return []
    alert = _told(window, PERFORMANCE_FALL, fall.metric, policy.severity.performance_fall, fall.model_dump(mode="json"))
    return [] if alert is None else [alert]
