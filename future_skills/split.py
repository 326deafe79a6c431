"""Which rows of a dataset train, and which test."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from future_skills import schema
from future_skills.dataset import Dataset, class_distribution, row_hashes
from future_skills.errors import NotEnoughDataError, UsageError, translatable
from future_skills.manifest import SplitKind
from future_skills.split_notes import GROUPED, NO_LABEL_PERIOD, STRATIFIED, TWINS

TEST_SHARE = 0.2
"""Share of the rows kept for the test where the split is not by time."""


@dataclass(frozen=True, slots=True)
class RowSplit:
    """Which rows train and which test.

    Attributes:
        kind: ``time``, ``stratified`` or ``group``.
        train: boolean mask, shape (rows,).
        test: boolean mask, shape (rows,); rows in neither may exist (their label came too late to train).
        test_period: period of the test rows, None where the split is not by time.
        note: what a reader must know, in words.
    """

    kind: SplitKind
    train: npt.NDArray[np.bool_]
    test: npt.NDArray[np.bool_]
    test_period: str | None
    note: str


def split_rows(
    dataset: Dataset, *, kind: SplitKind | None = None, test_period: str | None = None, random_state: int = 42
) -> RowSplit:
    """Divide rows into training and test.

    ``time`` (the default where rows have periods): test = the rows of ``test_period`` (default: the latest labelled
    period); a row trains only if its label period is not after it. ``stratified`` (the default otherwise): 20 % at
    random, classes in proportion. ``group``: 20 % of the roles, whole.

    Raises:
        UsageError: the combination makes no sense, or the test period is not in the data.
        NotEnoughDataError: no row, or one class only, is left to train or to test.
    """
    chosen: SplitKind = kind or ("time" if dataset.has_periods else "stratified")
    if chosen == "time":
        result = _split_by_time(dataset, test_period)
    elif test_period is not None:
        raise UsageError(translatable("--test-period goes with --split time."))
    else:
        result = _split_at_random(dataset, chosen, random_state)
    _check_split(dataset, result)
    return result


def _split_by_time(dataset: Dataset, test_period: str | None) -> RowSplit:
    if not dataset.has_periods:
        raise UsageError(
            translatable(
                "{name} does not say the period and the label period of every row, which a split by time needs."
            ),
            hint=translatable("Name them with --period-column and --label-period-column, or use --split stratified."),
            name=dataset.name,
        )
    tested = test_period or dataset.periods[-1]
    if tested not in dataset.periods:
        raise UsageError(
            translatable("There is no labelled row of period {period}. Labelled periods: {periods}."),
            period=tested,
            periods=", ".join(dataset.periods),
        )
    period, label_period = dataset.frame[schema.PERIOD], dataset.frame[schema.LABEL_PERIOD]
    train = ((label_period <= tested) & (period < tested)).to_numpy()
    if not train.any():
        raise NotEnoughDataError(
            translatable("No row has a label known by {period}, so nothing can be trained before that test period."),
            hint=translatable(
                "Wait for a later observed period, or use --split stratified, which is not a test on the future."
            ),
            period=tested,
        )
    return RowSplit("time", train, (period == tested).to_numpy(), tested, "")


def _split_at_random(dataset: Dataset, kind: SplitKind, random_state: int) -> RowSplit:
    rows = np.arange(len(dataset.frame))
    if kind == "group":
        splitter = GroupShuffleSplit(n_splits=1, test_size=TEST_SHARE, random_state=random_state)
        groups = dataset.frame[schema.ROLE].to_numpy()
        if len(set(groups)) < 2:
            raise NotEnoughDataError(translatable("A split by group needs at least two job roles."))
        train_rows, test_rows = next(splitter.split(rows, groups=groups))
        note = GROUPED
    else:
        counts = class_distribution(dataset.frame)
        if min(count for count in counts.values() if count) < 2 or len(rows) < 10:
            raise NotEnoughDataError(
                translatable(
                    "A stratified split needs at least 10 rows, and 2 of each level. Rows by level: {counts}."
                ),
                counts=", ".join(f"{level} {count}" for level, count in counts.items()),
            )
        train_rows, test_rows = train_test_split(
            rows, test_size=max(TEST_SHARE, 3 / len(rows)), stratify=dataset.levels, random_state=random_state
        )
        note = STRATIFIED
    train, test = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    train[train_rows], test[test_rows] = True, True
    hashes = row_hashes(dataset.frame)
    if dataset.periods and dataset.frame[schema.LABEL_PERIOD].null_count() == len(rows):
        note += f" {NO_LABEL_PERIOD}"
    twins = test & np.isin(hashes, hashes[train])
    if twins.any():
        test &= ~twins
        note += f" {TWINS.format(count=int(twins.sum()))}"
    return RowSplit(kind, train, test, None, note)


def _check_split(dataset: Dataset, split: RowSplit) -> None:
    """At least two levels must be there to train, and one row to test."""
    levels = sorted(set(dataset.levels[split.train]))
    if len(levels) < 2:
        raise NotEnoughDataError(
            translatable("The training rows hold one level only ({levels}): there is nothing to tell apart."),
            levels=", ".join(levels) or "—",
        )
    if not split.test.any():
        raise NotEnoughDataError(translatable("No row is left to test on."))
