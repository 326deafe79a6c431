"""A drift report on a million rows against a million, 11 features, from two Parquet files; beside Evidently in the same run.

    python benchmarks/drift_report.py [--rows 1000000] [--runs 3] [--evidently-python PATH]

Both sides read the two files, describe the reference, compare the window and have every figure in hand. Each run is a process of
its own, in turn; seconds count from the end of its imports on both sides, seconds of processor from its start, and the peak of
memory is what the system says. Ours also finds the level of every feature, counts independent facts, draws 2 000 samples without
drift for every comparison, and lists what is unseen, out of range and missing; a pair may stand in several rows. The middle
one of the runs is told.

``--evidently-python`` names the Python of an environment that has Evidently 0.7 (``pip install 'evidently==0.7.*' 'pandas<3'``);
without it, ours alone is measured.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0:0] = [str(ROOT), str(ROOT / "benchmarks")]

SIDE = ROOT / "benchmarks" / "evidently" / "drift_side.py"


def write_files(folder: Path, rows: int) -> list[Path]:
    """The reference and a window whose salaries have moved, of the company of ``drift_false_alarms.py``."""
    import numpy as np
    from drift_false_alarms import Company

    from future_skills import schema

    company = Company(np.random.default_rng(1), clustered=True)
    paths = []
    for name, period, shifted in (("reference", "2024-02", None), ("window", "2024-11", "avg_salary_k")):
        frame = company.rows(*company.pairs(rows, few_roles=None), period=period, shifted=shifted)
        paths.append(folder / f"{name}.parquet")
        frame.select(schema.PERIOD, *schema.BASE_FEATURES).write_parquet(paths[-1])
    return paths


def side(reference: str, window: str) -> None:
    """Ours, in a process of its own."""
    import polars as pl

    from future_skills.drift import compare
    from future_skills.drift_profile import build_reference
    from future_skills.monitoring_policy import default_monitoring_policy

    started = time.perf_counter()
    before = pl.read_parquet(reference)
    profile = build_reference(before)
    described = time.perf_counter()
    del before
    report = compare(profile, pl.read_parquet(window), default_monitoring_policy())
    figures = {
        "seconds": time.perf_counter() - started,
        "reading": described - started,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "drifted": sum(one.verdict == "drift" for one in report.features),
        "columns": len(report.features),
    }
    print(json.dumps(figures))


def measured(command: list[str]) -> dict[str, float]:
    """What one run says of itself, and the seconds of processor that it took, its start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(text.splitlines()[-1]) | {"processor": processor}


def middle(figures: list[dict[str, float]]) -> dict[str, float]:
    """The middle one of some runs, by seconds."""
    return sorted(figures, key=lambda one: one["seconds"])[len(figures) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of each file (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--evidently-python", metavar="PATH")
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        side(*options.side)
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(path) for path in write_files(Path(folder), options.rows)]
        sides = {"Future Skills ML": [sys.executable, __file__, "--side", *paths]}
        if options.evidently_python:
            sides["Evidently, DataDriftPreset"] = [options.evidently_python, str(SIDE), *paths]
        figures: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
        for _ in range(options.runs):  # in turn: what else the machine does falls on both
            for name, command in sides.items():
                figures[name].append(measured(command))
    print(f"{options.rows} rows against {options.rows}; the middle one of {options.runs} runs.\n")
    print("| | seconds | of processor | MB at most | features | drifted |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    told = {name: middle(runs) for name, runs in figures.items()}
    for name, one in told.items():
        cells = [f"{one['seconds']:.2f}", f"{one['processor']:.2f}"]
        cells += [f"{one[key]:.0f}" for key in ("megabytes", "columns", "drifted")]
        print(f"| {name} | {' | '.join(cells)} |")
    if len(told) == 2:
        ours, theirs = told.values()
        better = [f"{theirs[key] / ours[key]:.1f}" for key in ("seconds", "processor", "megabytes")]
        print(f"| times better | {' | '.join(better)} | | |")
    for name, runs in figures.items():
        print(f"\n{name}, seconds of each run: {', '.join(format(one['seconds'], '.2f') for one in runs)}.")


if __name__ == "__main__":
    main()
