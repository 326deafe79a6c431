"""What the pages of monitoring say: sentences, rows and charts, so that templates only lay out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.monitoring.models import Alert, RetrainRequest, Watch, Window
from apps.monitoring.selectors import Known
from apps.monitoring.words import (
    REQUEST_STATES,
    SEVERITY_NAMES,
    STATE_NAMES,
    alert_text,
    alert_title,
    language,
    request_sentence,
    window_name,
)
from apps.registry.models import Deployment
from apps.registry.words import moment
from future_skills import charts
from future_skills import formatting as fmt
from future_skills.drift_text import STATISTICS
from future_skills.estimate import Estimate
from future_skills.monitoring_policy import MonitoringPolicy, StatisticName
from future_skills.performance import Measured, Performance

Text = Any  # lazy translations are no str

MOST_DRAWN: Final = 24
"""Windows in the chart, the newest ones."""


# --- What is watched --------------------------------------------------------------------------------------------------------
def overview_sentence(live: Deployment | None, last: Watch | None, waiting: int) -> str:
    """What is in production, when it was looked at last, and what waits for somebody."""
    parts = [
        gettext("{version} is in production.").format(version=live.version.name)
        if live
        else gettext("No version is in production.")
    ]
    if last is None or last.done_at is None:
        return " ".join([*parts, gettext("Nobody has looked at it yet.")])
    looked = gettext("It was looked at last on {when}, by {name}.")
    parts.append(looked.format(when=moment(last.done_at), name=last.done_by))
    parts.append(waiting_sentence(waiting))
    return " ".join(parts)


def waiting_sentence(waiting: int) -> str:
    """How many alerts nobody has acknowledged."""
    if not waiting:
        return gettext("No alert waits for anybody.")
    return ngettext("{n} alert waits for somebody.", "{n} alerts wait for somebody.", waiting).format(
        n=fmt.integer(waiting, language())
    )


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A window in the table.

    Attributes:
        window: the window.
        name: what it is called.
        alarms: in it alone; None where it was not compared.
        share: of right answers, with its interval; "" where none is known.
        provisional: whether that is against the levels so far.
        today: what "same as today" has right on the same rows.
        estimate: share expected to be right, or that it is not estimable; "" where nothing was estimated.
    """

    window: Window
    name: str
    alarms: int | None
    share: str
    provisional: bool
    today: str
    estimate: str


@dataclass(frozen=True, slots=True)
class Series:
    """The windows of a version and a kind.

    Attributes:
        rows: newest first.
        declared: what the version declared, with its interval; "" where that is not known.
        chart: the share of right answers of each.
    """

    rows: list[WindowRow]
    declared: str
    chart: SafeString


def series_of(known: Sequence[Known]) -> Series:
    """Rows and chart of windows.

    Args:
        known: of one version and one kind.
    """
    ordered = sorted(known, key=lambda one: (one.window.name, one.window.pk))
    worth = [
        (one, one.performance.words, one.performance.estimated) if one.performance else (one, None, None)
        for one in ordered
    ]
    declared = next((found.declared for _one, found, _guess in reversed(worth) if found and found.declared), None)
    points = [_point(one.window, found, guess) for one, found, guess in worth[-MOST_DRAWN:]]
    return Series(
        rows=[_row(one, found, guess) for one, found, guess in reversed(worth)],
        declared=accuracy_of(declared),
        chart=mark_safe(charts.windows_over_time(points, declared=_band(declared), labels=charts.LABELS[language()])),  # noqa: S308  # made by us, escaped
    )


def _row(one: Known, found: Performance | None, guess: Estimate | None) -> WindowRow:
    told = told_of(found)
    return WindowRow(
        window=one.window,
        name=window_name(one.window),
        alarms=one.finding.alarms if one.finding else None,
        share=accuracy_of(told),
        provisional=bool(found and told and found.measured is None),
        today=fmt.percent(told.persistence.accuracy if told and told.persistence else None, language()),
        estimate=estimate_words(guess),
    )


def told_of(found: Performance | None) -> Measured | None:
    """The figures of a window: those of labels, else the provisional ones."""
    return None if found is None else found.measured or found.provisional


def accuracy_of(found: Measured | None) -> str:
    """``93,1 % (91,0–95,2)``; "" where nothing is known."""
    return "" if found is None else share_words(found.metrics.accuracy, found.intervals.get("accuracy"))


def share_words(share: float | None, ends: tuple[float, float] | None) -> str:
    """A share with its interval, for a table that has its n elsewhere."""
    if share is None or ends is None:
        return fmt.percent(share, language())
    low, high = (fmt.decimal(100 * end, language(), 1) for end in ends)
    return f"{fmt.percent(share, language())} ({low}–{high})"


def estimate_words(guess: Estimate | None) -> str:
    """The estimate of a window in a table."""
    if guess is None:
        return ""
    if guess.expected is None or guess.low is None or guess.high is None:
        return gettext("not estimable")
    return share_words(guess.expected, (guess.low, guess.high))


def _point(window: Window, found: Performance | None, guess: Estimate | None) -> charts.WindowPoint:
    shares: list[charts.WindowShare] = []
    told = told_of(found)
    if found and told:
        known: charts.WindowKnown = "measured" if found.measured else "provisional"
        shares.append(charts.WindowShare(known, told.metrics.accuracy, *told.intervals.get("accuracy", (None, None))))
    if guess is not None and guess.expected is not None and not (found and found.measured):
        shares.append(charts.WindowShare("estimated", guess.expected, guess.low, guess.high))
    today = told.persistence.accuracy if told and told.persistence else None
    return charts.WindowPoint(window.name, tuple(shares), today)


def _band(declared: Measured | None) -> charts.Declared | None:
    if declared is None:
        return None
    return charts.Declared(declared.metrics.accuracy, *declared.intervals.get("accuracy", (None, None)))


# --- Alerts -----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert in a list: in words."""

    alert: Alert
    title: str
    text: str
    severity: Text
    state: Text


def alert_rows(found: Iterable[Alert]) -> list[AlertRow]:
    """Alerts in words, in their order."""
    return [
        AlertRow(alert, headed(alert), alert_text(alert), SEVERITY_NAMES[alert.severity], STATE_NAMES[alert.state])
        for alert in found
    ]


def headed(alert: Alert) -> str:
    """The title of an alert with a capital, unless it begins with the name of a version."""
    title = alert_title(alert)
    return title if title.startswith(alert.version.name) else capfirst(title)


# --- Retraining requests ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class RequestRow:
    """A retraining request in a list: in words."""

    request: RetrainRequest
    state: Text
    sentence: str


def request_rows(found: Iterable[RetrainRequest]) -> list[RequestRow]:
    """Requests in words, in their order."""
    return [RequestRow(one, REQUEST_STATES[one.state], _standing(one)) for one in found]


def _standing(request: RetrainRequest) -> str:
    """Where a request stands; of one that is not over that is its state alone, which begins without a capital."""
    sentence = request_sentence(request)
    return sentence if request.over else capfirst(sentence)


def last_request_sentence(rows: Sequence[RequestRow]) -> str:
    """Where the first of some requests stands."""
    if not rows:
        return gettext("Nobody asked for a retraining yet.")
    return gettext("Retraining request {number}: {sentence}").format(
        number=rows[0].request.pk, sentence=rows[0].sentence
    )


def changes_sentence(changes: Mapping[str, Any]) -> str:
    """How much a candidate would have said otherwise in the last campaign."""
    moved = sum(move["pairs"] for move in changes["moves"])
    return gettext("Of {pairs} pairs of {period}, {moved} would have been at another level.").format(
        pairs=fmt.integer(changes["pairs"], language()),
        period=fmt.period(changes["period"], language()),
        moved=fmt.integer(moved, language()),
    )


# --- The policy -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Rule:
    """A number of the policy: what it is, what it says, what it means."""

    name: Text
    value: str
    meaning: Text = ""


_WHEN: Final[Mapping[str, Text]] = {
    "manual": _("when a person asks"),
    "on_drift": _("when an alert about the live version is opened"),
    "every_months": _("every {months} months"),
}

_SEVERITY_ROWS: Final[Mapping[str, Text]] = {
    "data_drift": _("A feature has drifted"),
    "prediction_drift": _("The levels predicted have drifted"),
    "confidence_shift": _("The confidence has drifted"),
    "unseen": _("Many values that training never saw"),
    "out_of_range": _("Many values out of the range of training"),
    "missing": _("Many missing values"),
    "market_signal": _("A figure of the market that training never saw"),
    "performance_fall": _("A gradual fall of accuracy"),
}


def policy_parts(policy: MonitoringPolicy) -> list[tuple[Text, list[Rule]]]:
    """Every number of the policy, by part."""
    drift, worth, retraining = policy.drift, policy.performance, policy.retraining
    return [
        (
            _("Drift: smallest effects that matter"),
            [_threshold(name, drift.thresholds.of(name)) for name in STATISTICS]
            + [
                Rule(
                    _("Windows without drift that alarm all the same"),
                    _at_most(fmt.percent(drift.alarm_rate, language())),
                    _("all features and statistics of a window together"),
                ),
                Rule(
                    _("Draws"),
                    fmt.integer(drift.draws, language()),
                    _("of how far apart samples are without any drift"),
                ),
                Rule(
                    _("Independent facts"),
                    _at_least(fmt.integer(drift.minimum_units, language())),
                    _("with fewer: insufficient sample"),
                ),
                Rule(
                    _("An alert is opened once an alarm stands in"),
                    gettext("{alarms} of the last {windows} windows").format(
                        alarms=drift.persistence.alarms, windows=drift.persistence.windows
                    ),
                ),
            ],
        ),
        (
            _("What is always listed, and alarms above a share of the rows"),
            [
                Rule(_("Values that training never saw"), fmt.percent(drift.shares.unseen, language())),
                Rule(_("Values out of the range of training"), fmt.percent(drift.shares.out_of_range, language())),
                Rule(_("Missing values"), fmt.percent(drift.shares.missing, language()), _("beyond those of training")),
            ],
        ),
        (
            _("Accuracy, once levels are observed"),
            [
                Rule(_("Confidence of the intervals"), fmt.percent(worth.confidence, language(), 0), _("two-sided")),
                Rule(
                    _("A gradual fall"),
                    gettext("{n} windows in a row below the declared interval").format(n=worth.consecutive_windows),
                ),
                Rule(
                    _("Answers whose level was observed"),
                    _at_least(fmt.integer(worth.minimum_rows, language())),
                    _("with fewer, no figure is given"),
                ),
            ],
        ),
        (
            _("How much each kind of alert matters"),
            [Rule(name, str(SEVERITY_NAMES[getattr(policy.severity, kind)])) for kind, name in _SEVERITY_ROWS.items()],
        ),
        (
            _("When a retraining is asked for"),
            [
                Rule(
                    _("A retraining is asked for"),
                    str(_WHEN[retraining.when]).format(months=retraining.months),
                    _("it makes a candidate that waits for people, never a deployment"),
                )
            ],
        ),
    ]


def _threshold(name: StatisticName, least: float) -> Rule:
    return Rule(capfirst(gettext(STATISTICS[name])), _at_least(fmt.decimal(least, language(), 2)))


def _at_least(value: str) -> str:
    return f"≥\u00a0{value}"


def _at_most(value: str) -> str:
    return f"≤\u00a0{value}"
