"""How a model is run: each number of rows in the way that answers it soonest, and always with the same answer.

scikit-learn takes 10 to 40 ms for one row, most of it spent between its trees. A compiled model (``compile_model``) reads a
few rows without a frame and walks all trees at once (``forest``, ``merged``); many rows go through scikit-learn's own
trees, block by block, on all cores, without what scikit-learn does around each tree. Both add the same numbers in the same
order. A compiled model is used only where it was found to say what scikit-learn says of every row it was tried on
(docs/decisions/0014).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, Final, Protocol, cast

import joblib
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils.extmath import softmax

from future_skills.encoding import Encoder, NotCompilableError, RowEncoder, Values, encoder_of_columns
from future_skills.engine_choice import EngineChoice, Reason
from future_skills.forest import PackedForest
from future_skills.merged import MergedForest
from future_skills.metrics import Ranks, Scores, class_ranks, level_scores, model_scores
from future_skills.pipeline import BlendByLevel, NeedLevelModel

TOLERANCE: Final = 1e-6
"""How far a probability of a compiled model may be from scikit-learn's."""

MOST_FEW_ROWS: Final = 4_096
"""Rows from which scikit-learn's trees are always taken: values row by row take memory."""

BLOCK: Final = 131_072
"""Rows a thread answers at a time: every tree is fetched once per block, and memory does not grow with the rows."""

WORTH_A_THREAD: Final = 1_024
"""Rows a thread answers at a time, at least."""

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]


_Walk = type[PackedForest] | type[MergedForest]


# --- Compiled estimators ------------------------------------------------------------------------------------------------
class _Estimator(Protocol):
    """An estimator of a matrix: probabilities, rows x classes, soonest for few rows or for many."""

    def few(self, matrix: Any) -> Doubles: ...

    def many(self, matrix: Any) -> Doubles: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Forest:
    """A random forest, or extra trees; its few rows are walked as they are read."""

    walked: PackedForest | MergedForest
    trees: tuple[Any, ...]

    @classmethod
    def of(cls, forest: RandomForestClassifier | ExtraTreesClassifier, walk: _Walk = PackedForest) -> "_Forest":
        return cls(walk.of(forest), tuple(one.tree_ for one in forest.estimators_))

    def few(self, matrix: Any) -> Doubles:
        return self.walked.probabilities(matrix)

    def many(self, matrix: Any) -> Doubles:
        # rows that go the same way one after the other: nodes stay in the cache, branches are guessed right
        order = np.lexsort([tree.apply(matrix) for tree in self.trees[:_SORTING_TREES]])
        matrix = matrix[order]
        total: Doubles = self.trees[0].predict(matrix)
        for tree in self.trees[1:]:
            total += tree.predict(matrix)
        said = np.empty_like(total)
        said[order] = total / len(self.trees)
        return said


_SORTING_TREES: Final = 3
"""Trees by whose leaves rows are sorted: more of them gain nothing (docs/decisions/0014)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Blend:
    """A blend by level: its own rules, over compiled forests."""

    blend: BlendByLevel
    forests: Mapping[int, _Forest]

    @classmethod
    def of(cls, blend: BlendByLevel) -> "_Blend":
        shared = {id(forest): forest for forest in blend.forests_.values()}
        compiled = {key: _Forest.of(forest) for key, forest in shared.items()}
        return cls(blend, {code: compiled[id(forest)] for code, forest in blend.forests_.items()})

    def few(self, matrix: Floats) -> Doubles:
        return self._by_level(matrix, lambda code, rows: self.forests[code].few(rows))

    def many(self, matrix: Floats) -> Doubles:
        return self._by_level(matrix, lambda code, rows: self.forests[code].many(rows))

    def _by_level(self, matrix: Floats, of_forest: Callable[[int, Floats], Doubles]) -> Doubles:
        levels = self.blend.levels(matrix)
        codes = sorted(set(levels.tolist()))
        if len(codes) == 1:
            return self._of_level(matrix, codes[0], of_forest)
        probabilities = np.empty((len(matrix), len(self.blend.classes_)))
        for code in codes:
            of_level = np.flatnonzero(levels == code)
            probabilities[of_level] = self._of_level(matrix[of_level], code, of_forest)
        return probabilities

    def _of_level(self, rows: Floats, code: int, of_forest: Callable[[int, Floats], Doubles]) -> Doubles:
        return self.blend.steady(self.blend.blended(of_forest(code, rows), rows, code), code)


@dataclass(frozen=True, slots=True, eq=False)
class _Boosting:
    """Gradient boosting on binned features; scikit-learn runs many rows on all cores by itself."""

    merged: MergedForest
    model: HistGradientBoostingClassifier

    @classmethod
    def of(cls, model: HistGradientBoostingClassifier) -> "_Boosting":
        if model.is_categorical_ is not None:
            raise NotCompilableError("HistGradientBoostingClassifier that splits on categories")
        return cls(MergedForest.of_boosting(model), model)

    def few(self, matrix: Any) -> Doubles:
        return _chances(self.merged.sums(matrix))

    def many(self, matrix: Any) -> Doubles:
        return cast("Doubles", self.model.predict_proba(matrix))


@dataclass(frozen=True, slots=True, eq=False)
class _Linear:
    """The logistic regression of ``pipeline.ALGORITHMS``: missing values filled and marked, then scaled."""

    fill: Doubles
    marked: NDArray[np.intp]
    mean: Doubles
    scale: Doubles
    coefficients: Doubles
    intercept: Doubles

    @classmethod
    def of(cls, steps: Pipeline) -> "_Linear":
        _float64, imputer, scaler, regression = (step for _name, step in steps.steps)
        none = np.zeros((len(regression.classes_) - len(regression.coef_), regression.coef_.shape[1]))
        return cls(
            fill=imputer.statistics_,
            marked=np.empty(0, np.intp) if imputer.indicator_ is None else imputer.indicator_.features_,
            mean=scaler.mean_,
            scale=scaler.scale_,
            # of two classes scikit-learn keeps one row: the log-odds of the second
            coefficients=np.concatenate([none, regression.coef_]),
            intercept=np.concatenate([none[:, 0], regression.intercept_]),
        )

    def few(self, matrix: Floats) -> Doubles:
        missing = np.isnan(matrix)
        filled = np.where(missing, self.fill, matrix.astype(np.float64))
        scaled = (np.concatenate([filled, missing[:, self.marked]], axis=1) - self.mean) / self.scale
        # einsum, not BLAS: a row gets the same answer alone as among others
        return _chances(np.einsum("ij,kj->ik", scaled, self.coefficients) + self.intercept)

    def many(self, matrix: Floats) -> Doubles:
        return self.few(matrix)


@dataclass(frozen=True, slots=True, eq=False)
class _Calibrated:
    """An estimator whose probabilities were corrected, one class after the other or by one temperature."""

    estimator: _Estimator
    method: str
    calibrators: Sequence[Any]

    @classmethod
    def of(cls, model: CalibratedClassifierCV, estimator: _Estimator) -> "_Calibrated":
        (calibrated,) = model.calibrated_classifiers_
        if len(calibrated.estimator.classes_) != len(model.classes_):
            raise NotCompilableError("CalibratedClassifierCV of a model that knows fewer classes")
        return cls(estimator, calibrated.method, calibrated.calibrators)

    def few(self, matrix: Any) -> Doubles:
        return self._corrected(self.estimator.few(matrix))

    def many(self, matrix: Any) -> Doubles:
        return self._corrected(self.estimator.many(matrix))

    def _corrected(self, said: Doubles) -> Doubles:
        """Step by step what scikit-learn does."""
        of_two = said.shape[1] == 2
        if self.method == "temperature":
            known = np.stack([1 - said[:, 1], said[:, 1]], axis=1) if of_two else said
            return cast("Doubles", softmax(self.calibrators[0].beta_ * np.log(known + _TEMPERATURE_FLOOR)))
        columns = said.T[1:] if of_two else said.T
        raw = np.stack([_one_class(*pair) for pair in zip(self.calibrators, columns, strict=True)], axis=1)
        if of_two:
            return np.concatenate([1.0 - raw, raw], axis=1)
        total = raw.sum(axis=1)[:, None]
        share: Doubles = np.divide(raw, total, out=np.full_like(raw, 1 / raw.shape[1]), where=total != 0)
        share[(share > 1.0) & (share <= 1.0 + 1e-5)] = 1.0
        return share


_TEMPERATURE_FLOOR: Final = 1e-12


def _one_class(calibrator: Any, said: Doubles) -> Doubles:
    """One class's probability, corrected."""
    if hasattr(calibrator, "a_"):
        return cast("Doubles", expit(-(calibrator.a_ * said + calibrator.b_)))
    return cast("Doubles", calibrator.predict(said))


def _chances(scores: Doubles) -> Doubles:
    """Raw scores, one per class, to probabilities, as scikit-learn has them."""
    if scores.shape[1] == 2:
        second = expit(scores[:, 1:] - scores[:, :1])
        return np.concatenate([1 - second, second], axis=1)
    return cast("Doubles", softmax(scores))


# --- A whole model ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, eq=False)
class CompiledModel:
    """A fitted model in its compiled form. Threads may share it.

    Attributes:
        columns: what it reads.
        encoder: values of a few rows -> matrix.
        transform: a frame -> matrix.
        estimator: matrix -> probabilities.
        of_classes: rank of each class.
    """

    columns: tuple[str, ...]
    encoder: Encoder
    transform: Callable[[pl.DataFrame], Any]
    estimator: _Estimator
    of_classes: Ranks

    def few(self, values: Values, rows: int) -> Scores:
        """Scores of a few rows.

        Args:
            values: the columns it reads, at least (see ``RowEncoder.encode``).
            rows: how many.
        """
        return level_scores(self.estimator.few(self.encoder.encode(values, rows)), self.of_classes)

    def many(self, frame: pl.DataFrame) -> Scores:
        """Scores of a block of rows, in one thread."""
        return level_scores(self.estimator.many(self.transform(frame)), self.of_classes)


def compile_model(model: Any) -> CompiledModel:
    """The compiled form of a fitted model: one of ours, calibrated or not, or a ``ColumnTransformer`` and a forest.

    Raises:
        NotCompilableError: a part of it only scikit-learn can run.
    """
    columns, encoder, transform, estimator = _parts(model)
    return CompiledModel(columns, encoder, transform, estimator, class_ranks(model))


def _parts(model: Any) -> tuple[tuple[str, ...], Encoder, Callable[[pl.DataFrame], Any], _Estimator]:
    """What a compiled model is made of, but for its classes (see ``CompiledModel``)."""
    if isinstance(model, CalibratedClassifierCV):
        if len(model.calibrated_classifiers_) != 1:
            raise NotCompilableError("CalibratedClassifierCV of several models")
        columns, encoder, transform, estimator = _parts(model.calibrated_classifiers_[0].estimator)
        return columns, encoder, transform, _Calibrated.of(model, estimator)
    if isinstance(model, NeedLevelModel):
        fitted = model.encoder_
        return tuple(model.feature_names_in_), RowEncoder.of(fitted), fitted.transform, _estimator(model.estimator_)
    if isinstance(model, Pipeline) and len(model) == 2 and isinstance(model[0], ColumnTransformer):
        columns = tuple(model[0].feature_names_in_)
        # one-hot names make sparse rows, and trees of hundreds of levels: neither is for all trees at once
        return columns, encoder_of_columns(model[0]), _single(model[0]), _estimator(model[1], MergedForest)
    raise NotCompilableError(type(model).__name__)


def _estimator(estimator: Any, walk: _Walk = PackedForest) -> _Estimator:
    """The compiled form of an estimator of a matrix."""
    if isinstance(estimator, RandomForestClassifier | ExtraTreesClassifier):
        return _Forest.of(estimator, walk)
    if isinstance(estimator, BlendByLevel):
        return _Blend.of(estimator)
    if isinstance(estimator, HistGradientBoostingClassifier):
        return _Boosting.of(estimator)
    if isinstance(estimator, Pipeline) and isinstance(estimator[-1], LogisticRegression):
        return _Linear.of(estimator)
    raise NotCompilableError(type(estimator).__name__)


def _single(transformer: ColumnTransformer) -> Callable[[pl.DataFrame], Any]:
    """A transformer whose matrix, dense or sparse, has the float32 that trees read."""

    def transform(frame: pl.DataFrame) -> Any:
        return transformer.transform(frame).astype(np.float32)

    return transform


# --- Running it ---------------------------------------------------------------------------------------------------------
class Engine:
    """A model that answers any number of rows. Threads may share it.

    Args:
        model: a fitted estimator.
        cases: rows with the columns that the model reads, at least. A compiled model answers only if it says of each what
            scikit-learn says: the same level, probabilities within ``TOLERANCE``.
        choice: what was measured before, on more rows (see ``measure_engine``); the cases may refute it.
    """

    def __init__(self, model: Any, cases: pl.DataFrame, choice: EngineChoice | None = None) -> None:
        self._model = model
        self._compiled: CompiledModel | None = None
        if choice is None or choice.compiled:
            compiled, checked = _compared(model, cases)
            choice = choice if choice is not None and checked.compiled else checked
            self._compiled = compiled if choice.compiled else None
        self.choice = choice

    def takes_values(self, rows: int) -> bool:
        """Whether so many rows are answered sooner by ``few``."""
        return self._compiled is not None and rows < self.choice.few

    def few(self, values: Values, rows: int) -> Scores:
        """Scores of a few rows, where ``takes_values`` says so (see ``CompiledModel.few``)."""
        return cast("CompiledModel", self._compiled).few(values, rows)

    def many(self, frame: pl.DataFrame) -> Scores:
        """Scores of one row or more, on all cores. Memory: the answers, and one block per core."""
        if self._compiled is not None:
            return _in_blocks(self._compiled.many, frame)
        return _in_blocks(lambda block: model_scores(self._model, block), frame)


def _in_blocks(answer: Callable[[pl.DataFrame], Scores], frame: pl.DataFrame) -> Scores:
    """Scores of one row or more, block by block, on all cores."""
    cores = joblib.cpu_count()
    rounds = math.ceil(len(frame) / (BLOCK * cores))  # every core has as much to do
    size = max(WORTH_A_THREAD, math.ceil(len(frame) / (rounds * cores)))
    starts = range(0, len(frame), size)
    if len(starts) == 1:
        return answer(frame)
    with ThreadPoolExecutor(cores) as threads:
        blocks = list(threads.map(lambda start: answer(frame.slice(start, size)), starts))
    return Scores(
        np.concatenate([block.predicted for block in blocks]), np.concatenate([_known(block) for block in blocks])
    )


def _known(scores: Scores) -> Doubles:
    """The probabilities of a model that gives some."""
    return cast("Doubles", scores.probabilities)


# --- Choosing -----------------------------------------------------------------------------------------------------------
def measure_engine(model: Any, rows: pl.DataFrame, *, stopwatch: Callable[[], float]) -> EngineChoice:
    """The engine of a version: compared on rows, then timed. Some seconds for 30 000 rows.

    Args:
        model: a fitted estimator.
        rows: rows with the columns that the model reads, at least: all its test rows, if possible (see ``Engine``).
        stopwatch: seconds since any moment, such as ``time.perf_counter``.
    """
    compiled, choice = _compared(model, rows)
    if compiled is None or not choice.compiled:
        return choice

    def seconds(call: Callable[[], Any]) -> float:
        start = stopwatch()
        call()
        return stopwatch() - start

    def of_values(block: pl.DataFrame) -> float:
        values = _values(compiled, block)
        return seconds(lambda: compiled.few(values, len(block)))

    singles = [rows[place % len(rows)] for place in range(_SINGLES)]
    one = median(of_values(single) for single in singles)
    usual = median(seconds(partial(model.predict_proba, single)) for single in singles[:_SINGLES_OF_SKLEARN])
    return choice.model_copy(
        update={
            "compiled": one < usual,
            "reason": "" if one < usual else "slower",
            "few": _few_rows(rows, of_values, lambda block: seconds(lambda: _in_blocks(compiled.many, block))),
            "one_row_us": round(one * 1e6, 1),
            "scikit_learn_us": round(usual * 1e6, 1),
            "cores": joblib.cpu_count(),
        }
    )


_SINGLES: Final = 50
_SINGLES_OF_SKLEARN: Final = 5


def _few_rows(
    rows: pl.DataFrame, of_values: Callable[[pl.DataFrame], float], of_frame: Callable[[pl.DataFrame], float]
) -> int:
    """The number of rows, a power of two, from which a frame is answered sooner than values; the best of 3 counts."""
    size = 1
    while size < MOST_FEW_ROWS:
        block = rows[np.arange(size) % len(rows)]
        if min(of_values(block) for _ in range(3)) > min(of_frame(block) for _ in range(3)):
            break
        size *= 2
    return size


def _compared(model: Any, rows: pl.DataFrame) -> tuple[CompiledModel | None, EngineChoice]:
    """The compiled model, and whether it says of every row what scikit-learn says."""
    try:
        compiled = compile_model(model)
    except NotCompilableError as error:
        return None, EngineChoice(compiled=False, reason="not_compilable", part=error.part)
    if rows.is_empty():
        return compiled, EngineChoice(compiled=False, reason="no_rows")
    said = _in_blocks(lambda block: model_scores(model, block), rows)
    by_values = _in_blocks(lambda block: compiled.few(_values(compiled, block), len(block)), rows)
    by_frame = _in_blocks(compiled.many, rows)
    differing = (by_values.predicted != said.predicted) | (by_frame.predicted != said.predicted)
    largest = max(_largest_difference(by_values, said), _largest_difference(by_frame, said))
    reason: Reason = "levels_differ" if differing.any() else "probabilities_differ" if largest > TOLERANCE else ""
    return compiled, EngineChoice(
        compiled=not reason,
        reason=reason,
        rows=len(rows),
        differing=int(differing.sum()),
        largest_difference=largest,
    )


def _largest_difference(scores: Scores, others: Scores) -> float:
    """Of a probability; 1 where one of them is no number."""
    return float(np.nan_to_num(np.abs(_known(scores) - _known(others)), nan=1.0).max())


def _values(compiled: CompiledModel, block: pl.DataFrame) -> Values:
    """The columns of a frame, value by value."""
    return {name: block[name].to_list() for name in compiled.columns}
