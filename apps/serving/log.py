"""Writing the prediction log: what waits is committed together, and no answer leaves before its line is committed.

A commit costs more than the lines in it. So the threads of a process share them: whoever comes while nobody writes writes
everything that waits, on its own connection, in one transaction; those who come meanwhile wait, and one of them writes for
all of them next. There is no thread of the log's own to start, to stop, or to die unseen, and a lone request waits for nobody.
"""

import fcntl
import os
import time
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from threading import Event, Lock
from typing import Any, Final

from django.db import Error, connection, transaction
from pydantic_core import to_json

from apps.accounts.actors import Actor
from apps.serving.answers import Answers, Said
from apps.serving.figures import LOG_LAG
from apps.serving.ids import moment_of
from apps.serving.models import Prediction
from future_skills.errors import PredictionLogError, StorageError, Words, translatable

Line = tuple[Any, ...]
"""The values of a row of ``Prediction``, in the order of its columns, as the database takes them."""

_COLUMNS: Final = tuple(field.column for field in Prediction._meta.concrete_fields)
_INSERT: Final = (
    f'INSERT INTO "{Prediction._meta.db_table}" ('  # noqa: S608 — our own names
    + ", ".join(f'"{column}"' for column in _COLUMNS)
    + ") VALUES "
)
_PLACES: Final = f"({', '.join(['%s'] * len(_COLUMNS))})"

_WRITER_FAILED: Final = Words(translatable("the request that wrote for several others failed"))

AT_ONCE: Final = 50
"""Lines that one statement writes: SQLite may take no more than 999 values."""


def lines_of(answers: Answers, *, actor: Actor) -> list[Line]:
    """What production answered to somebody, as lines of the log.

    What cannot be written in JSON fails here, and not in a transaction that it shares with the answers of others.
    """
    identifier = Prediction._meta.pk.get_db_prep_value
    shared = {
        "request_id": identifier(answers.request, connection),
        "deployment_id": answers.deployment,
        "version": answers.version,
        "at": connection.ops.adapt_datetimefield_value(moment_of(answers.request)),
        "requester": actor.name,
        "requester_source": actor.source,
    }
    return [
        tuple(
            map(
                {
                    **shared,
                    **answer.said.once(_columns_of),
                    "id": identifier(answer.id, connection),
                    "override_id": answer.override and answer.override.pk,
                }.__getitem__,
                _COLUMNS,
            )
        )
        for answer in answers.answers
    ]


def _columns_of(said: Said) -> dict[str, Any]:
    """The columns of a line that are the same whoever asks, and when."""
    prediction = said.prediction
    return {
        "role": said.role,
        "skill": said.skill,
        "period": said.period or "",
        "level": prediction.level,
        "abstained": said.abstained,
        "probabilities": _json(prediction.probabilities),
        "current_level": prediction.current_level or "",
        "warnings": _json([warning.code for warning in prediction.warnings]),
        "inputs": _json(said.inputs),
    }


def _json(value: Any) -> str | None:
    return None if value is None else to_json(value).decode()


def insert(lines: Sequence[Line]) -> None:
    """Write lines and commit them. The caller is in no transaction: what is not committed here could still be lost.

    A third of what the ORM would cost: see docs/decisions/0015-prediction-log.md.
    """
    if len(lines) <= AT_ONCE:
        with TURN:
            _insert(lines)  # one statement is a transaction, without the round trips that begin and end one
        return
    with TURN, transaction.atomic(durable=True):
        for start in range(0, len(lines), AT_ONCE):
            _insert(lines[start : start + AT_ONCE])


def _insert(lines: Sequence[Line]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_INSERT + ", ".join([_PLACES] * len(lines)), list(chain.from_iterable(lines)))


class FileTurn:
    """Lets the processes that write the log of one SQLite file do so in turn, one thread of each.

    SQLite makes whoever finds it busy sleep for 1 to 25 ms before looking again; a file lock wakes them at once, and the system
    gives it up for a process that dies. It orders nothing else: SQLite's own lock is what keeps the file whole.

    Args:
        database: gives the file; None where the database is no file, and everybody may go.
    """

    def __init__(self, database: Callable[[], Path | None]) -> None:
        self._database = database
        self._file: int | None = None

    def forget(self) -> None:
        """Begin anew, as a forked process must: through its parent's open file both would have the turn."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> None:
        if self._file is None:
            path = self._database()
            if path is None:
                return
            # to read is enough for a lock: whoever may read the database, under whatever account, may wait for their turn
            self._file = os.open(path.with_name(f"{path.name}-turn"), os.O_RDONLY | os.O_CREAT, 0o644)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_error: object) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)


def _database_file() -> Path | None:
    """The file that this process writes to."""
    name = connection.settings_dict["NAME"]
    return Path(name) if connection.vendor == "sqlite" and not connection.is_in_memory_db() else None


TURN: Final = FileTurn(_database_file)


class _Batch:
    """The lines of one request, and what became of them.

    Attributes:
        called: set once they were written or refused, or once this thread is to write.
        problem: why they were not written; None: they were. Meaningless until ``settled``.
    """

    __slots__ = ("called", "lines", "problem", "settled")

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.called = Event()
        self.settled = False
        self.problem: str | None = None


class GroupCommit:
    """Lines of many threads, committed together.

    Args:
        write: commits lines, all or none; raises ``django.db.Error`` where it cannot.
    """

    def __init__(self, write: Callable[[Sequence[Line]], None]) -> None:
        self._write = write
        self.forget()

    def forget(self) -> None:
        """Begin anew, as a forked process must: the threads that wait are those of its parent."""
        self._lock = Lock()
        self._waiting: list[_Batch] = []
        self._busy = False

    def append(self, lines: Sequence[Line]) -> None:
        """Write the lines of one request; they are committed when this returns.

        Raises:
            PredictionLogError: they could not be written, and none of them was.
        """
        batch, began = _Batch(lines), time.perf_counter()
        with self._lock:
            self._waiting.append(batch)
            first, self._busy = not self._busy, True
        if not first:
            batch.called.wait()
        if not batch.settled:
            self._write_for_all()
        LOG_LAG.labels("refused" if batch.problem else "committed").observe(time.perf_counter() - began)
        if batch.problem is not None:
            raise PredictionLogError(problem=batch.problem)

    def _write_for_all(self) -> None:
        """Commit what waits, then call those who waited, and one of those who came meanwhile to go on."""
        with self._lock:
            batches, self._waiting = self._waiting, []
        problem: str | None = _WRITER_FAILED  # until they are written: whatever happens, nobody is told that they were
        try:
            self._write([line for batch in batches for line in batch.lines])
            problem = None
        except Error as error:
            problem = StorageError.of(error).details["problem"]
        finally:
            with self._lock:
                self._busy = bool(self._waiting)
                successor = self._waiting[0] if self._waiting else None
            if successor is not None:
                successor.called.set()
            for batch in batches:
                batch.problem, batch.settled = problem, True
                batch.called.set()


LOG: Final = GroupCommit(insert)
"""The log of this process."""

os.register_at_fork(after_in_child=LOG.forget)
os.register_at_fork(after_in_child=TURN.forget)
