"""Lines that a spreadsheet may open."""

import csv
import io

import pytest

from future_skills.text import csv_line


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", " \r\n=1+1"])
def test_a_text_is_not_taken_for_a_formula(text: str) -> None:
    assert next(csv.reader(io.StringIO(csv_line([text]), newline=""))) == [f"'{text}"]


def test_everything_else_is_written_as_it_is() -> None:
    cells = ["", "a;b", 'a "b"', -1.5, 3, "2026-03-03", "é = 1"]
    line = csv_line(cells, delimiter=";")
    assert line.endswith("\r\n")
    assert next(csv.reader([line], delimiter=";")) == [str(cell) for cell in cells]
