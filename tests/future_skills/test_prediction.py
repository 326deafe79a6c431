"""Answers for rows that nobody labelled: what is said, what is refused, what to know before trusting it."""

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from future_skills import Predictor, Recipe, read_dataset, schema, train
from future_skills.dataset import HISTORY_COLUMNS, build_dataset, write_dataset
from future_skills.errors import ArtifactHashMismatchError, InvalidRowsError, MissingFeaturesError
from future_skills.prediction import Prediction, PredictionWarning, value_defect


@pytest.fixture(scope="module")
def folder(company: pl.DataFrame, clock: Callable[[], datetime], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company's dataset, a version of the base features and one that reads histories."""
    folder = tmp_path_factory.mktemp("versions")
    write_dataset(build_dataset(company), folder / "dataset.csv")
    dataset = read_dataset(folder / "dataset.csv")
    for name, recipe in {
        "base": Recipe(params={"n_estimators": 10}),
        "history": Recipe(feature_set="history", algorithm="random_forest", params={"n_estimators": 10}),
    }.items():
        train(dataset, version=name, output=folder / f"{name}.pkl", author="nadia", clock=clock, recipe=recipe)
    return folder


@pytest.fixture(scope="module")
def rows(folder: Path) -> pl.DataFrame:
    """The rows of the dataset."""
    return read_dataset(folder / "dataset.csv").frame


@pytest.fixture(scope="module", params=["base", "history"])
def predictor(request: Any, folder: Path) -> Predictor:
    return Predictor.load(folder / f"{request.param}.pkl")


@pytest.fixture(scope="module")
def base(folder: Path) -> Predictor:
    return Predictor.load(folder / "base.pkl")


def codes(prediction: Prediction) -> set[tuple[str, str | None]]:
    return {(warning.code, warning.details.get("column")) for warning in prediction.warnings}


def test_a_frame_and_its_rows_one_by_one_are_answered_alike_and_as_the_model_says(
    predictor: Predictor, folder: Path, rows: pl.DataFrame
) -> None:
    together = predictor.predict(rows)
    assert predictor.predict(rows.to_dicts()) == together
    assert [predictor.predict(rows[place])[0] for place in range(20)] == together[:20]
    model = predictor._model
    assert [one.level for one in together] == model.predict(rows).tolist()
    said = np.array([[one.probabilities[level] for level in model.classes_] for one in together if one.probabilities])
    assert said == pytest.approx(model.predict_proba(rows))


def test_columns_are_those_the_version_was_trained_on(folder: Path) -> None:
    assert Predictor.load(folder / "base.pkl").columns == schema.BASE_FEATURES
    assert set(Predictor.load(folder / "history.pkl").columns) == {*schema.NUMERIC_FEATURES, *HISTORY_COLUMNS}


def test_nothing_asked_nothing_answered(predictor: Predictor, rows: pl.DataFrame) -> None:
    assert predictor.predict([]) == []
    assert predictor.predict(rows.clear()) == []


def test_a_row_without_a_column_is_refused_and_one_without_a_value_is_not(base: Predictor, rows: pl.DataFrame) -> None:
    row = rows.row(0, named=True)
    with pytest.raises(MissingFeaturesError, match="trend_score") as refusal:
        base.predict([row, {name: row[name] for name in row if name != "trend_score"}])
    assert refusal.value.details["columns"] == "trend_score"
    with pytest.raises(MissingFeaturesError):
        base.predict(rows.drop("trend_score"))
    assert base.predict([row | {"trend_score": None}])[0].level in schema.LEVELS


# --- Figures --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("shares", "current", "score", "confidence", "emergence"),
    [
        ((0.0, 0.0, 1.0), "LOW", 100.0, 1.0, 1.0),
        ((1.0, 0.0, 0.0), "MEDIUM", 0.0, 1.0, 0.0),
        ((0.2, 0.5, 0.3), "LOW", 55.0, 0.5, 0.3),
        ((0.2, 0.5, 0.3), "HIGH", 55.0, 0.5, None),
        ((0.2, 0.5, 0.3), None, 55.0, 0.5, None),
        (None, "LOW", None, None, None),
    ],
)
def test_score_confidence_and_emergence_come_from_the_probabilities(
    shares: tuple[float, ...] | None,
    current: str | None,
    score: float | None,
    confidence: float | None,
    emergence: float | None,
) -> None:
    probabilities = None if shares is None else dict(zip(schema.LEVELS, shares, strict=True))
    prediction = Prediction("MEDIUM", probabilities, current)
    assert prediction.score == pytest.approx(score)
    assert (prediction.confidence, prediction.emergence) == (confidence, emergence)


def test_what_emerges_needs_the_level_now(base: Predictor, rows: pl.DataFrame) -> None:
    row = rows.filter(current_need_level="LOW").row(0, named=True)
    without = {name: row[name] for name in schema.BASE_FEATURES}
    known, unknown = base.predict([row, without])
    assert (known.current_level, unknown.current_level) == ("LOW", None)
    assert known.probabilities == unknown.probabilities
    assert known.emergence is not None
    assert unknown.emergence is None


# --- Values ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("trend_score", "0.5", "not a number"),
        ("trend_score", True, "not a number"),
        ("trend_score", [0.5], "not a number"),
        ("trend_score", float("nan"), "not a finite number"),
        ("trend_score", float("-inf"), "not a finite number"),
        ("avg_salary_k", 1e31, "too large"),
        ("avg_salary_k", -(10**400), "too large"),
        ("skill_category", 3, "not text"),
        ("current_need_level", "high", "not a need level"),
        ("current_need_level", 2, "not a need level"),
    ],
)
def test_a_value_that_cannot_be_accepted_is_refused_with_its_place(
    base: Predictor, rows: pl.DataFrame, name: str, value: Any, reason: str
) -> None:
    row = rows.row(0, named=True)
    with pytest.raises(InvalidRowsError, match=reason) as refusal:
        base.predict([row, row, row | {name: value}])
    details = refusal.value.details
    assert details["count"] == 1
    assert (details["rows"][0]["row"], details["rows"][0]["column"]) == (2, name)
    assert value_defect(name, value) is not None


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("trend_score", pl.Series(["a", None]), "not a number"),
        ("trend_score", pl.Series([float("inf"), 1.0]), "not a finite number"),
        ("trend_score", pl.Series([float("nan"), 1.0]), "not a finite number"),
        ("avg_salary_k", pl.Series([1e31, 1.0]), "too large"),
        ("skill_category", pl.Series([1, 2]), "not text"),
        ("current_need_level", pl.Series(["LOW", "low"]), "not a need level"),
        ("current_need_level", pl.Series([1, None]), "not a need level"),
    ],
)
def test_a_frame_with_such_a_value_is_refused_too(
    base: Predictor, rows: pl.DataFrame, name: str, values: pl.Series, reason: str
) -> None:
    with pytest.raises(InvalidRowsError, match=reason) as refusal:
        base.predict(rows.head(2).with_columns(values.alias(name)))
    assert refusal.value.defects[0].column == name


@pytest.mark.parametrize("value", [None, 0, 1.5, np.float32(0.5), np.int64(3), -1e30])
def test_numbers_of_every_kind_are_accepted(base: Predictor, rows: pl.DataFrame, value: Any) -> None:
    assert value_defect("trend_score", value) is None
    assert base.predict([rows.row(0, named=True) | {"trend_score": value}])[0].level in schema.LEVELS


def test_whole_numbers_categories_and_nothing_at_all_are_columns_too(base: Predictor, rows: pl.DataFrame) -> None:
    plain = rows.head(3).with_columns(pl.lit(1.0).alias("trend_score"), pl.lit(None, pl.Float64).alias("avg_salary_k"))
    odd = plain.with_columns(
        pl.lit(1).alias("trend_score"),
        pl.lit(None).alias("avg_salary_k"),
        pl.col("skill_name").cast(pl.Categorical),
        (" " + pl.col("job_role_name") + "\t").alias("job_role_name"),
    )
    assert base.predict(odd) == base.predict(plain)


# --- Warnings -------------------------------------------------------------------------------------------------------------
def test_the_training_rows_themselves_are_warned_of_nothing_about_names(base: Predictor, rows: pl.DataFrame) -> None:
    first = rows.filter(pl.col(schema.PERIOD) == rows[schema.PERIOD].min())
    assert [one for one in base.predict(first) if one.warnings] == []


def test_names_that_training_never_had_and_values_outside_its_range_are_told(
    base: Predictor, rows: pl.DataFrame
) -> None:
    row = rows.row(0, named=True)
    strange = {"job_role_name": "Astronaut", "skill_name": "Docking", "skill_category": "Space", "trend_score": 1.5}
    usual, odd = base.predict([row, row | strange])
    assert codes(usual) == set()
    assert codes(odd) == {
        ("unknown_role", "job_role_name"),
        ("unknown_skill", "skill_name"),
        ("unknown_category", "skill_category"),
        ("out_of_range", "trend_score"),
    }
    sentences = [warning.explain() for warning in odd.warnings]
    assert "job_role_name: base never saw “Astronaut” in training." in sentences
    assert any(sentence.startswith("trend_score: 1.5 is outside the range of training (0") for sentence in sentences)


def test_a_missing_value_is_warned_of_nothing(base: Predictor, rows: pl.DataFrame) -> None:
    row = rows.row(0, named=True) | {"job_role_name": None, "trend_score": None}
    assert base.predict([row])[0].warnings == ()


def test_counters_that_grow_with_the_calendar_are_never_out_of_range(folder: Path, rows: pl.DataFrame) -> None:
    row = rows.row(0, named=True) | {"months_since_first_listed": 1e6, "roles_in_need": 1e6}
    assert codes(Predictor.load(folder / "history.pkl").predict([row])[0]) == {("out_of_range", "roles_in_need")}


def test_more_warnings_may_be_added_and_the_first_of_a_kind_counts() -> None:
    old = PredictionWarning("out_of_range", "old", {"column": "trend_score"})
    new = PredictionWarning("out_of_range", "new", {"column": "trend_score"})
    other = PredictionWarning("no_history", "none", {})
    assert Prediction("LOW", None, None, (old,)).warned(new, other).warnings == (new, other)


def test_a_version_whose_profile_was_changed_is_not_asked(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    profile = tmp_path / "copy" / "base.profile.json"
    profile.write_text(profile.read_text() + " ")
    with pytest.raises(ArtifactHashMismatchError, match=r"base\.profile\.json"):
        Predictor.load(tmp_path / "copy" / "base.pkl")
