"""What HR and the market see of the hidden state: noisy, late and partial, as in any company."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from future_skills import schema
from future_skills.simulation.catalogue import CATEGORIES, DEPARTMENTS
from future_skills.simulation.parameters import CompanyParameters
from future_skills.simulation.process import (
    OBSERVATIONS,
    STRUCTURE,
    Flags,
    Floats,
    Ints,
    State,
    Structure,
    generator,
    logistic,
)

MEMORY: Final = 6
"""Quarters of the past that the observations look back on, the present one included."""

_MARKET_STREAM_QUARTER: Final = 1  # STRUCTURE has one draw of its own at quarter 0


class Market:
    """Static traits of the market that only the features show: scarcity by skill, difficulty by role."""

    def __init__(self, *, seed: int, structure: Structure) -> None:
        rng = generator(seed, STRUCTURE, _MARKET_STREAM_QUARTER)
        self.scarcity: Floats = 0.9 * rng.standard_normal(len(structure.skills)) - 0.3
        self.difficulty: Floats = 0.7 * rng.standard_normal(len(structure.roles)) - 0.2
        base = np.array([role.salary_k for role in structure.roles])
        self.salary_k: Floats = base * np.exp(0.03 * rng.standard_normal(len(structure.roles)))


def observe(
    *,
    seed: int,
    structure: Structure,
    parameters: CompanyParameters,
    market: Market,
    past: Sequence[State],
    period: str,
) -> pl.DataFrame:
    """The snapshot rows of a quarter, with ``role_index`` and ``skill_index`` beside the columns of the schema.

    Args:
        seed: the company's seed.
        structure: what does not change.
        parameters: the company's parameters.
        market: static traits of the market.
        past: the last ``MEMORY`` states, the present one last.
        period: the quarter's month, YYYY-MM.
    """
    state = past[-1]
    rng = generator(seed, OBSERVATIONS, state.quarter)
    shown = state.listed & (rng.random(state.listed.shape) >= parameters.omission)
    silent = _silent_roles(rng, structure, parameters, state.quarter)
    role, skill = (index.astype(np.int64) for index in np.nonzero(shown))
    measured = {
        "trend_score": _trend(rng, structure, past)[structure.department[role], skill],
        "internal_usage": _usage(rng, structure, state, role, skill),
        "training_requests": _requests(rng, structure, past[-2], role, skill),
        "scarcity_index": _scarcity(rng, market, past[-2])[skill],
        "hiring_difficulty": _difficulty(rng, structure, market, past[-2], role, skill),
    }
    for name, values in measured.items():
        measured[name] = _with_holes(rng, values, parameters.missing)
    # A new skill has no past to have grown from.
    measured["trend_score"][state.quarter - structure.arrival[skill] < 3] = np.nan
    salary, economy = _salary(rng, market, past[-2]), _economy(rng, state)
    levels = _levels(structure, parameters, state, silent, role, skill)
    frame = _names(structure, role, skill).with_columns(
        pl.lit(period).alias(schema.PERIOD),
        *(pl.Series(name, values, nan_to_null=True) for name, values in measured.items()),
        pl.Series("avg_salary_k", salary[role]),
        pl.lit(economy).alias("economic_indicator"),
        pl.Series(schema.OBSERVED_LEVEL, levels, dtype=pl.String),
    )
    return frame


def _names(structure: Structure, role: Ints, skill: Ints) -> pl.DataFrame:
    def pick(values: Sequence[str], index: Ints) -> pl.Series:
        return pl.Series(values, dtype=pl.String).gather(index)

    return pl.DataFrame(
        {
            "role_index": role,
            "skill_index": skill,
            schema.ROLE_CODE: pick([entry.code for entry in structure.roles], role),
            schema.ROLE: pick([entry.name for entry in structure.roles], role),
            schema.DEPARTMENT: pick([DEPARTMENTS[entry.department] for entry in structure.roles], role),
            schema.SKILL: pick([entry.name for entry in structure.skills], skill),
            schema.CATEGORY: pick([CATEGORIES[entry.category] for entry in structure.skills], skill),
        }
    )


def _silent_roles(
    rng: np.random.Generator, structure: Structure, parameters: CompanyParameters, quarter: int
) -> Flags:
    """Roles whose levels are not observed this quarter, R."""
    silent: Flags = rng.random(len(structure.roles)) < parameters.silence
    if quarter == 0 and parameters.late_department is not None:
        silent |= structure.department == parameters.late_department
    return silent


def _levels(
    structure: Structure, parameters: CompanyParameters, state: State, silent: Flags, role: Ints, skill: Ints
) -> list[str | None]:
    """Judged need cut at the thresholds; None where the role's levels were not observed."""
    judged = (state.need + state.judgement)[role, skill]
    rank = (judged > parameters.medium_above).astype(np.int64) + (judged > parameters.high_above)
    names = np.array([*schema.LEVELS, None], dtype=object)
    picked: list[str | None] = names[np.where(silent[role], len(schema.LEVELS), rank)].tolist()
    return picked


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


def _usage(rng: np.random.Generator, structure: Structure, state: State, role: Ints, skill: Ints) -> Floats:
    """Share of the role's people who use the skill, by a count of heads."""
    headcount = _headcount(structure)[role]
    return np.asarray(
        np.round(rng.binomial(headcount, state.usage[role, skill]) / headcount, 3), dtype=np.float64
    )


def _requests(
    rng: np.random.Generator, structure: Structure, before: State, role: Ints, skill: Ints
) -> Floats:
    """Training requests of the quarter: a Poisson count around the gap between need and usage a quarter ago."""
    wanted = logistic(1.6 * before.need[role, skill] - 1.2)
    gap = np.maximum(wanted - before.usage[role, skill], 0.0)
    return rng.poisson(_headcount(structure)[role] * (0.01 + 0.6 * gap)).astype(np.float64)


def _scarcity(rng: np.random.Generator, market: Market, before: State) -> Floats:
    """Scarcity of the skill on the labour market, which follows the demand of a quarter ago, S."""
    demand = before.need.mean(axis=0)
    noise = 0.15 * rng.standard_normal(len(demand))
    return np.round(logistic(market.scarcity + 0.8 * demand + noise), 3)


def _difficulty(
    rng: np.random.Generator, structure: Structure, market: Market, before: State, role: Ints, skill: Ints
) -> Floats:
    """Difficulty of hiring for the role with the skill: role, scarcity, heat of the category's market."""
    by_role = market.difficulty + 0.1 * rng.standard_normal(len(market.difficulty)) + 0.2 * before.economy
    by_skill = 0.6 * market.scarcity + 4.0 * before.market_drift[structure.category]
    noise = 0.3 * rng.standard_normal(len(role))
    return np.round(logistic(by_role[role] + by_skill[skill] + noise), 3)


def _salary(rng: np.random.Generator, market: Market, before: State) -> Floats:
    """Average gross yearly salary of the role, thousands of euros: 2.5 % a year, more when the economy is good, R."""
    growth = 1.0 + 0.00625 * before.quarter + 0.004 * before.economy
    return np.round(market.salary_k * growth * (1.0 + 0.004 * rng.standard_normal(len(market.salary_k))), 1)


def _economy(rng: np.random.Generator, state: State) -> float:
    """Unemployment rate, %: about 7.4, lower when the economy is good."""
    rate = 7.4 - 0.4 * state.economy + 0.05 * rng.standard_normal()
    return round(float(np.clip(rate, 2.0, 25.0)), 1)


def _headcount(structure: Structure) -> Ints:
    return np.array([role.headcount for role in structure.roles], dtype=np.int64)


def _with_holes(rng: np.random.Generator, values: Floats, missing: float) -> Floats:
    return np.where(rng.random(len(values)) < missing, np.nan, values)
