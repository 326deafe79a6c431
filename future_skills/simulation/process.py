"""The hidden processes: who needs what, and how it moves from quarter to quarter.

Everything is linear and Gaussian given the hidden state, so that the future has a closed form (``truth.py``).
No matrix product is used: sums run in a fixed order, so that results do not depend on a BLAS library.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from future_skills.simulation.catalogue import (
    CATEGORIES,
    DECLINING,
    RISING,
    SUITABILITY,
    RoleEntry,
    SkillEntry,
    roles,
    skills,
)
from future_skills.simulation.parameters import CompanyParameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

BURN_IN: Final = 16
"""Quarters lived before the first one observed, so that nothing depends on how the company began."""

STRUCTURE, MARKET, SHOCKS, OBSERVATIONS = range(4)
"""Streams of random numbers."""


def generator(seed: int, stream: int, quarter: int = 0) -> np.random.Generator:
    """Random numbers of one stream at one quarter (-``BURN_IN`` or later), independent of all others.

    One stream per quarter: what happens does not depend on how many quarters are asked for.
    """
    return np.random.default_rng([seed, stream, BURN_IN + quarter])


@dataclass(frozen=True, slots=True)
class Structure:
    """What does not change over time. R roles, S skills.

    Attributes:
        roles: the R job roles.
        skills: the S skills.
        department: index of each role's department, R.
        category: index of each skill's category, S.
        affinity: static need, R x S.
        sensitivity: how much a pair takes part in its skill's wave, 0 to 1, R x S.
        delay: quarters between the pioneer role and this role in the skill's wave, R x S.
        neighbours: indices of the most similar roles, R x k.
        volatility: standard deviation of a pair's own quarterly shock, S.
        height: height of the skill's wave, negative for a decline, S.
        speed: steepness of the wave, per quarter, S.
        midpoint: quarter at which the pioneer role is half-way up the wave, S.
        arrival: first quarter at which the skill exists, S.
    """

    roles: tuple[RoleEntry, ...]
    skills: tuple[SkillEntry, ...]
    department: Ints
    category: Ints
    affinity: Floats
    sensitivity: Floats
    delay: Floats
    neighbours: Ints
    volatility: Floats
    height: Floats
    speed: Floats
    midpoint: Floats
    arrival: Ints


@dataclass(frozen=True, slots=True)
class State:
    """The hidden state at one quarter: with the structure, all that the future depends on.

    Attributes:
        quarter: 0 for the first one observed.
        need: latent need, R x S.
        skill_drift: drift of each skill, S.
        market_drift: drift of each category, C.
        economy: state of the economy, in standard deviations from normal.
        judgement: HR's present error of judgement, R x S.
        listed: whether the role lists the skill, R x S.
        usage: share of the role's people who use the skill, 0 to 1, R x S.
    """

    quarter: int
    need: Floats
    skill_drift: Floats
    market_drift: Floats
    economy: float
    judgement: Floats
    listed: Flags
    usage: Floats


def logistic(x: Floats) -> Floats:
    """1 / (1 + e^-x)."""
    return np.asarray(1.0 / (1.0 + np.exp(-x)), dtype=np.float64)


def wanted_usage(need: Floats) -> Floats:
    """Share of a role's people that a need calls for, 0 to 1."""
    return logistic(1.6 * need - 1.2)


def build_structure(*, seed: int, parameters: CompanyParameters) -> Structure:
    """Draw roles, skills and what suits whom."""
    rng = generator(seed, STRUCTURE)
    role_entries, skill_entries = roles(parameters.roles), skills(parameters.skills)
    department = np.array([role.department for role in role_entries], dtype=np.int64)
    category = np.array([skill.category for skill in skill_entries], dtype=np.int64)
    profile = _latent(rng, group=department, dimensions=parameters.latent_dimensions)
    embedding = _latent(rng, group=category, dimensions=parameters.latent_dimensions)
    affinity = _affinity(
        rng,
        suitability=_standard_suitability()[department][:, category],
        match=_match(profile, embedding),
        parameters=parameters,
    )
    distance = _distances(profile)
    pioneer = np.argmax(np.round(affinity, 9), axis=0)
    height, speed, midpoint, arrival = _waves(rng, skill_entries, parameters)
    return Structure(
        roles=role_entries,
        skills=skill_entries,
        department=department,
        category=category,
        affinity=affinity,
        sensitivity=logistic(1.5 * affinity),
        delay=parameters.wave_delay * distance[:, pioneer],
        neighbours=_nearest(distance, parameters.neighbours),
        volatility=parameters.volatility
        * np.exp(parameters.volatility_spread * rng.standard_normal(len(skill_entries))),
        height=height,
        speed=speed,
        midpoint=midpoint,
        arrival=arrival,
    )


def _standard_suitability() -> Floats:
    table = np.array(SUITABILITY, dtype=np.float64)
    return np.asarray((table - table.mean()) / table.std(), dtype=np.float64)


def _latent(rng: np.random.Generator, *, group: Ints, dimensions: int) -> Floats:
    """Standard normal vectors, half of whose variance is shared within the group."""
    centres = rng.standard_normal((int(group.max()) + 1, dimensions))
    own = rng.standard_normal((len(group), dimensions))
    return np.asarray(np.sqrt(0.5) * (centres[group] + own), dtype=np.float64)


def _match(profile: Floats, embedding: Floats) -> Floats:
    """Scalar products of profiles and embeddings, scaled to variance 1."""
    total = np.zeros((len(profile), len(embedding)))
    for dimension in range(profile.shape[1]):
        total += np.outer(profile[:, dimension], embedding[:, dimension])
    return np.asarray(total / np.sqrt(profile.shape[1]), dtype=np.float64)


def _affinity(rng: np.random.Generator, *, suitability: Floats, match: Floats, parameters: CompanyParameters) -> Floats:
    popularity = rng.standard_normal(suitability.shape[1])
    own = rng.standard_normal(suitability.shape)
    own_share = 1.0 - parameters.suitability_share - parameters.profile_share - parameters.popularity_share
    return np.asarray(
        np.sqrt(parameters.suitability_share) * suitability
        + np.sqrt(parameters.profile_share) * match
        + np.sqrt(parameters.popularity_share) * popularity
        + np.sqrt(max(own_share, 0.0)) * own,
        dtype=np.float64,
    )


def _distances(profile: Floats) -> Floats:
    """Distances between profiles; 1 for two roles drawn independently (root mean square)."""
    squares = np.zeros((len(profile), len(profile)))
    for dimension in range(profile.shape[1]):
        squares += np.subtract.outer(profile[:, dimension], profile[:, dimension]) ** 2
    return np.asarray(np.sqrt(squares / (2.0 * profile.shape[1])), dtype=np.float64)


def _nearest(distance: Floats, count: int) -> Ints:
    """Indices of the ``count`` nearest other roles (all of them where there are fewer)."""
    others = np.round(distance, 9)
    np.fill_diagonal(others, np.inf)
    return np.argsort(others, axis=1, kind="stable")[:, : min(count, len(distance) - 1)]


def _waves(
    rng: np.random.Generator, entries: tuple[SkillEntry, ...], parameters: CompanyParameters
) -> tuple[Floats, Floats, Floats, Ints]:
    """Height, speed, midpoint and arrival of each skill's technology wave (a logistic S-curve)."""
    count = len(entries)
    direction = np.array([entry.direction for entry in entries])
    scale = np.select(
        [direction == RISING, direction == DECLINING],
        [parameters.wave_height, -parameters.decline_depth],
        0.0,
    )
    height = scale * rng.uniform(0.5, 1.5, count)
    speed = rng.uniform(0.35, 0.9, count)
    midpoint = rng.uniform(-6.0, 14.0, count)
    late = (direction == RISING) & (rng.random(count) < parameters.late_share)
    arrival = np.where(late, rng.integers(1, parameters.late_quarters + 1, count), -BURN_IN)
    # A skill that has just arrived is at the foot of its wave.
    midpoint = np.where(late, arrival + rng.uniform(1.0, 6.0, count), midpoint)
    return height, speed, midpoint, arrival.astype(np.int64)


def target(structure: Structure, quarter: int) -> Floats:
    """Where need is drawn to: affinity plus the skill's wave as it has reached the role, R x S."""
    phase = structure.speed * (quarter - structure.midpoint - structure.delay)
    wave: Floats = structure.sensitivity * structure.height * logistic(phase)
    return structure.affinity + wave


def neighbour_mean(structure: Structure, values: Floats) -> Floats:
    """Mean of ``values`` (R rows) over each role's most similar roles."""
    total = np.zeros_like(values)
    for rank in range(structure.neighbours.shape[1]):
        total += values[structure.neighbours[:, rank]]
    return np.asarray(total / structure.neighbours.shape[1], dtype=np.float64)


def expected_need(
    structure: Structure, parameters: CompanyParameters, need: Floats, drift: Floats, quarter: int
) -> Floats:
    """Need at ``quarter``, before the pairs' own shocks, from the need of the quarter before and the drift, R x S."""
    keep = 1.0 - parameters.reversion - parameters.diffusion
    return (
        keep * need
        + parameters.reversion * target(structure, quarter)
        + parameters.diffusion * neighbour_mean(structure, need)
        + drift
    )


def total_drift(
    structure: Structure, parameters: CompanyParameters, state: State, *, quarters_later: int = 0
) -> Floats:
    """Expected drift of each skill's need so many quarters later, S."""
    skill = parameters.skill_drift_memory**quarters_later * state.skill_drift
    market = parameters.market_drift_memory**quarters_later * state.market_drift[structure.category]
    economy = parameters.economy_memory**quarters_later * state.economy
    return np.asarray(skill + market + parameters.economy_weight * economy, dtype=np.float64)


def first_state(*, seed: int, structure: Structure, parameters: CompanyParameters) -> State:
    """The state at the beginning of the burn-in."""
    rng = generator(seed, SHOCKS, -BURN_IN)
    need = target(structure, -BURN_IN)
    judgement = parameters.judgement * rng.standard_normal(need.shape)
    return State(
        quarter=-BURN_IN,
        need=need,
        skill_drift=np.zeros(len(structure.skills)),
        market_drift=np.zeros(len(CATEGORIES)),
        economy=0.0,
        judgement=judgement,
        listed=need + judgement > parameters.listed_above,
        usage=wanted_usage(need),
    )


def next_state(*, seed: int, structure: Structure, parameters: CompanyParameters, state: State) -> State:
    """One quarter later."""
    quarter = state.quarter + 1
    rng = generator(seed, SHOCKS, quarter)
    economy_shock = np.sqrt(1.0 - parameters.economy_memory**2) * rng.standard_normal()
    moved = State(
        quarter=quarter,
        need=state.need,
        skill_drift=parameters.skill_drift_memory * state.skill_drift
        + parameters.skill_drift * rng.standard_normal(len(structure.skills)),
        market_drift=parameters.market_drift_memory * state.market_drift
        + parameters.market_drift * rng.standard_normal(len(CATEGORIES)),
        economy=float(parameters.economy_memory * state.economy + economy_shock),
        judgement=parameters.judgement_memory * state.judgement
        + parameters.judgement * np.sqrt(1.0 - parameters.judgement_memory**2) * rng.standard_normal(state.need.shape),
        listed=state.listed,
        usage=state.usage,
    )
    drift = total_drift(structure, parameters, moved)
    need = expected_need(structure, parameters, state.need, drift, quarter)
    need += structure.volatility * rng.standard_normal(need.shape)
    return State(
        quarter=quarter,
        need=need,
        skill_drift=moved.skill_drift,
        market_drift=moved.market_drift,
        economy=moved.economy,
        judgement=moved.judgement,
        listed=_listed(structure, parameters, moved, need),
        # People learn slowly: usage runs after the need of the quarter before.
        usage=state.usage + 0.35 * (wanted_usage(state.need) - state.usage),
    )


def _listed(structure: Structure, parameters: CompanyParameters, moved: State, need: Floats) -> Flags:
    bar = parameters.listed_above - parameters.unlisted_margin * moved.listed
    return np.asarray((need + moved.judgement > bar) & (structure.arrival <= moved.quarter), dtype=np.bool_)
