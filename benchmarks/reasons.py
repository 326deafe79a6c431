"""Figures behind docs/decisions/0016: what reasons cost, and what more background rows would change.

    make demo SERVE=0            # the versions and their dataset, in ml/
    python benchmarks/reasons.py [FOLDER]

Rows are test rows, as many of each current level. Milliseconds of one processor, for one row alone: contributions and
changes together. The error is the largest difference, over features and levels, from the mean of contributions over 12 x 32 other
background rows drawn at random.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from future_skills import schema
from future_skills.artifact import load_version
from future_skills.background import ROWS, draw_background, learned_apart
from future_skills.dataset import read_dataset
from future_skills.history import RoleNeighbours
from future_skills.reasons import Explainer

ROWS_OF_A_LEVEL = 30
OTHER_BACKGROUNDS = 12
OTHER_ROWS = 32
VERSIONS = ("v1", "v2")


def milliseconds(run: Callable[[], Any]) -> float:
    start = time.process_time()
    run()
    return 1000 * (time.process_time() - start)


def contributions(explainer: Explainer, row: pl.DataFrame) -> np.ndarray:
    """Features x levels, by name of the feature."""
    (reasons,) = explainer.explain(row)
    found = sorted(reasons.contributions, key=lambda one: one.feature)
    return np.array([[one.effects[level] for level in schema.LEVELS] for one in found])


def random_background(rows: pl.DataFrame, apart: bool, seed: int) -> pl.DataFrame:
    parts = rows.partition_by(schema.CURRENT_LEVEL, maintain_order=True) if apart else [rows]
    return pl.concat([part.sample(OTHER_ROWS, seed=seed) for part in parts])


def explain_versions(folder: Path) -> None:
    dataset = read_dataset(folder / "future_skills_dataset.csv").frame
    print(
        "| version | background | first row, s | median ms | p95 | max | error, mean | p95 | largest contribution, mean |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in VERSIONS:
        version = load_version(folder / f"future_skills_model_{name}.pkl")
        columns = list(version.manifest.features.columns)
        parts = version.rows()
        training, test = (dataset[parts.filter(pl.col("part") == part)["row"].to_list()] for part in ("train", "test"))
        levels = [test.filter(pl.col(schema.CURRENT_LEVEL) == level) for level in schema.LEVELS]
        asked = pl.concat([rows.sample(ROWS_OF_A_LEVEL, seed=3) for rows in levels])
        # the very rows that training keeps, for versions trained before it kept any
        background = draw_background(version.model, training.select(columns), random_state=42)
        tried = {
            feature: np.unique(np.quantile(training[feature].drop_nulls(), np.linspace(0, 1, 21)).round(2))
            for feature in schema.NUMERIC_FEATURES
        }
        explainer = Explainer(version.model, background, tried=tried, version=name)
        first = milliseconds(lambda: explainer.explain(asked[:1])) / 1000  # noqa: B023 — called at once
        explainer.explain(asked)
        times = [milliseconds(lambda: explainer.explain(asked[place])) for place in range(len(asked))]  # noqa: B023
        apart = learned_apart(version.model)
        others = [
            Explainer(version.model, random_background(training.select(columns), apart, seed), tried={}, version=name)
            for seed in range(OTHER_BACKGROUNDS)
        ]
        errors, largest = [], []
        for place in range(len(asked)):
            ours = contributions(explainer, asked[place])
            larger = np.mean([contributions(other, asked[place]) for other in others], axis=0)
            errors.append(np.abs(ours - larger).max())
            largest.append(np.abs(larger).max())
        kept = f"{ROWS} rows of each level" if apart else f"{ROWS} rows"
        print(
            f"| {name} | {kept} | {first:.2f} | {np.median(times):.1f} | {np.quantile(times, 0.95):.1f} | {max(times):.1f} "
            f"| {np.mean(errors):.4f} | {np.quantile(errors, 0.95):.4f} | {np.mean(largest):.4f} |"
        )


def compare_roles() -> None:
    snapshots = pl.read_parquet(ROOT / "examples" / "onet" / "onet_snapshots.parquet")
    period = snapshots[schema.PERIOD].max()
    start = time.process_time()
    roles = RoleNeighbours(snapshots, period=str(period))
    first = time.process_time() - start
    pairs = snapshots.filter(pl.col(schema.PERIOD) == period).sample(300, seed=3).select(schema.ROLE, schema.SKILL)
    times = [milliseconds(lambda: roles.of(role, skill)) for role, skill in pairs.iter_rows()]  # noqa: B023
    print()
    print(
        f"Similar roles: {first:.2f} s once a period; then {np.median(times):.2f} ms a pair, {max(times):.2f} at most."
    )


if __name__ == "__main__":
    explain_versions(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "ml")
    compare_roles()
