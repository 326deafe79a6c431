"""The simulated company: its truth is true, its future is not written in its present."""

import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score

from future_skills import schema
from future_skills.dataset import build_dataset
from future_skills.errors import UsageError
from future_skills.metrics import measure_emergence, ranks
from future_skills.simulation import (
    DEFAULT_PARAMETERS,
    CompanyParameters,
    SimulatedCompany,
    catalogue,
    process,
    simulate_company,
    truth,
)

PROBABILITIES = ("probability_low", "probability_medium", "probability_high")
KEY = list(schema.SNAPSHOT_KEY)
SEEDS = (42, 7, 1, 2026)


@pytest.fixture(scope="module")
def companies() -> dict[int, SimulatedCompany]:
    return {seed: simulate_company(seed=seed, parameters=CompanyParameters(quarters=12)) for seed in SEEDS}


@pytest.fixture(scope="module")
def labelled(companies: dict[int, SimulatedCompany]) -> dict[int, pl.DataFrame]:
    """By seed, rows of the first eight quarters with level now, label exactly 12 months later, and truth."""
    tables = {}
    for seed, company in companies.items():
        rows = build_dataset(company.snapshots, horizon_months=12, tolerance_months=0)
        tables[seed] = rows.filter(pl.col(schema.CURRENT_LEVEL).is_not_null()).join(
            company.truth, on=KEY, how="left", maintain_order="left"
        )
    return tables


# --- What comes out ---------------------------------------------------------------------------------------------------


def test_default_company_has_the_announced_size_and_calendar() -> None:
    snapshots = simulate_company(seed=42).snapshots
    assert snapshots[schema.ROLE].n_unique() == 40
    assert snapshots[schema.SKILL].n_unique() == 120
    assert snapshots[schema.CATEGORY].n_unique() == 12
    assert snapshots[schema.DEPARTMENT].n_unique() == 10
    assert snapshots[schema.PERIOD].unique().sort().to_list() == [
        *("2023-03", "2023-06", "2023-09", "2023-12"),
        *("2024-03", "2024-06", "2024-09", "2024-12"),
        *("2025-03", "2025-06", "2025-09", "2025-12"),
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_snapshots_follow_the_schema(companies: dict[int, SimulatedCompany], seed: int) -> None:
    snapshots = companies[seed].snapshots
    assert tuple(snapshots.columns) == schema.SNAPSHOT_COLUMNS
    assert snapshots.equals(snapshots.sort(schema.SNAPSHOT_KEY))
    assert not snapshots.select(KEY).is_duplicated().any()
    assert all(re.match(schema.PERIOD_PATTERN, period) for period in snapshots[schema.PERIOD].unique())
    assert set(snapshots[schema.OBSERVED_LEVEL].drop_nulls()) == set(schema.LEVELS)
    for feature in schema.NUMERIC:
        values = snapshots[feature.name]
        assert values.dtype == pl.Float64
        assert values.drop_nulls().is_finite().all()
        assert values.drop_nulls().is_between(feature.minimum, feature.maximum).all(), feature.name
        assert values.std() > 0, feature.name
    for name in schema.CATEGORICAL_FEATURES:
        assert snapshots[name].null_count() == 0
        assert snapshots[name].str.len_chars().max() <= schema.NAME_MAX_LENGTH


def test_truth_has_one_row_of_probabilities_for_each_snapshot(companies: dict[int, SimulatedCompany]) -> None:
    for company in companies.values():
        assert company.truth.select(KEY).equals(company.snapshots.select(KEY))
        values = company.truth.select(PROBABILITIES).to_numpy()
        assert values.min() >= 0
        np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-8)


def test_one_code_one_name_one_department() -> None:
    for snapshots in (
        simulate_company(seed=3).snapshots,
        simulate_company(seed=3, parameters=CompanyParameters(roles=95, skills=260, quarters=1)).snapshots,
    ):
        roles = snapshots.select(schema.ROLE_CODE, schema.ROLE, schema.DEPARTMENT).unique()
        assert roles[schema.ROLE].n_unique() == roles[schema.ROLE_CODE].n_unique() == len(roles)
        skills = snapshots.select(schema.SKILL, schema.CATEGORY).unique()
        assert skills[schema.SKILL].n_unique() == len(skills)


def test_names_beyond_the_catalogue_are_numbered_variants() -> None:
    roles, skills = catalogue.roles(400), catalogue.skills(2000)
    assert len({role.name for role in roles}) == len({role.code for role in roles}) == 400
    assert len({skill.name for skill in skills}) == 2000
    assert roles[40].name == f"{roles[0].name} – variante 2"
    assert roles[40].department == roles[0].department


def test_catalogue_is_french_and_rectangular() -> None:
    names = [role.name for role in catalogue.roles(40)] + [skill.name for skill in catalogue.skills(120)]
    assert len(set(names)) == 160
    assert any("é" in name for name in names)
    assert all(name == name.strip() and "'" not in name for name in names)  # ’ is the French apostrophe
    assert len(catalogue.SUITABILITY) == len(catalogue.DEPARTMENTS)
    assert {len(row) for row in catalogue.SUITABILITY} == {len(catalogue.CATEGORIES)}
    # The first roles and skills are varied, so that a small company is one too.
    assert len({role.department for role in catalogue.roles(10)}) == 10
    assert len({skill.category for skill in catalogue.skills(12)}) == 12


@pytest.mark.parametrize(("roles", "skills", "quarters"), [(2, 2, 1), (5, 10, 8), (60, 150, 3)])
def test_other_sizes_work(roles: int, skills: int, quarters: int) -> None:
    company = simulate_company(seed=5, parameters=CompanyParameters(roles=roles, skills=skills, quarters=quarters))
    assert company.snapshots[schema.ROLE].n_unique() <= roles
    assert company.snapshots[schema.SKILL].n_unique() <= skills
    assert company.truth.height == company.snapshots.height > 0


def test_thirty_five_to_sixty_percent_of_the_pairs_are_listed(companies: dict[int, SimulatedCompany]) -> None:
    for company in companies.values():
        by_period = company.snapshots.group_by(schema.PERIOD).agg(
            share=pl.len() / (pl.col(schema.ROLE).n_unique() * pl.col(schema.SKILL).n_unique())
        )
        assert by_period["share"].is_between(0.35, 0.60).all()


def test_pairs_appear_vanish_and_come_back(companies: dict[int, SimulatedCompany]) -> None:
    snapshots = companies[42].snapshots
    periods = snapshots[schema.PERIOD].unique().sort()
    listed = [
        set(rows.select(schema.ROLE, schema.SKILL).iter_rows())
        for _, rows in snapshots.group_by(schema.PERIOD, maintain_order=True)
    ]
    assert listed[7] - listed[0]
    assert listed[0] - listed[7]
    assert set(snapshots[schema.SKILL]) - {skill for _, skill in listed[0]}  # new skills
    in_need = snapshots.pivot(
        on=schema.PERIOD, index=[schema.ROLE, schema.SKILL], values=schema.OBSERVED_LEVEL, sort_columns=True
    ).select(periods.to_list())
    high = (in_need == schema.HIGH).fill_null(value=False).to_numpy()
    came_back = high[:, 0] & ~high[:, 4] & high[:, 8:].any(axis=1)
    assert came_back.sum() >= 3


def test_some_values_are_missing_and_one_department_starts_late(companies: dict[int, SimulatedCompany]) -> None:
    snapshots = companies[42].snapshots
    for name in ("trend_score", "internal_usage", "training_requests", "scarcity_index", "hiring_difficulty"):
        assert 0.01 < snapshots[name].is_null().mean() < 0.10, name
    assert snapshots["economic_indicator"].null_count() == 0
    late = pl.col(schema.DEPARTMENT) == catalogue.DEPARTMENTS[DEFAULT_PARAMETERS.late_department or 0]
    first = pl.col(schema.PERIOD) == "2023-03"
    assert (
        snapshots.filter(first & late)[schema.OBSERVED_LEVEL].null_count() == snapshots.filter(first & late).height > 0
    )
    assert snapshots.filter(~first & late)[schema.OBSERVED_LEVEL].null_count() < snapshots.filter(~first & late).height
    # A role is observed whole or not at all, so that “not listed while the role is observed” means LOW.
    by_role = snapshots.group_by(schema.PERIOD, schema.ROLE).agg(pl.col(schema.OBSERVED_LEVEL).is_null().mean())
    assert set(by_role[schema.OBSERVED_LEVEL].unique()) == {0.0, 1.0}


# --- Determinism and order of time ------------------------------------------------------------------------------------


def test_same_seed_same_company() -> None:
    first, second = simulate_company(seed=42), simulate_company(seed=42)
    assert first.snapshots.equals(second.snapshots)
    assert first.truth.equals(second.truth)
    assert not first.snapshots.equals(simulate_company(seed=43).snapshots)


def test_more_quarters_do_not_change_the_earlier_ones(companies: dict[int, SimulatedCompany]) -> None:
    short, long = simulate_company(seed=42, parameters=CompanyParameters(quarters=8)), companies[42]
    assert long.snapshots.filter(pl.col(schema.PERIOD) <= "2024-12").equals(short.snapshots)
    assert long.truth.filter(pl.col(schema.PERIOD) <= "2024-12").equals(short.truth)


# --- The future is partly knowable ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_levels_mostly_stay_and_the_truth_does_better(labelled: dict[int, pl.DataFrame], seed: int) -> None:
    rows = labelled[seed]
    now, later = ranks(rows[schema.CURRENT_LEVEL]), ranks(rows[schema.LABEL])
    best = rows.select(PROBABILITIES).to_numpy().argmax(axis=1)
    persistence, attainable = (now == later).mean(), (best == later).mean()
    assert 0.80 <= persistence <= 0.88
    assert persistence + 0.02 <= attainable <= 0.93
    assert f1_score(later, best, average="macro") > f1_score(later, now, average="macro") + 0.03
    assert 0.10 <= (now == 2).mean() <= 0.16


@pytest.mark.parametrize("seed", SEEDS)
def test_emergence_is_rare_and_foreseen_only_in_part(labelled: dict[int, pl.DataFrame], seed: int) -> None:
    rows = labelled[seed]
    emergence = measure_emergence(
        ranks(rows[schema.LABEL]), rows["probability_high"].to_numpy(), ranks(rows[schema.CURRENT_LEVEL])
    )
    assert emergence.base_rate is not None
    assert emergence.average_precision is not None
    assert 0.02 <= emergence.base_rate <= 0.07
    assert 8 * emergence.base_rate <= emergence.average_precision <= 0.90


def test_the_same_row_does_not_tell_the_level(companies: dict[int, SimulatedCompany]) -> None:
    """The eleven features of a row leave a good part of the level of the same row untold, let alone of the future."""
    rows = companies[42].snapshots.filter(pl.col(schema.OBSERVED_LEVEL).is_not_null())
    pairs = rows.select(schema.ROLE, schema.SKILL).unique(maintain_order=True)
    half = pairs.with_columns(half=pl.Series(np.random.default_rng(0).random(len(pairs)) < 0.5))
    rows = rows.join(half, on=[schema.ROLE, schema.SKILL], maintain_order="left").with_columns(
        pl.col(schema.CATEGORICAL_FEATURES).rank("dense").cast(pl.Float64)
    )
    train, test = rows.filter("half"), rows.filter(~pl.col("half"))
    model = RandomForestClassifier(60, min_samples_leaf=3, random_state=0, n_jobs=1)
    model.fit(train.select(schema.BASE_FEATURES).to_numpy(), ranks(train[schema.OBSERVED_LEVEL]))
    accuracy = model.score(test.select(schema.BASE_FEATURES).to_numpy(), ranks(test[schema.OBSERVED_LEVEL]))
    majority = (test[schema.OBSERVED_LEVEL] == schema.LOW).mean()
    assert majority < accuracy < 0.90


# --- The truth is true ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", PROBABILITIES)
def test_truth_is_calibrated(labelled: dict[int, pl.DataFrame], column: str) -> None:
    """In each bin of probability, what happened is what was announced.

    Pairs of one skill move together, so the spread of the difference is measured between skills and companies, not
    computed as if rows were independent: five standard errors over these clusters.
    """
    level = column.removeprefix("probability_").upper()
    rows = pl.concat([table.with_columns(seed=pl.lit(seed)) for seed, table in labelled.items()])
    rows = rows.with_columns(
        bin=(pl.col(column) * 10).floor().clip(0, 9),
        error=(pl.col(schema.LABEL) == level).cast(pl.Float64) - pl.col(column),
    )
    clusters = rows.group_by("bin", "seed", schema.SKILL).agg(pl.col("error").sum(), rows=pl.len())
    bins = clusters.group_by("bin").agg(
        difference=pl.col("error").sum() / pl.col("rows").sum(),
        tolerance=5 * (pl.col("error") ** 2).sum().sqrt() / pl.col("rows").sum(),
        rows=pl.col("rows").sum(),
    )
    assert len(bins) == 10
    assert (bins["difference"].abs() <= bins["tolerance"]).all(), bins.sort("bin")
    assert (bins.filter(pl.col("rows") >= 2000)["difference"].abs() < 0.05).all(), bins.sort("bin")


@pytest.mark.parametrize(
    "laws",
    [
        {"skill_drift": 0.05, "market_drift": 0.03, "economy_weight": 0.05},
        {"diffusion": 0.6, "neighbours": 1, "volatility": 0.3, "skill_drift": 0.0},
    ],
    ids=["drifts", "diffusion"],
)
def test_closed_form_agrees_with_futures_drawn_from_the_state(laws: dict[str, float]) -> None:
    parameters = replace(CompanyParameters(roles=12, skills=20), **laws)
    structure = process.build_structure(seed=11, parameters=parameters)
    state = process.first_state(seed=11, structure=structure, parameters=parameters)
    while state.quarter < 2:
        state = process.next_state(seed=11, structure=structure, parameters=parameters, state=state)
    low, medium, high = truth.level_probabilities(structure, parameters, state)

    draws = 1500
    counts = np.zeros((3, *low.shape))
    for seed in range(1000, 1000 + draws):
        future = state
        for _ in range(4):
            future = process.next_state(seed=seed, structure=structure, parameters=parameters, state=future)
        judged = future.need + future.judgement
        rank = (judged > parameters.medium_above).astype(int) + (judged > parameters.high_above)
        assert (rank[~future.listed & (structure.arrival <= future.quarter)] == 0).all()  # gone means LOW
        counts += np.stack([rank == level for level in range(3)])
    kept = 1 - parameters.omission
    drawn = counts / draws * kept
    drawn[0] += parameters.omission
    expected = np.stack([low, medium, high])
    tolerance = 5 * np.sqrt(expected * (1 - expected) / draws) + 1e-3
    assert (np.abs(drawn - expected) <= tolerance).all()


def test_without_judgement_error_or_shocks_the_future_is_certain() -> None:
    quiet = CompanyParameters(
        roles=6, skills=12, quarters=6, volatility=0.001, volatility_spread=0.0, skill_drift=0.0, market_drift=0.0
    )
    quiet = replace(quiet, economy_weight=0.0, judgement=0.0, omission=0.0, silence=0.0, late_department=None)
    company = simulate_company(seed=8, parameters=quiet)
    best = company.truth.select(PROBABILITIES).to_numpy().max(axis=1)
    assert (best > 0.999).mean() > 0.95


# --- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"roles": 1}, "roles"),
        ({"skills": 0}, "skills"),
        ({"quarters": 0}, "quarters"),
        ({"first_period": "2023-13"}, "2023-13"),
        ({"suitability_share": 0.9}, "shares"),
        ({"reversion": 0.7, "diffusion": 0.7}, "diffusion"),
        ({"listed_above": 2.0}, "listed_above"),
        ({"missing": float("nan")}, "missing"),
        ({"late_department": 10}, "late_department"),
    ],
)
def test_impossible_parameters_are_refused_by_name(changes: dict[str, object], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        simulate_company(seed=1, parameters=replace(DEFAULT_PARAMETERS, **changes))


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(UsageError, match="-1"):
        simulate_company(seed=-1)
