"""Datasets: built from HR facts or read from a file, validated, described.

A dataset is a table of labelled rows: ``period, label_period``, the eleven features, ``current_need_level`` (empty where
unknown), the history features, ``future_need_level``. A data scientist's own file may lack periods and history.
"""

import csv
import gzip
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from future_skills import schema
from future_skills.errors import (
    DataFileError,
    Defect,
    InvalidValuesError,
    MissingColumnsError,
    NotEnoughDataError,
    UsageError,
    translatable,
)
from future_skills.files import sha256_of_bytes, written_whole
from future_skills.history import HISTORY_FEATURES, history_features
from future_skills.labels import HORIZON_MONTHS, TOLERANCE_MONTHS, label_rows, level_now
from future_skills.periods import add_months, require_month
from future_skills.snapshot_columns import normal_heading
from future_skills.snapshot_values import LEVEL_WORDS, with_decimal_points, without_accents
from future_skills.text import require_path
from future_skills.text_files import broken_gzip_refused, declared_delimiter, find_delimiter, find_encoding

HISTORY_COLUMNS = (schema.CURRENT_LEVEL, *HISTORY_FEATURES)
"""What the history feature set adds to the eleven features."""

DATASET_COLUMNS = (
    schema.PERIOD,
    schema.LABEL_PERIOD,
    *schema.BASE_FEATURES,
    *HISTORY_COLUMNS,
    schema.LABEL,
)
"""Columns of an exported dataset, in order."""

LARGEST_NUMBER = 1e30
"""A number beyond it is refused: models read single precision, which ends at 3e38."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A validated dataset.

    Attributes:
        frame: the rows; text columns as String, numbers as Float64; ``period`` and ``label_period`` null where the file
            has none; ``current_need_level`` and the history columns are there when they are known.
        name: file name.
        sha256: of the file's bytes.
        period_column: the file's own name of ``period``.
        label_period_column: the file's own name of ``label_period``.
    """

    frame: pl.DataFrame
    name: str
    sha256: str
    period_column: str = schema.PERIOD
    label_period_column: str = schema.LABEL_PERIOD

    @property
    def has_periods(self) -> bool:
        """Whether every row says its period and its label period."""
        return self.frame[schema.PERIOD].null_count() == 0 and self.frame[schema.LABEL_PERIOD].null_count() == 0

    @property
    def periods(self) -> tuple[str, ...]:
        """Periods of the rows, in order; empty where the file has none."""
        return tuple(self.frame[schema.PERIOD].drop_nulls().unique().sort())

    @property
    def levels(self) -> npt.NDArray[np.str_]:
        """The labels, shape (rows,)."""
        return self.frame[schema.LABEL].to_numpy().astype(str)


# --- Built from HR facts ----------------------------------------------------------------------------------------------


def build_dataset(
    snapshots: pl.DataFrame,
    *,
    horizon_months: int = HORIZON_MONTHS,
    tolerance_months: int = TOLERANCE_MONTHS,
    as_of: str | None = None,
) -> pl.DataFrame:
    """Labelled rows of the HR facts, with their history.

    Args:
        snapshots: ``schema.SNAPSHOT_COLUMNS``.
        horizon_months: see ``labels.label_rows``.
        tolerance_months: see ``labels.label_rows``.
        as_of: use only what was known at that period (YYYY-MM), bounds included.

    Returns:
        ``DATASET_COLUMNS``, sorted by period, role and skill: same facts, same bytes.

    Raises:
        NotEnoughDataError: no row has a label yet; says from when on there will be.
    """
    if as_of is not None:
        require_month(as_of)
        snapshots = snapshots.filter(pl.col(schema.PERIOD) <= as_of)
    if snapshots.is_empty():
        raise NotEnoughDataError(
            translatable("There are no HR facts to make a dataset of."),
            hint=translatable("Import them with “manage.py import_snapshots FILE”."),
        )
    labelled = label_rows(snapshots, horizon_months=horizon_months, tolerance_months=tolerance_months)
    if labelled.is_empty():
        first = str(snapshots[schema.PERIOD].min())
        raise NotEnoughDataError(
            translatable(
                "No row has a label yet: the facts go from {first} to {last}, and a label is a need observed {horizon} to "
                "{latest} months later."
            ),
            hint=translatable(
                "Import the needs observed at {first_label} or later: a dataset can be exported from then on, and a model "
                "tested on a later period can be trained from {first_test} on."
            ),
            first=first,
            last=str(snapshots[schema.PERIOD].max()),
            horizon=horizon_months,
            latest=horizon_months + tolerance_months,
            first_label=add_months(first, horizon_months),
            first_test=add_months(first, 2 * horizon_months),
        )
    with_history = with_history_features(labelled, snapshots)
    return with_history.select(DATASET_COLUMNS).sort(schema.SNAPSHOT_KEY)


def with_history_features(rows: pl.DataFrame, snapshots: pl.DataFrame) -> pl.DataFrame:
    """Add ``HISTORY_COLUMNS`` to ``rows``, each from the facts known at the row's own period."""
    parts = [
        history_features(snapshots, period=period).with_columns(pl.lit(period).alias(schema.PERIOD))
        for period in rows[schema.PERIOD].unique().sort()
    ]
    return rows.drop(HISTORY_COLUMNS, strict=False).join(
        pl.concat(parts), on=list(schema.SNAPSHOT_KEY), how="left", maintain_order="left"
    )


def write_dataset(frame: pl.DataFrame, path: Path) -> None:
    """Write a dataset as CSV or Parquet, by the suffix; whole or not at all.

    Raises:
        UsageError: another suffix.
    """
    require_suffix(path, (".csv", ".parquet"))
    with written_whole(path) as temporary:
        if path.suffix.lower() == ".csv":
            frame.write_csv(temporary)
        else:
            frame.write_parquet(temporary, compression="zstd", statistics=False)


def require_suffix(path: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse a file name that says another format.

    Raises:
        UsageError: names the suffixes that are accepted; or the name could not be written in a manifest.
    """
    require_path(path)
    if not path.name.lower().endswith(suffixes):
        raise UsageError(
            translatable("{path}: unknown file format; the name must end with {suffixes}."),
            path=str(path),
            suffixes=", ".join(suffixes),
        )


# --- Read from a file -------------------------------------------------------------------------------------------------


def read_dataset(
    path: Path | str, *, period_column: str = schema.PERIOD, label_period_column: str = schema.LABEL_PERIOD
) -> Dataset:
    """Read and validate a dataset, exported or a data scientist's own (CSV, CSV.gz or Parquet).

    The file needs the eleven features and ``future_need_level``; columns the product does not know are left out. A CSV is
    read as the importer of HR facts reads one: its encoding and its separator are found, a decimal comma is understood,
    and so is a level in French. Where the file does not say the level now, it is derived from the labels of earlier rows
    (``labels.level_now``).

    Raises:
        DataFileError: the file is absent, empty or not readable.
        MissingColumnsError: columns are missing.
        InvalidValuesError: cells cannot be understood; each with its line, column and value.
    """
    path = Path(path)
    require_suffix(path, (".csv", ".csv.gz", ".parquet"))
    if period_column == label_period_column:
        raise UsageError(
            translatable("The period of a row and that of its label are two columns, not {column} twice."),
            column=period_column,
        )
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataFileError(
            translatable("{path}: no such file."),
            hint=translatable("Make it with “manage.py export_future_skills_dataset”."),
            path=str(path),
        ) from error
    except OSError as error:
        raise DataFileError(
            translatable("{path}: cannot be read ({problem})."), path=str(path), problem=str(error)
        ) from error
    own_names = {period_column: schema.PERIOD, label_period_column: schema.LABEL_PERIOD}
    raw, header_lines = _parse(content, path, own_names)
    raw = _renamed(raw, own_names, path)
    frame = _validated(raw, path, header_lines, {ours: theirs for theirs, ours in own_names.items()})
    if schema.CURRENT_LEVEL not in frame.columns:
        frame = level_now(frame)
    return Dataset(frame, path.name, sha256_of_bytes(content), period_column, label_period_column)


def _parse(content: bytes, path: Path, own_names: Mapping[str, str]) -> tuple[pl.DataFrame, int]:
    """Cells of the file (text for CSV, typed columns for Parquet), and how many lines stand before the first row."""
    if path.suffix.lower() == ".parquet":
        try:
            return pl.read_parquet(content), 0
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _unreadable(path, error) from error
    encoding = find_encoding(path)
    with broken_gzip_refused(path):
        unpacked = gzip.decompress(content) if path.suffix.lower() == ".gz" else content
    text = unpacked if encoding == "utf-8-sig" else unpacked.decode(encoding).encode()
    first = text[: text.find(b"\n") + 1 or None].decode("utf-8-sig").rstrip("\r\n")
    known = map(normal_heading, (*DATASET_COLUMNS, *own_names))
    delimiter, declared = find_delimiter(first, set(known)), bool(declared_delimiter(first))
    try:
        raw = pl.read_csv(text, infer_schema=False, separator=delimiter, skip_lines=int(declared))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _uneven(text, path, delimiter) or _unreadable(path, error) from error
    numbers = [name for name in (*schema.NUMERIC_FEATURES, *HISTORY_FEATURES) if name in raw.columns]
    points = (with_decimal_points(raw[name], comma_separates_cells=delimiter == ",") for name in numbers)
    return raw.with_columns(points), 1 + declared


def _unreadable(path: Path, error: Exception) -> DataFileError:
    problem = str(error).splitlines()[0][:200].rstrip(".")
    return DataFileError(translatable("{path}: cannot be read ({problem})."), path=str(path), problem=problem)


def _uneven(text: bytes, path: Path, delimiter: str) -> DataFileError | None:
    """The refusal of the first row that has more cells than there are headings; None where there is none."""
    reader = csv.reader(io.StringIO(text.decode("utf-8-sig"), newline=""), delimiter=delimiter)
    width, line = 0, 1
    try:
        for row in reader:
            width = width or (0 if declared_delimiter(delimiter.join(row)) else len(row))
            if len(row) > width > 0:
                return DataFileError(
                    translatable("{path}, line {line}: the row has {cells} cells, and there are {headings} headings."),
                    path=str(path),
                    line=line,
                    cells=len(row),
                    headings=width,
                )
            line = reader.line_num + 1
    except csv.Error:  # what cannot be cut into cells has no row to name
        pass
    return None


def _renamed(raw: pl.DataFrame, names: Mapping[str, str], path: Path) -> pl.DataFrame:
    """Give the file's own period columns the product's names."""
    for theirs, ours in names.items():
        if theirs != ours and theirs not in raw.columns:
            raise MissingColumnsError(
                hint=translatable("Name one of these."), path=str(path), columns=theirs, found=", ".join(raw.columns)
            )
    theirs_to_ours = {theirs: ours for theirs, ours in names.items() if theirs != ours}
    return raw.drop([ours for ours in theirs_to_ours.values() if ours not in names], strict=False).rename(
        theirs_to_ours
    )


def _validated(raw: pl.DataFrame, path: Path, header_lines: int, own_names: Mapping[str, str]) -> pl.DataFrame:
    """The rows with their types, or every cell that cannot be understood. ``own_names``: ours -> the file's."""
    required = (*schema.BASE_FEATURES, schema.LABEL)
    missing = [column for column in required if column not in raw.columns]
    if missing:
        raise MissingColumnsError(
            hint=translatable(
                "Name them so in the file; only the columns of the two periods may have names of their own "
                "(--period-column, --label-period-column)."
            ),
            path=str(path),
            columns=", ".join(missing),
            found=", ".join(own_names.get(name, name) for name in raw.columns),
        )
    if raw.is_empty():
        raise DataFileError(translatable("{path}: there is no row."), path=str(path))
    optional = [c for c in (schema.PERIOD, schema.LABEL_PERIOD, *HISTORY_COLUMNS) if c in raw.columns]
    raw = raw.select(*optional, *required)
    defects = _Defects(_Lines(raw, header_lines=header_lines), own_names)
    frame = pl.DataFrame([_column(raw[name], defects) for name in raw.columns])
    for name in (schema.PERIOD, schema.LABEL_PERIOD):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(name))
    _check_periods(frame, defects)
    defects.raise_if_any(path)
    return frame


def _column(values: pl.Series, defects: "_Defects") -> pl.Series:
    """One column with its type; what cannot be understood goes to ``defects``."""
    name = values.name
    if name in {*schema.CATEGORICAL_FEATURES, schema.PERIOD, schema.LABEL_PERIOD}:
        text = _text(values, defects)
        empty = text.is_null() | (text == "")
        if name in {schema.ROLE, schema.SKILL, schema.PERIOD, schema.LABEL_PERIOD}:
            defects.add(values, empty, translatable("this cell may not be empty"))
        return text.set(empty, None)
    if name in {schema.CURRENT_LEVEL, schema.LABEL}:
        text = _text(values, defects)
        empty = text.is_null() | (text == "")
        if name == schema.LABEL:
            defects.add(values, empty, translatable("a row without a label teaches nothing: remove it"))
        levels = {word: LEVEL_WORDS.get(without_accents(word)) for word in text.unique().drop_nulls()}
        read = text.replace_strict(levels, return_dtype=pl.String)
        defects.add(
            values, ~empty & read.is_null(), translatable("not a need level; the levels are LOW, MEDIUM and HIGH")
        )
        return read
    return _number(values, defects)


def _text(values: pl.Series, defects: "_Defects") -> pl.Series:
    """A column as text, without blanks at its ends."""
    if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Object):
        defects.add(values, values.is_not_null(), translatable("not text"))
        return pl.Series(values.name, [None] * len(values), dtype=pl.String)
    return values.cast(pl.String).str.strip_chars()


def _number(values: pl.Series, defects: "_Defects") -> pl.Series:
    """A numeric column as Float64, null where the cell is empty."""
    if values.dtype == pl.String:
        values_text = values.str.strip_chars()
        values_text = values_text.set(values_text == "", None)
        numbers = values_text.cast(pl.Float64, strict=False)
        unread = numbers.is_null() & values_text.is_not_null()
        defects.add(values, unread, translatable("not a number (write 0.82 or 0,82)"))
    elif values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.Null):
        numbers = values.cast(pl.Float64)
    else:
        numbers = pl.Series(values.name, [None] * len(values), dtype=pl.Float64)
        defects.add(values, values.is_not_null(), translatable("not a number (write 0.82 or 0,82)"))
    infinite = numbers.is_not_null() & ~numbers.is_finite().fill_null(value=True)
    defects.add(values, infinite, translatable("not a finite number; leave the cell empty when the value is missing"))
    huge = numbers.abs() > LARGEST_NUMBER
    defects.add(values, ~infinite & huge, translatable("too large a number: no model can tell such numbers apart"))
    return numbers


def _check_periods(frame: pl.DataFrame, defects: "_Defects") -> None:
    """Periods must be written as periods, labels lie later, and a pair stand once in a period."""
    pattern = r"^[12][0-9]{3}(-(0[1-9]|1[0-2]))?$"
    written = pl.repeat(True, len(frame), eager=True)
    for name in (schema.PERIOD, schema.LABEL_PERIOD):
        right = frame[name].str.contains(pattern).fill_null(value=True)
        defects.add(frame[name], ~right, translatable("not a period: write YYYY-MM or YYYY"))
        written &= right
    later = (frame[schema.LABEL_PERIOD] > frame[schema.PERIOD]).fill_null(value=True)
    defects.add(
        frame[schema.LABEL_PERIOD],
        written & ~later,
        translatable("the period of the label must be later than the period of its row"),
    )
    labels = pl.col(schema.LABEL).n_unique().over(schema.LABEL_PERIOD, schema.ROLE, schema.SKILL)
    contradictory = frame.select(pl.col(schema.LABEL_PERIOD).is_not_null() & (labels > 1)).to_series()
    defects.add(
        frame[schema.LABEL],
        contradictory,
        translatable("another row gives this pair another level for this label period"),
    )
    if frame[schema.PERIOD].null_count() < len(frame):
        again = frame.select(~pl.struct(schema.SNAPSHOT_KEY).is_first_distinct()).to_series()
        defects.add(
            frame[schema.SKILL], again, translatable("this pair stands already in an earlier line for this period")
        )


class _Lines:
    """Line of each row in the file, cells of several lines counted."""

    def __init__(self, raw: pl.DataFrame, *, header_lines: int) -> None:
        self._raw = raw
        self._header_lines = header_lines

    def of(self, row: int) -> int:
        before = (
            self._raw.head(row).select(pl.col(pl.String).str.count_matches("\n").sum()) if self._header_lines else None
        )
        breaks = sum(value or 0 for value in before.row(0)) if before is not None and before.width else 0
        return row + 1 + self._header_lines + int(breaks)


class _Defects:
    """Collects the cells that cannot be understood; keeps the places of the first ones and counts the rest."""

    def __init__(self, lines: _Lines, own_names: Mapping[str, str]) -> None:
        self._lines = lines
        self._own_names = own_names
        self._found: list[tuple[int, str, str, str]] = []
        self._count = 0

    def add(self, values: pl.Series, wrong: pl.Series, reason: str) -> None:
        rows = wrong.fill_null(value=False).arg_true()
        self._count += len(rows)
        for row in rows.head(InvalidValuesError.shown).to_list():
            value = values[row]
            column = self._own_names.get(values.name, values.name)
            self._found.append((row, column, "" if value is None else str(value)[:80], reason))

    def raise_if_any(self, path: Path) -> None:
        if not self._count:
            return
        first = sorted(self._found)[: InvalidValuesError.shown]
        defects = [Defect(self._lines.of(row), column, value, reason) for row, column, value, reason in first]
        raise InvalidValuesError(path=str(path), count=self._count, defects=defects)


# --- Described --------------------------------------------------------------------------------------------------------


def dataset_card(frame: pl.DataFrame, *, source: str, label_rule: Mapping[str, Any]) -> dict[str, Any]:
    """What a dataset holds, in JSON: rows, periods, classes by period, features, missing values, coverage.

    Args:
        frame: the rows of a dataset.
        source: where the facts come from, in words.
        label_rule: how labels were made (``rule`` in words, horizon, tolerance, as_of).
    """
    by_period = frame.group_by(schema.PERIOD, schema.LABEL).len().sort(schema.PERIOD, schema.LABEL)
    classes: dict[str, dict[str, int]] = {}
    for period, level, count in by_period.iter_rows():
        classes.setdefault(period or "—", dict.fromkeys(schema.LEVELS, 0))[level] = count
    departments = frame.group_by(schema.DEPARTMENT).agg(
        rows=pl.len(), roles=pl.col(schema.ROLE).n_unique(), skills=pl.col(schema.SKILL).n_unique()
    )
    return {
        "rows": len(frame),
        "periods": sorted(p for p in frame[schema.PERIOD].unique() if p is not None),
        "label_periods": sorted(p for p in frame[schema.LABEL_PERIOD].unique() if p is not None),
        "roles": frame[schema.ROLE].n_unique(),
        "skills": frame[schema.SKILL].n_unique(),
        "class_distribution": class_distribution(frame),
        "class_distribution_by_period": classes,
        "current_level_known": int(frame[schema.CURRENT_LEVEL].is_not_null().sum()),
        "labels": dict(label_rule),
        "source": source,
        "features": {name: _summary(frame[name]) for name in frame.columns if name not in _NOT_FEATURES},
        "coverage_by_department": departments.sort(schema.DEPARTMENT).to_dicts(),
        "notes": _card_notes(frame),
    }


_NOT_FEATURES = {schema.PERIOD, schema.LABEL_PERIOD, schema.LABEL}


def class_distribution(frame: pl.DataFrame) -> dict[str, int]:
    """Level -> rows, in the order of the levels, zero where there is none."""
    counts = dict(frame.group_by(schema.LABEL).len().iter_rows())
    return {level: int(counts.get(level, 0)) for level in schema.LEVELS}


def _summary(values: pl.Series) -> dict[str, Any]:
    missing = values.null_count()
    if values.dtype == pl.String:
        top = values.drop_nulls().value_counts(sort=True).sort(["count", values.name], descending=[True, False]).head(5)
        return {
            "missing": missing,
            "distinct": values.drop_nulls().n_unique(),
            "top": [list(row) for row in top.iter_rows()],
        }
    known = values.drop_nulls()
    if known.is_empty():
        return {"missing": missing, "minimum": None, "median": None, "maximum": None, "mean": None}
    return {
        "missing": missing,
        "minimum": known.min(),
        "median": known.median(),
        "maximum": known.max(),
        "mean": round(float(np.mean(known.to_numpy())), 6),
    }


def _card_notes(frame: pl.DataFrame) -> list[str]:
    """What a careful reader must know before trusting the figures."""
    notes = []
    several = (
        frame.group_by(schema.ROLE)
        .agg(periods=pl.col(schema.PERIOD).n_unique(), salaries=pl.col("avg_salary_k").n_unique())
        .filter(pl.col("periods") > 1)
    )
    if len(several) and int(several["salaries"].max()) == 1:  # type: ignore[arg-type]
        notes.append(
            translatable(
                "avg_salary_k has one value per role over all periods: if it was measured after a row's period, it is "
                "look-ahead (true of the O*NET example, whose wages are of May 2025)."
            )
        )
    return notes


def row_hashes(frame: pl.DataFrame) -> npt.NDArray[np.uint64]:
    """64-bit identity of each row, shape (rows,): period, label period, role and skill (BLAKE2b).

    Where rows have no period, the eleven features are part of the identity. A corrected feature does not make another
    row: overlap between what one version trained on and another is tested on is found all the same.
    """
    columns: tuple[str, ...] = (schema.PERIOD, schema.LABEL_PERIOD, schema.ROLE, schema.SKILL)
    if frame[schema.PERIOD].null_count():
        columns = (*columns, *(name for name in schema.BASE_FEATURES if name not in columns))
    texts = frame.select(
        pl.concat_str([pl.col(name).cast(pl.String).fill_null("\x00") for name in columns], separator="\x1f")
    ).to_series()
    digest = hashlib.blake2b
    return np.fromiter(
        (int.from_bytes(digest(text.encode(), digest_size=8).digest(), "little") for text in texts),
        dtype=np.uint64,
        count=len(texts),
    )
