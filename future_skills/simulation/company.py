"""The door: a seed and parameters in, snapshots and their truth out."""

from collections import deque
from dataclasses import dataclass

import numpy as np
import polars as pl

from future_skills import schema
from future_skills.simulation.observation import MEMORY, draw_market, observe
from future_skills.simulation.parameters import (
    DEFAULT_PARAMETERS,
    CompanyParameters,
    check_parameters,
    periods,
)
from future_skills.simulation.process import Ints, State, Structure, build_structure, first_state, next_state
from future_skills.simulation.truth import level_probabilities

TRUTH_COLUMNS = ("probability_low", "probability_medium", "probability_high")

DECIMALS = 9
"""Decimals of the truth: enough to rank, few enough to be the same on every machine."""


@dataclass(frozen=True, slots=True)
class SimulatedCompany:
    """A simulated company.

    Attributes:
        snapshots: HR facts, the columns of ``schema.SNAPSHOT_COLUMNS``, sorted by ``schema.SNAPSHOT_KEY``.
        truth: one row per row of ``snapshots``, in the same order: the key, and the probability of each level
            12 months later given the whole hidden state at the row's period (see ``truth.level_probabilities``).
    """

    snapshots: pl.DataFrame
    truth: pl.DataFrame


def simulate_company(*, seed: int, parameters: CompanyParameters = DEFAULT_PARAMETERS) -> SimulatedCompany:
    """Simulate a company. Same seed and parameters, same company; more quarters only add to it.

    Args:
        seed: 0 or more.
        parameters: size, calendar and laws.

    Raises:
        UsageError: a seed or a parameter no company can be made from.
    """
    check_parameters(seed=seed, parameters=parameters)
    structure = build_structure(seed=seed, parameters=parameters)
    market = draw_market(seed=seed, structure=structure)
    state = first_state(seed=seed, structure=structure, parameters=parameters)
    past: deque[State] = deque([state], maxlen=MEMORY)
    while state.quarter < -1:
        state = next_state(seed=seed, structure=structure, parameters=parameters, state=state)
        past.append(state)
    quarters = []
    for period in periods(parameters):
        state = next_state(seed=seed, structure=structure, parameters=parameters, state=state)
        past.append(state)
        seen, role, skill = observe(
            seed=seed, structure=structure, parameters=parameters, market=market, past=past, period=period
        )
        quarters.append(seen.with_columns(_truth(structure, parameters, state, role, skill)))
    rows = pl.concat(quarters).sort(schema.SNAPSHOT_KEY)
    return SimulatedCompany(
        snapshots=rows.select(schema.SNAPSHOT_COLUMNS), truth=rows.select(*schema.SNAPSHOT_KEY, *TRUTH_COLUMNS)
    )


def _truth(
    structure: Structure, parameters: CompanyParameters, state: State, role: Ints, skill: Ints
) -> list[pl.Series]:
    low, _, high = (
        np.round(values[role, skill], DECIMALS) for values in level_probabilities(structure, parameters, state)
    )
    medium = np.maximum(np.round(1.0 - low - high, DECIMALS), 0.0)  # so that the three add up to 1
    return [pl.Series(name, values) for name, values in zip(TRUTH_COLUMNS, (low, medium, high), strict=True)]
