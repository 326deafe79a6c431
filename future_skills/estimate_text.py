"""The estimate before labels in plain words, in French and in English: it is never called an accuracy."""

from typing import Final

from future_skills.estimate import Condition, ConditionName, Estimate
from future_skills.formatting import Language, estimate, integer, percent

_WORDS: Final[dict[Language, dict[str, str]]] = {
    "fr": {
        "expected": (
            "Estimation avant de connaître la suite : {share} de réponses devraient être justes. Ce n’est pas une exactitude "
            "mesurée."
        ),
        "not_estimable": "Non estimable : {conditions}.",
        "between": ", et ",
    },
    "en": {
        "expected": (
            "Estimate before the outcome is known: {share} of the answers should be right. This is no measured accuracy."
        ),
        "not_estimable": "Not estimable: {conditions}.",
        "between": ", and ",
    },
}

_CONDITIONS: Final[dict[Language, dict[ConditionName, dict[str, str]]]] = {
    "fr": {
        "calibrated": {
            "holds": "au test, les probabilités disaient vrai à {observed} près ({high} au plus)",
            "fails": "au test, les probabilités se trompaient de {observed} ({high} au plus)",
        },
        "inside_training": {
            "holds": "{observed} des lignes ne ressemblent à aucune de l’entraînement ({high} au plus)",
            "fails": "{observed} des lignes ne ressemblent à aucune de l’entraînement ({high} au plus)",
            "unknown": "entraînée ailleurs : nul ne sait si les lignes ressemblent à celles de l’entraînement",
        },
        "no_concept_drift": {
            "holds": "à la dernière fenêtre connue, {observed} de justes, dans l’intervalle estimé ({low} à {high})",
            "fails": "à la dernière fenêtre connue, {observed} de justes, hors de l’intervalle estimé ({low} à {high})",
            "unknown": "aucune fenêtre passée n’a encore de suite connue",
        },
        "enough_rows": {
            "holds": "{observed} lignes ({low} au moins)",
            "fails": "échantillon insuffisant : {observed} lignes ({low} au moins)",
        },
    },
    "en": {
        "calibrated": {
            "holds": "in the test, probabilities were right within {observed} (at most {high})",
            "fails": "in the test, probabilities were wrong by {observed} (at most {high})",
        },
        "inside_training": {
            "holds": "{observed} of the rows are unlike any of training (at most {high})",
            "fails": "{observed} of the rows are unlike any of training (at most {high})",
            "unknown": "trained elsewhere: nobody knows whether the rows are like those of training",
        },
        "no_concept_drift": {
            "holds": "in the last window known, {observed} right, inside the interval estimated ({low} to {high})",
            "fails": "in the last window known, {observed} right, outside the interval estimated ({low} to {high})",
            "unknown": "no past window has a known outcome yet",
        },
        "enough_rows": {
            "holds": "{observed} rows (at least {low})",
            "fails": "insufficient sample: {observed} rows (at least {low})",
        },
    },
}

_NO_PROBABILITIES: Final[dict[Language, str]] = {
    "fr": "la version ne donne pas de probabilités",
    "en": "the version gives no probabilities",
}


def sentence(found: Estimate, language: Language) -> str:
    """The share expected to be right with its interval, or the conditions that fail."""
    words = _WORDS[language]
    if found.expected is None or found.low is None or found.high is None:
        failed = (condition_words(one, language) for one in found.conditions if one.state == "fails")
        return words["not_estimable"].format(conditions=words["between"].join(failed))
    return words["expected"].format(share=estimate(found.expected, found.low, found.high, found.rows, language))


def condition_words(one: Condition, language: Language) -> str:
    """What is known of a condition, without a full stop."""
    if one.name == "calibrated" and one.observed is None:
        return _NO_PROBABILITIES[language]
    shown = integer if one.name == "enough_rows" else percent
    values = {"observed": one.observed, "low": one.low, "high": one.high}
    return _CONDITIONS[language][one.name][one.state].format(
        **{name: shown(value, language) for name, value in values.items()}
    )
