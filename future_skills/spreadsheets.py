"""Tables as files for a spreadsheet, made piece by piece: the first bytes leave before the last row is read.

A cell is text, a number, yes or no, or empty; no text of a table can become a formula.
"""

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import polars as pl

from future_skills.formatting import Language
from future_skills.text import csv_line

MOST_ROWS: Final = 1_048_575
"""Rows of an Excel sheet below its headings."""

_FORMULA: Final = r"^\s*[=+\-@]"
"""How a text begins that a spreadsheet would take for a formula (see ``text.csv_line``)."""


def csv_pieces(headings: Sequence[str], parts: Iterable[pl.DataFrame], language: Language) -> Iterator[str]:
    """A CSV that a spreadsheet opens in one language: French ones expect ``;`` and decimal commas; both a byte-order mark.

    Args:
        headings: of the columns.
        parts: the rows, some at a time.
        language: of the spreadsheet.
    """
    french = language == "fr"
    separator = ";" if french else ","
    yield "\ufeff" + csv_line(headings, delimiter=separator)
    for part in parts:
        inert = part.with_columns(_inert(name) for name, dtype in part.schema.items() if dtype == pl.String)
        yield inert.write_csv(include_header=False, separator=separator, decimal_comma=french, line_terminator="\r\n")


def _inert(name: str) -> pl.Expr:
    """A text with an apostrophe before what would be a formula."""
    text = pl.col(name)
    return pl.when(text.str.contains(_FORMULA)).then("'" + text).otherwise(text).alias(name)


class _Pipe(io.RawIOBase):
    """Takes what is written, and gives it away."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: object) -> int:
        """Keep it until it is taken."""
        piece = bytes(data)  # type: ignore[call-overload]
        self._written.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        """What was written since the last time."""
        written, self._written = b"".join(self._written), []
        return written


def workbook_pieces(sheet: str, headings: Sequence[str], parts: Iterable[pl.DataFrame]) -> Iterator[bytes]:
    """An Excel workbook with one sheet, its headings frozen.

    Args:
        sheet: name of the sheet, 31 characters at most.
        headings: of the columns.
        parts: the rows, some at a time: texts, numbers, booleans; ``MOST_ROWS`` of them at most.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in _FRAME.items():
            archive.writestr(name, content.format(sheet=_escaped(sheet)))
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as rows:
            head = pl.DataFrame({str(place): [heading] for place, heading in enumerate(headings)})
            rows.write(_SHEET_BEGINS.encode() + _rows_xml(head))
            yield pipe.taken()
            for part in parts:
                rows.write(_rows_xml(part))
                yield pipe.taken()
            rows.write(_SHEET_ENDS.encode())
    yield pipe.taken()


def _rows_xml(rows: pl.DataFrame) -> bytes:
    cells = [_cell_xml(name, dtype) for name, dtype in rows.schema.items()]
    lines = rows.select(pl.concat_str(pl.lit("<row>"), *cells, pl.lit("</row>"))).to_series()
    return "".join(lines).encode()


def _cell_xml(name: str, dtype: pl.DataType) -> pl.Expr:
    value = pl.col(name)
    if dtype == pl.Boolean:
        filled = pl.concat_str(pl.lit('<c t="b"><v>'), value.cast(pl.Int8), pl.lit("</v></c>"))
    elif dtype.is_numeric():
        filled = pl.concat_str(pl.lit("<c><v>"), value, pl.lit("</v></c>"))
    else:
        text = value.cast(pl.String).str.replace_all(_UNPRINTABLE, "")
        for character, entity in _ENTITIES.items():
            text = text.str.replace_all(character, entity, literal=True)
        filled = pl.concat_str(pl.lit('<c t="inlineStr"><is><t xml:space="preserve">'), text, pl.lit("</t></is></c>"))
    return pl.when(value.is_null()).then(pl.lit("<c/>")).otherwise(filled)


_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_UNPRINTABLE: Final = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x{FFFE}\x{FFFF}]"
"""What XML cannot hold."""


def _escaped(text: str) -> str:
    for character, entity in _ENTITIES.items():
        text = text.replace(character, entity)
    return text.replace('"', "&quot;")


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_FRAME: Final = {
    "[Content_Types].xml": (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="{sheet}" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    ),
}
_SHEET_BEGINS: Final = (
    f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>'
)
_SHEET_ENDS: Final = "</sheetData></worksheet>"
