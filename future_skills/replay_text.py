"""The track record in plain words, in French and in English: what HR asks for first."""

from collections.abc import Sequence
from typing import Final

from future_skills.evaluation_text import TextTable
from future_skills.formatting import Language, decimal, estimate, integer, percent
from future_skills.manifest import Metrics
from future_skills.performance import Measured
from future_skills.periods import add_months
from future_skills.replay import Announced, Pair, PassedOver, ReplayedPeriod, RisingRecord, TrackRecord

LEVELS: Final[dict[Language, dict[str, str]]] = {
    "fr": {"LOW": "Faible", "MEDIUM": "Moyen", "HIGH": "Élevé"},
    "en": {"LOW": "Low", "MEDIUM": "Medium", "HIGH": "High"},
}

_WORDS: Final[dict[Language, dict[str, str]]] = {
    "fr": {
        "title": "Ce qui avait été annoncé, ce qui est arrivé",
        "how": (
            "Chaque relevé passé est rejoué à sa date : le modèle n’apprend que ce qui était connu alors, annonce la suite, puis "
            "on regarde ce qui est arrivé {horizon} à {latest} mois plus tard. « En hausse » : les {top} compétences, parmi "
            "celles dont le besoin n’était pas HIGH, qui avaient le plus de chances de le devenir. « Comme aujourd’hui » "
            "n’annonce aucune hausse, par construction."
        ),
        "sentence": (
            "En {period}, {announced} annoncée{s} en hausse, {became} devenue{es} HIGH{unknown} ; « comme aujourd’hui » : 0."
        ),
        "so_far": (
            "En {period}, {announced} annoncée{s} en hausse, {became} déjà HIGH depuis (provisoire : la réponse est attendue à "
            "partir de {from_}) ; « comme aujourd’hui » : 0."
        ),
        "nothing_yet": (
            "En {period}, {announced} annoncée{s} en hausse ; rien n’a encore été observé depuis (réponse attendue à partir "
            "de {from_})."
        ),
        "never": "En {period}, {announced} annoncée{s} en hausse ; ce qui est arrivé ne sera pas connu.",
        "no_rising": "En {period}, aucune hausse ne pouvait être annoncée : le niveau du moment n’est connu nulle part.",
        "no_label_known": "En {period}, rien ne pouvait être annoncé : aucun niveau à prédire n’était encore connu.",
        "one_level": "En {period}, rien ne pouvait être annoncé : un seul niveau était connu, il n’y avait rien à apprendre.",
        "unknown": " (sur {known} dont la suite est connue)",
        "skill": "{count} compétence",
        "skills": "{count} compétences",
        "chance": "Tirées au hasard, {count} le seraient devenues.",
        "missed": "Non annoncées : {missed} des {emerged} compétences devenues HIGH.",
        "said_high": "Niveau prévu HIGH pour {pairs} compétences qui ne l’étaient pas : {became} le sont devenues.",
        "today_better": (
            "Tous niveaux confondus, « comme aujourd’hui » faisait mieux : {today} de réponses justes contre {ours}."
        ),
        "no_period": "Aucun relevé n’a été rejoué.",
        "record": "Hausses annoncées",
        "figures": "Niveaux prévus",
        "period": "Relevé",
        "answer": "Suite observée",
        "announced": "Annoncées",
        "became": "Devenues HIGH",
        "today": "Comme aujourd’hui",
        "by_chance": "Au hasard",
        "emerged": "Toutes celles devenues HIGH",
        "missed_column": "Non annoncées",
        "rows": "Lignes",
        "accuracy": "Exactitude (90 %)",
        "accuracy_today": "… comme aujourd’hui",
        "f1": "F1 macro",
        "f1_today": "… comme aujourd’hui",
        "lift": "Émergence (× hasard)",
        "hits": "{period} : annoncées et devenues HIGH",
        "misses": "{period} : devenues HIGH sans avoir été annoncées",
        "examples": "{shown} premières sur {all}",
        "role": "Métier",
        "skill_column": "Compétence",
        "then": "Niveau alors",
        "rank": "Rang",
        "high": "P(HIGH)",
        "provisional": "{value}, provisoire",
    },
    "en": {
        "title": "What was announced, what happened",
        "how": (
            "Every past snapshot is gone through again as of its date: the model learns only what was known then, says what "
            "comes, and meets what happened {horizon} to {latest} months later. “Rising”: the {top} skills, among those not in "
            "HIGH need, likeliest to become so. “Same as today” announces no rise, by construction."
        ),
        "sentence": "In {period}, {announced} announced as rising, {became} became HIGH{unknown}; “same as today”: 0.",
        "so_far": (
            "In {period}, {announced} announced as rising, {became} HIGH already (provisional: the answer is expected from "
            "{from_} on); “same as today”: 0."
        ),
        "nothing_yet": (
            "In {period}, {announced} announced as rising; nothing was observed since (answer expected from {from_} on)."
        ),
        "never": "In {period}, {announced} announced as rising; what happened will not be known.",
        "no_rising": "In {period}, no rise could be announced: the level then is known nowhere.",
        "no_label_known": "In {period}, nothing could be announced: no level to predict was known yet.",
        "one_level": "In {period}, nothing could be announced: one level only was known, and there was nothing to learn.",
        "unknown": " (of {known} whose answer is known)",
        "skill": "{count} skill",
        "skills": "{count} skills",
        "chance": "Drawn at random, {count} would have.",
        "missed": "Not announced: {missed} of the {emerged} skills that became HIGH.",
        "said_high": "Level predicted HIGH for {pairs} skills that were not: {became} became so.",
        "today_better": "Over all levels, “same as today” did better: {today} of right answers against {ours}.",
        "no_period": "No snapshot was replayed.",
        "record": "Rises announced",
        "figures": "Levels predicted",
        "period": "Snapshot",
        "answer": "Answer observed",
        "announced": "Announced",
        "became": "Became HIGH",
        "today": "Same as today",
        "by_chance": "By chance",
        "emerged": "All that became HIGH",
        "missed_column": "Not announced",
        "rows": "Rows",
        "accuracy": "Accuracy (90%)",
        "accuracy_today": "… same as today",
        "f1": "Macro F1",
        "f1_today": "… same as today",
        "lift": "Emergence (× chance)",
        "hits": "{period}: announced, and became HIGH",
        "misses": "{period}: became HIGH without having been announced",
        "examples": "first {shown} of {all}",
        "role": "Job role",
        "skill_column": "Skill",
        "then": "Level then",
        "rank": "Rank",
        "high": "P(HIGH)",
        "provisional": "{value}, provisional",
    },
}


def title(language: Language) -> str:
    """The heading of the track record."""
    return _WORDS[language]["title"]


def how(record: TrackRecord, language: Language) -> str:
    """What was done, in words."""
    return _WORDS[language]["how"].format(
        horizon=record.horizon_months,
        latest=record.horizon_months + record.tolerance_months,
        top=integer(record.top, language),
    )


def headline(record: TrackRecord, language: Language) -> str:
    """The one sentence to read: that of the last period whose answer is known, else of the last one."""
    if not record.periods:
        return _WORDS[language]["no_period"]
    answered = [one for one in record.periods if one.rising is not None and one.rising.first.known]
    return sentence((answered or list(record.periods))[-1], record, language)


def sentence(one: ReplayedPeriod, record: TrackRecord, language: Language) -> str:
    """What was announced at a period and what came of it: « en 2024-02, 200 compétences annoncées en hausse, … »."""
    words = _WORDS[language]
    if one.passed_over is not None:
        return _passed_over(one.passed_over, one.period, language)
    if one.rising is None:
        return words["no_rising"].format(period=one.period)
    first = one.rising.first
    plain = {
        "period": one.period,
        "announced": _skills(first.pairs, language),
        "s": _plural(first.pairs),
        "from_": add_months(one.period, record.horizon_months),
    }
    if first.known:
        unknown = "" if first.known == first.pairs else words["unknown"].format(known=integer(first.known, language))
        became = integer(first.became_high, language)
        return words["sentence"].format(**plain, became=became, es=_plural(first.became_high), unknown=unknown)
    if first.seen_so_far:
        return words["so_far"].format(**plain, became=integer(first.high_so_far, language))
    waits = one.performance is not None and one.performance.counts.waiting
    return words["nothing_yet" if waits else "never"].format(**plain)


def _passed_over(reason: PassedOver, at: str, language: Language) -> str:
    return _WORDS[language][reason].format(period=at)


def _skills(count: int, language: Language) -> str:
    return _WORDS[language]["skills" if count > 1 else "skill"].format(count=integer(count, language))


def _plural(count: int) -> str:
    """The mark of a French plural: none and one are singular."""
    return "s" if count > 1 else ""


def details(one: ReplayedPeriod, language: Language) -> list[str]:
    """What stands below the sentence of a period: chance, those missed, levels said to be HIGH, "same as today" if better."""
    words, rising = _WORDS[language], one.rising
    if rising is None or not rising.known:
        return []
    lines = [words["chance"].format(count=decimal(rising.by_chance, language, 1))]
    lines.append(
        words["missed"].format(missed=integer(rising.missed, language), emerged=integer(rising.emerged, language))
    )
    if rising.said_high.pairs:
        counts = {"pairs": rising.said_high.pairs, "became": rising.said_high.became_high}
        lines.append(words["said_high"].format(**{name: integer(n, language) for name, n in counts.items()}))
    return lines + _today_better(one, language)


def _today_better(one: ReplayedPeriod, language: Language) -> list[str]:
    """That "same as today" had more right answers, where the interval of the difference leaves no doubt."""
    found = one.performance.measured if one.performance else None
    accuracy = next((row for row in found.differences if row.metric == "accuracy"), None) if found else None
    if accuracy is None or accuracy.high >= 0:
        return []
    shares = {"today": percent(accuracy.reference, language), "ours": percent(accuracy.challenger, language)}
    return [_WORDS[language]["today_better"].format(**shares)]


# --- Tables -----------------------------------------------------------------------------------------------------------


def record_table(record: TrackRecord, language: Language) -> TextTable:
    """What was announced as rising at each period, and what came of it."""
    words = _WORDS[language]
    names = ("period", "answer", "announced", "became", "today", "by_chance", "emerged", "missed_column")
    rows = [_record_row(one, one.rising, language) for one in record.periods if one.rising is not None]
    return TextTable(words["record"], tuple(words[name] for name in names), tuple(rows))


def _record_row(one: ReplayedPeriod, rising: RisingRecord, language: Language) -> tuple[str, ...]:
    known = rising.known > 0
    return (
        one.period,
        _answer_periods(one),
        integer(rising.first.pairs, language),
        _became(rising.first, language),
        integer(0, language),
        decimal(rising.by_chance, language, 1),
        integer(rising.emerged if known else None, language),
        integer(rising.missed if known else None, language),
    )


def _answer_periods(one: ReplayedPeriod) -> str:
    figures = one.performance
    return ", ".join((figures.label_periods or figures.provisional_periods) if figures else ()) or "—"


def _became(first: Announced, language: Language) -> str:
    if first.known:
        return f"**{integer(first.became_high, language)}**"
    if first.seen_so_far:
        return _WORDS[language]["provisional"].format(value=integer(first.high_so_far, language))
    return "—"


def figures_table(record: TrackRecord, language: Language) -> TextTable:
    """Accuracy and F1 at each period, beside "same as today"."""
    words = _WORDS[language]
    names = ("period", "answer", "rows", "accuracy", "accuracy_today", "f1", "f1_today", "lift")
    rows = []
    for one in record.periods:
        if one.performance is None:
            continue
        found, provisional = one.performance.measured, one.performance.provisional
        cells = _figure_cells(found or provisional, language)
        if found is None and provisional is not None:
            cells = (cells[0], words["provisional"].format(value=cells[1]), *cells[2:])
        rows.append((one.period, _answer_periods(one), *cells))
    return TextTable(words["figures"], tuple(words[name] for name in names), tuple(rows))


def _figure_cells(found: Measured | None, language: Language) -> tuple[str, ...]:
    """Rows, accuracy and "same as today", macro F1 and "same as today", lift."""
    if found is None:
        return ("—",) * 6
    metrics, today = found.metrics, found.persistence
    low_high = found.intervals.get("accuracy")
    accuracy = percent(metrics.accuracy, language)
    if low_high is not None:
        accuracy = estimate(metrics.accuracy, *low_high, metrics.rows, language).split(", n")[0]
    return (
        integer(metrics.rows, language),
        accuracy,
        _today(today, "accuracy", language),
        decimal(metrics.f1_macro, language),
        _today(today, "f1_macro", language),
        decimal(found.value("lift"), language, 1),
    )


def _today(today: Metrics | None, metric: str, language: Language) -> str:
    if today is None:
        return "—"
    value = float(getattr(today, metric))
    return percent(value, language) if metric == "accuracy" else decimal(value, language)


def pair_tables(one: ReplayedPeriod, language: Language) -> list[TextTable]:
    """Pairs announced that became HIGH, and pairs that became HIGH unannounced: the first of each."""
    words = _WORDS[language]
    if one.rising is None or not one.rising.known:
        return []
    tables = []
    for key, pairs, count in (
        ("hits", one.rising.hits, one.rising.found),
        ("misses", one.rising.misses, one.rising.missed),
    ):
        if pairs:
            of_all = words["examples"].format(shown=integer(len(pairs), language), all=integer(count, language))
            heading = f"{words[key].format(period=one.period)} ({of_all})"
            columns = tuple(words[name] for name in ("role", "skill_column", "then", "rank", "high"))
            tables.append(TextTable(heading, columns, tuple(_pair_row(pair, language) for pair in pairs), left=3))
    return tables


def _pair_row(pair: Pair, language: Language) -> tuple[str, ...]:
    return (
        pair.role,
        pair.skill,
        LEVELS[language][pair.current],
        integer(pair.rank, language),
        percent(pair.high, language),
    )


def markdown(record: TrackRecord, language: Language) -> str:
    """The whole track record."""
    parts = [f"# {title(language)}", f"**{headline(record, language)}**", how(record, language)]
    lines = [" ".join([sentence(one, record, language), *details(one, language)]) for one in record.periods]
    parts.append("\n".join(f"- {line}" for line in lines))
    tables: Sequence[TextTable] = (
        record_table(record, language),
        figures_table(record, language),
        *(table for one in record.periods for table in pair_tables(one, language)),
    )
    for table in tables:
        if table.rows:
            parts += [f"## {table.title}", table.markdown()]
    return "\n\n".join(parts) + "\n"
