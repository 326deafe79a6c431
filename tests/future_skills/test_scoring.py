"""A file scored by a version: every row answered as the version answers it, or nothing written."""

import io
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from future_skills import Predictor, Recipe, read_dataset, schema, scoring, text_files, train
from future_skills.abstention import Abstention, default_answer_policy
from future_skills.campaign_results import ANSWERS, answers_of
from future_skills.dataset import build_dataset, write_dataset
from future_skills.errors import (
    DataFileError,
    InvalidValuesError,
    MissingFeaturesError,
    UsageError,
)
from future_skills.scoring import MARKS, Scored, score_file
from tests.future_skills.s3 import Store, store


@pytest.fixture(scope="module")
def folder(company: pl.DataFrame, clock: Callable[[], datetime], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset and a version that reads histories."""
    folder = tmp_path_factory.mktemp("versions")
    write_dataset(build_dataset(company), folder / "dataset.csv")
    recipe = Recipe(feature_set="history", algorithm="random_forest", params={"n_estimators": 5})
    dataset = read_dataset(folder / "dataset.csv")
    train(dataset, version="v2", output=folder / "v2.pkl", author="nadia", clock=clock, recipe=recipe)
    return folder


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Predictor:
    return Predictor.load(folder / "v2.pkl")


@pytest.fixture(scope="module")
def rows(folder: Path) -> pl.DataFrame:
    return read_dataset(folder / "dataset.csv").frame


@pytest.fixture
def score(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scored]:
    """``score(source, target)``, a hundred rows at a time."""
    monkeypatch.setattr(scoring, "BATCH_ROWS", 100)
    monkeypatch.setattr(text_files, "BLOCK_BYTES", 10_000)
    monkeypatch.setattr(text_files, "CHUNK_BYTES", 5_000)
    abstention = Abstention(default_answer_policy(), {})

    def run(source: Path, target: Path, deployment: int | None = 7) -> Scored:
        return score_file(str(source), str(target), predictor=predictor, abstention=abstention, deployment=deployment)

    return run


def expected(predictor: Predictor, rows: pl.DataFrame) -> pl.DataFrame:
    said = predictor.predict(rows).to_frame()
    return answers_of(said, Abstention(default_answer_policy(), {}).flags(rows, said))


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize("from_suffix", [".parquet", ".csv"])
def test_every_row_is_answered_in_order_behind_its_own_columns(
    score: Callable[..., Scored],
    predictor: Predictor,
    rows: pl.DataFrame,
    folder: Path,
    tmp_path: Path,
    from_suffix: str,
    suffix: str,
) -> None:
    source, target = tmp_path / f"in{from_suffix}", tmp_path / "made" / f"out{suffix}"
    if from_suffix == ".csv":
        rows.write_csv(source)
    else:
        rows.write_parquet(source)
    scored = score(source, target)
    assert scored.rows == len(rows) > 300
    assert sum(scored.levels.values()) == len(rows)
    out = (
        pl.read_parquet(target)
        if suffix == ".parquet"
        else pl.read_csv(target, schema_overrides={"warnings": pl.String})
    )
    assert out.columns == [*rows.columns, *ANSWERS, *MARKS]
    wanted = expected(predictor, rows)
    assert_frame_equal(out.select(ANSWERS), wanted, check_exact=suffix == ".parquet")
    assert out.select(MARKS).unique().rows() == [("v2", 7, False)]
    assert scored.abstained == out["abstained"].sum()
    assert out[schema.ROLE].to_list() == rows[schema.ROLE].to_list()
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_trial_says_so_in_every_row(score: Callable[..., Scored], folder: Path, tmp_path: Path) -> None:
    score(folder / "dataset.csv", tmp_path / "out.parquet", deployment=None)
    out = pl.read_parquet(tmp_path / "out.parquet")
    assert out.select(MARKS).unique().rows() == [("v2", None, True)]


def test_a_french_spreadsheet_is_understood(
    score: Callable[..., Scored], predictor: Predictor, rows: pl.DataFrame, tmp_path: Path
) -> None:
    french = rows.with_columns(
        pl.col(schema.CURRENT_LEVEL).replace_strict({"LOW": "Faible", "MEDIUM": "Moyen", "HIGH": "Élevé"})
    )
    source = tmp_path / "in.csv"
    source.write_bytes(b"\xef\xbb\xbf" + french.write_csv(separator=";", decimal_comma=True).encode())
    score(source, tmp_path / "out.parquet")
    out = pl.read_parquet(tmp_path / "out.parquet")
    assert_frame_equal(out.select(ANSWERS), expected(predictor, rows))


def spoilt(rows: pl.DataFrame, place: int, column: str, value: str) -> str:
    texts = rows.cast(pl.String)
    cells = texts[column].to_list()
    cells[place] = value
    return texts.with_columns(pl.Series(column, cells)).write_csv()


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("internal_usage", "beaucoup", "not a number"),
        ("internal_usage", "inf", "not a finite number"),
        ("trend_score", "1e+99", "too large"),
        (schema.CURRENT_LEVEL, "Énorme", "not a need level"),
    ],
)
def test_a_bad_cell_refuses_the_file_and_is_named(
    score: Callable[..., Scored], rows: pl.DataFrame, tmp_path: Path, column: str, value: str, reason: str
) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    target.write_text("what was there")
    source.write_text(spoilt(rows, 250, column, value))
    with pytest.raises(InvalidValuesError, match=reason) as refused:
        score(source, target)
    (defect,) = refused.value.defects
    assert (defect.line, defect.column) == (252, column)
    assert value in defect.value
    assert target.read_text() == "what was there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_lines_are_those_of_a_text_editor(score: Callable[..., Scored], rows: pl.DataFrame, tmp_path: Path) -> None:
    two_lines = rows.with_columns(
        pl.when(pl.int_range(pl.len()) < 150)
        .then(pl.lit("two\nlines"))
        .otherwise(schema.CATEGORY)
        .alias(schema.CATEGORY)
    )
    source = tmp_path / "in.csv"
    source.write_text(spoilt(two_lines, 250, "internal_usage", "?"))
    with pytest.raises(InvalidValuesError) as refused:
        score(source, tmp_path / "out.csv")
    assert refused.value.defects[0].line == 252 + 150
    assert source.read_text().splitlines()[refused.value.defects[0].line - 1].count("?") == 1


def test_a_bad_value_of_a_parquet_file_is_named_by_its_row(
    score: Callable[..., Scored], rows: pl.DataFrame, tmp_path: Path
) -> None:
    place = pl.int_range(pl.len()) == 250
    wrong = rows.with_columns(pl.when(place).then(float("inf")).otherwise("internal_usage").alias("internal_usage"))
    wrong.write_parquet(tmp_path / "in.parquet")
    with pytest.raises(InvalidValuesError) as refused:
        score(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert [(d.line, d.column) for d in refused.value.defects] == [(251, "internal_usage")]


def test_absent_columns_are_named_history_included(
    score: Callable[..., Scored], rows: pl.DataFrame, tmp_path: Path
) -> None:
    rows.drop("need_memory").write_csv(tmp_path / "in.csv")
    with pytest.raises(MissingFeaturesError, match=r"need_memory.*predict_all"):
        score(tmp_path / "in.csv", tmp_path / "out.csv")
    rows.drop("trend_score").write_csv(tmp_path / "in.csv")
    with pytest.raises(MissingFeaturesError) as refused:
        score(tmp_path / "in.csv", tmp_path / "out.csv")
    assert refused.value.details["columns"] == "trend_score"


def test_what_cannot_be_scored_is_refused(
    score: Callable[..., Scored], folder: Path, rows: pl.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="unknown file format"):
        score(folder / "dataset.csv", tmp_path / "out.xlsx")
    with pytest.raises(UsageError, match="replaced while it is read"):
        score(folder / "dataset.csv", folder / "dataset.csv")
    with pytest.raises(DataFileError, match="no such file"):
        score(tmp_path / "nothing.csv", tmp_path / "out.csv")
    with pytest.raises(DataFileError, match="no such file"):
        score(tmp_path / "nothing.parquet", tmp_path / "out.csv")
    rows.with_columns(score=pl.lit(1.0)).write_csv(tmp_path / "scored.csv")
    with pytest.raises(UsageError, match="score"):
        score(tmp_path / "scored.csv", tmp_path / "out.csv")
    rows.clear().write_csv(tmp_path / "empty.csv")
    with pytest.raises(DataFileError, match="no row"):
        score(tmp_path / "empty.csv", tmp_path / "out.csv")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataFileError, match="cannot be read"):
        score(tmp_path / "cut.parquet", tmp_path / "out.csv")


def test_a_packed_csv_is_read(score: Callable[..., Scored], rows: pl.DataFrame, tmp_path: Path) -> None:
    import gzip

    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(rows.write_csv().encode()))
    assert score(tmp_path / "in.csv.gz", tmp_path / "out.csv").rows == len(rows)


def test_a_row_with_too_many_cells_is_refused(score: Callable[..., Scored], rows: pl.DataFrame, tmp_path: Path) -> None:
    lines = rows.write_csv().splitlines()
    lines[200] += ",one more"
    (tmp_path / "in.csv").write_text("\n".join(lines))
    with pytest.raises(DataFileError, match="cannot be read"):
        score(tmp_path / "in.csv", tmp_path / "out.csv")


def test_what_was_written_is_said_while_it_goes_on(
    predictor: Predictor, folder: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(text_files, "BLOCK_BYTES", 10_000)
    monkeypatch.setattr(text_files, "CHUNK_BYTES", 5_000)
    seen: list[int] = []
    score_file(
        str(folder / "dataset.csv"),
        str(tmp_path / "out.csv"),
        predictor=predictor,
        abstention=Abstention(default_answer_policy(), {}),
        deployment=None,
        on_progress=seen.append,
    )
    assert seen == sorted(seen)
    assert len(seen) > 3


def test_a_quote_that_nothing_closes_is_no_row(
    score: Callable[..., Scored], rows: pl.DataFrame, tmp_path: Path
) -> None:
    lines = rows.write_csv().splitlines()
    lines[20] = '"' + lines[20]
    (tmp_path / "in.csv").write_text("\n".join(lines))
    with pytest.raises(DataFileError, match="damaged"):
        score(tmp_path / "in.csv", tmp_path / "out.csv")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store that speaks S3, and the environment that leads to it."""
    with store() as opened:
        for name, value in opened.environment.items():
            monkeypatch.setenv(name, value)
        yield opened


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_both_ends_may_be_in_an_object_store(
    predictor: Predictor, rows: pl.DataFrame, bucket: Store, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(scoring, "BATCH_ROWS", 100)
    content = io.BytesIO()
    if suffix == ".csv":
        rows.write_csv(content)
    else:
        rows.write_parquet(content)
    bucket.objects[f"/hr/rows{suffix}"] = content.getvalue()
    abstention = Abstention(default_answer_policy(), {})
    ends = {"source": f"s3://hr/rows{suffix}", "target": f"s3://hr/scored{suffix}"}
    scored = score_file(**ends, predictor=predictor, abstention=abstention, deployment=7)
    assert scored.rows == len(rows)
    written = io.BytesIO(bucket.objects[f"/hr/scored{suffix}"])
    out = (
        pl.read_csv(written, schema_overrides={"warnings": pl.String}) if suffix == ".csv" else pl.read_parquet(written)
    )
    assert_frame_equal(out.select("level", "score"), expected(predictor, rows).select("level", "score"))


def test_a_bad_cell_of_an_object_writes_nothing(predictor: Predictor, rows: pl.DataFrame, bucket: Store) -> None:
    bucket.objects["/hr/rows.csv"] = spoilt(rows, 250, "internal_usage", "?").encode()
    abstention = Abstention(default_answer_policy(), {})
    ends = {"source": "s3://hr/rows.csv", "target": "s3://hr/scored.csv"}
    with pytest.raises(InvalidValuesError):
        score_file(**ends, predictor=predictor, abstention=abstention, deployment=7)
    assert list(bucket.objects) == ["/hr/rows.csv"]
    assert not bucket.uploads
    with pytest.raises(DataFileError, match="no such file"):
        score_file(
            "s3://hr/none.parquet", "s3://hr/scored.csv", predictor=predictor, abstention=abstention, deployment=7
        )
