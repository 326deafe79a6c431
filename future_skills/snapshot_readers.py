"""How each kind of file is opened and its cells fetched, in batches: CSV, Parquet, Excel.

A reader gives texts (Parquet: also floats) under our column names, with the line each row stands on. What the cells
mean is read in ``snapshot_file``; here, a file that cannot be read at all is refused, with the place and what to do.
"""

import csv
import gzip
import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, Protocol
from xml.etree.ElementTree import ParseError

import openpyxl
import polars as pl
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from future_skills import schema
from future_skills.errors import DataFileError, Defect, Words, translatable
from future_skills.snapshot_columns import KNOWN_HEADINGS, match_headings, normal_heading
from future_skills.text_files import (
    CHUNK_BYTES,
    LINE_LIMIT,
    broken_gzip_refused,
    damaged,
    declared_delimiter,
    find_delimiter,
    find_encoding,
    is_gzip,
    limited_lines,
)

LINE: Final = "line"
"""Column that holds the line of a row in its file."""

DATA_SHEET: Final = "Relevés"
"""Sheet of the template that holds the rows."""

UNPACKED_LIMIT: Final = 1_000_000_000
"""Largest Excel workbook once unpacked, in bytes: about a million rows."""

SHARED_TEXT_LIMIT: Final = 200_000_000
"""Largest table of texts of an Excel workbook, in bytes: it is held in memory."""

EXCEL_ROWS: Final = 1_048_576

WORKBOOK_ERRORS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    InvalidFileException,
    ParseError,
    EOFError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    NotImplementedError,
    OverflowError,
)
"""What openpyxl raises on a damaged workbook: it has no class of its own for that."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know about how a file was read.

    Attributes:
        template: the sentence, with the placeholders of ``details``.
        details: what fills them.
    """

    template: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def explain(self, translate: Any = str) -> str:
        """The sentence, translated by ``translate``."""
        return str(translate(self.template)).format(**self.details)


@dataclass(frozen=True, slots=True)
class NotComputed:
    """Stands for a formula without a stored result; its text is the formula, as written."""

    formula: str

    def __str__(self) -> str:
        return self.formula


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that cannot be accepted.

    Attributes:
        line: its line in the file (in Parquet, its row).
        defects: every reason, at least one.
        cells: our column -> text of the cell, as the file has it.
    """

    line: int
    defects: tuple[Defect, ...]
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Cells as they were fetched.

    Attributes:
        frame: ``LINE`` and one column per heading of ours that the file has; stripped texts, "" where blank.
            In Parquet, numbers are Float64, null where missing.
        rejected: rows whose cells could not be told apart.
        progress: share of the file read so far, 0 to 1.
    """

    frame: pl.DataFrame
    rejected: tuple[RejectedRow, ...]
    progress: float


class FileReader(Protocol):
    """What every kind of file gives once opened."""

    headings: dict[str, str]
    """Our column -> heading as the file writes it."""
    ignored: list[str]
    """Headings that mean nothing to us."""
    notes: list[Note]
    comma_separates_cells: bool
    """True for a CSV whose cells are separated by commas."""

    def batches(self, size: int) -> Iterator[RawBatch]:
        """The rows, ``size`` at a time."""


def shortened(text: str) -> str:
    """At most 80 characters of a text, for a message."""
    return text if len(text) <= 80 else text[:79] + "…"


def check_kind(path: Path, *, shown: str = "") -> None:
    """Refuse a file whose first bytes say that it is of another kind than its name.

    Args:
        path: of the file.
        shown: what it is called in messages; by default its path.

    Raises:
        DataFileError: it is of another kind.
    """
    with path.open("rb") as file:
        head = file.read(8)
    name = path.name.lower()
    if name.endswith((".xlsx", ".xlsm")):
        expected = "Excel"
    elif name.endswith(".parquet"):
        expected = "Parquet"
    else:
        expected = "gzip" if name.endswith(".gz") else translatable("text")
    found = next((kind for start, kind in FIRST_BYTES.items() if head.startswith(start)), "text")
    if found == "Excel 97" and expected == "Excel":
        raise DataFileError(
            translatable("{path} is in the old Excel format, or protected by a password."),
            hint=translatable("Open it in Excel and save it as .xlsx, without a password."),
            path=shown or str(path),
        )
    if found != expected:
        raise DataFileError(
            translatable("{path} is not what its name says: the name means {expected}, the content is {found}."),
            hint=translatable("Save it again in the right format, or give it the right ending."),
            path=shown or str(path),
            expected=Words(expected),
            found=Words(found),
        )


FIRST_BYTES: Final = {b"PK\x03\x04": "Excel", b"PAR1": "Parquet", b"\x1f\x8b": "gzip", b"\xd0\xcf\x11\xe0": "Excel 97"}


# --- CSV --------------------------------------------------------------------------------------------------------------
class CsvReader:
    """A text file: its encoding and separator are found, its headings matched; rows are read by ``csv``, strictly."""

    def __init__(self, path: Path, column_map: Mapping[str, str]) -> None:
        self.path = path
        self.notes: list[Note] = []
        self.encoding = find_encoding(path)
        if self.encoding == "cp1252":
            self.notes.append(Note(translatable("the text is not UTF-8; it was read as Windows-1252 (Latin-1)")))
        self.delimiter = self._find_delimiter(column_map)
        self.comma_separates_cells = self.delimiter == ","
        with self._text() as (_, lines):
            _, row = next(self._rows(lines), (0, []))
        if not row:
            raise DataFileError(translatable("{path} is empty."), path=str(path))
        self.places = match_headings(str(path), row, column_map)
        self.width = len(row)
        self.headings = {column: row[index].strip() for column, index in self.places.items()}
        used = set(self.places.values())
        self.ignored = [heading.strip() for index, heading in enumerate(row) if index not in used and heading.strip()]

    def batches(self, size: int) -> Iterator[RawBatch]:
        """The rows, ``size`` at a time."""
        total = self.path.stat().st_size
        with self._text() as (position, lines):
            rows = self._rows(lines)
            next(rows)  # the headings
            while chunk := list(islice(rows, size)):
                yield self._batch(chunk, position() / total)

    def _batch(self, chunk: list[tuple[int, list[str]]], progress: float) -> RawBatch:
        rejected: list[RejectedRow] = []
        if any(len(row) != self.width for _, row in chunk):
            chunk, rejected = self._even(chunk)
        columns = list(zip(*(row for _, row in chunk), strict=True)) or [()] * self.width
        frame = pl.DataFrame(
            {
                LINE: pl.Series([line for line, _ in chunk], dtype=pl.Int64),
                **{name: pl.Series(columns[index], dtype=pl.String) for name, index in self.places.items()},
            }
        ).with_columns(
            # an apostrophe before what would be a formula is a spreadsheet's way of writing a text
            pl.exclude(LINE).str.strip_chars().str.replace(r"^'([=+\-@])", "${1}")
        )
        return RawBatch(without_blank_rows(frame), tuple(rejected), progress)

    def _even(self, chunk: list[tuple[int, list[str]]]) -> tuple[list[tuple[int, list[str]]], list[RejectedRow]]:
        """Rows of the right width (blank cells at the end do not count), and the others."""
        even, rejected = [], []
        for line, cells in chunk:
            row = cells
            while len(row) > self.width and not row[-1].strip():
                row = row[:-1]
            if len(row) == self.width:
                even.append((line, row))
                continue
            template = translatable("the row has {cells} cells, and there are {headings} headings")
            facts = (("cells", len(row)), ("headings", self.width))
            defect = Defect(line, "", shortened(self.delimiter.join(row)), template, facts)
            texts = {name: row[index].strip() for name, index in self.places.items() if index < len(row)}
            rejected.append(RejectedRow(line, (defect,), texts))
        return even, rejected

    def _find_delimiter(self, column_map: Mapping[str, str]) -> str:
        """The separator under which the first line holds the most known headings."""
        with self._text() as (_, lines):
            first = next((line for line in lines if line.strip()), "")
        try:
            return find_delimiter(first, {*KNOWN_HEADINGS, *map(normal_heading, column_map)})
        except csv.Error as error:
            raise damaged(self.path, error) from error

    def _rows(self, lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
        """Line and cells of each row that is not blank, the headings first."""
        csv.field_size_limit(LINE_LIMIT)  # csv's own limit, 131 072, would be reported as a quotation mark left open
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise DataFileError(
                    translatable('{path}, line {line}: a quotation mark (") is never closed, or is out of place.'),
                    hint=translatable("Close it; inside a cell between quotation marks, write it twice."),
                    path=str(self.path),
                    line=line,
                ) from error
            if any(row) and not (line == 1 and declared_delimiter(self.delimiter.join(row))):
                yield line, row

    @contextmanager
    def _text(self) -> Iterator[tuple[Callable[[], int], Iterator[str]]]:
        """How many bytes were read so far, and the lines."""
        with ExitStack() as stack:
            raw = stack.enter_context(self.path.open("rb"))
            binary = stack.enter_context(gzip.GzipFile(fileobj=raw)) if is_gzip(self.path) else raw
            text = stack.enter_context(io.TextIOWrapper(binary, self.encoding, newline=""))
            with broken_gzip_refused(self.path):
                yield raw.tell, limited_lines(self.path, text)


def open_csv(path: Path, column_map: Mapping[str, str]) -> CsvReader:
    """Open a text file, packed or not."""
    check_kind(path)
    return CsvReader(path, column_map)


def without_blank_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows that hold at least one cell."""
    return frame.filter(pl.any_horizontal(pl.exclude(LINE) != ""))


# --- Parquet ----------------------------------------------------------------------------------------------------------
class ParquetReader:
    """A Parquet file: types are checked at once, rows are streamed."""

    comma_separates_cells = False

    def __init__(self, path: Path, column_map: Mapping[str, str]) -> None:
        self.path = path
        self.notes: list[Note] = []
        with damaged_parquet_refused(path):
            types = pl.scan_parquet(path).collect_schema()
            self.rows: int = pl.scan_parquet(path).select(pl.len()).collect().item()
        names = types.names()
        places = match_headings(str(path), names, column_map)
        self.headings = {column: names[index] for column, index in places.items()}
        self.ignored = [name for name in names if name not in self.headings.values()]
        self.cells = [self._cell(column, heading, types[heading]) for column, heading in self.headings.items()]

    def batches(self, size: int) -> Iterator[RawBatch]:
        """The rows, ``size`` at a time."""
        done = 0
        frames = pl.scan_parquet(self.path).select(self.cells).collect_batches(chunk_size=size, maintain_order=True)
        with damaged_parquet_refused(self.path):
            for frame in frames:
                numbered = frame.with_row_index(LINE, offset=done + 1).with_columns(pl.col(LINE).cast(pl.Int64))
                done += frame.height
                yield RawBatch(numbered, (), done / max(self.rows, 1))

    def _cell(self, column: str, heading: str, dtype: pl.DataType) -> pl.Expr:
        """How the column is read: numbers as Float64, the rest as stripped text."""
        cell = pl.col(heading)
        if column in schema.NUMERIC_FEATURES:
            if dtype.is_numeric() or dtype == pl.Null:
                return cell.cast(pl.Float64).alias(column)
            raise self._wrong_type(heading, dtype, translatable("numbers"))
        if column == schema.PERIOD and dtype in (pl.Date, pl.Datetime):
            return cell.dt.strftime("%Y-%m").fill_null("").alias(column)
        is_text = dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null)
        if is_text or (column == schema.ROLE_CODE and dtype.is_integer()):
            return cell.cast(pl.String).fill_null("").str.strip_chars().alias(column)
        raise self._wrong_type(heading, dtype, translatable("texts"))

    def _wrong_type(self, heading: str, dtype: pl.DataType, expected: str) -> DataFileError:
        return DataFileError(
            translatable("{path}, column {column}: it holds {found}, and must hold {expected}."),
            path=str(self.path),
            column=heading,
            found=str(dtype),
            expected=Words(expected),
        )


def open_parquet(path: Path, column_map: Mapping[str, str]) -> ParquetReader:
    """Open a Parquet file."""
    check_kind(path)
    return ParquetReader(path, column_map)


@contextmanager
def damaged_parquet_refused(path: Path) -> Iterator[None]:
    """Turn what Polars raises on a damaged file, a panic of its engine included, into a refusal."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise damaged(path, error) from error


# --- Excel ------------------------------------------------------------------------------------------------------------
class ExcelReader:
    """A workbook: the template's sheet, else the first one; results of formulas as Excel stored them."""

    comma_separates_cells = False

    def __init__(self, path: Path, column_map: Mapping[str, str]) -> None:
        self.path = path
        self.notes: list[Note] = []
        self.has_formulas = self._check_archive()
        with self._sheet(results=True) as sheet:
            self.last_row: int = sheet.max_row or 1
            _, row = next(self._rows(sheet), (0, ()))
        if not row:
            raise DataFileError(translatable("{path} is empty."), path=str(path))
        texts = ["" if value is None else str(value) for value in row]
        self.places = match_headings(str(path), texts, column_map)
        self.width = len(row)
        self.headings = {column: texts[index].strip() for column, index in self.places.items()}
        used = set(self.places.values())
        self.ignored = [text.strip() for index, text in enumerate(texts) if index not in used and text.strip()]

    def batches(self, size: int) -> Iterator[RawBatch]:
        """The rows, ``size`` at a time."""
        with ExitStack() as stack:
            sheet = stack.enter_context(self._sheet(results=True))
            formulas = stack.enter_context(self._sheet(results=False)) if self.has_formulas else None
            rows = self._rows(sheet, formulas)
            next(rows)  # the headings
            while chunk := list(islice(rows, size)):
                yield self._batch(chunk, min(chunk[-1][0] / self.last_row, 1.0))

    def _batch(self, chunk: list[tuple[int, Sequence[Any]]], progress: float) -> RawBatch:
        texts: dict[str, list[str]] = {column: [] for column in self.places}
        lines: list[int] = []
        rejected: list[RejectedRow] = []
        for line, row in chunk:
            cells = {column: row[index] if index < len(row) else None for column, index in self.places.items()}
            defects = self._cell_defects(line, cells)
            extra = next((value for value in row[self.width :] if value is not None), None)
            if extra is not None:
                template = translatable("the row has {cells} cells, and there are {headings} headings")
                facts = (("cells", len(row)), ("headings", self.width))
                defects.append(Defect(line, "", shortened(str(extra)), template, facts))
            row_texts = {column: excel_text(value, column) for column, value in cells.items()}
            if defects:
                rejected.append(RejectedRow(line, tuple(defects), row_texts))
                continue
            lines.append(line)
            for column, text in row_texts.items():
                texts[column].append(text)
        frame = pl.DataFrame({LINE: lines, **texts}, schema={LINE: pl.Int64, **dict.fromkeys(texts, pl.String)})
        return RawBatch(without_blank_rows(frame), tuple(rejected), progress)

    def _cell_defects(self, line: int, cells: dict[str, Any]) -> list[Defect]:
        """Cells that Excel holds as something else than a number or a text."""
        defects = []
        for column, value in cells.items():
            if isinstance(value, NotComputed):
                template = translatable("the formula has no stored result: open the file in Excel and save it")
            elif isinstance(value, (date, time, timedelta)) and column != schema.PERIOD:
                template = translatable(
                    "Excel holds a date here: format the cell as a number or a text, and type it again"
                )
            else:
                continue
            defects.append(Defect(line, self.headings[column], shortened(str(value)), template))
        return defects

    def _rows(
        self, sheet: ReadOnlyWorksheet, formulas: ReadOnlyWorksheet | None = None
    ) -> Iterator[tuple[int, Sequence[Any]]]:
        """Row number and values of each row that is not blank.

        ``formulas`` is the same sheet with its formulas as written: a formula that was never computed has no result,
        and must not pass for a blank cell.
        """
        results = all_rows(sheet)
        written = all_rows(formulas) if formulas is not None else None
        for line in range(1, EXCEL_ROWS + 1):
            with damaged_workbook_refused(self.path):
                row = next(results, None)
                formula_row = next(written, ()) if written is not None else ()
            if row is None:
                return
            if formula_row:
                row = tuple(
                    NotComputed(str(getattr(formula, "text", formula)))
                    if value is None and formula is not None
                    else value
                    for value, formula in zip(row, formula_row, strict=False)
                )
            if any(value is not None for value in row):
                yield line, row
        raise damaged(self.path, f"row {EXCEL_ROWS + 1}")

    @contextmanager
    def _sheet(self, *, results: bool) -> Iterator[ReadOnlyWorksheet]:
        """The sheet to read; formulas as their stored results, or as they are written."""
        with damaged_workbook_refused(self.path):
            book = openpyxl.load_workbook(self.path, read_only=True, data_only=results)
        with closing(book):
            if not book.worksheets:
                raise damaged(self.path, "no sheet")
            sheet = book[DATA_SHEET] if DATA_SHEET in book.sheetnames else book.worksheets[0]
            if len(book.worksheets) > 1 and sheet.title != DATA_SHEET and not self.notes:
                self.notes.append(Note(translatable("sheet read: {sheet}"), {"sheet": sheet.title}))
            yield sheet

    def _check_archive(self) -> bool:
        """Refuse a workbook too large once unpacked; tell whether it holds formulas."""
        with damaged_workbook_refused(self.path), zipfile.ZipFile(self.path) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            texts = sum(member.file_size for member in members if member.filename.endswith("sharedStrings.xml"))
            if unpacked > UNPACKED_LIMIT or texts > SHARED_TEXT_LIMIT:
                raise DataFileError(
                    translatable("{path} is too large: {size} MB once unpacked, and {limit} MB is the most."),
                    hint=translatable("Save it as CSV, or in several files."),
                    path=str(self.path),
                    size=unpacked // 1_000_000,
                    limit=UNPACKED_LIMIT // 1_000_000,
                )
            sheets = [member for member in members if member.filename.startswith("xl/worksheets/")]
            return any(holds_formula(archive.open(member)) for member in sheets if not member.is_dir())


def open_excel(path: Path, column_map: Mapping[str, str]) -> ExcelReader:
    """Open an Excel workbook."""
    check_kind(path)
    return ExcelReader(path, column_map)


@contextmanager
def damaged_workbook_refused(path: Path) -> Iterator[None]:
    """Turn what a damaged workbook raises into a refusal; openpyxl's warnings are about styles, never about values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            yield
        except WORKBOOK_ERRORS as error:
            raise damaged(path, error) from error


def holds_formula(sheet: IO[bytes]) -> bool:
    """Whether the XML of a sheet holds a formula."""
    with sheet:
        before = b""
        while chunk := sheet.read(CHUNK_BYTES):
            if re.search(rb"<f[\s>/]", before + chunk):
                return True
            before = chunk[-3:]
    return False


def all_rows(sheet: ReadOnlyWorksheet) -> Iterator[tuple[Any, ...]]:
    """The values of every row, blank ones included; the size that a program wrote in the sheet is not trusted."""
    sheet.reset_dimensions()
    rows: Iterator[tuple[Any, ...]] = sheet.iter_rows(values_only=True)  # type: ignore[misc, unused-ignore]
    return rows


def excel_text(value: Any, column: str) -> str:
    """A cell of Excel as text; a date in the column of periods is its month."""
    if value is None:
        return ""
    if isinstance(value, date) and column == schema.PERIOD:
        return f"{value.year:04d}-{value.month:02d}"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()
