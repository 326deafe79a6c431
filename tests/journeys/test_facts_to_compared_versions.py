"""HR facts -> dataset -> two versions -> compared, reproduced, diagnosed, rendered: by the written commands."""

import json
import signal
import time
from collections.abc import Callable

import joblib
import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sk

from tests.journeys.conftest import Bench

TRAIN = "ml/train_future_skills_model.py"
PANEL = "examples/stack_overflow/so_survey_panel.parquet"


def test_the_whole_cycle_on_the_simulated_company(new_bench: Callable[[], Bench]) -> None:
    bench = new_bench()
    loaded = bench.json("manage.py", "load_demo_company", "--roles", "10", "--skills", "30")
    assert loaded["created"] == loaded["read"] > 0
    exported = bench.json("manage.py", "export_future_skills_dataset")
    v1 = bench.json(TRAIN, "--version", "v1", "--n-estimators", "20")
    v2 = bench.json(TRAIN, "--version", "v2", "--features", "history", "--n-estimators", "20", "--changes", "history")
    assert (v1["dataset"]["sha256"], v2["parent"], v2["author"]) == (exported["sha256"], "v1", "nadia")

    listed = bench.json("manage.py", "registry", "list")
    assert [row["version"] for row in listed["versions"]] == ["v2", "v1"]
    assert bench.json("manage.py", "registry", "reproduce", "v2")["identical"] is True
    compared = bench.json("manage.py", "registry", "compare", "v1", "v2")
    assert compared["rows"] == v2["metrics"]["rows"]
    assert {"v1", "v2"} <= set(json.dumps(bench.json("ml/evaluate_future_skills_models.py")).split('"'))
    page = (bench.ml / "MODEL_REGISTRY.md").read_text()
    assert "| v2 |" in page
    assert "| v1 |" in page

    # Independent computation from the published pair and the published dataset.
    frame = pl.read_csv(bench.ml / "future_skills_dataset.csv")
    test = frame.filter(pl.col("period") == v2["split"]["test_period"]).to_pandas()
    model = joblib.load(bench.ml / "future_skills_model_v2.pkl")
    columns = [name for kind in ("categorical", "numeric", "history") for name in v2["features"][kind]]
    predicted = model.classes_[np.argmax(model.predict_proba(test[columns]), axis=1)]
    assert sk.accuracy_score(test["future_need_level"], predicted) == pytest.approx(v2["metrics"]["accuracy"], abs=1e-9)
    assert sk.f1_score(test["future_need_level"], predicted, average="macro") == pytest.approx(
        v2["metrics"]["f1_macro"], abs=1e-9
    )


def test_a_data_scientists_own_file_trains_with_and_without_the_registry(new_bench: Callable[[], Bench]) -> None:
    bench = new_bench()
    own = ("--dataset", PANEL, "--period-column", "year", "--label-period-column", "year_next", "--n-estimators", "20")
    bench.json(TRAIN, "--version", "panel.1", *own)
    assert bench.json("manage.py", "registry", "reproduce", "panel.1")["identical"] is True
    alone = bench.json(TRAIN, "--version", "panel.2", *own, "--no-register")
    assert alone["parent"] is None
    shown = bench.json("manage.py", "registry", "show", "panel.2", code=1)
    assert shown["error"]["code"] == "version_not_found"
    registered = bench.json("manage.py", "registry", "register", str(bench.ml / "future_skills_model_panel.2.pkl"))
    assert registered["dataset_kept"] is True


def test_refusals_leave_nothing_and_have_one_shape(new_bench: Callable[[], Bench]) -> None:
    bench = new_bench()
    own = ("--dataset", PANEL, "--period-column", "year", "--label-period-column", "year_next", "--n-estimators", "5")
    refusals = {
        "data_file_unreadable": (TRAIN, "--version", "v1"),
        "usage": (TRAIN, "--version", "../v1", *own),
        "data_columns_missing": (TRAIN, "--version", "v1", "--dataset", PANEL, "--period-column", "moon"),
    }
    for expected, words in refusals.items():
        error = bench.json(*words, code=1)["error"]
        assert error["code"] == expected
        assert error["message"]
    assert bench.json(TRAIN, "--version", "v1", "--features", "magic", code=2)["error"]["code"] == "usage"
    assert not bench.ml.exists() or not list(bench.ml.iterdir())

    bench.json(TRAIN, "--version", "v1", *own)
    assert bench.json(TRAIN, "--version", "v1", *own, code=1)["error"]["code"] == "version_exists"
    assert bench.json(TRAIN, "--version", "v1", *own, "--no-register", code=1)["error"]["code"] == "artifact_exists"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_training_that_is_stopped_leaves_no_version(new_bench: Callable[[], Bench], how: signal.Signals) -> None:
    bench = new_bench()
    own = ("--dataset", PANEL, "--period-column", "year", "--label-period-column", "year_next")
    process = bench.start(TRAIN, "--version", "v1", *own, "--n-estimators", "3000")
    assert process.stderr is not None
    for line in process.stderr:
        if "train the model" in line:
            break
    time.sleep(0.3)
    process.send_signal(how)
    process.communicate()
    assert process.returncode != 0
    assert not bench.ml.exists() or not list(bench.ml.iterdir())
    assert bench.json("manage.py", "registry", "list")["total"] == 0
    bench.json(TRAIN, "--version", "v1", *own, "--n-estimators", "5")
