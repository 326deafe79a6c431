"""Candidate models by name: rows of facts in, probabilities of LOW, MEDIUM and HIGH out.

A model is two plain steps, both open to whoever compiles or explains it:

    rows -- FeatureEncoder --> float32 matrix -- a scikit-learn estimator --> probabilities

``FeatureEncoder`` turns names into a few numbers each, so no model grows one column per name: for forests their places in
random orders, for other algorithms what their past rows became.
``BlendByLevel`` learns each current level apart, for what makes a skill in need stay so is not what makes another
emerge; within a level it averages a forest with a logistic regression of the few history columns that are scores of
need by themselves: emergence is rare (1 %), and a straight line needs fewer cases than trees do. It announces another
level than today's only where the odds are clear: what moved levels in one period may not come back in the next.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from future_skills import schema
from future_skills.errors import MissingFeaturesError, UsageError, translatable
from future_skills.history import HISTORY_FEATURES, SCORES

FeatureSet = Literal["base", "history"]

CALIBRATIONS: Final = ("sigmoid", "isotonic", "temperature")
"""Ways to calibrate probabilities, as scikit-learn names them."""

CALIBRATION_FOLDS: Final = 3

ROWS_OF_A_LEVEL: Final = 200
"""Training rows a current level needs to be learned apart."""

_Floats = NDArray[np.float32]


def default_features(feature_set: FeatureSet) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns of a feature set: (categorical, numeric)."""
    if feature_set == "base":
        return schema.CATEGORICAL_FEATURES, schema.NUMERIC_FEATURES
    # names stay out: what a name became in the past is better told by its levels (docs/decisions/0004)
    return (schema.CURRENT_LEVEL,), (*schema.NUMERIC_FEATURES, *HISTORY_FEATURES)


def features_to_learn(
    algorithm: str, feature_set: FeatureSet, training: pl.DataFrame
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that an algorithm learns from: (categorical, numeric).

    They are those of the feature set; but where an algorithm needs the current level and almost no training row knows it,
    there is no history to stand on, and names are all that tells of the past: they come in (docs/decisions/0004).

    Args:
        algorithm: a name of ``ALGORITHMS``; any other has the columns of the feature set.
        feature_set: ``base`` or ``history``.
        training: the training rows, ``current_need_level`` among their columns.
    """
    categorical, numeric = default_features(feature_set)
    needs_level = algorithm in ALGORITHMS and ALGORITHMS[algorithm].needs_level
    if needs_level and training[schema.CURRENT_LEVEL].count() < ROWS_OF_A_LEVEL:
        return tuple(dict.fromkeys((*schema.CATEGORICAL_FEATURES, *categorical))), numeric
    return categorical, numeric


# --- rows to numbers ----------------------------------------------------------------------------------------


class FeatureEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Columns of a frame, by name, to a float32 matrix.

    Names are encoded in one of two ways. *Shares*: each categorical column gives one column per class but the first: the
    share of the training rows of that name which became the class, drawn to the overall share as if ``smoothing`` more
    rows had it: ``(rows of the name in the class + smoothing x share) / (rows of the name + smoothing)`` (Micci-Barreca
    2001). A training row is encoded by the rows of the other ``folds``, so that it never sees its own label. A missing or
    unknown name is the overall share. *Orders*, for forests: each categorical column gives ``orders`` columns: the place of
    the name in as many random orders of the known names, NaN for a missing or unknown one. A threshold then parts the
    names at random, each time otherwise, as Breiman proposes for categorical variables (Random Forests, 2001, section 5.1);
    labels play no part in it.

    ``current_need_level`` is ordered: 0 LOW, 1 MEDIUM, 2 HIGH, NaN unknown. Numeric columns stay as they are; None becomes
    NaN.

    Args:
        categorical: names of the categorical columns.
        numeric: names of the numeric columns.
        orders: how many orders of the names; 0: shares instead.
        smoothing: rows that the overall share counts for, >= 0.
        folds: number of folds, >= 2.
        random_state: seed of the folds, and of the orders.

    Attributes:
        classes_: the labels, sorted.
        names_: for each encoded column, name -> row of ``codes_``.
        codes_: for each encoded column, what its names became: (names + 1) x (classes - 1) shares or x ``orders`` places;
            the last row is of what is no known name.
        feature_names_out_: name of each column of the matrix.
        source_: for each column of the matrix, the column of the frame it comes from.
        level_column_: place of the current level in the matrix, or None.
        empty_: for each column of the matrix, whether no training row had a value: it taught nothing, so it is 0
            from then on.
    """

    def __init__(
        self,
        categorical: Sequence[str] = (),
        numeric: Sequence[str] = (),
        *,
        orders: int = 0,
        smoothing: float = 1.0,
        folds: int = 5,
        random_state: int = 42,
    ) -> None:
        self.categorical = categorical
        self.numeric = numeric
        self.orders = orders
        self.smoothing = smoothing
        self.folds = folds
        self.random_state = random_state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Versions trained until 28 November 2026 know shares only, under that name."""
        if "shares_" in state:
            state = {"orders": 0, **state, "codes_": state["shares_"]}
            del state["shares_"]
        super().__setstate__(state)

    def fit(self, X: Any, y: NDArray[Any]) -> Self:
        """Learn what each name becomes. ``X``: frame of n rows; ``y``: n labels."""
        self._learn(X, y)
        return self

    def fit_transform(self, X: Any, y: NDArray[Any]) -> _Floats:
        """Learn, and encode the training rows themselves, each by the other folds."""
        places, onehot, matrix = self._learn(X, y)
        if self.orders:  # they know no label
            return matrix
        fold = np.random.RandomState(self.random_state).permutation(len(onehot)) % self.folds
        for name, place in places.items():
            columns = self._columns_of(name)
            for k in range(self.folds):
                shares = _shares(place[fold != k], onehot[fold != k], len(self.names_[name]), self.smoothing)
                matrix[fold == k, columns] = shares[place[fold == k]]
        return matrix

    def transform(self, X: Any) -> _Floats:
        """Encode the rows of ``X``: float32, rows x ``feature_names_out_``.

        Raises:
            MissingFeaturesError: a column is absent.
        """
        check_is_fitted(self, "codes_")
        _require_columns(X, (*self.categorical, *self.numeric))
        matrix = np.empty((len(X), len(self.feature_names_out_)), dtype=np.float32)
        for name in self.categorical:
            if name == schema.CURRENT_LEVEL:
                matrix[:, self.level_column_] = LEVEL_VALUES[_places(X[name], schema.LEVEL_RANK)]
            else:
                matrix[:, self._columns_of(name)] = self.codes_[name][_places(X[name], self.names_[name])]
        for place, name in enumerate(self.numeric, start=len(self.feature_names_out_) - len(self.numeric)):
            matrix[:, place] = _numbers(X[name])
        matrix[:, self.empty_] = 0.0
        return matrix

    def _learn(self, X: Any, y: NDArray[Any]) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.float64], _Floats]:
        """Learn; return places of the encoded names, labels as 0 / 1 columns (first left out), plain matrix."""
        _require_columns(X, (*self.categorical, *self.numeric))
        self.classes_, labels = np.unique(y, return_inverse=True)
        onehot = np.eye(len(self.classes_))[labels][:, 1:]
        self.names_: dict[str, dict[str, int]] = {}
        self.codes_: dict[str, _Floats] = {}
        self.level_column_: int | None = None
        self.feature_names_out_: list[str] = []
        self.source_: list[str] = []
        draw = np.random.RandomState(self.random_state)
        places = {}
        for name in self.categorical:
            if name == schema.CURRENT_LEVEL:
                self.level_column_ = len(self.source_)
                self.feature_names_out_.append(name)
                self.source_.append(name)
                continue
            known = sorted({value for value in X[name] if isinstance(value, str)})
            self.names_[name] = {value: place for place, value in enumerate(known)}
            places[name] = _places(X[name], self.names_[name])
            if self.orders:
                self.codes_[name] = _orders(len(known), self.orders, draw)
                self.feature_names_out_ += [f"{name}#{number}" for number in range(1, self.orders + 1)]
            else:
                self.codes_[name] = _shares(places[name], onehot, len(known), self.smoothing)
                self.feature_names_out_ += [f"{name}={label}" for label in self.classes_[1:]]
            self.source_ += [name] * self.codes_[name].shape[1]
        self.feature_names_out_ += self.numeric
        self.source_ += self.numeric
        self.empty_ = np.zeros(len(self.source_), dtype=bool)
        matrix = self.transform(X)
        self.empty_ = np.logical_and.reduce(np.isnan(matrix), axis=0)
        matrix[:, self.empty_] = 0.0
        return places, onehot, matrix

    def _columns_of(self, name: str) -> slice:
        """Columns of the matrix that encode a name."""
        start = self.source_.index(name)
        return slice(start, start + self.codes_[name].shape[1])


def _require_columns(X: Any, names: Iterable[str]) -> None:
    """Refuse a frame that lacks a column."""
    present = set(X.columns)
    absent = [name for name in names if name not in present]
    if absent:
        raise MissingFeaturesError(columns=", ".join(absent))


def _places(values: Any, names: Mapping[str, int]) -> NDArray[np.int64]:
    """Place of each value of a column in ``names``; the place after the last for what is missing or unknown."""
    if len(values) > _FEW_VALUES and isinstance(values, pl.Series) and values.dtype == pl.String and names:
        places = pl.Series(list(names.values()), dtype=pl.Int64)
        known = pl.Series(list(names))
        return values.replace_strict(known, places, default=len(names), return_dtype=pl.Int64).to_numpy()
    return np.fromiter((names.get(value, len(names)) for value in values), dtype=np.int64)


_FEW_VALUES: Final = 2_000
"""Up to so many values, looking each one up takes less time than polars takes to prepare."""

LEVEL_VALUES: Final = np.array([*schema.LEVEL_RANK.values(), np.nan], dtype=np.float32)
"""What the matrix holds for a level, by the level's place; the last is of what is no level."""


def _numbers(column: Any) -> NDArray[np.float64]:
    """A polars or pandas column of numbers; missing is NaN."""
    if isinstance(column, pl.Series):
        values: NDArray[np.float64] = column.cast(pl.Float64).to_numpy()
        return values
    numbers: NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers


def _shares(place: NDArray[np.int64], onehot: NDArray[np.float64], names: int, smoothing: float) -> _Floats:
    """Smoothed share of each class for each name, then the overall share: (names + 1) x classes."""
    overall = onehot.mean(axis=0)
    rows = np.bincount(place, minlength=names + 1)[:, None]
    hits = np.zeros((names + 1, onehot.shape[1]))
    np.add.at(hits, place, onehot)
    shares = (hits + smoothing * overall) / np.maximum(rows + smoothing, np.finfo(np.float64).tiny)
    shares[(rows + smoothing == 0)[:, 0]] = overall
    shares[names] = overall
    smoothed: _Floats = shares.astype(np.float32)
    return smoothed


def _orders(names: int, orders: int, draw: np.random.RandomState) -> _Floats:
    """Place of each name in random orders, then NaN: (names + 1) x orders."""
    places: _Floats = np.full((names + 1, orders), np.nan, dtype=np.float32)
    for number in range(orders):
        places[:names, number] = draw.permutation(names)
    return places


# --- one model per current level ----------------------------------------------------------------------------


class LogScoreRegression(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Multinomial logistic regression of the logarithms of a few scores that are 0 or more.

    Each column becomes ``log(value + floor)``, clipped to the range of the training rows (so it never extrapolates),
    then centred and scaled to variance 1; a missing value counts as the mean.

    Args:
        columns: columns of the matrix that hold the scores.
        C: inverse strength of the L2 penalty, > 0.

    Attributes:
        classes_: the labels, sorted.
        floor_, minimum_, maximum_, mean_, scale_: one value per score. ``floor_`` is the first decile of the values
            above 0.
        coef_, intercept_: classes x scores, classes; rounded to six decimals.
    """

    def __init__(self, columns: Sequence[int] = (), *, C: float = 0.1) -> None:
        self.columns = columns
        self.C = C

    def fit(self, X: _Floats, y: NDArray[Any]) -> Self:
        """Learn. ``X``: matrix of n rows; ``y``: n labels."""
        self.classes_ = np.unique(y)
        values = X[:, list(self.columns)].astype(np.float64)
        self.floor_ = np.array([_first_decile(column[column > 0]) for column in values.T])
        logs = np.log(np.maximum(values, 0.0) + self.floor_)
        present = np.isfinite(logs)
        counts = np.maximum(present.sum(axis=0), 1)
        self.mean_ = np.where(present, logs, 0.0).sum(axis=0) / counts
        spread = np.sqrt((np.where(present, logs - self.mean_, 0.0) ** 2).sum(axis=0) / counts)
        self.scale_ = np.where(spread > _FLAT, spread, 1.0)
        self.minimum_ = np.where(present, logs, self.mean_).min(axis=0)
        self.maximum_ = np.where(present, logs, self.mean_).max(axis=0)
        self.coef_ = np.zeros((len(self.classes_), len(self.columns)))
        self.intercept_ = np.zeros(len(self.classes_))
        if len(self.classes_) > 1:
            with threadpool_limits(1):  # sums in one order, whatever the number of cores
                learned = LogisticRegression(C=self.C, max_iter=1000).fit(self._scaled(X), y)
            # of two classes scikit-learn keeps one row: the log-odds of the second
            rows = slice(1, None) if len(self.classes_) == 2 else slice(None)
            self.coef_[rows] = np.round(learned.coef_, 6)
            self.intercept_[rows] = np.round(learned.intercept_, 6)
        return self

    def predict_proba(self, X: _Floats) -> NDArray[np.float64]:
        """Probabilities, rows x ``classes_``."""
        check_is_fitted(self, "coef_")
        return self.probabilities(X)

    def probabilities(self, X: _Floats) -> NDArray[np.float64]:
        """``predict_proba`` of a model known to be fitted: for one row, asking takes as long as answering."""
        # einsum, not BLAS: a row gets the same answer alone as among others
        logits = np.einsum("ij,kj->ik", self._scaled(X), self.coef_) + self.intercept_
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        proba: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
        return proba

    def predict(self, X: _Floats) -> NDArray[Any]:
        """The most probable class of each row."""
        labels: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels

    def _scaled(self, X: _Floats) -> NDArray[np.float64]:
        """The scores as the regression sees them."""
        logs = np.log(np.maximum(X.take(np.array(self.columns, np.intp), axis=1).astype(np.float64), 0.0) + self.floor_)
        scaled: NDArray[np.float64] = (logs.clip(self.minimum_, self.maximum_) - self.mean_) / self.scale_
        scaled[np.isnan(scaled)] = 0.0
        return scaled


_FLAT: Final = 1e-9
"""Spread under which a column counts as constant."""


def _first_decile(values: NDArray[np.float64]) -> float:
    """First decile, at least one millionth; one if there is no value at all."""
    return max(float(np.quantile(values, 0.1)), 1e-6) if len(values) else 1.0


class BlendByLevel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """For each current level (LOW, MEDIUM, HIGH, unknown), a forest blended with a regression of the scores of need.

    ``P = (1 - linear_share) x forest + linear_share x regression``, each learned on the training rows of the level
    only. Where no score of need is known, in these rows or in the row asked about, the forest answers alone. Levels with
    fewer than ``min_rows`` rows share a forest of all rows, for which the level is a column like another.

    Another level than today's is the most probable one only if it is ``change_odds`` times as probable. Short of that,
    today's level and those above it share their probability equally, but for a hundredth, which today's takes.

    Where the level is known for fewer than ``min_rows`` training rows, there is no history to stand on. The forest of all
    rows then answers for every row as it is, learns every class with the same weight, and half of its trees do not see
    the names.

    Args:
        level_column: column of the matrix that holds the level (0, 1, 2 or NaN); None: it is known for no row.
        score_columns: columns that hold the scores of need; empty: forests alone.
        name_columns: columns that encode names.
        n_estimators: trees of each forest.
        max_features: share of the columns tried at each split, in (0, 1]; a column that is the same in all rows of a level
            takes nobody's place.
        min_samples_leaf: rows in a leaf, at least; more where a level has so many rows that its trees would have over 2 000
            leaves, which weigh and tell no more.
        linear_share: weight of the regression, in [0, 1].
        C: inverse strength of the regression's penalty.
        min_rows: rows a level needs for models of its own.
        change_odds: how many times as probable as today's level another must be, 1 or more; with 1, the likelier wins.
        random_state: seed.
        n_jobs: processes that grow the trees; the fitted forests are set to 1, so sums are the same everywhere.

    Attributes:
        classes_: the labels, sorted.
        knows_level_: whether the level is known for ``min_rows`` training rows.
        forests_: level (0, 1, 2, or -1 for unknown) -> fitted ``ExtraTreesClassifier``. Levels without enough rows
            of their own share one.
        regressions_: level -> fitted ``LogScoreRegression``, where it has rows of its own and their scores differ.
    """

    def __init__(
        self,
        level_column: int | None = 0,
        score_columns: Sequence[int] = (),
        name_columns: Sequence[int] = (),
        *,
        n_estimators: int = 300,
        max_features: float = 0.3,
        min_samples_leaf: int = 20,
        linear_share: float = 0.5,
        C: float = 0.1,
        min_rows: int = ROWS_OF_A_LEVEL,
        change_odds: float = 3.0,
        random_state: int = 42,
        n_jobs: int | None = None,
    ) -> None:
        self.level_column = level_column
        self.score_columns = score_columns
        self.name_columns = name_columns
        self.n_estimators = n_estimators
        self.max_features = max_features
        self.min_samples_leaf = min_samples_leaf
        self.linear_share = linear_share
        self.C = C
        self.min_rows = min_rows
        self.change_odds = change_odds
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: _Floats, y: NDArray[Any]) -> Self:
        """Learn. ``X``: float32, rows x columns; ``y``: labels."""
        self._validate_params()
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        level = self.levels(X)
        self.forests_: dict[int, ExtraTreesClassifier] = {}
        self.regressions_: dict[int, LogScoreRegression] = {}
        self.knows_level_ = bool((level != _UNKNOWN).sum() >= self.min_rows)
        own = [code for code in _LEVEL_CODES if self.knows_level_ and (level == code).sum() >= self.min_rows]
        for code in own:
            self._learn(code, X[level == code], y[level == code])
        if len(own) < len(_LEVEL_CODES):
            shared = self._forest_of_all(X, y)
            self.forests_ |= {code: shared for code in _LEVEL_CODES if code not in own}
        return self

    def predict_proba(self, X: _Floats) -> NDArray[np.float64]:
        """Probabilities, rows x ``classes_``."""
        check_is_fitted(self, "forests_")
        level = self.levels(X)
        proba = np.zeros((len(X), len(self.classes_)))
        for code in _LEVEL_CODES:
            rows = np.flatnonzero(level == code)
            if len(rows):
                forest = self.forests_[code].predict_proba(X[rows])
                proba[rows] = self.steady(self.blended(forest, X[rows], code), code)
        return proba

    def predict(self, X: _Floats) -> NDArray[Any]:
        """The most probable class of each row."""
        labels: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels

    def blended(self, forest: NDArray[np.float64], X: _Floats, code: int) -> NDArray[np.float64]:
        """Probabilities of rows of one level, over ``classes_``, as forest and regression have them.

        Args:
            forest: what ``forests_[code]`` says of the rows, over its own classes.
            X: the rows.
            code: their level, -1 unknown.
        """
        regression, known = self.regressions_.get(code), forest
        if regression is not None:
            scored = ~np.isnan(X.take(self.score_columns, axis=1)).all(axis=1)
            share = np.where(scored, self.linear_share, 0.0)[:, None]
            # both were learned from the same rows, so they know the same classes
            known = (1.0 - share) * known + share * regression.probabilities(X)
        classes = self.forests_[code].classes_
        if len(classes) == len(self.classes_):
            return known
        proba = np.zeros((len(X), len(self.classes_)))
        proba[:, np.searchsorted(self.classes_, classes)] = known
        return proba

    def steady(self, proba: NDArray[np.float64], code: int) -> NDArray[np.float64]:
        """Probabilities of rows of one level, today's level on top unless another is clearly more probable."""
        today = np.flatnonzero(self.classes_ == schema.LEVELS[code])
        if code == _UNKNOWN or not self.knows_level_ or not len(today):
            return proba
        of_today = proba[:, today]
        unclear = np.logical_and((proba > of_today).any(axis=1), (proba < self.change_odds * of_today).all(axis=1))
        if not unclear.any():
            return proba
        level = proba >= of_today
        mean = np.where(level, proba, 0.0).sum(axis=1, keepdims=True) / level.sum(axis=1, keepdims=True)
        steady = np.where(level, mean * (1.0 - _LEAD), proba)
        steady[:, today] = mean * (1.0 + _LEAD * (level.sum(axis=1, keepdims=True) - 1))
        return np.where(unclear[:, None], steady, proba)

    def _learn(self, code: int, X: _Floats, y: NDArray[Any]) -> None:
        """Let a level learn from its own rows."""
        differs = _differs(X)
        share = min(1.0, self.max_features * len(differs) / max(1, int(differs.sum())))
        leaf = max(self.min_samples_leaf, len(X) // _MOST_LEAVES)
        forest = self._forest(max_features=share, min_samples_leaf=leaf)
        self.forests_[code] = forest.fit(X, y).set_params(n_jobs=1)
        if self.linear_share > 0 and differs[list(self.score_columns)].any():
            self.regressions_[code] = LogScoreRegression(self.score_columns, C=self.C).fit(X, y)

    def _forest_of_all(self, X: _Floats, y: NDArray[Any]) -> ExtraTreesClassifier:
        """What all rows teach, for the levels that have too few."""
        forest = self._forest(max_features=0.5, min_samples_leaf=5)
        if self.knows_level_:
            return forest.fit(X, y).set_params(n_jobs=1)
        weights = compute_sample_weight("balanced", y)
        nameless = X.copy()
        nameless[:, list(self.name_columns)] = 0.0  # what is the same in all rows splits none of them
        half = self.n_estimators // 2
        forest.set_params(n_estimators=self.n_estimators - half, warm_start=True).fit(X, y, weights)
        if half:
            forest.set_params(n_estimators=self.n_estimators).fit(nameless, y, weights)
        return forest.set_params(n_jobs=1, warm_start=False)

    def levels(self, X: _Floats) -> NDArray[np.int64]:
        """Level of each row; -1 unknown."""
        if self.level_column is None:
            return np.full(len(X), _UNKNOWN)
        level = X[:, self.level_column]
        return np.where(np.isnan(level), _UNKNOWN, level).astype(np.int64)

    def _forest(self, *, max_features: float, min_samples_leaf: int) -> ExtraTreesClassifier:
        """A forest to grow."""
        return ExtraTreesClassifier(
            self.n_estimators,
            max_features=max_features,
            min_samples_leaf=min_samples_leaf,
            random_state=self.random_state,
            n_jobs=self.n_jobs,
        )

    def _validate_params(self) -> None:
        """Refuse values before any row is read (ValueError)."""
        ExtraTreesClassifier(self.n_estimators, min_samples_leaf=self.min_samples_leaf)._validate_params()
        LogisticRegression(C=self.C)._validate_params()
        if not (isinstance(self.max_features, int | float) and 0 < self.max_features <= 1):
            raise ValueError(f"max_features must be above 0 and at most 1, not {self.max_features!r}")
        if not (isinstance(self.linear_share, int | float) and 0 <= self.linear_share <= 1):
            raise ValueError(f"linear_share must be between 0 and 1, not {self.linear_share!r}")
        if not (isinstance(self.min_rows, int) and self.min_rows >= 1):
            raise ValueError(f"min_rows must be a whole number of 1 or more, not {self.min_rows!r}")
        if not (isinstance(self.change_odds, int | float) and self.change_odds >= 1):
            raise ValueError(f"change_odds must be 1 or more, not {self.change_odds!r}")


_UNKNOWN: Final = -1
_LEVEL_CODES: Final = (_UNKNOWN, *schema.LEVEL_RANK.values())

_MOST_LEAVES: Final = 2_000

_LEAD: Final = 0.01
"""What today's level takes from each level it would tie with: more than the last bits of a compiled form."""


def _differs(X: _Floats) -> NDArray[np.bool_]:
    """Of each column, whether its rows hold more than one value; missing is one. Shape (columns,)."""
    missing = np.isnan(X)
    low: _Floats = np.where(missing, np.inf, X).min(axis=0)
    high: _Floats = np.where(missing, -np.inf, X).max(axis=0)
    differs: NDArray[np.bool_] = np.logical_or(low < high, missing.any(axis=0) & ~missing.all(axis=0))
    return differs


# --- algorithms by name -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A way to learn, by name.

    Attributes:
        name: what ``--algorithm`` takes.
        description: one line for ``--help``.
        defaults: feature set -> the parameters it uses unless told otherwise.
        create: makes the unfitted estimator of the matrix, without parameters.
        needs_level: whether the current level must be among the features.
        orders: how many random orders names become (see ``FeatureEncoder``); 0: shares.
        ignored: parameters scikit-learn still lists but warns about; never set.
    """

    name: str
    description: str
    defaults: Mapping[FeatureSet, Mapping[str, Any]]
    create: Callable[[], Any]
    needs_level: bool = False
    orders: int = 0
    ignored: frozenset[str] = frozenset()

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters it takes, sorted."""
        return tuple(sorted(set(self._tunable().get_params()) - _RESERVED - self.ignored))

    def estimator(
        self,
        params: Mapping[str, Any],
        *,
        random_state: int,
        n_jobs: int | None,
        level_column: int | None = None,
        score_columns: Sequence[int] = (),
        name_columns: Sequence[int] = (),
    ) -> Any:
        """The unfitted estimator of the matrix."""
        estimator = self.create()
        tunable = self._last_step(estimator)
        given = {
            "random_state": random_state,
            "n_jobs": n_jobs,
            "level_column": level_column,
            "score_columns": score_columns,
            "name_columns": name_columns,
        }
        accepted = set(tunable.get_params()) - self.ignored
        tunable.set_params(**{k: v for k, v in given.items() if k in accepted}, **params)
        return estimator

    def check(self, estimator: Any) -> None:
        """Refuse values of parameters before any row is read (ValueError or TypeError, as scikit-learn words them)."""
        self._last_step(estimator)._validate_params()

    def _tunable(self) -> Any:
        return self._last_step(self.create())

    @staticmethod
    def _last_step(estimator: Any) -> Any:
        """What takes the parameters: the last step of a scikit-learn pipeline, else the estimator itself."""
        return estimator[-1] if hasattr(estimator, "steps") else estimator


_RESERVED: Final = frozenset(
    {"random_state", "n_jobs", "level_column", "score_columns", "name_columns"}
    | {"verbose", "warm_start", "categorical_features"}
)
"""Parameters that are set elsewhere, or make no sense here."""


def _as_float64(matrix: _Floats) -> NDArray[np.float64]:
    """Twice the digits: in float32 the probabilities of a regression sum to 1 only to seven of them."""
    return matrix.astype(np.float64)


def _logistic_regression() -> Any:
    return make_pipeline(
        FunctionTransformer(_as_float64),
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )


def _algorithms(*algorithms: Algorithm) -> Mapping[str, Algorithm]:
    return MappingProxyType({algorithm.name: algorithm for algorithm in algorithms})


ALGORITHMS: Final = _algorithms(
    Algorithm(
        name="random_forest",
        description="random forest, as in the written registry",
        defaults={
            "base": {"n_estimators": 200, "class_weight": "balanced", "min_samples_leaf": 2, "max_features": 6},
            "history": {"n_estimators": 300, "min_samples_leaf": 5, "max_features": 0.5},
        },
        create=RandomForestClassifier,
        orders=8,
    ),
    Algorithm(
        name="extra_trees",
        description="extremely randomised trees: thresholds drawn at random, smoother than a random forest",
        defaults={
            "base": {"n_estimators": 200, "class_weight": "balanced", "min_samples_leaf": 2},
            "history": {"n_estimators": 300, "min_samples_leaf": 5, "max_features": 0.5},
        },
        create=ExtraTreesClassifier,
    ),
    Algorithm(
        name="hist_gradient_boosting",
        description="gradient boosting on binned features",
        defaults={
            "base": {"max_iter": 200, "learning_rate": 0.05, "class_weight": "balanced"},
            "history": {"max_iter": 100, "learning_rate": 0.05, "max_leaf_nodes": 15, "min_samples_leaf": 50},
        },
        create=HistGradientBoostingClassifier,
    ),
    Algorithm(
        name="logistic_regression",
        description="multinomial logistic regression on scaled features",
        defaults={"base": {"C": 1.0, "class_weight": "balanced"}, "history": {"C": 1.0}},
        create=_logistic_regression,
        ignored=frozenset({"n_jobs", "penalty"}),
    ),
    Algorithm(
        name="blend_by_level",
        description="per current level, extremely randomised trees blended with a logistic regression of need scores",
        defaults={
            "base": {"n_estimators": 300},
            "history": {
                "n_estimators": 300,
                "min_samples_leaf": 20,
                "max_features": 0.3,
                "linear_share": 0.5,
                "change_odds": 3.0,
            },
        },
        create=BlendByLevel,
        needs_level=True,
    ),
)
"""Every algorithm by name."""


def default_algorithm(feature_set: FeatureSet) -> str:
    """The algorithm a feature set uses unless told otherwise (why: ``docs/decisions/0004``)."""
    return {"base": "random_forest", "history": "blend_by_level"}[feature_set]


# --- the model ----------------------------------------------------------------------------------------------


class NeedLevelModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Encoder and estimator together: what a version's ``.pkl`` holds.

    Takes a polars or pandas frame; columns are found by name, others and their order do not matter.

    Args:
        algorithm: a name of ``ALGORITHMS``.
        categorical: categorical columns; ``current_need_level`` belongs here.
        numeric: numeric columns.
        params: parameters of the algorithm; what is absent is scikit-learn's default.
        random_state: seed of everything that is drawn.
        n_jobs: processes that fit; the fitted model always predicts with 1.

    Attributes:
        encoder_: the fitted ``FeatureEncoder``.
        estimator_: the fitted estimator of the encoder's matrix.
        classes_: the labels, sorted.
        feature_names_in_: names of the columns it needs.
    """

    def __init__(
        self,
        algorithm: str = "random_forest",
        *,
        categorical: Sequence[str] = schema.CATEGORICAL_FEATURES,
        numeric: Sequence[str] = schema.NUMERIC_FEATURES,
        params: Mapping[str, Any] | None = None,
        random_state: int = 42,
        n_jobs: int | None = None,
    ) -> None:
        self.algorithm = algorithm
        self.categorical = categorical
        self.numeric = numeric
        self.params = params
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: NDArray[Any]) -> Self:
        """Learn from a frame of n rows and n labels.

        Raises:
            MissingFeaturesError: a column is absent.
            UsageError: unknown algorithm or parameter.
        """
        algorithm = _known_algorithm(self.algorithm, self.categorical, self.params or {})
        y = np.asarray(y)
        self.encoder_ = FeatureEncoder(
            self.categorical, self.numeric, orders=algorithm.orders, random_state=self.random_state
        )
        matrix = self.encoder_.fit_transform(X, y)
        level = self.encoder_.level_column_
        self.estimator_ = algorithm.estimator(
            self.params or {},
            random_state=self.random_state,
            n_jobs=self.n_jobs,
            level_column=None if level is None or self.encoder_.empty_[level] else level,
            score_columns=[p for p, name in enumerate(self.encoder_.feature_names_out_) if name in SCORES],
            name_columns=[p for p, name in enumerate(self.encoder_.source_) if name in schema.CATEGORICAL_FEATURES],
        ).fit(matrix, y)
        if "n_jobs" in self.estimator_.get_params():
            self.estimator_.set_params(n_jobs=1)
        self.classes_ = self.estimator_.classes_
        self.feature_names_in_ = np.array([*self.categorical, *self.numeric], dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities: rows x ``classes_``, each row summing to 1.

        Raises:
            MissingFeaturesError: a column is absent.
        """
        check_is_fitted(self, "estimator_")
        proba: NDArray[np.float64] = self.estimator_.predict_proba(self.encoder_.transform(X))
        return proba

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable label of each row, the first of ``classes_`` on a tie."""
        labels: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels


def build_model(
    *,
    algorithm: str,
    categorical: Sequence[str],
    numeric: Sequence[str],
    params: Mapping[str, Any],
    random_state: int = 42,
    n_jobs: int | None = None,
) -> NeedLevelModel:
    """An unfitted model, its name and parameters checked.

    Args:
        algorithm: a name of ``ALGORITHMS``.
        categorical: categorical columns, ``current_need_level`` among them if it is used.
        numeric: numeric columns.
        params: parameters of the algorithm (start from ``ALGORITHMS[algorithm].defaults[feature_set]``).
        random_state: seed.
        n_jobs: processes that fit; changes nothing but the time.

    Raises:
        UsageError: unknown algorithm, unknown parameter, or a value the algorithm refuses.
    """
    known = _known_algorithm(algorithm, categorical, params)
    estimator = known.estimator(params, random_state=random_state, n_jobs=n_jobs, level_column=0)
    try:
        known.check(estimator)
    except (ValueError, TypeError) as refusal:
        raise UsageError(
            translatable("{algorithm} refuses these parameters: {problem}"),
            algorithm=algorithm,
            problem=str(refusal),
        ) from refusal
    return NeedLevelModel(
        algorithm,
        categorical=tuple(categorical),
        numeric=tuple(numeric),
        params=dict(params),
        random_state=random_state,
        n_jobs=n_jobs,
    )


def _known_algorithm(name: str, categorical: Sequence[str], params: Mapping[str, Any]) -> Algorithm:
    """The algorithm of that name, if it knows these parameters and has the columns it needs."""
    if name not in ALGORITHMS:
        raise UsageError(
            translatable("Unknown algorithm {name}. Known algorithms: {known}."),
            name=name,
            known=", ".join(ALGORITHMS),
        )
    algorithm = ALGORITHMS[name]
    unknown = sorted(set(params) - set(algorithm.parameters))
    if unknown:
        raise UsageError(
            translatable("{algorithm} has no parameter {unknown}. Its parameters: {known}."),
            algorithm=name,
            unknown=", ".join(unknown),
            known=", ".join(algorithm.parameters),
        )
    if algorithm.needs_level and schema.CURRENT_LEVEL not in categorical:
        raise UsageError(
            translatable("{algorithm} needs the current level of need, {column}, among its categorical features."),
            algorithm=name,
            column=schema.CURRENT_LEVEL,
        )
    return algorithm


def calibrated(model: NeedLevelModel, method: str) -> CalibratedClassifierCV:
    """The model with its probabilities corrected by what out-of-fold rows became.

    One model is kept, grown on all rows; its calibrator is learned from predictions of models that had not seen the row.

    Args:
        model: an unfitted model.
        method: one of ``CALIBRATIONS``.

    Raises:
        UsageError: unknown method.
    """
    if method not in CALIBRATIONS:
        raise UsageError(
            translatable("Unknown calibration {method}. Known ones: {known}."),
            method=method,
            known=", ".join(CALIBRATIONS),
        )
    folds = StratifiedKFold(CALIBRATION_FOLDS, shuffle=True, random_state=model.random_state)
    return CalibratedClassifierCV(model, method=method, cv=folds, ensemble=False)
