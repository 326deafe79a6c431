"""What Prometheus reads at ``/metrics``: what the server's processes counted, and what the rows say when they are asked.

A server is several processes, and whichever is asked answers for all: each counts in memory that is a file of METRICS_DIR
(prometheus_client's multiprocess mode), and the files are added up. A file belongs to a seat, not to a process: see ``_Seat``.
"""

import fcntl
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

from django.core.signals import got_request_exception
from django.db import Error
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, values
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from apps.monitoring.figures import monitoring_figures
from apps.serving.figures import PROCESS, production_figures

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper ends of the latency classes: a prediction takes about 1 ms, a page 10 to 50, a file of a million rows longer."""

REQUESTS: Final = Counter(
    "future_skills_http_requests",
    "Requests answered.",
    ["method", "route", "status"],
    registry=PROCESS,
)
LATENCY: Final = Histogram(
    "future_skills_http_request_seconds",
    "Time from a request to the beginning of its answer.",
    ["method", "route"],
    buckets=SECONDS,
    registry=PROCESS,
)
FAULTS: Final = Counter(
    "future_skills_faults",
    "Exceptions that nothing caught: answers 500, each with its trace in the log.",
    ["exception"],
    registry=PROCESS,
)

FIGURES: Final[tuple[Callable[[], Iterable[Metric]], ...]] = (production_figures, monitoring_figures)
"""What is asked of the rows at each reading. A room with figures of its own adds its function here."""


# --- Counting -------------------------------------------------------------------------------------------------------------
def count_request(*, method: str, route: str, status: int, seconds: float) -> None:
    """Count an answer.

    Args:
        method: of HTTP's own; whoever sends another word must not make a series of it.
        route: the template of the address, never the address.
        status: of HTTP.
        seconds: from the request to the beginning of the answer.
    """
    requests, latency = _series(method, route, status)
    requests.inc()
    latency.observe(seconds)


@cache
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The two that an answer counts in; kept, since looking them up costs as much as counting."""
    return REQUESTS.labels(method, route, status), LATENCY.labels(method, route)


def _count_fault(**_signal: Any) -> None:
    kind = sys.exc_info()[0]
    FAULTS.labels(kind.__name__ if kind else "").inc()


got_request_exception.connect(_count_fault)


# --- Several processes ----------------------------------------------------------------------------------------------------
class _Seat:
    """The lowest number in a folder that no living process holds: what a process counts goes to the files of its seat.

    The next process on a seat goes on with the counts of the one before it. So what a dead process counted still counts, and
    there are never more files than there were processes at one time. The system gives a seat up when its process ends,
    however it ends.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._owner = 0
        self._number = 0
        self._held: IO[bytes] | None = None

    def number(self) -> int:
        """The seat of this process; a forked one takes a seat of its own."""
        if self._owner != os.getpid():
            self._number, self._held = self._take()
            self._owner = os.getpid()
        return self._number

    def _take(self) -> tuple[int, IO[bytes]]:
        number = 0
        while True:
            lock = (self._folder / f"{number}.lock").open("ab")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                number += 1
            else:
                return number, lock


_shared: list[Path] = []
"""The folder where the processes of a server count together; none in a process that counts for itself."""


def count_together(folder: Path) -> None:
    """From now on this process counts in files of a folder, with all others that do. Called before anything is counted."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # where prometheus_client looks; no other way to tell it
    values.ValueClass = values.MultiProcessValue(_Seat(folder).number)  # type: ignore[no-untyped-call]
    _shared[:] = [folder]


# --- Reading --------------------------------------------------------------------------------------------------------------
class _Rows(Collector):
    """What the rows say, and whether they could be asked: all of it, or nothing but that they could not."""

    def __init__(self, *, ask: bool) -> None:
        self._ask = ask

    def collect(self) -> Iterator[Metric]:
        """``future_skills_database_up``, and every figure."""
        found: list[Metric] = []
        up = self._ask
        if up:
            try:
                found = [metric for figures in FIGURES for metric in figures()]
            except Error:
                up = False
        yield GaugeMetricFamily("future_skills_database_up", "1 where the database answers.", float(up))
        yield from found


def exposition(accept: str, *, ask: bool = True) -> tuple[bytes, str]:
    """Everything, as Prometheus reads it, and its content type.

    Args:
        accept: the header Accept: the text format, or OpenMetrics to who asks for it.
        ask: ask the rows too; False where they are known not to answer.
    """
    scraped = CollectorRegistry()
    together = MultiProcessCollector(None, path=str(_shared[0])) if _shared else None  # type: ignore[no-untyped-call]
    scraped.register(together or PROCESS)
    scraped.register(_Rows(ask=ask))
    encode, content_type = choose_encoder(accept)
    return encode(scraped), content_type
