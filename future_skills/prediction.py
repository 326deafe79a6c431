"""Answers for rows that nobody labelled: a level, how sure, and what a reader must know before trusting it.

    from future_skills import Predictor
    Predictor.load("ml/future_skills_model_v2.pkl").predict(rows)

The values of the rows are those the version was trained on: base features, and history features where the manifest lists
some. No clock, no database: whoever has the facts completes the rows first.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
import polars as pl

from future_skills import schema
from future_skills.artifact import PROFILE_SUFFIX, LoadedVersion, checked_bytes, load_version
from future_skills.dataset import LARGEST_NUMBER
from future_skills.errors import Defect, InvalidRowsError, MissingFeaturesError, translatable
from future_skills.manifest import NumericProfile
from future_skills.metrics import Scores, model_scores

WarningCode = Literal["unknown_role", "unknown_skill", "unknown_category", "out_of_range", "no_history", "old_snapshot"]

UNKNOWN: Final[Mapping[str, WarningCode]] = {schema.ROLE: "unknown_role", schema.SKILL: "unknown_skill"}
"""Column -> code of the warning about a value that no training row had; other columns: ``unknown_category``."""

TIME_COUNTERS: Final = frozenset({"months_since_first_listed", "months_since_last_need", "periods_in_need_before"})
"""History features that grow with the calendar: later than the training rows they are always larger, whatever the pair."""


@dataclass(frozen=True, slots=True)
class PredictionWarning:
    """What a reader of one answer must know.

    Attributes:
        code: the same in every language.
        template: the sentence, with placeholders.
        details: what fills them, JSON-serialisable.
    """

    code: WarningCode
    template: str
    details: Mapping[str, Any]

    def explain(self, translate: Any = str) -> str:
        """The sentence, translated by ``translate``."""
        return str(translate(self.template)).format(**self.details)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one row.

    Attributes:
        level: the most probable level.
        probabilities: level -> probability, summing to 1; None for a model that gives none.
        current_level: the level now, where the row says it.
        warnings: what to know before trusting it.
    """

    level: str
    probabilities: Mapping[str, float] | None
    current_level: str | None
    warnings: tuple[PredictionWarning, ...] = ()

    @property
    def score(self) -> float | None:
        """100 x (P(HIGH) + P(MEDIUM) / 2), 0 to 100."""
        p = self.probabilities
        return None if p is None else 100 * (p[schema.HIGH] + p[schema.MEDIUM] / 2)

    @property
    def confidence(self) -> float | None:
        """The highest probability, 1/3 to 1."""
        return None if self.probabilities is None else max(self.probabilities.values())

    @property
    def emergence(self) -> float | None:
        """P(becomes HIGH); None where the pair is HIGH now, and where nobody knows whether it is."""
        if self.probabilities is None or self.current_level in {None, schema.HIGH}:
            return None
        return self.probabilities[schema.HIGH]

    def warned(self, *warnings: PredictionWarning) -> "Prediction":
        """The same answer with more warnings; of one code about one column, the first counts."""
        seen: dict[tuple[str, Any], PredictionWarning] = {}
        for one in (*warnings, *self.warnings):
            seen.setdefault((one.code, one.details.get("column")), one)
        return replace(self, warnings=tuple(seen.values()))


class Predictor:
    """A version that answers. It keeps no state between two calls: threads may share it.

    Args:
        version: a version whose files were checked and opened.

    Raises:
        ArtifactMissingError, ArtifactHashMismatchError: its profile is absent, or was changed.
    """

    def __init__(self, version: LoadedVersion) -> None:
        self.manifest = version.manifest
        self._model = version.model
        self._known = _known_names(version)
        self._ranges = {
            name: (profile.minimum, profile.maximum)
            for name, profile in version.manifest.profile.items()
            if isinstance(profile, NumericProfile)
            and profile.minimum is not None
            and profile.maximum is not None
            and name not in TIME_COUNTERS
        }

    @classmethod
    def load(cls, path: Path | str, *, manifest_sha256: str | None = None) -> Self:
        """Open a version's files (see ``artifact.load_version``, whose errors are raised)."""
        return cls(load_version(path, manifest_sha256=manifest_sha256))

    @property
    def columns(self) -> tuple[str, ...]:
        """What every row must have; ``current_need_level`` may be given besides, and tells what emerges."""
        return self.manifest.features.columns

    def predict(self, rows: Sequence[Mapping[str, Any]] | pl.DataFrame) -> list[Prediction]:
        """The answer for each row, in order.

        Args:
            rows: mappings of column to value, or a polars frame. Texts and numbers as in the training dataset; None is a
                missing value. Other columns are passed over.

        Raises:
            MissingFeaturesError: a row lacks a column.
            InvalidRowsError: a value is of the wrong type, or is not a finite number; says where.
        """
        frame = self._frame(rows)
        if frame.is_empty():
            return []
        scores = self._scores(frame)
        warnings = self._warnings(frame)
        levels = [schema.LEVELS[rank] for rank in scores.predicted]
        current = frame[schema.CURRENT_LEVEL].to_list()
        if scores.probabilities is None:
            chances: list[dict[str, float] | None] = [None] * len(levels)
        else:
            chances = [dict(zip(schema.LEVELS, row, strict=True)) for row in scores.probabilities.tolist()]
        return [
            Prediction(level, chance, now, tuple(warnings.get(place, ())))
            for place, (level, chance, now) in enumerate(zip(levels, chances, current, strict=True))
        ]

    def _scores(self, frame: pl.DataFrame) -> Scores:
        if hasattr(self._model, "predict_proba"):
            return model_scores(self._model, frame)
        said = [schema.LEVEL_RANK[str(level)] for level in self._model.predict(frame)]
        return Scores(np.array(said, dtype=np.int64), None)

    # --- rows to columns ------------------------------------------------------------------------------------------------
    def _frame(self, rows: Sequence[Mapping[str, Any]] | pl.DataFrame) -> pl.DataFrame:
        """The model's columns and the current level, typed; no other."""
        wanted = dict.fromkeys((*self.columns, schema.CURRENT_LEVEL))
        defects: list[Defect] = []
        if isinstance(rows, pl.DataFrame):
            self._require(rows.columns)
            present = [name for name in wanted if name in rows.columns]
            columns = [_typed_column(rows[name], defects) for name in present]
        else:
            for row in rows:
                self._require(row)
            given = {name: [row.get(name) for row in rows] for name in wanted}
            columns = [_column_of(name, values, defects) for name, values in given.items()]
        if defects:
            raise InvalidRowsError(count=len(defects), defects=sorted(defects, key=lambda one: one.line))
        frame = pl.DataFrame(columns)
        if schema.CURRENT_LEVEL not in frame.columns:
            frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(schema.CURRENT_LEVEL))
        return frame

    def _require(self, present: Any) -> None:
        absent = [name for name in self.columns if name not in present]
        if absent:
            raise MissingFeaturesError(columns=", ".join(absent))

    # --- what to know before trusting an answer -------------------------------------------------------------------------
    def _warnings(self, frame: pl.DataFrame) -> dict[int, list[PredictionWarning]]:
        """Place of the row -> its warnings."""
        found: dict[int, list[PredictionWarning]] = {}
        version = self.manifest.version
        for name, known in self._known.items():
            code = UNKNOWN.get(name, "unknown_category")
            for place, value in enumerate(frame[name]):
                if value is not None and value not in known:
                    details = {"column": name, "value": value, "version": version}
                    found.setdefault(place, []).append(PredictionWarning(code, _UNSEEN, details))
        for name, (minimum, maximum) in self._ranges.items():
            values = frame[name].to_numpy()
            for place in np.flatnonzero((values < minimum) | (values > maximum)).tolist():
                details = {"column": name, "value": float(values[place]), "minimum": minimum, "maximum": maximum}
                found.setdefault(place, []).append(PredictionWarning("out_of_range", _OUT_OF_RANGE, details))
        return found


_UNSEEN: Final = translatable("{column}: {version} never saw “{value}” in training.")
_OUT_OF_RANGE: Final = translatable(
    "{column}: {value:g} is outside the range of training ({minimum:g} to {maximum:g})."
)


def _known_names(version: LoadedVersion) -> dict[str, frozenset[str]]:
    """Column -> every text of the training rows; empty where the version kept no profile (an imported one)."""
    names = [entry.name for entry in version.manifest.files if entry.name.endswith(PROFILE_SUFFIX)]
    if not names:
        return {}
    entry = version.manifest.file(PROFILE_SUFFIX)
    profile = json.loads(checked_bytes(version.paths.model.parent / entry.name, entry))
    texts = [name for name in version.manifest.features.columns if name in schema.CATEGORICAL_FEATURES]
    return {name: frozenset(profile[name]["counts"]) for name in texts if name in profile}


# --- one value, one column ----------------------------------------------------------------------------------------------
_TEXTS: Final = frozenset(schema.CATEGORICAL_FEATURES)
_NOT_TEXT: Final = translatable("not text")
_NOT_NUMBER: Final = translatable("not a number (write 0.82)")
_NOT_FINITE: Final = translatable("not a finite number; leave the cell empty when the value is missing")
_TOO_LARGE: Final = translatable("too large a number: no model can tell such numbers apart")
_NOT_LEVEL: Final = translatable("not a need level; the levels are LOW, MEDIUM and HIGH")


def value_defect(name: str, value: Any) -> str | None:
    """What is wrong with a value sent for a column, as a template; None where nothing is.

    Args:
        name: a feature, or ``current_need_level``.
        value: as JSON or Python has it; None is a missing value.
    """
    if value is None:
        return None
    if name in _TEXTS:
        return None if isinstance(value, str) else _NOT_TEXT
    if name == schema.CURRENT_LEVEL:
        return None if value in schema.LEVEL_RANK else _NOT_LEVEL
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return _NOT_NUMBER
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        return _NOT_FINITE
    return None if -LARGEST_NUMBER <= value <= LARGEST_NUMBER else _TOO_LARGE


def _column_of(name: str, values: list[Any], defects: list[Defect]) -> pl.Series:
    """A column of values sent one by one."""
    wrong = {}
    for place, value in enumerate(values):
        if (reason := value_defect(name, value)) is not None:
            wrong[place] = reason
    defects += [Defect(place, name, _shown(values[place]), reason) for place, reason in wrong.items()]
    kept = [None if place in wrong or value is None else value for place, value in enumerate(values)]
    if name in _TEXTS:
        return _stripped(pl.Series(name, kept, dtype=pl.String))
    if name == schema.CURRENT_LEVEL:
        return pl.Series(name, kept, dtype=pl.String)
    return pl.Series(name, [None if value is None else float(value) for value in kept], dtype=pl.Float64)


def _typed_column(values: pl.Series, defects: list[Defect]) -> pl.Series:
    """A column of a frame."""
    if values.name in _TEXTS:
        return _stripped(_texts(values, _NOT_TEXT, defects))
    if values.name == schema.CURRENT_LEVEL:
        levels = _texts(values, _NOT_LEVEL, defects)
        _collect(values, levels.is_not_null() & ~levels.is_in(list(schema.LEVELS)), _NOT_LEVEL, defects)
        return levels
    if not (values.dtype.is_numeric() or values.dtype == pl.Null):
        _collect(values, values.is_not_null(), _NOT_NUMBER, defects)
        return pl.Series(values.name, [None] * len(values), dtype=pl.Float64)
    numbers = values.cast(pl.Float64)
    known = numbers.drop_nulls().to_numpy()
    if not (np.abs(known) <= LARGEST_NUMBER).all():  # NaN is not
        finite = numbers.is_finite().fill_null(value=True)
        _collect(values, ~finite, _NOT_FINITE, defects)
        _collect(values, finite & (numbers.abs() > LARGEST_NUMBER), _TOO_LARGE, defects)
    return numbers


def _texts(values: pl.Series, reason: str, defects: list[Defect]) -> pl.Series:
    """A column as texts, all null where it holds something else."""
    if values.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return values.cast(pl.String)
    _collect(values, values.is_not_null(), reason, defects)
    return pl.Series(values.name, [None] * len(values), dtype=pl.String)


def _collect(values: pl.Series, wrong: pl.Series, reason: str, defects: list[Defect]) -> None:
    places = wrong.fill_null(value=False).arg_true().to_list()
    defects += [Defect(place, values.name, _shown(values[place]), reason) for place in places]


def _stripped(texts: pl.Series) -> pl.Series:
    """Texts as datasets hold them: no blanks at the ends, nothing is missing."""
    stripped = texts.str.strip_chars()
    return stripped.set(stripped == "", None)


def _shown(value: Any) -> str:
    return repr(value)[:80]
