"""Intervals of a share."""

import math

from scipy.stats import norm


def wilson(share: float, n: float, *, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share, two-sided (Wilson 1927, JASA 22, 209-212).

    Args:
        share: observed, 0 to 1.
        n: on how many rows; an effective number where rows are weighted or clustered; above 0.
        confidence: 0.90 leaves 5 % on each side.

    Returns:
        Lower and upper end, 0 to 1.
    """
    z2 = float(norm.ppf((1 + confidence) / 2)) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)
