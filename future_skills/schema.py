"""The one list of columns, levels and ranges: import, export, training, validation, serving and drift all read it.

Units and meanings are those of ``docs/glossary.md``; a missing value is None (null), never a number that stands for it.
"""

from dataclasses import dataclass
from typing import Final

LOW: Final = "LOW"
MEDIUM: Final = "MEDIUM"
HIGH: Final = "HIGH"

LEVELS: Final = (LOW, MEDIUM, HIGH)
"""Need levels, in order."""

LEVEL_RANK: Final = {level: rank for rank, level in enumerate(LEVELS)}
"""0 for LOW, 1 for MEDIUM, 2 for HIGH."""

PERIOD: Final = "period"
LABEL_PERIOD: Final = "label_period"
ROLE: Final = "job_role_name"
SKILL: Final = "skill_name"
CATEGORY: Final = "skill_category"
DEPARTMENT: Final = "job_department"
LABEL: Final = "future_need_level"
CURRENT_LEVEL: Final = "current_need_level"
OBSERVED_LEVEL: Final = "observed_need_level"
ROLE_CODE: Final = "job_role_code"

PERIOD_PATTERN: Final = r"^[12][0-9]{3}-(0[1-9]|1[0-2])$"
"""A period is a month, YYYY-MM."""

NAME_MAX_LENGTH: Final = 200
"""Longest name of a role, skill, category or department, in characters."""


@dataclass(frozen=True, slots=True)
class NumericFeature:
    """A numeric fact of a role x skill x period.

    Attributes:
        name: column name.
        minimum: smallest value allowed.
        maximum: largest value allowed.
        unit: unit, as a symbol ("" for a share).
    """

    name: str
    minimum: float
    maximum: float
    unit: str = ""


NUMERIC: Final = (
    NumericFeature("trend_score", 0.0, 1.0),
    NumericFeature("internal_usage", 0.0, 1.0),
    NumericFeature("training_requests", 0.0, 1_000_000.0),
    NumericFeature("scarcity_index", 0.0, 1.0),
    NumericFeature("hiring_difficulty", 0.0, 1.0),
    NumericFeature("avg_salary_k", 0.0, 10_000.0, "k"),
    NumericFeature("economic_indicator", -100.0, 1_000.0),
)

CATEGORICAL_FEATURES: Final = (ROLE, SKILL, CATEGORY, DEPARTMENT)
NUMERIC_FEATURES: Final = tuple(feature.name for feature in NUMERIC)
BASE_FEATURES: Final = (*CATEGORICAL_FEATURES, *NUMERIC_FEATURES)
"""The eleven features of the written registry."""

SNAPSHOT_COLUMNS: Final = (
    PERIOD,
    ROLE_CODE,
    ROLE,
    DEPARTMENT,
    SKILL,
    CATEGORY,
    *NUMERIC_FEATURES,
    OBSERVED_LEVEL,
)
"""One row of HR facts: what was recorded of one skill in one role at one period."""

SNAPSHOT_KEY: Final = (PERIOD, ROLE, SKILL)
