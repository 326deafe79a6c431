"""MODEL_REGISTRY.md: history, details and rules of the registry, in French, rendered whole from what it is given.

One pure function: the same arguments give the same text. Moments are written in the time zone of ``updated_at``. Every
word that a person or a file brought (notes, names, reasons) is escaped, so it can break neither a table nor the page.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final

from future_skills import formatting as fmt
from future_skills.gate_text import COUNCIL, verdict_text
from future_skills.gates import Verdict
from future_skills.lifecycle import Stage
from future_skills.manifest import Emergence, Manifest, Metrics
from future_skills.registry_words import (
    DRIFT,
    EMPTY,
    EMPTY_DETAILS,
    GENERATED,
    HISTORY_LEGEND,
    KINDS,
    NBSP,
    NO_TARGETS,
    NOTHING_LIVE,
    PROMOTION,
    REFERENCES,
    STAGES,
    TARGET_HEADS,
    TARGETS,
    THIN,
    TROUBLESHOOTING,
    USAGE,
    WORKFLOW,
)
from future_skills.schema import HIGH, LEVELS, LOW, MEDIUM
from future_skills.split_notes import GROUPED, NO_HISTORY, NO_LABEL_PERIOD, STRATIFIED, TWINS, note_sentences
from future_skills.targets import Target, targets

OTHER_TEST_MARK: Final = "†"
"""Beside figures that were measured on other test rows than those of the newest version."""

SHORT_NOTE: Final = 200
"""Characters of a note shown in the history table; the whole note is in the details."""

IMPORTANCES_SHOWN: Final = 10

LEVEL_NAMES: Final = {LOW: "LOW (faible)", MEDIUM: "MEDIUM (moyen)", HIGH: "HIGH (élevé)"}

FEATURE_SETS: Final = {"base": "les onze variables de base", "history": "variables de base et historique"}

REASONS: Final = {
    "the level now is known for no test row": "le niveau actuel n'est connu pour aucune ligne de test",
    "the level now is known for no row": "le niveau actuel n'est connu pour aucune ligne",
    "no row that is not HIGH now becomes HIGH": "aucune ligne qui n'est pas HIGH aujourd'hui ne le devient",
    "it gives levels, not probabilities": "elle donne des niveaux, pas des probabilités",
    "only one level is there": "un seul niveau est présent",
}
"""The library's own remarks, which are English, in the language of the page; any other text stays as it is."""

SPLIT_NOTES: Final = {
    STRATIFIED: "tirage stratifié de 20 % des lignes : ce n'est pas un test sur l'avenir",
    GROUPED: "20 % des métiers, entiers : ce n'est pas un test sur l'avenir",
    NO_LABEL_PERIOD: "le fichier dit la période de chaque ligne, pas celle de son étiquette",
    TWINS: "{count} lignes présentes aussi à l'entraînement sont écartées du test",
    NO_HISTORY: "presque aucune ligne d'entraînement ne dit le niveau actuel : les noms tiennent lieu d'historique",
}
"""The sentences of a split's note, in the language of the page."""


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A version as a line of the history table.

    Attributes:
        version: its name.
        date: when it was trained.
        dataset: name of its dataset.
        samples: rows of the dataset.
        accuracy: share of the test rows whose level is right.
        f1_weighted: weighted F1 on the same rows.
        n_estimators: number of trees, None where the algorithm has none.
        notes: what its author wrote.
        test_set: identity of the test rows; equal texts mean the same rows.
        retracted: why it must not be used any more, None where it may.
    """

    version: str
    date: datetime
    dataset: str
    samples: int
    accuracy: float
    f1_weighted: float
    n_estimators: int | None
    notes: str
    test_set: str
    retracted: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a team decided of the present report: ``team`` is data or drh, ``decision`` approve or reject."""

    team: str
    decision: str
    name: str
    at: datetime
    comment: str


@dataclass(frozen=True, slots=True)
class Promotion:
    """Where a version stands on its way to production.

    Attributes:
        stage: see ``lifecycle``.
        verdict: of the newest report; None where there is none.
        report: (sha256, when, who) of it.
        outdated: whether what that report stands on has changed since, so that it counts no more.
        decisions: of the teams on it, where it counts.
        lifted: (who, until when) where a person lifted its second lock.
        council: what was done with the works council for this version; None: nothing is recorded.
    """

    stage: Stage = Stage.CANDIDATE
    verdict: Verdict | None = None
    report: tuple[str, datetime, str] | None = None
    outdated: bool = False
    decisions: tuple[Decision, ...] = ()
    lifted: tuple[str, datetime] | None = None
    council: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """A version in production, from a moment to another; ``end`` is None while it is, ``kind`` deploy, rollback or pin."""

    version: str
    start: datetime
    end: datetime | None
    name: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Production:
    """What is in production and what was.

    Attributes:
        served: newest first; the first is in production now. Empty where nothing ever was.
        suspended: (since when, by whom, why) where predictions are suspended.
        council: what was done with the works council for the system as a whole, and when; None: nothing is recorded.
    """

    served: tuple[Served, ...] = ()
    suspended: tuple[datetime, str, str] | None = None
    council: tuple[str, date] | None = None


@dataclass(frozen=True, slots=True)
class VersionDetails:
    """A version described one by one.

    Attributes:
        manifest: what it says of itself.
        registered_by: who registered it.
        registered_at: when.
        notes: (when, who, text) of each line added since, oldest first.
        retracted: why it must not be used any more, None where it may.
        promotion: where it stands on its way to production.
    """

    manifest: Manifest
    registered_by: str
    registered_at: datetime
    notes: tuple[tuple[datetime, str, str], ...]
    retracted: str | None
    promotion: Promotion = Promotion()


@dataclass(frozen=True, slots=True)
class Watched:
    """What monitoring says of production, in French words.

    Attributes:
        at: when something new was found last, with a time zone.
        version: whose window was looked at last.
        window: that window.
        known: what is known of it.
        alerts: each open alert, the most severe first.
    """

    at: datetime
    version: str
    window: str
    known: str
    alerts: tuple[str, ...]


def registry_page(
    *,
    history: Sequence[HistoryLine],
    details: Sequence[VersionDetails],
    production: Production,
    updated_at: datetime,
    updated_by: str = "",
    watched: Watched | None = None,
) -> str:
    """The whole page, in Markdown.

    Args:
        history: every version, newest first.
        details: those described one by one, newest first.
        production: what is in production and what was.
        updated_at: when the registry changed last, with a time zone.
        updated_by: who changed it; "" where nobody did yet.
        watched: what monitoring says; None where it has not looked yet.
    """
    usable = [version for version in details if version.retracted is None]
    live = production.served[0].version if production.served else None
    current = next((version for version in usable if version.manifest.version == live), next(iter(usable), None))
    sections = [
        "# Registre des modèles « Future Skills »",
        GENERATED,
        _summary(history, current, live),
        "## En production",
        *_production(production, details, updated_at),
        "## Historique des versions",
        _history(history, updated_at),
        "## Détails par version",
        *_details(history, details, updated_at),
        "## Guide d'utilisation",
        USAGE,
        "## Cibles",
        _targets(current),
        "## Critères de promotion",
        PROMOTION,
        "## Workflow",
        WORKFLOW,
        "## Dépannage",
        _troubleshooting(current.manifest.version if current else "v2"),
        "## Signes de dérive",
        _watch(watched, updated_at),
        DRIFT,
        "## Références",
        REFERENCES,
        "## Dernière mise à jour",
        fmt.moment(updated_at, "fr")
        + (f", par {_escaped(updated_by)}" if updated_by else "")
        + f". Responsables{NBSP}: Équipe Data / DRH.",
    ]
    return "\n\n".join(sections) + "\n"


# --- Words that other people wrote --------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    """One line of printable text: line breaks and control characters become spaces, runs of spaces one space."""
    printable = "".join(" " if unicodedata.category(character) in {"Cc", "Cs"} else character for character in text)
    return " ".join(printable.split())


@lru_cache(maxsize=256)
def _escaped(text: str) -> str:
    """Text that Markdown shows as it is, in a paragraph or in a table cell."""
    text = _plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*\[\]|~$])", r"\\\1", text)
    return re.sub(r"(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])", r"\\_", text)


def _shortened(text: str) -> str:
    """The beginning of a long text."""
    text = _plain(text)
    return text if len(text) <= SHORT_NOTE else text[: SHORT_NOTE - 1].rstrip() + "…"


def _code(text: str) -> str:
    """Text as code, whatever backticks it holds; not for table cells."""
    text = _plain(text)
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    padding = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def _in_french(remark: str) -> str:
    """A remark of the library, translated where it is known; safe to show."""
    return REASONS.get(remark) or _escaped(remark)


# --- Small shapes --------------------------------------------------------------------------------------------------------


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, figures: int = 0) -> str:
    """A table; its last ``figures`` columns are set to the right."""
    words = len(heads) - figures
    rule = ["---"] * words + ["---:"] * figures
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heads, rule, *rows))


def _bullets(lines: Iterable[tuple[str, str]]) -> str:
    """A list of named facts; those without a value are left out."""
    return "\n".join(f"- **{name}**{NBSP}: {value}" for name, value in lines if value)


def _names(names: Sequence[str]) -> str:
    return ", ".join(_code(name) for name in names) or fmt.UNKNOWN


def _rows(count: int) -> str:
    return f"{fmt.integer(count, 'fr')}{NBSP}ligne{'s' if count > 1 else ''}"


def _moment(value: datetime, near: datetime) -> str:
    return fmt.moment(value.astimezone(near.tzinfo), "fr")


# --- Sections ------------------------------------------------------------------------------------------------------------


def _summary(history: Sequence[HistoryLine], current: VersionDetails | None, live: str | None) -> str:
    """One sentence with the answer: what there is, and what the version in production, or the newest usable one, is worth."""
    if not history:
        return EMPTY
    count = f"{fmt.integer(len(history), 'fr')} version{'s' if len(history) > 1 else ''}"
    if current is None:
        return f"**{count}, dont aucune n'est utilisable{NBSP}: toutes les plus récentes sont retirées.**"
    manifest = current.manifest
    persistence = manifest.baselines.persistence
    worth = f"F1 macro {fmt.decimal(manifest.metrics.f1_macro, 'fr')}"
    if persistence is not None:
        same_rows = persistence.model_on_same_rows or manifest.metrics
        worth = (
            f"F1 macro {fmt.decimal(same_rows.f1_macro, 'fr')}, contre {fmt.decimal(persistence.f1_macro, 'fr')} "
            f"pour «{NBSP}comme aujourd'hui{NBSP}» sur les mêmes {_rows(persistence.rows)} de test"
        )
    which = (
        f"{manifest.version} est en production"
        if manifest.version == live
        else f"la plus récente utilisable est {manifest.version}"
    )
    return f"**{count}{THIN}; {which}{NBSP}: {worth}.**"


def _production(production: Production, details: Sequence[VersionDetails], near: datetime) -> list[str]:
    """What answers predictions, what did, and where the newest versions stand."""
    parts = [_live(production.served, near)]
    if production.suspended is not None:
        since, name, reason = production.suspended
        parts.append(
            f"> **Prédictions suspendues** depuis le {_moment(since, near)} par {_escaped(name)}{NBSP}: {_escaped(reason)}"
        )
    if len(production.served) > 1:
        rows = (
            (
                one.version,
                _moment(one.start, near),
                _moment(one.end, near) if one.end else "maintenant",
                f"{KINDS[one.kind]}, par {_escaped(one.name)}",
                _escaped(_shortened(one.reason)),
            )
            for one in production.served
        )
        parts.append(_table(("Version", "Du", "Au", "Comment", "Motif"), rows))
    stages: dict[Stage, list[str]] = {}
    for one in details:
        stages.setdefault(one.promotion.stage, []).append(one.manifest.version)
    facts = [(STAGES[stage].capitalize(), ", ".join(stages[stage])) for stage in Stage if stage in stages]
    if production.council is not None:
        state, day = production.council
        facts.append(("CSE, pour l'ensemble du système", f"{_council(state)} ({fmt.day(day, 'fr')})"))
    return [*parts, _bullets(facts)] if facts else parts


def _live(served: Sequence[Served], near: datetime) -> str:
    if not served:
        return NOTHING_LIVE
    now, before = served[0], served[1:2]
    said = f"**{now.version} est en production** depuis le {_moment(now.start, near)}, {KINDS[now.kind]}"
    said += f" par {_escaped(now.name)}" if now.kind != "pin" else ""
    said += "".join(f"{THIN}; avant elle, {one.version}" for one in before)
    return f"{said}." + (f" Motif{NBSP}: {_escaped(now.reason)}" if now.reason else "")


def _council(state: str | None) -> str:
    return COUNCIL["fr"][state]


def _promotion(promotion: Promotion, near: datetime) -> str:
    """Where a version stands, what its report says, and who decided what of it."""
    report = "aucun rapport"
    if promotion.report is not None and promotion.verdict is not None:
        sha256, at, name = promotion.report
        report = f"{verdict_text(promotion.verdict, 'fr')}, rapport `{sha256[:12]}` du {_moment(at, near)} par {_escaped(name)}"
        report += f" (il ne compte plus{NBSP}: à refaire)" if promotion.outdated else ""
    decided = {one.team: one for one in promotion.decisions}
    teams = []
    for team, heading in (("data", "Approbation de l'équipe Data"), ("drh", "Approbation de la DRH")):
        one = decided.get(team)
        if one is None:
            teams.append((heading, "en attente" if promotion.report and not promotion.outdated else ""))
            continue
        word = "approuvée" if one.decision == "approve" else "rejetée"
        said = f"{word} par {_escaped(one.name)}, le {_moment(one.at, near)}"
        teams.append((heading, said + (f"{NBSP}: {_escaped(one.comment)}" if one.comment else "")))
    lifted = ""
    if promotion.lifted is not None:
        name, until = promotion.lifted
        lifted = f"levé par {_escaped(name)} jusqu'au {_moment(until, near)}"
    return _bullets(
        (
            ("Étape", STAGES[promotion.stage]),
            ("Critères", report),
            ("Second verrou", lifted),
            *teams,
            ("CSE", _council(promotion.council) if promotion.council else ""),
        )
    )


def _history(history: Sequence[HistoryLine], updated_at: datetime) -> str:
    """The table of all versions, newest first."""
    heads = ("Version", "Date", "Dataset", "Samples", "Accuracy", "F1-Score", "N_estimators", "Notes")
    reference = history[0] if history else None
    marked = False
    rows = []
    for line in history:
        mark = ""
        if reference is not None and line.test_set != reference.test_set:
            mark, marked = f"{NBSP}{OTHER_TEST_MARK}", True
        notes = _escaped(_shortened(line.notes))
        if line.retracted is not None:
            notes = f"**Retirée**{NBSP}: {_escaped(_shortened(line.retracted))}" + (f" — {notes}" if notes else "")
        trees = fmt.UNKNOWN if line.n_estimators is None else str(line.n_estimators)
        rows.append(
            (
                line.version,
                _moment(line.date, updated_at),
                _escaped(line.dataset),
                fmt.integer(line.samples, "fr"),
                fmt.percent(line.accuracy, "fr") + mark,
                fmt.decimal(line.f1_weighted, "fr") + mark,
                trees,
                notes,
            )
        )
    parts = [_table(heads, rows), HISTORY_LEGEND]
    if marked and reference is not None:
        parts.append(
            f"{OTHER_TEST_MARK} Mesuré sur d'autres lignes de test que {reference.version}{NBSP}: ces chiffres ne se "
            "comparent pas entre eux. `python ml/evaluate_future_skills_models.py` mesure toutes les versions sur les "
            "mêmes lignes."
        )
    return "\n\n".join(parts)


def _details(history: Sequence[HistoryLine], details: Sequence[VersionDetails], updated_at: datetime) -> list[str]:
    """One block per version, and where to find those that are not described."""
    if not details:
        return [EMPTY_DETAILS]
    blocks = [_version(version, updated_at) for version in details]
    hidden = len(history) - len(details)
    if hidden > 0:
        blocks.append(
            f"Les versions plus anciennes ({fmt.integer(hidden, 'fr')}) se lisent avec "
            "`python manage.py registry show VERSION`."
        )
    return blocks


def _version(details: VersionDetails, updated_at: datetime) -> str:
    """Everything that is known of a version."""
    manifest = details.manifest
    parts = [f"### Version {manifest.version}"]
    if details.retracted is not None:
        parts.append(f"> ✕ **Version retirée**, à ne plus utiliser{NBSP}: {_escaped(details.retracted)}")
    parts += [
        _identity(details, updated_at),
        "**Promotion**",
        _promotion(details.promotion, updated_at),
        "**Variables**",
        _bullets(
            (
                ("Catégorielles", _names(manifest.features.categorical)),
                ("Numériques", _names(manifest.features.numeric)),
                ("Historique", _names(manifest.features.history) if manifest.features.history else "aucune"),
            )
        ),
        "**Hyperparamètres**",
        "\n".join(f"- {_code(f'{name} = {value}')}" for name, value in manifest.hyperparameters.items())
        or "- ceux de l'algorithme par défaut",
        "**Métriques**",
        _metrics(manifest),
        "**Par niveau**",
        _per_class(manifest.metrics),
        "**Émergence**",
        _emergence(manifest.metrics.emergence, manifest.metrics.reasons.get("emergence")),
        *_importances(manifest),
        "**Fichiers**",
        _table(
            ("Fichier", "sha256", "Taille"),
            ((_escaped(entry.name), f"`{entry.sha256}`", fmt.size(entry.bytes, "fr")) for entry in manifest.files),
            figures=1,
        ),
    ]
    if details.notes:
        parts += [
            "**Journal**",
            "\n".join(
                f"- {_moment(at, updated_at)}, {_escaped(name)}{NBSP}: {_escaped(text)}"
                for at, name, text in details.notes
            ),
        ]
    return "\n\n".join(parts)


def _identity(details: VersionDetails, updated_at: datetime) -> str:
    """When, by whom, from what."""
    manifest = details.manifest
    dataset, split = manifest.dataset, manifest.split
    levels = ", ".join(
        f"{level} {fmt.integer(count, 'fr')} ({fmt.percent(count / dataset.rows, 'fr')})"
        for level, count in dataset.class_distribution.items()
    )
    periods = f"périodes {', '.join(_escaped(period) for period in dataset.periods)}" if dataset.periods else ""
    if not split.train_rows_known:
        divided = f"entraînée ailleurs, sur des lignes inconnues{THIN}; test sur {_rows(split.test_rows)}"
    elif split.kind == "time":
        divided = (
            f"par période{THIN}; entraînement sur {', '.join(map(_escaped, split.train_periods))} "
            f"({_rows(split.train_rows)}), test sur {_escaped(split.test_period or '')} ({_rows(split.test_rows)})"
        )
    else:
        divided = f"entraînement {_rows(split.train_rows)}, test {_rows(split.test_rows)}"
    notes = [
        _escaped(SPLIT_NOTES.get(template, template).format(**values))
        for template, values in note_sentences(split.note)
    ]
    divided = f"{THIN}; ".join([divided, *notes])
    algorithm = f"{_code(manifest.algorithm)}, {FEATURE_SETS[manifest.feature_set]}"
    if manifest.calibration:
        algorithm += f", probabilités calibrées ({manifest.calibration})"
    return _bullets(
        (
            (
                "Date d'entraînement",
                ", ".join(
                    (
                        _moment(manifest.created_at, updated_at),
                        f"par {_escaped(manifest.author)}",
                        f"en {fmt.duration(manifest.duration_s, 'fr')}",
                    )
                ),
            ),
            (
                "Enregistrée",
                f"{_moment(details.registered_at, updated_at)}, par {_escaped(details.registered_by)}",
            ),
            ("Version précédente", manifest.parent or "aucune"),
            (
                "Jeu de données",
                "; ".join(
                    part for part in (f"{_escaped(dataset.name)}, {_rows(dataset.rows)}", periods, levels) if part
                ).replace("; ", f"{THIN}; "),
            ),
            ("Empreinte du jeu de données", f"sha256 `{dataset.sha256}`"),
            ("Découpage", divided),
            ("Algorithme", algorithm),
            ("Changements", _escaped(manifest.changes)),
            ("Notes", _escaped(manifest.notes)),
        )
    )


_MEASURES: Final[tuple[tuple[str, str, Callable[[Metrics], str]], ...]] = (
    ("accuracy", "Exactitude (accuracy)", lambda m: fmt.percent(m.accuracy, "fr")),
    ("f1_weighted", "F1 pondéré", lambda m: fmt.decimal(m.f1_weighted, "fr")),
    ("f1_macro", "F1 macro", lambda m: fmt.decimal(m.f1_macro, "fr")),
    *(
        (
            f"precision.{level}",
            f"Précision {LEVEL_NAMES[level]}",
            lambda m, level=level: _precision(m, level),
        )
        for level in LEVELS
    ),
    ("severe_error_rate", "Erreurs graves (deux niveaux)", lambda m: fmt.percent(m.severe_error_rate, "fr", 2)),
    ("kappa_quadratic", "Kappa quadratique", lambda m: fmt.decimal(m.kappa_quadratic, "fr")),
    ("log_loss", "Log loss", lambda m: fmt.decimal(m.log_loss, "fr")),
    ("brier", "Brier (0 à 2)", lambda m: fmt.decimal(m.brier, "fr")),
    ("calibration_error", "Erreur de calibration", lambda m: fmt.percent(m.calibration_error, "fr")),
)
"""Key, name, and how it is written, of each line of the table of metrics."""


def _precision(metrics: Metrics, level: str) -> str:
    """Precision of a level; a dash where the level is never predicted."""
    for (name, words), predicted in zip(
        metrics.per_class.items(), zip(*metrics.confusion_matrix, strict=True), strict=True
    ):
        if name == level:
            return fmt.percent(words.precision, "fr") if sum(predicted) else fmt.UNKNOWN
    return fmt.UNKNOWN


def _metrics(manifest: Manifest) -> str:
    """The version beside the baselines; beside persistence, both on the rows where the level now is known."""
    metrics, baselines = manifest.metrics, manifest.baselines
    persistence = baselines.persistence
    today = f"«{NBSP}Comme aujourd'hui{NBSP}»"
    columns: list[tuple[str, Metrics | None]] = [(manifest.version, metrics)]
    if persistence is not None and persistence.model_on_same_rows is not None:
        columns.append((f"{manifest.version}, niveau actuel connu", persistence.model_on_same_rows))
    columns += [(today, persistence), ("Règles", baselines.rules), ("Niveau le plus fréquent", baselines.majority)]
    rows = [("Lignes de test", *(fmt.integer(column.rows if column else None, "fr") for _, column in columns))]
    rows += [
        (name, *(write(column) if column else fmt.UNKNOWN for _, column in columns)) for _, name, write in _MEASURES
    ]
    parts = [_table(("Mesure", *(head for head, _ in columns)), rows, figures=len(columns))]
    reasons = [f"- {_escaped(name)}{NBSP}: {_in_french(reason)}" for name, reason in baselines.reasons.items()]
    reasons += [
        f"- {name}{NBSP}: {_in_french(metrics.reasons[key])}" for key, name, _ in _MEASURES if key in metrics.reasons
    ]
    if reasons:
        parts.append("\n".join(reasons))
    return "\n\n".join(parts)


def _per_class(metrics: Metrics) -> str:
    """Precision, recall, F1 by level, and what was predicted of the rows of each level."""
    heads = ("Niveau réel", "Précision", "Rappel", "F1", "Lignes", *(f"Prédit {level}" for level in LEVELS))
    rows = (
        (
            LEVEL_NAMES[level],
            _precision(metrics, level),
            fmt.percent(words.recall, "fr"),
            fmt.decimal(words.f1, "fr"),
            fmt.integer(words.support, "fr"),
            *(fmt.integer(count, "fr") for count in counts),
        )
        for level, counts in zip(LEVELS, metrics.confusion_matrix, strict=True)
        for name, words in metrics.per_class.items()
        if name == level
    )
    return _table(heads, rows, figures=len(heads) - 1)


def _emergence(emergence: Emergence | None, reason: str | None) -> str:
    """How well the version finds what becomes HIGH, in words."""
    if emergence is None:
        return f"Non mesurable{NBSP}: {_in_french(reason or '')}."
    found = (
        f"Parmi {fmt.integer(emergence.rows, 'fr')} couples métier × compétence qui n'étaient pas HIGH, "
        f"{fmt.integer(emergence.emerged, 'fr')} ({fmt.percent(emergence.base_rate, 'fr')}) le sont devenus."
    )
    if emergence.average_precision is None:
        return f"{found} {_in_french(reason or '').capitalize()}."
    top = (
        f" Sur les 200 couples qu'elle classe en tête, {fmt.percent(emergence.precision_at_200, 'fr')} le sont devenus."
        if emergence.precision_at_200 is not None
        else ""
    )
    return (
        f"{found} La version les classe avec une précision moyenne de "
        f"{fmt.decimal(emergence.average_precision, 'fr')}, soit {fmt.decimal(emergence.lift, 'fr', 1)} fois mieux que "
        f"le hasard.{top} «{NBSP}Comme aujourd'hui{NBSP}» n'en trouve aucun, par construction."
    )


def _importances(manifest: Manifest) -> list[str]:
    """The features that count most."""
    first = sorted(manifest.importances.items(), key=lambda item: (-item[1].f1_macro, item[0]))[:IMPORTANCES_SHOWN]
    if not first:
        return []
    rows = (
        (_escaped(name), fmt.signed(-words.f1_macro, "fr"), fmt.signed(_negative(words.emergence), "fr"))
        for name, words in first
    )
    shown = f"{len(first)} sur {len(manifest.importances)}"
    return [
        f"**Variables qui comptent le plus** (ce que coûte de mélanger leurs valeurs{THIN}; {shown})",
        _table(("Variable", "F1 macro", "Précision moyenne de l'émergence"), rows, figures=2),
    ]


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _watch(watched: Watched | None, near: datetime) -> str:
    """What is watched, the last window, the open alerts."""
    if watched is None:
        return f"La production n'a pas encore été surveillée{NBSP}: `python manage.py monitor` le fait."
    lines = [
        ("Version surveillée", _code(watched.version)),
        ("Dernière fenêtre", f"{_escaped(watched.window)} ({_moment(watched.at, near)})"),
        ("Ce qu'on en sait", _escaped(watched.known)),
        ("Alertes ouvertes", "" if watched.alerts else "aucune"),
    ]
    alerts = "".join(f"\n  - {_escaped(alert)}" for alert in watched.alerts)
    return _bullets(lines) + (f"\n- **Alertes ouvertes**{NBSP}:{alerts}" if alerts else "")


def _targets(current: VersionDetails | None) -> str:
    """The targets, met or not, for the newest usable version."""
    if current is None:
        rows = [(name, required, fmt.UNKNOWN, fmt.UNKNOWN) for name, required in TARGETS]
        return f"{NO_TARGETS}\n\n{_table(TARGET_HEADS, rows)}"
    found = targets(current.manifest.metrics)
    met = sum(target.met for target in found)
    version = current.manifest.version
    several = "s" if met > 1 else ""
    sentence = (
        f"{version} atteint {met} cible{several} sur {len(found)}, sur ses propres lignes de test. Les cibles sont "
        f"indicatives{NBSP}: elles ne bloquent pas une promotion."
    )
    rows = [
        (name, required, _observed(target), "✓ atteinte" if target.met else "✕ manquée")
        for (name, required), target in zip(TARGETS, found, strict=True)
    ]
    return f"{sentence}\n\n{_table(TARGET_HEADS, rows)}"


def _observed(target: Target) -> str:
    if target.measure == "f1_weighted":
        return fmt.decimal(target.observed, "fr")
    return fmt.percent(target.observed, "fr")


def _troubleshooting(version: str) -> str:
    return TROUBLESHOOTING.replace("VERSION", version)
