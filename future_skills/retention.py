"""How long predictions must be kept: labels come late, and a prediction that is gone can never be compared with one."""

from typing import Final

from future_skills.labels import HORIZON_MONTHS, TOLERANCE_MONTHS

MARGIN_MONTHS: Final = 3
"""Months that HR takes to bring the facts that hold a label."""

LEAST_MONTHS: Final = 6
"""Whatever the horizon: shorter, and nobody could answer who asks why a decision was taken."""


def shortest_retention(*, horizon_months: int = HORIZON_MONTHS, tolerance_months: int = TOLERANCE_MONTHS) -> int:
    """The fewest months for which predictions may be kept, given how late their labels come."""
    return max(LEAST_MONTHS, horizon_months + tolerance_months + MARGIN_MONTHS)
