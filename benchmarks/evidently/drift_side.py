"""Evidently's side of ``benchmarks/drift_report.py``, run by the Python of an environment that has Evidently 0.7.

python drift_side.py REFERENCE.parquet WINDOW.parquet      seconds, megabytes at most and drifted columns, as JSON
"""

import json
import resource
import sys
import time

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset


def main() -> None:
    """Read both files, and run the preset over their common features."""
    started = time.perf_counter()
    before, now = (pd.read_parquet(path) for path in sys.argv[1:])
    columns = [name for name in before.columns if name != "period"]
    numbers = [name for name in columns if pd.api.types.is_numeric_dtype(before[name])]
    definition = DataDefinition(
        numerical_columns=numbers, categorical_columns=[name for name in columns if name not in numbers]
    )
    read = time.perf_counter()
    current, reference = (Dataset.from_pandas(one[columns], data_definition=definition) for one in (now, before))
    snapshot = Report([DataDriftPreset()]).run(current, reference)
    document = snapshot.dict()
    figures = {
        "seconds": time.perf_counter() - started,
        "reading": read - started,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "drifted": document["metrics"][0]["value"]["count"],
        "columns": len(columns),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
