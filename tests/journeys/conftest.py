"""Whole cycles, run as people run them: real processes, a database and folders of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture
def new_bench(tmp_path: Path) -> Callable[[], Bench]:
    """Makes a fresh installation, its tables created."""

    def make() -> Bench:
        environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
            "FUTURE_SKILLS_VAR": str(tmp_path / "var"),
            "FUTURE_SKILLS_ML": str(tmp_path / "ml"),
            "FUTURE_SKILLS_LANGUAGE": "en",
            "FUTURE_SKILLS_ACTOR": "nadia",
        }
        environment.pop("FUTURE_SKILLS_ARTIFACTS", None)
        bench = Bench(tmp_path, environment)
        bench.run("manage.py", "migrate", "--verbosity", "0")
        return bench

    return make
