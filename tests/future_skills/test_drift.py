"""A window compared with the reference of a version: what alarms, what is only told, what is kept."""

import json
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import wasserstein_distance

from future_skills import schema
from future_skills.drift import compare
from future_skills.drift_profile import (
    CONFIDENCE,
    PREDICTED,
    CategoricalReference,
    MarketReference,
    NumericReference,
    ReferenceProfile,
    build_reference,
)
from future_skills.drift_report import Alarm, DriftReport, Listed, persisting
from future_skills.errors import MissingColumnsError, NotEnoughDataError
from future_skills.monitoring_policy import MonitoringPolicy, Persistence, default_monitoring_policy

POLICY = default_monitoring_policy()
PAIR = [schema.ROLE, schema.SKILL]
ONET = Path(__file__).resolve().parents[2] / "examples" / "onet" / "onet_snapshots.parquet"


@lru_cache
def rows_of(
    period: str = "2024-02", *, roles: int = 150, skills: int = 40, seed: int = 0, of_company: int = 1
) -> pl.DataFrame:
    """Facts of a company: of roles, of skills, of pairs and of the period; those of roles and skills are the company's."""
    company, rng = np.random.default_rng(of_company), np.random.default_rng(seed)
    salary, trend = company.lognormal(4, 0.3, 400), company.beta(4, 4, 400)
    role, skill = (axis.ravel() for axis in np.meshgrid(np.arange(roles), np.arange(skills), indexing="ij"))
    n = len(role)
    return pl.DataFrame(
        {
            schema.PERIOD: [period] * n,
            schema.ROLE: [f"Rôle {one}" for one in role],
            schema.SKILL: [f"Compétence {one}" for one in skill],
            schema.CATEGORY: [f"C{one % 4}" for one in skill],
            schema.DEPARTMENT: [f"D{one % 5}" for one in role],
            "trend_score": trend[skill],
            "internal_usage": rng.random(n),
            "training_requests": rng.exponential(3, n),
            "scarcity_index": rng.random(n),
            "hiring_difficulty": salary[role] / 200,
            "avg_salary_k": salary[role],
            "economic_indicator": [4.0] * n,
            PREDICTED: rng.choice(schema.LEVELS, n, p=[0.5, 0.3, 0.2]),
            CONFIDENCE: rng.uniform(0.4, 1, n),
        }
    )


@lru_cache
def reference() -> ReferenceProfile:
    return build_reference(rows_of())


def with_shift(feature: str, by: float) -> pl.DataFrame:
    return rows_of("2024-11", seed=1).with_columns(pl.col(feature) + by)


def listed(report: DriftReport, kind: str, feature: str) -> Listed:
    return next(one for one in report.listed if (one.kind, one.feature) == (kind, feature))


# --- The reference ----------------------------------------------------------------------------------------------------


def test_a_reference_counts_facts_not_rows() -> None:
    found = {one.feature: one for one in reference().features}
    salary, usage, category = found["avg_salary_k"], found["internal_usage"], found[schema.CATEGORY]
    assert isinstance(salary, NumericReference)
    assert (salary.level, salary.units, sum(salary.counts)) == ("role", 150, 150)
    assert salary.mean == pytest.approx(rows_of().unique(schema.ROLE)["avg_salary_k"].mean())
    assert isinstance(usage, NumericReference)
    assert (usage.level, usage.units) == ("pair", 6_000)
    assert isinstance(category, CategoricalReference)
    assert (category.level, category.counts) == ("skill", {"C0": 10, "C1": 10, "C2": 10, "C3": 10})
    market = found["economic_indicator"]
    assert isinstance(market, MarketReference)
    assert market.values == {"2024-02": 4.0}
    assert list(found)[-2:] == [PREDICTED, CONFIDENCE]


def test_a_reference_is_one_json_document_and_the_same_rows_give_the_same_hash() -> None:
    kept = json.loads(json.dumps(reference().to_dict(), ensure_ascii=False))
    assert ReferenceProfile.from_dict(kept) == reference()
    assert ReferenceProfile.from_dict(kept).sha256 == reference().sha256
    assert build_reference(rows_of().sample(fraction=1, shuffle=True, seed=1)).sha256 == reference().sha256


def test_bins_hold_what_lies_in_them() -> None:
    for one in reference().features:
        if isinstance(one, NumericReference):
            rows = rows_of().unique(
                {"role": schema.ROLE, "skill": schema.SKILL}.get(one.level, [schema.ROLE, schema.SKILL])
            )
            values, edges = rows[one.feature].to_numpy(), np.array(one.edges)
            inside = [((values > low) & (values <= high)).sum() for low, high in pairwise(edges)]
            inside[0] += (values == edges[0]).sum()
            assert inside == pytest.approx(list(one.counts), abs=1e-4)
            assert (edges[0], edges[-1]) == (values.min(), values.max())
            coarse = np.add.reduceat(one.counts, one.coarse())
            assert (coarse >= 0.05 * one.units - 1e-3).all()


def test_a_value_that_many_share_lies_inside_its_bin() -> None:
    quarters = rows_of().with_columns((pl.col("internal_usage") * 4).floor() / 4)
    one = next(one for one in build_reference(quarters).features if one.feature == "internal_usage")
    assert isinstance(one, NumericReference)
    assert one.edges == (0.0, 0.125, 0.375, 0.625, 0.75)
    assert one.counts == tuple(quarters["internal_usage"].value_counts().sort("internal_usage")["count"])


def test_a_frame_without_a_feature_or_without_rows_is_refused() -> None:
    with pytest.raises(MissingColumnsError, match="trend_score"):
        build_reference(rows_of().drop("trend_score"))
    with pytest.raises(NotEnoughDataError):
        build_reference(rows_of().clear())
    with pytest.raises(MissingColumnsError, match=r"window.*trend_score"):
        compare(reference(), rows_of().drop("trend_score"), POLICY)
    with pytest.raises(NotEnoughDataError):
        compare(reference(), rows_of().clear(), POLICY)


# --- A window ---------------------------------------------------------------------------------------------------------


def test_a_window_like_the_reference_is_quiet() -> None:
    report = compare(reference(), rows_of("2024-11", seed=1), POLICY)
    assert report.alarms == ()
    assert {one.verdict for one in report.features} == {"quiet", "market_signal", "insufficient_sample"}
    assert report.feature("trend_score").reason == "few_units_now"  # 40 skills
    assert report.feature("internal_usage").verdict == "quiet"
    assert (report.rows, report.roles, report.skills, report.periods) == (6_000, 150, 40, ("2024-11",))


@pytest.mark.parametrize(
    ("feature", "by"), [("internal_usage", 0.5 * 0.29), ("training_requests", 1.5), ("avg_salary_k", 9.0)]
)
def test_half_a_standard_deviation_alarms(feature: str, by: float) -> None:
    report = compare(reference(), with_shift(feature, by), POLICY)
    found = report.feature(feature)
    assert (found.verdict, found.reason) == ("drift", "beyond")
    assert Alarm(kind="data_drift", feature=feature, severity="warning") in report.alarms
    assert found.means is not None
    assert found.means[1] - found.means[0] == pytest.approx(by, abs=0.15 * by)
    distance = found.statistics[0]
    assert distance.name == "wasserstein"
    assert distance.effect == pytest.approx(0.5, abs=0.12)
    assert distance.effect > max(distance.threshold, distance.null_quantile)
    for bars in zip(*[(bar.before, bar.now) for bar in found.bins], strict=True):
        assert sum(bars) == pytest.approx(1, abs=1e-6)


def test_the_distance_is_that_of_an_independent_computation() -> None:
    window = with_shift("training_requests", 0.4)
    one = compare(reference(), window, POLICY).feature("training_requests")
    before, now = rows_of()["training_requests"].to_numpy(), window["training_requests"].to_numpy()
    assert one.statistics[0].effect == pytest.approx(wasserstein_distance(before, now) / before.std(), rel=0.03)
    role = compare(reference(), with_shift("avg_salary_k", 4), POLICY).feature("avg_salary_k")
    salaries = rows_of().unique(schema.ROLE)["avg_salary_k"].to_numpy()
    assert role.statistics[0].effect == pytest.approx(4 / salaries.std(), rel=0.03)


def test_a_shift_that_does_not_matter_is_quiet_however_certain_it_is() -> None:
    before = build_reference(rows_of(roles=400, skills=100))
    window = rows_of("2024-11", roles=400, skills=100, seed=1).with_columns(pl.col("internal_usage") + 0.06 * 0.29)
    found = compare(before, window, POLICY).feature("internal_usage")
    assert (found.verdict, found.reason) == ("quiet", "small")
    assert found.statistics[0].adjusted_chance < POLICY.drift.alarm_rate


def test_few_roles_with_many_skills_are_an_insufficient_sample_not_a_drift() -> None:
    few = rows_of("2024-11", roles=400, seed=1).filter(pl.col(schema.ROLE).str.ends_with("99"))
    report = compare(reference(), few, POLICY)
    salary = report.feature("avg_salary_k")
    assert (salary.verdict, salary.reason) == ("insufficient_sample", "few_units_now")
    assert (salary.units[1], salary.statistics, report.rows) == (4, (), 160)


def test_facts_that_resemble_the_others_of_their_role_are_worth_fewer() -> None:
    def clustered(frame: pl.DataFrame) -> pl.DataFrame:
        effect = pl.col(schema.ROLE).str.extract(r"(\d+)").cast(pl.Float64).mul(7.13).sin()
        return frame.with_columns(pl.col("internal_usage") * 0.3 + effect)

    before = build_reference(clustered(rows_of()))
    window = clustered(rows_of("2024-11", seed=1)).filter(pl.col(schema.ROLE).is_in([f"Rôle {n}" for n in range(8)]))
    found = compare(before, window, POLICY).feature("internal_usage")
    assert found.units[1] == 320
    assert found.independent[1] < 20
    assert found.verdict == "insufficient_sample"
    assert (
        compare(before, clustered(rows_of("2024-11", seed=1)), POLICY).feature("internal_usage").independent[1] == 6_000
    )


def test_a_share_of_a_level_that_moves_by_ten_points_is_prediction_drift() -> None:
    window = rows_of("2024-11", seed=1)
    moved = pl.when((pl.col(PREDICTED) == "LOW") & (pl.int_range(pl.len()) % 5 == 0)).then(pl.lit("HIGH"))
    report = compare(reference(), window.with_columns(moved.otherwise(PREDICTED).alias(PREDICTED)), POLICY)
    assert [(alarm.kind, alarm.feature) for alarm in report.alarms] == [("prediction_drift", PREDICTED)]
    bars = {bar.category: bar.now - bar.before for bar in report.feature(PREDICTED).bins}
    assert bars["HIGH"] == pytest.approx(0.1, abs=0.02)
    assert list(bars) == ["LOW", "MEDIUM", "HIGH"]


def test_a_fall_of_confidence_is_told_by_its_mean() -> None:
    report = compare(reference(), with_shift(CONFIDENCE, -0.08), POLICY)
    assert [alarm.kind for alarm in report.alarms if alarm.feature == CONFIDENCE and alarm.kind != "out_of_range"] == [
        "confidence_shift"
    ]
    before, now = report.feature(CONFIDENCE).means or (0, 0)
    assert now - before == pytest.approx(-0.08, abs=0.01)


def test_what_the_version_said_is_compared_only_where_both_have_it() -> None:
    report = compare(reference(), rows_of("2024-11", seed=1).drop(PREDICTED, CONFIDENCE), POLICY)
    assert [one.feature for one in report.features] == list(schema.BASE_FEATURES)
    bare = build_reference(rows_of().drop(PREDICTED, CONFIDENCE))
    assert len(compare(bare, rows_of("2024-11", seed=1), POLICY).features) == len(schema.BASE_FEATURES)


def test_rare_categories_are_pooled_and_unseen_ones_with_them() -> None:
    rare = pl.when(pl.int_range(pl.len()) < 20).then(pl.lit("rare")).otherwise(PREDICTED).alias(PREDICTED)
    before = build_reference(rows_of().with_columns(rare))
    unseen = rows_of("2024-11", seed=1).with_columns(
        pl.when(pl.int_range(pl.len()) < 2_000).then(pl.lit("new")).otherwise(PREDICTED).alias(PREDICTED)
    )
    report = compare(before, unseen, POLICY)
    assert report.feature(PREDICTED).bins[-1].category is None
    assert report.feature(PREDICTED).bins[-1].now == pytest.approx(1 / 3, abs=0.01)
    assert listed(report, "unseen", PREDICTED).examples[0].text == "new"


def test_where_every_category_is_rare_the_commonest_are_compared() -> None:
    many = rows_of().with_columns(pl.format("N{}", pl.int_range(pl.len()) % 90).alias(PREDICTED))
    one = build_reference(many).features[-2]
    assert isinstance(one, CategoricalReference)
    assert len(one.kept()) == 10
    assert compare(build_reference(many), many, POLICY).feature(PREDICTED).reason == "small"


# --- A window of what somebody asked about ----------------------------------------------------------------------------


def asked_about(rows: pl.DataFrame) -> pl.DataFrame:
    """Questions about the roles that pay best: no random draw."""
    best = rows.unique(schema.ROLE).top_k(120, by="avg_salary_k")[schema.ROLE]
    return rows.filter(pl.col(schema.ROLE).is_in(best.implode()))


def same_as(window: pl.DataFrame) -> pl.DataFrame:
    return rows_of(roles=300).join(window, on=PAIR, how="semi")


def test_who_asks_about_what_is_no_drift() -> None:
    whole, window = build_reference(rows_of(roles=300)), asked_about(rows_of("2024-11", roles=300, seed=1))
    assert Alarm(kind="data_drift", feature="avg_salary_k", severity="warning") in compare(whole, window, POLICY).alarms
    report = compare(whole, window, POLICY, same_pairs=same_as(window))
    assert report.alarms == ()
    assert report.same_pairs == 120 * 40
    assert report.feature("avg_salary_k").units == (120, 120)
    assert report.reference_sha256 == whole.sha256


def test_a_drift_of_what_was_asked_about_is_found() -> None:
    whole, window = build_reference(rows_of(roles=300)), asked_about(rows_of("2024-11", roles=300, seed=1))
    salaries = asked_about(rows_of(roles=300)).unique(schema.ROLE)["avg_salary_k"]
    raised = window.with_columns(pl.col("avg_salary_k") + float(salaries.std()))  # type: ignore[arg-type]
    report = compare(whole, raised, POLICY, same_pairs=same_as(raised))
    assert [alarm.feature for alarm in report.alarms if alarm.kind == "data_drift"] == ["avg_salary_k"]


def test_what_nobody_knew_of_is_listed_and_compared_with_nothing() -> None:
    window = rows_of("2024-11", seed=1).with_columns(pl.col(schema.ROLE) + " (nouveau)")
    report = compare(reference(), window, POLICY, same_pairs=rows_of().clear())
    assert listed(report, "unseen", schema.ROLE).alarm
    assert report.same_pairs == 0
    assert {one.feature: one.reason for one in report.features if not one.reason.startswith("few")} == {
        schema.ROLE: "unseen_names",
        schema.SKILL: "names",
        "economic_indicator": "one_value_per_period",
    }


def test_a_few_pairs_are_counted_where_their_features_vary() -> None:
    one_skill_each = rows_of("2024-11", seed=1).unique(schema.ROLE, maintain_order=True)
    report = compare(
        reference(), one_skill_each, POLICY, same_pairs=rows_of().join(one_skill_each, on=PAIR, how="semi")
    )
    assert {one.feature: one.level for one in report.features} == {
        one.feature: one.level for one in reference().features
    }


def test_a_figure_that_none_of_the_pairs_had_is_compared_with_nothing() -> None:
    window = rows_of("2024-11", seed=1)
    without = rows_of().with_columns(pl.lit(None, pl.Float64).alias("internal_usage"))
    report = compare(reference(), window, POLICY, same_pairs=without)
    assert report.feature("internal_usage").reason == "few_units_before"
    assert report.feature("training_requests").verdict == "quiet"


# --- Always listed ----------------------------------------------------------------------------------------------------


def test_a_few_new_skills_are_news_and_many_are_an_alarm() -> None:
    def renamed(skills: int) -> pl.DataFrame:
        number = pl.col(schema.SKILL).str.extract(r"(\d+)").cast(pl.Int64)
        new = pl.when(number < skills).then(pl.format("Nouvelle {}", number)).otherwise(schema.SKILL)
        return rows_of("2024-11", seed=1, skills=300).with_columns(new.alias(schema.SKILL))

    before = build_reference(rows_of(skills=300))
    few, many = (compare(before, renamed(skills), POLICY) for skills in (2, 60))
    news = listed(few, "unseen", schema.SKILL)
    assert (news.rows, news.distinct, news.alarm) == (300, 2, False)
    assert news.with_known == {schema.ROLE: 300, schema.CATEGORY: 300, schema.DEPARTMENT: 300}
    assert few.feature(schema.SKILL).verdict == "quiet"
    assert listed(many, "unseen", schema.SKILL).alarm
    assert many.feature(schema.SKILL).reason == "unseen_names"
    assert [alarm.severity for alarm in many.alarms if alarm.kind == "unseen"] == ["info"]


def test_new_names_are_as_expected_where_the_last_period_brought_as_many() -> None:
    later = rows_of("2024-02").with_columns(pl.col(schema.SKILL).str.replace("Compétence 7$", "Arrivée"))
    before = build_reference(pl.concat([rows_of("2023-02"), later]))
    window = rows_of("2024-11", seed=1).with_columns(pl.col(schema.SKILL).str.replace("Compétence 8$", "Autre"))
    found = listed(compare(before, window, POLICY), "unseen", schema.SKILL)
    assert (found.share, found.expected, found.alarm) == (0.025, 0.025, False)


def test_missing_values_alarm_by_facts_not_by_rows() -> None:
    window = rows_of("2024-11", seed=1)
    one_role = window.with_columns(
        pl.when(pl.col(schema.ROLE) != "Rôle 3").then("avg_salary_k").otherwise(np.nan).alias("avg_salary_k"),
        pl.when(pl.int_range(pl.len()) % 20 > 0).then("internal_usage").alias("internal_usage"),
    )
    report = compare(reference(), one_role, POLICY)
    salary, usage = listed(report, "missing", "avg_salary_k"), listed(report, "missing", "internal_usage")
    assert (salary.rows, salary.alarm, salary.examples[0].text) == (40, False, "Rôle 3")
    assert (usage.rows, usage.alarm) == (300, True)
    assert report.feature("avg_salary_k").units[1] == 149


def test_a_feature_without_any_value_is_not_compared() -> None:
    window = rows_of("2024-11", seed=1).with_columns(pl.lit(None).alias("internal_usage"))
    report = compare(reference(), window, POLICY)
    assert report.feature("internal_usage").reason == "no_value"
    assert listed(report, "missing", "internal_usage").alarm


def test_a_value_out_of_range_is_listed_and_alarms_when_there_are_many() -> None:
    window = rows_of("2024-11", seed=1)
    few, many = (
        compare(
            reference(),
            window.with_columns(
                pl.when(pl.int_range(pl.len()) < count).then(9.0).otherwise("internal_usage").alias("internal_usage")
            ),
            POLICY,
        )
        for count in (30, 200)
    )
    assert not listed(few, "out_of_range", "internal_usage").alarm
    found = listed(many, "out_of_range", "internal_usage")
    assert (found.alarm, found.rows >= 200, found.examples[0].text) == (True, True, "9.0")


# --- The market -------------------------------------------------------------------------------------------------------


def test_one_value_per_period_is_a_signal_beside_those_seen() -> None:
    before = build_reference(pl.concat([with_shift("economic_indicator", 1.0), rows_of()]))
    inside, outside = (
        compare(before, rows_of("2025-02").with_columns(pl.lit(value).alias("economic_indicator")), POLICY).signals[0]
        for value in (4.5, 6.0)
    )
    assert inside.seen == {"2024-02": 4.0, "2024-11": 5.0}
    assert (inside.now, inside.outside, outside.outside) == ({"2025-02": 4.5}, False, True)


def test_trends_that_moved_are_told_with_the_roles_they_touch() -> None:
    skill = pl.col(schema.SKILL) == "Compétence 5"
    window = rows_of("2024-11", seed=1).with_columns(
        pl.when(skill).then(0.99).otherwise("trend_score").alias("trend_score")
    )
    shifts = compare(reference(), window, POLICY).trend_shifts
    assert [(one.skill, one.now, one.roles, len(one.examples)) for one in shifts] == [("Compétence 5", 0.99, 150, 5)]


def test_a_number_whose_training_periods_differ_as_much_is_quiet() -> None:
    """Every period of the real data has its own trend scores: the next one differs as they do."""
    before = build_reference(pl.concat([rows_of("2023-02"), with_shift("internal_usage", 0.3)]))
    report = compare(before, with_shift("internal_usage", 0.25), POLICY)
    assert report.feature("internal_usage").reason == "usual"
    assert compare(before, with_shift("internal_usage", 0.7), POLICY).feature("internal_usage").verdict == "drift"


def test_values_that_move_by_a_rounding_are_no_drift() -> None:
    def tenths(rows: pl.DataFrame, by: float) -> pl.DataFrame:
        return rows.with_columns(pl.col("internal_usage").round(1) + by)

    one_period = build_reference(tenths(rows_of(), 0))
    report = compare(one_period, tenths(rows_of("2024-11", seed=1), 1e-6), POLICY)
    assert report.feature("internal_usage").verdict == "quiet"
    two_periods = build_reference(pl.concat([tenths(rows_of("2023-02"), 2e-6), tenths(rows_of(), 0)]))
    psi = compare(two_periods, tenths(rows_of("2024-11", seed=1), 1e-6), POLICY).feature("internal_usage").statistics[1]
    assert (psi.name, psi.alarm) == ("psi", False)


# --- Kept, and over windows ---------------------------------------------------------------------------------------------


def test_a_report_is_one_json_document_and_the_same_rows_give_the_same() -> None:
    window = with_shift("internal_usage", 0.2)
    report = compare(reference(), window, POLICY)
    assert DriftReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    again = compare(reference(), window.sample(fraction=1, shuffle=True, seed=2), POLICY)
    assert [one.verdict for one in again.features] == [one.verdict for one in report.features]
    assert (report.reference_sha256, report.policy_sha256) == (reference().sha256, POLICY.sha256)
    with pytest.raises(KeyError):
        report.feature("none")


@pytest.mark.parametrize(
    ("windows", "raised"),
    [([1], 0), ([1, 1], 1), ([1, 0, 1], 1), ([1, 0, 0, 1], 0), ([1, 1, 0], 1), ([1, 1, 0, 0], 0), ([], 0)],
)
def test_an_alarm_is_raised_once_it_stands_in_two_of_three_windows(windows: list[int], raised: int) -> None:
    quiet = compare(reference(), rows_of("2024-11", seed=1), POLICY)
    drifted = compare(reference(), with_shift("internal_usage", 0.2), POLICY)
    reports = [drifted if one else quiet for one in windows]
    found = persisting(reports, Persistence(alarms=2, windows=3))
    assert len([alarm for alarm in found if alarm.kind == "data_drift"]) == raised


def with_drift(**changes: Any) -> MonitoringPolicy:
    return POLICY.model_copy(update={"drift": POLICY.drift.model_copy(update=changes)})


def test_the_policy_decides(make_snapshots: Callable[..., pl.DataFrame]) -> None:
    window = with_shift("internal_usage", 0.05)
    assert compare(reference(), window, POLICY).feature("internal_usage").verdict == "drift"
    deaf = POLICY.drift.thresholds.model_copy(update={"wasserstein": 0.5, "psi": 1.0})
    assert compare(reference(), window, with_drift(thresholds=deaf)).feature("internal_usage").verdict == "quiet"
    assert compare(reference(), window, with_drift(minimum_units=20)).feature("trend_score").verdict == "quiet"


# --- Real data ------------------------------------------------------------------------------------------------------------


def test_on_real_data_the_training_periods_are_quiet_and_the_one_real_change_is_found() -> None:
    """Requests are newly listing occupations: in 2025-02 there were next to none."""
    facts = pl.read_parquet(ONET)
    before = build_reference(facts.filter(pl.col(schema.PERIOD) <= "2024-02"))
    reports = {
        period: compare(before, facts.filter(pl.col(schema.PERIOD) == period), POLICY)
        for period in ("2022-11", "2024-02", "2024-11", "2025-02")
    }
    assert [report.alarms for report in reports.values()][:3] == [(), (), ()]
    assert [(alarm.kind, alarm.feature) for alarm in reports["2025-02"].alarms] == [("data_drift", "training_requests")]
    news = listed(reports["2025-02"], "unseen", schema.SKILL)
    assert (news.distinct, news.rows, news.alarm) == (22, 25, False)
    levels = {one.feature: one.level for one in before.features}
    assert levels["internal_usage"] == "department_skill"
    assert levels["avg_salary_k"] == "role"
