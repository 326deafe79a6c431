"""An evaluation as tables and as Markdown, in French and in English: the same tables for the terminal and the file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from future_skills import schema
from future_skills.formatting import Language, decimal, integer, percent, period, signed, signed_points
from future_skills.manifest import Metrics
from future_skills.targets import targets

if TYPE_CHECKING:
    from future_skills.comparison import Comparison, Difference
    from future_skills.evaluation import EvaluationReport, VersionResult

POINTS: Final = frozenset({"accuracy", "severe_error_rate"})
"""Metrics written as percentages."""


BASELINE_NAMES: Final[dict[Language, dict[str, str]]] = {
    "fr": {"persistence": "comme aujourd’hui", "rules": "règles", "majority": "majorité"},
    "en": {"persistence": "same as today", "rules": "rules", "majority": "majority"},
}

_WORDS: Final[dict[Language, dict[str, str]]] = {
    "fr": {
        "title": "Évaluation des versions",
        "rows": "{rows} lignes de {dataset}{period} : {roles} métiers, {skills} compétences. Ce qui est arrivé : {levels}.",
        "of_period": ", période {period}",
        "left_out": "{count} lignes sur lesquelles une version a été entraînée sont laissées de côté pour toutes.",
        "sha": "Jeu de données : sha256 `{sha256}`.",
        "known": (
            "Le niveau actuel est connu pour {known} lignes sur {rows} : « comme aujourd’hui » et l’émergence ne portent "
            "que sur elles."
        ),
        "unknown": "Le niveau actuel n’est connu pour aucune ligne : « comme aujourd’hui » ne peut pas répondre.",
        "best": (
            "Meilleur F1 macro : **{best}** ({value}). « Comme aujourd’hui » : {persistence}. Objectifs écrits atteints : "
            "{targets}."
        ),
        "on_known": "{value} sur les {rows} lignes où le niveau actuel est connu, sur lesquelles {best} fait {ours}",
        "no_best": "Aucune version ne peut être classée.",
        "close": "À 90 %, on ne peut pas la distinguer de : {names}.",
        "ranking": "Classement",
        "how": (
            "Classement par F1 macro : chaque niveau compte autant, HIGH étant rare et étant ce qui importe. "
            "L’émergence (retrouver, parmi les couples qui ne sont pas HIGH, ceux qui le deviennent) est à côté : c’est là "
            "qu’un modèle fait mieux que « comme aujourd’hui ». "
            "Intervalles à 90 % entre parenthèses ou crochets : bootstrap à deux facteurs (métiers et compétences tirés "
            "séparément, {draws} tirages)."
        ),
        "rank": "Rang",
        "version": "Version",
        "f1_macro": "F1 macro",
        "f1_weighted": "F1 pondéré",
        "accuracy": "Exactitude",
        "severe_error_rate": "Erreurs graves",
        "emergence": "Émergence",
        "lift": "Émergence (× hasard)",
        "top": "Précision des 200 premières",
        "calibration": "Erreur de calibration",
        "known_f1": "F1 macro, niveau actuel connu",
        "seen": "a vu {count} lignes",
        "elsewhere": "entraînée ailleurs",
        "refused": "non évaluée",
        "missing": "{name} n’est pas évaluée : il manque au jeu de données {columns}{why}.",
        "no_history": " (sans périodes, l’historique ne peut pas être reconstitué)",
        "seen_note": "{name} a vu {count} de ces lignes à l’entraînement : ses mesures sont trop belles, elle n’est pas classée.",
        "elsewhere_note": "{name} a été entraînée ailleurs : nul ne sait si elle a vu ces lignes, elle n’est pas classée.",
        "per_class": "Par niveau",
        "level": "Niveau",
        "precision": "Précision",
        "recall": "Rappel",
        "f1": "F1",
        "support": "Lignes",
        "to_persistence": "Écarts avec « comme aujourd’hui »",
        "to_best": "Écarts avec la meilleure version, {best}",
        "to_previous": "Écarts avec la version précédente",
        "reference": "Référence",
        "discordant": "Seule à avoir raison (elle / référence)",
        "mcnemar": "McNemar mid-p",
        "pairs": (
            "Écart = version moins référence, sur les mêmes lignes. **Gras** : l’intervalle à 90 % laisse zéro dehors. "
            "« Erreurs graves » : moins, c’est mieux. McNemar suppose les lignes indépendantes, ce qu’elles ne sont pas : "
            "ce sont les intervalles qui tranchent."
        ),
        "confusion": "Ce qui était prévu, ce qui est arrivé",
        "really": "{name} : réel ↓ prévu →",
        "figures": "Figures",
        "targets_met": "{met} sur {all}",
        "reasons": "Sans valeur",
    },
    "en": {
        "title": "Evaluation of the versions",
        "rows": "{rows} rows of {dataset}{period}: {roles} job roles, {skills} skills. What happened: {levels}.",
        "of_period": ", period {period}",
        "left_out": "{count} rows that a version trained on are left out for all.",
        "sha": "Dataset: sha256 `{sha256}`.",
        "known": (
            "The level now is known for {known} rows of {rows}: “same as today” and emergence stand on these alone."
        ),
        "unknown": "The level now is known for no row: “same as today” cannot answer.",
        "best": "Best macro F1: **{best}** ({value}). “Same as today”: {persistence}. Written targets met: {targets}.",
        "on_known": "{value} on the {rows} rows whose level now is known, on which {best} has {ours}",
        "no_best": "No version can be ranked.",
        "close": "At 90%, it cannot be told apart from: {names}.",
        "ranking": "Ranking",
        "how": (
            "Ranked by macro F1: every level counts the same, as HIGH is rare and is what matters. Emergence (finding, "
            "among pairs not HIGH now, those that become HIGH) stands beside it: there a model does better than “same as "
            "today”. 90% intervals in brackets: two-way bootstrap (roles and skills drawn independently, {draws} draws)."
        ),
        "rank": "Rank",
        "version": "Version",
        "f1_macro": "Macro F1",
        "f1_weighted": "Weighted F1",
        "accuracy": "Accuracy",
        "severe_error_rate": "Severe errors",
        "emergence": "Emergence",
        "lift": "Emergence (× chance)",
        "top": "Precision of the top 200",
        "calibration": "Calibration error",
        "known_f1": "Macro F1, level now known",
        "seen": "saw {count} rows",
        "elsewhere": "trained elsewhere",
        "refused": "not evaluated",
        "missing": "{name} is not evaluated: the dataset lacks {columns}{why}.",
        "no_history": " (without periods, history cannot be derived)",
        "seen_note": "{name} saw {count} of these rows in training: its metrics are too good, and it is not ranked.",
        "elsewhere_note": "{name} was trained elsewhere: nobody knows whether it saw these rows, and it is not ranked.",
        "per_class": "By level",
        "level": "Level",
        "precision": "Precision",
        "recall": "Recall",
        "f1": "F1",
        "support": "Rows",
        "to_persistence": "Differences from “same as today”",
        "to_best": "Differences from the best version, {best}",
        "to_previous": "Differences from the version before",
        "reference": "Reference",
        "discordant": "Only one right (it / reference)",
        "mcnemar": "McNemar mid-p",
        "pairs": (
            "Difference = version minus reference, on the same rows. **Bold**: the 90% interval leaves zero out. “Severe "
            "errors”: less is better. McNemar takes rows as independent, which they are not: the intervals decide."
        ),
        "confusion": "What was predicted, what happened",
        "really": "{name}: real ↓ predicted →",
        "figures": "Figures",
        "targets_met": "{met} of {all}",
        "reasons": "Without a value",
    },
}

_REASONS_FR: Final = {
    "it gives levels, not probabilities": "il donne des niveaux, pas des probabilités",
    "it ranks nothing: it gives levels, not probabilities": "il ne classe rien : il donne des niveaux, pas des probabilités",
    "the level now is known for no row": "le niveau actuel n’est connu pour aucune ligne",
    "the level now is known for no test row": "le niveau actuel n’est connu pour aucune ligne",
    "no row that is not HIGH now becomes HIGH": "aucune ligne qui n’est pas HIGH ne le devient",
    "only one level is there": "il n’y a qu’un niveau",
    "fewer than 200 rows are not HIGH now": "moins de 200 lignes ne sont pas HIGH aujourd’hui",
    "no row has a label known before the rows scored": "aucun niveau n’était connu avant les lignes évaluées",
}


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of words.

    Attributes:
        title: its heading.
        columns: headings of the columns; the first two are on the left, the others on the right.
        rows: cells, as many as columns; ``**…**`` marks what stands out.
        left: how many columns are text.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 2

    def markdown(self) -> str:
        """The table in Markdown, without its title."""
        rule = ["---" if place < self.left else "---:" for place in range(len(self.columns))]
        lines = [self.columns, rule, *self.rows]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def markdown(report: "EvaluationReport", language: Language, *, figures: Sequence[str] = ()) -> str:
    """The whole report; ``figures`` are the SVG files beside it."""
    words = _WORDS[language]
    parts = [f"# {words['title']}", *summary(report, language), words["sha"].format(sha256=report.dataset_sha256)]
    tables = all_tables(report, language)
    notes = {words["ranking"]: how_ranked(report, language), words["to_persistence"]: words["pairs"]}
    for table in tables:
        parts += [f"## {table.title}"] if table.title else []
        parts += [table.markdown()]
        parts += [notes[table.title]] if table.title in notes else []
    reasons = baseline_reasons(report, language)
    if reasons:
        parts += [f"## {words['reasons']}", "\n".join(f"- {line}" for line in reasons)]
    if figures:
        parts += [f"## {words['figures']}", "\n\n".join(f"![{name}]({name})" for name in figures)]
    return "\n\n".join(parts) + "\n"


def terminal_tables(report: "EvaluationReport", language: Language) -> list[TextTable]:
    """The tables that a terminal shows; the others are in the Markdown."""
    return [ranking_table(report, language), per_class_table(report, language), *difference_tables(report, language)]


def summary(report: "EvaluationReport", language: Language) -> list[str]:
    """The paragraphs at the head: on what rows, who is first, who is not ranked and why."""
    words = _WORDS[language]
    levels = ", ".join(f"{level} {integer(count, language)}" for level, count in report.distribution.items())
    place = words["of_period"].format(period=period(report.period, language)) if report.period else ""
    lines = [
        words["rows"].format(
            rows=integer(report.rows, language),
            dataset=report.dataset,
            period=place,
            roles=integer(report.roles, language),
            skills=integer(report.skills, language),
            levels=levels,
        )
    ]
    if report.left_out:
        lines.append(words["left_out"].format(count=integer(report.left_out, language)))
    if report.known_rows == 0:
        lines.append(words["unknown"])
    elif report.known_rows < report.rows:
        lines.append(
            words["known"].format(known=integer(report.known_rows, language), rows=integer(report.rows, language))
        )
    return [*lines, _first(report, language), *_not_ranked(report, language)]


def _first(report: "EvaluationReport", language: Language) -> str:
    """Who is first, and who cannot be told apart from it."""
    words = _WORDS[language]
    if not report.ranking or report.ranking[0].metrics is None:
        return words["no_best"]
    best, metrics = report.ranking[0], report.ranking[0].metrics
    persistence = report.baselines.persistence
    reached = targets(metrics)
    line = words["best"].format(
        best=best.name,
        value=decimal(metrics.f1_macro, language),
        persistence=_beaten(best, persistence, language),
        targets=words["targets_met"].format(met=sum(one.met for one in reached), all=len(reached)),
    )
    close = [
        one.name
        for one in report.ranking[1:]
        if one.to_best
        for difference in [one.to_best.difference("f1_macro")]
        if difference is None or not difference.is_clear
    ]
    return f"{line} {words['close'].format(names=', '.join(close))}" if close else line


def _beaten(best: "VersionResult", persistence: Metrics | None, language: Language) -> str:
    """The score of "same as today"; on how many rows, and the best version's there, where these are not all."""
    value = decimal(persistence.f1_macro if persistence else None, language)
    if persistence is None or best.known_metrics is None:
        return value
    return _WORDS[language]["on_known"].format(
        value=value,
        rows=integer(persistence.rows, language),
        best=best.name,
        ours=decimal(best.known_metrics.f1_macro, language),
    )


def _not_ranked(report: "EvaluationReport", language: Language) -> list[str]:
    words = _WORDS[language]
    lines = []
    for one in report.versions:
        if one.refusal is not None:
            why = "" if report.period else words["no_history"]
            lines.append(words["missing"].format(name=one.name, columns=one.refusal.details["columns"], why=why))
        elif one.seen is None:
            lines.append(words["elsewhere_note"].format(name=one.name))
        elif one.seen:
            lines.append(words["seen_note"].format(name=one.name, count=integer(one.seen, language)))
    return lines


def how_ranked(report: "EvaluationReport", language: Language) -> str:
    """By what versions are ranked and why, and what the intervals are."""
    return _WORDS[language]["how"].format(draws=integer(report.draws, language))


def all_tables(report: "EvaluationReport", language: Language) -> list[TextTable]:
    """Every table of the report, in order."""
    return [
        ranking_table(report, language),
        per_class_table(report, language),
        *difference_tables(report, language),
        *confusion_tables(report, language),
    ]


def ranking_table(report: "EvaluationReport", language: Language) -> TextTable:
    """Ranked versions, then those that are not, then the baselines."""
    words = _WORDS[language]
    some_known = 0 < report.known_rows < report.rows
    columns = [words["rank"], words["version"], words["f1_macro"], words["lift"], words["top"], words["accuracy"]]
    columns += [words["f1_weighted"], *(f"{words['precision']} {level}" for level in schema.LEVELS)]
    columns += [words["severe_error_rate"], words["calibration"]]
    columns += [words["known_f1"]] if some_known else []
    unranked = [one for one in report.versions if one.rank is None]
    lines = []
    for one in (*report.ranking, *unranked):
        cells = _metric_cells(one.metrics, one.intervals, language)
        known = [decimal(one.known_metrics.f1_macro if one.known_metrics else None, language)] if some_known else []
        lines.append((_rank_cell(one, language), one.name, *cells, *known))
    for key, name in BASELINE_NAMES[language].items():
        metrics: Metrics | None = getattr(report.baselines, key)
        known = [decimal(metrics.f1_macro if metrics and key == "persistence" else None, language)]
        ranks_nothing = metrics and metrics.model_copy(update={"emergence": None})
        cells = _metric_cells(ranks_nothing, {}, language)
        lines.append(("", f"*{name}*", *cells, *(known if some_known else [])))
    return TextTable(words["ranking"], tuple(columns), tuple(lines))


def _rank_cell(one: "VersionResult", language: Language) -> str:
    words = _WORDS[language]
    if one.rank is not None:
        return str(one.rank)
    if one.refusal is not None:
        return words["refused"]
    return words["elsewhere"] if one.seen is None else words["seen"].format(count=integer(one.seen, language))


def _metric_cells(
    metrics: Metrics | None, intervals: dict[str, tuple[float, float]], language: Language
) -> tuple[str, ...]:
    if metrics is None:
        return ("—",) * 10
    emergence = metrics.emergence
    f1_macro = decimal(metrics.f1_macro, language)
    if "f1_macro" in intervals:
        low, high = intervals["f1_macro"]
        f1_macro += f" ({decimal(low, language)}–{decimal(high, language)})"
    precisions = {name: one.precision for name, one in metrics.per_class.items()}
    return (
        f1_macro,
        decimal(emergence.lift if emergence else None, language, 1),
        percent(emergence.precision_at_200 if emergence else None, language),
        percent(metrics.accuracy, language, 2),
        decimal(metrics.f1_weighted, language),
        *(percent(precisions[level], language) for level in ("LOW", "MEDIUM", "HIGH")),
        percent(metrics.severe_error_rate, language, 2),
        decimal(metrics.calibration_error, language),
    )


def per_class_table(report: "EvaluationReport", language: Language) -> TextTable:
    """Precision, recall and F1 of each level, for each version and baseline."""
    words = _WORDS[language]
    lines = []
    for name, metrics in _scored(report, language):
        for level, one in metrics.per_class.items():
            shares = (percent(one.precision, language), percent(one.recall, language), decimal(one.f1, language))
            lines.append((name, level, *shares, integer(one.support, language)))
    columns = tuple(words[key] for key in ("version", "level", "precision", "recall", "f1", "support"))
    return TextTable(words["per_class"], columns, tuple(lines))


def _scored(report: "EvaluationReport", language: Language) -> list[tuple[str, Metrics]]:
    """Versions, then baselines, that could be scored."""
    versions = [(one.name, one.metrics) for one in report.versions]
    baselines = [(f"*{name}*", getattr(report.baselines, key)) for key, name in BASELINE_NAMES[language].items()]
    return [(name, metrics) for name, metrics in (*versions, *baselines) if metrics is not None]


def difference_tables(report: "EvaluationReport", language: Language) -> list[TextTable]:
    """Paired differences: to persistence, to the best version, to the version before; those that hold a row."""
    words = _WORDS[language]
    best = report.ranking[0].name if report.ranking else ""
    ranked = report.ranking
    named = [
        (words["to_persistence"], [one.to_persistence for one in ranked]),
        (words["to_best"].format(best=best), [one.to_best for one in ranked]),
        (words["to_previous"], [one.to_previous for one in report.versions]),
    ]
    return [
        _difference_table(title, present, language)
        for title, found in named
        for present in [[one for one in found if one is not None]]
        if present
    ]


def _difference_table(title: str, comparisons: Sequence["Comparison"], language: Language) -> TextTable:
    words = _WORDS[language]
    metrics = ("f1_macro", "emergence", "accuracy", "f1_weighted", "severe_error_rate")
    columns = (words["version"], words["reference"], *(words[metric] for metric in metrics))
    lines = []
    for one in comparisons:
        reference = BASELINE_NAMES[language].get(one.reference, one.reference)
        right = f"{integer(one.challenger_only_right, language)} / {integer(one.reference_only_right, language)}"
        lines.append(
            (
                one.challenger,
                reference,
                *(difference_cell(one.difference(metric), language) for metric in metrics),
                right,
                p_value(one.mcnemar_p, language),
            )
        )
    return TextTable(title, (*columns, words["discordant"], words["mcnemar"]), tuple(lines))


def difference_cell(one: "Difference | None", language: Language) -> str:
    """``+0,043 [+0,029 ; +0,063]``; bold where the interval leaves zero out."""
    if one is None:
        return "—"
    if one.metric in POINTS:
        low, high = (signed(100 * value, language, 2) for value in (one.low, one.high))
        text = f"{signed_points(one.difference, language, 2)} [{low} ; {high}]"
    else:
        low, high = (signed(value, language) for value in (one.low, one.high))
        text = f"{signed(one.difference, language)} [{low} ; {high}]"
    return f"**{text}**" if one.is_clear else text


def p_value(value: float | None, language: Language) -> str:
    """A p-value to three decimals, never written 0."""
    if value is not None and value < 0.001:
        return f"< {decimal(0.001, language)}"
    return decimal(value, language)


def confusion_tables(report: "EvaluationReport", language: Language) -> list[TextTable]:
    """One matrix for each scored version; the first carries the title of them all."""
    words = _WORDS[language]
    tables: list[TextTable] = []
    for one in report.versions:
        if one.metrics is None:
            continue
        lines = tuple(
            (level, *(integer(count, language) for count in counts))
            for level, counts in zip(schema.LEVELS, one.metrics.confusion_matrix, strict=True)
        )
        title = "" if tables else words["confusion"]
        tables.append(TextTable(title, (words["really"].format(name=one.name), *schema.LEVELS), lines, left=1))
    return tables


def baseline_reasons(report: "EvaluationReport", language: Language) -> list[str]:
    """Why a baseline, or a version's metric, has no value."""
    names = BASELINE_NAMES[language]
    reasons = [(names.get(key, key), reason) for key, reason in report.baselines.reasons.items()]
    for one in report.versions:
        if one.metrics is not None:
            reasons += [(f"{one.name}, {metric}", reason) for metric, reason in one.metrics.reasons.items()]
    return [
        f"{name} : {_REASONS_FR.get(reason, reason)}" if language == "fr" else f"{name}: {reason}"
        for name, reason in reasons
    ]
