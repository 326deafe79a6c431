"""The two-way bootstrap: its weighted metrics against scikit-learn, its draws, and how often its interval is right."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from future_skills.bootstrap import (
    LEVEL_METRICS,
    PRECISIONS,
    Replicates,
    level_metrics,
    mcnemar_mid_p,
    replicates,
    times_drawn,
)
from future_skills.metrics import Scores


def grid(seed: int, roles: int = 12, skills: int = 20, steps: int = 8):  # type: ignore[no-untyped-def]
    """A grid of rows with two models whose probabilities are often tied."""
    rng = np.random.default_rng(seed)
    role, skill = (axis.ravel() for axis in np.meshgrid(np.arange(roles), np.arange(skills), indexing="ij"))
    kept = rng.random(len(role)) < 0.8
    role, skill = np.unique(role[kept], return_inverse=True)[1], np.unique(skill[kept], return_inverse=True)[1]
    truth = rng.integers(0, 3, len(role))
    current = rng.integers(-1, 3, len(role))
    models = []
    for _ in range(2):
        raw = rng.integers(0, steps, (len(role), 3)) + 4 * np.eye(3)[truth] + 0.5
        probabilities = raw / raw.sum(axis=1, keepdims=True)
        models.append(Scores(probabilities.argmax(axis=1), probabilities))
    return truth, models, current, role, skill


def by_scikit_learn(truth, scores, current, weights) -> dict[str, float]:  # type: ignore[no-untyped-def]
    said = scores.predicted
    rows = np.isin(current, (0, 1))
    labels = [0, 1, 2]
    f1 = {
        average: sk.f1_score(truth, said, average=average, labels=labels, zero_division=0, sample_weight=weights)
        for average in ("macro", "weighted")
    }
    return {
        "accuracy": sk.accuracy_score(truth, said, sample_weight=weights),
        "f1_macro": f1["macro"],
        "f1_weighted": f1["weighted"],
        "severe_error_rate": np.average(np.abs(truth - said) == 2, weights=weights),
        "emergence": sk.average_precision_score(
            truth[rows] == 2, scores.probabilities[rows, 2], sample_weight=weights[rows]
        ),
    }


@pytest.mark.parametrize("seed", range(3))
def test_every_draw_gives_scikit_learns_weighted_metrics(seed: int) -> None:
    truth, models, current, roles, skills = grid(seed)
    found = replicates(truth=truth, models=models, current=current, roles=roles, skills=skills, draws=15, seed=seed)
    rng = np.random.default_rng(seed)
    for draw in range(15):
        weights = times_drawn(rng, roles.max() + 1)[roles] * times_drawn(rng, skills.max() + 1)[skills]
        assert (weights == 0).any()
        for place, scores in enumerate(models):
            for metric, value in by_scikit_learn(truth, scores, current, weights).items():
                assert found.values[metric][place, draw] == pytest.approx(value, abs=1e-12), metric


def test_equal_weights_give_the_metrics_themselves() -> None:
    truth, (scores, _), _, _, _ = grid(4)
    counts = np.bincount(truth * 3 + scores.predicted, minlength=9).astype(float)
    found = level_metrics(counts)
    assert found["f1_macro"] == pytest.approx(sk.f1_score(truth, scores.predicted, average="macro"), abs=1e-12)
    precision = sk.precision_score(truth, scores.predicted, average=None)
    assert [found[metric] for metric in PRECISIONS.values()] == pytest.approx(precision, abs=1e-12)
    assert set(found) == {*LEVEL_METRICS, *PRECISIONS.values()}


def test_a_draw_without_rows_has_no_value_and_a_level_that_is_absent_counts_as_zero() -> None:
    found = level_metrics(np.array([[0.0] * 9, [4, 0, 0, 0, 4, 0, 0, 0, 0]]))
    assert np.isnan([found[metric][0] for metric in LEVEL_METRICS]).all()
    assert found["f1_macro"][1] == pytest.approx(2 / 3)
    assert found["f1_weighted"][1] == 1


def test_units_are_drawn_with_replacement() -> None:
    rng = np.random.default_rng(0)
    counts = np.array([times_drawn(rng, 30) for _ in range(4000)])
    assert (counts.sum(axis=1) == 30).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(30), abs=0.08)
    assert counts.var() == pytest.approx(1 - 1 / 30, abs=0.02)  # multinomial: n p (1 - p)
    covariance = np.cov(counts[:, 0], counts[:, 1])[0, 1]
    assert covariance == pytest.approx(-1 / 30, abs=0.05)


def test_the_same_seed_gives_the_same_draws_whatever_the_other_models() -> None:
    truth, models, current, roles, skills = grid(5)
    one = replicates(truth=truth, models=models[1:], current=current, roles=roles, skills=skills, draws=10, seed=3)
    both = replicates(truth=truth, models=models, current=current, roles=roles, skills=skills, draws=10, seed=3)
    assert (one.values["emergence"][0] == both.values["emergence"][1]).all()
    assert (one.values["f1_macro"][0] == both.values["f1_macro"][1]).all()


def test_an_interval_is_the_percentiles_of_the_paired_differences() -> None:
    reference, challenger = np.random.default_rng(0).random((2, 1001))
    found = Replicates({"accuracy": np.array([reference, challenger])}).interval("accuracy", 1, 0)
    ordered = np.sort(challenger - reference)
    assert found == pytest.approx((ordered[50], ordered[950]))


def test_no_interval_where_most_draws_could_not_be_computed() -> None:
    values = np.full((2, 10), np.nan)
    values[:, :5] = 0.5
    assert Replicates({"emergence": values}).interval("emergence", 0, 1) is None
    values[:, 5] = 0.5
    assert Replicates({"emergence": values}).interval("emergence", 0, 1) == (0.0, 0.0)
    assert Replicates({"emergence": values}).own_interval("emergence", 0) == (0.5, 0.5)


def test_a_rule_has_no_emergence() -> None:
    truth, models, current, roles, skills = grid(6)
    rule = Scores(models[0].predicted, None)
    found = replicates(truth=truth, models=[rule], current=current, roles=roles, skills=skills, draws=5, seed=0)
    assert np.isnan(found.values["emergence"]).all()
    assert np.isfinite(found.values["accuracy"]).all()


def test_the_interval_holds_the_true_difference_where_rows_taken_alone_would_not() -> None:
    """Two equal models whose errors come skill by skill and role by role: the true difference is 0."""
    rng = np.random.default_rng(2)
    roles, skills = (axis.ravel() for axis in np.meshgrid(np.arange(20), np.arange(30), indexing="ij"))
    truth = np.ones(600, dtype=np.int64)
    inside, inside_naive, worlds = 0, 0, 120
    for world in range(worlds):
        models = []
        for _ in range(2):
            chance = 0.7 + rng.uniform(-0.3, 0.3, 30)[skills] + rng.uniform(-0.1, 0.1, 20)[roles]
            models.append(Scores((rng.random(600) < chance).astype(np.int64), None))
        drawn = replicates(truth=truth, models=models, current=truth, roles=roles, skills=skills, draws=150, seed=world)
        interval = drawn.interval("accuracy", 1, 0)
        assert interval is not None
        inside += interval[0] <= 0 <= interval[1]
        differences = models[1].predicted - models[0].predicted
        half = 1.645 * differences.std() / math.sqrt(600)
        inside_naive += abs(differences.mean()) <= half
    assert inside / worlds >= 0.85
    assert inside_naive / worlds <= 0.75


def by_hand(b: int, c: int) -> float:
    n, smaller = b + c, min(b, c)
    mass = [math.comb(n, k) / 2**n for k in range(n + 1)]
    return float(min(1.0, 2 * (sum(mass[:smaller]) + mass[smaller] / 2)))


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 1), (1, 0), (3, 9), (9, 3), (12, 12), (40, 71), (0, 30)])
def test_mcnemar_mid_p_is_summed_by_hand(b: int, c: int) -> None:
    assert mcnemar_mid_p(b, c) == pytest.approx(by_hand(b, c), abs=1e-12)


def test_mcnemar_mid_p_of_large_counts_is_close_to_the_normal_one() -> None:
    z = (926 - 817) / math.sqrt(926 + 817)
    assert mcnemar_mid_p(817, 926) == pytest.approx(math.erfc(z / math.sqrt(2)), rel=0.01)
