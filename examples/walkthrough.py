"""What the walks of the demonstration share: a command as one of the people, and the way of a version into production."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("FUTURE_SKILLS_VAR") or ROOT / "var")
TOKENS = VAR / "people.env"
REGISTRY = ("manage.py", "registry")
PREDICT = ("manage.py", "predict", "--role", "Traffic Technicians", "--skill", "Python")
DONE, REFUSED, WAITING = 0, 1, 3


def say(text: str) -> None:
    """A line of the story."""
    print(f"\n=== {text}", flush=True)


def run(who: str, *words: str, code: int | tuple[int, ...] = DONE, shown: int | None = None) -> None:
    """Run a command as one of the people, and print it first.

    Args:
        who: whose token proves who acts; "" for nobody's.
        *words: a script of the checkout and its arguments.
        code: the exit code it must leave with, or those that it may.
        shown: how many lines of its output are shown; None: all.
    """
    print(f"\n{f'({who}) ' if who else ''}$ python {shlex.join(words)}", flush=True)
    environment = dict(os.environ)
    if who:
        tokens = dict(line.split("=", 1) for line in TOKENS.read_text().split())
        environment["FUTURE_SKILLS_TOKEN"] = tokens[f"TOKEN_{who.upper()}"]
    piped = None if shown is None else subprocess.PIPE
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, stdout=piped, text=True, check=False)
    if shown is not None:
        lines = done.stdout.splitlines()
        print("\n".join(lines[:shown]))
        if len(lines) > shown:
            print(f"… ({len(lines) - shown} more lines)")
    if done.returncode not in (code if isinstance(code, tuple) else (code,)):
        sys.exit(f"It left with {done.returncode}, and {code} was expected.")
    if done.returncode:
        print(f"(exit code {done.returncode}, as expected)", flush=True)


def promote(version: str, *, answers: bool = True) -> None:
    """The whole way of a version: sample, labels, gate, both approvals, deployment; and its answer about a pair."""
    run("camille", *REGISTRY, "gate", version, code=WAITING, shown=3)
    say(f"Reviewers of the DRH label a sample of {version}, blind: a script plays them, with some errors")
    run("camille", *REGISTRY, "sample", version, "--size", "60", "--seed", "1")
    run("", "examples/play_reviewers.py", version, "--tokens", str(TOKENS))
    run("camille", *REGISTRY, "sample", version, shown=14)
    say(f"{version} waits for people only: one approval of each team, neither of them the author's")
    run("camille", *REGISTRY, "gate", version, code=WAITING)
    run("camille", *REGISTRY, "approve", version, "--team", "data", code=REFUSED)
    run("dominique", *REGISTRY, "approve", version, "--team", "data", "--comment", "Relu avec l'équipe.")
    run("claire", *REGISTRY, "approve", version, "--team", "drh", "--comment", "Échantillon relu.")
    run(
        *("claire", *REGISTRY, "works-council", "--state", "not_required", "--for", version),
        *("--reason", "Démonstration sur des données publiques : aucun salarié n'est concerné."),
    )
    run("camille", *REGISTRY, "gate", version, shown=3)
    run("olivier", *REGISTRY, "deploy", version, "--reason", "Mise en production de la démonstration.")
    if answers:
        run("olivier", *PREDICT)
