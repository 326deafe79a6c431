"""Every number the simulated company is made from, with its meaning, unit and default."""

import re
from dataclasses import dataclass
from typing import Final

from future_skills.errors import UsageError, translatable
from future_skills.schema import PERIOD_PATTERN
from future_skills.simulation.catalogue import DEPARTMENTS

MONTHS_PER_QUARTER: Final = 3
HORIZON_QUARTERS: Final = 4
"""The truth looks 12 months ahead."""


@dataclass(frozen=True, slots=True)
class CompanyParameters:
    """Size, calendar and laws of the simulated company.

    Need is measured on a scale where the static part of a pair (``affinity``) has mean 0 and variance 1 over the
    catalogue; standard deviations and thresholds are in that unit, rates and autocorrelations are per quarter.

    Attributes:
        roles: job roles, 2 to 10 000.
        skills: skills, 2 to 100 000; those that arrive after the last quarter do not show.
        quarters: quarters observed, 1 to 400.
        first_period: month of the first quarter, YYYY-MM.
        suitability_share: share of the affinity's variance that comes from department x category.
        profile_share: share that comes from the role's latent profile x the skill's embedding.
        popularity_share: share that comes from the skill alone; what is left belongs to the pair alone.
        latent_dimensions: dimensions of profiles and embeddings, 1 or more.
        reversion: part of the gap between need and its target closed in a quarter, above 0.
        diffusion: part of the gap between need and the mean of the most similar roles closed in a quarter, 0 or more.
        neighbours: how many most similar roles a role learns from, 1 or more.
        volatility: typical standard deviation of the pair's own shock.
        volatility_spread: log standard deviation of that volatility from skill to skill.
        skill_drift: standard deviation of the quarterly innovation of a skill's drift, common to all roles.
        skill_drift_memory: autocorrelation of a skill's drift, 0 to below 1.
        market_drift: the same innovation for a whole category of skills.
        market_drift_memory: autocorrelation of a category's drift, 0 to below 1.
        economy_weight: drift of every need when the economy is one standard deviation above normal.
        economy_memory: autocorrelation of the economy, 0 to below 1.
        wave_height: height of a rising skill's wave in a role fully sensitive to it.
        decline_depth: the same for a declining skill, downwards.
        wave_delay: quarters by which a role as far from the pioneer role as two roles typically are lags it.
        late_share: share of the rising skills that do not exist yet in the first quarter.
        late_quarters: such a skill arrives in quarter 1 to ``late_quarters``, the first being 0.
        judgement: standard deviation of HR's error of judgement on a need.
        judgement_memory: autocorrelation of that error: the same people judge, 0 to below 1.
        listed_above: judged need from which a role begins to list a skill.
        unlisted_margin: a listed skill is dropped below ``listed_above`` minus this.
        medium_above: judged need from which the level is MEDIUM; not below ``listed_above``.
        high_above: judged need from which the level is HIGH.
        omission: probability that a listed pair is forgotten in a quarter, 0 to 1.
        silence: probability that a role's levels are not observed in a quarter, 0 to 1.
        late_department: index of the department whose levels are not observed in the first quarter; None for none.
        missing: probability that a measured feature is missing, 0 to 1.
    """

    roles: int = 40
    skills: int = 120
    quarters: int = 12
    first_period: str = "2023-03"
    suitability_share: float = 0.50
    profile_share: float = 0.22
    popularity_share: float = 0.08
    latent_dimensions: int = 6
    reversion: float = 0.12
    diffusion: float = 0.06
    neighbours: int = 5
    volatility: float = 0.055
    volatility_spread: float = 0.35
    skill_drift: float = 0.022
    skill_drift_memory: float = 0.80
    market_drift: float = 0.012
    market_drift_memory: float = 0.70
    economy_weight: float = 0.01
    economy_memory: float = 0.80
    wave_height: float = 1.5
    decline_depth: float = 1.4
    wave_delay: float = 4.0
    late_share: float = 0.35
    late_quarters: int = 6
    judgement: float = 0.08
    judgement_memory: float = 0.50
    listed_above: float = 0.0
    unlisted_margin: float = 0.25
    medium_above: float = 0.72
    high_above: float = 1.25
    omission: float = 0.004
    silence: float = 0.02
    late_department: int | None = 4
    missing: float = 0.03


DEFAULT_PARAMETERS: Final = CompanyParameters()
"""About 40 roles x 120 skills over the twelve quarters of 2023 to 2025."""

_BOUNDS: Final[tuple[tuple[str, float, float], ...]] = (
    ("roles", 2, 10_000),
    ("skills", 2, 100_000),
    ("quarters", 1, 400),
    ("suitability_share", 0, 1),
    ("profile_share", 0, 1),
    ("popularity_share", 0, 1),
    ("latent_dimensions", 1, 100),
    ("reversion", 0.001, 1),
    ("diffusion", 0, 0.999),
    ("neighbours", 1, 1_000),
    ("volatility", 0.001, 10),
    ("volatility_spread", 0, 2),
    ("skill_drift", 0, 10),
    ("skill_drift_memory", 0, 0.999),
    ("market_drift", 0, 10),
    ("market_drift_memory", 0, 0.999),
    ("economy_weight", 0, 10),
    ("economy_memory", 0, 0.999),
    ("wave_height", 0, 10),
    ("decline_depth", 0, 10),
    ("wave_delay", 0, 100),
    ("late_share", 0, 1),
    ("late_quarters", 1, 400),
    ("judgement", 0, 10),
    ("judgement_memory", 0, 0.999),
    ("unlisted_margin", 0, 10),
    ("omission", 0, 1),
    ("silence", 0, 1),
    ("missing", 0, 1),
)


def check_parameters(*, seed: int, parameters: CompanyParameters) -> None:
    """Refuse what no company can be made from.

    Raises:
        UsageError: names the parameter and what it may be.
    """
    if seed < 0:
        raise UsageError(translatable("The seed must be 0 or more, not {seed}."), seed=seed)
    for name, minimum, maximum in _BOUNDS:
        value = getattr(parameters, name)
        if not minimum <= value <= maximum:
            raise UsageError(
                translatable("{name} must be between {minimum} and {maximum}, not {value}."),
                name=name,
                minimum=minimum,
                maximum=maximum,
                value=value,
            )
    if not re.fullmatch(PERIOD_PATTERN, parameters.first_period):
        raise UsageError(
            translatable("The first period must be a month written YYYY-MM, not “{value}”."),
            value=parameters.first_period,
        )
    _check_relations(parameters)


def _check_relations(parameters: CompanyParameters) -> None:
    shares = parameters.suitability_share + parameters.profile_share + parameters.popularity_share
    if shares > 1:
        raise UsageError(translatable("The shares of the affinity add up to {value}, more than 1."), value=shares)
    if parameters.reversion + parameters.diffusion > 1:
        raise UsageError(translatable("Reversion and diffusion together must not exceed 1."))
    if parameters.late_department is not None and not 0 <= parameters.late_department < len(DEPARTMENTS):
        raise UsageError(
            translatable("late_department must be between 0 and {maximum}, or None."), maximum=len(DEPARTMENTS) - 1
        )
    # A pair that is gone must be LOW, or the truth of “gone” would not be the truth of LOW.
    if not parameters.listed_above <= parameters.medium_above < parameters.high_above:
        raise UsageError(translatable("Thresholds must rise: listed_above, medium_above, high_above."))


def periods(parameters: CompanyParameters) -> tuple[str, ...]:
    """The months of the quarters, in order: ``2023-03``, ``2023-06`` and so on."""
    year, month = (int(part) for part in parameters.first_period.split("-"))
    months = (year * 12 + month - 1 + MONTHS_PER_QUARTER * i for i in range(parameters.quarters))
    return tuple(f"{count // 12:04d}-{count % 12 + 1:02d}" for count in months)
