"""An installation that can be killed: a database and folders of its own, and a warm worker."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import ROOT, scratch_database

TIMES = int(os.environ.get("FAULTS", "6"))
"""How many times each act is killed; 200 with ``make faults``."""


@dataclass(frozen=True)
class Done:
    """What became of an act: exit code (negative: the signal), what it said, its points and seconds."""

    code: int
    out: str
    err: str
    points: int | None
    seconds: float

    @property
    def killed(self) -> bool:
        return self.code == -9

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """Code of the refusal; there must be one."""
        assert self.code == 1, f"exit code {self.code}: {self.out}\n{self.err}"
        code: str = self.json["error"]["code"]
        return code


@dataclass(frozen=True)
class Installation:
    """A database, folders, the worker whose children act on them, and the environment of any other process."""

    worker: "subprocess.Popen[str]"
    ml: Path
    tokens: dict[str, str]
    environment: dict[str, str]

    def at_once(self, *acts: dict[str, Any]) -> list[Done]:
        """Do these acts at the same time, each in a process of its own."""
        assert self.worker.stdin is not None
        assert self.worker.stdout is not None
        self.worker.stdin.write(json.dumps(acts) + "\n")
        self.worker.stdin.flush()
        return [Done(**answer) for answer in json.loads(self.worker.stdout.readline())]

    def command(self, *words: str, who: str = "", **how: Any) -> dict[str, Any]:
        """A command with ``--json``, whose actor is proved by a token where ``who`` names one."""
        return {"words": [*words, "--json"], "token": self.tokens[who] if who else "", **how}

    def run(self, *words: str, who: str = "", **how: Any) -> Done:
        """Do one command."""
        return self.at_once(self.command(*words, who=who, **how))[0]

    def call(self, name: str, /, **words: Any) -> Any:
        """A function of ``acts``, which must not fail."""
        done = self.at_once({"call": name, "with": words})[0]
        assert done.code == 0, done.err
        return done.json


def require_whole(installation: Installation) -> dict[str, Any]:
    """What is there: exactly one version live, each deployment closed by the next, and every act with its one event."""
    found: dict[str, Any] = installation.call("look")
    assert len(found["live"]) == 1
    before = None
    for key, _version, _kind, live, previous, ended, started, _by in found["deployments"]:
        assert previous == before
        assert live == (key == found["deployments"][-1][0])
        assert ended == (started if before else None)
        before = key
    acts = [
        *(f"registry.{kind} {version}" for _, version, kind, *_ in found["deployments"]),
        *(f"registry.approve {version}" for version, *_ in found["approvals"]),
        *(f"registry.register_version {version}" for version in found["versions"]),
    ]
    kinds = ("deploy ", "rollback ", "approve ", "register_version ")
    events = {name: n for name, n in found["events"].items() if name.removeprefix("registry.").startswith(kinds)}
    assert events == Counter(acts)
    assert sum(found["events"].values()) == found["chain"]
    return found


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A small company, v1 in production, v2 to v9 of the very same model waiting."""
    folder = tmp_path_factory.mktemp("faults")
    with scratch_database(folder) as address:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FUTURE_SKILLS_")} | {
            "DATABASE_URL": address,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "FUTURE_SKILLS_VAR": str(folder / "var"),
            "FUTURE_SKILLS_ML": str(folder / "ml"),
            "FUTURE_SKILLS_LANGUAGE": "en",
            "FUTURE_SKILLS_ACTOR": "nadia",
        }
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.worker"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield _installed(worker, folder / "ml", environment)
        finally:
            worker.communicate()


def _installed(worker: "subprocess.Popen[str]", ml: Path, environment: dict[str, str]) -> Installation:
    fresh = Installation(worker, ml, {}, environment)
    for words in (
        ("manage.py", "migrate", "--verbosity", "0"),
        ("manage.py", "load_demo_company", "--seed", "7", "--roles", "8", "--skills", "25", "--quarters", "10"),
        ("manage.py", "export_future_skills_dataset"),
        ("ml/train_future_skills_model.py", "--version", "v1", "--n-estimators", "15"),
    ):
        (done,) = fresh.at_once({"words": list(words)})
        assert done.code == 0, done.err
    return Installation(worker, ml, fresh.call("prepare", count=8), environment)
