"""Models trained elsewhere: what can become a version, what it is worth here, and what is refused."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from future_skills import schema
from future_skills.artifact import PROFILE_SUFFIX, LoadedVersion, VersionPaths, check_cases, load_version
from future_skills.dataset import Dataset, build_dataset, read_dataset, write_dataset
from future_skills.errors import ArtifactTypeRefusedError, ForeignModelError, MissingFeaturesError, UsageError
from future_skills.evaluation import evaluate
from future_skills.foreign import NOTE, measure_foreign, open_foreign
from future_skills.manifest import read_manifest
from future_skills.prediction import Predictor
from future_skills.training import Recipe, VersionWords, fit_and_measure, train, write_trained

Clock = Callable[[], datetime]


@pytest.fixture(scope="module")
def dataset(company: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("dataset") / "dataset.csv"
    write_dataset(build_dataset(company), path)
    return read_dataset(path)


def fitted(dataset: Dataset, *, columns: tuple[str, ...] = schema.BASE_FEATURES, labels: Any = None) -> Any:
    """A pipeline as other teams write them, fitted on a pandas frame."""
    names = [name for name in columns if name in schema.CATEGORICAL_FEATURES]
    numbers = [name for name in columns if name not in schema.CATEGORICAL_FEATURES]
    prepare = ColumnTransformer(
        [("names", OneHotEncoder(handle_unknown="ignore"), names), ("numbers", SimpleImputer(), numbers)]
    )
    model = make_pipeline(prepare, RandomForestClassifier(10, random_state=0, n_jobs=2))
    return model.fit(dataset.frame.select(columns).to_pandas(), dataset.levels if labels is None else labels)


@pytest.fixture
def imported(dataset: Dataset, tmp_path: Path, clock: Clock) -> LoadedVersion:
    """A version made of such a pipeline."""
    opened = open_foreign(pickle.dumps(fitted(dataset)), path="theirs.pkl")
    trained, recipe = measure_foreign(opened.value, dataset, path="theirs.pkl")
    words = VersionWords(version="v9", author="ada", parent=None, changes="", notes="de Lyon", started=clock())
    return write_trained(
        dataset, trained, recipe, paths=VersionPaths(tmp_path / "future_skills_model_v9.pkl"), words=words, clock=clock
    )


def test_a_pipeline_of_another_team_becomes_a_version_that_opens_and_answers(
    imported: LoadedVersion, dataset: Dataset
) -> None:
    loaded = load_version(imported.paths.model)
    check_cases(loaded)
    rows = dataset.frame.filter(pl.col(schema.PERIOD) == dataset.periods[-1])
    said = fitted(dataset).predict(rows.select(schema.BASE_FEATURES).to_pandas())
    assert loaded.manifest.metrics.accuracy == pytest.approx((said == rows[schema.LABEL].to_numpy()).mean())
    assert loaded.manifest.baselines.majority is not None
    assert loaded.manifest.algorithm == "RandomForestClassifier"
    assert loaded.manifest.hyperparameters["n_estimators"] == 10
    assert loaded.manifest.features.columns == schema.BASE_FEATURES
    assert loaded.model[-1].n_jobs == 1


def test_its_manifest_says_that_its_training_rows_are_not_known(imported: LoadedVersion) -> None:
    manifest = read_manifest(imported.paths.manifest)
    split = manifest.split
    assert (split.train_rows_known, split.train_rows, split.train_periods, split.note) == (False, 0, (), NOTE)
    assert manifest.profile == {}
    assert not imported.paths.beside(PROFILE_SUFFIX).exists()
    assert imported.rows()["part"].unique().to_list() == ["test"]


def test_it_answers_without_a_profile_and_warns_of_nothing_it_cannot_know(
    imported: LoadedVersion, dataset: Dataset
) -> None:
    row = dataset.frame.select(schema.BASE_FEATURES).to_dicts()[0] | {schema.SKILL: "never seen"}
    (answer,) = Predictor(load_version(imported.paths.model)).predict([row])
    assert answer.level in schema.LEVELS
    assert answer.warnings == ()


def test_it_is_scored_and_not_ranked_beside_versions_of_ours(
    imported: LoadedVersion, dataset: Dataset, tmp_path: Path, clock: Clock
) -> None:
    ours = train(
        dataset,
        version="v1",
        output=tmp_path / "ours" / "future_skills_model_v1.pkl",
        author="nadia",
        clock=clock,
        recipe=Recipe(params={"n_estimators": 5}),
    )
    report = evaluate([ours, imported], dataset, draws=50)
    v1, v9 = report.versions
    assert (v1.rank, v9.rank, v9.seen) == (1, None, None)
    assert v9.metrics == imported.manifest.metrics
    assert "entraînée ailleurs" in report.to_markdown("fr")
    assert "nobody knows whether it saw these rows" in report.to_markdown("en")


def test_our_own_model_whose_manifest_was_lost_can_come_back(dataset: Dataset) -> None:
    recipe = Recipe(feature_set="history", params={"n_estimators": 5})
    lost = fit_and_measure(dataset, recipe)
    found, again = measure_foreign(lost.model, dataset, path="lost.pkl")
    assert found.metrics == lost.metrics
    assert (again.feature_set, found.features) == ("history", lost.features)


def test_what_is_no_pickle_or_names_refused_types_is_refused_before_anything_else(dataset: Dataset) -> None:
    with pytest.raises(ForeignModelError, match=r"theirs\.pkl cannot be opened here"):
        open_foreign(b"<html>", path="theirs.pkl")
    with pytest.raises(ArtifactTypeRefusedError, match="CountVectorizer"):
        open_foreign(pickle.dumps(CountVectorizer()), path="theirs.pkl")


def test_what_is_no_classifier_of_the_levels_by_name_is_refused_in_words(dataset: Dataset) -> None:
    numbers = dataset.frame.select(schema.NUMERIC_FEATURES)
    others = {
        "holds dict, not a fitted classifier": {"weights": [1, 2]},
        "holds SimpleImputer, not a fitted classifier": SimpleImputer(),
        "answers other levels: 0, 1, 2": fitted(dataset, labels=[schema.LEVEL_RANK[level] for level in dataset.levels]),
        "does not say which columns it reads": LogisticRegression(max_iter=1000).fit(
            numbers.fill_null(0).to_numpy(), dataset.levels
        ),
        "reads columns that no dataset has: note": make_pipeline(FunctionTransformer(), RandomForestClassifier(2)).fit(
            numbers.to_pandas().assign(note=1.0), dataset.levels
        ),
    }
    for message, model in others.items():
        with pytest.raises(ForeignModelError, match=message) as refusal:
            measure_foreign(model, dataset, path="theirs.pkl")
        assert "ColumnTransformer" in str(refusal.value)


def test_a_model_that_cannot_answer_a_frame_of_more_columns_is_refused_in_words(dataset: Dataset) -> None:
    numbers = dataset.frame.select(schema.NUMERIC_FEATURES).to_pandas()
    alone = RandomForestClassifier(2, random_state=0).fit(numbers, dataset.levels)
    with pytest.raises(ForeignModelError, match=r"cannot answer the rows of dataset\.csv"):
        measure_foreign(alone, dataset, path="theirs.pkl")


def test_a_model_that_gives_no_numbers_is_refused(dataset: Dataset) -> None:
    model = fitted(dataset)
    model[-1].estimators_[0].tree_.value[:] = np.nan
    with pytest.raises(ForeignModelError, match="not numbers"):
        measure_foreign(model, dataset, path="theirs.pkl")


def test_rows_that_lack_its_columns_or_the_period_are_refused(dataset: Dataset) -> None:
    remembers = fitted(dataset, columns=(*schema.BASE_FEATURES, "need_memory"))
    assert measure_foreign(remembers, dataset, path="theirs.pkl")[0].features.history == ("need_memory",)
    timeless = dataset.frame.drop("need_memory").with_columns(period=pl.lit(None, dtype=pl.String))
    with pytest.raises(UsageError, match="no history"):
        measure_foreign(remembers, replace(dataset, frame=timeless), path="theirs.pkl")
    with pytest.raises(MissingFeaturesError, match="scarcity_index"):
        measure_foreign(
            fitted(dataset), replace(dataset, frame=dataset.frame.drop("scarcity_index")), path="theirs.pkl"
        )
    with pytest.raises(UsageError, match="1999"):
        measure_foreign(fitted(dataset), dataset, path="theirs.pkl", test_period="1999-01")
