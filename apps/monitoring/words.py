"""Windows and alerts in words."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.monitoring.models import (
    MARKET_SIGNAL,
    PERFORMANCE_FALL,
    Alert,
    AlertState,
    DriftFinding,
    PerformanceFinding,
    RequestState,
    RetrainRequest,
    Window,
)
from future_skills import formatting
from future_skills.drift_profile import CONFIDENCE, PREDICTED
from future_skills.drift_text import NEXT_STEPS
from future_skills.errors import kept_refusal, translatable
from future_skills.estimate import Estimate
from future_skills.gate_text import verdict_text
from future_skills.gates import Verdict
from future_skills.reasons_text import FEATURE_NAMES

Text = Any  # lazy translations are no str

KIND_NAMES: Final[Mapping[str, Text]] = {
    Window.Kind.CAMPAIGN: _("campaign"),
    Window.Kind.DAY: _("day of the log"),
    Window.Kind.WEEK: _("week of the log"),
    Window.Kind.MONTH: _("month of the log"),
}

SEVERITY_NAMES: Final[Mapping[str, Text]] = {
    "info": _("for information"),
    "warning": _("to look at"),
    "critical": _("critical"),
}

STATE_NAMES: Final[Mapping[str, Text]] = {
    AlertState.OPEN: _("open"),
    AlertState.ACKNOWLEDGED: _("acknowledged"),
    AlertState.CLOSED: _("closed"),
}

REQUEST_STATES: Final[Mapping[str, Text]] = {
    RequestState.WAITING: _("waits for a worker"),
    RequestState.RUNNING: _("under way"),
    RequestState.DONE: _("a candidate is there"),
    RequestState.NOTHING_NEW: _("nothing new to learn from"),
    RequestState.FAILED: _("failed"),
}

_TITLES: Final[Mapping[str, Text]] = {
    "data_drift": _("{feature} is no longer distributed as {version} knew it"),
    "prediction_drift": _("{version} no longer answers the levels it used to"),
    "confidence_shift": _("{version} is no longer as sure of its answers"),
    "unseen": _("Many rows have a value of {feature} that {version} never saw"),
    "out_of_range": _("Many values of {feature} are out of the range that {version} knew"),
    "missing": _("{feature} is missing more often than when {version} was trained"),
    "market_signal": _("{feature} has a value that {version} never saw"),
    "performance_fall": _("{version} is right less often than it declared"),
}

_NEXT: Final[Mapping[str, str]] = {
    **NEXT_STEPS,
    MARKET_SIGNAL: translatable(
        "Nothing is wrong with the facts: predictions under such a market are extrapolations. Say it beside them."
    ),
    PERFORMANCE_FALL: translatable(
        "Windows in a row are below the declared interval: ask for a retraining, or go back to the version before."
    ),
}
"""Kind of an alert -> what to do next; doors translate it."""


def language() -> formatting.Language:
    """In which numbers and names are written now."""
    return formatting.language_of(get_language())


def feature_name(feature: str) -> str:
    """A column in words; what the version says has a name too."""
    said = {PREDICTED: gettext("level expected"), CONFIDENCE: gettext("confidence")}
    return said.get(feature) or FEATURE_NAMES[language()].get(feature, feature)


def window_name(window: Window) -> str:
    """``campagne de février 2024``, ``semaine 2026-W48``."""
    name = formatting.period(window.name, language()) if len(window.name) == 7 else window.name
    return gettext("{kind} {name}").format(kind=KIND_NAMES[window.kind], name=name)


def alert_title(alert: Alert) -> str:
    """What is the matter, in one line."""
    title = str(_TITLES[alert.kind])
    return title.format(feature=feature_name(alert.feature), version=alert.version.name)


_STILL_THERE = translatable("Seen in: {first}; still there in: {last}.")


def alert_text(alert: Alert) -> str:
    """Since when, and what to do next."""
    seen = gettext("Seen in: {first}.") if alert.first_window == alert.last_window else gettext(_STILL_THERE)
    seen = seen.format(first=window_name(alert.first_window), last=window_name(alert.last_window))
    return f"{seen} {gettext(_NEXT[alert.kind])}"


def alarms_sentence(finding: DriftFinding) -> str:
    """How many alarms a window has."""
    alarms = finding.alarms
    return ngettext("{n} alarm", "{n} alarms", alarms).format(n=alarms) if alarms else gettext("quiet")


def worth_sentence(found: PerformanceFinding) -> str:
    """What is known of a window's worth, in one sentence."""
    known, guess = found.words, found.estimated
    parts = []
    if known.measured is not None:
        parts.append(
            gettext("right in {share} of {rows} answers whose level was observed").format(
                share=formatting.percent(known.measured.metrics.accuracy, language()),
                rows=formatting.integer(known.measured.metrics.rows, language()),
            )
        )
    elif known.reason is not None:
        parts.append(str(_REASONS[known.reason]))
    if known.provisional is not None:
        parts.append(
            gettext("provisional: {share} so far, of {rows} answers").format(
                share=formatting.percent(known.provisional.metrics.accuracy, language()),
                rows=formatting.integer(known.provisional.metrics.rows, language()),
            )
        )
    if known.measured is None:
        parts.append(estimate_sentence(guess))
    return " · ".join(parts)


_REASONS: Final[Mapping[str, Text]] = {
    "waiting": _("levels are still to come"),
    "not_comparable": _("the levels that were observed since are not comparable"),
    "insufficient_sample": _("insufficient sample"),
}


def estimate_sentence(guess: Estimate) -> str:
    """The estimate before labels; never called an accuracy."""
    if guess.expected is None:
        return gettext("not estimable")
    return gettext("estimated share of right answers: {share} (between {low} and {high})").format(
        share=formatting.percent(guess.expected, language()),
        low=formatting.percent(guess.low, language()),
        high=formatting.percent(guess.high, language()),
    )


def request_sentence(request: RetrainRequest) -> str:
    """Where a retraining request stands, in words."""
    state = request.state
    if state is RequestState.DONE and request.version is not None:
        verdict = verdict_text(Verdict(request.report.verdict), language()) if request.report else "—"
        return gettext("{version} is a candidate that waits for people. Its criteria: {verdict}.").format(
            version=request.version.name, verdict=verdict
        )
    if state is RequestState.NOTHING_NEW:
        newest = request.arrived.get("newest", "")
        return gettext(
            "Nothing new to learn from since the dataset of {parent}. Needed: a snapshot later than {newest}, from {names}."
        ).format(
            parent=request.parent.name,
            newest=formatting.period(newest, language()) if newest else "—",
            names=", ".join(request.arrived.get("importers", ())) or "—",
        )
    if state is RequestState.FAILED and request.problem is not None:
        return gettext("It failed. {problem}").format(problem=kept_refusal(request.problem).explain(gettext))
    return gettext("It waits for a worker.") if state is RequestState.WAITING else gettext("It is under way.")


def arrived_sentence(arrived: Mapping[str, Any]) -> str:
    """What came since the parent's dataset."""
    if not arrived["rows"]:
        return gettext("Nothing came since.")
    return gettext("{rows} facts of {periods}; {labels} observed levels in these periods.").format(
        rows=formatting.integer(arrived["rows"], language()),
        labels=formatting.integer(arrived["labels"], language()),
        periods=", ".join(formatting.period(one, language()) for one in arrived["periods"]),
    )
