"""The track record: every past period gone through again as of its date, then met with what happened.

At each period P nothing later is looked at: the dataset is made of the facts up to P (``dataset.build_dataset``), so a row is
learned from only if its label was observed by P; a model is trained on all of it; the pairs listed at P are predicted from
what was known at P. What was observed after P serves one purpose: to say what came of the predictions (``performance``).

Where no label was known yet, nothing could be trained, and the period is passed over with that reason.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypedDict

import polars as pl

from future_skills import schema
from future_skills.bootstrap import SEED
from future_skills.comparison import DRAWS
from future_skills.dataset import build_dataset, with_history_features
from future_skills.errors import NotEnoughDataError, UsageError, translatable
from future_skills.labels import HORIZON_MONTHS, TOLERANCE_MONTHS
from future_skills.manifest import Part
from future_skills.metrics import WATCH_LIST, model_scores
from future_skills.performance import (
    LABELLED,
    MINIMUM_ROWS,
    OUTCOME,
    WAITING,
    Performance,
    performance,
    with_levels_so_far,
    with_outcomes,
)
from future_skills.pipeline import default_algorithm, features_to_learn
from future_skills.training import Recipe, level_names, unfitted_model

EXAMPLES: Final = 20
"""Pairs named of each kind."""

RANK: Final = "rank"
"""Column: place among the pairs not HIGH at the time, 1 for the highest P(HIGH); null for the others."""


class _Months(TypedDict):
    horizon_months: int
    tolerance_months: int


LEVEL_SO_FAR: Final = "level_so_far"
"""Column: the level observed last of a pair that waits for its label; see ``performance.with_levels_so_far``."""

SO_FAR_PERIOD: Final = "so_far_period"
"""Column: when that was."""


PassedOver = Literal["no_label_known", "one_level"]


class Pair(Part):
    """A pair of the track record.

    Attributes:
        role: job role.
        skill: skill.
        department: of the role.
        category: of the skill.
        current: its level at the time.
        said: the level predicted.
        high: P(HIGH), 0 to 1.
        rank: see ``RANK``.
        became: the label; None where it is not known yet.
    """

    role: str
    skill: str
    department: str | None
    category: str | None
    current: str
    said: str
    high: float
    rank: int
    became: str | None


class Announced(Part):
    """Pairs announced as rising, and what came of them.

    Attributes:
        pairs: how many were announced.
        known: of how many the label is known.
        became_high: how many of these became HIGH.
        seen_so_far: of how many of the others a level was observed since, before the horizon.
        high_so_far: how many of these were HIGH then: provisional, for the label is still to come.
    """

    pairs: int
    known: int
    became_high: int
    seen_so_far: int
    high_so_far: int


class RisingRecord(Part):
    """What was said of needs that would rise, at one period, among the pairs whose level was known and not HIGH.

    Attributes:
        candidates: those pairs.
        known: those whose label is known.
        emerged: those of them that became HIGH.
        emerged_so_far: those that wait for their label and were HIGH when last observed: provisional.
        first: the pairs of highest P(HIGH), as many as were asked for.
        said_high: the pairs whose predicted level was HIGH.
        found: those of ``first`` that became HIGH.
        missed: pairs that became HIGH and are not among ``first``; with ``found``, all that emerged.
        by_chance: how many of ``first`` would have become HIGH had they been drawn at random.
        hits: examples of pairs announced that became HIGH, in order of rank.
        misses: examples of those missed, the least expected last.
    """

    candidates: int
    known: int
    emerged: int
    emerged_so_far: int
    first: Announced
    said_high: Announced
    found: int
    missed: int
    by_chance: float | None
    hits: tuple[Pair, ...]
    misses: tuple[Pair, ...]


class ReplayedPeriod(Part):
    """One period of the track record.

    Attributes:
        period: the period.
        passed_over: why nothing could be predicted at that time, or None.
        training_rows: rows whose label was known by then.
        training_periods: their periods, in order.
        performance: see ``performance.Performance``; None where the period was passed over.
        rising: None where the period was passed over, or the level then was known for no pair.
    """

    period: str
    passed_over: PassedOver | None
    training_rows: int = 0
    training_periods: tuple[str, ...] = ()
    performance: Performance | None = None
    rising: RisingRecord | None = None


class TrackRecord(Part):
    """All the periods gone through.

    Attributes:
        first_period: of the facts.
        last_period: of the facts.
        horizon_months: see ``labels.label_rows``.
        tolerance_months: see ``labels.label_rows``.
        algorithm: what was trained at each period.
        feature_set: what it read.
        top: how many pairs were announced as rising.
        periods: oldest first.
    """

    first_period: str
    last_period: str
    horizon_months: int
    tolerance_months: int
    algorithm: str
    feature_set: str
    top: int
    periods: tuple[ReplayedPeriod, ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """A period, with every prediction.

    Attributes:
        record: what is kept of it.
        predictions: one row per pair listed then: ``job_role_name, skill_name, job_department, skill_category, period,
            current_need_level``; what was said: ``level, low, medium, high, rank``; what came of it: ``outcome, label_period,
            future_need_level``, and where the label is awaited ``level_so_far, so_far_period``. Empty where the period was
            passed over.
    """

    record: ReplayedPeriod
    predictions: pl.DataFrame


def replay(
    snapshots: pl.DataFrame,
    *,
    recipe: Recipe | None = None,
    periods: Collection[str] | None = None,
    horizon_months: int = HORIZON_MONTHS,
    tolerance_months: int = TOLERANCE_MONTHS,
    top: int = WATCH_LIST,
    minimum_rows: int = MINIMUM_ROWS,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Iterator[Replayed]:
    """Go through past periods, oldest first; each is given as soon as it is done, so that a reader can stop and resume.

    Args:
        snapshots: all the HR facts (``schema.SNAPSHOT_COLUMNS``).
        recipe: what is trained at each period; its split is not used, for what happened later is the test. Default: history
            features and their default algorithm.
        periods: those to go through, e.g. the ones that are not done yet; all of them by default.
        horizon_months: see ``labels.label_rows``.
        tolerance_months: see ``labels.label_rows``.
        top: how many pairs are announced as rising, 1 or more.
        minimum_rows: see ``performance.performance``.
        draws: likewise.
        seed: likewise.

    Raises:
        UsageError: a period that is not in the facts, or ``top`` below 1.
        NotEnoughDataError: there are no facts.
    """
    recipe = recipe or Recipe(feature_set="history")
    there = _periods_of(snapshots)
    unknown = sorted(set(periods or ()) - set(there))
    if unknown:
        raise UsageError(
            translatable("There is no snapshot of period {period}. Periods: {periods}."),
            period=unknown[0],
            periods=", ".join(there),
        )
    if top < 1:
        raise UsageError(translatable("At least one pair must be announced, not {top}."), top=top)
    months: _Months = {"horizon_months": horizon_months, "tolerance_months": tolerance_months}
    for period in there:
        if periods is not None and period not in periods:
            continue
        known_then = snapshots.filter(pl.col(schema.PERIOD) <= period)
        training = _training_rows(known_then, period=period, **months)
        reason = _passed_over(training)
        if reason is not None:
            yield Replayed(ReplayedPeriod(period=period, passed_over=reason), pl.DataFrame())
            continue
        predictions = _met(_predicted(training, known_then, period, recipe), snapshots, **months)
        figures = performance(predictions, snapshots, minimum_rows=minimum_rows, draws=draws, seed=seed, **months)
        record = ReplayedPeriod(
            period=period,
            passed_over=None,
            training_rows=len(training),
            training_periods=tuple(training[schema.PERIOD].unique().sort()),
            performance=figures,
            rising=rising_record(predictions, top=top),
        )
        yield Replayed(record, predictions)


def track_record(
    snapshots: pl.DataFrame,
    periods: Collection[ReplayedPeriod],
    *,
    recipe: Recipe | None = None,
    horizon_months: int = HORIZON_MONTHS,
    tolerance_months: int = TOLERANCE_MONTHS,
    top: int = WATCH_LIST,
) -> TrackRecord:
    """The periods gone through, in order, with what they were gone through with.

    Args:
        snapshots: see ``replay``.
        periods: records of ``replay``, made with the same arguments.
        recipe: see ``replay``.
        horizon_months: see ``replay``.
        tolerance_months: see ``replay``.
        top: see ``replay``.

    Raises:
        NotEnoughDataError: there are no facts.
    """
    recipe = recipe or Recipe(feature_set="history")
    there = _periods_of(snapshots)
    return TrackRecord(
        first_period=there[0],
        last_period=there[-1],
        horizon_months=horizon_months,
        tolerance_months=tolerance_months,
        algorithm=recipe.algorithm or default_algorithm(recipe.feature_set),
        feature_set=recipe.feature_set,
        top=top,
        periods=tuple(sorted(periods, key=lambda one: one.period)),
    )


def _periods_of(snapshots: pl.DataFrame) -> list[str]:
    """Periods of the facts, in order.

    Raises:
        NotEnoughDataError: there are no facts.
    """
    if snapshots.is_empty():
        raise NotEnoughDataError(
            translatable("There are no HR facts to replay."),
            hint=translatable("Import them with “manage.py import_snapshots FILE”."),
        )
    return snapshots[schema.PERIOD].unique().sort().to_list()


def _training_rows(
    known_then: pl.DataFrame, *, period: str, horizon_months: int, tolerance_months: int
) -> pl.DataFrame:
    """The dataset as of a period; empty where no label was known."""
    try:
        return build_dataset(known_then, horizon_months=horizon_months, tolerance_months=tolerance_months, as_of=period)
    except NotEnoughDataError:  # the one reason it has here: no row has a label yet
        return pl.DataFrame(schema={schema.LABEL: pl.String})


def _passed_over(training: pl.DataFrame) -> PassedOver | None:
    """Why nothing can be learned from these rows."""
    levels = training[schema.LABEL].n_unique()
    if levels == 0:
        return "no_label_known"
    return "one_level" if levels == 1 else None


def _predicted(training: pl.DataFrame, known_then: pl.DataFrame, period: str, recipe: Recipe) -> pl.DataFrame:
    """What a model trained on the rows says of the pairs listed at the period."""
    algorithm = recipe.algorithm or default_algorithm(recipe.feature_set)
    columns = features_to_learn(algorithm, recipe.feature_set, training)
    model, _ = unfitted_model(algorithm, recipe, columns)
    model.fit(training, training[schema.LABEL].to_numpy().astype(str))
    rows = with_history_features(known_then.filter(pl.col(schema.PERIOD) == period), known_then).sort(
        schema.SNAPSHOT_KEY
    )
    scores = model_scores(model, rows)
    facts = (schema.ROLE, schema.SKILL, schema.DEPARTMENT, schema.CATEGORY, schema.PERIOD, schema.CURRENT_LEVEL)
    said = rows.select(facts).with_columns(level_names(scores.predicted).alias("level"))
    if scores.probabilities is not None:
        said = said.with_columns(
            pl.Series(level.lower(), scores.probabilities[:, rank]) for level, rank in schema.LEVEL_RANK.items()
        )
    return said.with_columns(_rank())


def _met(said: pl.DataFrame, snapshots: pl.DataFrame, *, horizon_months: int, tolerance_months: int) -> pl.DataFrame:
    """Predictions with what came of them; see ``Replayed``."""
    met = with_outcomes(said, snapshots, horizon_months=horizon_months, tolerance_months=tolerance_months)
    waiting = met.filter(pl.col(OUTCOME) == WAITING)
    so_far = with_levels_so_far(waiting, snapshots, horizon_months=horizon_months).select(
        *schema.SNAPSHOT_KEY, pl.col(schema.LABEL).alias(LEVEL_SO_FAR), pl.col(schema.LABEL_PERIOD).alias(SO_FAR_PERIOD)
    )
    return met.join(so_far, on=list(schema.SNAPSHOT_KEY), how="left", maintain_order="left")


def _rank() -> pl.Expr:
    """See ``RANK``; among equals, the order of the rows decides, as in ``metrics.measure_emergence``."""
    candidate = pl.col(schema.CURRENT_LEVEL).is_in([schema.LOW, schema.MEDIUM])
    high = pl.when(candidate).then(pl.col("high"))
    return high.rank("ordinal", descending=True).alias(RANK)


def rising_record(predictions: pl.DataFrame, *, top: int = WATCH_LIST) -> RisingRecord | None:
    """What came of the needs that were announced as rising.

    Args:
        predictions: see ``Replayed``.
        top: how many pairs of highest P(HIGH) are announced.

    Returns:
        None where the level at the time was known for no pair.
    """
    candidates = predictions.filter(pl.col(RANK).is_not_null()).sort(RANK)
    if candidates.is_empty():
        return None
    known, emerged = pl.col(OUTCOME) == LABELLED, pl.col(schema.LABEL) == schema.HIGH
    seen, high_now = pl.col(LEVEL_SO_FAR).is_not_null(), pl.col(LEVEL_SO_FAR) == schema.HIGH
    first, said_high = pl.col(RANK) <= top, pl.col("level") == schema.HIGH

    def announced(which: pl.Expr) -> Announced:
        pairs = candidates.filter(which)
        counts = (len(pairs.filter(one)) for one in (known, emerged, seen, high_now))
        return Announced(**dict(zip(Announced.model_fields, (len(pairs), *counts), strict=True)))

    of_first = announced(first)
    labelled, became = len(candidates.filter(known)), len(candidates.filter(emerged))
    hits, misses = candidates.filter(emerged & first), candidates.filter(emerged & ~first)
    return RisingRecord(
        candidates=len(candidates),
        known=labelled,
        emerged=became,
        emerged_so_far=len(candidates.filter(high_now)),
        first=of_first,
        said_high=announced(said_high),
        found=len(hits),
        missed=len(misses),
        by_chance=of_first.known * became / labelled if labelled else None,
        hits=_pairs(hits),
        misses=_pairs(misses),
    )


def _pairs(rows: pl.DataFrame) -> tuple[Pair, ...]:
    """The first of them, named."""
    return tuple(
        Pair(
            role=row[schema.ROLE],
            skill=row[schema.SKILL],
            department=row[schema.DEPARTMENT],
            category=row[schema.CATEGORY],
            current=row[schema.CURRENT_LEVEL],
            said=row["level"],
            high=row["high"],
            rank=row[RANK],
            became=row[schema.LABEL],
        )
        for row in rows.head(EXAMPLES).iter_rows(named=True)
    )
