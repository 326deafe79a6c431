"""Independent facts: one role's salary is one, and few roles are few draws."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from future_skills import schema
from future_skills.drift_units import Crossed, Units, crossed_units, design_effect, key_codes, units_of
from future_skills.profile import varies_by


def rows_of(roles: int, skills: int, *, periods: tuple[str, ...] = ("2024-02",)) -> pl.DataFrame:
    keys = [(p, f"R{r}", f"S{s}", f"D{r % 3}") for p in periods for r in range(roles) for s in range(skills)]
    return pl.DataFrame(keys, schema=[schema.PERIOD, schema.ROLE, schema.SKILL, schema.DEPARTMENT], orient="row")


def units(rows: pl.DataFrame, level: str) -> Units:
    return units_of(rows, key_codes(rows), level)


def test_every_feature_varies_by_what_it_is_a_fact_about() -> None:
    rows = rows_of(6, 5, periods=("2023-02", "2024-02"))
    code = {name: rows[name].rank("dense").cast(pl.Float64) for name in rows.columns}
    facts = pl.DataFrame(
        {
            schema.ROLE: rows[schema.ROLE],
            schema.DEPARTMENT: rows[schema.DEPARTMENT],
            "of_period": code[schema.PERIOD],
            "of_department": code[schema.DEPARTMENT] + code[schema.PERIOD],
            "of_role": code[schema.ROLE],
            "of_skill": code[schema.SKILL] * code[schema.PERIOD],
            "of_department_skill": code[schema.DEPARTMENT] * 10 + code[schema.SKILL],
            "of_pair": code[schema.ROLE] * 10 + code[schema.SKILL],
            "missing": pl.repeat(None, rows.height, dtype=pl.Float64, eager=True),
            "half_missing": pl.Series([None if n % 2 else 1.0 for n in range(rows.height)]),
        }
    )
    assert varies_by(facts, rows) == {
        schema.ROLE: "role",
        schema.DEPARTMENT: "role",
        "of_period": "period",
        "of_department": "department",
        "of_role": "role",
        "of_skill": "skill",
        "of_department_skill": "department_skill",
        "of_pair": "pair",
        "missing": "period",
        "half_missing": "pair",
    }


@pytest.mark.parametrize(
    ("level", "count"),
    [("period", 2), ("department", 3), ("role", 6), ("skill", 5), ("department_skill", 15), ("pair", 30)],
)
def test_a_fact_that_rows_and_periods_repeat_counts_once(level: str, count: int) -> None:
    rows = rows_of(6, 5, periods=("2023-02", "2024-02"))
    found = units(rows, level)
    assert found.count == count
    assert found.weights.sum() == pytest.approx(count)
    assert found.effective_rows == pytest.approx(count)  # as many rows of each: Kish's number is the number of facts


def test_a_missing_name_is_a_name_of_its_own() -> None:
    rows = rows_of(2, 2).with_columns(pl.Series(schema.ROLE, ["R0", None, None, "R0"]))
    assert units(rows, "role").count == 2
    assert units(rows, "pair").clusters[schema.ROLE] == {"R0": 2.0, "": 2.0}


def test_the_shares_that_roles_and_skills_explain_are_found() -> None:
    rng = np.random.default_rng(3)
    rows = rows_of(150, 200)
    crossed, last = crossed_units(key_codes(rows), "pair")
    assert last.all()
    role, skill = rng.normal(0, np.sqrt(0.1), 150), rng.normal(0, np.sqrt(0.2), 200)
    values = role[crossed.first] + skill[crossed.second] + rng.normal(0, np.sqrt(0.7), len(last))
    assert crossed.shares(values) == pytest.approx((0.1, 0.2), abs=0.06)
    assert crossed.shares(rng.normal(size=len(last))) == pytest.approx((0, 0), abs=0.01)


def test_shares_are_shares_whatever_the_values() -> None:
    crossed = Crossed(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    assert crossed.shares(np.full(4, 2.0)) == (0.0, 0.0)
    assert crossed.shares(np.full(4, np.nan)) == (0.0, 0.0)
    assert sum(crossed.shares(np.array([0.0, 0.0, 9.0, 9.0]))) <= 1


def test_the_design_effect_is_the_variance_that_a_simulation_shows() -> None:
    """Means of 10 roles x 40 skills against a large reference, facts sharing effects of role and skill."""
    rng = np.random.default_rng(5)
    shares = (0.1, 0.2)
    reference, window = units(rows_of(200, 300), "pair"), units(rows_of(10, 40), "pair")
    expected = design_effect(shares, reference.clusters, window.clusters, units=(60_000, 400))
    differences = []
    for _ in range(3_000):
        role, skill = rng.normal(0, np.sqrt(0.1), 200), rng.normal(0, np.sqrt(0.2), 300)
        noise = rng.normal(0, np.sqrt(0.7 / 400)) - rng.normal(0, np.sqrt(0.7 / 60_000))
        differences.append(role[:10].mean() - role.mean() + skill[:40].mean() - skill.mean() + noise)
    assert np.var(differences) / (1 / 60_000 + 1 / 400) == pytest.approx(expected, rel=0.1)


def test_the_same_roles_and_skills_cancel_out(make_snapshots: Callable[..., pl.DataFrame]) -> None:
    census = units(rows_of(20, 30), "pair").clusters
    assert design_effect((0.4, 0.4), census, census, units=(600, 600)) == 1
