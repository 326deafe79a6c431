"""Every algorithm keeps the same promises: columns by name, missing values, determinism, scikit-learn's manners."""

import io
import pickle

import joblib
import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from threadpoolctl import threadpool_limits

from future_skills import schema
from future_skills.errors import MissingFeaturesError, UsageError
from future_skills.history import HISTORY_FEATURES
from future_skills.pipeline import (
    ALGORITHMS,
    CALIBRATIONS,
    BlendByLevel,
    FeatureEncoder,
    LogScoreRegression,
    build_model,
    calibrated,
    default_algorithm,
    default_features,
    features_to_learn,
)

FAST = {"n_estimators": 8, "max_iter": 20}


def rows(count: int = 400, seed: int = 7) -> tuple[pl.DataFrame, np.ndarray]:
    """Rows whose label follows the level now and the need in similar roles."""
    draw = np.random.RandomState(seed)
    level = draw.randint(0, 3, count)
    data: dict[str, object] = {
        name: [f"{name} {k}" for k in draw.randint(0, 12, count)] for name in schema.CATEGORICAL_FEATURES
    }
    data[schema.CURRENT_LEVEL] = [None if k % 9 == 0 else schema.LEVELS[v] for k, v in enumerate(level)]
    for name in (*schema.NUMERIC_FEATURES, *HISTORY_FEATURES):
        data[name] = draw.rand(count)
    frame = pl.DataFrame(data)
    moved = frame["similar_roles_need"].to_numpy() > 0.9
    return frame, np.array(schema.LEVELS)[np.where(moved, 2, level)]


def model_of(algorithm: str, feature_set: str = "history", **overrides: object):
    categorical, numeric = default_features(feature_set)
    if ALGORITHMS[algorithm].needs_level and schema.CURRENT_LEVEL not in categorical:
        categorical = (*categorical, schema.CURRENT_LEVEL)
    known = ALGORITHMS[algorithm].parameters
    params = {
        **ALGORITHMS[algorithm].defaults[feature_set],
        **{name: value for name, value in FAST.items() if name in known and algorithm != "logistic_regression"},
    }
    return build_model(algorithm=algorithm, categorical=categorical, numeric=numeric, params=params, **overrides)


@pytest.fixture(scope="module")
def data():
    return rows()


@pytest.fixture(autouse=True)
def one_thread():
    """OpenMP threads of tiny gradient boosting wait on each other for seconds when other tests run beside them."""
    with threadpool_limits(1):
        yield


every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)
every_feature_set = pytest.mark.parametrize("feature_set", ["base", "history"])


@every_feature_set
@every_algorithm
def test_learns_and_answers_in_probabilities(algorithm, feature_set, data):
    X, y = data
    model = model_of(algorithm, feature_set).fit(X, y)
    proba = model.predict_proba(X)
    assert model.classes_.tolist() == ["HIGH", "LOW", "MEDIUM"]
    assert proba.shape == (X.height, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert (model.predict(X) == model.classes_[proba.argmax(axis=1)]).all()
    if feature_set == "history":
        assert (model.predict(X) == y).mean() > 0.7


@every_algorithm
def test_finds_columns_by_name_in_polars_and_pandas(algorithm, data):
    X, y = data
    model = model_of(algorithm).fit(X, y)
    reordered = X.select(sorted(X.columns, reverse=True)).with_columns(pl.lit("x").alias("more"))
    expected = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(reordered), expected)
    np.testing.assert_array_equal(model.predict_proba(X.to_pandas()), expected)


@every_algorithm
def test_an_absent_column_is_refused_by_name(algorithm, data):
    X, y = data
    model = model_of(algorithm).fit(X, y)
    with pytest.raises(MissingFeaturesError, match="trend_score"):
        model.predict_proba(X.drop("trend_score"))
    with pytest.raises(MissingFeaturesError, match="trend_score"):
        model_of(algorithm).fit(X.drop("trend_score"), y)


@every_feature_set
@every_algorithm
def test_unknown_names_and_missing_values_are_answered(algorithm, feature_set, data):
    X, y = data
    model = model_of(algorithm, feature_set).fit(X, y)
    needed = [str(name) for name in model.feature_names_in_]
    for frame in (
        pl.DataFrame({name: [None] for name in needed}),
        pl.DataFrame({name: ["never seen" if name in model.categorical else np.nan] for name in needed}),
    ):
        for asked in (frame, frame.to_pandas()):
            assert np.isfinite(model.predict_proba(asked)).all()


@every_algorithm
def test_a_column_empty_in_training_may_be_filled_later(algorithm, data):
    X, y = data
    hollow = X.with_columns(pl.lit(None, dtype=pl.Float64).alias("companion_skills_need"))
    model = model_of(algorithm).fit(hollow, y)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


@every_algorithm
def test_same_data_and_seed_give_the_same_answer_whatever_n_jobs(algorithm, data):
    X, y = data
    one, two = (model_of(algorithm, n_jobs=n).fit(X, y) for n in (1, 2))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


@every_algorithm
def test_a_row_alone_gets_the_answer_it_gets_among_others(algorithm, data):
    X, y = data
    model = model_of(algorithm).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X[5:6]), model.predict_proba(X)[5:6], rtol=0, atol=1e-12)


@every_algorithm
def test_follows_scikit_learn_s_manners(algorithm, data):
    X, y = data
    model = model_of(algorithm)
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        model.predict_proba(X)
    assert model.fit(X, y) is model
    assert not hasattr(twin, "classes_")


@every_algorithm
def test_a_pickle_answers_the_same_and_holds_no_frame(algorithm, data):
    X, y = data
    model = model_of(algorithm, n_jobs=2).fit(X, y)
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    loaded = joblib.load(buffer)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert b"polars" not in pickle.dumps(model)
    assert b"pandas" not in pickle.dumps(model)


def test_fitted_forests_predict_with_one_job(data):
    X, y = data
    forest = model_of("random_forest", n_jobs=2).fit(X, y)
    blend = model_of("blend_by_level", n_jobs=2).fit(X, y)
    assert forest.estimator_.n_jobs == 1
    assert {one.n_jobs for one in blend.estimator_.forests_.values()} == {1}


@every_algorithm
def test_one_class_only_is_answered_with_certainty_or_refused_in_words(algorithm):
    X, _ = rows(60)
    only = np.full(60, "LOW")
    if algorithm == "logistic_regression":
        with pytest.raises(ValueError, match="class"):
            model_of(algorithm).fit(X, only)
    elif algorithm != "hist_gradient_boosting":
        np.testing.assert_array_equal(model_of(algorithm).fit(X, only).predict_proba(X), np.ones((60, 1)))


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_calibration_keeps_the_contract(method, data):
    X, y = data
    model = calibrated(model_of("random_forest"), method).fit(X, y)
    proba = model.predict_proba(X.to_pandas())
    assert model.classes_.tolist() == ["HIGH", "LOW", "MEDIUM"]
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    np.testing.assert_array_equal(proba, clone(model).fit(X, y).predict_proba(X))


def test_the_written_baseline_is_the_default():
    assert default_algorithm("base") == "random_forest"
    written = ALGORITHMS["random_forest"].defaults["base"]
    assert (written["n_estimators"], written["class_weight"]) == (200, "balanced")
    assert default_features("base") == (schema.CATEGORICAL_FEATURES, schema.NUMERIC_FEATURES)
    assert model_of("random_forest", "base").random_state == 42


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"algorithm": "oracle"}, "random_forest"),
        ({"params": {"trees": 3}}, "n_estimators"),
        ({"params": {"n_estimators": 0}}, "n_estimators"),
        ({"params": {"n_jobs": 3}}, "n_estimators"),
        ({"algorithm": "blend_by_level", "params": {"linear_share": 2}}, "linear_share"),
        ({"algorithm": "blend_by_level", "params": {"change_odds": 0.5}}, "change_odds"),
        ({"algorithm": "blend_by_level", "params": {"max_features": "sqrt"}}, "max_features"),
        ({"algorithm": "blend_by_level", "categorical": ()}, schema.CURRENT_LEVEL),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(arguments, named):
    categorical, numeric = default_features("history")
    usual = {"algorithm": "random_forest", "categorical": categorical, "numeric": numeric, "params": {}}
    with pytest.raises(UsageError, match=named):
        build_model(**{**usual, **arguments})


def test_calibration_refuses_an_unknown_method():
    with pytest.raises(UsageError, match="sigmoid"):
        calibrated(model_of("random_forest"), "magic")


# --- the encoder -----------------------------------------------------------------------------------------------------


def test_a_name_becomes_the_smoothed_share_of_each_class():
    X = pl.DataFrame({schema.ROLE: ["a"] * 6 + ["b"] * 2})
    y = np.array(["HIGH"] * 4 + ["LOW"] * 2 + ["LOW"] * 2)
    encoder = FeatureEncoder([schema.ROLE], smoothing=2.0).fit(X, y)
    asked = pl.DataFrame({schema.ROLE: ["a", "b", "c", None]})
    assert encoder.feature_names_out_ == [f"{schema.ROLE}=LOW"]
    assert encoder.transform(asked)[:, 0].tolist() == pytest.approx([3 / 8, 3 / 4, 1 / 2, 1 / 2])


def test_a_training_row_does_not_see_its_own_label():
    X = pl.DataFrame({schema.ROLE: [f"role {k}" for k in range(20)]})
    y = np.array(["HIGH", "LOW"] * 10)
    encoder = FeatureEncoder([schema.ROLE])
    matrix = encoder.fit_transform(X, y)[:, 0]
    # each name appears once: out of its own fold it is unknown, whatever its label
    assert len(np.unique(matrix)) <= encoder.folds
    assert len(np.unique(encoder.transform(X)[:, 0])) == 2


def test_names_become_their_places_in_random_orders_whatever_the_labels():
    names = [f"skill {k}" for k in range(50)]
    X = pl.DataFrame({schema.ROLE: ["a"] * 50, schema.SKILL: names})
    y = np.array(["HIGH", "LOW"] * 25)
    encoder = FeatureEncoder([schema.ROLE, schema.SKILL], orders=3)
    matrix = encoder.fit_transform(X, y)
    assert encoder.source_ == [schema.ROLE] * 3 + [schema.SKILL] * 3
    assert encoder.feature_names_out_[3:] == [f"{schema.SKILL}#1", f"{schema.SKILL}#2", f"{schema.SKILL}#3"]
    assert (np.sort(matrix[:, 3:], axis=0) == np.arange(50)[:, None]).all()
    assert len({tuple(column) for column in matrix[:, 3:].T}) == 3
    np.testing.assert_array_equal(
        matrix, FeatureEncoder([schema.ROLE, schema.SKILL], orders=3).fit_transform(X, y[::-1])
    )
    asked = pl.DataFrame({schema.ROLE: ["a", "b", None], schema.SKILL: [names[7], "unknown", None]})
    np.testing.assert_array_equal(np.isnan(encoder.transform(asked)), [[False] * 6, [True] * 6, [True] * 6])
    np.testing.assert_array_equal(encoder.transform(asked)[0], matrix[7])


def test_an_encoder_of_a_version_trained_before_there_were_orders_still_answers():
    X = pl.DataFrame({schema.ROLE: ["a", "b", "a", "b"]})
    encoder = FeatureEncoder([schema.ROLE]).fit(X, np.array(["HIGH", "LOW", "LOW", "LOW"]))
    state = dict(encoder.__getstate__())
    state["shares_"] = state.pop("codes_")
    del state["orders"]
    older = FeatureEncoder.__new__(FeatureEncoder)
    older.__setstate__(state)
    np.testing.assert_array_equal(older.transform(X), encoder.transform(X))
    assert older.get_params() == encoder.get_params()


def test_levels_keep_their_order_and_unknown_is_nan():
    X = pl.DataFrame({schema.CURRENT_LEVEL: ["LOW", "MEDIUM", "HIGH", None, "?"]})
    encoder = FeatureEncoder([schema.CURRENT_LEVEL]).fit(X, np.array(["LOW", "HIGH", "LOW", "LOW", "LOW"]))
    np.testing.assert_array_equal(encoder.transform(X)[:, encoder.level_column_], [0, 1, 2, np.nan, np.nan])


# --- one model per current level -------------------------------------------------------------------------------------


def test_each_level_learns_from_its_own_rows():
    level = np.repeat([0.0, 1.0], 300)
    X = np.column_stack([level, np.random.RandomState(0).rand(600)]).astype(np.float32)
    y = np.where(level == 0, "LOW", "MEDIUM")
    model = BlendByLevel(0, n_estimators=3, min_rows=100).fit(X, y)
    assert model.forests_[0].classes_.tolist() == ["LOW"]
    assert model.forests_[1].classes_.tolist() == ["MEDIUM"]
    assert model.predict(X).tolist() == y.tolist()


def test_levels_without_rows_of_their_own_share_what_all_rows_teach():
    X = np.column_stack([np.zeros(300), np.random.RandomState(0).rand(300)]).astype(np.float32)
    y = np.where(X[:, 1] > 0.5, "HIGH", "LOW")
    model = BlendByLevel(0, (1,), n_estimators=3, min_rows=200).fit(X, y)
    assert model.forests_[-1] is model.forests_[1] is model.forests_[2]
    assert model.regressions_.keys() == {0}
    assert model.forests_[0] is not model.forests_[-1]
    asked = np.array([[np.nan, 0.9], [2.0, 0.1]], dtype=np.float32)
    assert model.predict(asked).tolist() == ["HIGH", "LOW"]


def moved(share: float, rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are LOW now, of which a share became MEDIUM; nothing tells which."""
    X = np.column_stack([np.zeros(rows), np.random.RandomState(0).rand(rows)]).astype(np.float32)
    return X, np.where(np.arange(rows) % 100 < 100 * share, "MEDIUM", "LOW")


@pytest.mark.parametrize(("share", "announced"), [(0.45, "LOW"), (0.65, "LOW"), (0.9, "MEDIUM")])
def test_another_level_than_today_s_is_announced_only_where_the_odds_are_clear(share, announced):
    X, y = moved(share)
    proba = BlendByLevel(0, n_estimators=5, min_samples_leaf=400).fit(X, y).predict_proba(X[:1])[0]
    low, medium = proba
    assert ["LOW", "MEDIUM"][proba.argmax()] == announced
    assert low + medium == pytest.approx(1.0)
    if share == 0.65:  # as likely as today's level, but for a hundredth
        assert (low, medium) == pytest.approx((0.505, 0.495))
    else:
        assert medium == pytest.approx(share)


def test_with_odds_of_one_the_likelier_level_wins():
    X, y = moved(0.65)
    model = BlendByLevel(0, n_estimators=5, min_samples_leaf=400, change_odds=1).fit(X, y)
    assert set(model.predict(X)) == {"MEDIUM"}


def test_three_levels_that_are_close_stay_at_today_s():
    X = np.ones((300, 2), dtype=np.float32)
    y = np.repeat(["HIGH", "LOW", "MEDIUM"], [110, 100, 90])
    proba = BlendByLevel(0, n_estimators=3).fit(X, y).predict_proba(X[:1])[0]
    assert proba.tolist() == pytest.approx([0.33, 0.33, 0.34])


def test_a_level_whose_scores_tell_nothing_is_left_to_the_forest():
    draw = np.random.RandomState(0)
    level, score = np.repeat([0.0, 1.0], 300), draw.rand(600)
    score[:300] = np.nan  # nothing was known of need then
    X = np.column_stack([level, score, draw.rand(600)]).astype(np.float32)
    y = np.where(X[:, 2] > 0.5, "HIGH", "LOW")
    model = BlendByLevel(0, (1,), n_estimators=20).fit(X, y)
    assert model.regressions_.keys() == {1}
    assert (model.predict(X[:300]) == y[:300]).mean() > 0.8
    asked = np.array([[1.0, np.nan, 0.2]], dtype=np.float32)  # a row without scores, of a level that has a regression
    np.testing.assert_array_equal(model.predict_proba(asked), model.forests_[1].predict_proba(asked))


def test_without_any_level_known_half_of_the_trees_do_not_see_the_names():
    draw = np.random.RandomState(0)
    X = draw.rand(300, 3).astype(np.float32)
    y = np.where(X[:, 1] + X[:, 2] > 1.2, "HIGH", "LOW")
    model = BlendByLevel(None, (), (1,), n_estimators=20).fit(X, y)
    (forest,) = {id(one): one for one in model.forests_.values()}.values()
    assert (model.knows_level_, model.regressions_, len(forest.estimators_)) == (False, {}, 20)
    by_name = [1 in tree.tree_.feature for tree in forest.estimators_]
    assert sum(by_name[:10]) > 5
    assert not any(by_name[10:])
    assert (model.predict(X) == y).mean() > 0.9


def test_names_come_in_where_there_is_no_history():
    training = rows(900)[0]
    history = default_features("history")
    assert features_to_learn("blend_by_level", "history", training) == history
    unknown = training.with_columns(pl.lit(None, dtype=pl.String).alias(schema.CURRENT_LEVEL))
    assert features_to_learn("blend_by_level", "history", unknown) == (
        (*schema.CATEGORICAL_FEATURES, schema.CURRENT_LEVEL),
        history[1],
    )
    assert features_to_learn("random_forest", "history", unknown) == history
    assert features_to_learn("random_forest", "base", unknown) == default_features("base")


def test_the_regression_follows_its_scores_and_never_extrapolates():
    score = np.linspace(0, 1, 200, dtype=np.float32)
    y = np.where(score > 0.6, "HIGH", "LOW")
    model = LogScoreRegression((0,)).fit(score[:, None], y)
    p_high = model.predict_proba(score[:, None])[:, 0]
    assert (np.diff(p_high) >= 0).all()
    top, beyond = model.predict_proba(np.array([[1.0], [50.0]], dtype=np.float32))
    np.testing.assert_array_equal(top, beyond)
    assert 0.0 < model.predict_proba(np.array([[np.nan]], dtype=np.float32))[0, 0] < 1.0


def test_a_column_without_any_value_in_training_is_zero_from_then_on():
    X = pl.DataFrame(
        {"trend_score": [None, None], "internal_usage": [0.1, None]}, schema_overrides={"trend_score": pl.Float64}
    )
    encoder = FeatureEncoder((), ["trend_score", "internal_usage"]).fit(X, np.array(["LOW", "HIGH"]))
    later = pl.DataFrame({"trend_score": [0.9], "internal_usage": [None]})
    np.testing.assert_array_equal(encoder.transform(later), [[0.0, np.nan]])
