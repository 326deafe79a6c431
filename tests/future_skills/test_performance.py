"""Predictions meet what was observed later: outcomes against a brute-force reading of the rule, figures against scikit-learn."""

import itertools
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from future_skills import schema
from future_skills.bootstrap import times_drawn
from future_skills.errors import MissingColumnsError, NotEnoughDataError
from future_skills.manifest import BaselineMetrics
from future_skills.performance import (
    LABELLED,
    NOT_COMPARABLE,
    WAITING,
    Counts,
    Measured,
    Performance,
    declared,
    gradual_fall,
    measured,
    performance,
    with_levels_so_far,
    with_outcomes,
)
from future_skills.performance_text import fall_sentence, sentences

ROLES, SKILLS = ("R0", "R1"), ("S0", "S1", "S2")
PERIODS = ("2020-01", "2020-07", "2021-01", "2021-07", "2022-01")


def observed(rows: list[tuple[str, str, str, str | None]]) -> pl.DataFrame:
    columns = dict.fromkeys((schema.PERIOD, schema.ROLE, schema.SKILL, schema.OBSERVED_LEVEL), pl.String)
    return pl.DataFrame(rows, schema=columns, orient="row")


def asked(*keys: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(keys), schema=[*schema.SNAPSHOT_KEY], orient="row")


def months(period: str) -> int:
    return int(period[:4]) * 12 + int(period[5:])


def by_hand(key: tuple[str, str, str], facts: dict[tuple[str, str, str], str | None], horizon: int, tolerance: int):  # type: ignore[no-untyped-def]
    """Outcome, label period and label of one prediction, from the words of the rule alone."""
    period, role, skill = key
    seen = sorted({p for (p, r, _), level in facts.items() if r == role and level is not None})
    after = [p for p in seen if horizon <= months(p) - months(period) <= horizon + tolerance]
    if after:
        level = facts.get((after[0], role, skill), "LOW")
        return (NOT_COMPARABLE, None, None) if level is None else (LABELLED, after[0], level)
    known = (months(p) for (p, _, _), level in facts.items() if level is not None)
    last = max((month for month in known if month > months(period)), default=0)
    return (WAITING, None, None) if last < months(period) + horizon + tolerance else (NOT_COMPARABLE, None, None)


facts_of_pairs = st.dictionaries(
    st.tuples(st.sampled_from(PERIODS), st.sampled_from(ROLES), st.sampled_from(SKILLS)),
    st.sampled_from([*schema.LEVELS, None]),
    max_size=20,
)


@settings(max_examples=80, deadline=None)
@given(facts_of_pairs, st.sampled_from([1, 6, 12, 18]), st.sampled_from([0, 6, 12]))
def test_every_prediction_meets_what_the_rule_says(facts: dict[Any, Any], horizon: int, tolerance: int) -> None:
    keys = list(itertools.product(PERIODS, ROLES, SKILLS))
    seen = observed([(*key, level) for key, level in facts.items()])
    met = with_outcomes(asked(*keys), seen, horizon_months=horizon, tolerance_months=tolerance)
    assert met.select(schema.SNAPSHOT_KEY).rows() == keys
    assert met.select("outcome", schema.LABEL_PERIOD, schema.LABEL).rows() == [
        by_hand(key, facts, horizon, tolerance) for key in keys
    ]


def test_a_pair_asked_twice_is_two_predictions() -> None:
    seen = observed([("2021-01", "R0", "S0", "HIGH")])
    met = with_outcomes(asked(("2020-01", "R0", "S0"), ("2020-01", "R0", "S0")), seen)
    assert met[schema.LABEL].to_list() == ["HIGH", "HIGH"]


def test_the_level_so_far_is_the_last_one_observed_before_the_horizon() -> None:
    seen = observed(
        [
            ("2020-01", "R0", "S0", "LOW"),
            ("2020-04", "R0", "S0", "MEDIUM"),
            ("2020-04", "R0", "S1", "HIGH"),
            ("2020-09", "R0", "S0", "HIGH"),  # S1 is gone by then, and its role is observed
            ("2020-06", "R1", "S0", "MEDIUM"),
        ]
    )
    waiting = asked(("2020-01", "R0", "S0"), ("2020-01", "R0", "S1"), ("2020-01", "R1", "S0"), ("2020-07", "R1", "S0"))
    found = with_levels_so_far(waiting, seen).sort(schema.SNAPSHOT_KEY)
    assert found.select(*schema.SNAPSHOT_KEY, schema.LABEL_PERIOD, schema.LABEL).rows() == [
        ("2020-01", "R0", "S0", "2020-09", "HIGH"),
        ("2020-01", "R0", "S1", "2020-09", "LOW"),
        ("2020-01", "R1", "S0", "2020-06", "MEDIUM"),
    ]


def test_what_is_missing_is_named() -> None:
    with pytest.raises(MissingColumnsError, match="period"):
        with_outcomes(asked(("2020-01", "R", "S")).drop(schema.PERIOD), observed([]))
    with pytest.raises(MissingColumnsError, match="observed_need_level"):
        with_outcomes(asked(("2020-01", "R", "S")), observed([]).drop(schema.OBSERVED_LEVEL))
    with pytest.raises(NotEnoughDataError):
        measured(window(seed=0).head(0))


# --- Figures ------------------------------------------------------------------------------------------------------------
def window(*, seed: int, roles: int = 25, skills: int = 24, known: float = 1.0, right: float = 0.8) -> pl.DataFrame:
    """Labelled predictions of every pair of a grid, with made-up probabilities."""
    rng = np.random.default_rng(seed)
    role, skill = (axis.ravel() for axis in np.meshgrid(np.arange(roles), np.arange(skills), indexing="ij"))
    truth = rng.integers(0, 3, len(role))
    said = np.where(rng.random(len(role)) < right, truth, rng.integers(0, 3, len(role)))
    raw = rng.random((len(role), 3)) + 2 * np.eye(3)[said]
    shares = raw / raw.sum(axis=1, keepdims=True)
    current = np.where(rng.random(len(role)) < 0.7, truth, rng.integers(0, 3, len(role)))
    levels = np.array(schema.LEVELS)
    return pl.DataFrame(
        {
            schema.ROLE: [f"R{one:02d}" for one in role],
            schema.SKILL: [f"S{one:02d}" for one in skill],
            schema.PERIOD: ["2020-01"] * len(role),
            schema.CURRENT_LEVEL: pl.Series(levels[current]).set(pl.Series(rng.random(len(role)) > known), None),
            schema.LABEL: levels[truth],
            "level": levels[shares.argmax(axis=1)],
            **{level.lower(): shares[:, rank] for rank, level in enumerate(schema.LEVELS)},
        }
    )


@pytest.mark.parametrize("known", [1.0, 0.6])
def test_the_figures_are_scikit_learns(known: float) -> None:
    rows = window(seed=3, known=known)
    found = measured(rows, draws=40)
    truth, said = rows[schema.LABEL].to_numpy(), rows["level"].to_numpy()
    assert found.metrics.accuracy == pytest.approx(sk.accuracy_score(truth, said))
    for average in ("weighted", "macro"):
        assert found.value(f"f1_{average}") == pytest.approx(sk.f1_score(truth, said, average=average))
    for level in schema.LEVELS:
        of_level = sk.precision_score(truth, said, labels=[level], average="macro")
        assert found.value(f"precision_{level}") == pytest.approx(of_level)
    candidates = rows.filter(pl.col(schema.CURRENT_LEVEL).is_in(["LOW", "MEDIUM"]))
    emerged, high = (candidates[schema.LABEL] == "HIGH").to_numpy(), candidates["high"].to_numpy()
    assert found.value("emergence") == pytest.approx(sk.average_precision_score(emerged, high))
    assert found.value("lift") == pytest.approx(sk.average_precision_score(emerged, high) / emerged.mean())
    assert found.value("precision_at_200") == pytest.approx(emerged[np.argsort(-high, kind="stable")[:200]].mean())
    told = rows.filter(pl.col(schema.CURRENT_LEVEL).is_not_null())
    same_as_today = sk.accuracy_score(told[schema.LABEL], told[schema.CURRENT_LEVEL])
    assert found.persistence is not None
    assert found.persistence.accuracy == pytest.approx(same_as_today)
    by_metric = {one.metric: one for one in found.differences}
    ours = sk.accuracy_score(told[schema.LABEL], told["level"])
    assert by_metric["accuracy"].difference == pytest.approx(ours - same_as_today)
    for name, (low, high_end) in found.intervals.items():
        assert low <= high_end, name


def test_the_intervals_are_those_of_roles_and_skills_drawn_apart() -> None:
    rows, draws, seed = window(seed=5), 60, 7
    found = measured(rows, draws=draws, seed=seed)
    rng = np.random.default_rng(seed)
    role, skill = (rows[name].str.slice(1).cast(pl.Int64).to_numpy() for name in (schema.ROLE, schema.SKILL))
    candidates = rows[schema.CURRENT_LEVEL].is_in(["LOW", "MEDIUM"]).to_numpy()
    emerged, high = (rows[schema.LABEL] == "HIGH").to_numpy(), rows["high"].to_numpy()
    first = np.flatnonzero(candidates)[np.argsort(-high[candidates], kind="stable")[:200]]
    drawn: dict[str, list[float]] = {"accuracy": [], "lift": [], "precision_at_200": []}
    for _ in range(draws):
        weights = times_drawn(rng, 25)[role] * times_drawn(rng, 24)[skill]
        drawn["accuracy"].append(sk.accuracy_score(rows[schema.LABEL], rows["level"], sample_weight=weights))
        of_candidates = weights[candidates]
        average = sk.average_precision_score(emerged[candidates], high[candidates], sample_weight=of_candidates)
        drawn["lift"].append(average / np.average(emerged[candidates], weights=of_candidates))
        drawn["precision_at_200"].append(np.average(emerged[first], weights=weights[first]))
    for name, values in drawn.items():
        assert found.intervals[name] == pytest.approx(tuple(np.percentile(values, [5, 95]))), name


def test_a_version_without_probabilities_ranks_nothing() -> None:
    found = measured(window(seed=1).drop("low", "medium", "high"), draws=20)
    assert found.metrics.emergence is None
    assert found.value("lift") is None
    assert "lift" not in found.intervals
    assert "accuracy" in found.intervals


def test_what_a_version_declared_is_its_test_rows() -> None:
    test = window(seed=2)
    rows_file = pl.concat(
        [test.rename({"level": "predicted"}).with_columns(part=pl.lit("test")), pl.DataFrame({"part": ["train"] * 9})],
        how="diagonal",
    )
    assert declared(rows_file, draws=20) == measured(test, draws=20)


# --- A window -----------------------------------------------------------------------------------------------------------
def levels_at(rows: pl.DataFrame, period: str) -> pl.DataFrame:
    return rows.select(
        pl.lit(period).alias(schema.PERIOD),
        schema.ROLE,
        schema.SKILL,
        pl.col(schema.LABEL).alias(schema.OBSERVED_LEVEL),
    )


def test_a_window_is_measured_once_its_labels_are_there() -> None:
    rows = window(seed=4)
    said = rows.drop(schema.LABEL)
    early, late = levels_at(rows, "2020-06"), levels_at(rows, "2021-02")
    nothing = performance(said, early.head(0), draws=20)
    assert (nothing.reason, nothing.measured, nothing.provisional) == ("waiting", None, None)
    assert nothing.counts == Counts(predictions=600, labelled=0, waiting=600, not_comparable=0)
    meanwhile = performance(said, early, draws=20)
    assert meanwhile.reason == "waiting"
    assert meanwhile.provisional == measured(rows, draws=20)
    assert meanwhile.provisional_periods == ("2020-06",)
    found = performance(said, pl.concat([early, late]), draws=20)
    assert found.measured == measured(rows, draws=20)
    assert (found.label_periods, found.provisional, found.reason) == (("2021-02",), None, None)
    assert found.counts == Counts(predictions=600, labelled=600, waiting=0, not_comparable=0)


def test_roles_are_labelled_as_they_are_observed() -> None:
    rows = window(seed=4)
    some = rows.filter(pl.col(schema.ROLE) < "R10")
    found = performance(rows.drop(schema.LABEL), levels_at(some, "2021-01"), draws=20)
    assert found.counts == Counts(predictions=600, labelled=240, waiting=360, not_comparable=0)
    later = levels_at(some, "2022-01")  # the time of the others is over
    found = performance(rows.drop(schema.LABEL), pl.concat([levels_at(some, "2021-01"), later]), draws=20)
    assert found.counts == Counts(predictions=600, labelled=240, waiting=0, not_comparable=360)


def test_too_few_labels_give_no_figure() -> None:
    rows = window(seed=4, roles=3, skills=8)
    found = performance(rows.drop(schema.LABEL), levels_at(rows, "2021-01"), minimum_rows=25, draws=20)
    assert (found.measured, found.reason) == (None, "insufficient_sample")
    assert found.counts.labelled == 24
    assert performance(rows.drop(schema.LABEL), levels_at(rows, "2021-01"), minimum_rows=24, draws=20).measured


def test_what_will_never_be_known_is_said() -> None:
    rows = window(seed=4, roles=3, skills=8)
    unknown = levels_at(rows, "2021-01").with_columns(
        pl.when(pl.col(schema.SKILL) == "S07").then(pl.lit("LOW")).alias(schema.OBSERVED_LEVEL)
    )
    some = rows.filter(pl.col(schema.SKILL) != "S07").drop(schema.LABEL)
    found = performance(some, unknown, draws=20)
    assert (found.reason, found.counts.not_comparable) == ("not_comparable", 21)


def test_a_result_can_be_stored_and_read_again() -> None:
    rows = window(seed=4)
    found = performance(
        rows.drop(schema.LABEL), levels_at(rows, "2021-01"), declared=measured(rows, draws=20), draws=20
    )
    assert Performance.model_validate_json(found.model_dump_json()) == found


# --- A gradual fall -----------------------------------------------------------------------------------------------------
def result(period: str, accuracy: float | None, *, low: float | None = 0.8) -> Performance:
    """A window of that accuracy, of a version that declared an interval from ``low`` on."""
    some = measured(window(seed=0, roles=4, skills=5), draws=20)
    at = (
        None
        if accuracy is None
        else some.model_copy(update={"metrics": some.metrics.model_copy(update={"accuracy": accuracy})})
    )
    said: Measured | None = None if low is None else some.model_copy(update={"intervals": {"accuracy": (low, 0.9)}})
    counts = Counts(predictions=20, labelled=20, waiting=0, not_comparable=0)
    return Performance(
        periods=(period,), label_periods=(), counts=counts, measured=at, reason=None if at else "waiting",
        provisional=some, provisional_periods=(), declared=said, minimum_rows=1,
    )  # fmt: skip


def test_two_windows_in_a_row_below_what_was_declared_are_a_fall() -> None:
    first, second = result("2020-01", 0.79), result("2020-07", 0.75)
    fall = gradual_fall([result("2019-07", 0.85), first, second])
    assert fall is not None
    assert (fall.windows, fall.values, fall.declared_lows) == ((("2020-01",), ("2020-07",)), (0.79, 0.75), (0.8, 0.8))
    assert gradual_fall([first]) is None
    assert gradual_fall([first], consecutive=1) is not None
    assert gradual_fall([]) is None


def test_a_window_back_inside_ends_the_fall_and_an_unknown_one_does_not() -> None:
    low, lower = result("2020-01", 0.79), result("2021-01", 0.7)
    assert gradual_fall([low, result("2020-07", 0.8), lower]) is None
    assert gradual_fall([low, lower, result("2021-07", 0.81)]) is None
    assert gradual_fall([low, result("2020-07", None), lower]) is not None
    assert gradual_fall([low, result("2020-07", 0.1, low=None), lower]) is not None
    assert gradual_fall([low, lower], metric="f1_macro") is None  # what was not declared cannot fall


# --- Words --------------------------------------------------------------------------------------------------------------
def test_a_window_is_told_in_words() -> None:
    rows = window(seed=4)
    said, early, late = rows.drop(schema.LABEL), levels_at(rows, "2020-06"), levels_at(rows, "2021-01")
    test = measured(rows, draws=20)
    low, high = (100 * end for end in test.intervals["accuracy"])
    told = sentences(performance(said, late, declared=test, draws=20), "en")
    share = f"{100 * test.metrics.accuracy:.1f}%"
    assert test.persistence is not None
    today = f"{100 * test.persistence.accuracy:.1f}%"
    assert told == [
        f"{share} ({low:.1f}–{high:.1f}), n\u00a0=\u00a0600 of right answers; “same as today”: {today}; declared: {share}.",
        "600 answers: 600 whose outcome is known, 0 waiting, 0 not comparable.",
    ]
    meanwhile = sentences(performance(said, early, draws=20), "fr")
    assert meanwhile[0].startswith("Pas encore mesurable")
    assert meanwhile[1].startswith("Provisoire, d’après les niveaux observés en 2020-06")
    few = performance(said.head(30), late, draws=20)
    assert sentences(few, "fr")[0].startswith("Échantillon insuffisant\u00a0: 30 ")


def test_a_fall_is_told_in_words() -> None:
    fall = gradual_fall([result("2020-01", 0.79), result("2020-07", 0.75)])
    assert fall is not None
    assert fall_sentence(fall, "en") == (
        "Gradual fall: 2 windows in a row below the declared interval "
        "(2020-01: 79.0% for at least 80.0%; 2020-07: 75.0% for at least 80.0%)."
    )


def test_persistence_keeps_its_shape_when_stored() -> None:
    found = measured(window(seed=1, known=0.5), draws=20)
    assert isinstance(found.persistence, BaselineMetrics)
    assert found.persistence.model_on_same_rows is not None
    assert Measured.model_validate_json(found.model_dump_json()) == found
