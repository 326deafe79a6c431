"""Answers for rows that nobody labelled: a level, how sure, and what a reader must know before trusting it.

    from future_skills import Predictor
    predictor = Predictor.load("ml/future_skills_model_v2.pkl", public_key="…")
    for answer in predictor.predict(rows):
        print(answer.level, answer.probabilities, answer.score)

The values of the rows are those the version was trained on: base features, and history features where the manifest lists
some. No clock, no database: whoever has the facts completes the rows first.
"""

import json
import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Protocol, Self, cast, overload

import numpy as np
import polars as pl

from future_skills import schema
from future_skills.artifact import CASES_SUFFIX, PROFILE_SUFFIX, LoadedVersion, checked_bytes, load_version, read_cases
from future_skills.dataset import LARGEST_NUMBER
from future_skills.encoding import Values
from future_skills.engine import Engine
from future_skills.engine_choice import EngineChoice
from future_skills.errors import Defect, InvalidRowsError, MissingFeaturesError, UsageError, translatable
from future_skills.manifest import NumericProfile
from future_skills.metrics import Probabilities, Scores
from future_skills.reasons import Explainer, Reasons
from future_skills.signing import public_keys_of

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
        return None if p is None else float(_score(p[schema.MEDIUM], p[schema.HIGH]))

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


def _score(medium: Any, high: Any) -> Any:
    """The score, from numbers or from columns."""
    return 100 * (high + medium / 2)


class ArrowTable(Protocol):
    """A table of any library that speaks Arrow: pandas, pyarrow, Polars, DuckDB."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Its columns."""


Rows = Sequence[Mapping[str, Any]] | pl.DataFrame | ArrowTable
_Column = Sequence[Any] | pl.Series


class Predictor:
    """A version that answers. It keeps no state between two calls: threads may share it.

    Args:
        version: a version whose files were checked and opened.
        choice: how it is run, where that was measured (see ``engine``). In any case its stored cases are looked at.

    Raises:
        ArtifactMissingError, ArtifactHashMismatchError: its profile or its stored cases are absent, or were changed.
    """

    def __init__(self, version: LoadedVersion, choice: EngineChoice | None = None) -> None:
        self.manifest = version.manifest
        self._version = version
        self._model = version.model
        self._engine = Engine(version.model, _stored_cases(version), choice)
        self._columns = version.manifest.features.columns
        self._wanted = tuple(dict.fromkeys((*self._columns, schema.CURRENT_LEVEL)))
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
    def load(cls, path: Path | str, *, manifest_sha256: str | None = None, public_key: str | None = None) -> Self:
        """Open a version's files: every hash is checked before anything is opened.

        Args:
            path: of the ``.pkl`` or the manifest.
            manifest_sha256: what the manifest must hash to, where that is known.
            public_key: the key that must have signed the version: 32 bytes, hexadecimal.

        Raises:
            UsageError: that is no public key.
            ArtifactError: the files are not what they should be; see ``artifact.load_version``.
        """
        keys = None if public_key is None else public_keys_of(public_key)
        return cls(load_version(path, manifest_sha256=manifest_sha256, public_keys=keys))

    @property
    def columns(self) -> tuple[str, ...]:
        """What every row must have; ``current_need_level`` may be given besides, and tells what emerges."""
        return self._columns

    @property
    def choice(self) -> EngineChoice:
        """How it is run, and why."""
        return self._engine.choice

    def predict(self, rows: Rows) -> "Predictions":
        """The answer for each row, in order.

        Args:
            rows: mappings of column to value, or a table: Polars, pandas (with pyarrow), anything that speaks Arrow. Texts
                and numbers as in the training dataset; None is a missing value. Other columns are passed over.

        Raises:
            MissingFeaturesError: a row lacks a column.
            InvalidRowsError: a value is of the wrong type, or is not a finite number; says where.
            UsageError: the rows are neither.
        """
        rows = _rows_or_frame(rows)
        if isinstance(rows, pl.DataFrame):
            if not self._engine.takes_values(len(rows)):
                return self._many(self._typed(rows))
            return self._few(self._listed(rows), len(rows))
        values = self._checked(rows)
        if not self._engine.takes_values(len(rows)):
            return self._many(pl.DataFrame([_column(name, of_rows) for name, of_rows in values.items()]))
        return self._few(values, len(rows))

    def explain(self, rows: Rows) -> list[Reasons]:
        """Why each row is answered as it is, in order: some 20 ms a row, and a second before the first one.

        Args:
            rows: see ``predict``.

        Raises:
            ReasonsUnavailableError: the version kept no rows to compare with, or its model is none that is explained.
            ArtifactError: a file that reasons are made from is absent, was changed, or cannot be read here.
            MissingFeaturesError, InvalidRowsError, UsageError: see ``predict``.
        """
        rows = _rows_or_frame(rows)
        if isinstance(rows, pl.DataFrame):
            return self._explainer.explain(self._typed(rows))
        values = self._checked(rows)
        return self._explainer.explain(pl.DataFrame([_column(name, of_rows) for name, of_rows in values.items()]))

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer.of(self._version)

    def _few(self, values: Values, rows: int) -> "Predictions":
        return Predictions(self._engine.few(values, rows), values[schema.CURRENT_LEVEL], self._doubts(values))

    def _many(self, frame: pl.DataFrame) -> "Predictions":
        scores = (
            self._engine.many(frame) if len(frame) else Scores(np.empty(0, np.int64), np.empty((0, len(schema.LEVELS))))
        )
        return Predictions(scores, frame[schema.CURRENT_LEVEL], self._doubts_of_frame(frame))

    # --- rows to columns ------------------------------------------------------------------------------------------------
    def _checked(self, rows: Any) -> dict[str, Sequence[Any]]:
        """The model's columns and the current level, value by value; no other."""
        if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) for row in rows):
            raise UsageError(_NO_ROWS)
        for row in rows:
            self._require(row)
        of_rows = [[row.get(name) for name in self._wanted] for row in rows]
        columns: list[Sequence[Any]] = list(zip(*of_rows, strict=True)) or [()] * len(self._wanted)
        defects: list[Defect] = []
        values = {name: _cleaned(name, column, defects) for name, column in zip(self._wanted, columns, strict=True)}
        _refuse(defects)
        return values

    def _listed(self, rows: pl.DataFrame) -> dict[str, Sequence[Any]]:
        """The same of a small table: polars takes longer to look at a column of a few values than at each of them."""
        self._require(rows.columns)
        defects: list[Defect] = []
        values = {name: _cleaned(name, _list_of(rows, name), defects) for name in self._wanted}
        _refuse(defects)
        return values

    def _typed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The model's columns and the current level, typed; no other."""
        self._require(rows.columns)
        defects: list[Defect] = []
        frame = pl.DataFrame([_typed_column(rows[name], defects) for name in self._wanted if name in rows.columns])
        _refuse(defects)
        if schema.CURRENT_LEVEL not in frame.columns:
            frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(schema.CURRENT_LEVEL))
        return frame

    def _require(self, present: Any) -> None:
        absent = [name for name in self._columns if name not in present]
        if absent:
            raise MissingFeaturesError(columns=", ".join(absent))

    # --- what to know before trusting an answer -------------------------------------------------------------------------
    def _doubts(self, values: Values) -> list["_Doubt"]:
        """What is doubtful of values."""
        doubts = []
        for name, known in self._known.items():
            column = values[name]
            if places := [place for place, value in enumerate(column) if value is not None and value not in known]:
                doubts.append(self._unseen(name, places, column))
        for name, (minimum, maximum) in self._ranges.items():
            column = values[name]
            if places := [
                place for place, value in enumerate(column) if value is not None and not minimum <= value <= maximum
            ]:
                doubts.append(self._outside(name, places, column))
        return doubts

    def _doubts_of_frame(self, frame: pl.DataFrame) -> list["_Doubt"]:
        """What is doubtful of a frame."""
        doubts = []
        for name, known in self._known.items():
            column = frame[name]
            if len(places := (column.is_not_null() & ~column.is_in(list(known))).arg_true()):
                doubts.append(self._unseen(name, places, column))
        for name, (minimum, maximum) in self._ranges.items():
            column = frame[name]
            if len(places := ((column < minimum) | (column > maximum)).arg_true()):
                doubts.append(self._outside(name, places, column))
        return doubts

    def _unseen(self, name: str, places: _Column, column: _Column) -> "_Doubt":
        facts = {"version": self.manifest.version}
        return _Doubt(UNKNOWN.get(name, "unknown_category"), _UNSEEN, name, facts, places, column)

    def _outside(self, name: str, places: _Column, column: _Column) -> "_Doubt":
        minimum, maximum = self._ranges[name]
        facts = {"minimum": minimum, "maximum": maximum}
        return _Doubt("out_of_range", _OUT_OF_RANGE, name, facts, places, column)


@dataclass(frozen=True, slots=True, eq=False)
class _Doubt:
    """What is doubtful of one column.

    Attributes:
        code, template: of the warning.
        name: the column.
        facts: what the warning says besides the column and its value.
        places: of the rows, ascending.
        column: the value of every row.
    """

    code: WarningCode
    template: str
    name: str
    facts: Mapping[str, Any]
    places: _Column
    column: _Column

    def between(self, start: int, stop: int) -> Iterator[tuple[int, PredictionWarning]]:
        """Place and warning of each row from ``start`` to ``stop``."""
        first, last = bisect_left(self.places, start), bisect_left(self.places, stop)
        for place in self.places[first:last]:
            details = {"column": self.name, "value": self.column[place], **self.facts}
            yield place, PredictionWarning(self.code, self.template, details)


class Predictions(Sequence[Prediction]):
    """The answers for some rows, in order; kept as columns, each item is made when it is asked for.

    Equal to any sequence of equal answers.
    """

    __slots__ = ("_current", "_doubts", "_ranks", "_shares")

    def __init__(self, scores: Scores, current: _Column, doubts: Sequence[_Doubt]) -> None:
        self._ranks = scores.predicted
        self._shares = cast("Probabilities", scores.probabilities)
        self._current = current
        self._doubts = doubts

    def __len__(self) -> int:
        return len(self._ranks)

    @overload
    def __getitem__(self, place: int) -> Prediction: ...

    @overload
    def __getitem__(self, place: slice) -> list[Prediction]: ...

    def __getitem__(self, place: int | slice) -> Prediction | list[Prediction]:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            return self._items(start, stop) if step == 1 else [self[one] for one in range(start, stop, step)]
        one = range(len(self))[place]
        return self._items(one, one + 1)[0]

    def __iter__(self) -> Iterator[Prediction]:
        for start in range(0, len(self), _ITEMS):
            yield from self._items(start, min(start + _ITEMS, len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} predictions>"

    def to_frame(self) -> pl.DataFrame:
        """One row per answer, in order.

        Returns:
            ``level``, ``low``, ``medium``, ``high`` (probabilities), ``score``, ``confidence``, ``emergence`` (null as in
            ``Prediction``), ``current_need_level``, ``warnings`` (their codes).
        """
        low, medium, high = (pl.col(level.lower()) for level in schema.LEVELS)
        grows = pl.col(schema.CURRENT_LEVEL).is_in([schema.LOW, schema.MEDIUM])
        return pl.DataFrame(
            {
                "level": np.array(schema.LEVELS)[self._ranks],
                **{level.lower(): self._shares[:, rank] for level, rank in schema.LEVEL_RANK.items()},
                schema.CURRENT_LEVEL: pl.Series(self._current, dtype=pl.String),
            }
        ).select(
            "level",
            low,
            medium,
            high,
            score=_score(medium, high),
            confidence=pl.max_horizontal(low, medium, high),
            emergence=pl.when(grows).then(high),
            current_need_level=pl.col(schema.CURRENT_LEVEL),
            warnings=self._codes(),
        )

    def _codes(self) -> pl.Series:
        """The codes of the warnings of each row."""
        all_rows = pl.DataFrame({"place": pl.int_range(len(self), dtype=pl.UInt32, eager=True)})
        warned = [
            pl.DataFrame({"place": pl.Series(doubt.places, dtype=pl.UInt32)}).with_columns(code=pl.lit(doubt.code))
            for doubt in self._doubts
        ]
        none = pl.DataFrame(schema={"place": pl.UInt32, "code": pl.String})
        codes = pl.concat([none, *warned]).group_by("place", maintain_order=True).agg("code")
        joined = all_rows.join(codes, on="place", how="left", maintain_order="left")
        return joined["code"].fill_null([])

    def _items(self, start: int, stop: int) -> list[Prediction]:
        """The answers from ``start`` to ``stop``."""
        found: dict[int, list[PredictionWarning]] = {}
        for doubt in self._doubts:
            for place, warning in doubt.between(start, stop):
                found.setdefault(place, []).append(warning)
        asked = slice(start, stop)
        return [
            Prediction(
                schema.LEVELS[rank], dict(zip(schema.LEVELS, shares, strict=True)), now, tuple(found.get(place, ()))
            )
            for place, (rank, shares, now) in enumerate(
                zip(
                    self._ranks[asked].tolist(),
                    self._shares[asked].tolist(),
                    self._current[asked],
                    strict=True,
                ),
                start=start,
            )
        ]


_ITEMS: Final = 1_024
"""Items made at a time where all are asked for."""


_UNSEEN: Final = translatable("{column}: {version} never saw “{value}” in training.")
_OUT_OF_RANGE: Final = translatable(
    "{column}: {value:g} is outside the range of training ({minimum:g} to {maximum:g})."
)


def _stored_cases(version: LoadedVersion) -> pl.DataFrame:
    """The rows of a version's stored cases; none where it was trained before versions kept any."""
    if not any(entry.name.endswith(CASES_SUFFIX) for entry in version.manifest.files):
        return pl.DataFrame()
    return read_cases(version.manifest, version.paths).features


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
_NOT_NUMBERS: Final = _TEXTS | {schema.CURRENT_LEVEL}
_BLANKS: Final = "".join(char for char in map(chr, range(0x3001)) if char.isspace() and not "\x1c" <= char <= "\x1f")
"""What Unicode calls white space."""

_NO_ROWS: Final = translatable("Rows are a list of mappings (column to value), or a Polars, pandas or Arrow table.")
_NO_TABLE: Final = translatable("The table cannot be read: {problem}.")
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


def _cleaned(name: str, values: Sequence[Any], defects: list[Defect]) -> Sequence[Any]:
    """Values sent one by one as a model reads them: texts, floats, None."""
    if name not in _NOT_NUMBERS and _are_clean(values):
        return values
    wrong = {place: reason for place, value in enumerate(values) if (reason := value_defect(name, value)) is not None}
    if wrong:
        defects += [Defect(place, name, _shown(values[place]), reason) for place, reason in wrong.items()]
        return values
    if name in _TEXTS:
        return [None if value is None else value.strip(_BLANKS) or None for value in values]
    if name == schema.CURRENT_LEVEL:
        return values
    return [None if value is None else float(value) for value in values]


def _are_clean(values: Sequence[Any]) -> bool:
    """Whether all are floats that a model can read, or None: nearly all are, and to look at them one by one takes longer."""
    for value in values:  # all() of a generator takes three times as long for one value
        if value is not None and (type(value) is not float or not -LARGEST_NUMBER <= value <= LARGEST_NUMBER):
            return False
    return True


def _list_of(rows: pl.DataFrame, name: str) -> list[Any]:
    """The values of a column, None where the table has no such column."""
    if name not in rows.columns:
        return [None] * len(rows)
    column = rows[name]
    return (column.cast(pl.Float64) if column.dtype.is_decimal() else column).to_list()


def _column(name: str, values: Sequence[Any]) -> pl.Series:
    """A column of cleaned values."""
    return pl.Series(name, values, dtype=pl.String if name in _NOT_NUMBERS else pl.Float64)


def _refuse(defects: list[Defect]) -> None:
    if defects:
        raise InvalidRowsError(count=len(defects), defects=sorted(defects, key=lambda one: one.line))


def _rows_or_frame(rows: Rows) -> Sequence[Mapping[str, Any]] | pl.DataFrame:
    """A table of another library as a frame; all else as it is."""
    if isinstance(rows, pl.DataFrame) or not hasattr(rows, "__arrow_c_stream__"):
        return rows
    try:
        return pl.DataFrame(rows)
    except (ImportError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise UsageError(_NO_TABLE, problem=str(error).strip().splitlines()[0].rstrip(".")) from error


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
    stripped = texts.str.strip_chars(_BLANKS)
    return stripped.set(stripped == "", None)


def _shown(value: Any) -> str:
    return repr(value)[:80]
