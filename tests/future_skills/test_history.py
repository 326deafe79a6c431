"""History features: what was known by the period, never later, the same bytes whatever the order of the rows."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from future_skills import history, schema
from future_skills.errors import DataError, MissingColumnsError
from future_skills.history import HISTORY_FEATURES, HISTORY_MEANINGS, RoleNeighbours, history_features


def snapshots(*rows: tuple[str, str, str, str | None], department: str = "IT") -> pl.DataFrame:
    """Rows of (period, role, skill, level)."""
    frame = pl.DataFrame(
        rows,
        schema=[schema.PERIOD, schema.ROLE, schema.SKILL, schema.OBSERVED_LEVEL],
        schema_overrides={schema.OBSERVED_LEVEL: pl.String},
        orient="row",
    )
    return frame.with_columns(pl.lit(department).alias(schema.DEPARTMENT))


def one(frame: pl.DataFrame, role: str, skill: str) -> dict[str, object]:
    found = frame.filter((pl.col(schema.ROLE) == role) & (pl.col(schema.SKILL) == skill))
    assert found.height == 1
    return found.row(0, named=True)


PANEL = snapshots(
    ("2023-01", "Data Analyst", "SQL", "HIGH"),
    ("2023-01", "Data Engineer", "SQL", "HIGH"),
    ("2023-01", "Data Engineer", "Python", "HIGH"),
    ("2023-01", "Clerk", "Word", "MEDIUM"),
    ("2024-01", "Data Analyst", "SQL", "MEDIUM"),
    ("2024-01", "Data Analyst", "Python", "LOW"),
    ("2024-01", "Data Engineer", "SQL", "HIGH"),
    ("2024-01", "Data Engineer", "Python", "HIGH"),
    ("2024-01", "Clerk", "Word", "MEDIUM"),
    ("2024-01", "Clerk", "Python", None),
    ("2025-01", "Data Analyst", "SQL", "HIGH"),
    ("2025-01", "Clerk", "Word", "LOW"),
)


@pytest.fixture(scope="module")
def now() -> pl.DataFrame:
    return history_features(PANEL, period="2024-01")


def test_gives_one_row_per_pair_listed_at_the_period(now):
    assert now.columns == [schema.ROLE, schema.SKILL, schema.CURRENT_LEVEL, *HISTORY_FEATURES]
    assert now.height == 6
    assert now.select(schema.ROLE, schema.SKILL).rows() == sorted(now.select(schema.ROLE, schema.SKILL).rows())
    assert all(now.schema[name] == pl.Float64 for name in HISTORY_FEATURES)
    assert not any(now[name].is_nan().any() for name in HISTORY_FEATURES)


def test_every_feature_is_explained_in_english_and_french():
    assert tuple(HISTORY_MEANINGS) == HISTORY_FEATURES
    assert all(english and french and english != french for english, french in HISTORY_MEANINGS.values())


def test_remembers_the_pair_s_own_past(now):
    faded = one(now, "Data Analyst", "SQL")
    assert faded[schema.CURRENT_LEVEL] == "MEDIUM"
    assert faded["periods_in_need_before"] == 1
    assert faded["months_since_last_need"] == 12
    assert faded["previous_level_rank"] == 2
    assert faded["months_since_first_listed"] == 12
    weight = 2 ** (-12 / 24)
    assert faded["need_memory"] == pytest.approx(weight / (1 + weight), abs=1e-6)

    lasting = one(now, "Data Engineer", "SQL")
    assert (lasting["months_since_last_need"], lasting["need_memory"]) == (0, 1)

    new = one(now, "Data Analyst", "Python")
    assert (new["periods_in_need_before"], new["months_since_first_listed"], new["need_memory"]) == (0, 0, 0)
    assert new["months_since_last_need"] is None
    assert new["previous_level_rank"] is None


def test_counts_who_needs_the_skill_now(now):
    python = one(now, "Data Analyst", "Python")
    assert python["roles_in_need"] == 1
    assert python["share_of_roles_in_need"] == 0.5  # of the two whose level is known
    assert python["department_roles_in_need"] == 1
    assert python["role_skills_in_need"] == 0
    assert one(now, "Data Engineer", "SQL")["role_share_in_need"] == 1


def test_momentum_is_a_change_per_year(now):
    assert one(now, "Data Analyst", "SQL")["skill_need_momentum"] == -0.5  # 2 of 2 roles, then 1 of 2, in 12 months
    assert one(now, "Data Engineer", "SQL")["role_need_momentum"] == 0


def test_a_skill_that_similar_roles_need_scores_higher(now):
    analyst, clerk = one(now, "Data Analyst", "Python"), one(now, "Clerk", "Python")
    for name in ("similar_roles_need", "similar_listing_roles_need", "companion_skills_need"):
        assert analyst[name] > clerk[name], name
    assert one(now, "Data Analyst", "SQL")["similar_roles_need"] > one(now, "Clerk", "Word")["similar_roles_need"]
    assert {row["similar_need_rank_in_role"] for row in now.iter_rows(named=True)} == {0, 1, 2}
    assert one(now, "Data Engineer", "SQL")["similar_need_rank_in_role"] == 0


def test_own_past_need_raises_the_score_of_similar_roles():
    without = PANEL.with_columns(
        pl.when((pl.col(schema.PERIOD) == "2023-01") & (pl.col(schema.ROLE) == "Data Analyst"))
        .then(pl.lit("LOW"))
        .otherwise(schema.OBSERVED_LEVEL)
        .alias(schema.OBSERVED_LEVEL)
    )
    before, after = (
        one(history_features(frame, period="2024-01"), "Data Analyst", "SQL") for frame in (without, PANEL)
    )
    assert after["similar_roles_need"] > before["similar_roles_need"]


def test_later_rows_change_nothing(now):
    past_only = PANEL.filter(pl.col(schema.PERIOD) <= "2024-01")
    assert_frame_equal(history_features(past_only, period="2024-01"), now, check_exact=True)


def test_the_order_of_the_rows_changes_nothing(now):
    for seed in range(3):
        shuffled = PANEL.sample(fraction=1.0, shuffle=True, seed=seed)
        assert_frame_equal(history_features(shuffled, period="2024-01"), now, check_exact=True)


def test_gaps_count_in_months_not_in_periods():
    near = PANEL.with_columns(pl.col(schema.PERIOD).replace("2023-01", "2023-10"))
    recent = one(history_features(near, period="2024-01"), "Data Analyst", "SQL")
    assert recent["months_since_last_need"] == 3
    assert recent["skill_need_momentum"] == -2.0
    assert recent["need_memory"] > one(history_features(PANEL, period="2024-01"), "Data Analyst", "SQL")["need_memory"]


def test_without_any_level_need_is_unknown_not_zero():
    rows = snapshots(("2023-01", "Clerk", "Word", None), ("2024-01", "Clerk", "Word", None))
    only = one(history_features(rows, period="2024-01"), "Clerk", "Word")
    assert only["months_since_first_listed"] == 12
    assert all(only[name] is None for name in HISTORY_FEATURES if name != "months_since_first_listed")


def test_levels_known_only_before_the_period():
    rows = snapshots(("2023-01", "Clerk", "Word", "HIGH"), ("2024-01", "Clerk", "Word", None))
    only = one(history_features(rows, period="2024-01"), "Clerk", "Word")
    assert only[schema.CURRENT_LEVEL] is None
    assert only["periods_in_need_before"] == 1
    assert only["need_memory"] == 1
    assert only["share_of_roles_in_need"] is None
    assert only["similar_roles_need"] > 0


def test_one_role_and_one_period_are_enough():
    only = one(history_features(snapshots(("2024-01", "Clerk", "Word", "LOW")), period="2024-01"), "Clerk", "Word")
    assert only["similar_roles_need"] == 0
    assert only["similar_need_rank_in_role"] == 1


def test_a_role_that_has_left_still_teaches_but_gives_no_row():
    rows = snapshots(("2023-01", "Typist", "Word", "HIGH"), ("2024-01", "Clerk", "Word", "LOW"))
    frame = history_features(rows, period="2024-01")
    assert frame[schema.ROLE].to_list() == ["Clerk"]
    assert frame["expected_need"][0] > 0


@pytest.mark.parametrize("period", ["2022-01", "2023-06"])
def test_a_period_without_rows_gives_no_row(period):
    frame = history_features(PANEL, period=period)
    assert frame.height == 0
    assert frame.columns[-len(HISTORY_FEATURES) :] == list(HISTORY_FEATURES)


def test_refuses_two_snapshots_of_the_same_pair_and_period():
    with pytest.raises(DataError, match="Clerk, Word, 2024-01"):
        history_features(
            snapshots(("2024-01", "Clerk", "Word", "LOW"), ("2024-01", "Clerk", "Word", "HIGH")), period="2024-01"
        )


def test_refuses_rows_without_the_columns_it_needs():
    with pytest.raises(MissingColumnsError, match=schema.DEPARTMENT):
        history_features(PANEL.drop(schema.DEPARTMENT), period="2024-01")


def test_departments_are_counted_apart():
    rows = pl.concat(
        [
            snapshots(("2024-01", "Clerk", "Word", "HIGH"), department="Office"),
            snapshots(("2024-01", "Engineer", "Word", "LOW"), department="IT"),
        ]
    )
    engineer = one(history_features(rows, period="2024-01"), "Engineer", "Word")
    assert (engineer["roles_in_need"], engineer["department_roles_in_need"]) == (1, 0)


def test_a_role_unknown_at_a_period_when_others_are_known_keeps_its_own_memory() -> None:
    """Memory counts the periods at which the role itself was observed, whatever is known of the others."""
    facts = snapshots(
        ("2023-01", "R", "S", None),
        ("2024-01", "R", "S", "LOW"),
        ("2025-01", "R", "S", "HIGH"),
        ("2023-01", "Other", "S", "LOW"),
    )
    rows = history_features(facts, period="2025-01").filter(pl.col(schema.ROLE) == "R")
    a_year_ago = 2 ** (-12 / 24)
    assert rows["need_memory"].item() == pytest.approx(1 / (1 + a_year_ago), abs=1e-6)


def test_the_similar_roles_behind_a_pair_list_the_skill_and_come_in_order() -> None:
    roles = RoleNeighbours(PANEL, period="2024-01")
    assert [(one.role, one.level) for one in roles.of("Data Analyst", "Python")] == [
        ("Data Engineer", "HIGH"),
        ("Clerk", None),
    ]
    engineer, clerk = (one.similarity for one in roles.of("Data Analyst", "Python"))
    assert 1 >= engineer > clerk >= 0
    assert [one.role for one in roles.of("Clerk", "SQL")] == ["Data Analyst", "Data Engineer"]
    assert roles.of("Clerk", "Word") == []


def test_nobody_is_similar_to_a_role_that_the_period_does_not_know() -> None:
    assert RoleNeighbours(PANEL, period="2024-01").of("Astronaut", "SQL") == []
    assert RoleNeighbours(PANEL, period="2024-01").of("Clerk", "Rockets") == []
    assert RoleNeighbours(PANEL, period="2020-01").of("Clerk", "Word") == []
    unknown = snapshots(("2024-01", "Clerk", "Word", None), ("2024-01", "Data Analyst", "Word", None))
    assert [(one.role, one.level) for one in RoleNeighbours(unknown, period="2024-01").of("Clerk", "Word")] == [
        ("Data Analyst", None)
    ]


def test_a_small_newest_snapshot_after_a_large_one_is_the_same_in_blocks(monkeypatch):
    """Roles are worked through some at a time; at a small snapshot, none of a block may be listed any more."""
    many = [("2024-01", f"Role {number:02}", "SQL", "HIGH" if number % 3 else "LOW") for number in range(40)]
    panel = snapshots(*many, ("2025-01", "Role 39", "SQL", "LOW"))
    whole = history_features(panel, period="2025-01")
    monkeypatch.setattr(history, "_BLOCK", 4)
    assert_frame_equal(history_features(panel, period="2025-01"), whole)
    assert whole.height == 1
