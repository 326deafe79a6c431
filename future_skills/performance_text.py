"""What predictions turned out to be worth, in plain words, in French and in English."""

from typing import Final

from future_skills.formatting import Language, estimate, integer, percent
from future_skills.performance import Counts, GradualFall, Measured, Performance, Reason

_WORDS: Final[dict[Language, dict[str, str]]] = {
    "fr": {
        "measured": "{accuracy} de réponses justes{today}{declared}.",
        "today": " ; « comme aujourd’hui » : {value}",
        "declared": " ; annoncé : {value}",
        "waiting": "Pas encore mesurable : les niveaux à prédire ne sont pas encore observés.",
        "not_comparable": "Non mesurable : ces métiers n’ont pas été observés à temps, la suite ne sera pas connue.",
        "insufficient_sample": "Échantillon insuffisant : {labelled} réponses dont la suite est connue, il en faut {minimum}.",
        "provisional": (
            "Provisoire, d’après les niveaux observés en {periods} : {accuracy} de réponses justes{today}. Ce n’est pas une "
            "exactitude : les niveaux peuvent encore changer avant l’échéance."
        ),
        "counts": (
            "{predictions} réponses : {labelled} à la suite connue, {waiting} en attente, {not_comparable} sans suite possible."
        ),
        "fall": "Baisse progressive : {count} fenêtres de suite sous l’intervalle annoncé ({windows}).",
        "window": "{periods} : {value} pour {low} au moins",
    },
    "en": {
        "measured": "{accuracy} of right answers{today}{declared}.",
        "today": "; “same as today”: {value}",
        "declared": "; declared: {value}",
        "waiting": "Not measurable yet: the levels to predict are not observed yet.",
        "not_comparable": "Not measurable: these roles were not observed in time, and what happened will not be known.",
        "insufficient_sample": "Insufficient sample: {labelled} answers whose outcome is known, and {minimum} are needed.",
        "provisional": (
            "Provisional, by the levels observed in {periods}: {accuracy} of right answers{today}. This is no accuracy: levels "
            "may still change before the horizon."
        ),
        "counts": (
            "{predictions} answers: {labelled} whose outcome is known, {waiting} waiting, {not_comparable} not comparable."
        ),
        "fall": "Gradual fall: {count} windows in a row below the declared interval ({windows}).",
        "window": "{periods}: {value} for at least {low}",
    },
}


def sentences(found: Performance, language: Language) -> list[str]:
    """What a window turned out to be worth, or why that is not known; then what is provisional; then the counts."""
    lines = [_measured(found, found.measured, language) if found.measured else _reason(found, found.reason, language)]
    if found.provisional is not None:
        words = _WORDS[language]["provisional"]
        lines.append(
            words.format(
                periods=", ".join(found.provisional_periods),
                accuracy=_accuracy(found.provisional, language),
                today=_today(found.provisional, language),
            )
        )
    return [*lines, counts_sentence(found.counts, language)]


def counts_sentence(counts: Counts, language: Language) -> str:
    """How many predictions, and what came of them."""
    return _WORDS[language]["counts"].format(
        **{name: integer(count, language) for name, count in counts.model_dump().items()}
    )


def fall_sentence(fall: GradualFall, language: Language) -> str:
    """That the accuracy falls, window after window."""
    words = _WORDS[language]
    windows = (
        words["window"].format(periods=", ".join(periods), value=percent(value, language), low=percent(low, language))
        for periods, value, low in zip(fall.windows, fall.values, fall.declared_lows, strict=True)
    )
    joined = (" ; " if language == "fr" else "; ").join(windows)
    return words["fall"].format(count=integer(len(fall.windows), language), windows=joined)


def _measured(found: Performance, of_window: Measured, language: Language) -> str:
    words, declared = _WORDS[language], ""
    if found.declared is not None:
        declared = words["declared"].format(value=percent(found.declared.metrics.accuracy, language))
    return words["measured"].format(
        accuracy=_accuracy(of_window, language), today=_today(of_window, language), declared=declared
    )


def _reason(found: Performance, reason: Reason | None, language: Language) -> str:
    return _WORDS[language][reason or "waiting"].format(
        labelled=integer(found.counts.labelled, language), minimum=integer(found.minimum_rows, language)
    )


def _accuracy(found: Measured, language: Language) -> str:
    """The share right, with its interval and its n."""
    metrics, ends = found.metrics, found.intervals.get("accuracy")
    if ends is None:
        return percent(metrics.accuracy, language)
    return estimate(metrics.accuracy, *ends, metrics.rows, language)


def _today(found: Measured, language: Language) -> str:
    if found.persistence is None:
        return ""
    return _WORDS[language]["today"].format(value=percent(found.persistence.accuracy, language))
