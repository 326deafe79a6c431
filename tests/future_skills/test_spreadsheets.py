"""Tables as files that a spreadsheet opens: what it shows is what was in the table, and no formula."""

import csv
import io

import openpyxl
import polars as pl
import pytest

from future_skills.spreadsheets import csv_pieces, workbook_pieces

PARTS = [
    pl.DataFrame(
        {"role": ["Chargé de paie", None], "share": [0.5, None], "count": [3, 1_000_000], "sure": [True, False]}
    ),
    pl.DataFrame(
        {"role": ["=1+1", 'a<b & "c"\x07\nd'], "share": [1e-7, -2.25], "count": [0, -1], "sure": [None, True]}
    ),
]
HEADINGS = ["Métier", "Part", "Nombre", "Sûr"]


def test_a_workbook_shows_every_value_and_no_formula() -> None:
    content = b"".join(workbook_pieces("R&D <1>", HEADINGS, PARTS))
    book = openpyxl.load_workbook(io.BytesIO(content))
    (sheet,) = book.worksheets
    assert sheet.title == "R&D <1>"
    assert sheet.freeze_panes == "A2"
    assert [[cell.value for cell in row] for row in sheet.rows] == [
        HEADINGS,
        ["Chargé de paie", 0.5, 3, True],
        [None, None, 1_000_000, False],
        ["=1+1", 1e-7, 0, None],
        ['a<b & "c"\nd', -2.25, -1, True],
    ]
    assert sheet["A4"].data_type != "f"


def test_a_workbook_leaves_piece_by_piece() -> None:
    seen = []

    def parts():
        for part in PARTS:
            seen.append("read")
            yield part

    pieces = workbook_pieces("x", HEADINGS, parts())
    assert next(pieces).startswith(b"PK")
    assert seen == []


@pytest.mark.parametrize(("language", "delimiter", "half"), [("fr", ";", "0,5"), ("en", ",", "0.5")])
def test_a_csv_opens_in_the_language_and_holds_no_formula(language: str, delimiter: str, half: str) -> None:
    text = "".join(csv_pieces(HEADINGS, PARTS, language))  # type: ignore[arg-type]
    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text[1:], newline=""), delimiter=delimiter))
    assert rows[0] == HEADINGS
    assert rows[1] == ["Chargé de paie", half, "3", "true"]
    assert rows[3][0] == "'=1+1"
    assert rows[4][0] == 'a<b & "c"\x07\nd'
    assert len(rows) == 5
