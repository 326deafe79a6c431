"""Files of HR facts, CSV, CSV.gz, Parquet or Excel, read batch by batch into valid rows and rejected ones.

    opened = open_snapshots(Path("releve.csv"))
    for batch in opened.batches():
        batch.rows       valid rows: LINE and schema.SNAPSHOT_COLUMNS
        batch.rejected   the others, each with every reason

A file that cannot be read at all raises; a cell that cannot be accepted is a ``Defect`` of its row, and reading goes
on.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from future_skills import schema
from future_skills.errors import DataFileError, Defect, translatable
from future_skills.files import sha256_of_file
from future_skills.snapshot_columns import OPTIONAL_COLUMNS, check_column_map
from future_skills.snapshot_readers import (
    LINE,
    FileReader,
    Note,
    RawBatch,
    RejectedRow,
    open_csv,
    open_excel,
    open_parquet,
    shortened,
)
from future_skills.snapshot_values import (
    PLAIN_NUMBER,
    Unacceptable,
    check_range,
    read_code,
    read_level,
    read_name,
    read_number,
    read_period,
    with_decimal_points,
)

BATCH_ROWS: Final = 50_000

SUFFIXES: Final[dict[str, Callable[[Path, Mapping[str, str]], FileReader]]] = {
    ".csv": open_csv,
    ".csv.gz": open_csv,
    ".tsv": open_csv,
    ".tsv.gz": open_csv,
    ".txt": open_csv,
    ".parquet": open_parquet,
    ".xlsx": open_excel,
    ".xlsm": open_excel,
}
"""How each kind of file is opened."""

TEXT_READERS: Final[dict[str, Callable[[str], str | None]]] = {
    schema.PERIOD: read_period,
    schema.ROLE_CODE: read_code,
    schema.ROLE: read_name,
    schema.DEPARTMENT: read_name,
    schema.SKILL: read_name,
    schema.CATEGORY: read_name,
    schema.OBSERVED_LEVEL: read_level,
}

FEATURES: Final = {feature.name: feature for feature in schema.NUMERIC}

ROW_TYPES: Final[dict[str, Any]] = {
    LINE: pl.Int64,
    **{name: pl.Float64 if name in schema.NUMERIC_FEATURES else pl.String for name in schema.SNAPSHOT_COLUMNS},
}


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a file.

    Attributes:
        rows: the valid ones: ``LINE`` and ``schema.SNAPSHOT_COLUMNS``, null where unknown.
        rejected: the others.
    """

    rows: pl.DataFrame
    rejected: tuple[RejectedRow, ...]


@dataclass(frozen=True, slots=True)
class OpenedSnapshots:
    """A file whose headings were understood, ready to be read.

    Attributes:
        path: where it is.
        sha256: of its bytes, hexadecimal.
        reader: how its cells are read.
        notes: what a person should know about how it was read.
    """

    path: Path
    sha256: str
    reader: FileReader
    notes: tuple[Note, ...]

    def batches(self, on_progress: Callable[[float], None] | None = None) -> Iterator[Batch]:
        """The rows of the file, in its order.

        Args:
            on_progress: told after each batch which share of the file was read, 0 to 1.

        Raises:
            DataFileError: the file is damaged further on, or has no row at all.
        """
        count = 0
        for raw in self.reader.batches(BATCH_ROWS):
            batch = check_batch(raw, self.reader)
            count += batch.rows.height + len(batch.rejected)
            yield batch
            if on_progress:
                on_progress(raw.progress)
        if count == 0:
            raise DataFileError(
                translatable("{path} has column headings and no row: there is nothing to import."), path=str(self.path)
            )


def open_snapshots(path: Path, column_map: Mapping[str, str] | None = None) -> OpenedSnapshots:
    """Open a file of HR facts and understand its headings.

    Args:
        path: a CSV (``.csv``, ``.tsv``, ``.txt``, each also ``.gz``), Parquet or Excel file.
        column_map: their heading -> our column.

    Raises:
        DataFileError: absent, empty, damaged, too large once unpacked, or not of the kind its name says.
        MissingColumnsError: a required column is not there.
        UsageError: ``column_map`` names a column that does not exist.
    """
    check_column_map(column_map or {})
    opener = _opener(path)
    try:
        size = path.stat().st_size
        if size == 0:
            raise DataFileError(translatable("{path} is empty."), path=str(path))
        sha256 = sha256_of_file(path)
        reader = opener(path, column_map or {})
    except OSError as error:
        raise DataFileError(
            translatable("{path} cannot be opened: {problem}."), path=str(path), problem=error.strerror or str(error)
        ) from error
    notes = list(reader.notes)
    if reader.ignored:
        notes.append(
            Note(translatable("columns that were not read: {columns}"), {"columns": ", ".join(reader.ignored)})
        )
    if schema.OBSERVED_LEVEL not in reader.headings:
        notes.append(Note(translatable("no column of observed need levels: they are taken as unknown"), {}))
    return OpenedSnapshots(path, sha256, reader, tuple(notes))


def _opener(path: Path) -> Callable[[Path, Mapping[str, str]], FileReader]:
    if path.is_dir():
        raise DataFileError(translatable("{path} is a folder, not a file."), path=str(path))
    if not path.exists():
        raise DataFileError(translatable("{path} does not exist."), path=str(path))
    name = path.name.lower()
    for suffix, opener in SUFFIXES.items():
        if name.endswith(suffix):
            return opener
    if name.endswith(".xls"):
        raise DataFileError(
            translatable("{path} is in the old Excel format (.xls)."),
            hint=translatable("Open it in Excel and save it as .xlsx."),
            path=str(path),
        )
    raise DataFileError(
        translatable("{path}: this kind of file is not read."),
        hint=translatable("Files that are: {suffixes}."),
        path=str(path),
        suffixes=", ".join(SUFFIXES),
    )


def check_batch(raw: RawBatch, reader: FileReader) -> Batch:
    """Read every cell of a batch; a row with one unacceptable cell is rejected, with the reasons of all its cells."""
    columns = {LINE: raw.frame[LINE]}
    defects: dict[int, list[Defect]] = {}
    for column, heading in reader.headings.items():
        cells = raw.frame[column]
        columns[column], problems = _read_column(cells, reader)
        for index, problem in problems.items():
            line, value = int(columns[LINE][index]), shortened(str(cells[index]))
            defect = Defect(line, heading, value, problem.template, tuple(problem.values.items()))
            defects.setdefault(index, []).append(defect)
    for column in OPTIONAL_COLUMNS:
        columns.setdefault(column, pl.Series(column, [None] * raw.frame.height, dtype=pl.String))
    rows = pl.DataFrame({name: columns[name] for name in ROW_TYPES}, schema=ROW_TYPES)
    if defects:
        rows = rows.filter(pl.Series([index not in defects for index in range(rows.height)], dtype=pl.Boolean))
    rejected = [_rejected_row(raw.frame.row(index, named=True), found) for index, found in defects.items()]
    return Batch(rows, tuple(sorted([*raw.rejected, *rejected], key=lambda row: row.line)))


def _rejected_row(cells: dict[str, Any], defects: list[Defect]) -> RejectedRow:
    line = cells.pop(LINE)
    texts = {column: "" if value is None else str(value) for column, value in cells.items()}
    return RejectedRow(line, tuple(defects), texts)


def _read_column(cells: pl.Series, reader: FileReader) -> tuple[pl.Series, dict[int, Unacceptable]]:
    """The values of a column (null where unacceptable), and what is wrong with the others, by index."""
    feature = FEATURES.get(cells.name)
    if feature is None:
        return _read_texts(cells, TEXT_READERS[cells.name], pl.String)
    if cells.dtype == pl.Float64:
        return _check_floats(cells, feature)
    texts = with_decimal_points(cells, comma_separates_cells=reader.comma_separates_cells)
    numbers = texts.set(~texts.str.contains(PLAIN_NUMBER), None).cast(pl.Float64) + 0.0
    in_range = numbers.is_between(feature.minimum, feature.maximum).fill_null(value=False)
    others = cells.set(in_range, "")  # few: what is not simply a number, or is out of range
    read, problems = _read_texts(
        others, partial(read_number, feature=feature, comma_separates_cells=reader.comma_separates_cells), pl.Float64
    )
    return numbers.zip_with(in_range, read), problems


def _read_texts(
    cells: pl.Series, read: Callable[[str], str | float | None], dtype: Any
) -> tuple[pl.Series, dict[int, Unacceptable]]:
    """Read each distinct text once: a column of names has few."""
    values: dict[str, str | float | None] = {}
    problems: dict[str, Unacceptable] = {}
    for text in cells.unique():
        try:
            values[text] = read(text)
        except Unacceptable as problem:
            values[text] = None
            problems[text] = problem
    bad = cells.is_in(list(problems)).arg_true()
    return cells.replace_strict(values, return_dtype=dtype), {index: problems[cells[index]] for index in bad}


def _check_floats(cells: pl.Series, feature: schema.NumericFeature) -> tuple[pl.Series, dict[int, Unacceptable]]:
    problems: dict[int, Unacceptable] = {}
    acceptable = cells.is_between(feature.minimum, feature.maximum) & cells.is_not_nan()
    for index in (~acceptable).fill_null(value=False).arg_true():
        try:
            check_range(cells[index], feature)
        except Unacceptable as problem:
            problems[index] = problem
    return cells + 0.0, problems
