"""A diagnosis in plain words, in French and in English."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from future_skills import schema
from future_skills.formatting import Language, decimal, integer, percent, signed, signed_points

if TYPE_CHECKING:
    from future_skills.diagnosis import ClassShift, Diagnosis, Distribution, ErrorGroup, Errors, WayBack, WorstRow

LEVELS: Final[dict[Language, dict[str, str]]] = {
    "fr": {schema.LOW: "Faible", schema.MEDIUM: "Moyen", schema.HIGH: "Élevé"},
    "en": {schema.LOW: "Low", schema.MEDIUM: "Medium", schema.HIGH: "High"},
}

SHOWN_MOVES: Final = 8
"""Features named in step 2."""

_WORDS: Final[dict[Language, dict[str, str]]] = {
    "fr": {
        "title": "Diagnostic de {version}",
        "classes": "1. Les niveaux de besoin, à l’entraînement et au test",
        "training": "appris (entraînement)",
        "test": "arrivés (test)",
        "current": "aujourd’hui (test)",
        "predicted": "prévus par {version}",
        "shift": (
            "Plus grand écart : {level} passe de {before} à l’entraînement à {after} au test ({change}). Pour que les deux "
            "répartitions soient égales, il faudrait changer le niveau de {distance} des lignes."
        ),
        "training_unknown": "Les niveaux que {version} a appris ne sont pas connus : son manifeste ne les donne pas.",
        "small_shift": "La répartition a peu bougé : ce n’est sans doute pas la cause.",
        "large_shift": "La répartition a nettement bougé : réentraînez avec les relevés récents.",
        "importances": "2. Ce sur quoi le modèle s’appuie, depuis {parent}",
        "importances_alone": "2. Ce sur quoi le modèle s’appuie",
        "no_parent": "{version} n’a pas de version mère : il n’y a rien à comparer.",
        "parent_unknown": "La version mère, {parent}, n’est pas disponible : il n’y a rien à comparer.",
        "importance_note": "Perte de F1 macro quand la variable est brouillée, sur les lignes de test de chaque version.",
        "new": "nouvelle",
        "dropped": "abandonnée",
        "errors": "3. Les erreurs les plus graves",
        "count": (
            "Erreurs : {errors} sur {rows} lignes ({rate}), dont graves : {severe}. Besoins élevés annoncés faibles, que "
            "personne ne prépare : {missed}. Besoins faibles annoncés élevés, des formations pour rien : {useless}."
        ),
        "no_error": "Aucune erreur sur {rows} lignes.",
        "roles": "Métiers",
        "skills": "Compétences",
        "confidence": "Selon l’assurance annoncée",
        "group": "{name} : {errors} sur {rows} ({rate}){severe}",
        "error": "erreur",
        "error_plural": "erreurs",
        "severe": ", dont {count} grave",
        "severe_plural": ", dont {count} graves",
        "worst": "Lignes à regarder d’abord",
        "row": "{role} · {skill} : prévu {predicted}, arrivé {truth} (aujourd’hui {current}){sure}",
        "sure": ", sûr à {confidence}",
        "unknown": "inconnu",
        "back": "4. La version à laquelle revenir",
        "no_earlier": "Aucune version antérieure, non retirée, n’est disponible.",
        "no_shared_rows": "Aucune version antérieure n’a été testée sur les mêmes lignes, comme après chaque nouveau relevé. "
        "Pour les noter toutes sur les lignes les plus récentes : python ml/evaluate_future_skills_models.py",
        "measured": "F1 macro {earlier} pour {name}, {value} pour {version}, sur {rows} lignes communes{interval}.",
        "interval": " (écart {difference}, intervalle à 90 % de {low} à {high})",
        "better": "Revenir à {name} : elle fait mieux.",
        "inconclusive": "{name} est la meilleure version antérieure, mais rien ne prouve qu’elle fasse mieux : revenir en "
        "arrière n’est pas justifié par ces seules mesures.",
        "worse": "Ne pas revenir en arrière : la meilleure version antérieure, {name}, fait moins bien.",
    },
    "en": {
        "title": "Diagnosis of {version}",
        "classes": "1. Need levels, in training and in the test",
        "training": "learnt (training)",
        "test": "happened (test)",
        "current": "today (test)",
        "predicted": "predicted by {version}",
        "shift": (
            "Largest shift: {level} goes from {before} in training to {after} in the test ({change}). For the two "
            "distributions to be equal, {distance} of the rows would have to change level."
        ),
        "training_unknown": "The levels that {version} learnt from are not known: its manifest does not give them.",
        "small_shift": "The distribution moved little: it is probably not the cause.",
        "large_shift": "The distribution clearly moved: train again with recent snapshots.",
        "importances": "2. What the model relies on, since {parent}",
        "importances_alone": "2. What the model relies on",
        "no_parent": "{version} has no parent version: there is nothing to compare.",
        "parent_unknown": "The parent version, {parent}, is not available: there is nothing to compare.",
        "importance_note": "Macro F1 lost when the feature is shuffled, on each version's own test rows.",
        "new": "new",
        "dropped": "dropped",
        "errors": "3. The worst errors",
        "count": (
            "Errors: {errors} on {rows} rows ({rate}), of which severe: {severe}. High needs announced low, that nobody "
            "prepares: {missed}. Low needs announced high, training for nothing: {useless}."
        ),
        "no_error": "No error on {rows} rows.",
        "roles": "Job roles",
        "skills": "Skills",
        "confidence": "By confidence announced",
        "group": "{name}: {errors} on {rows} ({rate}){severe}",
        "error": "error",
        "error_plural": "errors",
        "severe": ", of which {count} severe",
        "severe_plural": ", of which {count} severe",
        "worst": "Rows to look at first",
        "row": "{role} · {skill}: predicted {predicted}, happened {truth} (today {current}){sure}",
        "sure": ", {confidence} sure",
        "unknown": "unknown",
        "back": "4. The version to go back to",
        "no_earlier": "No earlier version that was not retracted is available.",
        "no_shared_rows": "No earlier version was tested on the same rows, as after every new snapshot. "
        "To score them all on the newest rows: python ml/evaluate_future_skills_models.py",
        "measured": "Macro F1 {earlier} for {name}, {value} for {version}, on {rows} shared rows{interval}.",
        "interval": " (difference {difference}, 90% interval from {low} to {high})",
        "better": "Go back to {name}: it does better.",
        "inconclusive": "{name} is the best earlier version, but nothing proves that it does better: these metrics alone do "
        "not justify going back.",
        "worse": "Do not go back: the best earlier version, {name}, does less well.",
    },
}

LARGE_SHIFT: Final = 0.05
"""Total variation from which the levels are said to have clearly moved."""


def text(diagnosis: "Diagnosis", language: Language) -> str:
    """The four steps."""
    words = _WORDS[language]
    heading = "importances_alone" if diagnosis.importances_reason else "importances"
    blocks = [
        [words["title"].format(version=diagnosis.version)],
        [words["classes"], *_classes(diagnosis.classes, diagnosis.version, language)],
        [words[heading].format(parent=diagnosis.parent), *_importances(diagnosis, language)],
        [words["errors"], *_errors(diagnosis.errors, language)],
        [words["back"], *_way_back(diagnosis.way_back, diagnosis.version, language)],
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _classes(classes: "ClassShift", version: str, language: Language) -> list[str]:
    words = _WORDS[language]
    named = {
        words["training"]: classes.training,
        words["test"]: classes.test,
        words["current"]: classes.current,
        words["predicted"].format(version=version): classes.predicted,
    }
    width = max(len(name) for name in named)
    lines = [f"  {name:<{width}}  {_shares(one, language)}" for name, one in named.items() if one.rows]
    if classes.level is None or classes.change is None or classes.distance is None:
        return [*lines, words["training_unknown"].format(version=version)]
    lines.append(
        words["shift"].format(
            level=LEVELS[language][classes.level],
            before=percent(classes.training.shares[classes.level], language),
            after=percent(classes.test.shares[classes.level], language),
            change=signed_points(classes.change, language),
            distance=percent(classes.distance, language),
        )
    )
    return [*lines, words["large_shift" if classes.distance >= LARGE_SHIFT else "small_shift"]]


def _shares(one: "Distribution", language: Language) -> str:
    shares = "  ".join(
        f"{LEVELS[language][level]} {percent(share, language):>7}" for level, share in one.shares.items()
    )
    return f"{shares}  n = {integer(one.rows, language)}"


def _importances(diagnosis: "Diagnosis", language: Language) -> list[str]:
    words = _WORDS[language]
    if diagnosis.importances_reason:
        reason = words[diagnosis.importances_reason]
        return [reason.format(version=diagnosis.version, parent=diagnosis.parent)]
    shown = diagnosis.importances[:SHOWN_MOVES]
    width = max((len(move.feature) for move in shown), default=0)
    lines = [words["importance_note"]]
    for move in shown:
        note = words["new"] if move.parent is None else words["dropped"] if move.version is None else ""
        values = f"{decimal(move.parent, language)} → {decimal(move.version, language)}"
        lines.append(f"  {move.feature:<{width}}  {values}  ({signed(move.change, language)})  {note}".rstrip())
    return lines


def _errors(errors: "Errors", language: Language) -> list[str]:
    words = _WORDS[language]
    if not errors.errors:
        return [words["no_error"].format(rows=integer(errors.rows, language))]
    lines = [
        words["count"].format(
            errors=integer(errors.errors, language),
            rows=integer(errors.rows, language),
            rate=percent(errors.errors / errors.rows, language),
            severe=integer(errors.severe, language),
            missed=integer(errors.low_for_high, language),
            useless=integer(errors.high_for_low, language),
        )
    ]
    lines += _group_lines(words["roles"], errors.roles, language)
    lines += _group_lines(words["skills"], errors.skills, language)
    lines += _group_lines(words["confidence"], [_band(one, language) for one in errors.confidence], language)
    return [*lines, f"{words['worst']}{_colon(language)}", *(f"  {_row(one, language)}" for one in errors.worst)]


def _colon(language: Language) -> str:
    return "\u00a0:" if language == "fr" else ":"


def _group_lines(heading: str, groups: Sequence["ErrorGroup"], language: Language) -> list[str]:
    if not groups:
        return []
    return [f"{heading}{_colon(language)}", *(f"  {_group_line(one, language)}" for one in groups)]


def _group_line(one: "ErrorGroup", language: Language) -> str:
    words = _WORDS[language]
    error = words["error_plural" if one.errors > 1 else "error"]
    severe = words["severe_plural" if one.severe > 1 else "severe"].format(count=integer(one.severe, language))
    return words["group"].format(
        name=one.name,
        errors=f"{integer(one.errors, language)} {error}",
        rows=integer(one.rows, language),
        rate=percent(one.rate, language),
        severe=severe if one.severe else "",
    )


def _band(one: "ErrorGroup", language: Language) -> "ErrorGroup":
    """A band of confidence with its ends as percentages."""
    low, high = (percent(float(end), language, 0) for end in one.name.split("-"))
    return type(one)(f"{low} – {high}", one.rows, one.errors, one.severe)


def _row(one: "WorstRow", language: Language) -> str:
    words, levels = _WORDS[language], LEVELS[language]
    sure = ""
    if one.confidence is not None:  # rounded down: 100 % only where it is exactly that
        sure = words["sure"].format(confidence=percent(math.floor(1000 * one.confidence) / 1000, language))
    return words["row"].format(
        role=one.role,
        skill=one.skill,
        predicted=levels[one.predicted],
        truth=levels[one.truth],
        current=words["unknown"] if one.current is None else levels[one.current],
        sure=sure,
    )


def _way_back(way_back: "WayBack", version: str, language: Language) -> list[str]:
    words, comparison = _WORDS[language], way_back.comparison
    if way_back.reason:
        return [words[way_back.reason]]
    if comparison is None or comparison.reference_metrics is None or comparison.challenger_metrics is None:
        return []
    difference = comparison.difference("f1_macro")
    interval = ""
    if difference is not None:  # told from the version to the earlier one: more is better for going back
        interval = words["interval"].format(
            difference=signed(-difference.difference, language),
            low=signed(-difference.high, language),
            high=signed(-difference.low, language),
        )
    measured = words["measured"].format(
        name=way_back.version,
        version=version,
        earlier=decimal(comparison.reference_metrics.f1_macro, language),
        value=decimal(comparison.challenger_metrics.f1_macro, language),
        rows=integer(comparison.rows, language),
        interval=interval,
    )
    verdict = words[way_back.verdict or "inconclusive"].format(name=way_back.version)
    return [verdict, measured]
