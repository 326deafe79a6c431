#!/usr/bin/env python
"""Watch production on real data, as it came: ``make monitoring``.

A version is tested on 2024-02: its training knows nothing later, and its test figures are retrospective, for the levels that
they need were observed in 2025-02. It goes into production over the facts up to 2024-02. Then 2024-11 and 2025-02 are imported as
they came, each with its campaign, and production is looked at each time. At the end the next version is asked for.
"""

import os
import sys

import polars as pl
from walkthrough import DONE, REGISTRY, ROOT, TOKENS, VAR, WAITING, promote, run, say

FACTS = ROOT / "examples" / "onet" / "onet_snapshots.parquet"
DATASET = VAR / "ml" / "future_skills_dataset.csv"
FIRST, LATER = "2024-02", ("2024-11", "2025-02")
MONITOR = ("manage.py", "monitor")


def facts_file(*periods: str, until: bool = False) -> str:
    """The facts of some periods, or of all up to one, in a file of their own."""
    facts = pl.read_parquet(FACTS)
    kept = pl.col("period") <= periods[0] if until else pl.col("period").is_in(periods)
    path = VAR / f"facts_{periods[0]}.parquet"
    facts.filter(kept).write_parquet(path)
    return str(path)


def label_file() -> None:
    """The dataset of everything that is known today, made in a database of its own: that of the data scientist."""
    elsewhere = {
        "DATABASE_URL": f"sqlite:///{VAR}/bench.sqlite3",
        "FUTURE_SKILLS_ARTIFACTS": str(VAR / "bench_artifacts"),
    }
    kept = {name: os.environ.get(name) for name in elsewhere}
    os.environ.update(elsewhere)
    run("", "manage.py", "migrate", "--verbosity", "0")
    run("", "manage.py", "import_snapshots", str(FACTS), shown=3)
    run("", "manage.py", "export_future_skills_dataset", "--output", str(DATASET), shown=3)
    for name, value in kept.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


def look() -> None:
    """Look at production; where an alert waits for somebody, the exit code says so."""
    run("olivier", *MONITOR, code=(DONE, WAITING))


def main() -> None:
    """A version of 2024-02 in production, and what became of it."""
    say("The dataset of all that is known, on the bench of a data scientist")
    label_file()

    say(f"Production as it was in {FIRST}: its facts, and a version that was tested on them")
    run("", "manage.py", "migrate", "--verbosity", "0")
    run("", "manage.py", "create_demo_people", "--tokens", str(TOKENS))
    run("camille", "manage.py", "import_snapshots", facts_file(FIRST, until=True), shown=3)
    run(
        *("camille", "ml/train_future_skills_model.py", "--version", "v1", "--features", "history"),
        *("--dataset", str(DATASET), "--test-period", FIRST, "--n-estimators", "300"),
    )
    run(
        *("claire", *REGISTRY, "works-council", "--state", "not_required"),
        *("--reason", "Démonstration sur des données publiques : aucun salarié n'est concerné."),
    )
    promote("v1", answers=False)
    run("olivier", "manage.py", "predict_all", "--label", FIRST)
    look()

    for period in LATER:
        say(f"{period} is imported as it came, scored, and looked at")
        run("camille", "manage.py", "import_snapshots", facts_file(period), shown=3)
        run("olivier", "manage.py", "predict_all", "--label", period)
        look()
    run("aude", "manage.py", "alerts")

    say("The next version: trained on what arrived, then it waits for people")
    run("camille", "manage.py", "retrain", "--reason", "Deux relevés sont arrivés depuis.")
    run("aude", *REGISTRY, "list")
    run("aude", "manage.py", "verify_audit_log")


if __name__ == "__main__":
    sys.exit(main())
