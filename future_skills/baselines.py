"""The rules baseline: what a person would answer from the eleven features, without a model and without history.

It answers where no model can (one period of data), and stands beside every version: a model that does not beat it is not
worth its upkeep. It reads no label, so it has nothing to learn and is the same for every company.
"""

from types import MappingProxyType
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from future_skills import schema

USED_WIDELY: Final = 0.30
"""``internal_usage`` from which a skill is in wide use."""

USED_SOMEWHAT: Final = 0.10
"""``internal_usage`` from which a skill is in some use."""

RISING: Final = 0.55
"""``trend_score`` from which a skill is on the rise (0.5 is stable)."""

FALLING: Final = 0.45
"""``trend_score`` below which a skill is on the way out."""

OFTEN_REQUESTED: Final = 10.0
"""``training_requests`` from which training is asked for often."""

HARD_TO_FIND: Final = 0.60
"""``scarcity_index`` or ``hiring_difficulty`` from which people with the skill are hard to find."""

RULES_TEXT: Final = MappingProxyType(
    {
        "en": (
            "HIGH if the skill is in wide use (internal usage of 0.30 or more) and on the rise (trend of 0.55 or more) or "
            "often asked for in training (10 requests or more); or if it is on the rise, often asked for and hard to find "
            "(scarcity or hiring difficulty of 0.60 or more). "
            "Otherwise MEDIUM if it is in some use (0.10 or more) and not on the way out (trend of 0.45 or more), or on the "
            "rise and often asked for. Otherwise LOW. A condition whose value is missing does not hold, except that a "
            "missing trend is taken as stable (0.5)."
        ),
        "fr": (
            "ÉLEVÉ si la compétence est très utilisée (usage interne d'au moins 0,30) et en hausse (tendance d'au moins "
            "0,55) ou souvent demandée en formation (au moins 10 demandes) ; ou si elle est en hausse, souvent demandée "
            "et difficile à trouver (rareté ou difficulté de recrutement d'au moins 0,60). "
            "Sinon MOYEN si elle est assez utilisée (au moins 0,10) et n'est pas en recul (tendance d'au moins 0,45), ou "
            "en hausse et souvent demandée. Sinon FAIBLE. Une condition dont la valeur manque n'est pas remplie ; "
            "seule une tendance manquante est prise pour stable (0,5)."
        ),
    }
)
"""The rules in words, by language."""


def rules_level(frame: pl.DataFrame) -> NDArray[np.str_]:
    """Level of each row by the rules of ``RULES_TEXT``.

    Args:
        frame: n rows with the numeric base features; None and NaN are missing.

    Returns:
        n levels among LOW, MEDIUM and HIGH.
    """
    trend = _value("trend_score").fill_null(0.5)
    usage = _value("internal_usage")
    rising = trend >= RISING
    requested = _holds(_value("training_requests") >= OFTEN_REQUESTED)
    hard_to_find = _holds(_value("scarcity_index") >= HARD_TO_FIND) | _holds(
        _value("hiring_difficulty") >= HARD_TO_FIND
    )
    high = (_holds(usage >= USED_WIDELY) & (rising | requested)) | (rising & requested & hard_to_find)
    medium = (_holds(usage >= USED_SOMEWHAT) & (trend >= FALLING)) | (rising & requested)
    level = (
        pl.when(high).then(pl.lit(schema.HIGH)).when(medium).then(pl.lit(schema.MEDIUM)).otherwise(pl.lit(schema.LOW))
    )
    return frame.select(level.alias("level"))["level"].to_numpy().astype(np.str_)


def _value(name: str) -> pl.Expr:
    """A numeric column, missing values as null."""
    return pl.col(name).cast(pl.Float64).fill_nan(None)


def _holds(condition: pl.Expr) -> pl.Expr:
    """The condition, false where it cannot be answered."""
    return condition.fill_null(value=False)
