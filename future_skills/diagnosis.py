"""What to look at when a version disappoints: the four steps of the written troubleshooting.

1. the class distribution, then (training) and now (test rows);
2. what moved in the importances since the parent;
3. the worst errors: LOW taken for HIGH and HIGH for LOW first, by role, by skill, by confidence;
4. the version to go back to.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final, Literal

import polars as pl

from future_skills import diagnosis_text, schema
from future_skills.comparison import Comparison
from future_skills.evaluation import compare
from future_skills.formatting import Language
from future_skills.manifest import Manifest

CONFIDENCE_EDGES: Final = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Where the bands of confidence are cut."""

NO_PARENT: Final = "no_parent"
PARENT_UNKNOWN: Final = "parent_unknown"
NO_EARLIER: Final = "no_earlier"
NO_SHARED_ROWS: Final = "no_shared_rows"

Verdict = Literal["better", "inconclusive", "worse"]


@dataclass(frozen=True, slots=True)
class Distribution:
    """How often each level stands in some rows.

    Attributes:
        rows: how many.
        shares: level -> share, 0 to 1; all 0 where there is no row.
    """

    rows: int
    shares: dict[str, float]

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> "Distribution":
        """From level -> rows."""
        rows = sum(counts.get(level, 0) for level in schema.LEVELS)
        return cls(rows, {level: counts.get(level, 0) / rows if rows else 0.0 for level in schema.LEVELS})


@dataclass(frozen=True, slots=True)
class ClassShift:
    """Step 1: the levels that the version learnt from, and those it met.

    Attributes:
        training: labels of the training rows; no row where the manifest does not tell them.
        test: labels of the test rows.
        current: levels now of the test rows, where known.
        predicted: what the version said of the test rows.
        level: the level whose share moved most from training to test; None where training is not known.
        change: by how much, test minus training, -1 to 1.
        distance: total variation between training and test: half the sum of the absolute changes, 0 to 1.
    """

    training: Distribution
    test: Distribution
    current: Distribution
    predicted: Distribution
    level: str | None
    change: float | None
    distance: float | None


@dataclass(frozen=True, slots=True)
class ImportanceMove:
    """One feature, in the parent and in the version: macro F1 lost when it is shuffled; None where it is not used."""

    feature: str
    parent: float | None
    version: float | None

    @property
    def change(self) -> float:
        """Version minus parent; a feature that is not used is worth 0."""
        return (self.version or 0.0) - (self.parent or 0.0)


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Errors among the test rows of a role, a skill or a band of confidence.

    Attributes:
        name: of the role, the skill or the band (``0.9-1.0``).
        rows: test rows.
        errors: rows where the version was wrong.
        severe: of these, LOW taken for HIGH or HIGH for LOW.
    """

    name: str
    rows: int
    errors: int
    severe: int

    @property
    def rate(self) -> float:
        """Share of the rows where the version was wrong, 0 to 1."""
        return self.errors / self.rows


@dataclass(frozen=True, slots=True)
class WorstRow:
    """A test row where the version was wrong. ``confidence``: its probability of what it said, or None."""

    role: str
    skill: str
    current: str | None
    predicted: str
    truth: str
    confidence: float | None
    severe: bool


@dataclass(frozen=True, slots=True)
class Errors:
    """Step 3.

    Attributes:
        rows: test rows.
        errors: rows where the version was wrong.
        severe: of these, two levels away.
        low_for_high: really HIGH, predicted LOW: a need that nobody prepares.
        high_for_low: really LOW, predicted HIGH: training for nothing.
        roles: the roles of most severe errors, then of most errors.
        skills: likewise.
        confidence: every band that holds rows, the surest last; empty where there are no probabilities.
        worst: severe ones first, then those the version was surest of.
    """

    rows: int
    errors: int
    severe: int
    low_for_high: int
    high_for_low: int
    roles: tuple[ErrorGroup, ...]
    skills: tuple[ErrorGroup, ...]
    confidence: tuple[ErrorGroup, ...]
    worst: tuple[WorstRow, ...]


@dataclass(frozen=True, slots=True)
class WayBack:
    """Step 4.

    Attributes:
        version: the best earlier version on the rows that both are tested on, by macro F1; None where there is none.
        verdict: whether it is better than the version diagnosed: the 90 % interval of macro F1 decides.
        comparison: it as reference, the version diagnosed as challenger.
        reason: ``no_earlier`` or ``no_shared_rows`` where there is none.
    """

    version: str | None
    verdict: Verdict | None
    comparison: Comparison | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The four steps for one version.

    Attributes:
        version: its name.
        parent: the version it follows, if it names one.
        classes: step 1.
        importances: step 2, the greatest moves first; empty where ``importances_reason`` says why.
        importances_reason: ``no_parent``, ``parent_unknown`` or None.
        errors: step 3.
        way_back: step 4.
    """

    version: str
    parent: str | None
    classes: ClassShift
    importances: tuple[ImportanceMove, ...]
    importances_reason: str | None
    errors: Errors
    way_back: WayBack

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        way_back = {
            "version": self.way_back.version,
            "verdict": self.way_back.verdict,
            "reason": self.way_back.reason,
            "comparison": self.way_back.comparison and self.way_back.comparison.to_dict(),
        }
        errors = asdict(self.errors)
        for name in ("roles", "skills", "confidence"):
            errors[name] = [{**asdict(group), "rate": group.rate} for group in getattr(self.errors, name)]
        return {
            "version": self.version,
            "parent": self.parent,
            "class_distribution": asdict(self.classes),
            "importances": [{**asdict(move), "change": move.change} for move in self.importances],
            "importances_reason": self.importances_reason,
            "errors": errors,
            "way_back": way_back,
        }

    def to_text(self, language: Language = "fr") -> str:
        """In plain words, for a terminal or a page."""
        return diagnosis_text.text(self, language)


Known = tuple[Manifest, pl.DataFrame]
"""A version as far as its manifest and its rows file (``training.rows_frame``) tell."""


def diagnose(version: Known, others: Iterable[Known], *, parent: Manifest | None = None, top: int = 10) -> Diagnosis:
    """The four steps for ``version``.

    Args:
        version: manifest and rows file.
        others: the same of the versions that one may go back to: without the retracted ones.
        parent: manifest of the parent, where it is not among them.
        top: how many roles, skills and rows to name.
    """
    manifest, rows = version
    known = [one for one in others if one[0].version != manifest.version]
    test = rows.filter(pl.col("part") == "test")
    parent = parent or next((one for one, _ in known if one.version == manifest.parent), None)
    reason = NO_PARENT if manifest.parent is None else PARENT_UNKNOWN if parent is None else None
    return Diagnosis(
        version=manifest.version,
        parent=manifest.parent,
        classes=class_shift(manifest, test),
        importances=() if parent is None or reason else importance_moves(parent, manifest),
        importances_reason=reason,
        errors=worst_errors(test, top=top),
        way_back=way_back(version, known),
    )


# --- 1. Class distribution --------------------------------------------------------------------------------------------


def class_shift(manifest: Manifest, test: pl.DataFrame) -> ClassShift:
    """Levels then and now."""
    training = Distribution.of(manifest.split.train_class_distribution)
    tested = Distribution.of(_counts(test[schema.LABEL]))
    changes = {level: tested.shares[level] - training.shares[level] for level in schema.LEVELS} if training.rows else {}
    level = max(changes, key=lambda name: abs(changes[name]), default=None)
    return ClassShift(
        training=training,
        test=tested,
        current=Distribution.of(_counts(test[schema.CURRENT_LEVEL])),
        predicted=Distribution.of(_counts(test["predicted"])),
        level=level,
        change=None if level is None else changes[level],
        distance=sum(abs(change) for change in changes.values()) / 2 if changes else None,
    )


def _counts(levels: pl.Series) -> dict[str, int]:
    """Level -> rows, unknown levels left out."""
    counted = levels.drop_nulls().value_counts(name="rows")
    return dict(zip(counted[levels.name], counted["rows"], strict=True))


# --- 2. Importances ---------------------------------------------------------------------------------------------------


def importance_moves(parent: Manifest, version: Manifest) -> tuple[ImportanceMove, ...]:
    """Every feature of either version, the greatest move first."""
    names = dict.fromkeys((*parent.importances, *version.importances))
    moves = [ImportanceMove(name, _importance(parent, name), _importance(version, name)) for name in names]
    return tuple(sorted(moves, key=lambda move: (-abs(move.change), move.feature)))


def _importance(manifest: Manifest, feature: str) -> float | None:
    found = manifest.importances.get(feature)
    return None if found is None else found.f1_macro


# --- 3. Worst errors --------------------------------------------------------------------------------------------------


def worst_errors(test: pl.DataFrame, *, top: int) -> Errors:
    """Where the version was wrong, from the test rows of its rows file."""
    names = [level.lower() for level in schema.LEVELS]
    sure = pl.max_horizontal(names) if all(name in test.columns for name in names) else pl.lit(None, pl.Float64)
    truth, said = (pl.col(name).replace_strict(schema.LEVEL_RANK) for name in (schema.LABEL, "predicted"))
    rows = test.with_columns(
        confidence=sure,
        wrong=pl.col("predicted") != pl.col(schema.LABEL),
        severe=(truth - said).abs() == 2,
    )
    wrong = rows.filter("wrong")
    missed = wrong.filter(pl.col("severe") & (pl.col(schema.LABEL) == schema.HIGH))
    return Errors(
        rows=len(rows),
        errors=len(wrong),
        severe=int(wrong["severe"].sum()),
        low_for_high=len(missed),
        high_for_low=int(wrong["severe"].sum()) - len(missed),
        roles=_groups(rows, schema.ROLE, top),
        skills=_groups(rows, schema.SKILL, top),
        confidence=_bands(rows),
        worst=_worst(wrong, top),
    )


def _grouped(rows: pl.DataFrame, by: pl.Expr) -> pl.DataFrame:
    return rows.group_by(by.alias("name")).agg(
        pl.len().alias("rows"), pl.col("wrong").sum().alias("errors"), pl.col("severe").sum()
    )


def _groups(rows: pl.DataFrame, column: str, top: int) -> tuple[ErrorGroup, ...]:
    found = (
        _grouped(rows, pl.col(column))
        .filter(pl.col("errors") > 0)
        .sort("severe", "errors", "rows", "name", descending=[True, True, False, False])
        .head(top)
    )
    return tuple(ErrorGroup(*row) for row in found.select("name", "rows", "errors", "severe").iter_rows())


def _bands(rows: pl.DataFrame) -> tuple[ErrorGroup, ...]:
    """Bands [low, high) of the confidence announced; the last one holds 1."""
    edges = (0.0, *CONFIDENCE_EDGES, 1.0)
    names = {place: f"{low:.1f}-{high:.1f}" for place, (low, high) in enumerate(pairwise(edges))}
    known = rows.filter(pl.col("confidence").is_not_null())
    place = pl.sum_horizontal((pl.col("confidence") >= edge).cast(pl.Int64) for edge in CONFIDENCE_EDGES)
    found = _grouped(known, place.replace_strict(names, return_dtype=pl.String)).sort("name")
    return tuple(ErrorGroup(*row) for row in found.select("name", "rows", "errors", "severe").iter_rows())


def _worst(wrong: pl.DataFrame, top: int) -> tuple[WorstRow, ...]:
    ordered = wrong.sort(
        "severe", "confidence", schema.ROLE, schema.SKILL, descending=[True, True, False, False], nulls_last=True
    ).head(top)
    columns = (schema.ROLE, schema.SKILL, schema.CURRENT_LEVEL, "predicted", schema.LABEL, "confidence", "severe")
    return tuple(WorstRow(*row) for row in ordered.select(columns).iter_rows())


# --- 4. The version to go back to -------------------------------------------------------------------------------------


def way_back(version: Known, others: Iterable[Known]) -> WayBack:
    """The best earlier version on the rows that both are tested on.

    Each earlier one is set against the version on their shared rows; the one whose macro F1 exceeds the version's the
    most is named, the newer on a tie, and the bootstrap says whether it is really better.
    """
    manifest, rows = version
    earlier = sorted(
        (one for one in others if one[0].created_at < manifest.created_at),
        key=lambda one: (one[0].created_at, one[0].version),
        reverse=True,
    )
    if not earlier:
        return WayBack(None, None, None, NO_EARLIER)
    best, margin = None, float("-inf")
    for one, its_rows in earlier:
        quick = compare((one.version, its_rows), (manifest.version, rows), draws=0)
        if quick.reference_metrics is None or quick.challenger_metrics is None:
            continue
        gain = quick.reference_metrics.f1_macro - quick.challenger_metrics.f1_macro
        if gain > margin:
            best, margin = (one, its_rows), gain
    if best is None:
        return WayBack(None, None, None, NO_SHARED_ROWS)
    comparison = compare((best[0].version, best[1]), (manifest.version, rows))
    return WayBack(best[0].version, _verdict(comparison), comparison, None)


def _verdict(comparison: Comparison) -> Verdict:
    """Of the reference: better, worse, or not to be told from the challenger."""
    difference = comparison.difference("f1_macro")
    if difference is None or not difference.is_clear:
        return "inconclusive"
    return "better" if difference.high < 0 else "worse"
