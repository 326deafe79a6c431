"""Valid rows of all files of an import, kept in a folder until they are known to agree with each other.

Memory holds one batch, then one period at a time, however large the files are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from future_skills import schema
from future_skills.errors import Defect, translatable
from future_skills.snapshot_readers import LINE, RejectedRow, shortened

FILE: Final = "file"
"""Column that holds the number of the file a row comes from, first = 0."""

FACTS: Final = (schema.DEPARTMENT, schema.CATEGORY, *schema.NUMERIC_FEATURES, schema.OBSERVED_LEVEL)

RolePair = tuple[str, str | None]
"""Name and code of a job role."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: number of its file, first = 0, and its line."""

    file: int
    line: int


@dataclass(slots=True)
class Staging:
    """Rows put aside in ``folder`` (one Arrow file per batch), with what must be known of all of them.

    Attributes:
        folder: an empty folder.
        file_names: name of each file, for messages.
        headings: for each file, our column -> heading as it writes it.
        periods: those of the rows.
        roles: every pair of name and code, and where it first appears.
    """

    folder: Path
    file_names: list[str]
    headings: list[dict[str, str]]
    periods: set[str] = field(default_factory=set)
    roles: dict[RolePair, Place] = field(default_factory=dict)
    _dropped: list[Place] = field(default_factory=list)
    _parts: int = 0

    def add(self, file: int, rows: pl.DataFrame) -> None:
        """Put the valid rows of a batch aside.

        Args:
            file: number of their file.
            rows: ``LINE`` and ``schema.SNAPSHOT_COLUMNS``.
        """
        if rows.is_empty():
            return
        rows.with_columns(pl.lit(file, dtype=pl.Int64).alias(FILE)).write_ipc(self.folder / f"{self._parts:08d}.arrow")
        self._parts += 1
        self.periods.update(rows[schema.PERIOD].unique())
        firsts = rows.group_by(schema.ROLE, schema.ROLE_CODE).agg(pl.col(LINE).min())
        for name, code, line in firsts.iter_rows():
            self.roles.setdefault((name, code), Place(file, line))

    def contradictory_roles(self) -> dict[RolePair, Defect]:
        """Pairs that contradict one seen before: a name with a second code, or a code with a second name."""
        found: dict[RolePair, Defect] = {}
        by_name: dict[str, RolePair] = {}
        by_code: dict[str, RolePair] = {}
        for pair, place in sorted(self.roles.items(), key=lambda item: (item[1].file, item[1].line)):
            name, code = pair
            if code is None:
                continue
            namesake, same_code = by_name.setdefault(name, pair), by_code.setdefault(code, pair)
            if namesake != pair:
                template = translatable(
                    "the job role {name} has the code {code} here, and {other} at line {line} of {file}"
                )
                values = {"name": name, "code": code, "other": namesake[1], **self._said(self.roles[namesake])}
                found[pair] = self._role_defect(place, schema.ROLE_CODE, code, template, values)
            elif same_code != pair:
                template = translatable("the code {code} means {name} here, and {other} at line {line} of {file}")
                values = {"name": name, "code": code, "other": same_code[0], **self._said(self.roles[same_code])}
                found[pair] = self._role_defect(place, schema.ROLE, name, template, values)
        return found

    def _role_defect(self, place: Place, column: str, value: str, template: str, values: dict[str, Any]) -> Defect:
        heading = self.headings[place.file].get(column, column)
        return Defect(place.line, heading, shortened(value), template, tuple(values.items()))

    def contradictions(self, period: str) -> list[tuple[Place, RejectedRow]]:
        """Rows of a period that give the same role and skill different values; neither can be trusted more."""
        rows = self._distinct(period)
        rivals = rows.filter(pl.struct(schema.SNAPSHOT_KEY).is_duplicated())
        found = []
        for group in rivals.partition_by(schema.SNAPSHOT_KEY, maintain_order=True):
            first, *others = group.iter_rows(named=True)
            found += [self._contradiction(first, others[0]), *(self._contradiction(other, first) for other in others)]
        return found

    def _contradiction(self, row: dict[str, Any], other: dict[str, Any]) -> tuple[Place, RejectedRow]:
        place, other_place = Place(row[FILE], row[LINE]), Place(other[FILE], other[LINE])
        column = next(fact for fact in FACTS if row[fact] != other[fact])
        heading = self.headings[place.file].get(column, column)
        template = translatable("other values for the same period, job role and skill at line {line} of {file}")
        value = "" if row[column] is None else str(row[column])
        defect = Defect(place.line, heading, shortened(value), template, tuple(self._said(other_place).items()))
        return place, RejectedRow(place.line, (defect,), as_texts(row))

    def _said(self, place: Place) -> dict[str, Any]:
        return {"line": place.line, "file": self.file_names[place.file]}

    def rows_of_roles(self, defects: dict[RolePair, Defect]) -> Iterator[tuple[Place, RejectedRow]]:
        """Every row of the given roles, each with the defect of its role."""
        for period in sorted(self.periods):
            for row in self._rows(period).iter_rows(named=True):
                defect = defects.get((row[schema.ROLE], row[schema.ROLE_CODE]))
                if defect:
                    here = replace(defect, line=row[LINE])
                    yield Place(row[FILE], row[LINE]), RejectedRow(row[LINE], (here,), as_texts(row))

    def drop(self, place: Place) -> None:
        """Leave a row out of all that follows."""
        self._dropped.append(place)

    def period_rows(self, period: str) -> tuple[pl.DataFrame, int]:
        """Rows of a period to store, ``schema.SNAPSHOT_COLUMNS``, and how many others repeated one of them."""
        distinct = self._distinct(period)
        return distinct.select(schema.SNAPSHOT_COLUMNS), self._rows(period).height - distinct.height

    def _distinct(self, period: str) -> pl.DataFrame:
        """Rows of a period, each once, the first of its kind; every role with its code if any row gives it."""
        codes = {name: code for name, code in reversed(self.roles) if code is not None}  # the first one stays
        same = [column for column in schema.SNAPSHOT_COLUMNS if column != schema.ROLE_CODE]
        code = pl.col(schema.ROLE).replace_strict(codes, default=None, return_dtype=pl.String)
        rows = self._rows(period).with_columns(pl.col(schema.ROLE_CODE).fill_null(code))
        return rows.unique(subset=same, keep="first", maintain_order=True)

    def _rows(self, period: str) -> pl.DataFrame:
        """All rows of a period, in the order of the files, but those dropped."""
        rows = pl.scan_ipc(self.folder / "*.arrow").filter(pl.col(schema.PERIOD) == period).collect()
        if not self._dropped:
            return rows
        places = [(place.file, place.line) for place in self._dropped]
        dropped = pl.DataFrame(places, schema={FILE: pl.Int64, LINE: pl.Int64}, orient="row")
        return rows.join(dropped, on=[FILE, LINE], how="anti", maintain_order="left")


def as_texts(row: dict[str, Any]) -> dict[str, str]:
    """The cells of a valid row, as a file would write them."""
    return {column: "" if row[column] is None else str(row[column]) for column in schema.SNAPSHOT_COLUMNS}
