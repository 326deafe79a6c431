"""The engine: one row in process, a million rows on all cores, against scikit-learn on the same models in the same run.

    python benchmarks/engine.py [--rows 1000000] [--folder FOLDER]

Three versions are trained on the O*NET files of ``examples/`` (with ``--folder``, once): v1 and v2 of the product, and the
pipeline the product began as, 200 unlimited trees on one-hot names. Prints Markdown tables (docs/decisions/0014).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from future_skills import schema
from future_skills.artifact import VersionPaths, load_version
from future_skills.dataset import Dataset, build_dataset, read_dataset, write_dataset
from future_skills.engine import measure_engine
from future_skills.foreign import measure_foreign
from future_skills.prediction import Predictor
from future_skills.split import split_rows
from future_skills.training import Recipe, VersionWords, history_frame, train, write_trained

ONET = ROOT / "examples" / "onet" / "onet_snapshots.parquet"
RECIPES = {"v1": Recipe(), "v2": Recipe(feature_set="history", params={"n_estimators": 300})}
VERSIONS = (*RECIPES, "seed")
RUNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the large batch (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where the versions are, or will be (default: thrown away)")
    parser.add_argument("--batch", nargs=3, metavar=("VERSION", "ENGINE", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.batch:
        print(json.dumps(batch(options.folder, *options.batch)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        test = prepare(folder)
        one_row(folder, test)
        million(folder, test, options.rows, Path(scratch) / "rows.parquet")


def prepare(folder: Path) -> pl.DataFrame:
    """Train what is not there yet; the test rows, with everything any of the versions reads."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dataset.csv").exists():
        write_dataset(build_dataset(pl.read_parquet(ONET)), folder / "dataset.csv")
    dataset = read_dataset(folder / "dataset.csv")
    for name, recipe in RECIPES.items():
        if not (folder / f"{name}.json").exists():
            train(dataset, version=name, output=folder / f"{name}.pkl", author="bench", clock=now, recipe=recipe)
    if not (folder / "seed.json").exists():
        write_seed(dataset, folder / "seed.pkl")
    return history_frame(dataset).filter(split_rows(dataset).test)


def write_seed(dataset: Dataset, path: Path) -> None:
    """The pipeline the product began as, trained on the rows that v1 is trained on."""
    rows = dataset.frame.filter(split_rows(dataset).train)
    numbers = ("numbers", SimpleImputer(strategy="median"), list(schema.NUMERIC_FEATURES))
    names = ("names", OneHotEncoder(handle_unknown="ignore"), list(schema.CATEGORICAL_FEATURES))
    forest = RandomForestClassifier(200, class_weight="balanced", random_state=42, n_jobs=-1)
    model = make_pipeline(ColumnTransformer([names, numbers]), forest)
    model.fit(rows.select(schema.BASE_FEATURES).to_pandas(), rows[schema.LABEL].to_numpy().astype(str))
    trained, recipe = measure_foreign(model, dataset, path=str(path))
    words = VersionWords(version="seed", author="bench", parent=None, changes="", notes="", started=now())
    write_trained(dataset, trained, recipe, paths=VersionPaths(path), words=words, clock=now)


def now() -> datetime:
    return datetime.now(UTC)


# --- One row ------------------------------------------------------------------------------------------------------------
def one_row(folder: Path, test: pl.DataFrame) -> None:
    print("One row in process (median; scikit-learn: `predict_proba` of a pandas frame of one row, `n_jobs=1`).\n")
    print("| version | scikit-learn, ms | engine, ms | times faster | levels that differ | largest difference |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    sample = test.sample(200, seed=0)
    for name in VERSIONS:
        version = load_version(folder / f"{name}.pkl")
        choice = measure_engine(version.model, test, stopwatch=time.perf_counter)
        predictor = Predictor(version, choice)
        columns = list(predictor.columns)
        frames = [sample[place].select(columns).to_pandas() for place in range(30)]
        rows = sample.select(columns).to_dicts()
        usual, ours = [], []
        for _ in range(RUNS):
            usual += [milliseconds(partial(version.model.predict_proba, frame)) for frame in frames]
            ours += [milliseconds(partial(answer, predictor, row)) for row in rows]
        before, after = statistics.median(usual), statistics.median(ours)
        print(
            f"| {name} | {before:.1f} | {after:.3f} | {before / after:.0f} | {choice.differing} of {choice.rows:,} "
            f"| {choice.largest_difference:.0e} |",
            flush=True,
        )
    print()


def answer(predictor: Predictor, row: dict[str, Any]) -> tuple[str, float | None]:
    """Everything a caller waits for: the row checked, the level, the warnings."""
    (said,) = predictor.predict([row])
    return said.level, said.score


def milliseconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


# --- A million rows -----------------------------------------------------------------------------------------------------
def million(folder: Path, test: pl.DataFrame, rows: int, path: Path) -> None:
    likely_rows(test, rows).write_parquet(path)
    print(f"{rows:,} rows, all cores, encoding included; the best of {RUNS}, each in a process of its own.\n")
    print("| version | macro F1 | engine | seconds | rows a second | CPU seconds | peak MB |")
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: |")
    for name in VERSIONS:
        worth = load_version(folder / f"{name}.pkl").manifest.metrics.f1_macro
        found: dict[str, list[dict[str, float]]] = {"scikit-learn": [], "product": []}
        for _ in range(RUNS):
            for engine, runs in found.items():
                words = [sys.executable, __file__, "--folder", str(folder), "--batch", name, engine, str(path)]
                runs.append(json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout))
        for engine, runs in found.items():
            seconds, cpu = (min(run[measure] for run in runs) for measure in ("seconds", "cpu"))
            peak = max(run["peak"] for run in runs)
            print(
                f"| {name} | {worth:.4f} | {engine} | {seconds:.1f} | {rows / seconds:,.0f} | {cpu:.1f} | {peak:.0f} |",
                flush=True,
            )


def likely_rows(test: pl.DataFrame, rows: int) -> pl.DataFrame:
    """Rows drawn from the test rows, their numbers moved by some 5 %: no two are the same."""
    random = np.random.default_rng(0)
    drawn = test.drop(schema.LABEL)[random.integers(len(test), size=rows)]
    return drawn.with_columns(
        column * pl.Series(random.normal(1, 0.05, rows)) for column in drawn if column.dtype == pl.Float64
    )


def batch(folder: Path, name: str, engine: str, path: str) -> dict[str, float]:
    """One version answers all rows of a file, in this process."""
    version = load_version(folder / f"{name}.pkl")
    predictor = Predictor(version)
    frame = pl.read_parquet(path)
    columns = frame.select(predictor.columns)
    if engine == "scikit-learn":
        on_all_cores(version.model)
    answer_all = partial(predictor.predict if engine == "product" else version.model.predict_proba, columns)
    before = time.process_time()
    seconds = milliseconds(answer_all) / 1000
    return {"seconds": seconds, "cpu": time.process_time() - before, "peak": peak_megabytes()}


def peak_megabytes() -> float:
    """Of this process alone: what getrusage says begins with the peak of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def on_all_cores(model: Any) -> None:
    """Let scikit-learn's forests answer with every core."""
    last = model[-1] if hasattr(model, "steps") else model.estimator_
    for estimator in getattr(last, "forests_", {0: last}).values():
        estimator.set_params(n_jobs=-1)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
