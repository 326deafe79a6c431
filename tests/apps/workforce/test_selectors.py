"""What is read of the facts: one period whole, the earlier ones as levels."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from apps.accounts.actors import Actor
from apps.workforce.selectors import levels_before, snapshots_at, snapshots_frame
from apps.workforce.services import store_snapshots
from future_skills import schema
from future_skills.simulation import CompanyParameters, simulate_company

pytestmark = pytest.mark.django_db

LEVELS = [schema.PERIOD, schema.ROLE, schema.SKILL, schema.OBSERVED_LEVEL]


@pytest.fixture
def stored() -> pl.DataFrame:
    """Three quarters of a small company, some of whose levels were not observed."""
    company = CompanyParameters(roles=6, skills=15, quarters=3, silence=0.5)
    store_snapshots(
        actor=Actor("nadia", "declared"),
        batches=[simulate_company(seed=3, parameters=company).snapshots],
        source="test",
    )
    return snapshots_frame()


def test_a_period_and_what_was_known_before_it(stored: pl.DataFrame) -> None:
    first, second, last = stored[schema.PERIOD].unique().sort()
    assert stored[schema.OBSERVED_LEVEL].null_count() > 0
    at = snapshots_at(last).sort(schema.SNAPSHOT_KEY)
    assert_frame_equal(at, stored.filter(pl.col(schema.PERIOD) == last))
    before = levels_before(last)
    assert all(dtype == pl.Categorical for dtype in before.dtypes)
    earlier = stored.filter(pl.col(schema.PERIOD) < last).select(LEVELS)
    assert_frame_equal(before.cast(pl.String).sort(schema.SNAPSHOT_KEY), earlier)
    assert levels_before(second)[schema.PERIOD].unique().cast(pl.String).to_list() == [first]
    assert levels_before(first).is_empty()


def test_an_empty_database_has_no_levels() -> None:
    assert levels_before("2026-03").columns == LEVELS
