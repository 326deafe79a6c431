"""What becomes of rejected rows: the whole import is refused, or they are written to a file and the others go on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Protocol

from future_skills import schema
from future_skills.errors import Defect, InvalidValuesError, translatable
from future_skills.snapshot_readers import RejectedRow
from future_skills.text import csv_line

REJECTS_COLUMNS: Final = ("file", "line", "column", "value", "reason")


class Rejects(Protocol):
    """Where rejected rows go."""

    count: int
    """Rows rejected so far."""

    def add(self, file: int, row: RejectedRow) -> None:
        """Take a row of the file with that number."""

    def refuse_if_any(self) -> None:
        """Refuse the import if a rejected row stops it."""


@dataclass(slots=True)
class Refusals:
    """Rejected rows stop the import; the first defects of each file are kept for the message.

    Attributes:
        paths: the files.
        count: rows rejected so far.
    """

    paths: Sequence[Path]
    count: int = 0
    _defects: dict[int, list[Defect]] = field(default_factory=dict)
    _totals: dict[int, int] = field(default_factory=dict)

    def add(self, file: int, row: RejectedRow) -> None:
        """Count a row, and keep its defects if there is room."""
        self.count += 1
        kept = self._defects.setdefault(file, [])
        kept += row.defects[: max(InvalidValuesError.shown - len(kept), 0)]
        self._totals[file] = self._totals.get(file, 0) + len(row.defects)

    def refuse_if_any(self) -> None:
        """Refuse the import if a row was rejected: the message shows the first file that has such rows.

        Raises:
            InvalidValuesError: the place and reason of its first defects, and how many there are.
        """
        if not self.count:
            return
        first, *others = sorted(self._defects)
        defects = sorted(self._defects[first], key=lambda defect: defect.line)
        error = InvalidValuesError(path=str(self.paths[first]), count=self._totals[first], defects=defects)
        error.details["rejected_rows"] = self.count
        error.hint = translatable("With --rejects FILE the good rows are stored and all others are listed in FILE.")
        if others:
            error.details["other_files"] = ", ".join(str(self.paths[number]) for number in others)
            error.hint = translatable(
                "Other files have errors too: {other_files}. "
                "With --rejects FILE the good rows are stored and all others are listed in FILE."
            )
        raise error


@dataclass(slots=True)
class RejectsFile:
    """Rejected rows go to a CSV: where and why, then the row under our headings, to be corrected and imported again.

    A row with several defects takes one line: place and value are those of the first, ``reason`` gives them all. A
    spreadsheet opens the file as it is: it begins with a byte-order mark, and no cell is a formula there (``csv_line``).

    Attributes:
        paths: the files imported.
        file: where rows are written.
        translate: gives the reasons in the reader's language.
        delimiter: what stands between cells; a French spreadsheet expects ``;``.
        count: rows rejected so far.
    """

    paths: Sequence[Path]
    file: IO[str]
    translate: Callable[[str], str]
    delimiter: str
    count: int = 0

    @classmethod
    @contextmanager
    def open(
        cls, path: Path, paths: Sequence[Path], translate: Callable[[str], str], *, delimiter: str
    ) -> "Iterator[RejectsFile]":
        """Open the file for writing, its headings written."""
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            file.write(csv_line([*REJECTS_COLUMNS, *schema.SNAPSHOT_COLUMNS], delimiter=delimiter))
            yield cls(paths, file, translate, delimiter)

    def add(self, file: int, row: RejectedRow) -> None:
        """Write a row."""
        self.count += 1
        first, *others = row.defects
        reasons = [first.explain(self.translate)]
        reasons += [f"{defect.column} ({defect.value}): {defect.explain(self.translate)}" for defect in others]
        place = (self.paths[file].name, row.line, first.column, first.value, " ; ".join(reasons))
        cells = (row.cells.get(column, "") for column in schema.SNAPSHOT_COLUMNS)
        self.file.write(csv_line([*place, *cells], delimiter=self.delimiter))

    def refuse_if_any(self) -> None:
        """Rejected rows are in the file; the import goes on."""
