"""Reasons in plain words, in French and in English: what HR reads beside an answer.

A sentence says what the model relies on, never what causes a need, and never what a decision would do.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from future_skills import schema
from future_skills.formatting import Language, decimal, integer, percent, signed_points
from future_skills.history import HISTORY_FEATURES
from future_skills.reasons import DECIMALS, Background, Change, Contribution, Reasons, Value
from future_skills.registry_words import typeset
from future_skills.snapshot_columns import ENGLISH_HEADINGS, FRENCH_HEADINGS

TOWARD: Final = 3
"""Features named for the level."""

AGAINST: Final = 2
"""Features named against it."""

CHANGES: Final = 3
"""Changes named."""

LEAST_EFFECT: Final = 0.005
"""Smallest effect on the probability of the announced level that is written: half a percentage point."""

LEAST_RARE_EFFECT: Final = 0.001
"""The same for another level: one that is rare moves by tenths of a point."""

LEAST_SHARE: Final = 0.05
"""Smallest share of the strongest effect that is written."""

LEVELS: Final[dict[Language, dict[str, str]]] = {
    "fr": {schema.LOW: "Faible", schema.MEDIUM: "Moyen", schema.HIGH: "Élevé"},
    "en": {schema.LOW: "Low", schema.MEDIUM: "Medium", schema.HIGH: "High"},
}

_HISTORY_NAMES: Final[dict[Language, dict[str, str]]] = {
    "fr": {
        "months_since_first_listed": "compétence listée depuis",
        "periods_in_need_before": "relevés antérieurs au niveau Élevé",
        "months_since_last_need": "dernier besoin élevé",
        "need_memory": "besoin du couple, présent et passé",
        "previous_level_rank": "niveau au relevé précédent",
        "roles_in_need": "métiers qui ont besoin de la compétence",
        "share_of_roles_in_need": "part des métiers qui en ont besoin",
        "department_roles_in_need": "métiers du département qui en ont besoin",
        "department_share_in_need": "part des métiers du département qui en ont besoin",
        "department_need_memory": "besoin cumulé dans le département",
        "share_of_roles_medium_or_high": "part des métiers où le besoin est au moins moyen",
        "role_skills_in_need": "compétences dont le métier a besoin",
        "role_share_in_need": "part des compétences du métier en besoin élevé",
        "skill_need_momentum": "évolution du besoin de la compétence",
        "role_need_momentum": "évolution des besoins du métier",
        "similar_roles_need": "besoin dans les métiers proches",
        "similar_listing_roles_need": "besoin dans les métiers qui listent les mêmes compétences",
        "similar_needing_roles_need": "besoin dans les métiers aux mêmes besoins",
        "companion_skills_need": "besoin là où le sont aussi les compétences du métier",
        "expected_need": "besoin attendu du seul fait du métier et de la compétence",
        "similar_need_rank_in_role": "rang dans le métier, selon les métiers proches",
    },
    "en": {
        "months_since_first_listed": "skill listed for",
        "periods_in_need_before": "earlier snapshots at High",
        "months_since_last_need": "last in need",
        "need_memory": "need of the pair, now and before",
        "previous_level_rank": "level at the previous snapshot",
        "roles_in_need": "job roles that need the skill",
        "share_of_roles_in_need": "share of job roles that need it",
        "department_roles_in_need": "job roles of the department that need it",
        "department_share_in_need": "share of the department’s job roles that need it",
        "department_need_memory": "need added up over the department",
        "share_of_roles_medium_or_high": "share of job roles where the need is at least medium",
        "role_skills_in_need": "skills the job role needs",
        "role_share_in_need": "share of the job role’s skills in need",
        "skill_need_momentum": "change in the need for the skill",
        "role_need_momentum": "change in the needs of the job role",
        "similar_roles_need": "need in similar job roles",
        "similar_listing_roles_need": "need in job roles that list the same skills",
        "similar_needing_roles_need": "need in job roles with the same needs",
        "companion_skills_need": "need where the job role’s other skills are needed",
        "expected_need": "need expected from the job role and the skill alone",
        "similar_need_rank_in_role": "rank in the job role, by similar job roles",
    },
}


def _names(language: Language) -> dict[str, str]:
    """Feature -> its name inside a sentence: the heading of the HR file, without its unit."""
    headings = FRENCH_HEADINGS if language == "fr" else ENGLISH_HEADINGS
    base = {name: headings[name].partition("(")[0].strip() for name in schema.BASE_FEATURES}
    now = {schema.CURRENT_LEVEL: "niveau actuel" if language == "fr" else "current level"}
    return {name: words[0].lower() + words[1:] for name, words in (base | now | _HISTORY_NAMES[language]).items()}


FEATURE_NAMES: Final[dict[Language, dict[str, str]]] = {"fr": _names("fr"), "en": _names("en")}
"""Each feature as a sentence names it."""

_WORDS: Final[dict[Language, dict[str, str]]] = {
    "fr": {
        "announced": "Niveau annoncé : {level} ({chance} ; {average} en moyenne {among}).",
        "chance": "Probabilité du niveau {level} : {chance} ({average} en moyenne {among}).",
        "everybody": "sur les lignes d’entraînement",
        "same": "parmi les couples aujourd’hui au niveau {level}",
        "unknown_level": "parmi les couples dont le niveau actuel est inconnu",
        "toward": "Le modèle s’appuie surtout sur {items}.",
        "against": "En sens contraire : {items}.",
        "only_against": "Ce qui, pour le modèle, éloigne de ce niveau : {items}.",
        "nothing": "Aucune donnée ne change nettement cette probabilité.",
        "caution": "La prudence du modèle, qui garde le niveau d’aujourd’hui tant qu’un autre n’est pas nettement plus "
        "probable, compte pour {effect}.",
        "item": "« {name} : {value} » ({effect})",
        "change": "{name} à {needed} au lieu de {value} ({level})",
        "changes": "Toutes choses égales par ailleurs, le modèle annoncerait un autre niveau avec : {items}.",
        "no_change": "Aucune des {count} valeurs chiffrées ne change à elle seule le niveau annoncé, sur l’étendue vue à "
        "l’entraînement.",
        "missing": "inconnu",
        "never": "jamais",
        "now": "aujourd’hui",
        "months": "{count}\u00a0mois",
        "ago": "il y a {count}\u00a0mois",
        "a_year": "{change} par an",
        "in_need": "déjà en besoin",
        "similar": "Parmi les {count} métiers les plus proches qui listent la compétence, {in_need} en ont besoin "
        "aujourd’hui.",
        "one_of_similar": "Parmi les {count} métiers les plus proches qui listent la compétence, un seul en a besoin "
        "aujourd’hui.",
        "none_of_similar": "Parmi les {count} métiers les plus proches qui listent la compétence, aucun n’en a besoin "
        "aujourd’hui.",
        "one_similar_needs": "Un seul métier proche liste la compétence, et il en a besoin aujourd’hui.",
        "one_similar": "Un seul métier proche liste la compétence, et il n’en a pas besoin aujourd’hui.",
        "no_similar": "Aucun métier proche ne liste la compétence.",
        "and": " et ",
    },
    "en": {
        "announced": "Level announced: {level} ({chance}; {average} on average {among}).",
        "chance": "Probability of the level {level}: {chance} ({average} on average {among}).",
        "everybody": "over the training rows",
        "same": "among pairs at the level {level} today",
        "unknown_level": "among pairs whose level today is unknown",
        "toward": "The model relies mostly on {items}.",
        "against": "The other way: {items}.",
        "only_against": "What takes the model away from this level: {items}.",
        "nothing": "No fact clearly changes this probability.",
        "caution": "The caution of the model, which keeps today’s level until another is clearly more probable, counts "
        "for {effect}.",
        "item": "“{name}: {value}” ({effect})",
        "change": "{name} at {needed} instead of {value} ({level})",
        "changes": "All else being equal, the model would announce another level with: {items}.",
        "no_change": "None of the {count} figures changes the level announced by itself, over the range seen in training.",
        "missing": "unknown",
        "never": "never",
        "now": "today",
        "months": "{count} months",
        "ago": "{count} months ago",
        "a_year": "{change} a year",
        "in_need": "in need already",
        "similar": "Of the {count} most similar job roles that list the skill, {in_need} need it today.",
        "one_of_similar": "Of the {count} most similar job roles that list the skill, only one needs it today.",
        "none_of_similar": "Of the {count} most similar job roles that list the skill, none needs it today.",
        "one_similar_needs": "Only one similar job role lists the skill, and needs it today.",
        "one_similar": "Only one similar job role lists the skill, and does not need it today.",
        "no_similar": "No similar job role lists the skill.",
        "and": " and ",
    },
}
_WORDS["fr"] = {key: typeset(text) for key, text in _WORDS["fr"].items()}


# --- Values -------------------------------------------------------------------------------------------------------------
def _months(value: float, language: Language) -> str:
    return _WORDS[language]["months"].format(count=integer(value, language))


def _months_ago(value: float, language: Language) -> str:
    return _WORDS[language]["ago"].format(count=integer(value, language)) if value else _WORDS[language]["now"]


def _level(rank: float, language: Language) -> str:
    return LEVELS[language][schema.LEVELS[int(rank)]]


def _rank(value: float, language: Language) -> str:
    return integer(value, language) if value else _WORDS[language]["in_need"]


def _a_year(value: float, language: Language) -> str:
    return _WORDS[language]["a_year"].format(change=signed_points(value, language))


def _thousands(value: float, language: Language) -> str:
    return f"{decimal(value, language, 1)}\u00a0k"


_WRITERS: Final[dict[str, Callable[[float, Language], str]]] = {
    **{name: partial(decimal, digits=digits) for name, digits in DECIMALS.items()},
    **dict.fromkeys((name for name in HISTORY_FEATURES if "share" in name), percent),
    **dict.fromkeys(("similar_roles_need", "similar_listing_roles_need", "similar_needing_roles_need"), percent),
    **dict.fromkeys(("companion_skills_need", "expected_need"), partial(decimal, digits=2)),
    **dict.fromkeys(("skill_need_momentum", "role_need_momentum"), _a_year),
    "internal_usage": partial(percent, digits=0),
    "avg_salary_k": _thousands,
    "need_memory": percent,
    "department_need_memory": partial(decimal, digits=1),
    "months_since_first_listed": _months,
    "months_since_last_need": _months_ago,
    "previous_level_rank": _level,
    "similar_need_rank_in_role": _rank,
}
"""Features whose value is no whole number -> how it is written."""


# --- Sentences ----------------------------------------------------------------------------------------------------------
def reasons_text(reasons: Reasons, language: Language, *, about: str | None = None) -> str:
    """The sentences of a row's reasons: what the model relies on, for and against a level.

    Args:
        reasons: of the row.
        language: ``fr`` or ``en``.
        about: the level whose probability is explained; the announced one by default.
    """
    words, level = _WORDS[language], about or reasons.level
    strongest = max(abs(one.effects[level]) for one in reasons.contributions)
    least = max(LEAST_EFFECT if level == reasons.level else LEAST_RARE_EFFECT, LEAST_SHARE * strongest)
    toward = _items(reasons.toward(level)[:TOWARD], level, least, language)
    against = _items(reasons.against(level)[:AGAINST], level, least, language)
    first = words["announced" if level == reasons.level else "chance"].format(
        level=LEVELS[language][level],
        chance=percent(reasons.probabilities[level], language),
        average=percent(reasons.average[level], language),
        among=_among(reasons.background, language),
    )
    sentences = [first]
    if toward:
        sentences.append(words["toward"].format(items=toward))
    if against:
        sentences.append(words["against" if toward else "only_against"].format(items=against))
    if not (toward or against):
        sentences.append(words["nothing"])
    if abs(reasons.caution[level]) >= least:
        sentences.append(words["caution"].format(effect=signed_points(reasons.caution[level], language)))
    return " ".join(sentences)


def changes_text(reasons: Reasons, language: Language) -> str:
    """What would change the announced level, or that no value tried does; "" where none was tried."""
    words = _WORDS[language]
    if reasons.changes:
        items = [_change(one, language) for one in reasons.changes[:CHANGES]]
        return words["changes"].format(items=_listed(items, language))
    return words["no_change"].format(count=len(reasons.tried)) if reasons.tried else ""


def similar_text(count: int, in_need: int, language: Language) -> str:
    """How many of the most similar roles that list the skill need it.

    Args:
        count: roles looked at.
        in_need: those of them at HIGH.
        language: ``fr`` or ``en``.
    """
    words = _WORDS[language]
    if not count:
        return words["no_similar"]
    if count == 1:
        return words["one_similar_needs" if in_need else "one_similar"]
    said = {0: "none_of_similar", 1: "one_of_similar"}.get(in_need, "similar")
    return words[said].format(count=integer(count, language), in_need=integer(in_need, language))


def value_text(name: str, value: Value, language: Language) -> str:
    """A feature's value as people write it."""
    if value is None:
        return _WORDS[language]["never" if name == "months_since_last_need" else "missing"]
    if isinstance(value, str):
        return LEVELS[language][value] if name == schema.CURRENT_LEVEL else value
    return _WRITERS.get(name, integer)(value, language)


def _among(background: Background, language: Language) -> str:
    words = _WORDS[language]
    if not background.same_level:
        return words["everybody"]
    if background.level is None:
        return words["unknown_level"]
    return words["same"].format(level=LEVELS[language][background.level])


def _items(contributions: Sequence[Contribution], level: str, least: float, language: Language) -> str:
    """The contributions to a level that are not negligible, as a list; "" where there is none."""
    items = [
        _WORDS[language]["item"].format(
            name=FEATURE_NAMES[language][one.feature],
            value=value_text(one.feature, one.value, language),
            effect=signed_points(one.effects[level], language),
        )
        for one in contributions
        if abs(one.effects[level]) >= least
    ]
    return _listed(items, language)


def _change(one: Change, language: Language) -> str:
    return _WORDS[language]["change"].format(
        name=FEATURE_NAMES[language][one.feature],
        needed=value_text(one.feature, one.needed, language),
        value=value_text(one.feature, one.value, language),
        level=LEVELS[language][one.level],
    )


def _listed(items: Sequence[str], language: Language) -> str:
    """``a, b and c``."""
    return _WORDS[language]["and"].join(filter(None, (", ".join(items[:-1]), *items[-1:])))
