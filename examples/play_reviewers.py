#!/usr/bin/env python
"""Play the reviewers of a demonstration: each fills in the workbook of a validation sample, in their own name.

python examples/play_reviewers.py v2 --tokens var/people.env

Of a row of the test period they say what really happened later, which the dataset knows. Of a row of the latest snapshot
nobody knows it yet: they say the level of today. One answer in ten is another level, for people err. Predictions are never
looked at. For demonstrations and tests only: the reviewers of a real version are people.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import openpyxl
import polars as pl

from future_skills import schema
from future_skills.dataset import read_dataset
from future_skills.formatting import period
from future_skills.snapshot_values import LEVEL_WORDS, without_accents

UNKNOWN = "UNKNOWN"
REVIEWERS = ("CLAIRE", "DRISS")


def arguments() -> argparse.Namespace:
    """The command line."""
    ml = Path(os.environ.get("FUTURE_SKILLS_ML") or ROOT / "ml")
    parser = argparse.ArgumentParser(description="Fill in the validation sample of a version, as its reviewers.")
    parser.add_argument("version")
    parser.add_argument("--tokens", type=Path, required=True, help="what create_demo_people --tokens wrote")
    parser.add_argument("--dataset", type=Path, default=ml / "future_skills_dataset.csv", help="what happened later")
    parser.add_argument("--errors", type=float, default=0.1, help="share of answers that are another level")
    parser.add_argument("--seed", type=int, default=1, help="of these errors")
    return parser.parse_args()


def what_happened(dataset: Path) -> dict[tuple[str, str, str], str]:
    """Skill, job role and period (as the workbook writes it, in either language) -> the level observed later."""
    frame = read_dataset(dataset).frame.select(schema.SKILL, schema.ROLE, schema.PERIOD, schema.LABEL)
    latest = frame.filter(pl.col(schema.PERIOD) == pl.col(schema.PERIOD).max())
    return {
        (skill, role, period(month, language)): level
        for skill, role, month, level in latest.iter_rows()
        for language in ("fr", "en")
    }


def fill_in(path: Path, later: dict[tuple[str, str, str], str], *, errors: float, chance: random.Random) -> None:
    """Answer every row of a workbook; its columns begin with row, skill, role, snapshot and the level at that time."""
    book = openpyxl.load_workbook(path)
    rows = book.worksheets[1]
    for line in rows.iter_rows(min_row=2):
        _, skill, role, month, today = (cell.value for cell in line[:5])
        known = LEVEL_WORDS.get(without_accents(today or ""), UNKNOWN)
        answer = later.get((skill, role, month), known)
        if answer != UNKNOWN and chance.random() < errors:
            answer = chance.choice([level for level in schema.LEVELS if level != answer])
        line[-2].value = answer
    book.save(path)


def main() -> None:
    """One workbook a reviewer: exported, filled in, imported."""
    options = arguments()
    tokens = dict(line.split("=", 1) for line in options.tokens.read_text().split())
    later, chance = what_happened(options.dataset), random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        for reviewer in REVIEWERS:
            path = Path(folder) / f"{reviewer.lower()}.xlsx"
            environment = os.environ | {"FUTURE_SKILLS_TOKEN": tokens[f"TOKEN_{reviewer}"]}
            for option in ("--export", "--import"):
                command = ["manage.py", "registry", "sample", options.version, option, str(path)]
                print(f"({reviewer.lower()}) python {' '.join(command)}", flush=True)
                subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True)
                if option == "--export":
                    fill_in(path, later, errors=options.errors, chance=chance)


if __name__ == "__main__":
    main()
