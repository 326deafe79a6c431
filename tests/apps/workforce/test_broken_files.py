"""Broken files, made by code: each is refused in words that name the place, with exit code 1 and nothing written."""

import gzip
import io
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from django.core.management import CommandError, call_command

from future_skills import schema
from tests.apps.workforce.facts import GOOD_ROW, csv_text, database, row

HEADER = ",".join(schema.SNAPSHOT_COLUMNS)
GOOD = csv_text(row())


def one_bad_cell(column: str, value: str) -> str:
    """A CSV whose second row of data (line 3) has a bad cell."""
    return csv_text(
        row(), row(skill_name="SQL", **{column: value}) if column != "skill_name" else row(skill_name=value)
    )


def workbook(*rows: list[Any], title: str = "Feuil1") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = title
    for cells in rows:
        book.active.append(cells)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def excel_row(**changes: Any) -> list[Any]:
    numbers = {name: float(GOOD_ROW[name]) for name in schema.NUMERIC_FEATURES}
    return list({**GOOD_ROW, **numbers, **changes}.values())


EXCEL_HEADER = list(GOOD_ROW)
MAY_FIRST = datetime(2024, 5, 1)  # noqa: DTZ001 — a cell of Excel has no time zone


def parquet(*, without: str = "", **changes: Any) -> bytes:
    """Two rows in Parquet, some columns changed, one left out."""
    numbers = {name: float(GOOD_ROW[name]) for name in schema.NUMERIC_FEATURES}
    rows = pl.DataFrame(
        {**{name: [value] * 2 for name, value in {**GOOD_ROW, **numbers}.items()}, "skill_name": ["R", "C"]}
    )
    content = io.BytesIO()
    rows.with_columns(**changes).drop(without or []).write_parquet(content)
    return content.getvalue()


def patched_workbook(old: bytes, new: bytes, *, member: str = "xl/worksheets/sheet1.xml") -> bytes:
    """A workbook whose XML was changed."""
    content = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(EXCEL_HEADER, excel_row()))) as source,
        zipfile.ZipFile(content, "w") as to,
    ):
        for name in source.namelist():
            text = source.read(name)
            to.writestr(name, text.replace(old, new, 1) if name == member else text)
    return content.getvalue()


def zip_bomb() -> bytes:
    """A small workbook whose one sheet would unpack to more than a gigabyte."""
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(EXCEL_HEADER))) as source, zipfile.ZipFile(content, "w") as to:
        for name in source.namelist():
            if name != "xl/worksheets/sheet1.xml":
                to.writestr(name, source.read(name))
        with to.open(zipfile.ZipInfo("xl/worksheets/sheet1.xml"), "w", force_zip64=True) as sheet:
            del sheet
    raw = bytearray(content.getvalue())
    # The directory of the archive says 4 GB: what it says is what is believed.
    place = raw.rindex(b"PK\x01\x02")
    raw[place + 24 : place + 28] = (4_000_000_000).to_bytes(4, "little")
    return bytes(raw)


def parquet_without_rows() -> bytes:
    content = io.BytesIO()
    pl.read_parquet(io.BytesIO(parquet())).clear().write_parquet(content)
    return content.getvalue()


def damaged_parquet() -> bytes:
    content = bytearray(parquet())
    content[20:400] = bytes(380)
    return bytes(content)


BAD_CELLS = [
    ("unknown level", "observed_need_level", "CRITICAL"),
    ("level as a number", "observed_need_level", "3"),
    ("NaN", "trend_score", "NaN"),
    ("NA", "internal_usage", "N/A"),
    ("null", "scarcity_index", "null"),
    ("dash for missing", "avg_salary_k", "-"),
    ("infinity", "avg_salary_k", "inf"),
    ("minus infinity", "economic_indicator", "-Infinity"),
    ("huge number", "training_requests", "1e999"),
    ("above the range", "trend_score", "1.5"),
    ("below the range", "hiring_difficulty", "-0.1"),
    ("words for a number", "avg_salary_k", "environ 45"),
    ("currency", "avg_salary_k", "45 k€"),
    ("percent sign", "internal_usage", "82 %"),
    ("two separators", "avg_salary_k", "1,234.5"),
    ("thousands or decimals", "training_requests", "1,234"),
    ("thousands twice", "training_requests", "1,234,567"),
    ("spreadsheet error", "scarcity_index", "#REF!"),
    ("spreadsheet error in French", "scarcity_index", "#VALEUR!"),
    ("hexadecimal", "training_requests", "0x10"),
    ("underscored number", "training_requests", "1_000"),
    ("arabic digits", "training_requests", "١٢"),
    ("month 13", "period", "2024-13"),
    ("a whole date", "period", "2024-03-15"),
    ("a French date", "period", "03/2024"),
    ("a year alone", "period", "2024"),
    ("blank period", "period", ""),
    ("blank role", "job_role_name", ""),
    ("blank skill", "skill_name", "  "),
    ("blank category", "skill_category", ""),
    ("no value as a name", "job_department", "nan"),
    ("spreadsheet error as a name", "skill_category", "#N/A"),
    ("control character", "skill_name", "Pyt\x07hon"),
    ("line break in a name", "skill_name", "Python\n3"),
    ("zero-width space", "job_role_name", "Data\u200bengineer"),
    ("right-to-left override", "skill_name", "Py\u202enoht"),
    ("soft hyphen", "job_department", "Sys\u00adtems"),
    ("10 000 characters", "skill_name", "x" * 10_000),
    ("200 000 characters", "skill_name", "x" * 200_000),
    ("201 characters", "job_role_code", "x" * 201),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("column", "value"), [case[1:] for case in BAD_CELLS], ids=[case[0] for case in BAD_CELLS])
def test_a_bad_cell_is_named_by_line_column_and_value(write, column, value):
    text = one_bad_cell(column, value)
    message = refused(write(text))
    assert "line 3" in message
    assert f"column {column}" in message
    shown = value.strip() if len(value) < 80 else value[:79]
    assert repr(shown)[1:-1] in message


BROKEN_FILES: dict[str, tuple[str, Callable[[], str | bytes], list[str]]] = {
    # name of the file, its content, what the message must say beside the name
    "empty": ("releve.csv", lambda: "", ["is empty"]),
    "blank lines only": ("releve.csv", lambda: "\n\n  \n", ["is empty"]),
    "headings only": ("releve.csv", lambda: HEADER + "\n", ["no row"]),
    "missing column": ("releve.csv", lambda: GOOD.replace("scarcity_index", "rare"), ["scarcity_index", "rare"]),
    "no heading at all": ("releve.csv", lambda: GOOD.split("\n", 1)[1], ["period", "job_role_name"]),
    "duplicated heading": ("releve.csv", lambda: GOOD.replace("hiring_difficulty", "trend_score"), ["trend_score"]),
    "two headings for one column": ("releve.csv", lambda: GOOD.replace("job_role_code", "Métier"), ["job_role_name"]),
    "too few cells": ("releve.csv", lambda: GOOD + "2024-03,SI-014\n", ["line 3", "2 cells"]),
    "too many cells": ("releve.csv", lambda: GOOD + GOOD.splitlines()[1] + ",extra\n", ["line 3", "15 cells"]),
    "decimal comma in a comma file": ("releve.csv", lambda: GOOD.replace("48.5", "48,5"), ["line 2", "15 cells"]),
    "unclosed quotation mark": ("releve.csv", lambda: GOOD + '2024-03,"SI', ["line 3", "quotation mark"]),
    "quotation mark out of place": ("releve.csv", lambda: GOOD + '"SI" x,2\n', ["line 3", "quotation mark"]),
    "a cell larger than a cell can be": ("releve.csv", lambda: GOOD + '"' + "x\n" * 100_000, ["line 3"]),
    "a line without end": ("releve.csv", lambda: GOOD + "x" * 1_100_000, ["line 3", "longer"]),
    "NUL bytes": ("releve.csv", lambda: GOOD.encode() + b"2024-03\0\0\0", ["line 3", "NUL"]),
    "UTF-16 without its mark": ("releve.csv", lambda: GOOD.encode("utf-16-le"), ["line 1", "NUL"]),
    "UTF-16 cut short": ("releve.csv", lambda: GOOD.encode("utf-16")[:-1], ["UTF-16"]),
    "no text at all": ("releve.csv", lambda: b"\x81\x8d\x8f\x90\x9d" * 9, ["Windows-1252"]),
    "truncated gzip": ("releve.csv.gz", lambda: gzip.compress(GOOD.encode() * 99)[:-30], ["damaged or cut short"]),
    "damaged gzip": ("releve.csv.gz", lambda: gzip.compress(GOOD.encode())[:-8] + bytes(8), ["damaged"]),
    "empty gzip": ("releve.csv.gz", lambda: gzip.compress(b""), ["is empty"]),
    "text named gz": ("releve.csv.gz", lambda: GOOD, ["gzip", "text"]),
    "gzip named csv": ("releve.csv", lambda: gzip.compress(GOOD.encode()), ["gzip"]),
    "workbook named csv": ("releve.csv", lambda: workbook(EXCEL_HEADER, excel_row()), ["Excel"]),
    "truncated Parquet": ("releve.parquet", lambda: parquet()[:-40], ["damaged or cut short"]),
    "damaged Parquet": ("releve.parquet", damaged_parquet, ["damaged or cut short"]),
    "four bytes of Parquet": ("releve.parquet", lambda: b"PAR1", ["damaged or cut short"]),
    "text named parquet": ("releve.parquet", lambda: GOOD, ["Parquet", "text"]),
    "Parquet with texts for numbers": (
        "releve.parquet",
        lambda: parquet(trend_score=pl.lit("0.5")),
        ["column trend_score", "String"],
    ),
    "Parquet with numbers for names": ("releve.parquet", lambda: parquet(skill_name=pl.lit(3)), ["skill_name"]),
    "Parquet with lists": ("releve.parquet", lambda: parquet(avg_salary_k=pl.lit([1.0])), ["avg_salary_k", "List"]),
    "Parquet NaN": (
        "releve.parquet",
        lambda: parquet(trend_score=pl.Series([0.5, float("nan")])),
        ["line 2", "column trend_score", "nan"],
    ),
    "Parquet infinity": (
        "releve.parquet",
        lambda: parquet(avg_salary_k=pl.Series([float("inf"), 1.0])),
        ["line 1", "column avg_salary_k", "inf"],
    ),
    "Parquet without a column": ("releve.parquet", lambda: parquet(without="scarcity_index"), ["scarcity_index"]),
    "Parquet without a row": ("releve.parquet", parquet_without_rows, ["no row"]),
    "workbook that is not a zip": ("releve.xlsx", lambda: b"PK\x03\x04 and nothing else", ["damaged"]),
    "text named xlsx": ("releve.xlsx", lambda: GOOD, ["Excel", "text"]),
    "truncated workbook": ("releve.xlsx", lambda: workbook(EXCEL_HEADER, excel_row())[:-300], ["damaged"]),
    "workbook of broken XML": ("releve.xlsx", lambda: patched_workbook(b"</row>", b"</rox>"), ["damaged"]),
    "workbook without a sheet list": (
        "releve.xlsx",
        lambda: patched_workbook(b"<sheets>", b"<sheetz>", member="xl/workbook.xml"),
        ["damaged"],
    ),
    "old or locked workbook": ("releve.xlsx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), [".xlsx"]),
    "old workbook": ("releve.xls", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), [".xlsx"]),
    "workbook too large once unpacked": ("releve.xlsx", zip_bomb, ["4000 MB"]),
    "empty workbook": ("releve.xlsx", workbook, ["is empty"]),
    "workbook with headings only": ("releve.xlsx", lambda: workbook(EXCEL_HEADER), ["no row"]),
    "formula error": (
        "releve.xlsx",
        lambda: workbook(EXCEL_HEADER, excel_row(trend_score="#REF!")),
        ["line 2", "column trend_score", "#REF!"],
    ),
    "formula never computed": (
        "releve.xlsx",
        lambda: workbook(EXCEL_HEADER, excel_row(trend_score="=1/2")),
        ["line 2", "column trend_score, value '=1/2'", "formula"],
    ),
    "a number that Excel made a date": (
        "releve.xlsx",
        lambda: workbook(EXCEL_HEADER, excel_row(avg_salary_k=MAY_FIRST)),
        ["line 2", "column avg_salary_k", "2024-05-01"],
    ),
    "a code that Excel made a date": (
        "releve.xlsx",
        lambda: workbook(EXCEL_HEADER, excel_row(job_role_code=MAY_FIRST)),
        ["line 2", "column job_role_code", "date"],
    ),
    "a period that is a number": (
        "releve.xlsx",
        lambda: workbook(EXCEL_HEADER, excel_row(period=45352)),
        ["line 2", "column period", "45352"],
    ),
    "true for a number": (
        "releve.xlsx",
        lambda: workbook(EXCEL_HEADER, excel_row(trend_score=True)),
        ["line 2", "column trend_score", "TRUE"],
    ),
    "a cell beyond the headings": (
        "releve.xlsx",
        lambda: workbook(EXCEL_HEADER, [*excel_row(), "lost"]),
        ["line 2", "15 cells", "lost"],
    ),
    "contradictory rows": (
        "releve.csv",
        lambda: csv_text(row(), row(skill_name="SQL"), row(trend_score="0.6")),
        ["line 2", "line 4", "column trend_score"],
    ),
    "known and unknown": (
        "releve.csv",
        lambda: csv_text(row(), row(observed_need_level="")),
        ["line 2", "line 3", "column observed_need_level"],
    ),
    "two codes for one role name": (
        "releve.csv",
        lambda: csv_text(row(), row(job_role_code="SI-015", skill_name="SQL")),
        ["line 3", "line 2", "column job_role_code", "SI-015"],
    ),
    "one code for two role names": (
        "releve.csv",
        lambda: csv_text(row(), row(job_role_name="Baker", skill_name="SQL")),
        ["line 3", "line 2", "column job_role_name", "Baker"],
    ),
    "another kind of file": ("releve.pdf", lambda: GOOD, [".csv", ".parquet"]),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "content", "said"), BROKEN_FILES.values(), ids=list(BROKEN_FILES))
def test_a_broken_file_is_refused_in_words(write, name, content, said):
    message = refused(write(content(), name))
    assert name in message
    for words in said:
        assert words in message


def refused(path: Path, *options: str) -> str:
    """The message of an import that was refused and left the database, and the folder, as they were."""
    before = database()
    files = sorted(path.parent.iterdir())
    with pytest.raises(CommandError) as refusal:
        call_command("import_snapshots", str(path), *options)
    assert refusal.value.returncode == 1
    assert database() == before
    assert sorted(path.parent.iterdir()) == files
    message = str(refusal.value)
    assert path.name in message
    assert "Traceback" not in message
    return message


@pytest.mark.django_db
def test_a_folder_is_refused(tmp_path):
    assert "folder" in refused(tmp_path)


@pytest.mark.django_db
def test_a_missing_file_is_refused(tmp_path):
    assert "does not exist" in refused(tmp_path / "releve.csv")


@pytest.mark.django_db
def test_every_defect_is_counted_and_the_first_ones_are_shown(write):
    rows = [row(skill_name=f"Skill {number}", trend_score="2", avg_salary_k="x") for number in range(60)]
    message = refused(write(csv_text(*rows)))
    assert "120 value(s)" in message
    assert message.count("column trend_score") == 10


@pytest.mark.django_db
def test_rows_already_stored_stay_as_they_were_when_a_file_is_refused(write):
    call_command("import_snapshots", str(write(GOOD, "good.csv")))
    before = database()
    refused(write(csv_text(row(trend_score="0.9"), row(skill_name="SQL", trend_score="9"))))
    assert database() == before


@pytest.mark.django_db
def test_a_good_file_is_not_stored_when_the_next_one_is_broken(write):
    good, bad = write(GOOD, "good.csv"), write(GOOD.replace("HIGH", "?"), "bad.csv")
    assert "bad.csv" in refused(bad)
    before = database()
    with pytest.raises(CommandError, match=r"bad\.csv"):
        call_command("import_snapshots", str(good), str(bad))
    assert database() == before


@pytest.mark.django_db
def test_rows_that_contradict_each_other_across_files_are_refused_with_both_places(write):
    first, second = write(GOOD, "first.csv"), write(csv_text(row(avg_salary_k="50")), "second.csv")
    before = database()
    with pytest.raises(CommandError) as refusal:
        call_command("import_snapshots", str(first), str(second))
    assert "line 2 of second.csv" in str(refusal.value)
    assert "first.csv" in str(refusal.value)
    assert database() == before


@pytest.mark.django_db
def test_a_role_stored_with_another_code_is_refused(write):
    call_command("import_snapshots", str(write(GOOD, "good.csv")))
    message = refused(write(csv_text(row(skill_name="SQL"), row(skill_name="R")).replace("SI-014", "SI-099")))
    assert "line 2" in message
    assert "SI-014" in message


@pytest.mark.django_db
def test_a_rejects_file_is_not_left_behind_by_a_file_that_cannot_be_read(write, tmp_path):
    refused(write(GOOD + '"', "releve.csv"), "--rejects", str(tmp_path / "rejects.csv"))
    assert [path.name for path in tmp_path.iterdir() if "rejects" in path.name] == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("option", "said"),
    [("métier=job_role_name", "métier"), ("period=month", "month"), ("period=skill_name", "skill_name")],
)
def test_a_map_that_names_no_column_is_refused(write, option, said):
    path = write(GOOD)
    before = database()
    with pytest.raises(CommandError, match=said) as refusal:
        call_command("import_snapshots", str(path), "--map", option)
    assert refusal.value.returncode == 1
    assert database() == before
