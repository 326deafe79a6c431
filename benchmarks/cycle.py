"""Import, export and training at several sizes: time, peak memory, size of the model, time to load it.

    python benchmarks/cycle.py --rows 10000 100000 1000000

Each step is a process of its own, on a simulated company whose dataset has about that many rows, in a scratch database
and scratch folders. Prints a Markdown table (docs/benchmarks.md keeps one).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from future_skills.simulation import CompanyParameters, simulate_company

LABELLED_SHARE = 0.52 * 8
"""Dataset rows per role x skill: about 52 % of the pairs are listed, and 8 of the 12 quarters get labels."""

LOAD = """
import json, sys, time
import future_skills.pipeline
from future_skills.artifact import load_version
start = time.perf_counter()
load_version(sys.argv[1])
print(json.dumps(time.perf_counter() - start))
"""


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="dataset rows (default: %(default)s)"
    )
    parser.add_argument("--trees", type=int, default=200, help="trees of v1; v2 has 300 (default: %(default)s)")
    options = parser.parse_args()
    print("| dataset rows | step | seconds | peak MB | note |\n| ---: | --- | ---: | ---: | --- |")
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            measure(rows, Path(folder), options.trees)


def measure(rows: int, folder: Path, trees: int) -> None:
    """One size, from the facts to two loaded versions."""
    skills = round((rows / LABELLED_SHARE * 1.6) ** 0.5)
    parameters = CompanyParameters(roles=round(rows / LABELLED_SHARE / skills), skills=skills)
    facts = folder / "facts.parquet"
    simulate_company(seed=42, parameters=parameters).snapshots.write_parquet(facts)
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "FUTURE_SKILLS_VAR": str(folder / "var"),
        "FUTURE_SKILLS_ML": str(folder / "ml"),
    }

    def step(name: str, *words: str) -> tuple[float, float, str]:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{name} failed:\n{output}")
        return time.perf_counter() - start, usage.ru_maxrss / 1024, output

    def row(count: int, name: str, seconds: float, peak: float, note: str) -> None:
        print(f"| {count:,} | {name} | {seconds:.1f} | {peak:.0f} | {note} |", flush=True)

    step("migrate", "manage.py", "migrate", "--verbosity", "0")
    seconds, peak, output = step("import", "manage.py", "import_snapshots", str(facts), "--json")
    imported = json.loads(output)["created"]
    seconds_export, peak_export, output = step("export", "manage.py", "export_future_skills_dataset", "--json")
    count = json.loads(output)["rows"]
    row(count, "import", seconds, peak, f"{imported:,} snapshots")
    row(count, "export", seconds_export, peak_export, "labels, history and card")
    for version, words in {
        "v1": ("--n-estimators", str(trees)),
        "v2": ("--features", "history", "--n-estimators", "300"),
    }.items():
        seconds, peak, output = step(version, "ml/train_future_skills_model.py", "--version", version, *words, "--json")
        manifest = json.loads(output)
        model = next(file for file in manifest["files"] if file["name"].endswith(".pkl"))
        load = float(step("load", "-c", LOAD, str(folder / "ml" / model["name"]))[2])
        row(
            count,
            f"train {version} ({manifest['algorithm']})",
            seconds,
            peak,
            f"{manifest['split']['train_rows']:,} training rows; model {model['bytes'] / 1e6:.1f} MB, loaded in {load:.2f} s",
        )


if __name__ == "__main__":
    main()
