"""Training on other people's files, with other options."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from future_skills import schema
from future_skills.dataset import Dataset, build_dataset, read_dataset, write_dataset
from future_skills.errors import UsageError
from future_skills.pipeline import ALGORITHMS
from future_skills.simulation import CompanyParameters, simulate_company
from future_skills.split_notes import NO_HISTORY
from future_skills.training import Recipe, fit_and_measure, train

Clock = Callable[[], datetime]
QUICK = {"n_estimators": 5}


def test_a_second_companys_panel_trains(panel_path: Path, tmp_path: Path, clock: Clock) -> None:
    dataset = read_dataset(panel_path, period_column="year", label_period_column="year_next")
    version = train(
        dataset,
        version="panel-1",
        output=tmp_path / "m.pkl",
        author="nadia",
        clock=clock,
        recipe=Recipe(params={"n_estimators": 50}),
    )
    manifest = version.manifest
    assert (manifest.split.train_periods, manifest.split.test_period) == (("2017",), "2018")
    assert manifest.metrics.rows == 1_037
    persistence = manifest.baselines.persistence
    assert persistence is not None
    assert persistence.rows == 672
    assert persistence.accuracy == pytest.approx(0.571, abs=5e-4)
    assert persistence.f1_macro == pytest.approx(0.558, abs=5e-4)
    assert persistence.model_on_same_rows is not None
    assert persistence.model_on_same_rows.rows == 672
    assert manifest.baselines.majority is not None
    assert manifest.baselines.majority.accuracy == pytest.approx(0.335, abs=5e-4)
    assert manifest.metrics.accuracy > 0.5
    assert manifest.dataset.period_column == "year"


def test_history_is_derived_from_a_files_own_earlier_rows(panel_path: Path) -> None:
    dataset = read_dataset(panel_path, period_column="year", label_period_column="year_next")
    trained = fit_and_measure(dataset, Recipe(feature_set="history", params=QUICK))
    test = trained.frame.filter(trained.split.test)
    known = test.filter(pl.col(schema.CURRENT_LEVEL).is_not_null())
    assert known["share_of_roles_in_need"].null_count() == 0
    assert trained.metrics.rows == 1_037


def test_a_file_that_tells_no_earlier_level_is_served_as_well_as_without_history(panel_path: Path) -> None:
    dataset = read_dataset(panel_path, period_column="year", label_period_column="year_next")
    base, history = (
        fit_and_measure(dataset, Recipe(feature_set=features, params={"n_estimators": 60}))
        for features in ("base", "history")
    )
    assert history.metrics.f1_macro > base.metrics.f1_macro
    assert history.metrics.log_loss is not None
    assert base.metrics.log_loss is not None
    assert history.metrics.log_loss < base.metrics.log_loss
    assert history.features.categorical == schema.CATEGORICAL_FEATURES  # no history: names stand in for it
    assert history.split.note == NO_HISTORY


@pytest.mark.parametrize("seed", [7, 42])
def test_a_small_company_is_served_as_well_as_without_history(seed: int) -> None:
    parameters = CompanyParameters(roles=12, skills=40, quarters=10)  # no level has 200 rows of its own but LOW
    frame = build_dataset(simulate_company(seed=seed, parameters=parameters).snapshots)
    dataset = Dataset(frame, "small.csv", "0" * 64)
    base, history = (
        fit_and_measure(dataset, Recipe(feature_set=features, params={"n_estimators": 60}))
        for features in ("base", "history")
    )
    assert history.metrics.f1_macro > base.metrics.f1_macro
    assert history.features.categorical == ()
    assert history.split.note == ""


def test_history_without_periods_is_refused(company: pl.DataFrame, tmp_path: Path) -> None:
    frame = build_dataset(company).select(*schema.BASE_FEATURES, schema.LABEL)
    write_dataset(frame, tmp_path / "d.parquet")
    with pytest.raises(UsageError, match="--features base"):
        fit_and_measure(read_dataset(tmp_path / "d.parquet"), Recipe(feature_set="history"))


def test_a_file_without_periods_trains_and_says_what_it_is_not(
    company: pl.DataFrame, tmp_path: Path, clock: Clock
) -> None:
    frame = build_dataset(company).select(*schema.BASE_FEATURES, schema.LABEL)
    write_dataset(frame, tmp_path / "d.csv")
    version = train(
        tmp_path / "d.csv",
        version="v1",
        output=tmp_path / "m.pkl",
        author="nadia",
        clock=clock,
        recipe=Recipe(params=QUICK),
    )
    assert version.manifest.split.kind == "stratified"
    assert "Not a test on the future" in version.manifest.split.note
    assert version.manifest.baselines.persistence is None
    assert "persistence" in version.manifest.baselines.reasons
    assert version.manifest.metrics.emergence is None


def test_the_baseline_is_the_one_of_the_written_registry(company: pl.DataFrame, tmp_path: Path) -> None:
    write_dataset(build_dataset(company), tmp_path / "d.csv")
    trained = fit_and_measure(read_dataset(tmp_path / "d.csv"), Recipe())
    assert trained.algorithm == "random_forest"
    assert trained.features.columns == schema.BASE_FEATURES
    expected = {"n_estimators": 200, "class_weight": "balanced", "random_state": 42}
    assert {name: trained.hyperparameters[name] for name in expected} == expected


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_every_algorithm_trains_on_history(company: pl.DataFrame, tmp_path: Path, algorithm: str) -> None:
    write_dataset(build_dataset(company), tmp_path / "d.csv")
    params = {name: 5 for name in ("n_estimators", "max_iter") if name in ALGORITHMS[algorithm].parameters}
    params |= {"max_iter": 1000} if algorithm == "logistic_regression" else {}
    trained = fit_and_measure(
        read_dataset(tmp_path / "d.csv"), Recipe(feature_set="history", algorithm=algorithm, params=params)
    )
    assert trained.metrics.accuracy > 0.5


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic", "temperature"])
def test_probabilities_can_be_calibrated(company: pl.DataFrame, tmp_path: Path, calibration: str) -> None:
    write_dataset(build_dataset(company), tmp_path / "d.csv")
    trained = fit_and_measure(
        read_dataset(tmp_path / "d.csv"), Recipe(feature_set="history", params=QUICK, calibration=calibration)
    )
    assert trained.metrics.accuracy > 0.5


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (Recipe(algorithm="oracle"), "Known algorithms"),
        (Recipe(params={"trees": 3}), "Its parameters"),
        (Recipe(params={"n_estimators": 0}), "n_estimators"),
        (Recipe(params={"n_estimators": "many"}), "n_estimators"),
        (Recipe(split="stratified", test_period="2020-06"), "--split time"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(
    company: pl.DataFrame, tmp_path: Path, recipe: Recipe, words: str
) -> None:
    write_dataset(build_dataset(company), tmp_path / "d.csv")
    with pytest.raises(UsageError, match=words):
        fit_and_measure(read_dataset(tmp_path / "d.csv"), recipe)
