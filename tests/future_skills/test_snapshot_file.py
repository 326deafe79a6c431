"""What a cell may hold, and how a batch of cells is read: no database."""

import gzip
import io
import math
import random
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from future_skills import schema
from future_skills.errors import FutureSkillsError
from future_skills.snapshot_columns import ENGLISH_HEADINGS, FRENCH_HEADINGS, match_headings, normal_heading
from future_skills.snapshot_file import FEATURES, open_snapshots, with_decimal_points
from future_skills.snapshot_values import (
    LEVEL_WORDS,
    PLAIN_NUMBER,
    Unacceptable,
    read_level,
    read_name,
    read_number,
    read_period,
)

SALARY = FEATURES["avg_salary_k"]
ECONOMY = FEATURES["economic_indicator"]


def number(text: str, *, comma_separates_cells: bool = False) -> float | None:
    return read_number(text, ECONOMY, comma_separates_cells=comma_separates_cells)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.82", 0.82),
        ("0,82", 0.82),
        (".5", 0.5),
        ("5.", 5.0),
        ("+7,3", 7.3),
        ("-7.3", -7.3),
        ("1e2", 100.0),
        ("1,5e2", 150.0),
        ("1 000", 1000.0),
        ("1\u202f000,0", 1000.0),
        ("1\u00a0000.0", 1000.0),
        ("1,000", 1.0),
        ("", None),
    ],
)
def test_numbers_are_read_as_computers_and_as_french_people_write_them(text, value):
    assert number(text) == value


def test_minus_zero_is_zero():
    assert math.copysign(1.0, number("-0.0") or 0.0) == 1.0


@pytest.mark.parametrize(
    "text", ["1.000,0", "1,000.0", "1 00", "12 34", "1'000", "0.1.2", "1e", "e5", "1,2,3", "½", "1 000 ,5"]
)
def test_what_could_mean_two_things_is_refused(text):
    with pytest.raises(Unacceptable):
        number(text)


@pytest.mark.parametrize("text", ["1,234", "-12,000", "999,999"])
def test_three_digits_after_a_comma_are_refused_where_commas_separate_cells(text):
    with pytest.raises(Unacceptable, match="can mean"):
        number(text, comma_separates_cells=True)


@pytest.mark.parametrize(("text", "value"), [("0,820", 0.82), ("7,3", 7.3), ("12,5", 12.5), ("1,2345", 1.2345)])
def test_other_decimal_commas_are_read_where_commas_separate_cells(text, value):
    assert number(text, comma_separates_cells=True) == value


@given(st.floats(min_value=-100, max_value=1000))
def test_a_number_written_by_python_is_read_back_to_the_last_bit(value):
    assert number(repr(value)) == value


@given(st.text(alphabet="0123456789.,eE+- \u202f", max_size=12), st.booleans())
def test_the_fast_way_of_reading_a_column_gives_the_same_numbers_as_the_slow_one(text, comma_separates_cells):
    column = with_decimal_points(pl.Series([text.strip()]), comma_separates_cells=comma_separates_cells)
    if not column.str.contains(PLAIN_NUMBER).item():
        return
    fast = column.cast(pl.Float64).item()
    if ECONOMY.minimum <= fast <= ECONOMY.maximum:
        assert number(text.strip(), comma_separates_cells=comma_separates_cells) == fast


@given(st.text(max_size=300))
def test_a_name_that_is_accepted_is_short_visible_and_stays_the_same_when_read_again(text):
    try:
        name = read_name(text.strip())
    except Unacceptable:
        return
    assert 0 < len(name) <= schema.NAME_MAX_LENGTH
    assert name.isprintable()
    assert read_name(name) == name


def test_periods_are_months():
    assert read_period("2025-03") == "2025-03"
    for text in ("2025-3", "2025-00", "2025-03\n", "0999-01", "٢٠٢٥-03", "2025-03-01"):
        with pytest.raises(Unacceptable):
            read_period(text)


def test_the_levels_accepted_are_those_of_the_table():
    assert {word: read_level(word) for word in LEVEL_WORDS} == LEVEL_WORDS
    for text in ("modéré", "l", "2", "high.", "très élevé"):
        with pytest.raises(Unacceptable):
            read_level(text)


def test_every_heading_of_the_table_is_recognised_without_its_capitals_accents_and_unit():
    for headings in (FRENCH_HEADINGS, ENGLISH_HEADINGS):
        for change in (str.upper, str.lower, lambda text: text.partition("(")[0], lambda text: text.replace(" ", "_")):
            places = match_headings("f.csv", [change(heading) for heading in headings.values()], {})
            assert list(places) == list(schema.SNAPSHOT_COLUMNS)


def test_a_heading_in_another_unit_is_not_recognised():
    assert normal_heading("Salaire moyen (€)") != normal_heading(FRENCH_HEADINGS["avg_salary_k"])
    assert normal_heading("Salaire moyen (€)") != normal_heading("Salaire moyen")


HEADER = ",".join(schema.SNAPSHOT_COLUMNS)
ROW = "2024-03,C1,Baker,Food,Bread,Craft,0.5,0.5,1,0.5,0.5,30,7,LOW"


def opened(tmp_path: Path, text: str) -> list[tuple[pl.DataFrame, tuple[int, ...]]]:
    path = tmp_path / "f.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return [(batch.rows, tuple(row.line for row in batch.rejected)) for batch in open_snapshots(path).batches()]


def test_lines_are_numbered_as_a_text_editor_numbers_them(tmp_path):
    text = f'\n{HEADER},"a heading\non two lines"\n\n{ROW},"a cell\non two lines"\n{ROW.replace("0.5", "x")},\n'
    [(rows, rejected)] = opened(tmp_path, text)
    assert rows["line"].to_list() == [5]
    assert rejected == (7,)


def test_a_row_gives_all_its_reasons_at_once(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text(f"{HEADER}\n{ROW.replace('2024-03', 'x').replace('LOW', 'y').replace('Baker', '')}\n")
    [batch] = open_snapshots(path).batches()
    [row] = batch.rejected
    assert [defect.column for defect in row.defects] == ["period", "job_role_name", "observed_need_level"]
    assert row.cells["period"] == "x"


def files_of_every_kind() -> dict[str, bytes]:
    text = "\n".join([HEADER, *(ROW.replace("Bread", f"Skill {number}") for number in range(200))])
    numbers = [pl.col(name).cast(pl.Float64) for name in schema.NUMERIC_FEATURES]
    parquet, excel = io.BytesIO(), io.BytesIO()
    rows = pl.read_csv(io.StringIO(text), infer_schema=False).with_columns(numbers)
    rows.write_parquet(parquet)
    book = openpyxl.Workbook()
    for cells in [rows.columns, *rows.rows()]:
        book.active.append(cells)
    book.save(excel)
    packed = gzip.compress(text.encode(), mtime=0)
    return {"f.csv": text.encode(), "f.csv.gz": packed, "f.parquet": parquet.getvalue(), "f.xlsx": excel.getvalue()}


@pytest.mark.parametrize("name", ["f.csv", "f.csv.gz", "f.parquet", "f.xlsx"])
def test_whatever_is_damaged_the_file_gives_rows_or_a_refusal_that_names_it(tmp_path, name):
    content = files_of_every_kind()[name]
    chance = random.Random(3)
    path = tmp_path / name
    for _ in range(40):
        damaged = bytearray(content)
        start = chance.randrange(len(content))
        if chance.random() < 0.5:
            del damaged[start:]
        else:
            damaged[start : start + 20] = chance.randbytes(20)
        path.write_bytes(damaged)
        try:
            read = sum(batch.rows.height + len(batch.rejected) for batch in open_snapshots(path).batches())
        except FutureSkillsError as refusal:
            said = str(refusal)
        else:
            said = f"{name}: {read} rows"
        assert name in said
