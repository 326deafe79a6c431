"""The label is what was observed later, for the same pair."""

from collections.abc import Callable

import polars as pl
import pytest

from future_skills import schema
from future_skills.errors import UsageError
from future_skills.labels import label_rows, level_now

Make = Callable[..., pl.DataFrame]


def labels(frame: pl.DataFrame, horizon: int = 12, tolerance: int = 12) -> dict[tuple[str, str, str], tuple[str, str]]:
    labelled = label_rows(frame, horizon_months=horizon, tolerance_months=tolerance)
    return {
        (row[schema.PERIOD], row[schema.ROLE], row[schema.SKILL]): (row[schema.LABEL_PERIOD], row[schema.LABEL])
        for row in labelled.to_dicts()
    }


def test_the_first_observed_period_in_the_window_gives_the_label(make_snapshots: Make) -> None:
    facts = make_snapshots(
        [
            ("2020-01", "R", "S", None),
            ("2020-12", "R", "S", "HIGH"),  # 11 months later: too soon
            ("2021-01", "R", "S", None),  # 12 months later, but the role is not observed
            ("2021-06", "R", "S", "MEDIUM"),
            ("2021-12", "R", "S", "LOW"),
        ]
    )
    assert labels(facts)["2020-01", "R", "S"] == ("2021-06", "MEDIUM")


@pytest.mark.parametrize(
    ("later", "labelled"), [("2020-12", False), ("2021-01", True), ("2022-01", True), ("2022-02", False)]
)
def test_the_bounds_of_the_window_are_included(make_snapshots: Make, later: str, labelled: bool) -> None:
    facts = make_snapshots([("2020-01", "R", "S", None), (later, "R", "S", "HIGH")])
    assert (("2020-01", "R", "S") in labels(facts)) is labelled


def test_a_pair_that_is_gone_while_its_role_is_observed_is_low(make_snapshots: Make) -> None:
    facts = make_snapshots([("2020-01", "R", "S", "HIGH"), ("2021-01", "R", "Other", "HIGH")])
    assert labels(facts)["2020-01", "R", "S"] == ("2021-01", "LOW")


def test_a_role_that_is_not_observed_later_gives_no_row(make_snapshots: Make) -> None:
    facts = make_snapshots([("2020-01", "R", "S", "HIGH"), ("2021-01", "Another", "S", "HIGH")])
    assert labels(facts) == {}


def test_a_pair_whose_own_level_is_unknown_then_gives_no_row(make_snapshots: Make) -> None:
    facts = make_snapshots(
        [("2020-01", "R", "S", "HIGH"), ("2021-01", "R", "S", None), ("2021-01", "R", "Other", "HIGH")]
    )
    assert ("2020-01", "R", "S") not in labels(facts)


def test_the_real_data_gives_the_periods_that_its_readme_names() -> None:
    facts = pl.read_parquet("examples/onet/onet_snapshots.parquet")
    labelled = label_rows(facts, horizon_months=12, tolerance_months=12)
    pairs = labelled.select(schema.PERIOD, schema.LABEL_PERIOD).unique().sort(schema.PERIOD).rows()
    assert pairs == [
        ("2020-11", "2022-11"),
        ("2021-08", "2022-11"),
        ("2021-11", "2022-11"),
        ("2022-11", "2024-02"),
        ("2024-02", "2025-02"),
    ]
    test = labelled.filter(pl.col(schema.PERIOD) == "2024-02", pl.col(schema.OBSERVED_LEVEL) != "HIGH")
    assert (len(test), int((test[schema.LABEL] == "HIGH").sum())) == (29_913, 355)


@pytest.mark.parametrize(("horizon", "tolerance"), [(0, 12), (121, 0), (12, -1), (12, 121)])
def test_months_out_of_range_are_refused(make_snapshots: Make, horizon: int, tolerance: int) -> None:
    with pytest.raises(UsageError, match="1 to 120"):
        label_rows(make_snapshots([("2020-01", "R", "S", "LOW")]), horizon_months=horizon, tolerance_months=tolerance)


def test_level_now_is_the_label_of_the_earlier_row_of_the_same_pair() -> None:
    frame = pl.DataFrame(
        {
            schema.PERIOD: ["2017", "2018", "2018"],
            schema.LABEL_PERIOD: ["2018", "2019", "2019"],
            schema.ROLE: ["R", "R", "R"],
            schema.SKILL: ["A", "A", "B"],
            schema.LABEL: ["HIGH", "LOW", "LOW"],
        }
    )
    assert level_now(frame)[schema.CURRENT_LEVEL].to_list() == [None, "HIGH", None]
