"""What the page of a window says, and the report that is taken away: figures in words, tables and charts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.monitoring.models import DriftFinding, PerformanceFinding, Window
from apps.monitoring.pages import share_words, told_of
from apps.monitoring.selectors import newest_performances
from apps.monitoring.words import SEVERITY_NAMES, language, window_name
from apps.registry.pages import LEVEL_NAMES
from future_skills import charts, drift_text, estimate_text, performance_text, schema
from future_skills import formatting as fmt
from future_skills.comparison import Difference
from future_skills.drift_profile import CONFIDENCE, PREDICTED
from future_skills.drift_report import (
    Alarm,
    Bin,
    DriftReport,
    FeatureDrift,
    Listed,
    MarketSignal,
    Statistic,
    TrendShift,
)
from future_skills.estimate import Estimate
from future_skills.evaluation_text import BASELINE_NAMES
from future_skills.manifest import Metrics
from future_skills.performance import Measured, Performance

Text = Any  # lazy translations are no str

SIGNS: Final = {"quiet": "✓", "drift": "✕", "insufficient_sample": "?", "market_signal": "·"}
"""A verdict's sign, beside its word."""

CONDITION_SIGNS: Final = {"holds": "✓", "fails": "✕", "unknown": "?"}

LISTED_KINDS: Final[Mapping[str, Text]] = {
    "unseen": _("Values that the version has never seen"),
    "out_of_range": _("Values out of the range of training"),
    "missing": _("Missing values"),
}

_NOTHING_LISTED: Final[Mapping[str, Text]] = {
    "unseen": _("None: every name was known already."),
    "out_of_range": _("None: every number lies inside what the version was trained on."),
    "missing": _("None beyond what training missed too."),
}


# --- Distributions ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class StatisticRow:
    """One statistic of a feature, in words.

    Attributes:
        name: of the statistic.
        effect: how far apart.
        threshold: smallest effect that matters.
        usual: how far apart periods of the reference are.
        null: how far apart such samples are without drift.
        alarm: whether it is beyond all three.
    """

    name: str
    effect: str
    threshold: str
    usual: str
    null: str
    alarm: bool


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """A feature, or what the version said, in words.

    Attributes:
        feature: its column.
        name: what people call it.
        verdict: its code.
        sign: of the verdict.
        verdict_words: the verdict.
        sentence: the verdict, and why.
        facts: what its independent facts are about.
        units: how many there are, then and now.
        statistics: none where nothing was compared.
        bars: its distribution, then and now; none where nothing was compared.
        chart: of the same; "" where there is none.
    """

    feature: str
    name: str
    verdict: str
    sign: str
    verdict_words: str
    sentence: str
    facts: str
    units: tuple[str, str]
    statistics: list[StatisticRow]
    bars: list[tuple[str, str, str]]
    chart: SafeString | str

    @property
    def first(self) -> StatisticRow | None:
        """The distance: the statistic that has a unit people know."""
        return self.statistics[0] if self.statistics else None


def feature_rows(report: DriftReport) -> tuple[list[FeatureRow], list[FeatureRow]]:
    """What went in, and what the version said of it; market signals have a part of their own."""
    rows = [(one, _feature_row(one)) for one in report.features if one.kind != "market"]
    said = {PREDICTED, CONFIDENCE}
    return (
        [row for one, row in rows if one.feature not in said],
        [row for one, row in rows if one.feature in said],
    )


def _feature_row(one: FeatureDrift) -> FeatureRow:
    code = language()
    bars = [charts.ShareThenNow(_bin_name(one.feature, bar), bar.before, bar.now) for bar in one.bins]
    name = drift_text.feature_name(one.feature, code, gettext)
    return FeatureRow(
        feature=one.feature,
        name=name,
        verdict=one.verdict,
        sign=SIGNS[one.verdict],
        verdict_words=gettext(drift_text.VERDICTS[one.verdict]),
        sentence=drift_text.feature_sentence(one, code, gettext),
        facts=gettext(drift_text.FACTS[one.level]),
        units=(_units(one.units[0]), _units(one.units[1])),
        statistics=[_statistic_row(statistic) for statistic in one.statistics],
        bars=[(bar.name, fmt.percent(bar.before, code), fmt.percent(bar.now, code)) for bar in bars],
        chart=mark_safe(charts.distribution(bars, name=name, labels=charts.LABELS[code])) if bars else "",  # noqa: S308  # made by us, escaped
    )


def _units(count: float) -> str:
    return fmt.integer(count, language()) if count else "—"


def _statistic_row(one: Statistic) -> StatisticRow:
    return StatisticRow(
        name=capfirst(gettext(drift_text.STATISTICS[one.name])),
        effect=fmt.decimal(one.effect, language()),
        threshold=fmt.decimal(one.threshold, language()),
        usual=fmt.decimal(one.usual, language()),
        null=fmt.decimal(one.null_quantile, language()),
        alarm=one.alarm,
    )


def _bin_name(feature: str, bar: Bin) -> str:
    if bar.low is not None and bar.high is not None:
        low, high = (fmt.decimal(end, language(), _digits(bar.high - bar.low)) for end in (bar.low, bar.high))
        return gettext("{low} to {high}").format(low=low, high=high)
    if bar.category is None:
        return gettext("the others together")
    return str(LEVEL_NAMES.get(bar.category, bar.category)) if feature == PREDICTED else bar.category


def _digits(width: float) -> int:
    """Decimals that tell the ends of a bin apart."""
    return next((digits for digits in range(4) if width * 10**digits >= 1), 4)


# --- Alarms -----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An alarm in words: what is the matter, how much it matters, what to do next."""

    sentence: str
    severity: Text
    next_step: str


def alarm_rows(report: DriftReport) -> list[AlarmRow]:
    """The alarms of a window, in its order."""
    return [
        AlarmRow(
            _alarm_sentence(report, alarm), SEVERITY_NAMES[alarm.severity], gettext(drift_text.NEXT_STEPS[alarm.kind])
        )
        for alarm in report.alarms
    ]


def _alarm_sentence(report: DriftReport, alarm: Alarm) -> str:
    for one in report.listed:
        if (one.kind, one.feature) == (alarm.kind, alarm.feature):
            return drift_text.listed_sentences(one, language(), gettext)[0]
    return drift_text.feature_sentence(report.feature(alarm.feature), language(), gettext)


# --- What is listed ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ListedPart:
    """One kind of what is always listed.

    Attributes:
        title: the kind.
        nothing: what is said where there is none.
        rows: sentences of each feature that has some, and whether it alarms.
    """

    title: Text
    nothing: Text
    rows: list[tuple[list[str], bool]]


def listed_parts(report: DriftReport) -> list[ListedPart]:
    """Unseen values, values out of range, missing values; each is there, if only to say that there is none."""
    return [
        ListedPart(title, _NOTHING_LISTED[kind], [_listed(one) for one in report.listed if one.kind == kind])
        for kind, title in LISTED_KINDS.items()
    ]


def _listed(one: Listed) -> tuple[list[str], bool]:
    return drift_text.listed_sentences(one, language(), gettext), one.alarm


# --- The market -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class SignalPart:
    """A figure of the market: a sentence, and its value in each period (name, value, whether it is one of the window's)."""

    name: str
    sentence: str
    outside: bool
    values: list[tuple[str, str, bool]]


def signal_parts(report: DriftReport) -> list[SignalPart]:
    """The figures that have one value per period."""
    return [
        SignalPart(
            name=drift_text.feature_name(one.feature, language(), gettext),
            sentence=drift_text.signal_sentence(one, language(), gettext),
            outside=one.outside,
            values=list(_values(one)),
        )
        for one in report.signals
    ]


def _values(one: MarketSignal) -> Iterator[tuple[str, str, bool]]:
    for values, is_now in ((one.seen, False), (one.now, True)):
        for month, value in values.items():
            shown = value if isinstance(value, str) else fmt.decimal(value, language(), 2)
            yield fmt.period(month, language()), shown, is_now


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """A skill whose trend moved, in words."""

    skill: str
    before: str
    now: str
    up: bool
    roles: str
    examples: str


def shift_rows(report: DriftReport) -> list[ShiftRow]:
    """The skills whose trend moved, the largest moves first."""
    return [_shift(one) for one in report.trend_shifts]


def _shift(one: TrendShift) -> ShiftRow:
    return ShiftRow(
        skill=one.skill,
        before=fmt.decimal(one.before, language(), 2),
        now=fmt.decimal(one.now, language(), 2),
        up=one.now > one.before,
        roles=fmt.integer(one.roles, language()),
        examples=", ".join(one.examples) + (", …" if one.roles > len(one.examples) else ""),
    )


# --- What it turned out to be worth -----------------------------------------------------------------------------------------
METRICS: Final = (
    "accuracy",
    "f1_macro",
    "f1_weighted",
    *(f"precision_{level}" for level in schema.LEVELS),
    "severe_error_rate",
    "emergence",
    "lift",
    "precision_at_200",
)
"""Figures of a window, in the order of its table."""


@dataclass(frozen=True, slots=True)
class WorthRow:
    """A figure of a window beside the same one elsewhere; each with its interval, where there is one.

    Attributes:
        name: of the figure.
        measured: on the answers whose level was observed.
        provisional: on those that wait, against the levels so far.
        declared: by the version, on its own test rows.
        today: "same as today", on the same rows of the window.
        difference: from "same as today", with its interval.
    """

    name: str
    measured: str
    provisional: str
    declared: str
    today: str
    difference: str


def worth_rows(found: Performance) -> list[WorthRow]:
    """Every figure that is known of a window."""
    told = told_of(found)
    if told is None:
        return []
    return [
        WorthRow(
            name=_metric_name(metric),
            measured=_figure(found.measured, metric),
            provisional=_figure(found.provisional, metric),
            declared=_figure(found.declared, metric),
            today=_today(told, metric),
            difference=_difference(told.differences, metric),
        )
        for metric in METRICS
    ]


def _metric_name(metric: str) -> str:
    level = metric.removeprefix("precision_")
    if level in schema.LEVELS:
        return gettext("Precision of {level}").format(level=LEVEL_NAMES[level])
    return charts.LABELS[language()].metric(metric)


def _is_share(metric: str) -> bool:
    return metric in charts.PERCENT_METRICS or metric.startswith("precision_")


def _figure(found: Measured | None, metric: str) -> str:
    if found is None:
        return fmt.UNKNOWN
    value, ends = found.value(metric), found.intervals.get(metric)
    if _is_share(metric):
        return share_words(value, ends)
    digits = 1 if metric == "lift" else 3
    shown = fmt.decimal(value, language(), digits)
    if value is None or ends is None:
        return shown
    low, high = (fmt.decimal(end, language(), digits) for end in ends)
    return f"{shown} ({low}–{high})"


def _today(found: Measured, metric: str) -> str:
    """Of "same as today", which ranks nothing: it has no figure of emergence."""
    persistence: Metrics | None = found.persistence
    level = metric.removeprefix("precision_")
    if persistence is None or metric in {"emergence", "lift", "precision_at_200"}:
        return fmt.UNKNOWN
    precisions = {str(name): one.precision for name, one in persistence.per_class.items()}
    value = precisions[level] if level in precisions else float(getattr(persistence, metric))
    return fmt.percent(value, language()) if _is_share(metric) else fmt.decimal(value, language())


def _difference(found: tuple[Difference, ...], metric: str) -> str:
    one = next((row for row in found if row.metric == metric), None)
    if one is None:
        return fmt.UNKNOWN
    written = fmt.signed_points if _is_share(metric) else fmt.signed
    value, low, high = (written(end, language()) for end in (one.difference, one.low, one.high))
    return f"{value} ({low} / {high})"


# --- Before labels ----------------------------------------------------------------------------------------------------------
def condition_rows(guess: Estimate) -> list[tuple[str, str, str]]:
    """Each condition of the estimate: its sign, its state as a code, what is known of it."""
    return [
        (CONDITION_SIGNS[one.state], one.state, estimate_text.condition_words(one, language()))
        for one in guess.conditions
    ]


# --- All of it --------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class TestedEstimate:
    """An estimate, and what happened.

    Attributes:
        name: of the window.
        guess: made without any of its labels.
        realised: the share that was right.
        inside: whether the interval holds it.
    """

    name: str
    guess: Estimate
    realised: float
    inside: bool


def tested_estimates(window: Window, known: PerformanceFinding) -> list[TestedEstimate]:
    """The estimates of the series up to a window whose labels came since, oldest first."""
    rows = []
    for one in (*newest_performances(window), known):
        measured, guess = one.words.measured, one.estimated
        if measured is None or guess.low is None or guess.high is None:
            continue
        realised = measured.metrics.accuracy
        rows.append(TestedEstimate(window_name(one.window), guess, realised, guess.low <= realised <= guess.high))
    return rows


def window_parts(window: Window, finding: DriftFinding | None, known: PerformanceFinding | None) -> dict[str, Any]:
    """What the page of a window and its report show."""
    code = language()
    parts: dict[str, Any] = {
        "window": window,
        "name": window_name(window),
        "finding": finding,
        "known": known,
        "same_today": BASELINE_NAMES[code]["persistence"],
    }
    if finding is not None:
        report = finding.words
        went_in, said = feature_rows(report)
        parts |= {
            "report": report,
            "headline": drift_text.headline(report, code, gettext),
            "alarms": alarm_rows(report),
            "features": went_in,
            "said": said,
            "listed": listed_parts(report),
            "signals": signal_parts(report),
            "shifts": shift_rows(report),
        }
    if known is not None:
        worth, guess = known.words, known.estimated
        parts |= {
            "worth": worth,
            "worth_sentences": performance_text.sentences(worth, code),
            "worth_rows": worth_rows(worth),
            "is_its_test": window.version.words.split.test_period in worth.periods,
            "estimate": guess,
            "estimate_sentence": estimate_text.sentence(guess, code),
            "conditions": condition_rows(guess),
            "tested": tested_estimates(window, known),
        }
    return parts
