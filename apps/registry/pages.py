"""What the registry's pages say: sentences, tables and charts made from manifests, so that templates only lay out.

Everything here is a function of what it is given and of the active language. Numbers are written by
``future_skills.formatting``; a number that is not known is a dash, and its reason is listed under the table.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext, gettext_noop, ngettext
from django.utils.translation import gettext_lazy as _

from apps.registry.models import VersionEngine
from apps.registry.selectors import RegistrySummary, VersionRow
from future_skills import charts
from future_skills import formatting as fmt
from future_skills.comparison import DRAWS, Comparison, Difference
from future_skills.manifest import Emergence, Manifest, Metrics
from future_skills.schema import HIGH, LEVELS, LOW, MEDIUM
from future_skills.targets import Target, targets

Text = str | Promise

LEVEL_NAMES: Final[Mapping[str, Text]] = {LOW: _("Low"), MEDIUM: _("Medium"), HIGH: _("High")}

BASELINE_NAMES: Final[Mapping[str, Text]] = {
    "persistence": _("“same as today”"),
    "rules": _("written rules"),
    "majority": _("always the commonest level"),
}

SPLIT_NAMES: Final[Mapping[str, Text]] = {
    "time": _("by time"),
    "stratified": _("stratified"),
    "group": _("by group"),
}

REASONS: Final = (
    gettext_noop("only one level is there"),
    gettext_noop("it gives levels, not probabilities"),
    gettext_noop("it ranks nothing: it gives levels, not probabilities"),
    gettext_noop("the level now is known for no row"),
    gettext_noop("the level now is known for no test row"),
    gettext_noop("no row that is not HIGH now becomes HIGH"),
    gettext_noop("fewer than 200 rows are not HIGH now"),
)
"""Reasons that manifests give for what could not be computed, marked here for translation."""

SAME_ROWS_MARK: Final = "‡"
"""Beside figures of “same as today” that stand on fewer rows than the version's own."""

LEVEL_WITH: Final = 0.0025
"""Two macro F1 closer than this are said to be level, where no interval is known."""

MARGINS: Final = {"accuracy": 0.02, "f1_weighted": 0.02, "f1_macro": 0.02, "severe_error_rate": 0.005}
"""Non-inferiority margins drawn on the comparison (defaults of the written statistics)."""


def language() -> fmt.Language:
    """The language in which numbers and dates are written now."""
    return fmt.language_of(get_language())


# --- Measures -------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Measure:
    """A metric of the tables.

    Attributes:
        key: its name in the code.
        name: its name on pages.
        explanation: one line that says what it is.
        read: where it is in ``Metrics``; None where it could not be computed.
        write: how its number is written.
        reason: the key of ``Metrics.reasons`` that says why it is None.
    """

    key: str
    name: Text
    explanation: Text
    read: Callable[[Metrics], float | None]
    write: Callable[[float | None, fmt.Language], str]
    reason: str


def _times(value: float | None, code: fmt.Language) -> str:
    return fmt.UNKNOWN if value is None else f"×{fmt.THIN}{fmt.decimal(value, code, 1)}"


def _emergence(key: str) -> Callable[[Metrics], float | None]:
    def read(metrics: Metrics) -> float | None:
        return getattr(metrics.emergence, key) if metrics.emergence else None

    return read


MEASURES: Final = (
    Measure(
        "f1_macro",
        _("Macro F1"),
        _("precision and recall together, the three levels weighing the same: a rare High counts as much as Low"),
        lambda metrics: metrics.f1_macro,
        fmt.decimal,
        "f1_macro",
    ),
    Measure(
        "accuracy",
        _("Accuracy"),
        _("share of the test rows whose level is right"),
        lambda metrics: metrics.accuracy,
        fmt.percent,
        "accuracy",
    ),
    Measure(
        "f1_weighted",
        _("Weighted F1"),
        _("the same as macro F1, each level weighing as many rows as it has"),
        lambda metrics: metrics.f1_weighted,
        fmt.decimal,
        "f1_weighted",
    ),
    Measure(
        "severe_error_rate",
        _("Severe errors"),
        _("Low said for High, or High for Low"),
        lambda metrics: metrics.severe_error_rate,
        lambda value, code: fmt.percent(value, code, 2),
        "severe_error_rate",
    ),
    Measure(
        "kappa_quadratic",
        _("Quadratic kappa"),
        _("agreement beyond chance, where an error of two levels costs four times one of one level"),
        lambda metrics: metrics.kappa_quadratic,
        fmt.decimal,
        "kappa_quadratic",
    ),
    Measure(
        "lift",
        _("Emergence: times better than chance"),
        _("among pairs that are not High today, how much better than chance it finds those that become High"),
        _emergence("lift"),
        _times,
        "emergence",
    ),
    Measure(
        "precision_at_200",
        _("Emergence: precision of the top 200"),
        _("of the 200 pairs it ranks highest, the share that became High"),
        _emergence("precision_at_200"),
        fmt.percent,
        "emergence",
    ),
    Measure(
        "average_precision",
        _("Emergence: average precision"),
        _("quality of the whole ranking of emerging needs; chance is the base rate"),
        _emergence("average_precision"),
        fmt.decimal,
        "emergence",
    ),
    Measure(
        "calibration_error",
        _("Calibration error"),
        _("mean gap between the confidence announced and the share of right answers"),
        lambda metrics: metrics.calibration_error,
        fmt.percent,
        "calibration_error",
    ),
    Measure(
        "brier",
        _("Brier score"),
        _("squared error of the probabilities, from 0 (perfect) to 2"),
        lambda metrics: metrics.brier,
        fmt.decimal,
        "brier",
    ),
    Measure(
        "log_loss",
        _("Log loss"),
        _("price of being sure and wrong; 0 is perfect"),
        lambda metrics: metrics.log_loss,
        fmt.decimal,
        "log_loss",
    ),
)


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """A line of a table of measures: one written value per column."""

    key: str
    name: Text
    explanation: Text
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeasureTable:
    """Measures in lines, models in columns; ``reasons`` say why a value is a dash."""

    columns: tuple[Text, ...]
    sizes: tuple[str, ...]
    rows: tuple[MeasureRow, ...]
    reasons: tuple[str, ...]


def measure_table(models: Sequence[tuple[Text, Metrics]]) -> MeasureTable:
    """The measures of several models (versions, baselines) side by side."""
    code = language()
    rows = tuple(
        MeasureRow(
            one.key,
            one.name,
            one.explanation,
            tuple(one.write(one.read(words), code) for _name, words in models),
        )
        for one in MEASURES
    )
    return MeasureTable(
        tuple(name for name, _words in models),
        tuple(fmt.integer(words.rows, code) for _name, words in models),
        rows,
        _reasons(models),
    )


def _reasons(models: Sequence[tuple[Text, Metrics]]) -> tuple[str, ...]:
    """Why values are missing: one line per reason, with the models and the measures it holds for."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for name, words in models:
        for key, reason in words.reasons.items():
            names, measures = found.setdefault(reason, ([], []))
            names += [str(name)] if str(name) not in names else []
            measure = str(_measure_name(key.rpartition(".")[2]))
            measures += [measure] if measure not in measures else []
    template = gettext("{models}: {reason} ({measures})")
    return tuple(
        template.format(
            models=", ".join(names), reason=gettext(reason), measures=", ".join(map(_decapitalised, measures))
        )
        for reason, (names, measures) in found.items()
    )


def _measure_name(key: str) -> Text:
    names = {one.key: one.name for one in MEASURES} | {"emergence": _("emergence")}
    return names.get(key, key)


# --- Version --------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class TargetRow:
    """A target as the page shows it."""

    name: Text
    level: str | None
    required: str
    observed: str
    met: bool


@dataclass(frozen=True, slots=True)
class LevelRow:
    """Metrics of one need level, in words and numbers."""

    level: str
    sentence: str
    precision: str
    recall: str
    f1: str
    support: str


def version_sentence(words: Manifest) -> str:
    """The answer: better or worse than “same as today” on the same rows, and what emergence it finds."""
    parts = [_against_persistence(words), _emergence_sentence(words.metrics.emergence)]
    return " ".join(part for part in parts if part)


def _against_persistence(words: Manifest) -> str:
    beaten, code = words.baselines.persistence, language()
    if beaten is None:
        template = gettext(
            "Macro F1 {ours} on {rows} test rows; the comparison with “same as today” cannot be made: {reason}."
        )
        reason = gettext(words.baselines.reasons.get("persistence", "")) or gettext("no reason was given")
        return template.format(
            ours=fmt.decimal(words.metrics.f1_macro, code),
            rows=fmt.integer(words.metrics.rows, code),
            reason=reason.rstrip("."),
        )
    ours = beaten.model_on_same_rows or words.metrics
    return _race(ours.f1_macro - beaten.f1_macro).format(
        version=words.version,
        ours=fmt.decimal(ours.f1_macro, code),
        theirs=fmt.decimal(beaten.f1_macro, code),
        rows=fmt.integer(beaten.rows, code),
    )


def _race(difference: float) -> str:
    if abs(difference) < LEVEL_WITH:
        return gettext(
            "{version} is level with “same as today”: macro F1 {ours} against {theirs} on the same {rows} test rows."
        )
    if difference > 0:
        return gettext(
            "{version} does better than “same as today”: macro F1 {ours} against {theirs} on the same {rows} test rows."
        )
    return gettext(
        "{version} does less well than “same as today”: macro F1 {ours} against {theirs} on the same {rows} test rows."
    )


def _emergence_sentence(found: Emergence | None) -> str:
    if found is None or found.precision_at_200 is None or found.lift is None:
        return gettext("What it finds of emerging needs could not be measured.")
    looked_at = min(200, found.rows)
    hits = round(found.precision_at_200 * looked_at)
    template = ngettext(
        "Of the {looked_at} pairs not High today that it ranks highest, {hits} became High; "
        "its ranking is {lift} times better than chance, and “same as today” finds none.",
        "Of the {looked_at} pairs not High today that it ranks highest, {hits} became High; "
        "its ranking is {lift} times better than chance, and “same as today” finds none.",
        hits,
    )
    code = language()
    return template.format(
        looked_at=fmt.integer(looked_at, code),
        hits=fmt.integer(hits, code),
        lift=fmt.decimal(found.lift, code, 1),
    )


def version_measures(words: Manifest) -> MeasureTable:
    """The version beside its baselines; where persistence answers on fewer rows, the version on those rows too."""
    models: list[tuple[Text, Metrics]] = [(words.version, words.metrics)]
    for key, name in BASELINE_NAMES.items():
        baseline = getattr(words.baselines, key)
        if baseline is None:
            continue
        if baseline.model_on_same_rows is not None:
            heading = gettext("{version} on the rows of {baseline}")
            same = heading.format(version=words.version, baseline=name)
            models.append((same, baseline.model_on_same_rows))
        models.append((name, baseline))
    table = measure_table(models)
    template = gettext("{model}: {reason}")
    absent = tuple(
        template.format(model=BASELINE_NAMES[key], reason=gettext(reason))
        for key, reason in words.baselines.reasons.items()
    )
    return MeasureTable(table.columns, table.sizes, table.rows, (*absent, *table.reasons))


def target_rows(metrics: Metrics) -> list[TargetRow]:
    """The written targets, met or not."""
    return [_target_row(target, language()) for target in targets(metrics)]


def _target_row(target: Target, code: fmt.Language) -> TargetRow:
    names: dict[str, Text] = {
        "accuracy": _("Accuracy"),
        "f1_weighted": _("Weighted F1"),
        "precision": _("Precision of the level"),
    }
    if target.measure == "f1_weighted":
        required, observed = fmt.decimal(target.required, code, 2), fmt.decimal(target.observed, code)
    else:
        required, observed = fmt.percent(target.required, code, 0), fmt.percent(target.observed, code)
    return TargetRow(names[target.measure], target.level, f">\u00a0{required}", observed, target.met)


def engine_sentence(engine: VersionEngine | None) -> str:
    """How a version is run, and what that was measured by."""
    if engine is None:
        return gettext("not measured; it is compared on the version's stored cases when it is opened.")
    choice, code = engine.words, language()
    ours, usual = choice.one_row_us or 0.0, choice.scikit_learn_us or 0.0
    return _ENGINES[choice.reason].format(
        part=choice.part,
        rows=fmt.integer(choice.rows, code),
        differing=fmt.integer(choice.differing, code),
        difference=fmt.decimal(choice.largest_difference, code, 6),
        ours=fmt.decimal(ours / 1000, code, 2),
        usual=fmt.decimal(usual / 1000, code, 1),
        times=fmt.integer(round(usual / ours) if ours else None, code),
    )


_ENGINES: Final[Mapping[str, Text]] = {
    "": _(
        "compiled: one row in {ours} ms instead of {usual} ms with scikit-learn ({times} times faster); "
        "same levels on all {rows} rows compared."
    ),
    "not_compilable": _("scikit-learn, for it has a part that cannot be compiled: {part}."),
    "no_rows": _("scikit-learn, for there are no rows to compare a compiled model on."),
    "levels_differ": _("scikit-learn, for a compiled model gave another level to {differing} of {rows} rows."),
    "probabilities_differ": _(
        "scikit-learn, for probabilities of a compiled model differed by up to {difference} on {rows} rows."
    ),
    "slower": _("scikit-learn, for a compiled model was not faster: {ours} ms for one row, instead of {usual} ms."),
}
"""Reason of an engine's choice -> how it is said."""


def targets_sentence(rows: Sequence[TargetRow]) -> str:
    """How many targets are met."""
    met = sum(row.met for row in rows)
    if met == len(rows):
        return gettext("All {count} targets are met.").format(count=met)
    return ngettext("{met} of {count} targets is met.", "{met} of {count} targets are met.", met).format(
        met=met, count=len(rows)
    )


def level_rows(metrics: Metrics) -> list[LevelRow]:
    """Metrics by need level, each precision with the sentence that says what it means."""
    code = language()
    return [
        LevelRow(
            level,
            _level_sentence(level, words.precision, any(row[index] for row in metrics.confusion_matrix)),
            fmt.percent(words.precision, code),
            fmt.percent(words.recall, code),
            fmt.decimal(words.f1, code),
            fmt.integer(words.support, code),
        )
        for index, level in enumerate(LEVELS)
        for words in [metrics.per_class[level]]
    ]


def _level_sentence(level: str, precision: float, predicted: int | bool) -> str:
    if not predicted:
        return gettext("the model never says {level}").format(level=LEVEL_NAMES[level])
    return gettext("when the model says {level}, it is right {times} times out of 100").format(
        level=LEVEL_NAMES[level], times=fmt.times_in_hundred(precision)
    )


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A real level: how often each level was said, and the whole."""

    level: str
    cells: tuple[str, ...]
    total: str


def matrix_rows(metrics: Metrics) -> list[MatrixRow]:
    """The confusion matrix as a table."""
    code = language()
    return [
        MatrixRow(level, tuple(fmt.integer(count, code) for count in counts), fmt.integer(sum(counts), code))
        for level, counts in zip(LEVELS, metrics.confusion_matrix, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class LevelShare:
    """Rows of one need level in a dataset."""

    level: str
    rows: str
    share: str


def level_shares(distribution: Mapping[str, int]) -> list[LevelShare]:
    """The class distribution, levels in their order."""
    code, total = language(), sum(distribution.values())
    return [
        LevelShare(
            level,
            fmt.integer(distribution.get(level, 0), code),
            fmt.percent(distribution.get(level, 0) / total if total else None, code),
        )
        for level in LEVELS
    ]


@dataclass(frozen=True, slots=True)
class ImportanceRow:
    """What shuffling a feature costs, in macro F1 and in emergence, for one or several versions."""

    feature: str
    values: tuple[str, ...]


def importance_rows(manifests: Sequence[Manifest]) -> list[ImportanceRow]:
    """Every feature of the versions, those that matter most first; macro F1 then emergence of each version."""
    weight: dict[str, float] = {}
    for words in manifests:
        for feature, one in words.importances.items():
            weight[feature] = max(weight.get(feature, 0.0), abs(one.f1_macro))
    code = language()
    return [
        ImportanceRow(
            feature,
            tuple(
                fmt.decimal(value, code)
                for words in manifests
                for one in [words.importances.get(feature)]
                for value in ((one.f1_macro, one.emergence) if one else (None, None))
            ),
        )
        for feature in sorted(weight, key=lambda name: (-weight[name], name))
    ]


# --- Charts ---------------------------------------------------------------------------------------
def confusion_chart(words: Manifest) -> SafeString:
    """The confusion matrix, drawn."""
    drawn = charts.confusion_matrix(
        words.metrics.confusion_matrix, name=words.version, labels=charts.LABELS[language()]
    )
    return _drawing(drawn)


def importances_charts(manifests: Sequence[Manifest]) -> list[SafeString]:
    """What shuffling each feature costs, versions side by side: in macro F1, and in emergence where it was measured."""
    overall = [
        charts.ImportanceSet(words.version, {name: one.f1_macro for name, one in words.importances.items()})
        for words in manifests
    ]
    emerging = [
        charts.ImportanceSet(
            words.version,
            {name: one.emergence for name, one in words.importances.items() if one.emergence is not None},
        )
        for words in manifests
    ]
    labels = charts.LABELS[language()]
    drawn = [charts.importances(overall, labels=labels)]
    if any(one.values for one in emerging):
        drawn.append(charts.importances(emerging, labels=labels, measure="emergence"))
    return [_drawing(one) for one in drawn]


def differences_chart(comparison: Comparison) -> SafeString:
    """The paired differences with their intervals."""
    drawn = charts.differences(
        comparison.differences,
        reference=comparison.reference,
        challenger=comparison.challenger,
        margins=MARGINS,
        labels=charts.LABELS[language()],
    )
    return _drawing(drawn)


def history_chart(rows: Sequence[VersionRow]) -> SafeString:
    """Macro F1 and accuracy over versions, with the newest one's baseline and the target."""
    newest = rows[-1]
    same = gettext("“same as today”") + (SAME_ROWS_MARK if newest.same_rows_f1_macro is not None else "")
    lines = [charts.ReferenceLine(same, value) for value in [newest.persistence_f1_macro] if value is not None]
    series = (
        charts.MetricSeries(
            "f1_macro", tuple(charts.VersionPoint(row.name, row.f1_macro) for row in rows), tuple(lines)
        ),
        charts.MetricSeries(
            "accuracy",
            tuple(charts.VersionPoint(row.name, row.accuracy) for row in rows),
            (charts.ReferenceLine("", 0.80, "target"),),
        ),
    )
    return _drawing(charts.metrics_over_versions(series, labels=charts.LABELS[language()]))


def _drawing(svg: str) -> SafeString:
    """An SVG of ``future_skills.charts`` (which escapes every text it writes), as it is."""
    return mark_safe(svg)  # noqa: S308


# --- The table of versions ------------------------------------------------------------------------
def table_sentence(summary: RegistrySummary) -> str:
    """The answer of the table: how many versions, which is best, what “same as today” does."""
    code, count = language(), summary.total
    parts = [
        ngettext("{count} version registered", "{count} versions registered", count).format(
            count=fmt.integer(count, code)
        )
    ]
    best = summary.best
    if best is not None:
        parts.append(
            gettext("the best in macro F1 is {version}, with {value}").format(
                version=best.name, value=fmt.decimal(best.f1_macro, code)
            )
        )
        if best.same_rows_f1_macro is not None:
            parts.append(
                gettext(
                    "on the {rows} test rows whose level now is known, it has {ours} and “same as today” has {theirs}"
                ).format(
                    rows=fmt.integer(best.persistence_rows, code),
                    ours=fmt.decimal(best.same_rows_f1_macro, code),
                    theirs=fmt.decimal(best.persistence_f1_macro, code),
                )
            )
        elif best.persistence_f1_macro is not None:
            parts.append(
                gettext("“same as today” has {value} on the same rows").format(
                    value=fmt.decimal(best.persistence_f1_macro, code)
                )
            )
    return gettext("; ").join(parts) + "."


# --- Two versions ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not the same in two versions."""

    name: Text
    reference: str
    challenger: str


def differing(reference: Manifest, challenger: Manifest) -> list[Change]:
    """What was not the same when the two versions were made: data, split, algorithm, settings, libraries."""
    pairs = zip(_ingredients(reference), _ingredients(challenger), strict=True)
    fixed = [Change(name, ours, theirs) for (name, ours), (_same, theirs) in pairs if ours != theirs]
    return [
        *fixed,
        *_differing_keys(_("Hyperparameter {name}"), reference.hyperparameters, challenger.hyperparameters),
        *_differing_keys(_("Library {name}"), reference.environment.libraries, challenger.environment.libraries),
    ]


def _ingredients(words: Manifest) -> list[tuple[Text, str]]:
    code = language()
    return [
        (_("Dataset"), words.dataset.name),
        (_("Dataset sha256"), words.dataset.sha256[:12]),
        (_("Rows of the dataset"), fmt.integer(words.dataset.rows, code)),
        (_("Split"), str(SPLIT_NAMES[words.split.kind])),
        (_("Training periods"), ", ".join(words.split.train_periods) or fmt.UNKNOWN),
        (
            _("Training rows"),
            fmt.integer(words.split.train_rows, code) if words.split.train_rows_known else fmt.UNKNOWN,
        ),
        (_("Test period"), words.split.test_period or fmt.UNKNOWN),
        (_("Test rows"), fmt.integer(words.split.test_rows, code)),
        (_("Algorithm"), words.algorithm),
        (_("Calibration"), words.calibration or gettext("none")),
        (_("Features"), fmt.integer(len(words.features.columns), code)),
        (_("Python"), words.environment.python),
    ]


def _differing_keys(label: Text, reference: Mapping[str, object], challenger: Mapping[str, object]) -> Iterable[Change]:
    for key in sorted({*reference, *challenger}):
        ours, theirs = (str(words.get(key, fmt.UNKNOWN)) for words in (reference, challenger))
        if ours != theirs:
            yield Change(str(label).format(name=key), ours, theirs)


@dataclass(frozen=True, slots=True)
class FeatureMoves:
    """Features that only one of two versions reads."""

    added: tuple[str, ...]
    removed: tuple[str, ...]


def feature_moves(reference: Manifest, challenger: Manifest) -> FeatureMoves:
    """Features that the challenger adds and leaves out."""
    before, after = reference.features.columns, challenger.features.columns
    return FeatureMoves(
        tuple(name for name in after if name not in before),
        tuple(name for name in before if name not in after),
    )


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A paired difference, written."""

    name: str
    reference: str
    challenger: str
    difference: str
    interval: str
    verdict: Text
    state: str


def comparison_sentence(comparison: Comparison) -> str:
    """Which is better, in what, on how many rows that both are tested on; or that it cannot be told."""
    if not comparison.differences:
        reason = gettext(comparison.reason or "no test row is shared")
        return gettext("{challenger} and {reference} cannot be compared row by row: {reason}.").format(
            challenger=comparison.challenger, reference=comparison.reference, reason=reason.rstrip(".")
        )
    states: dict[str, list[str]] = {"better": [], "worse": [], "unsure": []}
    labels = charts.LABELS[language()]
    for row in comparison.differences:
        states[_state(row)].append(labels.metric(row.metric))
    rows = fmt.integer(comparison.rows, language())
    if not states["better"] and not states["worse"]:
        return gettext(
            "Inconclusive: on {rows} test rows that both share, no difference between {challenger} and {reference} "
            "stands clear of zero."
        ).format(rows=rows, challenger=comparison.challenger, reference=comparison.reference)
    head = gettext("On {rows} test rows that both share, {challenger} against {reference}: ").format(
        rows=rows, challenger=comparison.challenger, reference=comparison.reference
    )
    templates = {
        "better": gettext("better in {measures}"),
        "worse": gettext("less good in {measures}"),
        "unsure": gettext("inconclusive in {measures}"),
    }
    parts = [
        templates[state].format(measures=", ".join(_decapitalised(name) for name in names))
        for state, names in states.items()
        if names
    ]
    return head + gettext("; ").join(parts) + "."


def _decapitalised(name: str) -> str:
    """A label inside a sentence: lower case, except an abbreviation such as F1."""
    return name if name[1:2].isupper() or name[1:2].isdigit() else name[:1].lower() + name[1:]


def _state(row: Difference) -> str:
    low, high = (-row.high, -row.low) if row.metric in charts.LOWER_IS_BETTER else (row.low, row.high)
    if low > 0:
        return "better"
    return "worse" if high < 0 else "unsure"


def compared_measures(reference: Manifest, challenger: Manifest, comparison: Comparison | None) -> MeasureTable:
    """Measures of the two, on the rows they share where they were scored again, else each on its own test rows."""
    if comparison and comparison.reference_metrics and comparison.challenger_metrics:
        ours, theirs = comparison.reference_metrics, comparison.challenger_metrics
    else:
        ours, theirs = reference.metrics, challenger.metrics
    return measure_table([(reference.version, ours), (challenger.version, theirs)])


def difference_rows(comparison: Comparison) -> list[DifferenceRow]:
    """The paired differences as a table."""
    verdicts: dict[str, Text] = {
        "better": _("better"),
        "worse": _("less good"),
        "unsure": _("inconclusive"),
    }
    labels, code = charts.LABELS[language()], language()
    rows = []
    for row in comparison.differences:
        share = row.metric in charts.PERCENT_METRICS
        value = (lambda x: fmt.percent(x, code, 2)) if share else (lambda x: fmt.decimal(x, code))
        change = (lambda x: fmt.signed_points(x, code, 2)) if share else (lambda x: fmt.signed(x, code))
        interval = gettext("{low} to {high}").format(low=change(row.low), high=change(row.high))
        state = _state(row)
        rows.append(
            DifferenceRow(
                labels.metric(row.metric),
                value(row.reference),
                value(row.challenger),
                change(row.difference),
                interval,
                verdicts[state],
                state,
            )
        )
    return rows


def comparison_counts(comparison: Comparison) -> str:
    """Rows where only one of the two is right, and what McNemar's test says of them."""
    code = language()
    parts = [
        gettext("Only {challenger} is right on {count} rows").format(
            challenger=comparison.challenger, count=fmt.integer(comparison.challenger_only_right, code)
        ),
        gettext("only {reference} on {count}").format(
            reference=comparison.reference, count=fmt.integer(comparison.reference_only_right, code)
        ),
    ]
    if comparison.mcnemar_p is not None:
        p = comparison.mcnemar_p
        written = f"<\u00a0{fmt.decimal(0.001, code)}" if p < 0.001 else f"=\u00a0{fmt.decimal(p, code)}"
        parts.append(gettext("McNemar mid-p {p}").format(p=written))
    draws = gettext("Intervals: roles and skills drawn again {draws} times, independently.")
    return f"{gettext('; ').join(parts)}. {draws.format(draws=fmt.integer(DRAWS, code))}"


def seen_sentences(comparison: Comparison) -> list[str]:
    """Test rows left out because one version trained on them; or nobody knows whether it did."""
    template = gettext("{version} trained on {count} test rows of the other: they are left out.")
    unknown = gettext("{version} was trained elsewhere: nobody knows whether it saw these rows.")
    return [
        unknown.format(version=name)
        if count is None
        else template.format(version=name, count=fmt.integer(count, language()))
        for name, count in comparison.seen.items()
        if count != 0
    ]
