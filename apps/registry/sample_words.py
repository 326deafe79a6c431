"""A validation sample in words: facts, questions and results, the same on pages, in the workbook and in a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.registry.models import ValidationSample
from apps.registry.pages import LEVEL_NAMES, language
from future_skills import formatting as fmt
from future_skills import schema
from future_skills.periods import add_months
from future_skills.sample_facts import HISTORY
from future_skills.sampling import ANSWERS, UNKNOWN

Text = str | Promise

ANSWER_NAMES: Final[Mapping[str, Text]] = {**LEVEL_NAMES, UNKNOWN: _("I do not know")}
"""Each answer as people read it."""

FACT_NAMES: Final[Mapping[str, Text]] = {
    schema.CURRENT_LEVEL: _("Need at that time"),
    "internal_usage": _("Internal usage"),
    "trend_score": _("Trend of demand"),
    "training_requests": _("Training requests"),
    "scarcity_index": _("Scarcity"),
    "hiring_difficulty": _("Difficulty of hiring"),
    "avg_salary_k": _("Average salary"),
    "economic_indicator": _("Economic indicator"),
    schema.CATEGORY: _("Category of the skill"),
    schema.DEPARTMENT: _("Department of the job role"),
}
"""Each fact a reviewer sees, in the order it is shown."""

FACT_MEANINGS: Final[Mapping[str, Text]] = {
    "internal_usage": _("share of the people in this job role who use the skill"),
    "trend_score": _("0: falling fast, 0.5: steady, 1: rising fast"),
    "training_requests": _("asked for in this job role at that time"),
    "scarcity_index": _("0: easy to find on the market, 1: nowhere to be found"),
    "hiring_difficulty": _("0: easy, 1: very hard, for this job role"),
    "avg_salary_k": _("thousands a year, for this job role"),
    "economic_indicator": _("the same for every job role at that time"),
}
"""One line on each figure."""


# --- Facts --------------------------------------------------------------------------------------------------------------
def fact_value(name: str, value: Any) -> str:
    """A fact as it is written; a dash where it is not known."""
    if value is None:
        return fmt.UNKNOWN
    if name == schema.CURRENT_LEVEL:
        return str(LEVEL_NAMES[value])
    if name == "internal_usage":
        return fmt.percent(value, language(), 0)
    if name == "training_requests":
        return fmt.integer(value, language())
    if name in schema.NUMERIC_FEATURES:
        return fmt.decimal(value, language(), 1 if name in {"avg_salary_k", "economic_indicator"} else 2)
    return str(value)


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as a page shows it; ``level`` is set where it is a need level."""

    name: Text
    value: str
    meaning: Text
    level: str | None


def fact_rows(facts: Mapping[str, Any]) -> list[Fact]:
    """The facts of a row's own period, in order."""
    return [
        Fact(
            title,
            fact_value(name, facts.get(name)),
            FACT_MEANINGS.get(name, ""),
            facts.get(name) if name == schema.CURRENT_LEVEL else None,
        )
        for name, title in FACT_NAMES.items()
    ]


@dataclass(frozen=True, slots=True)
class PastRow:
    """An earlier period of a pair."""

    period: str
    level: str | None
    usage: str
    trend: str
    requests: str


def past_rows(facts: Mapping[str, Any]) -> list[PastRow]:
    """The earlier periods, newest first."""
    return [
        PastRow(
            fmt.period(past[schema.PERIOD], language()),
            past[schema.CURRENT_LEVEL],
            *(fact_value(name, past[name]) for name in ("internal_usage", "trend_score", "training_requests")),
        )
        for past in facts.get(HISTORY, [])
    ]


def past_text(facts: Mapping[str, Any]) -> str:
    """The earlier periods as lines of one cell."""
    template = gettext("{period}: {level}, usage {usage}, trend {trend}")
    return "\n".join(
        template.format(
            period=row.period,
            level=LEVEL_NAMES.get(row.level or "", fmt.UNKNOWN),
            usage=row.usage,
            trend=row.trend,
        )
        for row in past_rows(facts)
    )


# --- The question -------------------------------------------------------------------------------------------------------
def question(sample: ValidationSample, period: str) -> str:
    """What is asked of a row whose facts are of ``period`` ("" where they have none)."""
    months = sample.drawn.get("horizon_months")
    if not period or months is None:
        return gettext("How much will this skill be needed in this job role, at the next snapshot?")
    code = language()
    first, last = (fmt.period(add_months(period, count), code) for count in months)
    if first == last:
        return gettext("How much will this skill be needed in this job role in {month}?").format(month=first)
    return gettext("How much will this skill be needed in this job role, between {first} and {last}?").format(
        first=first, last=last
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer that can be given: its key on the keyboard, its name, what it means."""

    value: str
    key: str
    name: Text
    definition: str


def choices(sample: ValidationSample) -> list[Choice]:
    """The four answers, with the definitions the sample was drawn with."""
    words = sample.definitions[language()]
    keys = ("1", "2", "3", "0")
    return [
        Choice(answer, key, ANSWER_NAMES[answer], words.get(answer, ""))
        for answer, key in zip(ANSWERS, keys, strict=True)
    ]


# --- The result ---------------------------------------------------------------------------------------------------------
def estimate(figures: Mapping[str, Any] | None, rows: int) -> str:
    """An agreement with its interval and its n; a dash where there is none."""
    if figures is None or figures["estimate"] is None:
        return fmt.UNKNOWN
    return fmt.estimate(figures["estimate"], figures["low"], figures["high"], rows, language())


def result_sentence(sample: ValidationSample) -> str:
    """What a complete sample says, in one sentence."""
    result: Mapping[str, Any] = sample.result or {}
    if result["agreement"] is None:
        return gettext("Nobody could say the need of any row: the sample says nothing of {version}.").format(
            version=sample.version.name
        )
    code, agreement = language(), result["agreement"]
    return gettext(
        "People who did not see the predictions agree with {version} on {share} of the rows ({low}–{high}, n = {rows})."
    ).format(
        version=sample.version.name,
        share=fmt.percent(agreement["estimate"], code),
        low=fmt.decimal(100 * agreement["low"], code, 1),
        high=fmt.decimal(100 * agreement["high"], code, 1),
        rows=fmt.integer(result["labelled"], code),
    )


def result_notes(sample: ValidationSample, drawn: int) -> list[str]:
    """What to know of a result: how it was computed, what people could not say, how often a sample was drawn.

    Args:
        sample: complete.
        drawn: how many samples were drawn for the version.
    """
    result: Mapping[str, Any] = sample.result or {}
    code = language()
    notes = []
    if result["agreement"] is not None:
        notes.append(
            gettext(
                "Rows count as many times as the predictions they stand for; unequal weights make {rows} rows worth {worth} "
                "of equal weight. Interval at {confidence}."
            ).format(
                rows=fmt.integer(result["labelled"], code),
                worth=fmt.decimal(result["agreement"]["n_effective"], code, 1),
                confidence=fmt.percent(result["confidence"], code, 0),
            )
        )
    if result["kappa"] is not None:
        notes.append(
            gettext("Quadratic kappa between the model and people: {kappa}.").format(
                kappa=fmt.decimal(result["kappa"], code, 2)
            )
        )
    notes.append(_reviewers_note(result["reviewers"], code))
    if result["unknown"]:
        notes.append(
            ngettext(
                "On {count} row, nobody could say: it is left out.",
                "On {count} rows, nobody could say: they are left out.",
                result["unknown"],
            ).format(count=fmt.integer(result["unknown"], code))
        )
    notes += origin_notes(sample)
    if drawn > 1:
        notes.append(
            gettext("{count} samples were drawn for this version; the newest one counts.").format(
                count=fmt.integer(drawn, code)
            )
        )
    return notes


def _reviewers_note(reviewers: Mapping[str, Any], code: fmt.Language) -> str:
    if not reviewers["pairs"]:
        return gettext("No row has two opinions: the agreement between reviewers cannot be measured.")
    text = gettext("Of the rows that two reviewers judged, they agree on {estimate}").format(
        estimate=estimate({"estimate": reviewers["agreement"], **reviewers}, reviewers["pairs"])
    )
    if reviewers["kappa"] is None:
        return text + "."
    return text + gettext("; quadratic kappa {kappa}.").format(kappa=fmt.decimal(reviewers["kappa"], code, 2))


def origin_notes(sample: ValidationSample) -> list[str]:
    """Why a half of the sample is not there."""
    reasons = {
        "no_facts": gettext("There are no HR facts here: every row comes from the test rows."),
        "latest_is_tested": gettext(
            "The latest snapshot is the period the version was tested on: every row comes from the test rows."
        ),
    }
    return [reason for key, reason in reasons.items() if sample.drawn.get("missing") == key]


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """A line of a table of agreements; ``level`` is set where it is that of a predicted level."""

    name: Text
    level: str | None
    rows: str
    agreed: str
    estimate: str


def level_rows(result: Mapping[str, Any]) -> list[AgreementRow]:
    """Agreement by predicted level."""
    code = language()
    return [
        AgreementRow(
            LEVEL_NAMES[level],
            level,
            fmt.integer(found["predicted"], code),
            fmt.decimal(found["agreed"], code, 0 if float(found["agreed"]).is_integer() else 1),
            estimate(found, found["predicted"]),
        )
        for level, found in ((level, result["by_level"][level]) for level in schema.LEVELS)
    ]


def origin_rows(sample: ValidationSample) -> list[tuple[str, str, str]]:
    """Agreement on the two halves: name, period, estimate."""
    result: Mapping[str, Any] = sample.result or {}
    names = {"test": gettext("Test rows"), "latest": gettext("Latest snapshot")}
    rows = []
    for origin, name in names.items():
        figures = result["by_origin"][origin]
        if figures is not None:
            period = fmt.period(sample.drawn["periods"].get(origin), language())
            rows.append((name, period, _share(figures)))
    return rows


def _share(figures: Mapping[str, Any]) -> str:
    code = language()
    ends = f"{fmt.decimal(100 * figures['low'], code, 1)}–{fmt.decimal(100 * figures['high'], code, 1)}"
    return f"{fmt.percent(figures['estimate'], code)} ({ends})"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A row where somebody said another level than the model."""

    position: int
    role: str
    skill: str
    period: str
    predicted: str
    labels: Sequence[Mapping[str, str]]


def disagreements(result: Mapping[str, Any]) -> list[Disagreement]:
    """The disagreements, periods as people write them; each label has ``reviewer``, ``level``, ``name``, ``comment``."""
    return [
        Disagreement(
            position=row["position"],
            role=row["role"],
            skill=row["skill"],
            period=fmt.period(row["period"] or None, language()),
            predicted=row["predicted"],
            labels=[{**label, "name": str(ANSWER_NAMES[label["level"]])} for label in row["labels"]],
        )
        for row in result["disagreements"]
    ]
