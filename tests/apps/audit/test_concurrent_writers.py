"""Twenty writers at once, in four processes: one chain."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[3]

PROCESSES, THREADS, EVENTS = 4, 5, 10

WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor

import django

django.setup()

from django.db import connection, transaction

from apps.accounts.actors import Actor
from apps.audit.services import record, turn

process, threads, events = map(int, sys.argv[1:])


def write(thread):
    for number in range(events):
        with turn() if number % 2 else transaction.atomic():
            record(actor=Actor(f"{process}-{thread}", "system"), action="test.act", object_type="thing",
                   object_id=str(number), details={})
    connection.close()


with ThreadPoolExecutor(threads) as pool:
    list(pool.map(write, range(threads)))
"""


@pytest.fixture
def environment(transactional_db: None, tmp_path: Path) -> dict[str, str]:
    """What lets other processes write to one database: this test's own on PostgreSQL, on SQLite a new file."""
    places = {"DJANGO_SETTINGS_MODULE": "config.settings", "FUTURE_SKILLS_VAR": str(tmp_path / "var")}
    if connection.vendor == "sqlite":
        places["DATABASE_URL"] = f"sqlite:///{tmp_path / 'db.sqlite3'}"
        subprocess.run(
            [sys.executable, ROOT / "manage.py", "migrate", "--verbosity", "0"], check=True, env=os.environ | places
        )
    else:
        to = connection.settings_dict
        places["DATABASE_URL"] = f"postgres://{to['USER']}:{to['PASSWORD']}@{to['HOST']}:{to['PORT']}/{to['NAME']}"
    return os.environ | places


def test_twenty_writers_make_one_chain(environment: dict[str, str]) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(process), str(THREADS), str(EVENTS)], cwd=ROOT, env=environment
        )
        for process in range(PROCESSES)
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * PROCESSES

    def manage(*words: str) -> str:
        command = [sys.executable, ROOT / "manage.py", *words]
        return subprocess.run(command, check=True, env=environment, capture_output=True, text=True).stdout

    total = PROCESSES * THREADS * EVENTS
    assert json.loads(manage("verify_audit_log", "--json"))["events"] == total
    events = [json.loads(line) for line in manage("export_audit_log").splitlines()]
    assert [event["sequence"] for event in events] == list(range(1, total + 1))
    writes = Counter(event["actor"] for event in events)
    assert (len(writes), set(writes.values())) == (PROCESSES * THREADS, {EVENTS})
