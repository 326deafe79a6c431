"""A model that was trained elsewhere: what it must be to become a version, and what it is worth on rows of ours.

Nobody knows here on which rows it was trained, so whether it saw its test rows cannot be checked: its manifest says so
(``train_rows_known``), and it has no reference profile.
"""

import math
from collections.abc import Collection
from typing import Any, Final

import numpy as np
import polars as pl

from future_skills import schema
from future_skills.dataset import HISTORY_COLUMNS, Dataset
from future_skills.errors import ForeignModelError, MissingFeaturesError, translatable
from future_skills.manifest import Features
from future_skills.metrics import measure, model_scores, ranks
from future_skills.split import RowSplit, split_rows
from future_skills.training import (
    Parameter,
    Recipe,
    Trained,
    history_frame,
    measure_baselines,
    rows_frame,
    single_threaded,
)
from future_skills.unpickling import UNPICKLING_FAILURES, Opened, read_pickle, require_allowed

NOTE: Final = "Trained elsewhere: on which rows is not known."
"""What the manifest says of the split."""

_HINT: Final = translatable(
    "What can come in is a fitted scikit-learn classifier of LOW, MEDIUM and HIGH that takes the columns of the datasets "
    "by name, missing values included, such as a pipeline that begins with a ColumnTransformer."
)


def open_foreign(content: bytes, *, path: str, allowed_types: Collection[str] = ()) -> Opened:
    """What a pickle from elsewhere holds, every type that it names found allowed (see ``unpickling``).

    Raises:
        ArtifactTypeRefusedError: it names other types.
        ForeignModelError: it is no pickle, or one that the libraries here cannot open.
    """
    try:
        opened = read_pickle(content, allowed_types=allowed_types)
    except UNPICKLING_FAILURES as error:
        raise _refusal(translatable("{path} cannot be opened here: {problem}."), path, problem=_words(error)) from error
    require_allowed(opened, path=path)
    return opened


def measure_foreign(
    model: Any, dataset: Dataset, *, path: str, test_period: str | None = None
) -> tuple[Trained, Recipe]:
    """Measure a model on the test rows of a dataset, beside the baselines.

    Args:
        model: what its file holds; set to answer in one thread.
        dataset: where the rows are; the majority baseline is that of the rows before the test rows.
        path: of the file, for messages.
        test_period: see ``split.split_rows``.

    Returns:
        What ``training.write_trained`` needs.

    Raises:
        ForeignModelError: it is no classifier of levels, does not say what it reads, or cannot answer these rows.
        MissingFeaturesError: the dataset lacks a column that it reads.
        DataError, UsageError: the dataset cannot be divided; see ``split.split_rows``.
    """
    features = _features(model, path)
    uses_history = bool(features.history)
    frame = history_frame(dataset) if uses_history else dataset.frame
    if absent := [name for name in features.columns if name not in frame.columns]:
        raise MissingFeaturesError(columns=", ".join(absent))
    ours = split_rows(dataset, test_period=test_period)
    split = RowSplit(ours.kind, np.zeros_like(ours.train), ours.test, ours.test_period, NOTE)
    training, test = frame.filter(ours.train), frame.filter(ours.test)
    try:
        single_threaded(model)
        scores = model_scores(model, test)
    except (*UNPICKLING_FAILURES, pl.exceptions.PolarsError) as error:
        raise _refusal(
            translatable("{path} cannot answer the rows of {dataset}: {problem}."),
            path,
            dataset=dataset.name,
            problem=_words(error),
        ) from error
    if scores.probabilities is None or not np.isfinite(scores.probabilities).all():
        raise _refusal(translatable("{path} gives probabilities that are not numbers."), path)
    current = ranks(test[schema.CURRENT_LEVEL])
    estimator = model.steps[-1][1] if hasattr(model, "steps") else model
    algorithm = type(estimator).__name__
    trained = Trained(
        model=model,
        features=features,
        metrics=measure(ranks(test[schema.LABEL]), scores, current),
        baselines=measure_baselines(training, test, scores),
        rows=rows_frame(frame, split, scores),
        split=split,
        hyperparameters=_parameters(estimator),
        algorithm=algorithm,
        frame=frame,
    )
    return trained, Recipe(
        feature_set="history" if uses_history else "base",
        algorithm=algorithm,
        split=split.kind,
        test_period=split.test_period,
    )


def _features(model: Any, path: str) -> Features:
    """The columns that the model reads, once it is one that can become a version."""
    if not (hasattr(model, "predict_proba") and hasattr(model, "classes_")):
        raise _refusal(translatable("{path} holds {type}, not a fitted classifier."), path, type=type(model).__name__)
    levels = [str(level) for level in model.classes_]
    if not set(levels) <= set(schema.LEVELS):
        raise _refusal(translatable("{path} answers other levels: {levels}."), path, levels=", ".join(levels))
    if not hasattr(model, "feature_names_in_"):
        raise _refusal(translatable("{path} does not say which columns it reads."), path)
    names = [str(name) for name in model.feature_names_in_]
    known = (*schema.CATEGORICAL_FEATURES, *schema.NUMERIC_FEATURES, *HISTORY_COLUMNS)
    if unknown := [name for name in names if name not in known]:
        raise _refusal(
            translatable("{path} reads columns that no dataset has: {columns}."), path, columns=", ".join(unknown)
        )
    return Features(
        categorical=tuple(name for name in schema.CATEGORICAL_FEATURES if name in names),
        numeric=tuple(name for name in schema.NUMERIC_FEATURES if name in names),
        history=tuple(name for name in HISTORY_COLUMNS if name in names),
    )


def _parameters(estimator: Any) -> dict[str, Parameter]:
    """Its parameters, those that a manifest can hold."""
    return {
        name: value
        for name, value in estimator.get_params(deep=False).items()
        if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    }


def _words(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _refusal(template: str, path: str, **details: str) -> ForeignModelError:
    return ForeignModelError(template, hint=_HINT, path=path, **details)
