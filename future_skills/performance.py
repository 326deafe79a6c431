"""What predictions turned out to be worth, once levels were observed: pure functions of two frames and of past results.

A prediction is met by its label by the rule that made the labels of training (``labels.label_rows``): the pair's level at the
first period, horizon to horizon + tolerance months later, at which its role has observed levels; a pair that is gone is LOW.
Until then, what was observed last may stand in for the label: such figures are provisional, for levels may still move.

Figures are those of ``metrics.measure``, with the two-way intervals of ``bootstrap``, beside "same as today" on the same rows
and beside what the version declared (the same figures on its own test rows).
"""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import polars as pl

from future_skills import schema
from future_skills.bootstrap import EMERGENCE, LEVEL_METRICS, PRECISIONS, SEED, Replicates, draw_weights
from future_skills.comparison import CONFIDENCE, DRAWS, Difference
from future_skills.errors import MissingColumnsError, NotEnoughDataError, Words, translatable
from future_skills.evaluation import PERSISTENCE, TestRows, compared
from future_skills.labels import HORIZON_MONTHS, TOLERANCE_MONTHS, label_periods, label_rows
from future_skills.manifest import BaselineMetrics, Metrics, Part
from future_skills.metrics import HIGH_RANK, WATCH_LIST, Scores, measure, measure_persistence, ranks
from future_skills.periods import month_expression, month_index

MINIMUM_ROWS: Final = 100
"""Rows without which no figure is given, unless a policy says otherwise."""

CONSECUTIVE_WINDOWS: Final = 2
"""Windows in a row that make a fall, unless a policy says otherwise."""

OUTCOME: Final = "outcome"
"""Column that says what came of a prediction: one of ``OUTCOMES``."""

LABELLED: Final = "labelled"
WAITING: Final = "waiting"
NOT_COMPARABLE: Final = "not_comparable"
OUTCOMES: Final = (LABELLED, WAITING, NOT_COMPARABLE)

Reason = Literal["waiting", "not_comparable", "insufficient_sample"]
Interval = tuple[float, float]

_PROBABILITIES: Final = tuple(level.lower() for level in schema.LEVELS)


class Counts(Part):
    """Predictions, and what came of them.

    Attributes:
        predictions: all of them.
        labelled: those whose label was observed.
        waiting: those whose label may still come.
        not_comparable: those whose label will never be known: the role was not observed in time, or the pair's own level
            was not recorded then.
    """

    predictions: int
    labelled: int
    waiting: int
    not_comparable: int


class Measured(Part):
    """Figures on some rows.

    Attributes:
        roles: job roles among the rows.
        skills: skills among the rows.
        metrics: see ``manifest.Metrics``; its ``rows`` says how many.
        intervals: metric -> 90 % interval of its value. Metrics are ``accuracy``, ``f1_weighted``, ``f1_macro``,
            ``severe_error_rate``, ``precision_LOW`` …, and of emergence ``emergence`` (average precision), ``lift``,
            ``precision_at_200``; one is absent where most of the draws could not be computed.
        persistence: "same as today" on the rows whose level now is known, and the version on these; None where it is known
            for no row.
        differences: version minus "same as today" on those rows, with paired intervals.
    """

    roles: int
    skills: int
    metrics: Metrics
    intervals: dict[str, Interval]
    persistence: BaselineMetrics | None
    differences: tuple[Difference, ...]

    def value(self, metric: str) -> float | None:
        """The value of one of the metrics of ``intervals``; None where it could not be computed."""
        emergence = self.metrics.emergence
        if metric in _OF_EMERGENCE:
            return getattr(emergence, _OF_EMERGENCE[metric]) if emergence else None
        if metric in _LEVEL_OF_PRECISION:
            by_level = {str(level): one.precision for level, one in self.metrics.per_class.items()}
            return by_level[_LEVEL_OF_PRECISION[metric]]
        return float(getattr(self.metrics, metric))


_OF_EMERGENCE: Final = {EMERGENCE: "average_precision", "lift": "lift", "precision_at_200": "precision_at_200"}
_LEVEL_OF_PRECISION: Final = {name: level for level, name in PRECISIONS.items()}


class Performance(Part):
    """What one window of predictions turned out to be worth.

    Attributes:
        periods: periods of the predictions, in order.
        label_periods: periods at which their labels were observed, in order.
        counts: what came of them.
        measured: figures on the labelled rows; None where there are fewer than asked for, and ``reason`` says why.
        reason: why there is no figure, or None.
        provisional: figures on the rows that wait, against the level observed last; None where nothing was observed since,
            or on too few rows. Never an accuracy of the version: the labels are still to come.
        provisional_periods: periods at which those levels were observed, in order.
        declared: the same figures on the version's own test rows; None where they are not known.
        minimum_rows: rows asked for.
    """

    periods: tuple[str, ...]
    label_periods: tuple[str, ...]
    counts: Counts
    measured: Measured | None
    reason: Reason | None
    provisional: Measured | None
    provisional_periods: tuple[str, ...]
    declared: Measured | None
    minimum_rows: int

    def is_below_declared(self, metric: str = "accuracy") -> bool | None:
        """Whether a measured value lies below the interval of the declared one; None where either is not known."""
        value = None if self.measured is None else self.measured.value(metric)
        declared = None if self.declared is None else self.declared.intervals.get(metric)
        return None if value is None or declared is None else value < declared[0]


class GradualFall(Part):
    """Windows in a row whose value lies below what was declared.

    Attributes:
        metric: which value.
        windows: the windows, oldest first.
        values: of each window.
        declared_lows: lower end of the declared interval, of each window's own version.
    """

    metric: str
    windows: tuple[tuple[str, ...], ...]
    values: tuple[float, ...]
    declared_lows: tuple[float, ...]


# --- Predictions meet what happened -----------------------------------------------------------------------------------


def with_outcomes(
    predictions: pl.DataFrame,
    observed: pl.DataFrame,
    *,
    horizon_months: int = HORIZON_MONTHS,
    tolerance_months: int = TOLERANCE_MONTHS,
) -> pl.DataFrame:
    """Say of each prediction what was observed.

    Args:
        predictions: ``job_role_name, skill_name, period`` and anything else; a pair may stand there more than once.
        observed: ``job_role_name, skill_name, period, observed_need_level`` of all pairs known, one row per pair and period.
            Earlier periods and those of the predictions may be among them.
        horizon_months: see ``labels.label_rows``.
        tolerance_months: see ``labels.label_rows``.

    Returns:
        ``predictions`` in their order, with ``outcome``, ``label_period`` and ``future_need_level`` (null where there is no
        label). A prediction waits as long as the last observed period is before the end of its tolerance.

    Raises:
        MissingColumnsError: a column is missing.
        UsageError: months out of range.
    """
    asked = require_columns(predictions, schema.SNAPSHOT_KEY, name=_PREDICTIONS).unique()
    months = {"horizon_months": horizon_months, "tolerance_months": tolerance_months}
    outcomes = pl.concat(
        [_OUTCOMES_OF_NONE, *(_outcomes_of_period(pairs, observed, **months) for pairs in _by_period(asked))]
    )
    return predictions.drop(_WHAT_HAPPENED, strict=False).join(
        outcomes, on=list(schema.SNAPSHOT_KEY), how="left", maintain_order="left"
    )


_PREDICTIONS: Final = translatable("predictions")
_WHAT_HAPPENED: Final = (OUTCOME, schema.LABEL_PERIOD, schema.LABEL)
_OUTCOMES_OF_NONE: Final = pl.DataFrame(schema=dict.fromkeys((*schema.SNAPSHOT_KEY, *_WHAT_HAPPENED), pl.String))


def _outcomes_of_period(
    pairs: pl.DataFrame, observed: pl.DataFrame, *, horizon_months: int, tolerance_months: int
) -> pl.DataFrame:
    """Outcome, label period and label of the pairs of one period.

    Args:
        pairs: ``schema.SNAPSHOT_KEY``, each once, all of one period.
        observed: see ``with_outcomes``.
        horizon_months: see ``labels.label_rows``.
        tolerance_months: see ``labels.label_rows``.
    """
    facts = _facts(pairs, observed)
    months = {"horizon_months": horizon_months, "tolerance_months": tolerance_months}
    labels = label_rows(facts, **months).select(*schema.SNAPSHOT_KEY, schema.LABEL_PERIOD, schema.LABEL)
    reached = label_periods(facts, **months).select(schema.ROLE, schema.PERIOD, reached=True)
    may_come = _last_month(facts) < month_index(pairs[schema.PERIOD][0]) + horizon_months + tolerance_months
    outcome = (
        pl.when(pl.col(schema.LABEL).is_not_null())
        .then(pl.lit(LABELLED))
        .when(pl.col("reached").is_null() & pl.lit(may_come))
        .then(pl.lit(WAITING))
        .otherwise(pl.lit(NOT_COMPARABLE))
    )
    return (
        pairs.join(labels, on=list(schema.SNAPSHOT_KEY), how="left")
        .join(reached, on=[schema.ROLE, schema.PERIOD], how="left")
        .select(*schema.SNAPSHOT_KEY, outcome.alias(OUTCOME), schema.LABEL_PERIOD, schema.LABEL)
    )


def with_levels_so_far(
    waiting: pl.DataFrame, observed: pl.DataFrame, *, horizon_months: int = HORIZON_MONTHS
) -> pl.DataFrame:
    """Give predictions that wait for their label the level observed last, before the horizon is reached.

    Args:
        waiting: ``job_role_name, skill_name, period`` and anything else.
        observed: see ``with_outcomes``.
        horizon_months: months after which an observation is a label.

    Returns:
        The rows whose role was observed since, with ``label_period`` (that of the observation) and ``future_need_level``.
    """
    asked = require_columns(waiting, schema.SNAPSHOT_KEY, name=_PREDICTIONS).unique()
    none = _OUTCOMES_OF_NONE.drop(OUTCOME)
    levels = pl.concat(
        [none, *(_levels_so_far(pairs, observed, horizon_months=horizon_months) for pairs in _by_period(asked))]
    )
    return waiting.drop(_WHAT_HAPPENED, strict=False).join(
        levels, on=list(schema.SNAPSHOT_KEY), how="inner", maintain_order="left"
    )


def _levels_so_far(pairs: pl.DataFrame, observed: pl.DataFrame, *, horizon_months: int) -> pl.DataFrame:
    """The level observed last of the pairs of one period, and when; see ``with_levels_so_far``."""
    facts, period = _facts(pairs, observed), pairs[schema.PERIOD][0]
    rest, found = pairs, [_OUTCOMES_OF_NONE.drop(OUTCOME)]
    for later in facts.filter(pl.col(schema.PERIOD) > period)[schema.PERIOD].unique().sort(descending=True):
        months = month_index(later) - month_index(period)
        if months < horizon_months:
            levels = label_rows(facts, horizon_months=months, tolerance_months=0).join(
                rest, on=rest.columns, how="semi"
            )
            found.append(levels.select(*schema.SNAPSHOT_KEY, schema.LABEL_PERIOD, schema.LABEL))
            rest = rest.join(levels, on=rest.columns, how="anti")
    return pl.concat(found)


def _by_period(pairs: pl.DataFrame) -> list[pl.DataFrame]:
    """The pairs of each period: one that was asked about at a period is not thereby listed there."""
    return pairs.partition_by(schema.PERIOD) if len(pairs) else []


def _facts(pairs: pl.DataFrame, observed: pl.DataFrame) -> pl.DataFrame:
    """The pairs of one period, and everything observed later."""
    columns = (*schema.SNAPSHOT_KEY, schema.OBSERVED_LEVEL)
    later = require_columns(observed, columns, name=translatable("observed levels")).filter(
        pl.col(schema.PERIOD) > pairs[schema.PERIOD][0]
    )
    unknown = pl.lit(None, dtype=pl.String).alias(schema.OBSERVED_LEVEL)
    return pl.concat([later, pairs.with_columns(unknown).select(columns)])


def _last_month(facts: pl.DataFrame) -> int:
    """The last month at which any level was observed; before any other where none was."""
    known = facts.filter(pl.col(schema.OBSERVED_LEVEL).is_not_null())
    last = known.select(month_expression(schema.PERIOD).max()).item()
    return -1 if last is None else int(last)


def require_columns(frame: pl.DataFrame, columns: Sequence[str], *, name: str) -> pl.DataFrame:
    """Those columns of a frame.

    Args:
        frame: the frame.
        columns: what it must have.
        name: what it is, for the message.

    Raises:
        MissingColumnsError: some are not there.
    """
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise MissingColumnsError(
            hint=translatable("Give the columns of a campaign's result, and the observed levels of the snapshots."),
            path=Words(name),
            columns=", ".join(missing),
            found=", ".join(frame.columns),
        )
    return frame.select(columns)


# --- Figures ----------------------------------------------------------------------------------------------------------


def measured(rows: pl.DataFrame, *, draws: int = DRAWS, seed: int = SEED, confidence: float = CONFIDENCE) -> Measured:
    """Every figure of some rows whose label is known.

    Args:
        rows: ``job_role_name, skill_name, current_need_level, future_need_level, level`` and, where the version gives them,
            the probabilities ``low, medium, high``.
        draws: of the two-way bootstrap.
        seed: of the draws.
        confidence: of the intervals, two-sided.

    Raises:
        MissingColumnsError: a column is missing.
        NotEnoughDataError: there is no row.
    """
    needed = (schema.ROLE, schema.SKILL, schema.CURRENT_LEVEL, schema.LABEL, "level")
    require_columns(rows, needed, name=translatable("labelled predictions"))
    if rows.is_empty():
        raise NotEnoughDataError(translatable("There is no labelled prediction to measure."))
    test, scores = TestRows.of(rows), said_of(rows)
    drawn = test.replicates([scores], draws=draws, seed=seed)
    ranking = _ranking_draws(test, scores, drawn.values[EMERGENCE][0], seed=seed)
    found = {
        **{name: drawn.own_interval(name, 0, confidence=confidence) for name in _OWN},
        **{name: ranking.own_interval(name, 0, confidence=confidence) for name in ranking.values},
    }
    return Measured(
        roles=rows[schema.ROLE].n_unique(),
        skills=rows[schema.SKILL].n_unique(),
        metrics=measure(test.truth, scores, test.current),
        intervals={name: ends for name, ends in found.items() if ends is not None},
        persistence=measure_persistence(test.truth, scores, test.current),
        differences=_differences(test, scores, draws=draws, seed=seed),
    )


_OWN: Final = (*LEVEL_METRICS, *PRECISIONS.values(), EMERGENCE)


def said_of(rows: pl.DataFrame) -> Scores:
    """What was predicted of rows: ``level``, and ``low, medium, high`` where every row has them."""
    known = all(name in rows.columns and rows[name].null_count() == 0 for name in _PROBABILITIES)
    return Scores(ranks(rows["level"]), rows.select(_PROBABILITIES).to_numpy() if known else None)


def declared(version_rows: pl.DataFrame, *, draws: int = DRAWS, seed: int = SEED) -> Measured:
    """What a version declared: the figures of its test rows, those of its manifest, with intervals.

    Args:
        version_rows: its rows file (``training.rows_frame``).
        draws: of the two-way bootstrap.
        seed: of the draws.
    """
    return measured(
        version_rows.filter(pl.col("part") == "test").rename({"predicted": "level"}), draws=draws, seed=seed
    )


def _ranking_draws(test: TestRows, scores: Scores, average_precision: np.ndarray, *, seed: int) -> Replicates:
    """Lift, and precision of the pairs ranked first, in each draw of the bootstrap.

    The list of those ranked first stays the same; what is drawn is its roles and skills.

    Args:
        test: the rows.
        scores: what was predicted.
        average_precision: of emergence in each draw, shape (draws,).
        seed: of the draws that gave it.
    """
    if scores.probabilities is None or np.isnan(average_precision).all():
        return Replicates({})
    candidates = np.flatnonzero((test.current >= 0) & (test.current != HIGH_RANK))
    first = candidates[np.argsort(-scores.probabilities[candidates, HIGH_RANK], kind="stable")[:WATCH_LIST]]
    emerged = test.truth == HIGH_RANK
    shares = np.full((2, len(average_precision)), np.nan)
    draws = draw_weights(test.roles, test.skills, draws=len(average_precision), seed=seed)
    for draw, weights in enumerate(draws):
        for place, rows in enumerate((candidates, first)):
            if (total := weights[rows].sum()) > 0:
                shares[place, draw] = (weights[rows] * emerged[rows]).sum() / total
    base_rate, at_first = shares
    values = {"lift": np.divide(average_precision, base_rate, out=np.full_like(base_rate, np.nan), where=base_rate > 0)}
    if len(first) == WATCH_LIST:
        values["precision_at_200"] = at_first
    return Replicates({name: drawn[None, :] for name, drawn in values.items()})


def _differences(test: TestRows, scores: Scores, *, draws: int, seed: int) -> tuple[Difference, ...]:
    """The version minus "same as today", on the rows whose level now is known."""
    known = test.current >= 0
    if not known.any():
        return ()
    rows, pair = test.where(known), (Scores(test.current[known], None), scores.where(known))
    drawn = rows.replicates(pair, draws=draws, seed=seed)
    return compared((PERSISTENCE, "version"), rows, pair, drawn, (0, 1), seen={}).differences


# --- A window ---------------------------------------------------------------------------------------------------------


def performance(
    predictions: pl.DataFrame,
    observed: pl.DataFrame,
    *,
    horizon_months: int = HORIZON_MONTHS,
    tolerance_months: int = TOLERANCE_MONTHS,
    minimum_rows: int = MINIMUM_ROWS,
    declared: Measured | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Performance:
    """What a window of predictions turned out to be worth, as far as it is known.

    Args:
        predictions: one row per prediction of one version: ``job_role_name, skill_name, period, current_need_level, level`` and
            where there are any the probabilities ``low, medium, high``, as in the result of a campaign.
        observed: see ``with_outcomes``.
        horizon_months: that of the version's labels.
        tolerance_months: likewise.
        minimum_rows: rows without which there is no figure.
        declared: what the version declared (``declared``).
        draws: of the two-way bootstrap.
        seed: of the draws.

    Raises:
        MissingColumnsError: a column is missing.
        UsageError: months out of range.
    """
    met = with_outcomes(predictions, observed, horizon_months=horizon_months, tolerance_months=tolerance_months)
    parts = {outcome: met.filter(pl.col(OUTCOME) == outcome) for outcome in OUTCOMES}
    labelled, waiting = parts[LABELLED], parts[WAITING]
    so_far = with_levels_so_far(waiting, observed, horizon_months=horizon_months)
    enough = len(labelled) >= max(minimum_rows, 1)
    return Performance(
        periods=tuple(predictions[schema.PERIOD].unique().sort()),
        label_periods=tuple(labelled[schema.LABEL_PERIOD].unique().sort()),
        counts=Counts(predictions=len(met), **{outcome: len(rows) for outcome, rows in parts.items()}),
        measured=measured(labelled, draws=draws, seed=seed) if enough else None,
        reason=None if enough else _reason(parts),
        provisional=measured(so_far, draws=draws, seed=seed) if len(so_far) >= max(minimum_rows, 1) else None,
        provisional_periods=tuple(so_far[schema.LABEL_PERIOD].unique().sort()),
        declared=declared,
        minimum_rows=minimum_rows,
    )


def _reason(parts: dict[str, pl.DataFrame]) -> Reason:
    """Why there is no figure."""
    if not parts[LABELLED].is_empty():
        return "insufficient_sample"
    if not parts[WAITING].is_empty():
        return "waiting"
    return "insufficient_sample" if parts[NOT_COMPARABLE].is_empty() else "not_comparable"


def gradual_fall(
    windows: Sequence[Performance], *, metric: str = "accuracy", consecutive: int = CONSECUTIVE_WINDOWS
) -> GradualFall | None:
    """The run of last windows below what was declared, where it is long enough; provisional figures never count.

    Args:
        windows: successive results, oldest first. Those without a figure neither count nor end a run.
        metric: one of ``Measured.intervals`` where more is better.
        consecutive: windows in a row that make a fall, 1 or more.
    """
    run: list[tuple[tuple[str, ...], float, float]] = []
    for window in reversed(windows):
        below = window.is_below_declared(metric)
        if below is False:
            break
        if below is None or window.measured is None or window.declared is None:
            continue
        value = window.measured.value(metric)
        run.insert(0, (window.periods, float(value or 0.0), window.declared.intervals[metric][0]))
    if len(run) < consecutive:
        return None
    periods, values, lows = zip(*run, strict=True)
    return GradualFall(metric=metric, windows=periods, values=values, declared_lows=lows)
