"""Answers for rows that nobody labelled: what is said, what is refused, what to know before trusting it."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from future_skills import Predictor, Recipe, read_dataset, schema, train
from future_skills.artifact import CASES_SUFFIX, LoadedVersion, load_version
from future_skills.dataset import HISTORY_COLUMNS, build_dataset, write_dataset
from future_skills.engine_choice import EngineChoice
from future_skills.errors import (
    ArtifactHashMismatchError,
    InvalidRowsError,
    MissingFeaturesError,
    SignatureInvalidError,
    SignatureMissingError,
    UsageError,
)
from future_skills.files import sha256_of_file
from future_skills.prediction import Prediction, PredictionWarning, value_defect
from future_skills.signing import PrivateKey, signature_text


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


def usual_version(folder: Path) -> LoadedVersion:
    return load_version(folder / "base.pkl")


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


# --- Rows of every kind -------------------------------------------------------------------------------------------------
class Arrow:
    """A table of a library that we do not know: all it speaks is Arrow."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


def test_tables_of_polars_pandas_and_arrow_are_answered_alike(predictor: Predictor, rows: pl.DataFrame) -> None:
    asked = rows.tail(50).with_columns(trend_score=pl.when(pl.int_range(50) > 5).then("trend_score"))
    expected = predictor.predict(asked)
    for table in (asked.to_pandas(), asked.to_arrow(), Arrow(asked), asked.to_dicts(), tuple(asked.to_dicts())):
        assert predictor.predict(table) == expected


@pytest.mark.parametrize(
    "rows", [5, "rows", [1], [["trend_score"]], iter([{}]), {"trend_score": 1.0}, np.zeros((2, 2))]
)
def test_what_is_no_table_is_refused(base: Predictor, rows: Any) -> None:
    with pytest.raises(UsageError, match="Rows are a list of mappings"):
        base.predict(rows)


def test_a_table_that_cannot_be_read_is_refused(base: Predictor, rows: pl.DataFrame) -> None:
    mixed = rows.head(2).to_pandas().assign(trend_score=[1, "un"])
    with pytest.raises(UsageError, match="The table cannot be read"):
        base.predict(mixed)
    with pytest.raises(MissingFeaturesError):
        base.predict(Arrow(rows["trend_score"].to_frame()))


@pytest.mark.parametrize("few", [1, 4_096])
def test_answers_and_warnings_do_not_depend_on_how_the_version_is_run(
    folder: Path, rows: pl.DataFrame, few: int
) -> None:
    odd = rows.tail(60).with_columns(
        trend_score=pl.when(pl.int_range(60) % 7 == 0).then(1.5).otherwise("trend_score"),
        skill_name=pl.when(pl.int_range(60) % 5 == 0).then(pl.lit("Docking")).otherwise("skill_name"),
        skill_category=pl.lit(None, dtype=pl.String),
    )
    usual = Predictor.load(folder / "base.pkl")
    measured = Predictor(usual_version(folder), EngineChoice(compiled=True, few=few, rows=60))
    plain = Predictor(usual_version(folder), EngineChoice(compiled=False, reason="slower"))
    assert (measured.choice.few, plain.choice.compiled) == (few, False)
    expected = usual.predict(odd)
    assert {code for one in expected for code, _column in codes(one)} == {"out_of_range", "unknown_skill"}
    for predictor in (measured, plain):
        assert predictor.predict(odd) == expected
        assert predictor.predict(odd.to_dicts()) == expected


def test_a_version_without_stored_cases_is_run_by_scikit_learn(folder: Path, rows: pl.DataFrame) -> None:
    version = load_version(folder / "base.pkl")
    files = tuple(entry for entry in version.manifest.files if not entry.name.endswith(CASES_SUFFIX))
    old = replace(version, manifest=version.manifest.model_copy(update={"files": files}))
    predictor = Predictor(old)
    assert (predictor.choice.compiled, predictor.choice.reason) == (False, "no_rows")
    assert predictor.predict(rows.head(5)) == Predictor(version).predict(rows.head(5))


def test_the_client_needs_no_django(folder: Path) -> None:
    words = (
        "import sys; from future_skills import Predictor; "
        f"predictor = Predictor.load({str(folder / 'base.pkl')!r}); "
        "(answer,) = predictor.predict([dict.fromkeys(predictor.columns)]); "
        "print(answer.level, 'django' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout.split()
    assert said[0] in schema.LEVELS
    assert said[1] == "False"


# --- Whoever signed it ----------------------------------------------------------------------------------------------------
def test_a_client_with_a_public_key_opens_what_that_key_signed_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    path, key = tmp_path / "copy" / "base.pkl", PrivateKey.generate()
    with pytest.raises(SignatureMissingError):
        Predictor.load(path, public_key=key.public_key)
    signature = key.sign(sha256_of_file(path.with_suffix(".json")))
    path.with_suffix(".sig").write_text(signature_text(signature), encoding="utf-8")
    assert Predictor.load(path, public_key=key.public_key).manifest.version == "base"
    with pytest.raises(SignatureInvalidError):
        Predictor.load(path, public_key=PrivateKey.generate().public_key)
    for nonsense in ("", "clé", key.public_key[:-1], key.public_key + "00"):
        with pytest.raises(UsageError, match="64 hexadecimal digits"):
            Predictor.load(path, public_key=nonsense)


# --- A sequence -----------------------------------------------------------------------------------------------------------
def test_answers_are_a_sequence_whose_items_are_made_when_asked(base: Predictor, rows: pl.DataFrame) -> None:
    answers = base.predict(rows)
    items = list(answers)
    assert (len(answers), len(items)) == (len(rows), len(rows))
    assert answers[0] == items[0] == answers[-len(items)]
    assert answers[5:9] == items[5:9]
    assert answers[::-100] == items[::-100]
    assert answers[9:5] == []
    assert items[3] in answers
    assert answers.index(items[0]) == 0
    assert answers == items
    assert answers == base.predict(rows)
    assert answers != items[:-1]
    assert answers != "LOW"
    assert repr(base.predict(rows.head(2))) == "<2 predictions>"
    for beyond in (len(rows), -len(rows) - 1):
        with pytest.raises(IndexError):
            answers[beyond]
    with pytest.raises(TypeError):
        hash(answers)


def test_answers_as_a_frame_say_what_the_items_say(base: Predictor, rows: pl.DataFrame) -> None:
    odd = rows.tail(30).with_columns(
        trend_score=pl.when(pl.int_range(30) == 4).then(1.5).otherwise("trend_score"),
        job_role_name=pl.when(pl.int_range(30) == 4).then(pl.lit("Astronaut")).otherwise("job_role_name"),
        current_need_level=pl.when(pl.int_range(30) > 2).then("current_need_level"),
    )
    for asked in (odd, odd.to_dicts()):
        answers = base.predict(asked)
        frame = answers.to_frame()
        assert frame.columns == [
            *("level", "low", "medium", "high", "score", "confidence", "emergence"),
            *("current_need_level", "warnings"),
        ]
        assert frame["warnings"].to_list()[4] == ["unknown_role", "out_of_range"]
        for row, answer in zip(frame.iter_rows(named=True), answers, strict=True):
            assert answer.probabilities is not None
            assert [row[level.lower()] for level in schema.LEVELS] == list(answer.probabilities.values())
            figures = (answer.level, answer.score, answer.confidence, answer.emergence, answer.current_level)
            assert tuple(row[name] for name in (*frame.columns[:1], *frame.columns[4:8])) == figures
            assert row["warnings"] == [warning.code for warning in answer.warnings]
    empty = base.predict(rows.clear()).to_frame()
    assert (len(empty), empty.columns) == (0, frame.columns)
    assert base.predict([]).to_frame().schema == frame.schema


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
    base: Predictor, folder: Path, rows: pl.DataFrame, name: str, values: pl.Series, reason: str
) -> None:
    of_frames = Predictor(usual_version(folder), EngineChoice(compiled=True, few=1))
    refusals = []
    for predictor in (base, of_frames):
        with pytest.raises(InvalidRowsError, match=reason) as refusal:
            predictor.predict(rows.head(2).with_columns(values.alias(name)))
        assert refusal.value.defects[0].column == name
        refusals.append(refusal.value.details)
    assert refusals[0] == refusals[1]


@pytest.mark.parametrize("value", [None, 0, 1.5, np.float32(0.5), np.int64(3), -1e30])
def test_numbers_of_every_kind_are_accepted(base: Predictor, rows: pl.DataFrame, value: Any) -> None:
    assert value_defect("trend_score", value) is None
    assert base.predict([rows.row(0, named=True) | {"trend_score": value}])[0].level in schema.LEVELS


def test_whole_numbers_categories_and_nothing_at_all_are_columns_too(
    base: Predictor, folder: Path, rows: pl.DataFrame
) -> None:
    plain = rows.head(3).with_columns(pl.lit(1.0).alias("trend_score"), pl.lit(None, pl.Float64).alias("avg_salary_k"))
    odd = plain.with_columns(
        pl.lit(1).alias("trend_score"),
        pl.col("scarcity_index").cast(pl.Decimal(20, 8)),
        pl.lit(None).alias("avg_salary_k"),
        pl.col("skill_name").cast(pl.Categorical),
        (" " + pl.col("job_role_name") + "\t").alias("job_role_name"),
    )
    of_frames = Predictor(usual_version(folder), EngineChoice(compiled=True, few=1))
    for predictor in (base, of_frames):
        assert predictor.predict(odd) == base.predict(plain)


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
