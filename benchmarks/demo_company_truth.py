"""What can be known of the simulated company's future: the table of docs/demo_company.md.

Usage: python benchmarks/demo_company_truth.py [--seeds 42 7 1] [--quarters 12] [--roles 40] [--skills 120]
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.ensemble import RandomForestClassifier

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from future_skills import schema
from future_skills.dataset import HISTORY_COLUMNS, build_dataset
from future_skills.metrics import Scores, measure, ranks
from future_skills.simulation import CompanyParameters, SimulatedCompany, simulate_company

TRUTH = ("probability_low", "probability_medium", "probability_high")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 7, 1])
    parser.add_argument(
        "--quarters", type=int, default=12, help="9 or more, so that a forest can be trained (default 12)"
    )
    parser.add_argument("--roles", type=int, default=40)
    parser.add_argument("--skills", type=int, default=120)
    options = parser.parse_args()
    for seed in options.seeds:
        parameters = CompanyParameters(roles=options.roles, skills=options.skills, quarters=options.quarters)
        started = time.perf_counter()
        company = simulate_company(seed=seed, parameters=parameters)
        print(f"\nSeed {seed}: {len(company.snapshots)} snapshots in {time.perf_counter() - started:.2f} s")
        print_levels(company.snapshots)
        print_predictors(labelled_rows(company))


def labelled_rows(company: SimulatedCompany) -> pl.DataFrame:
    """Labelled rows whose level now is known, with history and truth."""
    dataset = build_dataset(company.snapshots, horizon_months=12, tolerance_months=12)
    return dataset.filter(pl.col(schema.CURRENT_LEVEL).is_not_null()).join(
        company.truth, on=schema.SNAPSHOT_KEY, how="left", maintain_order="left"
    )


def print_levels(snapshots: pl.DataFrame) -> None:
    print("| period | listed | skills | observed | LOW | MEDIUM | HIGH |\n|---|---|---|---|---|---|---|")
    for (period,), rows in snapshots.group_by(schema.PERIOD, maintain_order=True):
        levels = rows[schema.OBSERVED_LEVEL].drop_nulls()
        shares = " | ".join(f"{(levels == level).mean():.3f}" for level in schema.LEVELS)
        print(f"| {period} | {len(rows)} | {rows[schema.SKILL].n_unique()} | {len(levels)} | {shares} |")


def print_predictors(rows: pl.DataFrame) -> None:
    print(
        "| period | rows | predictor | accuracy | macro F1 | became HIGH | average precision | lift | precision at 200 |"
        "\n|---|---|---|---|---|---|---|---|---|"
    )
    for (period,), test in rows.group_by(schema.PERIOD, maintain_order=True):
        now = ranks(test[schema.CURRENT_LEVEL])
        print_line(period, test, "same as today", Scores(now, None))
        probabilities = test.select(TRUTH).to_numpy()
        print_line(period, test, "truth (hidden state)", Scores(probabilities.argmax(axis=1), probabilities))
    last = str(rows[schema.PERIOD].max())
    train, test = rows.filter(pl.col(schema.LABEL_PERIOD) <= last), rows.filter(pl.col(schema.PERIOD) == last)
    if train.is_empty():
        print(f"No forest: no row has a label known by {last}; give 9 quarters or more.")
        return
    history = [name for name in HISTORY_COLUMNS if name != schema.CURRENT_LEVEL]
    print_line(last, test, "forest, 7 numbers", forest(train, test, [*schema.NUMERIC_FEATURES], level=False))
    print_line(last, test, "forest, 7 numbers + level", forest(train, test, [*schema.NUMERIC_FEATURES]))
    print_line(last, test, "forest, the same + history", forest(train, test, [*schema.NUMERIC_FEATURES, *history]))


def forest(train: pl.DataFrame, test: pl.DataFrame, columns: list[str], *, level: bool = True) -> Scores:
    def matrix(rows: pl.DataFrame) -> np.ndarray:
        values = rows.select(columns).to_numpy()
        return np.column_stack([ranks(rows[schema.CURRENT_LEVEL]), values]) if level else values

    model = RandomForestClassifier(300, min_samples_leaf=5, random_state=0, n_jobs=-1)
    model.fit(matrix(train), ranks(train[schema.LABEL]))
    probabilities = np.zeros((len(test), 3))
    probabilities[:, model.classes_] = model.predict_proba(matrix(test))
    return Scores(probabilities.argmax(axis=1), probabilities)


def print_line(period: object, test: pl.DataFrame, name: str, scores: Scores) -> None:
    metrics = measure(ranks(test[schema.LABEL]), scores, ranks(test[schema.CURRENT_LEVEL]))
    found = "– | – | – | –"
    if metrics.emergence and metrics.emergence.average_precision is not None:
        e = metrics.emergence
        at_200 = "–" if e.precision_at_200 is None else f"{e.precision_at_200:.3f}"
        found = f"{e.emerged} of {e.rows} ({e.base_rate:.3f}) | {e.average_precision:.3f} | {e.lift:.1f} | {at_200}"
    print(f"| {period} | {len(test)} | {name} | {metrics.accuracy:.3f} | {metrics.f1_macro:.3f} | {found} |")


if __name__ == "__main__":
    main()
