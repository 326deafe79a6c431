"""Figures behind docs/decisions/0004: which features, which algorithm, how small a file.

    python benchmarks/model_choice.py [history] [base] [others]

Reads the files of ``examples/``; prints Markdown tables. Times depend on the machine; scores do not.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import polars as pl
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from future_skills import schema
from future_skills.baselines import rules_level
from future_skills.dataset import Dataset, build_dataset, read_dataset
from future_skills.history import history_features
from future_skills.labels import level_now
from future_skills.pipeline import ALGORITHMS, FeatureEncoder, build_model, default_algorithm, default_features
from future_skills.simulation import CompanyParameters, simulate_company
from future_skills.training import Recipe, fit_and_measure

ONET = pl.read_parquet(ROOT / "examples" / "onet" / "onet_snapshots.parquet")
PANEL = ROOT / "examples" / "stack_overflow" / "so_survey_panel.parquet"
CALM_SHARE = 0.04
"""Share of the levels that are drawn anew, at random, in a made-up year where nothing else moves."""


def calm_year() -> pl.DataFrame:
    """The last snapshot again, a year later: what a model must not expect, once it has seen a year that moved much."""
    draw = np.random.default_rng(0)
    last = ONET.filter(pl.col("period") == "2025-02")
    moved = pl.Series(draw.random(len(last)) < CALM_SHARE)
    drawn = pl.Series(draw.choice(schema.LEVELS, len(last), p=(0.5, 0.3, 0.2)))
    level = pl.when(moved).then(drawn).otherwise(schema.OBSERVED_LEVEL).alias(schema.OBSERVED_LEVEL)
    return last.with_columns(pl.lit("2026-02").alias("period"), level)


SNAPSHOTS = pl.concat([ONET, calm_year()])
SEEDS = (42, 0, 1)
KEY = [schema.ROLE, schema.SKILL]

# (features of, labelled at): what may be learned by the test period, and what is tested
TRAIN = [("2020-11", "2022-11"), ("2021-08", "2022-11"), ("2021-11", "2022-11"), ("2022-11", "2024-02")]
BACK_TESTS = {
    "A: 2024-02 → 2025-02 (the bar)": (TRAIN, ("2024-02", "2025-02")),
    "B: 2024-11 → 2025-02, same training": (TRAIN, ("2024-11", "2025-02")),
    "C: 2024-11 → 2025-02, also trained on 2024-02 → 2024-11": (
        [*TRAIN, ("2024-02", "2024-11")],
        ("2024-11", "2025-02"),
    ),
    "D: 2025-02 → a made-up calm year, also trained on 2024-02 → 2025-02": (
        [*TRAIN, ("2024-02", "2025-02")],
        ("2025-02", "2026-02"),
    ),
}


def rows(period: str, later: str) -> pl.DataFrame:
    """Features of a period with the level of a later one; a pair that is gone while its role is observed is LOW."""
    after = SNAPSHOTS.filter(pl.col("period") == later)
    level = after.select(*KEY, pl.col(schema.OBSERVED_LEVEL).alias(schema.LABEL))
    return (
        SNAPSHOTS.filter(pl.col("period") == period)
        .join(after.select(schema.ROLE).unique(), on=schema.ROLE, how="semi")
        .join(history_features(SNAPSHOTS, period=period), on=KEY)
        .join(level, on=KEY, how="left")
        .with_columns(pl.col(schema.LABEL).fill_null(schema.LOW))
        .sort(KEY)
    )


def scores(test: pl.DataFrame, level: np.ndarray, p_high: np.ndarray | None) -> str:
    """Macro F1 | lift | precision at 200, as table cells."""
    truth = test[schema.LABEL].to_numpy()
    macro = f1_score(truth, level, average="macro")
    if p_high is None:
        return f"{macro:.4f} | – | –"
    emerging = test.select(pl.col(schema.CURRENT_LEVEL).ne_missing(schema.HIGH)).to_series().to_numpy()
    high, p = truth[emerging] == schema.HIGH, p_high[emerging]
    best = np.argsort(-p, kind="stable")[:200]
    return f"{macro:.4f} | {average_precision_score(high, p) / high.mean():.1f} | {high[best].mean():.3f}"


def scored(model: Any, test: pl.DataFrame) -> str:
    proba, classes = model.predict_proba(test), list(model.classes_)
    return scores(test, np.array(classes)[proba.argmax(axis=1)], proba[:, classes.index(schema.HIGH)])


def weighed(model: Any, compress: int) -> str:
    """Megabytes on disk and seconds to load."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pkl"
        joblib.dump(model, path, compress=compress)
        started = time.perf_counter()
        joblib.load(path)
        return f"{path.stat().st_size / 1e6:.0f} MB | {time.perf_counter() - started:.2f} s"


def history_table(data: dict[tuple[str, str], pl.DataFrame]) -> None:
    """Algorithms and columns on the three back-tests."""
    level, numeric = default_features("history")
    names = (*schema.CATEGORICAL_FEATURES, *level)
    blend = ALGORITHMS["blend_by_level"].defaults["history"]
    recipes: list[tuple[str, str, Sequence[str], dict[str, Any], Sequence[int]]] = [
        ("blend_by_level (default)", default_algorithm("history"), level, {}, SEEDS),
        ("… forests alone", "blend_by_level", level, {**blend, "linear_share": 0.0}, SEEDS[:1]),
        ("… regression alone", "blend_by_level", level, {**blend, "linear_share": 1.0, "n_estimators": 1}, SEEDS[:1]),
        ("… the likelier level wins", "blend_by_level", level, {**blend, "change_odds": 1}, SEEDS[:1]),
        ("… with the names", "blend_by_level", names, {}, SEEDS[:1]),
        ("random_forest", "random_forest", level, {}, SEEDS[:1]),
        ("extra_trees", "extra_trees", level, {}, SEEDS[:1]),
        ("hist_gradient_boosting", "hist_gradient_boosting", level, {}, SEEDS[:1]),
        ("logistic_regression", "logistic_regression", level, {}, SEEDS[:1]),
    ]
    for title, (train, tested) in BACK_TESTS.items():
        shown = recipes if title.startswith("A") else recipes[:5]
        test = data[tested]
        known = pl.concat([data[key] for key in train])
        print(
            f"\n### {title}\n\n| model | seed | macro F1 | lift | precision at 200 | fit |\n|---|---|---|---|---|---|"
        )
        print(f"| persistence | – | {scores(test, test[schema.CURRENT_LEVEL].to_numpy(), None)} | – |")
        print(f"| rules | – | {scores(test, rules_level(test), None)} | – |")
        for name, algorithm, categorical, params, seeds in shown:
            for seed in seeds if title.startswith("A") else seeds[:1]:
                model = build_model(
                    algorithm=algorithm,
                    categorical=categorical,
                    numeric=numeric,
                    params={**ALGORITHMS[algorithm].defaults["history"], **params},
                    random_state=seed,
                    n_jobs=2,
                )
                started = time.perf_counter()
                model.fit(known, known[schema.LABEL].to_numpy())
                fit = time.perf_counter() - started
                print(f"| {name} | {seed} | {scored(model, test)} | {fit:.0f} s |", flush=True)
                if name.endswith("(default)") and seed == SEEDS[0]:
                    print(f"| (its file, compress=3) | | {weighed(model, 3)} | | |", flush=True)


def others() -> Iterator[tuple[str, Dataset]]:
    """Files of other companies: real and simulated, large and small, with and without earlier levels."""
    yield (
        "survey panel (no level known in training)",
        read_dataset(PANEL, period_column="year", label_period_column="year_next"),
    )
    own = [schema.PERIOD, schema.LABEL_PERIOD, *schema.BASE_FEATURES, schema.LABEL]
    for seed in (42, 7):
        for roles, skills, quarters in ((40, 120, 12), (20, 60, 12), (12, 40, 10), (8, 25, 12)):
            parameters = CompanyParameters(roles=roles, skills=skills, quarters=quarters)
            frame = build_dataset(simulate_company(seed=seed, parameters=parameters).snapshots)
            yield (
                f"simulated {seed}, {roles} x {skills}, {quarters} quarters",
                Dataset(frame, "simulated.csv", "0" * 64),
            )
            if roles == 40:
                told_nothing = level_now(frame.select(own))
                yield f"simulated {seed}, its own file without levels", Dataset(told_nothing, "own.csv", "0" * 64)


def others_table() -> None:
    """The defaults of both feature sets on the files of other companies."""
    print("\n### Other companies: base | history\n")
    print(
        "| file | training rows, level known | test rows | same as today: macro F1 (rows) | macro F1 | log loss | AP |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, dataset in others():
        trained = [fit_and_measure(dataset, Recipe(feature_set=features)) for features in ("base", "history")]
        training, persistence = dataset.frame.filter(trained[0].split.train), trained[0].baselines.persistence
        today = "–" if persistence is None else f"{persistence.f1_macro:.3f} ({persistence.rows})"
        known = training[schema.CURRENT_LEVEL].count()
        found = [one.metrics for one in trained]
        cells = (
            " | ".join(f"{one.f1_macro:.3f}" for one in found),
            " | ".join(f"{one.log_loss:.3f}" for one in found),
            " | ".join(f"{one.emergence.average_precision:.3f}" if one.emergence else "–" for one in found),
        )
        counts = f"{len(training)}, {known} | {found[0].rows}"
        print(
            f"| {name} | {counts} | {today} | " + " | ".join(cell.replace(" | ", " → ") for cell in cells) + " |",
            flush=True,
        )


def base_table(data: dict[tuple[str, str], pl.DataFrame]) -> None:
    """v1, the written baseline: how names become numbers x leaf size x seed."""
    test, known = data["2024-02", "2025-02"], pl.concat([data[key] for key in TRAIN])
    labels = known[schema.LABEL].to_numpy()
    categorical, numeric = default_features("base")
    default = ALGORITHMS["random_forest"].defaults["base"]

    def orders(count: int) -> FeatureEncoder:
        return FeatureEncoder(categorical, numeric, orders=count)

    def columns(names: Any) -> Any:
        return make_column_transformer((names, list(categorical)), ("passthrough", list(numeric)))

    ordinal = columns(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1))
    one_hot = columns(OneHotEncoder(handle_unknown="ignore"))
    recipes: list[tuple[str, Any, dict[str, Any]]] = [
        *(("8 orders", orders(8), {**default, "min_samples_leaf": leaf}) for leaf in (1, 3, 5)),
        *(("8 orders", orders(8), {**default, "max_features": most}) for most in (2, 4)),
        *((f"{count} orders", orders(count), default) for count in (4, 12, 16)),
        *(("shares", orders(0), {"min_samples_leaf": leaf, "max_features": "sqrt"}) for leaf in (1, 3)),
        ("shares", orders(0), default),
        ("alphabetical order", ordinal, {"min_samples_leaf": 1, "max_features": "sqrt"}),
        ("one column a name (the seed)", one_hot, {"min_samples_leaf": 1, "max_features": "sqrt"}),
    ]
    print("\n### v1: 200 trees, balanced, the 11 features\n")
    print("| names | leaf | columns a split | seed | macro F1 | lift | precision at 200 | file, compress 3 | load |")
    print("|---|---|---|---|---|---|---|---|---|")
    for seed in SEEDS:
        model: Any = build_model(
            algorithm="random_forest",
            categorical=categorical,
            numeric=numeric,
            params=default,
            random_state=seed,
            n_jobs=2,
        ).fit(known, labels)
        how = f"{default['min_samples_leaf']} | {default['max_features']} | {seed}"
        print(f"| **v1** | {how} | {scored(model, test)} | {weighed(model, 3)} |", flush=True)
    for name, encoder, params in recipes:
        chosen = {"n_estimators": 200, "class_weight": "balanced", **params}
        model = make_pipeline(encoder, RandomForestClassifier(random_state=42, n_jobs=2, **chosen)).fit(known, labels)
        how = f"{params['min_samples_leaf']} | {params['max_features']} | 42"
        print(f"| {name} | {how} | {scored(model, test)} | {weighed(model, 3)} |", flush=True)


def main(tables: Sequence[str]) -> None:
    if "others" in tables:
        others_table()
    if not {"base", "history"} & set(tables):
        return
    pairs = {key for train, tested in BACK_TESTS.values() for key in (*train, tested)}
    data = {key: rows(*key) for key in sorted(pairs)}
    if "base" in tables:
        base_table(data)
    if "history" in tables:
        history_table(data)


if __name__ == "__main__":
    main(sys.argv[1:] or ("history", "base", "others"))
