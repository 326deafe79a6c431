"""How often the interval of the estimate before labels holds the share that turned out right.

    python benchmarks/estimate_backtest.py [simulated] [onet] [--seeds 40] [--first-seed 200] [--processes 2]

A version is trained and tested as of a date; later periods are its windows. Each is estimated from what was known at its own
period (the version's test rows, and earlier windows whose labels had come), then met with its labels. Whole periods, and the
part of each department (100 rows or more). Windows with a condition that fails have no estimate and are counted apart.

Simulated: companies of docs/demo_company.md with 20 quarters, tested at the 9th, windows of the 13th to 16th. Real: the O*NET
snapshots, labels one period later (horizon 1 to 24 months) and a year later (12 to 24), a few kinds of model.

Beside the product's interval (90 %): the same without the part of time, and as if rows were independent.
"""

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import norm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from future_skills import schema
from future_skills.comparison import CONFIDENCE
from future_skills.dataset import Dataset, build_dataset, with_history_features
from future_skills.estimate import Estimate, PastWindow, estimate
from future_skills.performance import LABELLED, MINIMUM_ROWS, with_outcomes
from future_skills.prediction import Predictor
from future_skills.simulation import CompanyParameters, simulate_company
from future_skills.training import Recipe, train

QUARTERS, TESTED, YEAR = 20, 8, 4
DRAWS = 50
"""Of the bootstrap behind one of the three errors: fewer than the product's, for there are thousands of windows."""

ONET = ROOT / "examples" / "onet" / "onet_snapshots.parquet"
RECIPES = {
    "history": Recipe(feature_set="history"),
    "history, isotonic": Recipe(feature_set="history", calibration="isotonic"),
    "history, random_forest": Recipe(feature_set="history", algorithm="random_forest"),
    "base (v1)": Recipe(),
    "base, logistic_regression": Recipe(algorithm="logistic_regression"),
}
CHAINS = (
    ("2022-11", "2024-02", 1),
    ("2022-11", "2024-02", 12),
    ("2024-02", "2024-11", 1),
)
"""Test period, window, horizon in months; the tolerance reaches 24 months in all."""


@dataclass(frozen=True)
class Met:
    """One window: what was estimated, and the share that turned out right."""

    of: str
    period: str
    part: str
    said: Estimate
    realised: float


def answers(predictor: Predictor, snapshots: pl.DataFrame, period: str) -> pl.DataFrame:
    """What a version says of the pairs of a period, from what was known then."""
    known = snapshots.filter(pl.col(schema.PERIOD) <= period)
    rows = with_history_features(known.filter(pl.col(schema.PERIOD) == period), known)
    said = predictor.predict(rows).to_frame().drop(schema.CURRENT_LEVEL)
    return rows.drop(schema.OBSERVED_LEVEL, schema.ROLE_CODE).hstack(
        said.with_columns(pl.col("warnings").list.join(","))
    )


def parts(window: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    yield "whole period", window
    for part in window.partition_by(schema.DEPARTMENT):
        if len(part) >= MINIMUM_ROWS:
            yield part[schema.DEPARTMENT][0], part


def met_windows(
    of: str,
    snapshots: pl.DataFrame,
    recipe: Recipe,
    *,
    tested: str,
    known_at: str,
    windows: list[str],
    meanwhile: list[str],
    horizon: int = 12,
) -> list[Met]:
    """Estimates of the windows of one version, and what came of them.

    Args:
        of: name of the version, for the table.
        snapshots: all the facts.
        recipe: what is trained.
        tested: its test period.
        known_at: period by which the test labels were known.
        windows: periods to estimate, in order.
        meanwhile: periods after the test whose labels may be known by then, in order.
        horizon: months after which a label is looked for.
    """
    months = {"horizon_months": horizon, "tolerance_months": 24 - horizon}
    dataset = Dataset(build_dataset(snapshots, as_of=known_at, **months), "facts.csv", "0" * 64)
    with tempfile.TemporaryDirectory() as folder:
        version = train(
            dataset,
            version="v",
            output=Path(folder) / "v.pkl",
            author="benchmark",
            clock=lambda: datetime.now(UTC),
            recipe=Recipe(**{**vars_of(recipe), "split": "time", "test_period": tested}),
        )
        predictor, rows, profile = Predictor(version), version.rows(), version.manifest.profile
        outcomes = {
            period: with_outcomes(answers(predictor, snapshots, period), snapshots, **months)
            for period in dict.fromkeys((*meanwhile, *windows))
        }
    found = []
    for period in windows:
        past: dict[str, list[PastWindow]] = defaultdict(list)
        for earlier in meanwhile:
            known = outcomes[earlier].filter(pl.col(schema.LABEL_PERIOD) <= period)
            for name, part in parts(known) if len(known) > len(outcomes[earlier]) / 2 else ():
                said = estimate(part, rows, profile, draws=DRAWS)
                if said.expected is not None:
                    realised = share_right(part)
                    past[name].append(
                        PastWindow(
                            period=earlier, expected=said.expected, low=said.low, high=said.high, realised=realised
                        )
                    )
        labelled = outcomes[period].filter(pl.col("outcome") == LABELLED)
        for name, part in parts(labelled):
            said = estimate(
                part.drop("outcome", schema.LABEL, schema.LABEL_PERIOD), rows, profile, past=past[name], draws=DRAWS
            )
            found.append(Met(of, period, name, said, share_right(part)))
    return found


def vars_of(recipe: Recipe) -> dict[str, object]:
    return {name: getattr(recipe, name) for name in recipe.__slots__}


def share_right(rows: pl.DataFrame) -> float:
    return float((rows["level"] == rows[schema.LABEL]).mean())


def simulated(seed: int) -> list[Met]:
    snapshots = simulate_company(seed=seed, parameters=CompanyParameters(quarters=QUARTERS)).snapshots
    periods = snapshots[schema.PERIOD].unique().sort().to_list()
    last = QUARTERS - YEAR
    return met_windows(
        "simulated",
        snapshots,
        Recipe(feature_set="history", params={"n_estimators": 60}),
        tested=periods[TESTED],
        known_at=periods[TESTED + YEAR],
        windows=periods[TESTED + YEAR : last],
        meanwhile=periods[TESTED + 1 : last - YEAR],
    )


def onet(chain: tuple[str, str, int]) -> list[Met]:
    snapshots = pl.read_parquet(ONET)
    tested, window, horizon = chain
    found = []
    for name, recipe in RECIPES.items():
        title = f"{name}; tested {tested}, labels from {horizon} months"
        found += met_windows(
            title,
            snapshots,
            recipe,
            tested=tested,
            known_at=window,
            windows=[window],
            meanwhile=[],
            horizon=horizon,
        )
        print(title, file=sys.stderr, flush=True)
    return found


def inside(one: Met, half: float) -> bool:
    return abs(one.realised - (one.said.expected or 0.0)) <= half


def table(title: str, met: list[Met]) -> None:
    print(f"\n### {title}\n")
    print(
        "| windows | conditions hold | mean gap, points | inside, product | half-width, points | … without time "
        "| … rows independent |"
    )
    print("|---|---|---|---|---|---|---|")
    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    for name, chosen in (
        ("whole periods", [one for one in met if one.part == "whole period"]),
        ("parts of a department", [one for one in met if one.part != "whole period"]),
    ):
        held = [one for one in chosen if one.said.expected is not None]
        if not held:
            print(f"| {name} | 0 of {len(chosen)} | – | – | – | – | – |")
            continue
        halves = [(one.said.high - one.said.low) / 2 for one in held]
        covered = np.mean([one.said.low <= one.realised <= one.said.high for one in held])
        rows_only = np.mean(
            [inside(one, z * np.hypot(one.said.spread.calibration, one.said.spread.window)) for one in held]
        )
        naive = np.mean(
            [inside(one, z * np.sqrt(one.said.expected * (1 - one.said.expected) / one.said.rows)) for one in held]
        )
        gap = 100 * np.mean([one.realised - one.said.expected for one in held])
        print(
            f"| {name} | {len(held)} of {len(chosen)} | {gap:+.2f} | **{100 * covered:.1f} %** | {100 * np.mean(halves):.1f} | "
            f"{100 * rows_only:.1f} % | {100 * naive:.1f} % |"
        )


def each(met: list[Met]) -> None:
    print("\n| version | window | expected | interval | turned out | conditions that fail |\n|---|---|---|---|---|---|")
    for one in met:
        if one.part == "whole period":
            fails = ", ".join(f"{c.name} ({c.observed:.3f})" for c in one.said.conditions if c.state == "fails")
            said = one.said
            cells = (
                "– | –"
                if said.expected is None
                else f"{100 * said.expected:.1f} % | {100 * said.low:.1f}–{100 * said.high:.1f}"
            )
            print(f"| {one.of} | {one.period} | {cells} | {100 * one.realised:.1f} % | {fails or 'none'} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["simulated", "onet"])
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first-seed", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        if "simulated" in options.what:
            seeds = range(options.first_seed, options.first_seed + options.seeds)
            met = [one for found in pool.map(simulated, seeds) for one in found]
            table(f"Simulated companies, {options.seeds} seeds", met)
        if "onet" in options.what:
            met = [one for found in pool.map(onet, CHAINS) for one in found]
            table("O*NET", met)
            each(met)


if __name__ == "__main__":
    main()
