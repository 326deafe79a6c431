"""Building, reading and splitting datasets."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from future_skills import schema
from future_skills.dataset import (
    DATASET_COLUMNS,
    HISTORY_COLUMNS,
    Dataset,
    build_dataset,
    dataset_card,
    read_dataset,
    row_hashes,
    write_dataset,
)
from future_skills.errors import (
    DataFileError,
    InvalidValuesError,
    MissingColumnsError,
    NotEnoughDataError,
    UsageError,
)
from future_skills.split import split_rows
from future_skills.split_notes import NO_LABEL_PERIOD, STRATIFIED

Make = Callable[..., pl.DataFrame]


@pytest.fixture
def exported(company: pl.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "dataset.csv"
    write_dataset(build_dataset(company), path)
    return path


def with_cell(path: Path, line: int, column: str, value: str) -> Path:
    """A copy of a CSV file in which one cell (line as a text editor counts) says something else."""
    frame = pl.read_csv(path, infer_schema=False)
    rows = frame[column].to_list()
    rows[line - 2] = value
    broken = path.with_name("broken.csv")
    frame.with_columns(pl.Series(column, rows)).write_csv(broken)
    return broken


def test_a_dataset_has_the_published_columns_sorted_by_period_role_and_skill(company: pl.DataFrame) -> None:
    frame = build_dataset(company)
    assert tuple(frame.columns) == DATASET_COLUMNS
    assert frame.equals(frame.sort(schema.SNAPSHOT_KEY))
    assert frame[schema.PERIOD].unique().sort().to_list() == ["2019-06", "2020-06", "2021-06", "2022-06"]


def test_the_same_facts_in_another_order_give_the_same_bytes(company: pl.DataFrame, tmp_path: Path) -> None:
    write_dataset(build_dataset(company), tmp_path / "a.csv")
    write_dataset(build_dataset(company.sample(fraction=1, shuffle=True, seed=3)), tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_as_of_gives_what_an_export_of_that_day_would_have_given(company: pl.DataFrame) -> None:
    known_then = company.filter(pl.col(schema.PERIOD) <= "2021-06")
    assert build_dataset(company, as_of="2021-06").equals(build_dataset(known_then))


def test_one_period_says_from_when_on_a_model_can_be_trained(company: pl.DataFrame) -> None:
    with pytest.raises(NotEnoughDataError) as refusal:
        build_dataset(company.filter(pl.col(schema.PERIOD) == "2019-06"))
    assert refusal.value.details["first_label"] == "2020-06"
    assert refusal.value.details["first_test"] == "2021-06"


def test_no_facts_are_refused_with_the_command_that_brings_some(company: pl.DataFrame) -> None:
    with pytest.raises(NotEnoughDataError, match="import_snapshots"):
        build_dataset(company.clear())


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_what_is_written_is_read_back(company: pl.DataFrame, tmp_path: Path, suffix: str) -> None:
    frame = build_dataset(company)
    path = tmp_path / f"dataset.{suffix}"
    write_dataset(frame, path)
    dataset = read_dataset(path)
    assert dataset.frame.select(DATASET_COLUMNS).equals(frame)
    assert dataset.has_periods


def test_another_suffix_is_refused(company: pl.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.csv"):
        write_dataset(company, tmp_path / "dataset.json")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("trend_score", "0,8,2", "not a number"),
        ("trend_score", "1,234", "not a number"),
        ("trend_score", "inf", "finite"),
        ("trend_score", "1e39", "too large"),
        ("trend_score", "nan", "finite"),
        ("future_need_level", "URGENT", "LOW, MEDIUM and HIGH"),
        ("future_need_level", "", "remove it"),
        ("current_need_level", "haut", "LOW, MEDIUM and HIGH"),
        ("period", "06/2020", "YYYY-MM"),
        ("label_period", "2000-01", "later"),
        ("job_role_name", "", "empty"),
        ("skill_name", "  ", "empty"),
    ],
)
def test_a_bad_cell_is_named_by_line_column_and_value(exported: Path, column: str, value: str, words: str) -> None:
    with pytest.raises(InvalidValuesError, match=words) as refusal:
        read_dataset(with_cell(exported, 7, column, value))
    defect = refusal.value.defects[0]
    assert (defect.line, defect.column) == (7, column)
    assert f"line 7, column {column}" in str(refusal.value)


def test_a_line_number_counts_the_line_breaks_inside_cells(exported: Path) -> None:
    path = with_cell(exported, 3, "skill_category", "two\nlines")
    with pytest.raises(InvalidValuesError) as refusal:
        read_dataset(with_cell(path, 7, "avg_salary_k", "much"))
    assert refusal.value.defects[0].line == 8


def test_every_bad_cell_is_counted_and_the_first_are_shown(exported: Path, tmp_path: Path) -> None:
    frame = pl.read_csv(exported, infer_schema=False).with_columns(pl.lit("x").alias("trend_score"))
    frame.write_csv(tmp_path / "all_bad.csv")
    with pytest.raises(InvalidValuesError) as refusal:
        read_dataset(tmp_path / "all_bad.csv")
    assert refusal.value.details["count"] == len(frame)
    assert [defect.line for defect in refusal.value.defects] == list(range(2, 22))


def test_a_pair_that_stands_twice_in_a_period_is_refused(exported: Path) -> None:
    lines = exported.read_text().splitlines()
    exported.write_text("\n".join([*lines, lines[1]]))
    with pytest.raises(InvalidValuesError, match="stands already"):
        read_dataset(exported)


def test_missing_columns_are_named(exported: Path, tmp_path: Path) -> None:
    pl.read_csv(exported, infer_schema=False).drop("trend_score", "future_need_level").write_csv(tmp_path / "d.csv")
    with pytest.raises(MissingColumnsError, match="trend_score, future_need_level"):
        read_dataset(tmp_path / "d.csv")


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"PAR1 cut"])
def test_unreadable_files_are_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("d.csv", "d.parquet", "d.csv.gz"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises((DataFileError, MissingColumnsError)):
            read_dataset(tmp_path / name)


@pytest.mark.parametrize("value", [pl.lit([1, 2]), pl.lit(b"\xff")])
@pytest.mark.parametrize("column", ["skill_category", "future_need_level"])
def test_a_parquet_column_that_is_no_text_is_refused(
    exported: Path, tmp_path: Path, column: str, value: pl.Expr
) -> None:
    pl.read_csv(exported).with_columns(value.alias(column)).write_parquet(tmp_path / "d.parquet")
    with pytest.raises(InvalidValuesError, match="not text"):
        read_dataset(tmp_path / "d.parquet")


def test_a_damaged_gzip_is_refused(exported: Path, tmp_path: Path) -> None:
    content = gzip.compress(exported.read_bytes())
    (tmp_path / "d.csv.gz").write_bytes(content[:100] + bytes(range(200)) + content[300:])
    with pytest.raises(DataFileError, match="damaged or cut short"):
        read_dataset(tmp_path / "d.csv.gz")


FRENCH_LEVELS = {"LOW": "Faible", "MEDIUM": "moyen", "HIGH": "Élevé"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("first_line", ["", "sep={}\n"])
def test_a_french_spreadsheet_s_file_is_simply_read(
    exported: Path, tmp_path: Path, encoding: str, separator: str, first_line: str
) -> None:
    expected = read_dataset(exported).frame
    french = pl.read_csv(exported, infer_schema=False).with_columns(
        pl.col(schema.NUMERIC_FEATURES).str.replace(".", ",", literal=True),
        pl.col(schema.LABEL).replace(FRENCH_LEVELS),
    )
    text = first_line.format(separator) + french.write_csv(separator=separator)
    (tmp_path / "fr.csv").write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert read_dataset(tmp_path / "fr.csv").frame.equals(expected)


def test_a_row_with_too_many_cells_is_named_by_its_line(exported: Path) -> None:
    lines = exported.read_text().splitlines()
    lines[5] += ",1,2"
    exported.write_text("\n".join(lines))
    with pytest.raises(DataFileError, match=r"line 6: the row has 38 cells, and there are 36 headings"):
        read_dataset(exported)


def own_columns(exported: Path, path: Path, **changes: str) -> Path:
    """The dataset as a company of its own names it, one cell of the fourth line changed."""
    frame = pl.read_csv(exported, infer_schema=False).rename({"period": "relevé", "label_period": "réalisé"})
    for name, value in changes.items():
        frame = frame.with_columns(pl.when(pl.int_range(pl.len()) == 2).then(pl.lit(value)).otherwise(name).alias(name))
    frame.write_csv(path)
    return path


def test_a_refusal_speaks_of_the_file_s_own_columns(exported: Path, tmp_path: Path) -> None:
    own = {"period_column": "relevé", "label_period_column": "réalisé"}
    with pytest.raises(InvalidValuesError) as refusal:
        read_dataset(own_columns(exported, tmp_path / "d.csv", réalisé="1999-01"), **own)
    (defect,) = refusal.value.defects
    assert (defect.line, defect.column, defect.value) == (4, "réalisé", "1999-01")
    assert "the period of the label must be later than the period of its row" in str(refusal.value)
    with pytest.raises(InvalidValuesError) as refusal:
        read_dataset(own_columns(exported, tmp_path / "d.csv", relevé="20x8"), **own)
    assert [(one.column, one.value) for one in refusal.value.defects] == [
        ("relevé", "20x8")
    ]  # and nothing that follows
    lacking = own_columns(exported, tmp_path / "d.csv")
    pl.read_csv(lacking, infer_schema=False).drop("trend_score").write_csv(lacking)
    with pytest.raises(MissingColumnsError) as missing:
        read_dataset(lacking, **own)
    assert "Columns found: relevé, réalisé, " in str(missing.value)
    assert "--label-period-column" in str(missing.value)
    assert "--map" not in str(missing.value)
    with pytest.raises(MissingColumnsError, match=r"missing: année\. Columns found: relevé, .* Name one of these"):
        read_dataset(lacking, period_column="année", label_period_column="réalisé")
    with pytest.raises(UsageError, match="two columns"):
        read_dataset(lacking, period_column="relevé", label_period_column="relevé")


def test_a_suffix_in_capitals_is_the_same_suffix(company: pl.DataFrame, tmp_path: Path) -> None:
    write_dataset(build_dataset(company), tmp_path / "D.CSV")
    assert (tmp_path / "D.CSV").read_text().startswith("period,")
    assert read_dataset(tmp_path / "D.CSV").has_periods


def test_an_absent_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="export_future_skills_dataset"):
        read_dataset(tmp_path / "none.csv")


def test_a_second_companys_file_is_read_with_its_own_period_columns(panel_path: Path) -> None:
    dataset = read_dataset(panel_path, period_column="year", label_period_column="year_next")
    assert dataset.periods == ("2017", "2018")
    known = dataset.frame.filter(pl.col(schema.PERIOD) == "2018")[schema.CURRENT_LEVEL]
    assert (len(known), known.null_count()) == (1_037, 1_037 - 672)
    assert "realised_need" not in dataset.frame.columns


def test_split_by_time_trains_only_on_labels_known_at_the_test_period(exported: Path) -> None:
    dataset = read_dataset(exported)
    split = split_rows(dataset)
    frame = dataset.frame
    assert (split.kind, split.test_period) == ("time", "2022-06")
    assert frame.filter(split.test)[schema.PERIOD].unique().to_list() == ["2022-06"]
    assert frame.filter(split.train)[schema.LABEL_PERIOD].max() == "2022-06"
    assert not (split.train & split.test).any()


def test_an_earlier_test_period_leaves_later_rows_out(exported: Path) -> None:
    dataset = read_dataset(exported)
    split = split_rows(dataset, test_period="2021-06")
    assert dataset.frame.filter(split.train)[schema.PERIOD].unique().sort().to_list() == ["2019-06", "2020-06"]
    assert split.train.sum() + split.test.sum() < len(dataset.frame)


def test_a_test_period_without_earlier_labels_is_refused(exported: Path) -> None:
    with pytest.raises(NotEnoughDataError, match="2019-06"):
        split_rows(read_dataset(exported), test_period="2019-06")


def test_an_unknown_test_period_names_those_that_exist(exported: Path) -> None:
    with pytest.raises(UsageError, match="2019-06, 2020-06, 2021-06, 2022-06"):
        split_rows(read_dataset(exported), test_period="2031-01")


def test_a_file_without_periods_is_split_at_random_and_it_is_said(exported: Path, tmp_path: Path) -> None:
    pl.read_csv(exported, infer_schema=False).drop("period", "label_period").write_csv(tmp_path / "d.csv")
    dataset = read_dataset(tmp_path / "d.csv")
    split = split_rows(dataset)
    assert split.kind == "stratified"
    assert "Not a test on the future" in split.note
    assert split.test.sum() == pytest.approx(0.2 * len(dataset.frame), abs=1)
    with pytest.raises(UsageError, match="--period-column"):
        split_rows(dataset, kind="time")


def test_a_period_without_its_label_s_period_is_said(exported: Path, tmp_path: Path) -> None:
    pl.read_csv(exported, infer_schema=False).drop("label_period", *HISTORY_COLUMNS).write_csv(tmp_path / "d.csv")
    split = split_rows(read_dataset(tmp_path / "d.csv"))
    assert (split.kind, split.note) == ("stratified", f"{STRATIFIED} {NO_LABEL_PERIOD}")


def test_a_split_by_group_keeps_each_role_on_one_side(exported: Path) -> None:
    dataset = read_dataset(exported)
    split = split_rows(dataset, kind="group")
    roles = dataset.frame[schema.ROLE].to_numpy()
    assert not set(roles[split.train]) & set(roles[split.test])


def test_one_level_only_is_refused(exported: Path) -> None:
    dataset = read_dataset(exported)
    frame = dataset.frame.with_columns(pl.lit("LOW").alias(schema.LABEL))
    with pytest.raises(NotEnoughDataError, match="one level only"):
        split_rows(Dataset(frame, "d.csv", "0" * 64))


def test_row_hashes_tell_rows_apart_and_ignore_corrected_features(exported: Path) -> None:
    frame = read_dataset(exported).frame
    hashes = row_hashes(frame)
    assert len(np.unique(hashes)) == len(frame)
    corrected = frame.with_columns(pl.col("trend_score") + 0.1)
    assert (row_hashes(corrected) == hashes).all()
    assert not np.isin(row_hashes(frame.with_columns(pl.lit("2030-01").alias(schema.PERIOD))), hashes).any()


def test_the_card_counts_what_the_dataset_holds(company: pl.DataFrame) -> None:
    frame = build_dataset(company)
    card = dataset_card(frame, source="test", label_rule={"rule": "later"})
    assert card["rows"] == len(frame)
    assert sum(card["class_distribution"].values()) == len(frame)
    assert sum(sum(levels.values()) for levels in card["class_distribution_by_period"].values()) == len(frame)
    assert card["coverage_by_department"] == [{"job_department": "Dept", "rows": len(frame), "roles": 8, "skills": 15}]
    assert card["features"]["trend_score"]["missing"] == 0


def test_two_levels_for_one_pair_and_label_period_are_refused(exported: Path) -> None:
    frame = read_dataset(exported).frame
    row = frame.filter(pl.col(schema.PERIOD) == "2019-06").head(1)
    other = "LOW" if row[schema.LABEL].item() != "LOW" else "HIGH"
    twin = row.with_columns(pl.lit("2018-06").alias(schema.PERIOD), pl.lit(other).alias(schema.LABEL))
    write_dataset(pl.concat([frame, twin.select(frame.columns)]), exported)
    with pytest.raises(InvalidValuesError, match="another level"):
        read_dataset(exported)


def test_rows_that_stand_twice_never_test_what_was_trained(exported: Path, tmp_path: Path) -> None:
    frame = pl.read_csv(exported, infer_schema=False).drop("period", "label_period")
    pl.concat([frame, frame]).write_csv(tmp_path / "d.csv")
    dataset = read_dataset(tmp_path / "d.csv")
    split = split_rows(dataset)
    hashes = row_hashes(dataset.frame)
    assert not set(hashes[split.train]) & set(hashes[split.test])
    assert "stand in training too" in split.note
