"""Whole cycles, run as people run them: real processes, a database and folders of their own."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Bench:
    """A fresh installation in a folder.

    Attributes:
        folder: holds its database, ``var`` and ``ml``.
        environment: of its processes.
    """

    folder: Path
    environment: Mapping[str, str]

    @property
    def ml(self) -> Path:
        return self.folder / "ml"

    def run(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a script of the checkout; its exit code must be ``code``."""
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=dict(self.environment), capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{words} left with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *words: str, code: int = 0) -> Any:
        """Run it with ``--json``: stdout must be one JSON document."""
        return json.loads(self.run(*words, "--json", code=code).stdout)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start it and go on."""
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@contextmanager
def scratch_database(folder: Path) -> Iterator[str]:
    """Address of an empty database: of the kind the suite runs on, dropped at the end."""
    configured = settings.DATABASES["default"]
    if configured["ENGINE"].endswith("sqlite3"):
        yield f"sqlite:///{folder / 'db.sqlite3'}"
        return
    server = {"host": configured["HOST"], "port": configured["PORT"] or 5432, "user": configured["USER"]}
    password, name = configured["PASSWORD"], f"future_skills_journey_{secrets.token_hex(6)}"
    with psycopg.connect(**server, password=password, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"postgres://{server['user']}:{password}@{server['host']}:{server['port']}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def new_bench(tmp_path: Path) -> Iterator[Callable[[], Bench]]:
    """Makes a fresh installation, its tables created; once a test."""
    with scratch_database(tmp_path) as address:
        yield lambda: _bench(tmp_path, address)


def _bench(tmp_path: Path, address: str) -> Bench:
    environment = {
        **os.environ,
        "DATABASE_URL": address,
        "FUTURE_SKILLS_VAR": str(tmp_path / "var"),
        "FUTURE_SKILLS_ML": str(tmp_path / "ml"),
        "FUTURE_SKILLS_LANGUAGE": "en",
        "FUTURE_SKILLS_ACTOR": "nadia",
    }
    environment.pop("FUTURE_SKILLS_ARTIFACTS", None)
    bench = Bench(tmp_path, environment)
    bench.run("manage.py", "migrate", "--verbosity", "0")
    return bench
