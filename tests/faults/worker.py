"""A warm process that forks a child for each act: ``python -m tests.faults.worker`` reads acts on stdin, answers on stdout.

A child does what a terminal would (``manage.py`` or a script of ``ml/``, with its words), and is a process of its own, with
its own connection. Only the second of imports before it is spared: whoever is killed there has done nothing yet.

A child can be killed (SIGKILL) after some seconds, or at one of its *points*: before a statement, before and after a commit,
before a file is opened for writing, linked, renamed or removed.
"""

import importlib
import json
import os
import runpy
import signal
import sys
import time
import traceback
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

WARM = (
    "config.registry_verbs",
    "config.urls",
    "apps.registry.management.commands.registry",
    "apps.registry.populations",
    "apps.workforce.management.commands.load_demo_company",
    "future_skills.agreement",
    "future_skills.evidence",
    "future_skills.training",
    "sklearn.ensemble",
    "apps.serving.campaigns.work",
    "tests.faults.acts",
)
FILE_EVENTS = {"os.link", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Points:
    """Counts the points of this process, and kills it at one of them."""

    def __init__(self, last: int | None) -> None:
        self.passed = 0
        self.last = last

    def watch(self) -> None:
        """Look at statements, commits and files from now on."""
        from django.db import connection
        from django.db.backends.base.base import BaseDatabaseWrapper

        commit = BaseDatabaseWrapper.commit

        def watched_commit(wrapper: BaseDatabaseWrapper) -> None:
            self.here()
            commit(wrapper)
            self.here()

        BaseDatabaseWrapper.commit = watched_commit  # type: ignore[method-assign]
        connection.execute_wrappers.append(self._statement)
        sys.addaudithook(self._file)

    def here(self) -> None:
        """One more point."""
        self.passed += 1
        if self.passed == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def _statement(self, execute: Any, *words: Any) -> Any:
        self.here()
        return execute(*words)

    def _file(self, event: str, words: tuple[Any, ...]) -> None:
        if event in FILE_EVENTS or (event == "open" and isinstance(words[2], int) and words[2] & WRITING):
            self.here()


def do(act: dict[str, Any], points: Points) -> int:
    """Run one act in this process; returns its exit code."""
    from django.conf import settings

    settings.FUTURE_SKILLS_TOKEN = act.get("token", "")
    points.watch()
    try:
        if "call" in act:
            acts = importlib.import_module("tests.faults.acts")
            print(json.dumps(getattr(acts, act["call"])(**act.get("with", {})), default=str))
        elif act["words"][0] == "manage.py":
            from django.core.management import execute_from_command_line

            execute_from_command_line(act["words"])
        else:
            sys.argv = act["words"]
            runpy.run_path(act["words"][0], run_name="__main__")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except Exception:  # noqa: BLE001 — what Python itself does with it: a trace, and exit code 1
        traceback.print_exc()
        return 70
    return 0


class Child:
    """One act under way in a process of its own."""

    def __init__(self, act: dict[str, Any]) -> None:
        self.files: tuple[IO[str], IO[str], IO[str]] = tuple(TemporaryFile("w+") for _ in range(3))  # type: ignore[assignment]  # noqa: SIM115 — closed by end()
        self.killed_after = act.get("after")
        self.started = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            for number, file in zip((1, 2), self.files, strict=False):
                os.dup2(file.fileno(), number)
            points = Points(act.get("point"))
            if (begins := act.get("begins")) is not None:
                time.sleep(max(0.0, begins - time.time()))
            code = do(act, points)
            sys.stdout.flush()
            sys.stderr.flush()
            print(points.passed, file=self.files[2], flush=True)
            os._exit(code)

    def end(self) -> dict[str, Any]:
        """Wait for its end, or kill it; what became of it."""
        if self.killed_after is not None:
            time.sleep(max(0.0, self.started + self.killed_after - time.monotonic()))
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        said = []
        for file in self.files:
            file.seek(0)
            said.append(file.read())
            file.close()
        return {
            "code": os.waitstatus_to_exitcode(status),
            "out": said[0],
            "err": said[1],
            "points": int(said[2]) if said[2] else None,
            "seconds": time.monotonic() - self.started,
        }


def main() -> None:
    """Answer each line, a list of acts that are done at the same time, with a line."""
    import django

    django.setup()
    for module in WARM:
        importlib.import_module(module)
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        children = [Child(act) for act in json.loads(line)]
        print(json.dumps([child.end() for child in children]), file=answers, flush=True)


if __name__ == "__main__":
    sys.path[0:0] = [str(Path(__file__).resolve().parents[2])]
    main()
