"""A drift report in plain words: what HR reads of a feature, of what is listed and of the market, and what to do next.

Sentences are English templates that the caller's ``translate`` turns into another language, as the templates of errors are;
numbers and names of features are written in ``language``.
"""

from collections.abc import Callable
from typing import Any, Final

from future_skills import schema
from future_skills.drift_profile import CONFIDENCE, PREDICTED
from future_skills.drift_report import (
    Bin,
    DriftReport,
    FeatureDrift,
    Listed,
    MarketSignal,
    Reason,
    TrendShift,
    Verdict,
)
from future_skills.errors import translatable
from future_skills.formatting import THIN, Language, decimal, integer, percent, period
from future_skills.monitoring_policy import AlarmKind, StatisticName
from future_skills.reasons_text import FEATURE_NAMES, LEVELS

Translate = Callable[[str], str]

VERDICTS: Final[dict[Verdict, str]] = {
    "quiet": translatable("quiet"),
    "drift": translatable("drift"),
    "insufficient_sample": translatable("insufficient sample"),
    "market_signal": translatable("market signal"),
}
"""A verdict as a label."""

STATISTICS: Final[dict[StatisticName, str]] = {
    "wasserstein": translatable("Wasserstein distance, in standard deviations"),
    "jensen_shannon": translatable("Jensen-Shannon distance"),
    "share_shift": translatable("largest move of a share (0 to 1)"),
    "psi": translatable("population stability index (PSI)"),
}
"""A statistic as the heading of a column."""

FACTS: Final[dict[str, str]] = {
    "period": translatable("periods"),
    "department": translatable("departments"),
    "role": translatable("job roles"),
    "skill": translatable("skills"),
    "department_skill": translatable("pairs of a department and a skill"),
    "pair": translatable("pairs of a job role and a skill"),
}
"""Level -> what its independent facts are about."""

_SAID: Final = {PREDICTED: translatable("level announced"), CONFIDENCE: translatable("confidence of the model")}

_REASONS: Final[dict[Reason, str]] = {
    "small": translatable("{feature}: as before ({units} {facts})."),
    "chance": translatable(
        "{feature}: a little apart from before ({effect}), no more than samples of {units} {facts} are by chance."
    ),
    "usual": translatable(
        "{feature}: apart from before ({effect}), no farther than the periods of the training are from one another ({usual})."
    ),
    "few_units_now": translatable(
        "{feature}: insufficient sample, nothing is said. The rows hold {units} {facts}, worth {independent} independent ones."
    ),
    "few_units_before": translatable(
        "{feature}: insufficient sample, nothing is said. The version stands on too few {facts} to compare with."
    ),
    "no_value": translatable("{feature}: insufficient sample, no row has a value."),
    "one_value_per_period": translatable(
        "{feature}: one value for a whole period is a signal of the market, not a distribution: see the values seen before."
    ),
    "names": translatable("{feature}: names are known or not; the new ones are listed."),
    "unseen_names": translatable("{feature}: many names are new to the version; they are listed."),
}

_NUMBER_DRIFTED: Final = translatable(
    "{feature} has drifted: {now} on average instead of {before} ({effect}; at most {null} by chance on {units} {facts})."
)
_CATEGORY_DRIFTED: Final = translatable(
    "{feature} has drifted: “{category}” is {now} of them instead of {before} ({effect}; at most {null} by chance on {units} "
    "{facts})."
)

EFFECTS: Final[dict[StatisticName, str]] = {
    "wasserstein": translatable("{value} standard deviations"),
    "jensen_shannon": translatable("distance {value}"),
    "share_shift": translatable("{value} points of a share"),
    "psi": translatable("PSI {value}"),
}

_OTHERS: Final = translatable("the others together")

_LISTED: Final[dict[str, str]] = {
    schema.SKILL: translatable(
        "{rows} rows ({share}) have one of {distinct} skills that the version has never seen: {examples}."
    ),
    schema.ROLE: translatable(
        "{rows} rows ({share}) have one of {distinct} job roles that the version has never seen: {examples}."
    ),
    "unseen": translatable(
        "{feature}: {rows} rows ({share}) have one of {distinct} values that the version has never seen: {examples}."
    ),
    "out_of_range": translatable(
        "{feature}: {rows} rows ({share}) have a value beyond all those that the version was trained on: {examples}."
    ),
    "missing": translatable(
        "{feature}: {rows} rows ({share}) have no value; {expected} had none before. Job roles concerned: {examples}."
    ),
}

_NEW_SKILL: Final = translatable(
    "Of a new skill the model knows what surrounds it (its category for {category} of these rows, the job role for {role}), "
    "not the skill: neither its past nor what became of it elsewhere. Its answers are those for a skill of that kind; read "
    "them as a first guess until levels have been observed and a version has been trained on them."
)
_NEW_ROLE: Final = translatable(
    "Of a new job role the model knows its department for {department} of these rows and the skills for {skill}, not the "
    "role: neither its past nor its usual needs. Read its answers as a first guess until levels have been observed and a "
    "version has been trained on them."
)

_SIGNAL: Final = translatable("{feature}: {now}; the version has seen {seen}.")
_SIGNAL_OUTSIDE: Final = translatable(
    "{feature}: {now}, beyond all that the version has seen ({seen}): its answers reach out of what it knows."
)
_TREND_UP: Final = translatable("{skill}: trend up from {before} to {now}, in {roles} job roles ({examples}).")
_TREND_DOWN: Final = translatable("{skill}: trend down from {before} to {now}, in {roles} job roles ({examples}).")

NEXT_STEPS: Final[dict[AlarmKind, str]] = {
    "data_drift": translatable(
        "Ask whoever delivers this figure whether its source, its unit or its scale has changed, and mend the import if so. If "
        "the change is real, ask for a retraining: the next version takes it for normal."
    ),
    "prediction_drift": translatable(
        "Look first at the figures that drifted: they may explain it. If none did, let HR judge a sample of recent answers "
        "before relying on them, and ask for a retraining."
    ),
    "confidence_shift": translatable(
        "Look first at the figures that drifted and at the new names: a model is less sure of what it has not seen. Let HR "
        "judge a sample of the answers that abstain."
    ),
    "unseen": translatable(
        "Read the names: a spelling that changed is mended in the import. A true novelty is learned by a retraining, once its "
        "levels have been observed; until then read its answers as a first guess."
    ),
    "out_of_range": translatable(
        "Check the unit and the source of these values first. If they are right, the model answers as at the edge of what it "
        "knows: ask for a retraining once their levels have been observed."
    ),
    "missing": translatable(
        "Ask whoever delivers this figure for the missing values, and import the snapshot again: without them the model answers "
        "from the other figures."
    ),
}
"""What to do about an alarm of each kind."""

_ALARMS: Final = translatable("Alarms: {count}, on {rows} rows ({job_roles} job roles, {skills} skills).")
_QUIET: Final = translatable("No alarm on {rows} rows ({job_roles} job roles, {skills} skills).")


def headline(report: DriftReport, language: Language, translate: Translate = str) -> str:
    """The first sentence: how many alarms, on what."""
    return translate(_ALARMS if report.alarms else _QUIET).format(
        count=integer(len(report.alarms), language),
        rows=integer(report.rows, language),
        job_roles=integer(report.roles, language),
        skills=integer(report.skills, language),
    )


def feature_name(feature: str, language: Language, translate: Translate = str) -> str:
    """A feature, or what the version said, at the beginning of a sentence."""
    name = translate(_SAID[feature]) if feature in _SAID else FEATURE_NAMES[language].get(feature, feature)
    return name[0].upper() + name[1:]


def feature_sentence(one: FeatureDrift, language: Language, translate: Translate = str) -> str:
    """The verdict of a feature, and why."""
    words: dict[str, Any] = {
        "feature": feature_name(one.feature, language, translate),
        "facts": translate(FACTS[one.level]),
        "units": integer(one.units[1], language),
        "independent": integer(one.independent[1], language),
    }
    if one.statistics:
        # What alarms; otherwise the distance, which stands first: it has a unit that people know.
        told = next((statistic for statistic in one.statistics if statistic.alarm), one.statistics[0])
        words["effect"] = _effect(told.name, told.effect, language, translate)
        words["null"] = _amount(told.name, told.null_quantile, language)
        words["usual"] = _amount(told.name, told.usual, language)
    if one.reason != "beyond":
        return translate(_REASONS[one.reason]).format(**words)
    if one.means is not None:
        before, now = (decimal(mean, language, 2) for mean in one.means)
        return translate(_NUMBER_DRIFTED).format(**words, before=before, now=now)
    moved = max(one.bins, key=lambda bar: abs(bar.now - bar.before))
    return translate(_CATEGORY_DRIFTED).format(
        **words,
        category=_category(one.feature, moved, language, translate),
        before=percent(moved.before, language),
        now=percent(moved.now, language),
    )


def listed_sentences(one: Listed, language: Language, translate: Translate = str) -> list[str]:
    """What is listed; of a new skill or role also what the model can and cannot tell of it."""
    template = _LISTED[one.feature if one.kind == "unseen" and one.feature in _LISTED else one.kind]
    sentences = [
        translate(template).format(
            feature=feature_name(one.feature, language, translate),
            rows=integer(one.rows, language),
            share=percent(one.share, language, 2),
            distinct=integer(one.distinct, language),
            expected=percent(one.expected, language, 2),
            examples=_examples(one, language),
        )
    ]
    known = {name: integer(count, language) for name, count in one.with_known.items()}
    none = integer(0, language)
    if one.kind == "unseen" and one.feature == schema.SKILL:
        words = {"category": known.get(schema.CATEGORY, none), "role": known.get(schema.ROLE, none)}
        sentences.append(translate(_NEW_SKILL).format(**words))
    if one.kind == "unseen" and one.feature == schema.ROLE:
        words = {"department": known.get(schema.DEPARTMENT, none), "skill": known.get(schema.SKILL, none)}
        sentences.append(translate(_NEW_ROLE).format(**words))
    return sentences


def signal_sentence(one: MarketSignal, language: Language, translate: Translate = str) -> str:
    """The value of a period, beside those seen before."""
    now, seen = (
        ", ".join(f"{_value(value, language)} ({period(month, language)})" for month, value in values.items())
        for values in (one.now, one.seen)
    )
    template = _SIGNAL_OUTSIDE if one.outside else _SIGNAL
    return translate(template).format(feature=feature_name(one.feature, language, translate), now=now, seen=seen)


def shift_sentence(one: TrendShift, language: Language, translate: Translate = str) -> str:
    """A skill whose trend moved, with the roles that it touches."""
    return translate(_TREND_UP if one.now > one.before else _TREND_DOWN).format(
        skill=one.skill,
        before=decimal(one.before, language, 2),
        now=decimal(one.now, language, 2),
        roles=integer(one.roles, language),
        examples=", ".join(one.examples) + (", …" if one.roles > len(one.examples) else ""),
    )


def _effect(name: StatisticName, value: float, language: Language, translate: Translate) -> str:
    return translate(EFFECTS[name]).format(value=_amount(name, value, language))


def _amount(name: StatisticName, value: float, language: Language) -> str:
    """A statistic as a number; the move of a share in points."""
    return decimal(100 * value, language, 1) if name == "share_shift" else decimal(value, language)


def _category(feature: str, bar: Bin, language: Language, translate: Translate) -> str:
    if bar.category is None:
        return translate(_OTHERS)
    levels = LEVELS[language] if feature in {PREDICTED, schema.CURRENT_LEVEL} else {}
    return levels.get(bar.category, bar.category)


def _value(value: float | str | None, language: Language) -> str:
    return value if isinstance(value, str) else decimal(value, language, 2)


def _examples(listed: Listed, language: Language) -> str:
    times = f"{THIN}×" if language == "fr" else " ×"
    texts = (
        decimal(float(one.text), language, 3) if listed.kind == "out_of_range" else one.text for one in listed.examples
    )
    return ", ".join(
        f"{text} ({integer(one.rows, language)}{times})" for text, one in zip(texts, listed.examples, strict=True)
    )
