"""The estimate before labels: its calibration against a plain computation, its conditions one by one, and its coverage."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm, t
from sklearn.isotonic import IsotonicRegression

from future_skills import schema
from future_skills.bootstrap import times_drawn
from future_skills.errors import MissingColumnsError
from future_skills.estimate import (
    PRIOR_GAP,
    PRIOR_WINDOWS,
    Estimate,
    PastWindow,
    Spread,
    estimate,
    half_width,
    share_outside,
    spread_of_time,
    variance_components,
)
from future_skills.estimate_text import condition_words, sentence
from future_skills.manifest import CategoricalProfile, NumericProfile

NUMBER = NumericProfile(
    missing=0, minimum=0.0, quantiles=(0.1, 0.2, 0.5, 0.8, 0.9), maximum=1.0, mean=0.5, standard_deviation=0.25
)
PROFILE = {"trend_score": NUMBER, schema.CURRENT_LEVEL: CategoricalProfile(missing=0, distinct=3, top=())}


def answers(seed: int, *, roles: int = 20, skills: int = 30, bias: float = 0.0, effect: float = 0.0) -> pl.DataFrame:
    """Answers of a grid whose probabilities are right (``bias`` 0), and what happened.

    ``effect``: share of the variance of what happens that rows of a skill have in common (a latent normal variable).
    """
    rng = np.random.default_rng(seed)
    role, skill = (axis.ravel() for axis in np.meshgrid(np.arange(roles), np.arange(skills), indexing="ij"))
    confidence = rng.uniform(0.4, 0.99, len(role)).round(3)
    latent = math.sqrt(effect) * rng.standard_normal(skills)[skill]
    latent += math.sqrt(1 - effect) * rng.standard_normal(len(role))
    right = norm.cdf(latent) < confidence + bias
    said = rng.integers(0, 3, len(role))
    truth = np.where(right, said, (said + 1) % 3)
    shares = np.repeat(((1 - confidence) / 2)[:, None], 3, axis=1)
    shares[np.arange(len(role)), said] = confidence
    levels = np.array(schema.LEVELS)
    return pl.DataFrame(
        {
            schema.ROLE: [f"R{one:02d}" for one in role],
            schema.SKILL: [f"S{one:02d}" for one in skill],
            schema.PERIOD: ["2024-02"] * len(role),
            schema.CURRENT_LEVEL: levels[said],
            schema.LABEL: levels[truth],
            "level": levels[said],
            **{level.lower(): shares[:, rank] for rank, level in enumerate(schema.LEVELS)},
            "trend_score": rng.random(len(role)),
            "warnings": [""] * len(role),
        }
    )


def rows_file(test: pl.DataFrame) -> pl.DataFrame:
    training = pl.DataFrame({"part": ["train"] * 50})
    return pl.concat([test.rename({"level": "predicted"}).with_columns(part=pl.lit("test")), training], how="diagonal")


def given(rows: pl.DataFrame) -> np.ndarray:
    return rows.select(pl.max_horizontal("low", "medium", "high")).to_series().to_numpy()


def states(found: Estimate) -> dict[str, str]:
    return {one.name: one.state for one in found.conditions}


def test_the_share_expected_is_the_mean_calibrated_probability() -> None:
    test, window = answers(1), answers(2)
    found = estimate(window, rows_file(test), PROFILE)
    right = (test[schema.LABEL] == test["level"]).cast(pl.Float64).to_numpy()
    curve = IsotonicRegression(out_of_bounds="clip").fit(given(test), right)
    assert found.expected == pytest.approx(curve.predict(given(window)).mean())
    assert found.low < found.expected < found.high
    assert (found.rows, found.periods, found.compared) == (600, ("2024-02",), 1)
    assert states(found) == {
        "calibrated": "holds",
        "inside_training": "holds",
        "no_concept_drift": "unknown",
        "enough_rows": "holds",
    }


def test_the_part_of_calibration_is_that_of_other_roles_and_skills() -> None:
    test, window, draws, seed = answers(1), answers(2), 30, 5
    found = estimate(window, rows_file(test), PROFILE, draws=draws, seed=seed)
    right = (test[schema.LABEL] == test["level"]).cast(pl.Float64).to_numpy()
    role, skill = (test[name].str.slice(1).cast(pl.Int64).to_numpy() for name in (schema.ROLE, schema.SKILL))
    rng, shares = np.random.default_rng(seed), []
    for _ in range(draws):
        weights = times_drawn(rng, 20)[role] * times_drawn(rng, 30)[skill]
        curve = IsotonicRegression(out_of_bounds="clip").fit(given(test), right, sample_weight=weights)
        shares.append(curve.predict(given(window)).mean())
    assert found.spread is not None
    assert found.spread.calibration == pytest.approx(np.std(shares, ddof=1), rel=1e-6)


def test_the_interval_adds_up_its_three_parts() -> None:
    spread, tail = Spread(calibration=0.03, window=0.04, time=0.02), 0.95
    expected = math.hypot(norm.ppf(tail) * 0.05, t.ppf(tail, PRIOR_WINDOWS + 2) * 0.02)
    assert half_width(spread, compared=2) == pytest.approx(expected)


def test_the_part_of_time_comes_from_the_gaps_and_a_prior() -> None:
    assert spread_of_time([]) == pytest.approx(PRIOR_GAP)
    assert spread_of_time([0.05, -0.05]) == pytest.approx(
        math.sqrt((PRIOR_WINDOWS * PRIOR_GAP**2 + 2 * 0.05**2) / (PRIOR_WINDOWS + 2))
    )
    many = np.random.default_rng(0).normal(0, 0.03, 4_000)
    assert spread_of_time(many) == pytest.approx(0.03, rel=0.05)


def test_gaps_of_earlier_windows_widen_the_interval() -> None:
    test, window = answers(1), answers(2)
    calm = PastWindow(period="2023-02", expected=0.7, low=0.6, high=0.8, realised=0.701)
    restless = calm.model_copy(update={"realised": 0.79})
    first, quiet, wide = (estimate(window, rows_file(test), PROFILE, past=past) for past in ((), [calm], [restless]))
    assert quiet.high - quiet.low < first.high - first.low < wide.high - wide.low
    assert (quiet.compared, quiet.expected, states(quiet)["no_concept_drift"]) == (2, first.expected, "holds")


def test_labels_of_the_window_are_never_looked_at() -> None:
    test, window = answers(1), answers(2)
    found = estimate(window, rows_file(test), PROFILE)
    assert estimate(window.drop(schema.LABEL), rows_file(test), PROFILE) == found
    assert estimate(window.with_columns(pl.lit("LOW").alias(schema.LABEL)), rows_file(test), PROFILE) == found


# --- Conditions ---------------------------------------------------------------------------------------------------------
def test_probabilities_that_were_wrong_are_not_relied_upon() -> None:
    found = estimate(answers(2), rows_file(answers(1, bias=-0.2)), PROFILE)
    assert (found.expected, found.low, found.high, found.spread) == (None, None, None, None)
    assert states(found)["calibrated"] == "fails"
    assert not found.is_estimable
    assert estimate(answers(2), rows_file(answers(1, bias=-0.2)), PROFILE, calibration_limit=0.5).is_estimable
    without = rows_file(answers(1)).drop("low", "medium", "high")
    assert states(estimate(answers(2), without, PROFILE))["calibrated"] == "fails"


def test_rows_unlike_training_are_counted_once() -> None:
    window = (
        answers(2)
        .with_row_index("row")
        .with_columns(
            trend_score=pl.when(pl.col("row") < 60).then(1.3).when(pl.col("row") < 100).then(1.2).otherwise(0.5),
            warnings=pl.when(pl.col("row") < 30)
            .then(pl.lit("unknown_skill,unknown_role"))
            .when(pl.col("row") >= 570)
            .then(pl.lit("old_snapshot,no_history"))
            .when(pl.col("row") >= 500)
            .then(pl.lit("out_of_range"))  # the range is looked at itself: 1.2 is within a standard deviation of it
            .otherwise(pl.lit("")),
        )
    )
    assert share_outside(window, PROFILE) == pytest.approx(90 / 600)
    found = estimate(window, rows_file(answers(1)), PROFILE)
    assert (states(found)["inside_training"], found.expected) == ("fails", None)
    assert estimate(window, rows_file(answers(1)), PROFILE, support_limit=0.2).is_estimable


def test_a_figure_of_the_market_is_no_row_out_of_range() -> None:
    everywhere = answers(2).with_columns(trend_score=pl.lit(9.0))
    assert share_outside(everywhere, PROFILE) == 0.0
    missing = answers(2).with_columns(trend_score=pl.lit(None, dtype=pl.Float64))
    assert share_outside(missing, PROFILE) == 0.0


def test_a_version_trained_elsewhere_cannot_say_what_is_unlike_its_training() -> None:
    found = estimate(answers(2), rows_file(answers(1)), {})
    assert (states(found)["inside_training"], found.is_estimable) == ("unknown", True)
    assert "trained elsewhere" in condition_words(found.conditions[1], "en")


def test_what_was_read_must_be_there() -> None:
    with pytest.raises(MissingColumnsError, match="trend_score"):
        estimate(answers(2).drop("trend_score"), rows_file(answers(1)), PROFILE)


def test_a_window_that_left_its_interval_ends_the_estimates() -> None:
    past: dict[str, Any] = {"period": "2023-02", "expected": 0.8, "low": 0.75, "high": 0.85}
    window, test = answers(2), rows_file(answers(1))
    outside, inside = PastWindow(**past, realised=0.7), PastWindow(**past, realised=0.8)
    assert states(estimate(window, test, PROFILE, past=[outside]))["no_concept_drift"] == "fails"
    assert estimate(window, test, PROFILE, past=[outside, inside]).is_estimable


def test_few_rows_are_not_estimated() -> None:
    assert states(estimate(answers(2).head(99), rows_file(answers(1)), PROFILE))["enough_rows"] == "fails"
    assert states(estimate(answers(2), rows_file(answers(1).head(99)), PROFILE))["enough_rows"] == "fails"
    nothing = estimate(answers(2).head(0), rows_file(answers(1)), PROFILE)
    assert (nothing.rows, nothing.periods, nothing.expected) == (0, (), None)


def test_an_estimate_can_be_stored_and_read_again() -> None:
    found = estimate(answers(2), rows_file(answers(1)), PROFILE)
    assert Estimate.model_validate_json(found.model_dump_json()) == found


# --- Words --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["fr", "en"])
def test_an_estimate_is_never_called_an_accuracy(language) -> None:  # type: ignore[no-untyped-def]
    found = estimate(answers(2), rows_file(answers(1)), PROFILE)
    told = sentence(found, language)
    assert {"fr": "Ce n’est pas une exactitude mesurée", "en": "This is no measured accuracy"}[language] in told
    assert found.expected is not None
    assert f"{100 * found.expected:.1f}".replace(".", "," if language == "fr" else ".") in told
    assert len({condition_words(one, language) for one in found.conditions}) == 4


def test_what_fails_is_said() -> None:
    past = PastWindow(period="2023-02", expected=0.8, low=0.75, high=0.85, realised=0.7)
    told = sentence(estimate(answers(2).head(99), rows_file(answers(1)), PROFILE, past=[past]), "en")
    assert told == (
        "Not estimable: in the last window known, 70.0% right, outside the interval estimated (75.0% to 85.0%), and "
        "insufficient sample: 99 rows (at least 100)."
    )
    without = rows_file(answers(1)).drop("low", "medium", "high")
    assert "gives no probabilities" in sentence(estimate(answers(2), without, PROFILE), "en")


# --- Statistics ---------------------------------------------------------------------------------------------------------
def test_variance_components_are_found_on_an_uneven_grid() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(60):
        role, skill = (axis.ravel() for axis in np.meshgrid(np.arange(40), np.arange(60), indexing="ij"))
        kept = rng.random(len(role)) < np.linspace(0.1, 0.9, 60)[skill]
        role, skill = np.unique(role[kept], return_inverse=True)[1], np.unique(skill[kept], return_inverse=True)[1]
        values = 0.3 * rng.standard_normal(40)[role] + 0.5 * rng.standard_normal(60)[skill]
        found.append(variance_components(values + rng.standard_normal(len(role)), role, skill))
    assert np.mean(found, axis=0) == pytest.approx([0.09, 0.25, 1.0], rel=0.1)


def test_rows_of_their_own_have_all_the_variance() -> None:
    values = np.arange(5.0)
    assert variance_components(values, np.arange(5), np.zeros(5, int)) == (0.0, 0.0, 2.0)


@pytest.mark.parametrize("effect", [0.0, 0.15])
def test_the_interval_holds_what_happens(effect: float) -> None:
    held, rows_alone = [], []
    for seed in range(60):
        test, window = answers(seed, effect=effect), answers(1_000 + seed, effect=effect)
        found = estimate(window, rows_file(test), PROFILE, draws=25, calibration_limit=1.0)
        realised = (window[schema.LABEL] == window["level"]).mean()
        assert found.spread is not None
        held.append(found.low <= realised <= found.high)
        half = 1.645 * math.hypot(found.spread.calibration, found.spread.window)
        rows_alone.append(abs(realised - found.expected) <= half)
    assert np.mean(held) >= 0.9
    assert np.mean(rows_alone) >= 0.8  # without any change between periods, the first two parts are nearly enough
