"""A file of rows scored by a version: batch after batch, in a memory that does not grow with the file.

Read and written by Polars itself, so that either end may be a local path or an address that it knows (``s3://…``, with the
credentials of the environment). What was scored is kept beside a local target until all of it is there; then the target is
written, whole. A row that cannot be understood refuses the file, with its line, column and value, and nothing is written.
"""

import csv
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from future_skills import schema
from future_skills.abstention import Abstention
from future_skills.campaign_results import ANSWERS, answers_of
from future_skills.dataset import DATASET_COLUMNS
from future_skills.errors import (
    DataFileError,
    Defect,
    InvalidRowsError,
    InvalidValuesError,
    MissingFeaturesError,
    StorageError,
    UsageError,
    translatable,
)
from future_skills.files import written_whole
from future_skills.history import HISTORY_FEATURES
from future_skills.overrides import OVERRIDE_COLUMNS, with_overrides
from future_skills.prediction import Predictor
from future_skills.snapshot_columns import normal_heading
from future_skills.snapshot_values import LEVEL_WORDS, with_decimal_points, without_accents
from future_skills.text_files import find_delimiter, row_blocks

BATCH_ROWS: Final = 10_000
"""Rows scored at a time."""

SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")

MARKS: Final = ("model_version", "deployment", "trial")
"""Which version answered, the deployment it answers for, and whether it was only tried; the same in every row."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A file that was scored.

    Attributes:
        rows: how many.
        levels: level -> rows.
        abstained: answers that should not be relied upon.
    """

    rows: int
    levels: Mapping[str, int]
    abstained: int


def score_file(
    source: str,
    target: str,
    *,
    predictor: Predictor,
    abstention: Abstention,
    deployment: int | None,
    overrides: pl.DataFrame | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Scored:
    """Score every row of a file, and write it again with the answers behind its own columns.

    Args:
        source: CSV (UTF-8) or Parquet: a local path, or an address that Polars reads.
        target: CSV or Parquet, likewise; a local file is replaced.
        predictor: the version. The file must have every column that it reads, history included.
        abstention: flags its answers.
        deployment: for which it answers; None: it is only tried.
        overrides: what people decided of pairs (``OVERRIDE_SCHEMA``), to stand beside the answers of a file that names its
            roles and skills; None: nobody asks.
        on_progress: called with the rows scored so far, after each batch.

    Returns:
        What was written: the file's own columns, ``ANSWERS``, ``MARKS``, and ``OVERRIDE_COLUMNS`` where they were asked.

    Raises:
        UsageError: another format, the same file twice, or a column that has the name of an answer.
        DataFileError: the source cannot be read, or holds no row.
        MissingFeaturesError: it lacks columns that the version reads; names them.
        InvalidValuesError: cells cannot be understood; says where.
        StorageError: the target cannot be written.
    """
    _require_formats(source, target)
    table = _Table.of(source)
    _require_columns(table.columns, predictor)
    if not {schema.ROLE, schema.SKILL} <= set(table.columns):
        overrides = None
    marks = {"model_version": predictor.manifest.version, "deployment": deployment, "trial": deployment is None}
    rows = abstained = 0
    levels = dict.fromkeys(schema.LEVELS, 0)
    with _workshop(target) as folder:
        for number, batch in enumerate(table.batches()):
            answers = _answers(batch, predictor, abstention, source)
            own = batch.own.hstack(answers).with_columns(
                pl.lit(value, dtype=_MARK_TYPES[name]).alias(name) for name, value in marks.items()
            )
            if overrides is not None:
                own = with_overrides(own, overrides)
            own.write_parquet(folder / f"{number:06}.parquet", compression="lz4")
            rows += len(own)
            abstained += int(answers["abstained"].sum())
            for level in answers["level"].value_counts().iter_rows():
                levels[level[0]] += level[1]
            if on_progress is not None:
                on_progress(rows)
        if not rows:
            raise DataFileError(translatable("{path}: there is no row."), path=source)
        _write(folder, target)
    return Scored(rows, levels, abstained)


_MARK_TYPES: Final[Mapping[str, Any]] = {"model_version": pl.String, "deployment": pl.Int64, "trial": pl.Boolean}


# --- Before anything is scored --------------------------------------------------------------------------------------------
def _require_formats(source: str, target: str) -> None:
    for path, suffixes in ((source, SUFFIXES), (target, (".csv", ".parquet"))):
        if not path.lower().endswith(suffixes):
            raise UsageError(
                translatable("{path}: unknown file format; the name must end with {suffixes}."),
                path=path[:200],
                suffixes=", ".join(suffixes),
            )
    if source == target or (not _is_remote(source) and not _is_remote(target) and _same_file(source, target)):
        raise UsageError(translatable("{path} would be replaced while it is read: write to another file."), path=source)


def _same_file(source: str, target: str) -> bool:
    return Path(target).exists() and Path(source).exists() and Path(target).samefile(source)


def _require_columns(columns: tuple[str, ...], predictor: Predictor) -> None:
    absent = [name for name in predictor.columns if name not in columns]
    if absent:
        raise MissingFeaturesError(
            hint=translatable(
                "History features are those of “manage.py export_future_skills_dataset”. To score the pairs that are in the "
                "database, history included: manage.py predict_all."
            )
            if not set(absent) <= set(schema.BASE_FEATURES)
            else "",
            columns=", ".join(absent),
        )
    taken = [name for name in (*ANSWERS, *MARKS, *OVERRIDE_COLUMNS) if name in columns]
    if taken:
        raise UsageError(
            translatable("The file has columns of its own that are named as the answers are: {columns}. Rename them."),
            columns=", ".join(taken),
        )


# --- Reading --------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Batch:
    """Some rows of a file.

    Attributes:
        own: as the file has them.
        first_line: line of the first of them in a CSV, its number in Parquet.
    """

    own: pl.DataFrame
    first_line: int

    def line_of(self, place: int) -> int:
        """Line of a row; cells of several lines are counted."""
        return self.first_line + place + _line_breaks(self.own.head(place), self.of_text)

    @property
    def of_text(self) -> bool:
        """Whether it comes from a CSV, where every cell is text."""
        return all(dtype == pl.String for dtype in self.own.dtypes)


def _line_breaks(rows: pl.DataFrame, of_text: bool) -> int:
    if not of_text or rows.is_empty():
        return 0
    return sum(count or 0 for count in rows.select(pl.all().str.count_matches("\n", literal=True).sum()).row(0))


@dataclass(frozen=True, slots=True)
class _Table:
    """A file that is read in batches.

    Attributes:
        path: of the file.
        rows: its rows, read when they are asked for; None for a CSV of this machine, which is read block by block.
        columns: their names.
        delimiter: between the cells of a CSV; "" in Parquet.
    """

    path: str
    rows: pl.LazyFrame | None
    columns: tuple[str, ...]
    delimiter: str

    @classmethod
    def of(cls, path: str) -> "_Table":
        with _readable(path):
            if path.lower().endswith(".parquet"):
                rows = pl.scan_parquet(path, low_memory=True)
                return cls(path, rows, tuple(rows.collect_schema().names()), "")
            if _is_remote(path):
                whole_lines: dict[str, Any] = {"has_header": False, "separator": "\x1f", "quote_char": None}
                first = pl.scan_csv(
                    path, **whole_lines, n_rows=1, infer_schema=False, truncate_ragged_lines=True
                ).collect()
                delimiter = _delimiter(str(first.item()) if first.width == 1 and len(first) else "")
                rows = pl.scan_csv(path, separator=delimiter, infer_schema=False)
                return cls(path, rows, tuple(rows.collect_schema().names()), delimiter)
            block = next(row_blocks(Path(path)), b"")
            delimiter = _delimiter(block.partition(b"\n")[0].decode(errors="replace"))
            head = pl.read_csv(block, separator=delimiter, infer_schema=False, n_rows=0)
            return cls(path, None, tuple(head.columns), delimiter)

    def batches(self) -> Iterator[_Batch]:
        """Its rows, in order."""
        line = 2 if self.delimiter else 1
        with _readable(self.path):
            for cells in self._parts():
                batch = _Batch(self._pointed(cells) if self.delimiter else cells, line)
                yield batch
                line = batch.line_of(len(cells))

    def _parts(self) -> Iterator[pl.DataFrame]:
        """Its rows as they are."""
        if self.rows is None:  # of a CSV of this machine Polars would hold everything
            of_text: Any = dict.fromkeys(self.columns, pl.String)
            for number, block in enumerate(row_blocks(Path(self.path))):
                yield pl.read_csv(block, has_header=number == 0, schema=of_text, separator=self.delimiter)
        elif self.delimiter:
            yield from self.rows.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True)
        else:  # of a Parquet it would read far ahead
            count: int = self.rows.select(pl.len()).collect().item()
            for start in range(0, count, BATCH_ROWS):
                yield self.rows.slice(start, BATCH_ROWS).collect()

    def _pointed(self, cells: pl.DataFrame) -> pl.DataFrame:
        """Cells of numbers with decimal points."""
        numbers = [name for name in _NUMBERS if name in cells.columns]
        comma = self.delimiter == ","
        return cells.with_columns(with_decimal_points(cells[name], comma_separates_cells=comma) for name in numbers)


_NUMBERS: Final = (*schema.NUMERIC_FEATURES, *HISTORY_FEATURES)


def _delimiter(first_line: str) -> str:
    """What separates the cells of a CSV, found in its first line."""
    known = {normal_heading(name) for name in DATASET_COLUMNS}
    return find_delimiter(first_line.removeprefix("\ufeff").rstrip("\r"), known)


@contextmanager
def _readable(path: str) -> Iterator[None]:
    """Turn what Polars says of a file into a refusal."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataFileError(translatable("{path}: no such file."), path=path) from error
    except (pl.exceptions.PolarsError, OSError, csv.Error) as error:
        problem = str(error).strip().splitlines()[0][:200].rstrip(".") if str(error).strip() else type(error).__name__
        raise DataFileError(translatable("{path}: cannot be read ({problem})."), path=path, problem=problem) from error


# --- Scoring --------------------------------------------------------------------------------------------------------------
def _answers(batch: _Batch, predictor: Predictor, abstention: Abstention, path: str) -> pl.DataFrame:
    """``ANSWERS`` of some rows."""
    read = dict.fromkeys((*predictor.columns, schema.CURRENT_LEVEL))
    rows = batch.own.select(name for name in read if name in batch.own.columns)
    defects: list[tuple[int, Defect]] = []
    if batch.of_text:
        rows = pl.DataFrame([_understood(rows[name], defects) for name in rows.columns])
        _refuse(defects, batch, path)
    try:
        said = predictor.predict(rows).to_frame()
    except InvalidRowsError as error:
        found = [(one.line, one) for one in error.defects]
        _refuse(found, batch, path)
        raise
    return answers_of(said, abstention.flags(rows, said))


def _understood(cells: pl.Series, defects: list[tuple[int, Defect]]) -> pl.Series:
    """A column of a CSV with its type."""
    text = cells.str.strip_chars()
    text = text.set(text == "", None)
    if cells.name in schema.CATEGORICAL_FEATURES:
        return text
    if cells.name == schema.CURRENT_LEVEL:
        known = {word: LEVEL_WORDS.get(without_accents(word)) for word in text.unique().drop_nulls()}
        read = text.replace_strict(known, return_dtype=pl.String)
        reason = translatable("not a need level; the levels are LOW, MEDIUM and HIGH")
    else:
        read = text.cast(pl.Float64, strict=False)
        reason = translatable("not a number (write 0.82 or 0,82)")
    wrong = (read.is_null() & text.is_not_null()).arg_true().to_list()
    defects += [(place, Defect(place, cells.name, str(cells[place])[:80], reason)) for place in wrong]
    return read


def _refuse(defects: list[tuple[int, Defect]], batch: _Batch, path: str) -> None:
    """Refuse cells with their lines; those of the first batch that has some."""
    if not defects:
        return
    first = sorted(defects, key=lambda one: one[0])[: InvalidValuesError.shown]
    placed = [Defect(batch.line_of(place), one.column, one.value, one.reason, one.values) for place, one in first]
    raise InvalidValuesError(path=path, count=len(defects), defects=placed)


# --- Writing --------------------------------------------------------------------------------------------------------------
def _is_remote(path: str) -> bool:
    return "://" in path


@contextmanager
def _workshop(target: str) -> Iterator[Path]:
    """A folder for what was scored: on the disk of a local target, and gone at the end."""
    parent = None if _is_remote(target) else Path(target).resolve().parent
    try:
        if parent is not None:
            parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".score-", dir=parent))
    except OSError as error:
        raise StorageError.of(error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path, target: str) -> None:
    """The target, from what was scored."""
    scored = pl.scan_parquet(sorted(folder.glob("*.parquet")), low_memory=True)
    try:
        if _is_remote(target):
            _sink(scored, target, target)
        else:
            with written_whole(Path(target)) as temporary:
                _sink(scored, temporary, target)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StorageError.of(error) from error


def _sink(scored: pl.LazyFrame, place: Path | str, target: str) -> None:
    if target.lower().endswith(".csv"):
        scored.sink_csv(place)
    else:
        scored.sink_parquet(place, row_group_size=BATCH_ROWS)
