"""What share of the answers should turn out right, before any label is there: a confidence-based performance estimate.

Each answer has a probability; what share of such answers was right on the version's own test rows turns it into a calibrated
one (isotonic regression); their mean over the window is the share expected to be right (confidence-based performance estimation:
Guillory et al. 2021, *Predicting with confidence on unseen distributions*, ICCV; NannyML's CBPE). **It is no accuracy**: it
stands on conditions, each of which is checked and stated, and where one fails there is no estimate.

The interval is about the share that will be right, not about its mean in the long run. Three errors add up:

* calibration: other roles and skills in the test rows would have given another curve (two-way bootstrap of the test rows);
* window: with the right probabilities, what happens still varies, and together for the rows of one role or one skill. Of
  the test rows' errors, scaled to variance one, the parts that roles, skills and rows have (moments of Gao and Owen 2017,
  *Efficient moment calculations for variance components in large unbalanced crossed random effects models*, Electronic
  Journal of Statistics 11, 1235-1296) are applied to the window's own rows;
* time: one period is not another, and no row of one period tells by how much. What was expected and what happened are compared
  each time both are known: on the test rows, later than the training, and on earlier windows. These gaps are few, so a Student
  distribution of as many degrees of freedom stands on them, with a prior worth ``PRIOR_WINDOWS`` more.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np
import polars as pl
from scipy.stats import norm, t
from sklearn.isotonic import IsotonicRegression

from future_skills import schema
from future_skills.bootstrap import SEED, Floats, Integers, draw_weights
from future_skills.comparison import CONFIDENCE
from future_skills.errors import translatable
from future_skills.evaluation import TestRows, rows_scores
from future_skills.manifest import CategoricalProfile, NumericProfile, Part
from future_skills.metrics import calibration_error, ranks
from future_skills.performance import MINIMUM_ROWS, require_columns
from future_skills.prediction import TIME_COUNTERS

CALIBRATION_LIMIT: Final = 0.05
"""Calibration error of the version's test rows beyond which nothing is estimated, unless a policy says otherwise."""

SUPPORT_LIMIT: Final = 0.10
"""Share of rows unlike any of training beyond which nothing is estimated, unless a policy says otherwise."""

DRAWS: Final = 200
"""Draws of the bootstrap behind the calibration's part: a standard error needs fewer than an interval."""

PRIOR_WINDOWS: Final = 2
"""How many windows the prior of the gap between periods is worth."""

PRIOR_GAP: Final = 0.01
"""Standard deviation of that prior: one point of share right."""

OUTSIDE: Final = frozenset({"unknown_role", "unknown_skill", "unknown_category", "no_history"})
"""Warnings that say a row is unlike those of training, whatever its numbers."""

BEYOND: Final = 1.0
"""How far outside the range of training a number must lie to say so too, in standard deviations of training."""

ConditionName = Literal["calibrated", "inside_training", "no_concept_drift", "enough_rows"]
State = Literal["holds", "fails", "unknown"]


class Condition(Part):
    """What an estimate stands on.

    Attributes:
        name: ``calibrated`` (calibration error of the test rows), ``inside_training`` (share of rows that ``share_outside``
            counts), ``no_concept_drift`` (the share right in the last window whose labels came, inside the interval that had been
            estimated for it), ``enough_rows`` (the smaller of the window's rows and the test rows).
        state: ``unknown`` where there is nothing to check it with.
        observed: the value; None where there is none.
        low: the least it may be, or None.
        high: the most it may be, or None.
    """

    name: ConditionName
    state: State
    observed: float | None
    low: float | None = None
    high: float | None = None


class PastWindow(Part):
    """A window whose labels came after its estimate.

    Attributes:
        period: of the window.
        expected: the share that was expected to be right; see ``Estimate``.
        low: lower end of its interval.
        high: upper end.
        realised: the share that was.
    """

    period: str
    expected: float
    low: float
    high: float
    realised: float


class Spread(Part):
    """Standard errors of an estimate, as shares; see the module.

    Attributes:
        calibration: of the calibration.
        window: of what happens in the window.
        time: of one period against another.
    """

    calibration: float
    window: float
    time: float


class Estimate(Part):
    """The share of a window's answers that should turn out right.

    Attributes:
        periods: of the window, in order.
        rows: of the window.
        expected: None where it is not estimable.
        low: lower end of its interval, or None.
        high: upper end, or None.
        confidence: of the interval, two-sided.
        spread: what the interval is made of, or None.
        conditions: what it stands on, each with its state.
        compared: how many times what was expected and what happened could be compared, the version's own test included.
    """

    periods: tuple[str, ...]
    rows: int
    expected: float | None
    low: float | None
    high: float | None
    confidence: float
    spread: Spread | None
    conditions: tuple[Condition, ...]
    compared: int

    @property
    def is_estimable(self) -> bool:
        """Whether no condition fails."""
        return all(one.state != "fails" for one in self.conditions)


def estimate(
    window: pl.DataFrame,
    version_rows: pl.DataFrame,
    profile: Mapping[str, NumericProfile | CategoricalProfile],
    *,
    past: Sequence[PastWindow] = (),
    calibration_limit: float = CALIBRATION_LIMIT,
    support_limit: float = SUPPORT_LIMIT,
    minimum_rows: int = MINIMUM_ROWS,
    confidence: float = CONFIDENCE,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Estimate:
    """Estimate what share of a window's answers will turn out right; no label of the window is looked at.

    Args:
        window: what the version said: ``job_role_name, skill_name, period, level, low, medium, high, warnings`` (codes separated
            by commas), and the numbers it read, as in the result of a campaign.
        version_rows: the version's rows file (``training.rows_frame``): its test rows are what it is calibrated on.
        profile: of its manifest; empty for a version trained elsewhere, of which nobody knows the training rows.
        past: earlier windows of the version whose labels came, oldest first.
        calibration_limit: most calibration error of the test rows.
        support_limit: most rows unlike training, as a share.
        minimum_rows: rows needed, of the window and of the test.
        confidence: of the interval, two-sided.
        draws: of the two-way bootstrap.
        seed: of the draws.

    Raises:
        MissingColumnsError: the window lacks a column.
    """
    test = version_rows.filter(pl.col("part") == "test")
    conditions = (
        _calibrated(test, calibration_limit),
        _inside_training(window, profile, support_limit),
        _no_concept_drift(past),
        _enough_rows(min(len(window), len(test)), minimum_rows),
    )
    nothing = Estimate(
        periods=tuple(window[schema.PERIOD].unique().sort()),
        rows=len(window),
        expected=None,
        low=None,
        high=None,
        confidence=confidence,
        spread=None,
        conditions=conditions,
        compared=len(past) + 1,
    )
    if not nothing.is_estimable:
        return nothing
    calibration = _Calibration.of(test)
    expected = float(calibration.curve.predict(_said(window)).mean())
    spread = Spread(
        calibration=calibration.spread(_said(window), draws=draws, seed=seed),
        window=calibration.spread_of_outcomes(window),
        time=spread_of_time([calibration.gap, *(one.realised - one.expected for one in past)]),
    )
    half = half_width(spread, compared=nothing.compared, confidence=confidence)
    ends = {"expected": expected, "low": max(0.0, expected - half), "high": min(1.0, expected + half)}
    return nothing.model_copy(update={**ends, "spread": spread})


def spread_of_time(gaps: Sequence[float]) -> float:
    """Standard deviation of what one period adds to another, from gaps between what happened and what was expected.

    The mean of a scaled inverse chi-square prior and of the squared gaps, each weighing as many windows as it stands for. The
    gaps hold the other two errors too: it errs on the wide side.

    Args:
        gaps: share right minus share expected, one a window.
    """
    squares = PRIOR_WINDOWS * PRIOR_GAP**2 + sum(gap**2 for gap in gaps)
    return math.sqrt(squares / (PRIOR_WINDOWS + len(gaps)))


def half_width(spread: Spread, *, compared: int, confidence: float = CONFIDENCE) -> float:
    """Half of the interval: the two errors that rows tell of are normal, that of time is Student's.

    Args:
        spread: the standard errors.
        compared: see ``Estimate``.
        confidence: of the interval, two-sided.
    """
    tail = (1 + confidence) / 2
    rows = float(norm.ppf(tail)) * math.hypot(spread.calibration, spread.window)
    return math.hypot(rows, float(t.ppf(tail, PRIOR_WINDOWS + compared)) * spread.time)


def share_outside(window: pl.DataFrame, profile: Mapping[str, NumericProfile | CategoricalProfile]) -> float:
    """Share of rows unlike those of training: a warning of ``OUTSIDE``, or a number further than ``BEYOND`` out of range.

    A number that is the same in the whole window is a figure of the market, not a fact about a row; what one period changes is in
    the estimate's part of time. Counters that grow with the calendar are left out too.

    Args:
        window: see ``estimate``.
        profile: see ``estimate``.

    Raises:
        MissingColumnsError: the window lacks a number of the profile.
    """
    ranges = {
        name: one for name, one in profile.items() if isinstance(one, NumericProfile) and name not in TIME_COUNTERS
    }
    require_columns(window, ("warnings", *ranges), name=translatable("predictions"))
    unlike = [pl.col("warnings").str.split(",").list.set_intersection(sorted(OUTSIDE)).list.len() > 0]
    for name, one in ranges.items():
        if window[name].n_unique() > 1 and one.minimum is not None and one.maximum is not None:
            room = BEYOND * (one.standard_deviation or 0.0)
            unlike.append(~pl.col(name).is_between(one.minimum - room, one.maximum + room))
    outside = window.select(pl.any_horizontal(one.fill_null(value=False) for one in unlike).sum()).item()
    return float(outside) / max(len(window), 1)


# --- Conditions -------------------------------------------------------------------------------------------------------


def _calibrated(test: pl.DataFrame, limit: float) -> Condition:
    scores = rows_scores(test)
    if test.is_empty() or scores.probabilities is None:
        return Condition(name="calibrated", state="fails", observed=None, high=limit)
    error = calibration_error(ranks(test[schema.LABEL]), scores)
    return Condition(name="calibrated", state=_state(error <= limit), observed=error, high=limit)


def _inside_training(
    window: pl.DataFrame, profile: Mapping[str, NumericProfile | CategoricalProfile], limit: float
) -> Condition:
    if not profile:
        return Condition(name="inside_training", state="unknown", observed=None, high=limit)
    outside = share_outside(window, profile)
    return Condition(name="inside_training", state=_state(outside <= limit), observed=outside, high=limit)


def _no_concept_drift(past: Sequence[PastWindow]) -> Condition:
    if not past:
        return Condition(name="no_concept_drift", state="unknown", observed=None)
    last = past[-1]
    inside = last.low <= last.realised <= last.high
    return Condition(
        name="no_concept_drift", state=_state(inside), observed=last.realised, low=last.low, high=last.high
    )


def _enough_rows(rows: int, minimum: int) -> Condition:
    return Condition(name="enough_rows", state=_state(rows >= minimum), observed=rows, low=minimum)


def _state(holds: bool) -> State:
    return "holds" if holds else "fails"


# --- Calibration ------------------------------------------------------------------------------------------------------


def _said(rows: pl.DataFrame) -> Floats:
    """The probability that each answer gave to the level it announced, shape (rows,)."""
    probability = pl.coalesce(pl.when(pl.col("level") == level).then(pl.col(level.lower())) for level in schema.LEVELS)
    return rows.select(probability).to_series().to_numpy().astype(np.float64)


class _Calibration:
    """The test rows of a version, and what share of its answers was right there by the probability it gave them.

    Attributes:
        curve: probability given -> share right, fitted.
        gap: share right minus the mean probability given: what the version itself expected, against what happened.
    """

    def __init__(self, given: Floats, right: Floats, roles: Integers, skills: Integers) -> None:
        self._given, self._right, self._roles, self._skills = given, right, roles, skills
        self.curve = _curve(given, right)
        self.gap = float(right.mean() - given.mean())

    @classmethod
    def of(cls, test: pl.DataFrame) -> "_Calibration":
        """From the test part of a rows file."""
        rows = TestRows.of(test)
        right = (rows_scores(test).predicted == rows.truth).astype(np.float64)
        return cls(_said(test.rename({"predicted": "level"})), right, rows.roles, rows.skills)

    def spread(self, given: Floats, *, draws: int, seed: int) -> float:
        """Standard error of the share expected, had other roles and skills been tested.

        Args:
            given: probabilities of the window's answers, shape (rows,).
            draws: of the bootstrap.
            seed: of the draws.
        """
        values, counts = np.unique(given, return_counts=True)
        shares = [
            np.average(_curve(self._given, self._right, weights).predict(values), weights=counts)
            for weights in draw_weights(self._roles, self._skills, draws=draws, seed=seed)
            if weights.any()
        ]
        return float(np.std(shares, ddof=1))

    def spread_of_outcomes(self, window: pl.DataFrame) -> float:
        """Standard error of the share right in a window whose probabilities are right.

        Args:
            window: see ``estimate``.
        """
        expected = self._inside(self.curve.predict(self._given))
        scaled = (self._right - expected) / np.sqrt(expected * (1 - expected))
        of_role, of_skill, of_row = variance_components(scaled, self._roles, self._skills)
        share = self._inside(self.curve.predict(_said(window)))
        weight = np.sqrt(share * (1 - share))
        by_role, by_skill = (
            np.bincount(window[name].rank("dense").to_numpy(), weight) for name in (schema.ROLE, schema.SKILL)
        )
        variance = of_role * (by_role**2).sum() + of_skill * (by_skill**2).sum() + of_row * (weight**2).sum()
        return math.sqrt(variance) / len(window)

    def _inside(self, shares: Floats) -> Floats:
        """Shares with half a row's room at both ends: rows that were all right say that nearly all will be."""
        room = 0.5 / len(self._right)
        return np.clip(shares, room, 1 - room)


def _curve(given: Floats, right: Floats, weights: Floats | None = None) -> IsotonicRegression:
    """Share right by probability given: never falling, constant beyond the probabilities that were seen."""
    return IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(given, right, sample_weight=weights)


def variance_components(values: Floats, roles: Integers, skills: Integers) -> tuple[float, float, float]:
    """Variance of values of a grid that roles, skills and the rows themselves have, none below 0.

    Sums of squares within roles, within skills and overall are set equal to their expectations (Gao and Owen 2017, section 3):
    within roles ``(N - R)(skill + row)``, within skills ``(N - S)(role + row)``, overall
    ``role (N - sum n_r² / N) + skill (N - sum n_s² / N) + row (N - 1)``. Where every row has a role or a skill of its own, rows
    have all of it.

    Args:
        values: shape (rows,).
        roles: index of each row's role, from 0, shape (rows,).
        skills: index of each row's skill, likewise.
    """
    rows, by_role, by_skill = len(values), np.bincount(roles), np.bincount(skills)
    known = (rows - len(by_role), rows - len(by_skill))
    if min(known) == 0:
        return 0.0, 0.0, float(values.var())
    overall = ((values - values.mean()) ** 2).sum()
    skill_and_row, role_and_row = (
        ((values - (np.bincount(group, values) / size)[group]) ** 2).sum() / within
        for group, size, within in ((roles, by_role, known[0]), (skills, by_skill, known[1]))
    )
    of_role, of_skill = (rows - (size.astype(np.float64) ** 2).sum() / rows for size in (by_role, by_skill))
    # role + row = b, skill + row = a, so that role of_role + skill of_skill + row (N - 1) = overall gives row
    row = (of_role * role_and_row + of_skill * skill_and_row - overall) / (of_role + of_skill - (rows - 1))
    row = float(np.clip(row, 0.0, min(role_and_row, skill_and_row)))
    return float(role_and_row - row), float(skill_and_row - row), row
