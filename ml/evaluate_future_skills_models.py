#!/usr/bin/env python
"""Score versions and baselines on the same rows, rank the versions: parse, call, print.

python ml/evaluate_future_skills_models.py --versions v1 v2
"""

import argparse
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout is found first
if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))  # Ctrl-C leaves no trace, while libraries load neither

from config import bench
from future_skills import evaluation_text
from future_skills.dataset import read_dataset
from future_skills.errors import translatable
from future_skills.evaluation import evaluate
from future_skills.evaluation_files import require_folder, write_report


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = bench.JsonErrorParser(
        description="Score versions and baselines on the same rows: tables, Markdown, JSON and figures (SVG).",
        epilog="A version that trained on any of the rows is scored but not ranked.",
    )
    parser.add_argument(
        "--versions",
        nargs="+",
        metavar="VERSION",
        help="names of registered versions, or .pkl files with --no-register (default: all that were not retracted)",
    )
    parser.add_argument(
        "--dataset",
        type=Path,
        default=bench.ML_DIR / "future_skills_dataset.csv",
        help="CSV or Parquet with the 11 features and the label (default: ml/future_skills_dataset.csv)",
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=bench.ML_DIR / "evaluation",
        help="folder of the report and its figures (default: ml/evaluation)",
    )
    parser.add_argument(
        "--test-period", metavar="YYYY-MM", help="period of the rows to score on (default: the latest labelled one)"
    )
    parser.add_argument("--period-column", default="period", help="name of the period's column (default: %(default)s)")
    parser.add_argument(
        "--label-period-column", default="label_period", help="name of the label period's column (default: %(default)s)"
    )
    parser.add_argument(
        "--language", choices=["fr", "en"], default="fr", help="language of the report (default: %(default)s)"
    )
    parser.add_argument(
        "--no-register", action="store_true", help="evaluate the .pkl files of --versions, without the registry"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout, nothing else")
    options = parser.parse_args()
    if options.no_register and not options.versions:
        parser.error("--no-register needs --versions FILE.pkl …")
    return options


def main() -> int:
    """Score, write, print."""
    options = arguments()
    try:
        require_folder(options.output_dir)
        if not options.no_register:
            bench.registry()  # and the language of this installation
        with bench.steps(silent=False) as on_step:
            on_step(translatable("open the versions"))
            versions = options.versions if options.no_register else bench.loaded_versions(options.versions)
            on_step(translatable("read the dataset"))
            dataset = read_dataset(
                options.dataset,
                period_column=options.period_column,
                label_period_column=options.label_period_column,
            )
            report = evaluate(versions, dataset, test_period=options.test_period, on_step=on_step)
            on_step(translatable("write the report"))
            files = write_report(report, options.output_dir, language=options.language)
    except bench.REFUSALS as error:
        return bench.refuse(error, as_json=options.json)
    if options.json:
        bench.print_json({**report.to_dict(), "files": [str(path) for path in files]})
    else:
        bench.print_report(
            evaluation_text.summary(report, options.language),
            evaluation_text.terminal_tables(report, options.language),
            files,
        )
    return 0


if __name__ == "__main__":
    sys.exit(bench.run(main))
