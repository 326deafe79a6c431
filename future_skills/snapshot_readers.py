"""How each kind of file is opened and its cells fetched, in batches: CSV, Parquet, Excel.

A reader gives texts (Parquet: also floats) under our column names, with the line each row stands on. What the cells
mean is read in ``snapshot_file``; here, a file that cannot be read at all is refused, with the place and what to do.
"""

import codecs
import csv
import gzip
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, Protocol
from xml.etree.ElementTree import ParseError

import openpyxl
import polars as pl
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from future_skills import schema
from future_skills.errors import DataFileError, Defect, translatable
from future_skills.snapshot_columns import KNOWN_HEADINGS, match_headings, normal_heading

LINE: Final = "line"
"""Column that holds the line of a row in its file."""

DATA_SHEET: Final = "Relevés"
"""Sheet of the template that holds the rows."""

LINE_LIMIT: Final = 1_000_000
"""Longest line of a text file, in characters: what is longer is no line, and would fill the memory."""

UNPACKED_LIMIT: Final = 1_000_000_000
"""Largest Excel workbook once unpacked, in bytes: about a million rows."""

SHARED_TEXT_LIMIT: Final = 200_000_000
"""Largest table of texts of an Excel workbook, in bytes: it is held in memory."""

EXCEL_ROWS: Final = 1_048_576

CHUNK_BYTES: Final = 1 << 20

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


def damaged(path: Path, problem: object) -> DataFileError:
    """The refusal of a file that breaks off or is not what it should be."""
    return DataFileError(
        translatable("{path} is damaged or cut short: {problem}."),
        hint=translatable("Copy or save it again from the original."),
        path=str(path),
        problem=str(problem).strip().rstrip(".").splitlines()[0][:200] if str(problem).strip() else "—",
    )


def check_kind(path: Path) -> None:
    """Refuse a file whose first bytes say that it is of another kind than its name."""
    with path.open("rb") as file:
        head = file.read(8)
    name = path.name.lower()
    if name.endswith((".xlsx", ".xlsm")):
        expected = "Excel"
    elif name.endswith(".parquet"):
        expected = "Parquet"
    else:
        expected = "gzip" if name.endswith(".gz") else "text"
    found = next((kind for start, kind in FIRST_BYTES.items() if head.startswith(start)), "text")
    if found == "Excel 97" and expected == "Excel":
        raise DataFileError(
            translatable("{path} is in the old Excel format, or protected by a password."),
            hint=translatable("Open it in Excel and save it as .xlsx, without a password."),
            path=str(path),
        )
    if found != expected:
        raise DataFileError(
            translatable("{path} is not what its name says: the name means {expected}, the content is {found}."),
            hint=translatable("Save it again in the right format, or give it the right ending."),
            path=str(path),
            expected=expected,
            found=found,
        )


FIRST_BYTES: Final = {b"PK\x03\x04": "Excel", b"PAR1": "Parquet", b"\x1f\x8b": "gzip", b"\xd0\xcf\x11\xe0": "Excel 97"}


# --- CSV --------------------------------------------------------------------------------------------------------------
class CsvReader:
    """A text file: its encoding and separator are found, its headings matched; rows are read by ``csv``, strictly."""

    def __init__(self, path: Path, column_map: Mapping[str, str]) -> None:
        self.path = path
        self.notes = []
        self.encoding = find_encoding(path)
        if self.encoding == "cp1252":
            self.notes.append(Note(translatable("the text is not UTF-8; it was read as Windows-1252 (Latin-1)")))
        self.delimiter = self._find_delimiter(column_map)
        self.comma_separates_cells = self.delimiter == ","
        with self._text() as (_, lines):
            _, row = next(self._rows(lines), (0, []))
        self.places = match_headings(str(path), row, column_map)
        self.width = len(row)
        self.headings = {column: row[index].strip() for column, index in self.places.items()}
        used = set(self.places.values())
        self.ignored = [
            heading.strip() for index, heading in enumerate(row) if index not in used and heading.strip()
        ]

    notes: list[Note]

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
        ).with_columns(pl.exclude(LINE).str.strip_chars())
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
        known = {*KNOWN_HEADINGS, *map(normal_heading, column_map)}
        with self._text() as (_, lines):
            first = next((line for line in lines if line.strip()), "")
            if declared_delimiter(first):
                return declared_delimiter(first)

        def recognised(delimiter: str) -> tuple[int, int]:
            headings = next(csv.reader([first], delimiter=delimiter), [])
            return sum(normal_heading(heading) in known for heading in headings), len(headings)

        try:
            return max(";\t,", key=recognised)
        except csv.Error as error:
            raise damaged(self.path, error) from error

    def _rows(self, lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
        """Line and cells of each row that is not blank, the headings first."""
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise DataFileError(
                    translatable("{path}, line {line}: a quotation mark (\") is never closed, or is out of place."),
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
            text = stack.enter_context(codecs_reader(binary, self.encoding))
            with broken_gzip_refused(self.path):
                yield raw.tell, limited_lines(self.path, text)


def open_csv(path: Path, column_map: Mapping[str, str]) -> CsvReader:
    """Open a text file, packed or not."""
    check_kind(path)
    return CsvReader(path, column_map)


def is_gzip(path: Path) -> bool:
    """Whether the name says that the file is packed."""
    return path.name.lower().endswith(".gz")
