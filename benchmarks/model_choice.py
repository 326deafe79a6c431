"""Figures behind docs/decisions/0004: which features, which algorithm, how small a file.

    python benchmarks/model_choice.py [history] [base]

Reads ``examples/onet/onet_snapshots.parquet``; prints Markdown tables. Times depend on the machine; scores do not.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import polars as pl
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from future_skills import schema
from future_skills.baselines import rules_level
from future_skills.history import history_features
from future_skills.pipeline import ALGORITHMS, build_model, default_algorithm, default_features

SNAPSHOTS = pl.read_parquet(ROOT / "examples" / "onet" / "onet_snapshots.parquet")
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
        ("… with the names", "blend_by_level", names, {}, SEEDS[:1]),
        ("random_forest", "random_forest", level, {}, SEEDS[:1]),
        ("extra_trees", "extra_trees", level, {}, SEEDS[:1]),
        ("hist_gradient_boosting", "hist_gradient_boosting", level, {}, SEEDS[:1]),
        ("logistic_regression", "logistic_regression", level, {}, SEEDS[:1]),
    ]
    for title, (train, tested) in BACK_TESTS.items():
        shown = recipes if title.startswith("A") else recipes[:4]
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


def base_table(data: dict[tuple[str, str], pl.DataFrame]) -> None:
    """v1, the written baseline: encoding x leaf size x compression."""
    test, known = data["2024-02", "2025-02"], pl.concat([data[key] for key in TRAIN])
    labels = known[schema.LABEL].to_numpy()
    categorical, numeric = default_features("base")
    print("\n### v1: 200 trees, balanced, seed 42, the 11 features\n")
    print(
        "| encoding | leaf | macro F1 | lift | precision at 200 | file, compress 0 | load | file, compress 3 | load |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for leaf in (1, 2, 3, 5):
        params = {"n_estimators": 200, "class_weight": "balanced", "min_samples_leaf": leaf}
        model: Any = build_model(
            algorithm="random_forest", categorical=categorical, numeric=numeric, params=params, n_jobs=2
        ).fit(known, labels)
        cells = f"{weighed(model, 0)} | {weighed(model, 3)}"
        print(f"| target | {leaf} | {scored(model, test)} | {cells} |", flush=True)
    for leaf in (1, 5):
        ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        forest = RandomForestClassifier(200, class_weight="balanced", min_samples_leaf=leaf, random_state=42, n_jobs=2)
        encode = make_column_transformer((ordinal, list(categorical)), ("passthrough", list(numeric)))
        model = make_pipeline(encode, forest).fit(known, labels)
        cells = f"{weighed(model, 0)} | {weighed(model, 3)}"
        print(f"| ordinal | {leaf} | {scored(model, test)} | {cells} |", flush=True)


def main(tables: Sequence[str]) -> None:
    pairs = {key for train, tested in BACK_TESTS.values() for key in (*train, tested)}
    data = {key: rows(*key) for key in sorted(pairs)}
    if "base" in tables:
        base_table(data)
    if "history" in tables:
        history_table(data)


if __name__ == "__main__":
    main(sys.argv[1:] or ("history", "base"))
