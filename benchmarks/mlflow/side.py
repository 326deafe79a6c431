"""MLflow's side of ``benchmarks/registry.py``, run by the Python of an environment that has MLflow.

python side.py fill DATABASE VERSIONS      one model with that many versions, the last one under the alias "live"
python side.py time DATABASE               seconds of each read, in process, as JSON
"""

import json
import logging
import sys
import time

from mlflow import MlflowClient

MODEL, ALIAS = "future-skills", "live"

TAGS = {
    "stage": "candidate",
    "accuracy": "0.9499",
    "f1_weighted": "0.9505",
    "f1_macro": "0.8853",
    "same_as_today": "0.9034",
    "lift": "9.0",
    "dataset_sha256": "0" * 64,
    "rows": "155045",
    "algorithm": "random_forest",
    "author": "camille",
}
"""What our page of versions says of each, so that both pages say as much."""


def fill(client: MlflowClient, versions: int) -> None:
    client.create_registered_model(MODEL)
    for _ in range(versions):
        client.create_model_version(MODEL, source="file:///tmp/model", run_id=None, tags=TAGS)
    client.set_registered_model_alias(MODEL, ALIAS, str(versions))


def median(act, times: int) -> float:
    act()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        taken.append(time.perf_counter() - started)
    return sorted(taken)[times // 2]


def main() -> None:
    logging.disable(logging.INFO)
    verb, database, *rest = sys.argv[1:]
    client = MlflowClient(tracking_uri=f"sqlite:///{database}", registry_uri=f"sqlite:///{database}")
    if verb == "fill":
        fill(client, int(rest[0]))
        return
    figures = {
        "live": median(lambda: client.get_model_version_by_alias(MODEL, ALIAS), 200),
        "page": median(
            lambda: client.search_model_versions(f"name='{MODEL}'", max_results=100, order_by=["version_number DESC"]),
            30,
        ),
        "record": median(lambda: client.get_registered_model(MODEL), 10),
        "version": median(lambda: client.get_model_version(MODEL, "5000"), 100),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
