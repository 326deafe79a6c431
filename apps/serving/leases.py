"""Work that one process does at a time, and that another one goes on with when it dies.

The row of such work says who has it and until when: its lease, which whoever is at work renews. Its folder has a lock, which
the system frees when a process dies. A machine has the lock, machines have the lease: so on the same machine nobody waits for the
lease of a dead process to lapse, and two processes never do the same work.
"""

import fcntl
import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import polars as pl
from django.db import DatabaseError, models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.accounts.refusals import storage_refusal
from future_skills.errors import DefectError, FutureSkillsError, StorageError, keep_refusal

logger = logging.getLogger(__name__)

RETRY: Final = timedelta(minutes=1)
"""How long work rests after the disk or the database refused something."""

MOST_ATTEMPTS: Final = 5
"""How often work is taken up without getting further before it is given up."""


class Leased(models.Model):
    """A row of such work. Once it is finished, or has failed, the row never changes again.

    Attributes:
        lease_holder: machine, process and a random part; empty while nobody works on it.
        lease_until: when another process may take it over; with no holder, when it is tried again.
        attempts: how often it was taken up since it last got further.
        problem: the last refusal, to be said in any language (``code``, ``template``, ``hint``, ``details``).
    """

    lease_holder = models.CharField(max_length=300, blank=True, default="")
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    problem = models.JSONField(null=True)

    class Meta:
        abstract = True

    @property
    def over(self) -> bool:
        """Whether it is finished, or has failed."""
        return self.finished_at is not None or self.failed_at is not None


Row = TypeVar("Row", bound=Leased)


def new_holder() -> str:
    """Who takes a lease: this machine, this process, and a part that tells two leases of it apart."""
    return f"{_here()}{os.getpid()}/{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Leases(Generic[Row]):
    """The leases of one kind of work.

    Attributes:
        noun: the detail that holds a row's number in the refusals below.
        folder: where a row is worked on.
        lasts: how long a process may be silent before another machine takes its row over.
        busy: the refusal where another process works on a row. Details: the noun, ``holder``.
        given_up: the refusal where a row never gets further. Details: the noun, ``attempts``.
    """

    noun: str
    folder: Callable[[Row], Path]
    lasts: timedelta
    busy: type[FutureSkillsError]
    given_up: type[FutureSkillsError]

    @contextmanager
    def taken(self, row: Row) -> Iterator["Lease[Row] | None"]:
        """The lease of a row that nobody works on, and the lock of its folder; None of one that is over.

        Raises:
            FutureSkillsError: ``busy``: another process works on it.
        """
        with _locked(self.folder(row)) as alone:
            if not alone:
                raise self.held(row, row.lease_holder or _machine())
            now, holder = timezone.now(), new_holder()
            # the lock of this machine is ours: a lease of this machine is that of a dead process
            free = Q(lease_holder="") | Q(lease_until__lt=now) | Q(lease_holder__startswith=_here())
            taken = (
                _under_way(row)
                .filter(free)
                .update(
                    lease_holder=holder,
                    lease_until=now + self.lasts,
                    attempts=F("attempts") + 1,
                    started_at=Coalesce("started_at", now),
                )
            )
            row.refresh_from_db()
            if not taken and not row.over:
                raise self.held(row, row.lease_holder)
            yield Lease(self, row, holder) if taken else None

    def take_up(
        self, rows: Iterable[Row], work_on: Callable[[int], object]
    ) -> Iterator[tuple[int, FutureSkillsError | None]]:
        """Go on with rows that are under way, where nobody works on them any more and they need not rest.

        One that was taken up again and again without getting further is given up.

        Yields:
            The key of each row that was taken up, and what stopped it; None: it is finished.
        """
        for row in rows:
            if not (_has_lapsed(row) or self._is_abandoned_here(row)):
                continue
            if row.attempts >= MOST_ATTEMPTS:
                refusal = self.given_up(**{self.noun: row.pk}, attempts=row.attempts)
                if _under_way(row).filter(lease_holder=row.lease_holder).update(**_failed(refusal)):
                    yield row.pk, refusal
                continue
            try:
                work_on(row.pk)
            except self.busy:
                continue
            except FutureSkillsError as error:
                yield row.pk, error
            except (OSError, DatabaseError) as error:
                yield row.pk, storage_refusal(error)
            except pl.exceptions.PolarsError as error:  # a file that it could not write, or read
                yield row.pk, StorageError.of(error)
            except Exception as error:  # a defect that one row meets must not end the work on all others
                logger.exception("%s %s", self.noun, row.pk)
                yield row.pk, DefectError.of(error)
            else:
                yield row.pk, None

    def held(self, row: Row, holder: str) -> FutureSkillsError:
        """The refusal to work on what somebody else works on."""
        return self.busy(**{self.noun: row.pk}, holder=holder)

    def _is_abandoned_here(self, row: Row) -> bool:
        """Whether a process of this machine held the lease and is no more."""
        if not row.lease_holder.startswith(_here()):
            return False
        with _locked(self.folder(row)) as alone:
            return alone


@dataclass(frozen=True, slots=True)
class Lease(Generic[Row]):
    """The right to work on a row, as long as it is renewed in time.

    Whatever is done with one that another process has taken over writes nothing, and raises ``busy``.

    Attributes:
        row: as it was when the lease was last renewed.
        holder: who holds it.
    """

    leases: Leases[Row]
    row: Row
    holder: str

    def renew(self, **changes: Any) -> None:
        """Go on for as long again, with what has changed meanwhile."""
        self._change(lease_until=timezone.now() + self.leases.lasts, **changes)

    def give_back(self, **changes: Any) -> None:
        """Let anybody go on at once."""
        self._change(lease_holder="", lease_until=None, **changes)

    def postpone(self, error: Exception) -> None:
        """Let anybody go on in a while, and say what the disk or the database refused."""
        problem = keep_refusal(StorageError.of(error))
        self._change(lease_holder="", lease_until=timezone.now() + RETRY, problem=problem)

    def fail(self, refusal: FutureSkillsError) -> None:
        """End the work without a result."""
        self._change(**_failed(refusal))

    def finish(self, **result: Any) -> None:
        """End it with its result, in the caller's transaction."""
        self._change(lease_holder="", lease_until=None, problem=None, finished_at=timezone.now(), **result)

    def _change(self, **changes: Any) -> None:
        changed = _under_way(self.row).filter(lease_holder=self.holder).update(**changes)
        self.row.refresh_from_db()
        if not changed:
            raise self.leases.held(self.row, self.row.lease_holder or "—")


def _machine() -> str:
    return socket.gethostname()[:200]


def _here() -> str:
    """How the leases of this machine begin."""
    return f"{_machine()}/"


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Whether this process alone, of this machine, has a folder; the system frees the lock of one that dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except BlockingIOError:
            alone = False
        yield alone


def _under_way(row: Leased) -> Any:
    return type(row)._default_manager.filter(pk=row.pk, finished_at=None, failed_at=None)


def _has_lapsed(row: Leased) -> bool:
    return row.lease_until is None or row.lease_until < timezone.now()


def _failed(refusal: FutureSkillsError) -> dict[str, Any]:
    return {"lease_holder": "", "lease_until": None, "failed_at": timezone.now(), "problem": keep_refusal(refusal)}
