"""The rules baseline answers every row, from the base features alone."""

import polars as pl
import pytest

from future_skills import schema
from future_skills.baselines import RULES_TEXT, rules_level

QUIET = {
    "trend_score": 0.5,
    "internal_usage": 0.05,
    "training_requests": 0.0,
    "scarcity_index": 0.2,
    "hiring_difficulty": 0.2,
    "avg_salary_k": 50.0,
    "economic_indicator": 4.0,
}


def level(**values: float | None) -> str:
    return str(rules_level(pl.DataFrame([{**QUIET, **values}]))[0])


@pytest.mark.parametrize(
    ("expected", "values"),
    [
        ("LOW", {}),
        ("MEDIUM", {"internal_usage": 0.1}),
        ("LOW", {"internal_usage": 0.1, "trend_score": 0.44}),
        ("MEDIUM", {"trend_score": 0.6, "training_requests": 10}),
        ("HIGH", {"trend_score": 0.6, "training_requests": 10, "scarcity_index": 0.6}),
        ("HIGH", {"trend_score": 0.6, "training_requests": 10, "hiring_difficulty": 0.6}),
        ("HIGH", {"internal_usage": 0.3, "trend_score": 0.55}),
        ("HIGH", {"internal_usage": 0.3, "training_requests": 10}),
        ("MEDIUM", {"internal_usage": 0.3}),
    ],
)
def test_follows_the_written_rules(expected, values):
    assert level(**values) == expected


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_value_proves_nothing_and_a_missing_trend_is_stable(missing):
    assert level(trend_score=missing, internal_usage=0.2) == "MEDIUM"
    assert level(internal_usage=missing, trend_score=0.9) == "LOW"
    assert level(**dict.fromkeys(schema.NUMERIC_FEATURES, missing)) == "LOW"


def test_answers_every_row_and_none():
    frame = pl.DataFrame([QUIET, {**QUIET, "internal_usage": 0.9, "trend_score": 0.9}])
    assert rules_level(frame).tolist() == ["LOW", "HIGH"]
    assert rules_level(frame.clear()).tolist() == []


def test_is_told_in_both_languages():
    assert set(RULES_TEXT) == {"en", "fr"}
    assert all("0.30" in text or "0,30" in text for text in RULES_TEXT.values())
