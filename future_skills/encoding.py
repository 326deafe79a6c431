"""The values of a few rows as the float32 matrix a model reads, without a frame.

What a fitted encoder does with many rows at a time, done with a few in microseconds: names are looked up in dictionaries, all
numbers become one array. The matrix is that of the encoder to the last bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn import preprocessing
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from future_skills import schema
from future_skills.pipeline import LEVEL_VALUES, FeatureEncoder


class NotCompilableError(Exception):
    """A part of a model that only scikit-learn can run. No refusal: scikit-learn then runs all of it.

    Args:
        part: what it is, in scikit-learn's words.
    """

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


Values = Mapping[str, Sequence[Any]]
"""Column -> its value in each row; None is missing."""

_Floats = NDArray[np.float32]
_Doubles = NDArray[np.float64]


class Encoder(Protocol):
    """Values of a few rows to the matrix that an estimator reads."""

    def encode(self, values: Values, rows: int) -> Any:
        """The matrix, rows x columns.

        Args:
            values: every column that the model reads, at least: texts, levels, and numbers that float32 can hold.
            rows: how many.
        """


class _Part(Protocol):
    """What becomes some columns of the matrix."""

    def write(self, values: Values, matrix: _Floats) -> None:
        """Write these columns; the matrix holds 0 there."""


@dataclass(frozen=True, slots=True, eq=False)
class RowEncoder:
    """Values to matrix. Threads may share it.

    Attributes:
        width: columns of the matrix.
        parts: what writes them.
    """

    width: int
    parts: tuple[_Part, ...]

    @classmethod
    def of(cls, encoder: FeatureEncoder) -> Self:
        """What a fitted ``FeatureEncoder`` does."""
        parts: list[_Part] = []
        for name in encoder.categorical:
            start = encoder.source_.index(name)
            if name == schema.CURRENT_LEVEL:
                parts.append(_Looked(name, schema.LEVEL_RANK, LEVEL_VALUES[:, None], start))
            else:
                parts.append(_Looked(name, encoder.names_[name], encoder.codes_[name], start))
        if encoder.numeric:
            width = len(encoder.source_)
            parts.append(_Numbers(tuple(encoder.numeric), slice(width - len(encoder.numeric), width), ()))
        if encoder.empty_.any():
            parts.append(_Empty(np.flatnonzero(encoder.empty_)))
        return cls(len(encoder.source_), tuple(parts))

    def encode(self, values: Values, rows: int) -> _Floats:
        """The matrix: float32, rows x ``width``, NaN where missing."""
        matrix = np.zeros((rows, self.width), dtype=np.float32)
        for part in self.parts:
            part.write(values, matrix)
        return matrix


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """Names that became a few numbers each; what is missing or unknown has the last ones."""

    name: str
    places: Mapping[str, int]
    numbers: _Floats
    start: int

    def write(self, values: Values, matrix: _Floats) -> None:
        unknown = len(self.places)
        places = [self.places.get(value, unknown) for value in values[self.name]]
        matrix[:, self.start : self.start + self.numbers.shape[1]] = self.numbers.take(places, axis=0)


@dataclass(frozen=True, slots=True, eq=False)
class _Numbers:
    """Numbers, through steps that work on float64, rows x columns; NaN is missing."""

    names: tuple[str, ...]
    place: slice
    steps: tuple["_Filled | _Scaled", ...]

    def write(self, values: Values, matrix: _Floats) -> None:
        matrix[:, self.place] = self.read(values)

    def read(self, values: Values) -> _Doubles:
        """Rows x columns."""
        numbers = np.array([values[name] for name in self.names], dtype=np.float64).T
        for step in self.steps:
            numbers = step.applied(numbers)
        return numbers


@dataclass(frozen=True, slots=True, eq=False)
class _Empty:
    """Columns that taught nothing."""

    columns: NDArray[np.intp]

    def write(self, values: Values, matrix: _Floats) -> None:
        del values
        matrix[:, self.columns] = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Filled:
    """What is missing has a value per column."""

    fill: _Doubles

    def applied(self, numbers: _Doubles) -> _Doubles:
        return np.where(np.isnan(numbers), self.fill, numbers)


@dataclass(frozen=True, slots=True, eq=False)
class _Scaled:
    """Centred and scaled, column by column."""

    mean: _Doubles
    scale: _Doubles

    def applied(self, numbers: _Doubles) -> _Doubles:
        scaled: _Doubles = (numbers - self.mean) / self.scale
        return scaled


# --- A ColumnTransformer ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, eq=False)
class OneHotEncoder:
    """Names that became one column each, and numbers. Threads may share it.

    Attributes:
        width: columns of the matrix.
        names: column of names -> the column of the matrix that each of them became; an unknown name has none.
        numbers: the others.
        is_sparse: whether the estimator reads a sparse matrix.
    """

    width: int
    names: Mapping[str, Mapping[Any, int]]
    numbers: tuple[_Numbers, ...]
    is_sparse: bool

    def encode(self, values: Values, rows: int) -> Any:
        """The matrix: float32, rows x ``width``."""
        numbers = np.concatenate([np.empty((rows, 0)), *(part.read(values) for part in self.numbers)], axis=1)
        places = [place for part in self.numbers for place in range(part.place.start, part.place.stop)]
        columns = [(values[name], known) for name, known in self.names.items()]
        indices: list[int] = []
        data: list[float] = []
        ends = [0]
        for row, of_row in enumerate(numbers.tolist()):
            hot = [known[column[row]] for column, known in columns if column[row] in known]
            indices += hot
            indices += places
            data += [1.0] * len(hot)
            data += of_row
            ends.append(len(indices))
        matrix = csr_matrix((np.array(data, dtype=np.float32), indices, ends), shape=(rows, self.width))
        return matrix if self.is_sparse else matrix.toarray()


def encoder_of_columns(transformer: ColumnTransformer) -> Encoder:
    """What a fitted ``ColumnTransformer`` does: one-hot names; numbers as they are, filled or scaled.

    Raises:
        NotCompilableError: it does something else.
    """
    names: dict[str, dict[Any, int]] = {}
    numbers: list[_Numbers] = []
    width = 0
    for name, step, columns in transformer.transformers_:
        place = transformer.output_indices_[name]
        width = max(width, place.stop)
        if place.start == place.stop:
            continue
        if isinstance(columns, str) or not all(isinstance(column, str) for column in columns):
            raise NotCompilableError("ColumnTransformer of columns that are not named in a list")
        if isinstance(step, preprocessing.OneHotEncoder):
            names |= _one_hot(step, columns, place.start)
        else:
            numbers.append(_Numbers(tuple(columns), place, _steps(step)))
    return OneHotEncoder(width, names, tuple(numbers), transformer.sparse_output_)


def _one_hot(step: preprocessing.OneHotEncoder, columns: Sequence[str], start: int) -> dict[str, dict[Any, int]]:
    """For each column of names, the place of each of them."""
    rules = step.handle_unknown, step.drop, step.min_frequency, step.max_categories
    if rules != ("ignore", None, None, None):
        raise NotCompilableError("OneHotEncoder that drops, groups or refuses names")
    names = {}
    for name, known in zip(columns, step.categories_, strict=True):
        names[name] = {value: start + place for place, value in enumerate(known.tolist())}
        start += len(known)
    return names


def _steps(step: Any) -> tuple[_Filled | _Scaled, ...]:
    """What a transformer of numbers does, in order."""
    if isinstance(step, Pipeline):
        return tuple(one for inner in step for one in _steps(inner))
    if isinstance(step, str) or (isinstance(step, FunctionTransformer) and step.func is None):
        return ()
    if isinstance(step, SimpleImputer) and not step.add_indicator and np.isfinite(step.statistics_).all():
        return (_Filled(step.statistics_),)
    if isinstance(step, StandardScaler):
        none = np.zeros(step.n_features_in_)
        return (
            _Scaled(
                none if step.mean_ is None or not step.with_mean else step.mean_,
                none + 1.0 if step.scale_ is None else step.scale_,
            ),
        )
    raise NotCompilableError(type(step).__name__)
