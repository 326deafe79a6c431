"""Threads that log at the same time: each returns once its lines are committed, and none waits for ever."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from django.db import DatabaseError, connection

from apps.serving.log import FileTurn, GroupCommit
from future_skills.errors import PredictionLogError

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 20.0
"""Seconds after which something that should happen has not."""


class Store:
    """A log in memory that can be slow, or refuse.

    Attributes:
        groups: what was committed together, in order.
        going_on: the first writer waits for it.
        writing: set once it does.
    """

    def __init__(self) -> None:
        self.groups: list[list[Any]] = []
        self.writing, self.going_on = Event(), Event()
        self.refusal: BaseException | None = None

    def write(self, lines: Sequence[Any]) -> None:
        self.writing.set()
        assert self.going_on.wait(PATIENCE)
        if self.refusal is not None:
            raise self.refusal
        self.groups.append(list(lines))


@pytest.fixture
def store() -> Store:
    return Store()


def waiting_for(commit: GroupCommit, count: int) -> None:
    """Until so many requests wait behind the one that is being written."""
    for _ in range(int(PATIENCE * 1000)):
        with commit._lock:
            if len(commit._waiting) == count:
                return
        Event().wait(0.001)
    pytest.fail(f"{count} requests should wait")


def test_who_comes_while_another_writes_is_written_with_the_others_in_one_group(store: Store) -> None:
    commit = GroupCommit(store.write)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(commit.append, [("first", 0)])
        assert store.writing.wait(PATIENCE)
        others = [pool.submit(commit.append, [(number, 0), (number, 1)]) for number in range(8)]
        waiting_for(commit, 8)
        assert not any(one.done() for one in (first, *others))
        store.going_on.set()
        for one in (first, *others):
            one.result(PATIENCE)
    assert store.groups[0] == [("first", 0)]
    assert len(store.groups) == 2
    assert sorted(store.groups[1]) == [(number, place) for number in range(8) for place in range(2)]


def test_a_lone_request_waits_for_nobody(store: Store) -> None:
    store.going_on.set()
    commit = GroupCommit(store.write)
    for number in range(3):
        commit.append([number])
    assert store.groups == [[0], [1], [2]]


def test_a_group_that_is_refused_is_refused_to_each_of_its_requests_and_the_next_one_is_not(store: Store) -> None:
    commit = GroupCommit(store.write)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(commit.append, ["first"])
        assert store.writing.wait(PATIENCE)
        others = [pool.submit(commit.append, [number]) for number in range(3)]
        waiting_for(commit, 3)
        store.refusal = DatabaseError("disk full.\n")
        store.going_on.set()
        for one in (first, *others):
            with pytest.raises(PredictionLogError) as refusal:
                one.result(PATIENCE)
            assert refusal.value.details == {"problem": "disk full"}
    store.refusal = None
    commit.append(["after"])
    assert store.groups == [["after"]]


def test_a_writer_that_breaks_leaves_nobody_waiting_and_nobody_believing(store: Store) -> None:
    commit = GroupCommit(store.write)
    store.refusal = ZeroDivisionError("a bug")
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(commit.append, ["first"])
        assert store.writing.wait(PATIENCE)
        others = [pool.submit(commit.append, [number]) for number in range(2)]
        waiting_for(commit, 2)
        store.going_on.set()
        outcomes = [type(one.exception(PATIENCE)) for one in (first, *others)]
    assert outcomes[0] is ZeroDivisionError
    assert sorted(kind.__name__ for kind in outcomes[1:]) == ["PredictionLogError", "ZeroDivisionError"]
    assert store.groups == []


def test_a_forked_process_does_not_wait_for_the_threads_of_its_parent(store: Store) -> None:
    commit = GroupCommit(store.write)
    writer = Thread(target=commit.append, args=(["the parent's"],))
    writer.start()
    assert store.writing.wait(PATIENCE)
    commit.forget()  # what a fork does in the child: see apps/serving/log.py
    store.going_on.set()
    commit.append(["the child's"])
    writer.join(PATIENCE)
    assert sorted(store.groups) == [["the child's"], ["the parent's"]]


# --- In turn with other processes ---------------------------------------------------------------------------------------
HOLDER = """
import sys
from pathlib import Path
from apps.serving.log import FileTurn
with FileTurn(lambda: Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.readline()
"""


FORK = """
import os
from threading import Thread
from apps.serving.log import TURN

def write():
    with TURN:
        print("the child writes", flush=True)

ready, go = os.pipe()
with TURN:
    child = os.fork()
    if child == 0:
        waiter = Thread(target=write)
        waiter.start()
        waiter.join(0.2)
        print("the child waits" if waiter.is_alive() else "both write", flush=True)
        os.write(go, b".")
        waiter.join()
        os._exit(0)
    os.read(ready, 1)
os.waitpid(child, 0)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, whose turn it is to write to ``tmp_path / "db.sqlite3"`` until it is told to go on, or killed."""
    code = f"import django; django.setup()\n{HOLDER}"
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "db.sqlite3"],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "mine\n"
        yield process
        process.kill()


@pytest.mark.parametrize("killed", [False, True])
def test_a_process_writes_as_soon_as_another_has_written_or_died(
    holder: "subprocess.Popen[str]", tmp_path: Path, killed: bool
) -> None:
    got, turn = Event(), FileTurn(lambda: tmp_path / "db.sqlite3")

    def wait_for_the_turn() -> None:
        with turn:
            got.set()

    waiter = Thread(target=wait_for_the_turn)
    waiter.start()
    assert not got.wait(0.2)
    if killed:
        holder.kill()
    else:
        assert holder.stdin is not None
        holder.stdin.write("\n")
        holder.stdin.flush()
    waiter.join(PATIENCE)
    turn.forget()
    assert got.is_set()


def test_a_forked_process_waits_while_its_parent_writes(tmp_path: Path) -> None:
    words = [sys.executable, "-c", f"import django; django.setup()\n{FORK}"]
    places = {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}"}
    done = subprocess.run(words, cwd=ROOT, env=os.environ | places, check=True, capture_output=True, text=True)
    assert done.stdout == "the child waits\nthe child writes\n"


def test_where_the_database_is_no_file_nobody_waits(tmp_path: Path) -> None:
    turn = FileTurn(lambda: None)
    with turn, turn:
        pass
    assert list(tmp_path.iterdir()) == []


# --- On a real database -------------------------------------------------------------------------------------------------
PROCESSES, THREADS, REQUESTS = 2, 8, 25

WRITER = """
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import django

django.setup()

from django.db import connection
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.serving.answers import Answer, Answers, Said
from apps.serving.ids import answer_id, new_request_id
from apps.serving.log import LOG, lines_of
from future_skills.prediction import Prediction

process, threads, requests, deployment = map(int, sys.argv[1:])


def write(thread):
    written = []
    for number in range(requests):
        request = new_request_id(timezone.now())
        said = Prediction("LOW", {"LOW": 0.5, "MEDIUM": 0.3, "HIGH": 0.2}, None)
        rows = [
            Answer(
                said=Said(
                    role=f"{process}-{thread}",
                    skill=str(number),
                    period=None,
                    inputs={"x": place},
                    prediction=said,
                    abstained=False,
                ),
                id=answer_id(request, place),
                override=None,
            )
            for place in range(1 + number % 3)
        ]
        LOG.append(lines_of(Answers("v1", deployment, request, tuple(rows)), actor=Actor("robot", "token")))
        written += [str(row.id) for row in rows]
    connection.close()
    return written


with ThreadPoolExecutor(threads) as pool:
    print(json.dumps(sum(pool.map(write, range(threads)), [])))
"""

DEPLOYED = "from tests.apps.registry import factories as f; print(f.deployment(f.version(), kind='rollback').pk)"
READ = """
import json
from apps.serving.models import Prediction
print(json.dumps([[str(one.id), one.role, one.skill, one.inputs["x"]] for one in Prediction.objects.order_by("id")]))
"""


@pytest.fixture
def environment(transactional_db: None, tmp_path: Path) -> dict[str, str]:
    """What lets other processes write to one database: this test's own on PostgreSQL, on SQLite a new file."""
    places = {"DJANGO_SETTINGS_MODULE": "config.settings", "FUTURE_SKILLS_VAR": str(tmp_path / "var")}
    if connection.vendor == "sqlite":
        places["DATABASE_URL"] = f"sqlite:///{tmp_path / 'db.sqlite3'}"
        migrate = [sys.executable, ROOT / "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, check=True, env=os.environ | places)
    else:
        to = connection.settings_dict
        places["DATABASE_URL"] = f"postgres://{to['USER']}:{to['PASSWORD']}@{to['HOST']}:{to['PORT']}/{to['NAME']}"
    return os.environ | places


def test_sixteen_threads_of_two_processes_lose_no_line_and_double_none(environment: dict[str, str]) -> None:
    def shell(code: str) -> Any:
        words = [sys.executable, ROOT / "manage.py", "shell", "--no-imports", "-c", code]
        return json.loads(subprocess.run(words, check=True, env=environment, capture_output=True, text=True).stdout)

    counts = [str(THREADS), str(REQUESTS), str(shell(DEPLOYED))]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(process), *counts],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for process in range(PROCESSES)
    ]
    acknowledged = [key for writer in writers for key in json.loads(writer.communicate(timeout=120)[0])]
    lines = shell(READ)
    assert len(acknowledged) == sum(1 + number % 3 for number in range(REQUESTS)) * THREADS * PROCESSES
    assert sorted(acknowledged) == [key for key, *_ in lines]
    told = {(role, skill, place) for _, role, skill, place in lines}
    assert told == {
        (f"{process}-{thread}", str(number), place)
        for process in range(PROCESSES)
        for thread in range(THREADS)
        for number in range(REQUESTS)
        for place in range(1 + number % 3)
    }
