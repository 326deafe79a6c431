"""How a model is run: whatever the engine, scikit-learn's answers, for one row as among many."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import ExtraTreeClassifier

from future_skills import engine as engines
from future_skills import schema
from future_skills.dataset import build_dataset
from future_skills.encoding import RowEncoder
from future_skills.engine import Engine, measure_engine
from future_skills.engine_choice import EngineChoice
from future_skills.forest import PackedForest
from future_skills.merged import MergedForest
from future_skills.pipeline import ALGORITHMS, CALIBRATIONS, FeatureSet, build_model, calibrated, default_features

SMALL: dict[str, Any] = {
    "random_forest": {"n_estimators": 12},
    "extra_trees": {"n_estimators": 12},
    "hist_gradient_boosting": {"max_iter": 5},
    "logistic_regression": {},
    "blend_by_level": {"n_estimators": 12, "min_rows": 30},
}
CASES = [
    *((algorithm, feature_set, None) for algorithm in ALGORITHMS for feature_set in ("base", "history")),
    *((algorithm, "history", method) for algorithm in ("random_forest", "blend_by_level") for method in CALIBRATIONS),
    ("logistic_regression", "base", "temperature"),
]
NUMBERS = (*schema.NUMERIC_FEATURES,)


@pytest.fixture(scope="module")
def rows(company: pl.DataFrame) -> pl.DataFrame:
    """The company's rows with their history and labels; one number in ten is missing."""
    draw = np.random.default_rng(3)
    frame = build_dataset(company)
    return frame.with_columns(
        pl.when(pl.Series(draw.random(len(frame)) < 0.1)).then(None).otherwise(name).alias(name) for name in NUMBERS
    )


@pytest.fixture(scope="module")
def asked(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows to ask about, some of which no training had the like of."""
    odd = rows.head(40).with_columns(
        pl.lit("Nouveau métier").alias(schema.ROLE),
        pl.lit(None, dtype=pl.String).alias(schema.SKILL),
        pl.lit(None, dtype=pl.String).alias(schema.CURRENT_LEVEL),
        pl.lit(-1e30).alias("trend_score"),
        pl.lit(None, dtype=pl.Float64).alias("avg_salary_k"),
    )
    return pl.concat([rows.tail(120), odd])


@pytest.fixture(scope="module")
def fitted(rows: pl.DataFrame) -> Callable[..., Any]:
    """``fitted("random_forest", "base", None)``: a model, fitted once."""
    models: dict[tuple[str, FeatureSet, str | None], Any] = {}

    def fit(algorithm: str, feature_set: FeatureSet, calibration: str | None) -> Any:
        key = (algorithm, feature_set, calibration)
        if key not in models:
            categorical, numeric = default_features(feature_set)
            if algorithm == "blend_by_level":
                categorical = tuple(dict.fromkeys((*categorical, schema.CURRENT_LEVEL)))
            defaults = ALGORITHMS[algorithm].defaults[feature_set]
            model: Any = build_model(
                algorithm=algorithm, categorical=categorical, numeric=numeric, params=defaults | SMALL[algorithm]
            )
            if calibration:
                model = calibrated(model, calibration)
            models[key] = model.fit(rows, rows[schema.LABEL].to_numpy().astype(str))
        return models[key]

    return fit


@pytest.fixture(scope="module")
def one_hot(rows: pl.DataFrame) -> Callable[..., Any]:
    """``one_hot(numbers=…, names=…, forest=…)``: a pipeline as other teams write them."""

    def fit(*, numbers: Any = "passthrough", names: Any = None, forest: Any = None) -> Any:
        columns = [
            ("names", names or OneHotEncoder(handle_unknown="ignore"), list(schema.CATEGORICAL_FEATURES)),
            ("numbers", numbers, list(NUMBERS)),
        ]
        model = make_pipeline(ColumnTransformer(columns), forest or RandomForestClassifier(10, random_state=0))
        return model.fit(rows.select(schema.BASE_FEATURES).to_pandas(), rows[schema.LABEL].to_numpy().astype(str))

    return fit


def values_of(frame: pl.DataFrame) -> dict[str, list[Any]]:
    return {column.name: column.to_list() for column in frame}


def probabilities(model: Any, frame: pl.DataFrame) -> Any:
    """What scikit-learn says, columns LOW, MEDIUM and HIGH."""
    said = np.zeros((len(frame), len(schema.LEVELS)))
    said[:, [schema.LEVEL_RANK[str(level)] for level in model.classes_]] = model.predict_proba(frame)
    return said


def levels(model: Any, frame: pl.DataFrame) -> list[int]:
    return [schema.LEVEL_RANK[level] for level in model.predict(frame)]


# --- The same answers -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("algorithm", "feature_set", "calibration"), CASES)
def test_every_algorithm_and_calibration_is_compiled_and_says_what_scikit_learn_says_of_one_row_as_of_many(
    fitted: Callable[..., Any], asked: pl.DataFrame, algorithm: str, feature_set: FeatureSet, calibration: str | None
) -> None:
    model = fitted(algorithm, feature_set, calibration)
    engine = Engine(model, asked)
    choice = engine.choice
    assert (choice.compiled, choice.reason, choice.rows, choice.differing) == (True, "", len(asked), 0)
    assert choice.largest_difference <= 1e-12
    for scores in (engine.few(values_of(asked), len(asked)), engine.many(asked)):
        assert scores.predicted.tolist() == levels(model, asked)
        assert scores.probabilities == pytest.approx(probabilities(model, asked), abs=1e-12)

    together = engine.many(asked)
    for place in (0, 60, 119, 120, 159):
        alone = asked[place]
        for scores in (engine.few(values_of(alone), 1), engine.many(alone)):
            assert scores.predicted[0] == together.predicted[place]
            assert np.abs(scores.probabilities - together.probabilities[place]).max() <= 1e-12


@pytest.mark.parametrize("algorithm", ["random_forest", "extra_trees", "blend_by_level"])
def test_forests_agree_to_the_last_bit_so_that_ties_fall_alike(
    fitted: Callable[..., Any], asked: pl.DataFrame, algorithm: str
) -> None:
    assert Engine(fitted(algorithm, "history", None), asked).choice.largest_difference == 0.0


@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("algorithm", ["random_forest", "blend_by_level", "logistic_regression"])
def test_any_rows_at_all_are_answered_alike(
    fitted: Callable[..., Any], rows: pl.DataFrame, algorithm: str, data: st.DataObject
) -> None:
    model = fitted(algorithm, "base", None)
    known = {name: rows[name].drop_nulls().unique().sort().head(5).to_list() for name in schema.CATEGORICAL_FEATURES}
    number = st.none() | st.floats(-1e30, 1e30) | st.floats(0, 1, width=32) | st.sampled_from([0.0, -0.0, 0.5, 1e30])
    row = st.fixed_dictionaries(
        {
            **{name: st.none() | st.sampled_from(names) | st.text(max_size=3) for name, names in known.items()},
            schema.CURRENT_LEVEL: st.none() | st.sampled_from(schema.LEVELS),
            **dict.fromkeys(NUMBERS, number),
        }
    )
    drawn = data.draw(st.lists(row, min_size=1, max_size=5))
    kinds = {name: pl.Float64 if name in NUMBERS else pl.String for name in drawn[0]}
    frame = pl.DataFrame(drawn, schema=kinds)
    engine = Engine(model, frame)
    assert engine.choice.compiled, engine.choice
    assert engine.choice.largest_difference <= 1e-12


@pytest.mark.parametrize("size", [1, 7, 64])
def test_many_rows_are_answered_block_by_block(
    fitted: Callable[..., Any], asked: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    model = fitted("blend_by_level", "history", None)
    engine = Engine(model, asked)
    monkeypatch.setattr(engines, "BLOCK", size)
    monkeypatch.setattr(engines, "WORTH_A_THREAD", 1)
    scores = engine.many(asked)
    assert scores.predicted.tolist() == levels(model, asked)
    assert scores.probabilities == pytest.approx(probabilities(model, asked), abs=1e-12)


# --- Forests ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
@pytest.mark.parametrize("walk", [MergedForest, PackedForest])
def test_a_forest_is_walked_to_the_last_bit_of_its_answers(
    walk: type[MergedForest] | type[PackedForest], kind: type, classes: int, missing: float
) -> None:
    draw = np.random.default_rng(classes)
    X, asked = (draw.random((400, 6)).round(1).astype(np.float32) for _ in range(2))
    X[draw.random(X.shape) < missing] = np.nan
    asked[draw.random(X.shape) < 0.1] = np.nan  # even where training had none
    y = draw.integers(classes, size=len(X))
    forest = kind(9, random_state=0).fit(X, y)
    walked = walk.of(forest)
    expected = forest.predict_proba(asked)
    assert (walked.probabilities(asked) == expected).all()
    assert (np.concatenate([walked.probabilities(asked[[place]]) for place in range(50)]) == expected[:50]).all()
    assert walked.probabilities(asked[:0]).shape == (0, classes)


@pytest.mark.parametrize("depth", range(1, 9))
def test_trees_of_any_depth_lead_a_row_to_its_leaf(depth: int) -> None:
    draw = np.random.default_rng(depth)
    X, asked = (draw.random((600, 3)).astype(np.float32) for _ in range(2))
    forest = ExtraTreesClassifier(5, max_depth=depth, random_state=0).fit(X, draw.integers(3, size=len(X)))
    forest.estimators_[3] = ExtraTreeClassifier(max_depth=1, random_state=0).fit(X, draw.integers(3, size=len(X)))
    packed = PackedForest.of(forest)
    nodes = packed.leaves(asked).reshape(5, len(asked))
    assert packed.is_leaf[nodes].all()
    for tree, of_tree in zip(forest.estimators_, nodes, strict=True):
        assert (packed.values[of_tree] == tree.tree_.predict(asked)).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_boosting_is_merged_too(classes: int) -> None:
    draw = np.random.default_rng(classes)
    X = draw.random((400, 5)).astype(np.float32)
    X[draw.random(X.shape) < 0.1] = np.nan
    model = HistGradientBoostingClassifier(max_iter=6).fit(X, draw.integers(classes, size=len(X)))
    scores = MergedForest.of_boosting(model).sums(X)
    assert scores.shape == (400, classes)
    assert (scores[:, classes - model.n_trees_per_iteration_ :] == model._raw_predict(X)).all()


# --- Pipelines of other teams -------------------------------------------------------------------------------------------
NUMBER_STEPS = [
    SimpleImputer(),
    make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
    make_pipeline(SimpleImputer(), StandardScaler(with_mean=False), FunctionTransformer()),
]


@pytest.mark.parametrize("numbers", NUMBER_STEPS, ids=["filled", "scaled", "scaled, not centred"])
@pytest.mark.parametrize("sparse", [True, False])
def test_one_hot_names_and_numbers_are_compiled(
    one_hot: Callable[..., Any], asked: pl.DataFrame, numbers: Any, sparse: bool
) -> None:
    model = one_hot(numbers=numbers, names=OneHotEncoder(handle_unknown="ignore", sparse_output=sparse))
    choice = Engine(model, asked).choice
    assert (choice.compiled, choice.differing, choice.largest_difference) == (True, 0, 0.0)


def test_columns_may_be_dropped_or_passed_on_as_they_are(rows: pl.DataFrame, asked: pl.DataFrame) -> None:
    columns = [("numbers", "passthrough", list(NUMBERS)), ("names", "drop", list(schema.CATEGORICAL_FEATURES))]
    model = make_pipeline(ColumnTransformer(columns), ExtraTreesClassifier(9, random_state=0))
    model.fit(rows.select(schema.BASE_FEATURES).to_pandas(), rows[schema.LABEL].to_numpy().astype(str))
    choice = Engine(model, asked).choice
    assert (choice.compiled, choice.largest_difference) == (True, 0.0)


@pytest.mark.parametrize(
    ("parts", "part"),
    [
        ({"names": OneHotEncoder()}, "OneHotEncoder that drops, groups or refuses names"),
        ({"names": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)}, "OrdinalEncoder"),
        ({"numbers": SimpleImputer(add_indicator=True)}, "SimpleImputer"),
        ({"numbers": SimpleImputer(), "forest": KNeighborsClassifier()}, "KNeighborsClassifier"),
    ],
)
def test_what_cannot_be_compiled_says_why_and_scikit_learn_answers(
    one_hot: Callable[..., Any], rows: pl.DataFrame, parts: dict[str, Any], part: str
) -> None:
    model = one_hot(**{"numbers": SimpleImputer()} | parts)
    seen = rows.select(schema.BASE_FEATURES).head(60)
    engine = Engine(model, seen)
    assert engine.choice == EngineChoice(compiled=False, reason="not_compilable", part=part)
    assert not engine.takes_values(1)
    assert engine.many(seen).predicted.tolist() == levels(model, seen)


def test_boosting_on_categories_and_several_calibrated_models_are_left_to_scikit_learn(
    rows: pl.DataFrame, fitted: Callable[..., Any]
) -> None:
    truth = rows[schema.LABEL].to_numpy().astype(str)
    columns = [
        ("names", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [schema.ROLE]),
        ("numbers", "passthrough", list(NUMBERS)),
    ]
    forest = HistGradientBoostingClassifier(max_iter=3, categorical_features=[0])
    several = CalibratedClassifierCV(build_model_of(fitted), cv=2, ensemble=True)
    for model, part in (
        (make_pipeline(ColumnTransformer(columns), forest), "HistGradientBoostingClassifier that splits on categories"),
        (several, "CalibratedClassifierCV of several models"),
        (make_pipeline(ColumnTransformer(columns[1:]), StandardScaler(), RandomForestClassifier(3)), "Pipeline"),
    ):
        choice = Engine(model.fit(rows, truth), rows).choice
        assert (choice.compiled, choice.reason) == (False, "not_compilable")
        assert choice.part == part


def build_model_of(fitted: Callable[..., Any]) -> Any:
    from sklearn.base import clone

    return clone(fitted("random_forest", "base", None))


# --- Choosing -----------------------------------------------------------------------------------------------------------
class _Noisy:
    """An encoder that is a little wrong."""

    def __init__(self, right: RowEncoder, noise: float) -> None:
        self.right, self.noise = right, noise

    def encode(self, values: Any, rows: int) -> Any:
        return self.right.encode(values, rows) + np.float32(self.noise)


@pytest.mark.parametrize(("noise", "reason"), [(5.0, "levels_differ"), (1e-4, "probabilities_differ")])
def test_a_compiled_model_that_says_something_else_is_refused_and_the_choice_says_how_far_it_was(
    fitted: Callable[..., Any], asked: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, noise: float, reason: str
) -> None:
    model = fitted("logistic_regression", "base", None)
    right = RowEncoder.of
    monkeypatch.setattr(RowEncoder, "of", lambda encoder: _Noisy(right(encoder), noise))
    engine = Engine(model, asked)
    choice = engine.choice
    assert (choice.compiled, choice.reason, choice.rows) == (False, reason, len(asked))
    assert (choice.differing > 0) == (reason == "levels_differ")
    assert choice.largest_difference > engines.TOLERANCE
    assert engine.many(asked).predicted.tolist() == levels(model, asked)
    earlier = EngineChoice(compiled=True, rows=32_414)
    assert Engine(model, asked, earlier).choice == choice  # libraries may have changed since


def test_what_was_measured_before_counts_where_the_cases_do_not_refute_it(
    fitted: Callable[..., Any], asked: pl.DataFrame
) -> None:
    model = fitted("random_forest", "base", None)
    measured = EngineChoice(compiled=True, few=3, rows=32_414)
    engine = Engine(model, asked, measured)
    assert (engine.choice, engine.takes_values(2), engine.takes_values(3)) == (measured, True, False)
    refused = EngineChoice(compiled=False, reason="levels_differ", rows=32_414, differing=1)
    assert not Engine(model, asked, refused).takes_values(1)


def test_without_rows_to_compare_nothing_is_compiled(fitted: Callable[..., Any], asked: pl.DataFrame) -> None:
    choice = Engine(fitted("random_forest", "base", None), asked.clear()).choice
    assert (choice.compiled, choice.reason) == (False, "no_rows")


def test_a_measured_engine_says_how_long_a_row_takes_and_survives_json(
    fitted: Callable[..., Any], asked: pl.DataFrame
) -> None:
    choice = measure_engine(fitted("random_forest", "base", None), asked, stopwatch=time.perf_counter)
    assert choice.compiled
    assert choice.one_row_us is not None
    assert choice.scikit_learn_us is not None
    assert choice.one_row_us < choice.scikit_learn_us
    assert 1 <= choice.few <= engines.MOST_FEW_ROWS
    assert EngineChoice.model_validate_json(choice.model_dump_json()) == choice


def test_a_compiled_model_that_is_not_faster_is_not_used(fitted: Callable[..., Any], asked: pl.DataFrame) -> None:
    choice = measure_engine(fitted("random_forest", "base", None), asked, stopwatch=lambda: 0.0)
    assert (choice.compiled, choice.reason, choice.few) == (False, "slower", engines.MOST_FEW_ROWS)


def test_what_cannot_be_compiled_is_not_timed(one_hot: Callable[..., Any], rows: pl.DataFrame) -> None:
    model = one_hot(numbers=SimpleImputer(add_indicator=True))
    choice = measure_engine(model, rows.select(schema.BASE_FEATURES), stopwatch=time.perf_counter)
    assert (choice.reason, choice.one_row_us) == ("not_compilable", None)
