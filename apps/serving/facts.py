"""The facts that predictions are made of: the latest snapshot of each pair, and its history. Never a write.

The history of one pair depends on the whole company (similar roles, skills that go together): a second of work at 32 000
pairs. A process therefore keeps what it computed, and computes it again once the facts have changed. Every write of facts
has its audit event in the same transaction, so the audit log says whether they have.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from threading import Lock
from typing import Any, Final

import polars as pl

from apps.workforce.selectors import facts_changed_since, newest_event, snapshots_frame
from future_skills import schema
from future_skills.errors import Defect, InvalidRowsError, UnknownPairError, translatable
from future_skills.history import HISTORY_FEATURES, RoleNeighbours, history_features
from future_skills.prediction import PredictionWarning, value_defect

Row = Mapping[str, Any]

PAIR: Final = (schema.ROLE, schema.SKILL)
TAKEN: Final = tuple(name for name in schema.BASE_FEATURES if name not in PAIR)
"""Features taken from the pair's latest snapshot where a row does not give them."""

HISTORY: Final = frozenset(HISTORY_FEATURES)
_HISTORY_SOURCE: Final = (schema.PERIOD, *PAIR, schema.DEPARTMENT, schema.OBSERVED_LEVEL)
_UNKNOWN_HISTORY: Final = pl.DataFrame(schema=dict.fromkeys(HISTORY_FEATURES, pl.Float64))
_UNKNOWN_HISTORY_ROW: Final = dict.fromkeys(HISTORY_FEATURES)
_UNKNOWN: Final = dict.fromkeys((schema.PERIOD, *schema.BASE_FEATURES, schema.CURRENT_LEVEL))

_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_NOT_STORABLE: Final = translatable("holds a NUL character, or bytes that are not UTF-8")
_NO_HISTORY: Final = translatable("No snapshot has this pair: its history and its level now are unknown.")
_OLD_SNAPSHOT: Final = translatable(
    "The latest snapshot of this pair is of {period}; the newest facts are of {newest}."
)
_NEAR: Final = translatable("Did you mean {near}? Otherwise give these values, or import a snapshot of the pair.")


FEW: Final = 100
"""Rows up to which they are completed one by one: a frame costs a millisecond to make, however few rows it has."""


@dataclass(frozen=True, slots=True)
class CompletedRows:
    """Rows as a model reads them.

    Attributes:
        values: ``schema.BASE_FEATURES``, ``current_need_level`` and, where the model reads them, the history features:
            a mapping for each of a ``FEW`` rows, a frame of more.
        pairs: role and skill of each row.
        periods: of each row, the period of the snapshot it was completed from; None where its pair has none.
        warnings: place of a row -> what its facts make doubtful.
    """

    values: Sequence[Row] | pl.DataFrame
    pairs: tuple[tuple[str, str], ...]
    periods: tuple[str | None, ...]
    warnings: Mapping[int, PredictionWarning]

    def inputs(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        """Of each row, the values of some columns."""
        if isinstance(self.values, pl.DataFrame):
            return self.values.select(columns).rows(named=True)
        return [{name: row[name] for name in columns} for row in self.values]


class Facts:
    """The facts as they were at one moment. Threads may share it.

    Args:
        snapshots: ``schema.SNAPSHOT_COLUMNS``, one row per period, role and skill.
    """

    def __init__(self, snapshots: pl.DataFrame) -> None:
        level_now = pl.col(schema.OBSERVED_LEVEL).alias(schema.CURRENT_LEVEL)
        self._latest = (
            snapshots.select(schema.PERIOD, *schema.BASE_FEATURES, level_now)
            .sort(schema.SNAPSHOT_KEY)
            .unique(subset=PAIR, keep="last", maintain_order=True)
        )
        self._places = {pair: place for place, pair in enumerate(self._latest.select(PAIR).iter_rows())}
        self._periods = self._latest[schema.PERIOD]
        starts = self._latest.with_row_index("start").group_by(schema.PERIOD).agg(pl.col("start").min())
        self._starts: dict[str, int] = dict(starts.iter_rows())
        self._source = snapshots.select(pl.col(_HISTORY_SOURCE).cast(pl.Categorical))  # a fifth of the memory of texts
        self._histories: dict[str, pl.DataFrame] = {}
        self._neighbours: dict[str, RoleNeighbours] = {}
        self._turn = Lock()

    def complete(self, rows: Sequence[Row], *, columns: Iterable[str]) -> CompletedRows:
        """Rows with everything that a model reads.

        What a row does not give is taken from the latest snapshot of its pair. History and the level now always are, as
        they were known at that snapshot's period: a model is trained on such rows.

        Args:
            rows: each has ``job_role_name`` and ``skill_name``, and may have any of ``TAKEN``; None is a missing value.
            columns: what the model reads.

        Raises:
            InvalidRowsError: a value cannot be accepted.
            UnknownPairError: a pair has no snapshot, and its row does not give everything that the model reads.
        """
        _require_valid(rows)
        wanted = frozenset(columns)
        pairs = [(row[schema.ROLE].strip(), row[schema.SKILL].strip()) for row in rows]
        places = [self._places.get(pair) for pair in pairs]
        for number, place in enumerate(places):
            if place is None:
                self._require_whole(rows[number], number, wanted)
        with_history = not HISTORY.isdisjoint(wanted)
        make = self._one_by_one if len(rows) <= FEW else self._together
        values, periods = make(rows, pairs, places, with_history)
        return CompletedRows(values, tuple(pairs), tuple(periods), self._warnings(periods))

    def prepare(self, columns: Iterable[str]) -> None:
        """Compute what most rows will need."""
        if len(self._periods) and not HISTORY.isdisjoint(columns):
            self._history(self._periods[-1])

    def neighbours(self, period: str) -> RoleNeighbours:
        """How alike the roles of a period are; computed once."""
        with self._turn:
            if period not in self._neighbours:
                self._neighbours[period] = RoleNeighbours(self._source.cast(pl.String), period=period)
            return self._neighbours[period]

    def _one_by_one(
        self,
        rows: Sequence[Row],
        pairs: Sequence[tuple[str, str]],
        places: Sequence[int | None],
        with_history: bool,
    ) -> tuple[list[dict[str, Any]], list[str | None]]:
        """The values of a few rows, and their periods."""
        completed, periods = [], []
        for row, pair, place in zip(rows, pairs, places, strict=True):
            values = dict(_UNKNOWN) if place is None else self._latest.row(place, named=True)
            period = values.pop(schema.PERIOD)
            values |= zip(PAIR, pair, strict=True)
            values |= {name: _as_read(name, row[name]) for name in TAKEN if name in row}
            if with_history:
                values |= (
                    _UNKNOWN_HISTORY_ROW
                    if place is None
                    else self._history(period).row(place - self._starts[period], named=True)
                )
            completed.append(values)
            periods.append(period)
        return completed, periods

    def _together(
        self,
        rows: Sequence[Row],
        pairs: Sequence[tuple[str, str]],
        places: Sequence[int | None],
        with_history: bool,
    ) -> tuple[pl.DataFrame, list[str | None]]:
        """The values of many rows, and their periods."""
        found = _gathered(self._latest, places)
        frame = found.drop(schema.PERIOD).with_columns(
            *(pl.Series(name, [pair[part] for pair in pairs], dtype=pl.String) for part, name in enumerate(PAIR)),
            *(_given(rows, name, otherwise=found[name]) for name in TAKEN),
        )
        return frame.hstack(self._history_at(places)) if with_history else frame, found[schema.PERIOD].to_list()

    def _require_whole(self, row: Row, place: int, wanted: frozenset[str]) -> None:
        """Refuse a row of an unknown pair that does not give everything."""
        absent = [name for name in TAKEN if name in wanted and name not in row]
        if absent:
            role, skill = row[schema.ROLE].strip(), row[schema.SKILL].strip()
            near = [f"“{name}”" for name in (*self._near(schema.ROLE, role), *self._near(schema.SKILL, skill))]
            raise UnknownPairError(
                hint=_NEAR if near else "",
                row=place,
                role=role[:200],
                skill=skill[:200],
                columns=", ".join(absent),
                near=", ".join(near),
            )

    def _near(self, column: str, name: str) -> list[str]:
        """Known names that look like an unknown one."""
        known = {str(one).casefold(): str(one) for one in self._latest[column].unique().sort()}
        if name in known.values():
            return []
        return [known[one] for one in get_close_matches(name.casefold(), known, n=3)]

    def _history_at(self, places: Sequence[int | None]) -> pl.DataFrame:
        """History of pairs, each at the period of its latest snapshot."""
        periods = self._periods.gather([place for place in places if place is not None]).unique().sort().to_list()
        starts, histories, height = {}, [_UNKNOWN_HISTORY], 0
        for period in periods:
            starts[period] = height - self._starts[period]
            histories.append(self._history(period))
            height += histories[-1].height
        moved = [None if place is None else place + starts[self._periods[place]] for place in places]
        return _gathered(pl.concat(histories, rechunk=False), moved)

    def _history(self, period: str) -> pl.DataFrame:
        """History of the pairs whose latest snapshot is of a period, in the order of ``_latest``; computed once."""
        with self._turn:
            if period not in self._histories:
                pairs = self._latest.filter(pl.col(schema.PERIOD) == period).select(PAIR)
                history = history_features(self._source.cast(pl.String), period=period)
                joined = pairs.join(history, on=PAIR, how="left", maintain_order="left")
                self._histories[period] = joined.select(HISTORY_FEATURES)
            return self._histories[period]

    def _warnings(self, periods: Sequence[str | None]) -> dict[int, PredictionWarning]:
        warnings, newest = {}, self._periods[-1] if len(self._periods) else ""
        for place, period in enumerate(periods):
            if period is None:
                warnings[place] = PredictionWarning("no_history", _NO_HISTORY, {})
            elif period < newest:
                details = {"period": period, "newest": newest}
                warnings[place] = PredictionWarning("old_snapshot", _OLD_SNAPSHOT, details)
        return warnings


class FactsReader:
    """The facts of the rows, read once by a process and again after every change."""

    def __init__(self) -> None:
        self._facts: Facts | None = None
        self._event = 0
        self._turn = Lock()

    def now(self) -> Facts:
        """The facts as the rows have them now. Whoever comes while they are read waits, rather than be told old ones."""
        event = newest_event()
        with self._turn:
            if self._facts is None or self._changed(event):
                self._facts = Facts(snapshots_frame())
            self._event = event
            return self._facts

    def _changed(self, event: int) -> bool:
        return event != self._event and (event < self._event or facts_changed_since(self._event))


FACTS: Final = FactsReader()
"""The facts, as this process knows them."""


def _gathered(frame: pl.DataFrame, places: Sequence[int | None]) -> pl.DataFrame:
    """Rows of a frame by their place; nulls where there is none."""
    return frame.select(pl.all().gather(pl.Series(places, dtype=pl.UInt32)))


def _require_valid(rows: Sequence[Row]) -> None:
    """Refuse values that no model reads, each with its place."""
    defects = [
        Defect(place, name, repr(value)[:80], reason)
        for place, row in enumerate(rows)
        for name, value in row.items()
        if (reason := _defect(name, value)) is not None
    ]
    if defects:
        raise InvalidRowsError(count=len(defects), defects=defects)


def _defect(name: str, value: Any) -> str | None:
    """What is wrong with a value, as a template: no model reads it, or the log could not keep it."""
    if isinstance(value, str) and _UNSTORABLE.search(value):
        return _NOT_STORABLE
    return value_defect(name, value)


def _as_read(name: str, value: Any) -> Any:
    """A value that was given, as models read it: a number with its decimals, a text without blanks at its ends."""
    if value is None:
        return None
    return (value.strip() or None) if name in schema.CATEGORICAL_FEATURES else float(value)


def _given(rows: Sequence[Row], name: str, *, otherwise: pl.Series) -> pl.Series:
    """A column: what rows give, and the snapshot's value where they give none."""
    given = pl.Series([name in row for row in rows], dtype=pl.Boolean)
    values = pl.Series(name, [_as_read(name, row.get(name)) for row in rows], dtype=otherwise.dtype)
    return values.zip_with(given, otherwise)
