"""Metrics against formulas written out again, and against scikit-learn."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sk

from future_skills.metrics import (
    Scores,
    calibration_error,
    calibration_table,
    measure,
    measure_emergence,
    model_scores,
    quadratic_kappa,
    ranks,
)

LEVELS = ("LOW", "MEDIUM", "HIGH")


def case(seed: int, rows: int = 300, *, steps: int = 20) -> tuple[Any, Scores, Any]:
    """Truth, predictions with many tied probabilities, level now (some unknown)."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, rows)
    raw = rng.integers(0, steps, (rows, 3)) + 2 * np.eye(3)[truth] * rng.integers(0, 5, (rows, 1)) + 0.5
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    current = rng.integers(-1, 3, rows)
    return truth, Scores(probabilities.argmax(axis=1), probabilities), current


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


@pytest.mark.parametrize("seed", range(5))
def test_levels_metrics_are_what_their_formulas_say(seed: int) -> None:
    truth, scores, current = case(seed)
    found = measure(truth, scores, current)
    pairs = list(zip(truth.tolist(), scores.predicted.tolist(), strict=True))
    n = len(pairs)
    f1s, weighted = [], 0.0
    for rank, level in enumerate(LEVELS):
        right = sum(t == p == rank for t, p in pairs)
        real, said = sum(t == rank for t, _ in pairs), sum(p == rank for _, p in pairs)
        precision, recall = ratio(right, said), ratio(right, real)
        f1 = ratio(2 * precision * recall, precision + recall)
        f1s.append(f1)
        weighted += f1 * real / n
        one = found.per_class[level]  # type: ignore[index]
        assert (one.precision, one.recall, one.f1) == pytest.approx((precision, recall, f1), abs=1e-12)
        assert one.support == real
    assert found.rows == n
    assert found.accuracy == pytest.approx(sum(t == p for t, p in pairs) / n, abs=1e-12)
    assert found.f1_macro == pytest.approx(sum(f1s) / 3, abs=1e-12)
    assert found.f1_weighted == pytest.approx(weighted, abs=1e-12)
    assert found.severe_error_rate == pytest.approx(sum(abs(t - p) == 2 for t, p in pairs) / n, abs=1e-12)
    for t in range(3):
        for p in range(3):
            assert found.confusion_matrix[t][p] == pairs.count((t, p))


@pytest.mark.parametrize("seed", range(5))
def test_probability_metrics_are_what_their_formulas_say(seed: int) -> None:
    truth, scores, current = case(seed)
    found = measure(truth, scores, current)
    rows = scores.probabilities.tolist() if scores.probabilities is not None else []
    n = len(rows)
    brier = sum((p - (rank == t)) ** 2 for t, row in zip(truth, rows, strict=True) for rank, p in enumerate(row)) / n
    log_loss = -sum(math.log(row[t]) for t, row in zip(truth, rows, strict=True)) / n
    assert found.brier == pytest.approx(brier, abs=1e-12)
    assert found.log_loss == pytest.approx(log_loss, abs=1e-12)
    edges = np.linspace(0, 1, 16)
    error = 0.0
    for low, high in pairwise(edges):
        inside = [i for i, row in enumerate(rows) if low < max(row) <= high]
        if inside:
            right = sum(int(np.argmax(rows[i])) == truth[i] for i in inside) / len(inside)
            sure = sum(max(rows[i]) for i in inside) / len(inside)
            error += len(inside) / n * abs(right - sure)
    assert found.calibration_error == pytest.approx(error, abs=1e-12)
    observed = np.array(found.confusion_matrix, float)
    cost = np.subtract.outer(np.arange(3), np.arange(3)) ** 2
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / n
    assert found.kappa_quadratic == pytest.approx(1 - (cost * observed).sum() / (cost * expected).sum(), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_emergence_ranks_the_rows_that_are_not_high_now(seed: int) -> None:
    truth, scores, current = case(seed, 900)
    assert scores.probabilities is not None
    found = measure(truth, scores, current).emergence
    assert found is not None
    rows = [i for i in range(len(truth)) if current[i] in (0, 1)]
    high = {i: scores.probabilities[i, 2] for i in rows}
    emerged = [i for i in rows if truth[i] == 2]
    # Average precision: at each threshold, recall gained times precision there; ties share a threshold.
    total, before = 0.0, 0.0
    for threshold in sorted(set(high.values()), reverse=True):
        above = [i for i in rows if high[i] >= threshold]
        hits = sum(truth[i] == 2 for i in above)
        recall = hits / len(emerged)
        total += (recall - before) * hits / len(above)
        before = recall
    assert found.average_precision == pytest.approx(total, abs=1e-12)
    assert found.base_rate == pytest.approx(len(emerged) / len(rows), abs=1e-12)
    assert found.lift == pytest.approx(total / (len(emerged) / len(rows)), abs=1e-12)
    first = sorted(rows, key=lambda i: -high[i])[:200]  # sorted() is stable: ties keep the order of the rows
    assert found.precision_at_200 == pytest.approx(sum(truth[i] == 2 for i in first) / 200, abs=1e-12)
    assert (found.rows, found.emerged) == (len(rows), len(emerged))


def test_scikit_learn_agrees() -> None:
    truth, scores, current = case(11)
    found = measure(truth, scores, current)
    assert found.f1_macro == pytest.approx(sk.f1_score(truth, scores.predicted, average="macro"), abs=1e-12)
    assert found.f1_weighted == pytest.approx(sk.f1_score(truth, scores.predicted, average="weighted"), abs=1e-12)
    assert found.log_loss == pytest.approx(sk.log_loss(truth, scores.probabilities), abs=1e-12)
    kappa = sk.cohen_kappa_score(truth, scores.predicted, weights="quadratic")
    assert found.kappa_quadratic == pytest.approx(kappa, abs=1e-12)


def test_a_level_that_is_never_true_nor_predicted_counts_as_zero() -> None:
    truth = np.array([0, 0, 1, 1])
    found = measure(truth, Scores(np.array([0, 1, 1, 1]), None), np.array([0, 0, 0, 0]))
    assert found.per_class["HIGH"].f1 == 0
    assert found.f1_macro == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    assert found.reasons.keys() == {"log_loss", "brier", "calibration_error", "emergence"}
    assert found.log_loss is found.brier is found.calibration_error is found.emergence is None


def test_one_level_only_has_no_kappa_and_no_emergence() -> None:
    truth = np.zeros(4, dtype=np.int64)
    probabilities = np.tile([1.0, 0.0, 0.0], (4, 1))
    found = measure(truth, Scores(truth, probabilities), truth)
    assert quadratic_kappa(truth, truth) is None
    assert (found.accuracy, found.log_loss, found.brier) == (1.0, pytest.approx(0.0), 0.0)
    assert found.emergence is not None
    assert (found.emergence.average_precision, found.emergence.base_rate, found.emergence.emerged) == (None, 0.0, 0)
    assert {"kappa_quadratic", "emergence"} <= found.reasons.keys()


def test_emergence_says_when_the_level_now_is_unknown_or_rows_are_few() -> None:
    truth, scores, _ = case(3, 50)
    assert measure(truth, scores, np.full(50, -1)).reasons["emergence"] == "the level now is known for no row"
    few = measure(truth, scores, np.zeros(50, dtype=np.int64))
    assert few.emergence is not None
    assert few.emergence.average_precision is not None
    assert few.emergence.precision_at_200 is None
    assert "emergence.precision_at_200" in few.reasons


def test_emergence_of_no_candidate_has_no_base_rate() -> None:
    found = measure_emergence(np.array([2, 2]), np.array([0.5, 0.6]), np.array([2, 2]))
    assert (found.rows, found.base_rate, found.average_precision) == (0, None, None)


def test_a_confidence_on_the_edge_of_a_bin_belongs_to_the_bin_below() -> None:
    probabilities = np.array([[0.6, 0.4, 0.0], [0.6 + 1e-9, 0.4 - 1e-9, 0.0], [1.0, 0.0, 0.0]])
    scores = Scores(np.zeros(3, dtype=np.int64), probabilities)
    table = calibration_table(np.array([0, 1, 0]), scores)
    assert [rows for _, _, rows in table] == [1, 1, 1]
    assert calibration_error(np.array([0, 1, 0]), scores) == pytest.approx((0.4 + 0.6 + 0) / 3, abs=1e-8)


def test_ranks_of_levels() -> None:
    assert ranks(pl.Series(["HIGH", None, "LOW", "MEDIUM"])).tolist() == [2, -1, 0, 1]


def test_a_tie_goes_to_the_first_of_the_models_own_classes() -> None:
    class Model:
        classes_ = np.array(["MEDIUM", "LOW"])

        def predict_proba(self, rows: pl.DataFrame) -> Any:
            return np.array([[0.5, 0.5], [0.3, 0.7]])[: len(rows)]

    scores = model_scores(Model(), pl.DataFrame({"a": [1, 2]}))
    assert scores.predicted.tolist() == [1, 0]
    assert scores.probabilities is not None
    assert scores.probabilities.tolist() == [[0.5, 0.5, 0.0], [0.7, 0.3, 0.0]]
