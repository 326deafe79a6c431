"""What predictions are worth: the one place where a metric is computed.

Levels are ranks here: 0 LOW, 1 MEDIUM, 2 HIGH; -1 where the level is unknown.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn import metrics as sk

from future_skills import schema
from future_skills.manifest import BaselineMetrics, ClassMetrics, Emergence, Metrics

Ranks = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float64]

HIGH_RANK = schema.LEVEL_RANK[schema.HIGH]
CALIBRATION_BINS = 15
WATCH_LIST = 200
ONE_HOT_REASON = "it gives levels, not probabilities"


@dataclass(frozen=True, slots=True)
class Scores:
    """Predictions of one model on rows.

    Attributes:
        predicted: ranks, shape (rows,).
        probabilities: shape (rows, 3), columns LOW, MEDIUM, HIGH, each row summing to 1; None for a rule.
    """

    predicted: Ranks
    probabilities: Probabilities | None

    def where(self, kept: npt.NDArray[np.bool_]) -> "Scores":
        """Those of some of the rows; ``kept`` is a mask, shape (rows,)."""
        return Scores(self.predicted[kept], None if self.probabilities is None else self.probabilities[kept])


def ranks(levels: pl.Series) -> Ranks:
    """Ranks of a column of levels, -1 where null."""
    return (
        levels.replace_strict(list(schema.LEVELS), list(range(len(schema.LEVELS))), default=None, return_dtype=pl.Int64)
        .fill_null(-1)
        .to_numpy()
    )


def model_scores(model: Any, rows: pl.DataFrame) -> Scores:
    """Predictions of a fitted estimator: level = argmax, the first of ``classes_`` on a tie.

    Args:
        model: a scikit-learn classifier whose ``classes_`` are among the levels, in any order.
        rows: a frame with the feature columns.
    """
    return level_scores(np.asarray(model.predict_proba(rows), dtype=np.float64), class_ranks(model))


def class_ranks(model: Any) -> Ranks:
    """Rank of each of a classifier's ``classes_``."""
    return np.array([schema.LEVEL_RANK[str(level)] for level in model.classes_], dtype=np.int64)


def level_scores(raw: Probabilities, of_classes: Ranks) -> Scores:
    """Scores from what a classifier says of rows: level = argmax, the first of its classes on a tie.

    Args:
        raw: rows x classes.
        of_classes: rank of each class.
    """
    probabilities = np.zeros((len(raw), len(schema.LEVELS)))
    probabilities[:, of_classes] = raw
    return Scores(of_classes[raw.argmax(axis=1)], probabilities)


def measure(truth: Ranks, scores: Scores, current: Ranks) -> Metrics:
    """Every metric of the manifest.

    Args:
        truth: what happened, shape (rows,), at least one row.
        scores: what was predicted.
        current: the level now, shape (rows,), -1 where unknown.
    """
    predicted, probabilities = scores.predicted, scores.probabilities
    labels = list(range(len(schema.LEVELS)))
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    _, _, f1_weighted, _ = sk.precision_recall_fscore_support(
        truth, predicted, labels=labels, average="weighted", zero_division=0
    )
    reasons: dict[str, str] = {}
    kappa = quadratic_kappa(truth, predicted)
    if kappa is None:
        reasons["kappa_quadratic"] = "only one level is there"
    if probabilities is None:
        reasons |= dict.fromkeys(("log_loss", "brier", "calibration_error"), ONE_HOT_REASON)
    emergence = None
    if probabilities is None:
        reasons["emergence"] = "it ranks nothing: " + ONE_HOT_REASON
    elif not (current >= 0).any():
        reasons["emergence"] = "the level now is known for no row"
    else:
        emergence = measure_emergence(truth, probabilities[:, HIGH_RANK], current)
        if emergence.average_precision is None:
            reasons["emergence"] = "no row that is not HIGH now becomes HIGH"
        elif emergence.precision_at_200 is None:
            reasons["emergence.precision_at_200"] = f"fewer than {WATCH_LIST} rows are not HIGH now"
    return Metrics(
        rows=len(truth),
        accuracy=float(np.mean(truth == predicted)),
        f1_weighted=float(f1_weighted),
        f1_macro=float(np.mean(f1)),
        per_class={
            level: ClassMetrics(
                precision=float(precision[rank]),
                recall=float(recall[rank]),
                f1=float(f1[rank]),
                support=int(support[rank]),
            )
            for rank, level in enumerate(schema.LEVELS)
        },
        confusion_matrix=sk.confusion_matrix(truth, predicted, labels=labels).tolist(),
        kappa_quadratic=kappa,
        log_loss=None if probabilities is None else float(sk.log_loss(truth, probabilities, labels=labels)),
        brier=None if probabilities is None else brier(truth, probabilities),
        calibration_error=None if probabilities is None else calibration_error(truth, scores),
        severe_error_rate=float(np.mean(np.abs(truth - predicted) == 2)),
        emergence=emergence,
        reasons=reasons,
    )


def measure_persistence(truth: Ranks, scores: Scores, current: Ranks) -> BaselineMetrics | None:
    """What "same as today" is worth on the rows whose level now is known, and the model on those rows where they are not all.

    Args:
        truth: what happened, shape (rows,).
        scores: what the model predicted.
        current: the level now, shape (rows,), -1 where unknown.

    Returns:
        None where the level now is known for no row.
    """
    known = current >= 0
    if not known.any():
        return None
    metrics = measure(truth[known], Scores(current[known], None), current[known])
    same_rows = None if known.all() else measure(truth[known], scores.where(known), current[known])
    return BaselineMetrics(**metrics.model_dump(), model_on_same_rows=same_rows)


def quadratic_kappa(truth: Ranks, predicted: Ranks, weights: npt.NDArray[np.float64] | None = None) -> float | None:
    """Cohen's kappa with quadratic weights, -1 to 1; None where only one level is there (0 / 0).

    Args:
        truth: ranks, shape (rows,).
        predicted: ranks, shape (rows,).
        weights: how much each row counts, above 0, shape (rows,); None: all the same.
    """
    if len(np.unique(np.concatenate([truth, predicted]))) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return float(
            sk.cohen_kappa_score(truth, predicted, labels=[0, 1, 2], weights="quadratic", sample_weight=weights)
        )


def brier(truth: Ranks, probabilities: Probabilities) -> float:
    """Mean over rows of the sum over the three classes of (probability - truth)², 0 to 2 (Brier 1950)."""
    return float(np.mean(squared_losses(truth, probabilities)))


def squared_losses(truth: Ranks, probabilities: Probabilities) -> npt.NDArray[np.float64]:
    """Of each row, the sum over the three classes of (probability - truth)², 0 to 2; shape (rows,)."""
    happened = np.eye(len(schema.LEVELS))[truth]
    losses: npt.NDArray[np.float64] = np.sum((probabilities - happened) ** 2, axis=1)
    return losses


def calibration_error(truth: Ranks, scores: Scores) -> float:
    """Expected calibration error of the top label over 15 equal-width bins (Naeini et al. 2015), 0 to 1."""
    table = calibration_table(truth, scores)
    return float(sum(n * abs(confidence - right) for confidence, right, n in table) / len(truth))


def calibration_table(truth: Ranks, scores: Scores) -> list[tuple[float, float, int]]:
    """Mean confidence, share right and rows of each of the bins that hold rows; bins are (k/15, (k+1)/15]."""
    if scores.probabilities is None:
        return []
    confidence = scores.probabilities.max(axis=1)
    right = truth == scores.predicted
    bins = calibration_bins(confidence)
    table = []
    for k in range(CALIBRATION_BINS):
        inside = bins == k
        if inside.any():
            table.append((float(confidence[inside].mean()), float(right[inside].mean()), int(inside.sum())))
    return table


def calibration_bins(confidence: npt.NDArray[np.float64]) -> Ranks:
    """Bin of each confidence: bin k is (k/15, (k+1)/15]; shape (rows,)."""
    bins: Ranks = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1)
    return bins


def measure_emergence(truth: Ranks, high: npt.NDArray[np.float64], current: Ranks) -> Emergence:
    """Emergence (see ``manifest.Emergence``) from P(HIGH), shape (rows,)."""
    candidates = (current >= 0) & (current != HIGH_RANK)
    emerged, probability = truth[candidates] == HIGH_RANK, high[candidates]
    rows, count = int(candidates.sum()), int(emerged.sum())
    if count == 0:
        return Emergence(
            average_precision=None,
            base_rate=0.0 if rows else None,
            lift=None,
            precision_at_200=None,
            rows=rows,
            emerged=0,
        )
    average_precision = float(sk.average_precision_score(emerged, probability))
    top = np.argsort(-probability, kind="stable")[:WATCH_LIST]
    return Emergence(
        average_precision=average_precision,
        base_rate=count / rows,
        lift=average_precision / (count / rows),
        precision_at_200=float(emerged[top].mean()) if rows >= WATCH_LIST else None,
        rows=rows,
        emerged=count,
    )
