"""What will happen, as well as it can be known from the hidden state: exact probabilities, in closed form.

Given the state at quarter t, need at t + h is Gaussian. Its mean is the recursion of ``process.expected_need``
without shocks. Its variance adds up the shocks still to come, each times the response of need to it:

- a pair's own shocks spread through similar roles: sum over k < h of the squared row norms of M^k, with
  M = (1 - reversion - diffusion) I + diffusion W, W the matrix of the neighbours' mean;
- a common drift (skill, category, economy) moves all roles alike, and M of a constant is (1 - reversion) times it:
  sum over k < h of psi_k squared, psi_k = sum over i <= k of (1 - reversion)^(k - i) memory^i.

HR's error of judgement is autoregressive and Gaussian too. The level is the judged need cut at two thresholds.
"""

import numpy as np
from scipy.special import ndtr

from future_skills.simulation.parameters import HORIZON_QUARTERS, CompanyParameters
from future_skills.simulation.process import (
    Floats,
    State,
    Structure,
    expected_need,
    neighbour_mean,
    total_drift,
)


def level_probabilities(
    structure: Structure, parameters: CompanyParameters, state: State, horizon: int = HORIZON_QUARTERS
) -> tuple[Floats, Floats, Floats]:
    """Probabilities of LOW, MEDIUM and HIGH ``horizon`` quarters after ``state``, each R x S.

    They are those of the label: a pair no longer listed, or forgotten that quarter, is LOW; the role is observed then.
    """
    mean = _mean_need(structure, parameters, state, horizon)
    mean += parameters.judgement_memory**horizon * state.judgement
    deviation = np.sqrt(
        structure.volatility**2 * _spread(structure, parameters, horizon)[:, None]
        + _common_variance(parameters, horizon)
        + parameters.judgement**2 * (1.0 - parameters.judgement_memory ** (2 * horizon))
    )
    kept = 1.0 - parameters.omission
    at_least_medium = kept * np.asarray(ndtr((mean - parameters.medium_above) / deviation), dtype=np.float64)
    high = kept * np.asarray(ndtr((mean - parameters.high_above) / deviation), dtype=np.float64)
    return 1.0 - at_least_medium, at_least_medium - high, high


def _mean_need(structure: Structure, parameters: CompanyParameters, state: State, horizon: int) -> Floats:
    need = state.need
    for step in range(1, horizon + 1):
        drift = total_drift(structure, parameters, state, quarters_later=step)
        need = expected_need(structure, parameters, need, drift, state.quarter + step)
    return need


def _spread(structure: Structure, parameters: CompanyParameters, horizon: int) -> Floats:
    """Variance after ``horizon`` quarters of a role's own shocks of variance 1, R."""
    keep = 1.0 - parameters.reversion - parameters.diffusion
    response = np.eye(len(structure.roles))
    total = np.zeros(len(structure.roles))
    for _ in range(horizon):
        total += (response**2).sum(axis=1)
        response = keep * response + parameters.diffusion * neighbour_mean(structure, response)
    return total


def _common_variance(parameters: CompanyParameters, horizon: int) -> float:
    """Variance after ``horizon`` quarters of the drifts' innovations."""
    economy = parameters.economy_weight * np.sqrt(1.0 - parameters.economy_memory**2)
    drifts = (
        (parameters.skill_drift, parameters.skill_drift_memory),
        (parameters.market_drift, parameters.market_drift_memory),
        (float(economy), parameters.economy_memory),
    )
    return sum(scale**2 * _response_square(parameters.reversion, memory, horizon) for scale, memory in drifts)


def _response_square(reversion: float, memory: float, horizon: int) -> float:
    responses = (sum((1.0 - reversion) ** (k - i) * memory**i for i in range(k + 1)) for k in range(horizon))
    return sum(response**2 for response in responses)
