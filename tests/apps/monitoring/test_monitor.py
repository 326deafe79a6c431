"""Windows are compared once, met by what was observed since, and persistent findings open one alert."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl
import pytest
from django.core import mail
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.audit.services import verify_chain
from apps.monitoring import windows
from apps.monitoring.figures import monitoring_figures
from apps.monitoring.models import Alert, DriftFinding, PerformanceFinding, Reference, Watch, Window
from apps.monitoring.references import newest_period_known, reference_of
from apps.registry.models import Deployment, ModelVersion, WatchSummary
from apps.registry.services.page import registry_page_text
from apps.serving import predictions
from apps.serving.models import Prediction
from future_skills import schema
from future_skills.errors import MonitoringBusyError, PermissionDeniedError
from tests.apps.monitoring.conftest import looked_at
from tests.apps.registry import factories
from tests.apps.registry.promotion import AUDE, OLIVIER

pytestmark = pytest.mark.django_db

Run = Callable[..., tuple[int, str, str]]
Make = Callable[..., Any]


@pytest.fixture
def newest(small_company: pl.DataFrame) -> str:
    return str(small_company[schema.PERIOD].max())


# --- What a version stands on -----------------------------------------------------------------------------------------------
def test_the_reference_is_the_training_rows_and_the_newest_snapshot_known_then(
    live: Deployment, newest: str, next_quarter: Make
) -> None:
    next_quarter("2030-03")  # came after the version was registered
    assert newest_period_known(live.version) == newest
    reference = reference_of(live.version)
    trained = live.version.words.split.train_periods
    assert reference.words.periods == tuple(sorted({*trained, newest}))
    assert reference.declared_figures.metrics.accuracy == pytest.approx(live.version.accuracy)
    assert reference_of(live.version).pk == reference.pk
    assert Reference.objects.count() == 1


# --- Windows ----------------------------------------------------------------------------------------------------------------
def test_a_window_is_looked_at_once(scored: Make, newest: str) -> None:
    window = scored(newest)
    assert (window.kind, window.name, window.rows) == ("campaign", newest, window.campaign.pairs)
    assert window.findings.get().words.rows == window.rows
    again = looked_at()
    assert (again.windows, again.updated, again.opened) == ([], [], [])
    assert DriftFinding.objects.count() == PerformanceFinding.objects.count() == 1
    assert verify_chain() >= 1


def test_the_newest_snapshot_itself_is_quiet(scored: Make, newest: str) -> None:
    assert scored(newest).findings.get().words.alarms == ()
    assert not Alert.objects.exists()


def test_what_was_missed_is_caught_up_oldest_first(done: Make, live: Deployment, small_company: pl.DataFrame) -> None:
    periods = small_company[schema.PERIOD].unique().sort().to_list()[-3:]
    for period in reversed(periods):
        done(period=period)
    assert [window.name for window in looked_at().windows] == periods


def test_a_slice_of_the_log_holds_what_was_answered_in_it(
    live: Deployment, newest: str, small_company: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = small_company.filter(pl.col(schema.PERIOD) == newest).head(60)
    asked = rows.select(schema.ROLE, schema.SKILL).to_dicts()
    last_month = timezone.now().replace(day=1) - timedelta(days=3)
    with monkeypatch.context() as earlier:
        earlier.setattr(predictions.timezone, "now", lambda: last_month)
        predictions.predict(asked, actor=OLIVIER)
    predictions.predict(asked[:5], actor=OLIVIER)  # of a month that is not over
    done = looked_at(kinds=["month", "day"])
    assert {(window.kind, window.rows) for window in done.windows} == {("month", 60), ("day", 60)}
    month = next(window for window in done.windows if window.kind == "month")
    assert month.name == f"{timezone.localtime(last_month):%Y-%m}"
    answers = windows.answers_of(month)
    lines = Prediction.objects.filter(at__lt=month.end).order_by("at", "id")
    assert answers["level"].to_list() == [line.level for line in lines]
    assert answers["high"].to_list() == [line.probabilities["HIGH"] for line in lines]
    assert answers["trend_score"].to_list() == [line.inputs["trend_score"] for line in lines]
    assert looked_at(kinds=["month", "day"]).windows == []


def test_who_asks_about_what_is_no_drift(
    live: Deployment,
    next_quarter: Callable[..., str],
    newest: str,
    small_company: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same questions, about what is asked for most: first of the newest quarter, then of one where all of it moved."""
    now = small_company.filter(pl.col(schema.PERIOD) == newest)
    pairs = now.top_k(110, by="training_requests")
    asked = pairs.select(schema.ROLE, schema.SKILL).to_dicts()
    first, second = (timezone.now() - timedelta(days=days) for days in (3, 2))
    with monkeypatch.context() as earlier:
        earlier.setattr(predictions.timezone, "now", lambda: first)
        predictions.predict(asked, actor=OLIVIER)
    next_quarter("2027-01", training_requests=30.0)
    with monkeypatch.context() as earlier:
        earlier.setattr(predictions.timezone, "now", lambda: second)
        predictions.predict(asked, actor=OLIVIER)
    quiet, moved = (window.findings.get().words for window in looked_at(kinds=["day"]).windows)
    assert (quiet.same_pairs, quiet.alarms) == (len(pairs), ())
    assert "training_requests" in {alarm.feature for alarm in moved.alarms}


def test_a_slice_in_which_two_versions_answered_is_looked_at_for_both(
    live: Deployment,
    registered: list[ModelVersion],
    newest: str,
    small_company: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = small_company.filter(pl.col(schema.PERIOD) == newest).head(20).select(schema.ROLE, schema.SKILL).to_dicts()
    two_days_ago = timezone.now() - timedelta(days=2)
    with monkeypatch.context() as earlier:
        earlier.setattr(predictions.timezone, "now", lambda: two_days_ago)
        predictions.predict(asked, actor=OLIVIER)
    first = looked_at(kinds=["day"]).windows
    other = factories.deployment(registered[1], kind="rollback", reason="Essai.")
    lines = list(Prediction.objects.all())
    for line in lines:  # as if v2 had answered in the same day, and nobody had looked at that yet
        line._state.adding = True
        line.deployment, line.version, line.pk = other, "v2", uuid.UUID(int=line.pk.int + 1000)
    Prediction.objects.bulk_create(lines)
    second = looked_at(kinds=["day"]).windows
    assert [(window.version.name, window.name) for window in (*first, *second)] == [
        ("v1", first[0].name),
        ("v2", first[0].name),
    ]


def test_a_look_that_fails_is_no_look(
    live: Deployment, done: Make, newest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(period=newest)

    def fails(*_args: Any, **_named: Any) -> None:
        raise OSError("the disk")

    with monkeypatch.context() as failing:
        failing.setattr("apps.monitoring.services.monitor.compare", fails)
        with pytest.raises(OSError, match="the disk"):
            looked_at()
    watch = Watch.objects.get()
    assert (watch.holder, watch.done_at) == ("", None)
    assert len(looked_at().windows) == 1
    assert Watch.objects.get().done_at is not None


def test_a_slice_of_a_version_that_reads_the_history_is_looked_at_too(
    history_live: Deployment, newest: str, small_company: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = small_company.filter(pl.col(schema.PERIOD) == newest)
    two_days_ago = timezone.now() - timedelta(days=2)
    with monkeypatch.context() as earlier:
        earlier.setattr(predictions.timezone, "now", lambda: two_days_ago)
        predictions.predict(rows.select(schema.ROLE, schema.SKILL).to_dicts(), actor=OLIVIER)
    (window,) = looked_at(kinds=["day"]).windows
    assert (window.version, window.rows) == (history_live.version, len(rows))
    answers = windows.answers_of(window)
    assert answers[schema.CURRENT_LEVEL].drop_nulls().is_in(schema.LEVELS).all()
    report = window.findings.get().words
    assert report.alarms == ()  # the newest snapshot, as the version knew it
    assert window.performances.get().estimated.conditions


@pytest.mark.parametrize(
    ("kind", "start", "name", "end"),
    [
        ("day", "2026-03-29", "2026-03-29", "2026-03-30"),  # 23 hours long in Paris
        ("week", "2026-12-28", "2026-W53", "2027-01-04"),
        ("month", "2026-12-01", "2026-12", "2027-01-01"),
    ],
)
def test_slices_follow_the_calendar(kind: str, start: str, name: str, end: str) -> None:
    first, last = (timezone.make_aware(datetime.combine(date.fromisoformat(day), time())) for day in (start, end))
    assert windows.slice_name(kind, first) == name
    assert windows._next(Window.Kind(kind), first) == last
    assert windows._start_of(Window.Kind(kind), last - timedelta(minutes=1)) == first


# --- What became of it ------------------------------------------------------------------------------------------------------
def test_accuracy_once_levels_are_observed_is_that_of_a_count_by_hand(
    scored: Make, small_company: pl.DataFrame
) -> None:
    periods = small_company[schema.PERIOD].unique().sort().to_list()
    early = next(one for one in periods if _months(periods[-1], one) >= 12 and one != periods[0])
    window = scored(early)
    known = window.performances.get().words
    answers = windows.answers_of(window).select(schema.ROLE, schema.SKILL, "level")
    role_periods = small_company.filter(pl.col(schema.OBSERVED_LEVEL).is_not_null())
    right = labelled = 0
    for role, skill, level in answers.iter_rows():
        later = sorted(
            period
            for period in role_periods.filter(pl.col(schema.ROLE) == role)[schema.PERIOD].unique()
            if 12 <= _months(period, early) <= 24
        )
        if not later:
            continue
        found = role_periods.filter(
            pl.col(schema.ROLE) == role, pl.col(schema.SKILL) == skill, pl.col(schema.PERIOD) == later[0]
        )[schema.OBSERVED_LEVEL].to_list()
        labelled += 1
        right += level == (found[0] if found else "LOW")
    assert known.counts.labelled == labelled >= 100
    assert known.measured is not None
    assert known.measured.metrics.accuracy == pytest.approx(right / labelled)


def _months(later: str, earlier: str) -> int:
    (y1, m1), (y0, m0) = (map(int, one.split("-")) for one in (later, earlier))
    return 12 * (y1 - y0) + m1 - m0


def test_a_later_import_says_something_new_and_the_estimate_was_there_before(
    scored: Make, newest: str, next_quarter: Make
) -> None:
    window = scored(newest)
    first = window.performances.get()
    assert first.words.measured is None
    assert first.words.reason == "waiting"
    assert first.estimated.conditions
    year, month = newest.split("-")
    next_quarter(f"{int(year) + 1}-{month}")
    assert [one.pk for one in looked_at().updated] == [window.pk]
    known = window.performances.order_by("-pk")[0].words
    assert known.counts.labelled == window.rows
    assert window.performances.count() == 2
    assert looked_at().updated == []


# --- Alerts -----------------------------------------------------------------------------------------------------------------
def test_a_drift_that_lasts_opens_one_alert_and_mails_it_once(
    scored: Make, newest: str, next_quarter: Make, settings: Any
) -> None:
    settings.FUTURE_SKILLS_ALERT_RECIPIENTS = ["drh@example.org"]
    settings.LANGUAGE_CODE = "fr"
    scored(newest)
    moved = {"scarcity_index": 0.4}
    first = scored(next_quarter("2030-01", levels=False, **moved))
    assert "scarcity_index" in {alarm.feature for alarm in first.findings.get().words.alarms}
    assert not Alert.objects.exclude(kind="market_signal").exists()  # once is not yet an alert
    second = scored(next_quarter("2030-04", levels=False, **moved))
    alert = Alert.objects.get(kind="data_drift", feature="scarcity_index")
    assert (alert.first_window, alert.severity) == (second, "warning")
    sent = len(mail.outbox)
    assert sent >= 1
    assert "scarcity" in mail.outbox[-1].body or "rareté" in mail.outbox[-1].body
    third = scored(next_quarter("2030-07", levels=False, **moved))
    alert.refresh_from_db()
    assert alert.last_window == third
    assert Alert.objects.filter(kind="data_drift", feature="scarcity_index").count() == 1
    assert not any("scarcity_index" in message.body for message in mail.outbox[sent:])


def test_a_mail_server_that_refuses_undoes_nothing(
    scored: Make, newest: str, next_quarter: Make, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_PORT = 1
    settings.FUTURE_SKILLS_ALERT_RECIPIENTS = ["drh@example.org"]
    scored(newest)
    for period in ("2030-01", "2030-04"):
        scored(next_quarter(period, levels=False, scarcity_index=0.4))
    assert Alert.objects.filter(kind="data_drift", feature="scarcity_index").count() == 1


# --- One at a time, and who may -------------------------------------------------------------------------------------------
def test_another_process_that_is_at_it_is_named(live: Deployment) -> None:
    Watch.objects.create(pk=1, holder="elsewhere/12", until=timezone.now() + timedelta(minutes=5))
    with pytest.raises(MonitoringBusyError) as refused:
        looked_at()
    assert refused.value.details["holder"] == "elsewhere/12"
    Watch.objects.update(until=datetime(2020, 1, 1, tzinfo=UTC))  # it died long ago
    assert looked_at().windows == []
    assert Watch.objects.get().holder == ""


def test_who_only_reads_may_not(live: Deployment) -> None:
    from apps.monitoring.services.monitor import monitor

    with pytest.raises(PermissionDeniedError):
        monitor(actor=AUDE)


def test_the_command_leaves_with_0_or_3(
    scored: Make, done: Make, newest: str, next_quarter: Make, run: Run, settings: Any
) -> None:
    settings.FUTURE_SKILLS_ACTOR = "olivier"
    done(period=newest)
    code, out, _err = run("monitor", "--json")
    assert code == 0
    assert [one["name"] for one in json.loads(out)["windows"]] == [newest]
    for period in ("2030-01", "2030-04"):
        done(period=next_quarter(period, levels=False, scarcity_index=0.4))
    code, out, _err = run("monitor")
    assert code == 3
    number = Alert.objects.get(kind="data_drift", feature="scarcity_index").pk
    for alert in Alert.objects.all():
        assert run("alerts", "--acknowledge", str(alert.pk), "--reason", "Vu.")[0] == 0
    assert run("monitor")[0] == 0
    code, out, _err = run("alerts", "--acknowledge", str(number), "--reason", "Encore.", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "alert_closed")
    assert run("alerts", "--close", str(number), "--reason", "Corrigé.")[0] == 0
    assert number not in {one["alert"] for one in json.loads(run("alerts", "--json")[1])["alerts"]}
    assert AuditEvent.objects.filter(action="monitoring.close_alert").count() == 1


# --- The registry's page --------------------------------------------------------------------------------------------------
def test_the_registry_page_says_what_is_watched_and_which_alerts_are_open(
    scored: Make, newest: str, next_quarter: Make
) -> None:
    assert "n'a pas encore été surveillée" in registry_page_text()
    scored(newest)
    assert "**Alertes ouvertes**\u00a0: aucune" in registry_page_text()
    for period in ("2030-01", "2030-04"):
        scored(next_quarter(period, levels=False, scarcity_index=0.4))
    text = registry_page_text()
    assert "campagne avril 2030" in text
    assert r"\[à examiner\]" in text
    told = WatchSummary.objects.count()
    looked_at()
    assert WatchSummary.objects.count() == told  # nothing new, nothing told


# --- What an operator reads -------------------------------------------------------------------------------------------------
def test_figures_of_monitoring_are_those_of_the_rows(scored: Make, newest: str, next_quarter: Make) -> None:
    assert _figures()["future_skills_alerts_open", "warning", "no"] == 0
    scored(newest)
    windows_seen = [scored(next_quarter(period, levels=False, scarcity_index=0.4)) for period in ("2030-01", "2030-04")]
    figures = _figures()
    waiting = Alert.objects.filter(severity="warning", acknowledged_at=None).count()
    assert figures["future_skills_alerts_open", "warning", "no"] == waiting >= 1
    alarms = windows_seen[-1].findings.get().alarms
    assert figures["future_skills_drift_alarms", "v1", "campaign", "2030-04"] == alarms >= 1
    assert figures["future_skills_retrainings_under_way",] == 0
    assert figures["future_skills_monitored_timestamp_seconds",] == pytest.approx(timezone.now().timestamp(), abs=60)


def _figures() -> dict[tuple[str, ...], float]:
    samples = (sample for metric in monitoring_figures() for sample in metric.samples)
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}
