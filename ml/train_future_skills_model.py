#!/usr/bin/env python
"""Train a numbered version of the model: parse, call, print.

python ml/train_future_skills_model.py --version v2 --n-estimators 300 --output ml/future_skills_model_v2.pkl
"""

import argparse
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))  # Ctrl-C leaves no trace, while libraries load neither

from config import bench
from future_skills.dataset import read_dataset
from future_skills.errors import translatable
from future_skills.pipeline import ALGORITHMS, CALIBRATIONS
from future_skills.training import TRAINING_STEPS, Recipe, train


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = bench.JsonErrorParser(
        description="Train a numbered version: a .pkl, its .json manifest, and a row in the registry.",
        epilog="Algorithms: " + "; ".join(f"{a.name} ({a.description})" for a in ALGORITHMS.values()) + ".",
    )
    parser.add_argument("--version", required=True, help="name of the version, e.g. v2; never used before")
    parser.add_argument(
        "--dataset",
        type=Path,
        default=bench.ML_DIR / "future_skills_dataset.csv",
        help="CSV or Parquet with the 11 features and the label (default: ml/future_skills_dataset.csv)",
    )
    parser.add_argument("--output", type=Path, help=".pkl to write (default: ml/future_skills_model_<version>.pkl)")
    parser.add_argument(
        "--features",
        choices=["base", "history"],
        default="base",
        help="base: the 11 features; history: with what was known of the pair and of its neighbours (default: %(default)s)",
    )
    parser.add_argument(
        "--algorithm",
        choices=list(ALGORITHMS),
        help="how it learns (default: random_forest with --features base, blend_by_level with --features history)",
    )
    parser.add_argument("--n-estimators", type=int, help="number of trees (default: 200 base, 300 history)")
    parser.add_argument("--random-state", type=int, default=42, help="seed (default: %(default)s)")
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="K=V",
        help="a hyperparameter of the algorithm, e.g. max_depth=20; may be repeated (default: the algorithm's)",
    )
    parser.add_argument(
        "--split",
        choices=["time", "stratified", "group"],
        help="time: test on the latest labelled period; stratified: 20 %% at random; group: 20 %% of the roles "
        "(default: time, or stratified where rows have no period)",
    )
    parser.add_argument("--test-period", metavar="YYYY-MM", help="period to test on (default: the latest labelled one)")
    parser.add_argument("--period-column", default="period", help="name of the period's column (default: %(default)s)")
    parser.add_argument(
        "--label-period-column", default="label_period", help="name of the label period's column (default: %(default)s)"
    )
    parser.add_argument(
        "--calibrate", choices=CALIBRATIONS, help="correct the probabilities by cross-validation (default: no)"
    )
    parser.add_argument("--parent", help="version this one follows (default: the newest registered one)")
    parser.add_argument(
        "--changes", default="", help="what is different from the parent, in words (default: nothing said)"
    )
    parser.add_argument("--notes", default="", help="anything else worth keeping (default: nothing said)")
    parser.add_argument(
        "--as", dest="actor", metavar="USERNAME", help="who acts (default: FUTURE_SKILLS_ACTOR, or you)"
    )
    parser.add_argument(
        "--no-register", action="store_true", help="write the files only, without the registry (default: register)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document on stdout, nothing else (default: a table)"
    )
    return parser.parse_args()


def main() -> int:
    """Train, register, print."""
    options = arguments()
    output = options.output or bench.ML_DIR / f"future_skills_model_{options.version}.pkl"
    try:
        registry = None if options.no_register else bench.registry()  # and the language of this installation
        params = bench.parameters(options.param, n_estimators=options.n_estimators)
        recipe = Recipe(
            feature_set=options.features,
            algorithm=options.algorithm,
            params=params,
            split=options.split,
            test_period=options.test_period,
            calibration=options.calibrate,
            random_state=options.random_state,
        )
        actor = bench.actor(options.actor)
        if registry is not None:
            registry.require(actor, registry.Right.REGISTER)
            registry.require_new_version(options.version)
            if options.parent:
                registry.find_version(options.parent)
        with bench.steps(silent=options.json, total=TRAINING_STEPS + (registry is not None)) as on_step:
            on_step(translatable("read the dataset"))
            dataset = read_dataset(
                options.dataset,
                period_column=options.period_column,
                label_period_column=options.label_period_column,
            )
            trained = train(
                dataset,
                version=options.version,
                output=output,
                author=actor.name,
                clock=bench.clock,
                recipe=recipe,
                parent=options.parent or (registry.newest_version_name() if registry else None),
                changes=options.changes,
                notes=options.notes,
                on_step=on_step,
            )
            if registry is not None:
                on_step(translatable("register the version"))
                registry.register_trained(actor=actor, model=output, dataset_file=options.dataset, dataset=dataset)
    except bench.REFUSALS as error:
        return bench.refuse(error, as_json=options.json)
    if options.json:
        bench.print_json(trained.manifest.model_dump(mode="json"))
    else:
        bench.print_version(trained, registered=registry is not None)
    return 0


if __name__ == "__main__":
    sys.exit(bench.run(main))
