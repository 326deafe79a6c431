"""Two campaigns told apart: what changed, came and went, and which step moved the score."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from future_skills import schema
from future_skills.campaign_changes import PARTS, Reader, told_apart, with_reasons
from future_skills.campaign_results import ANSWERS, FACTS

READ = ("trend_score", "internal_usage", "economic_indicator")


def score_by(trend: float, usage: float) -> Reader:
    """A version whose score is a sum, so that each step is known beforehand."""
    return Reader(
        READ,
        lambda rows: rows.select(100 * (trend * pl.col("trend_score") + usage * pl.col("internal_usage"))).to_series(),
    )


def result(version: Reader, rows: list[tuple[str, float, float]], **columns: Any) -> pl.LazyFrame:
    """A campaign of a version, over ``(role, trend, usage)``."""
    frame = pl.DataFrame(
        {
            schema.ROLE: [row[0] for row in rows],
            schema.SKILL: "Python",
            schema.DEPARTMENT: "IT",
            schema.CATEGORY: "Languages",
            schema.PERIOD: "2026-03",
            schema.CURRENT_LEVEL: "LOW",
            "trend_score": [row[1] for row in rows],
            "internal_usage": [row[2] for row in rows],
            "economic_indicator": 100.0,
            **columns,
        }
    )
    score = version.score(frame)
    level = pl.when(score >= 60).then(pl.lit("HIGH")).when(score >= 30).then(pl.lit("MEDIUM")).otherwise(pl.lit("LOW"))
    said = frame.with_columns(score=score, level=level).with_columns(
        low=0.0,
        medium=0.0,
        high=pl.col("score") / 100,
        confidence=0.8,
        emergence=0.5,
        abstained=False,
        warnings=pl.lit(""),
    )
    return said.select(*FACTS, *ANSWERS, *(name for name in frame.columns if name not in FACTS)).lazy()


SAME = score_by(0.5, 0.5)


def test_what_changed_came_and_went_is_found_and_the_rest_is_not() -> None:
    before = result(SAME, [("stays", 0.1, 0.1), ("rises", 0.1, 0.1), ("went", 0.9, 0.9), ("moves a bit", 0.1, 0.1)])
    after = result(SAME, [("stays", 0.1, 0.1), ("rises", 0.1, 0.9), ("came", 0.9, 0.9), ("moves a bit", 0.1, 0.2)])
    changes = told_apart(before, after)
    assert changes.select(schema.ROLE, "kind", "level_before", "level_after").rows() == [
        ("came", "came", None, "HIGH"),
        ("rises", "changed", "LOW", "MEDIUM"),
        ("went", "went", "HIGH", None),
    ]
    assert changes[schema.DEPARTMENT].to_list() == ["IT"] * 3
    assert told_apart(before, before).is_empty()


@pytest.mark.parametrize(
    ("after", "later", "reason"),
    [
        (("x", 0.1, 0.9), None, "data"),
        (("x", 0.9, 0.1), None, "market"),
        (("x", 0.2, 0.9), None, "data"),
        (("x", 0.1, 0.1), score_by(2.5, 2.5), "model"),
        (("x", 0.9, 0.1), score_by(0.5, 0.6), "market"),
    ],
)
def test_the_step_that_went_furthest_is_the_reason(
    after: tuple[str, float, float], later: Reader | None, reason: str
) -> None:
    first, last = result(SAME, [("x", 0.1, 0.1)]), result(later or SAME, [after])
    (row,) = with_reasons(told_apart(first, last), first, last, earlier=SAME, later=later).to_dicts()
    assert row["reason"] == reason
    if later is None:
        assert row["model"] == 0


def test_a_fall_has_a_reason_too() -> None:
    first, last = result(SAME, [("x", 0.9, 0.9)]), result(SAME, [("x", 0.9, 0.0)])
    (row,) = with_reasons(told_apart(first, last), first, last, earlier=SAME, later=None).to_dicts()
    assert (row["level_before"], row["level_after"], row["reason"]) == ("HIGH", "MEDIUM", "data")
    assert row["data"] == pytest.approx(-45)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=8),
    st.tuples(*[st.floats(0, 1)] * 4),
    st.booleans(),
)
def test_the_parts_add_up_to_what_the_score_moved(
    numbers: list[tuple[float, ...]], weights: tuple[float, ...], reads_more: bool
) -> None:
    earlier, later = score_by(*weights[:2]), score_by(*weights[2:])
    if reads_more:  # what the earlier campaign does not hold: the version is changed last
        later = Reader((*READ, "need_memory"), later.score)
    first = result(earlier, [(str(n), *row[:2]) for n, row in enumerate(numbers)])
    last = result(later, [(str(n), *row[2:]) for n, row in enumerate(numbers)], need_memory=0.5)
    changes = with_reasons(told_apart(first, last), first, last, earlier=earlier, later=later)
    for row in changes.iter_rows(named=True):
        assert sum(row[name] for name in PARTS) == pytest.approx(row["score_after"] - row["score_before"], abs=1e-9)
        assert row["reason"] in PARTS


def test_where_neither_version_can_read_both_nothing_is_said() -> None:
    earlier, later = Reader(("old_only",), SAME.score), Reader(("new_only",), SAME.score)
    first = result(SAME, [("x", 0.1, 0.1)], old_only=1.0)
    last = result(SAME, [("x", 0.9, 0.9)], new_only=1.0)
    (row,) = with_reasons(told_apart(first, last), first, last, earlier=earlier, later=later).to_dicts()
    assert [row[name] for name in (*PARTS, "reason")] == [None] * 4


def test_pairs_that_came_or_went_have_no_parts() -> None:
    first, last = result(SAME, [("x", 0.1, 0.1)]), result(SAME, [("y", 0.9, 0.9)])
    found = with_reasons(told_apart(first, last), first, last, earlier=SAME, later=None)
    assert_frame_equal(
        found.select(PARTS),
        pl.DataFrame({name: [None, None] for name in PARTS}, schema=dict.fromkeys(PARTS, pl.Float64)),
    )
