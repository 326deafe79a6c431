"""What HR and the market see of the hidden state: noisy, late and partial, as in any company."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from future_skills import schema
from future_skills.simulation.catalogue import CATEGORIES, DEPARTMENTS
from future_skills.simulation.parameters import CompanyParameters
from future_skills.simulation.process import (
    MARKET,
    OBSERVATIONS,
    Flags,
    Floats,
    Ints,
    State,
    Structure,
    generator,
    logistic,
    wanted_usage,
)

MEMORY: Final = 6
"""Quarters of the past that the observations look back on, the present one included."""

NEW_FOR: Final = 3
"""Quarters after its arrival during which a skill has no trend yet."""


@dataclass(frozen=True, slots=True)
class Market:
    """Static traits of the labour market that only the features show. R roles, S skills.

    Attributes:
        scarcity: log-odds of a skill's scarcity at average demand, S.
        difficulty: part of the log-odds of the difficulty of hiring that belongs to the role, R.
        salary_k: gross yearly salary at quarter 0 in a normal economy, thousands of euros, R.
    """

    scarcity: Floats
    difficulty: Floats
    salary_k: Floats


def draw_market(*, seed: int, structure: Structure) -> Market:
    """Draw the static traits of the labour market."""
    rng = generator(seed, MARKET)
    base = np.array([role.salary_k for role in structure.roles])
    return Market(
        scarcity=0.9 * rng.standard_normal(len(structure.skills)) - 0.3,
        difficulty=0.7 * rng.standard_normal(len(structure.roles)) - 0.2,
        salary_k=base * np.exp(0.03 * rng.standard_normal(len(structure.roles))),
    )


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The pairs seen in a quarter: indices of their role and of their skill, and their role's headcount."""

    role: Ints
    skill: Ints
    headcount: Ints


def observe(
    *,
    seed: int,
    structure: Structure,
    parameters: CompanyParameters,
    market: Market,
    past: Sequence[State],
    period: str,
) -> tuple[pl.DataFrame, Ints, Ints]:
    """The snapshot rows of a quarter, and the index of each row's role and skill.

    Args:
        seed: the company's seed.
        structure: what does not change.
        parameters: the company's parameters.
        market: static traits of the market.
        past: the last ``MEMORY`` states, the present one last.
        period: the quarter's month, YYYY-MM.
    """
    state, before = past[-1], past[-2]
    rng = generator(seed, OBSERVATIONS, state.quarter)
    shown = state.listed & (rng.random(state.listed.shape) >= parameters.omission)
    silent = _silent_roles(rng, structure, parameters, state.quarter)
    pairs = _pairs(structure, shown)
    trend = _trend(rng, structure, past)[structure.department[pairs.role], pairs.skill]
    measured = {
        # A new skill has no past to have grown from.
        "trend_score": np.where(state.quarter - structure.arrival[pairs.skill] < NEW_FOR, np.nan, trend),
        "internal_usage": _usage(rng, state, pairs),
        "training_requests": _requests(rng, before, pairs),
        "scarcity_index": _scarcity(rng, market, before)[pairs.skill],
        "hiring_difficulty": _difficulty(rng, structure, market, before)[pairs.role, pairs.skill],
    }
    frame = _names(structure, pairs).with_columns(
        pl.lit(period).alias(schema.PERIOD),
        *(
            pl.Series(name, _with_holes(rng, values, parameters.missing)).fill_nan(None)
            for name, values in measured.items()
        ),
        pl.Series("avg_salary_k", _salary(rng, market, before)[pairs.role]),
        pl.lit(_economy(rng, state)).alias("economic_indicator"),
        pl.Series(schema.OBSERVED_LEVEL, _levels(parameters, state, silent, pairs), dtype=pl.String),
    )
    return frame, pairs.role, pairs.skill


def _pairs(structure: Structure, shown: Flags) -> _Pairs:
    role, skill = (index.astype(np.int64) for index in np.nonzero(shown))
    headcount = np.array([entry.headcount for entry in structure.roles], dtype=np.int64)
    return _Pairs(role, skill, headcount[role])


def _names(structure: Structure, pairs: _Pairs) -> pl.DataFrame:
    def pick(values: Sequence[str], index: Ints) -> pl.Series:
        return pl.Series(values, dtype=pl.String).gather(index)

    return pl.DataFrame(
        {
            schema.ROLE_CODE: pick([entry.code for entry in structure.roles], pairs.role),
            schema.ROLE: pick([entry.name for entry in structure.roles], pairs.role),
            schema.DEPARTMENT: pick([DEPARTMENTS[entry.department] for entry in structure.roles], pairs.role),
            schema.SKILL: pick([entry.name for entry in structure.skills], pairs.skill),
            schema.CATEGORY: pick([CATEGORIES[entry.category] for entry in structure.skills], pairs.skill),
        }
    )


def _silent_roles(rng: np.random.Generator, structure: Structure, parameters: CompanyParameters, quarter: int) -> Flags:
    """Roles whose levels are not observed this quarter, R."""
    silent: Flags = rng.random(len(structure.roles)) < parameters.silence
    if quarter == 0 and parameters.late_department is not None:
        silent |= structure.department == parameters.late_department
    return silent


def _levels(parameters: CompanyParameters, state: State, silent: Flags, pairs: _Pairs) -> list[str | None]:
    """Judged need cut at the thresholds; None where the role's levels were not observed."""
    judged = (state.need + state.judgement)[pairs.role, pairs.skill]
    rank = (judged > parameters.medium_above).astype(np.int64) + (judged > parameters.high_above)
    names = np.array([*schema.LEVELS, None], dtype=object)
    levels: list[str | None] = names[np.where(silent[pairs.role], len(schema.LEVELS), rank)].tolist()
    return levels


def _trend(rng: np.random.Generator, structure: Structure, past: Sequence[State]) -> Floats:
    """Growth of the skill's need in the department over a year, as known a quarter late; 0.5 = flat, D x S."""
    growth = past[-2].need - past[-MEMORY].need
    trend = np.full((len(DEPARTMENTS), len(structure.skills)), 0.5)
    for department in range(len(DEPARTMENTS)):
        noise = 0.06 * rng.standard_normal(len(structure.skills))
        members = structure.department == department
        if members.any():
            trend[department] = 0.5 + 0.5 * np.tanh(growth[members].mean(axis=0) + noise)
    return np.round(trend, 3)


def _usage(rng: np.random.Generator, state: State, pairs: _Pairs) -> Floats:
    """Share of the role's people who use the skill, by a count of heads."""
    users = rng.binomial(pairs.headcount, state.usage[pairs.role, pairs.skill])
    return np.asarray(np.round(users / pairs.headcount, 3), dtype=np.float64)


def _requests(rng: np.random.Generator, before: State, pairs: _Pairs) -> Floats:
    """Training requests of the quarter per 100 people of the role.

    A Poisson count around the gap between need and usage a quarter ago: people ask for what they lack.
    """
    wanted = wanted_usage(before.need[pairs.role, pairs.skill])
    gap = np.maximum(wanted - before.usage[pairs.role, pairs.skill], 0.0)
    requests = rng.poisson(pairs.headcount * (0.01 + 0.6 * gap))
    return np.asarray(np.round(100.0 * requests / pairs.headcount, 1), dtype=np.float64)


def _scarcity(rng: np.random.Generator, market: Market, before: State) -> Floats:
    """Scarcity of the skill on the labour market, which follows the demand of a quarter ago, 0 to 1, S."""
    demand = before.need.mean(axis=0)
    noise = 0.15 * rng.standard_normal(len(demand))
    return np.round(logistic(market.scarcity + 0.8 * demand + noise), 3)


def _difficulty(rng: np.random.Generator, structure: Structure, market: Market, before: State) -> Floats:
    """Difficulty of hiring for the role with the skill: role, scarcity, heat of the category, 0 to 1, R x S."""
    by_role = market.difficulty + 0.1 * rng.standard_normal(len(market.difficulty)) + 0.2 * before.economy
    by_skill = 0.6 * market.scarcity + 4.0 * before.market_drift[structure.category]
    noise = 0.3 * rng.standard_normal((len(by_role), len(by_skill)))
    return np.round(logistic(by_role[:, None] + by_skill + noise), 3)


def _salary(rng: np.random.Generator, market: Market, before: State) -> Floats:
    """Average gross yearly salary of the role, thousands of euros: 2.5 % a year, more in a good economy, R."""
    growth = 1.0 + 0.00625 * before.quarter + 0.004 * before.economy
    salary = market.salary_k * growth * (1.0 + 0.004 * rng.standard_normal(len(market.salary_k)))
    return np.asarray(np.round(np.maximum(salary, 1.0), 1), dtype=np.float64)


def _economy(rng: np.random.Generator, state: State) -> float:
    """Unemployment rate, %: about 7.4, lower when the economy is good."""
    rate = 7.4 - 0.4 * state.economy + 0.05 * rng.standard_normal()
    return round(float(np.clip(rate, 2.0, 25.0)), 1)


def _with_holes(rng: np.random.Generator, values: Floats, missing: float) -> Floats:
    return np.where(rng.random(len(values)) < missing, np.nan, values)
