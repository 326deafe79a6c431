"""The reference profile: how each feature was distributed in the training rows, to tell drift from it later."""

from typing import Any

import numpy as np
import polars as pl

from future_skills import schema
from future_skills.manifest import CategoricalProfile, NumericProfile

TOP_CATEGORIES = 5
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 20


def short_profile(rows: pl.DataFrame) -> dict[str, NumericProfile | CategoricalProfile]:
    """What the manifest keeps of each feature.

    Args:
        rows: the training rows, feature columns only.
    """
    return {name: _short(rows[name]) for name in rows.columns}


def _short(values: pl.Series) -> NumericProfile | CategoricalProfile:
    known = values.drop_nulls()
    if values.dtype == pl.String:
        counts = _counts(known)
        return CategoricalProfile(
            missing=values.null_count(),
            distinct=len(counts),
            top=tuple(list(counts.items())[:TOP_CATEGORIES]),
        )
    if known.is_empty():
        return NumericProfile(
            missing=values.null_count(),
            minimum=None,
            quantiles=None,
            maximum=None,
            mean=None,
            standard_deviation=None,
        )
    numbers = known.to_numpy()
    q05, q25, q50, q75, q95 = (float(q) for q in np.quantile(numbers, QUANTILES))
    return NumericProfile(
        missing=values.null_count(),
        minimum=float(numbers.min()),
        quantiles=(q05, q25, q50, q75, q95),
        maximum=float(numbers.max()),
        mean=round(float(numbers.mean()), 6),
        standard_deviation=round(float(numbers.std()), 6),
    )


def full_profile(rows: pl.DataFrame, keys: pl.DataFrame) -> dict[str, Any]:
    """Every category with its count, and quantile bins of every number, with the level at which each varies.

    Args:
        rows: the training rows, feature columns only.
        keys: period, role and skill of the same rows.

    Returns:
        feature -> {``varies_by``, ``missing``, ``counts``} or {``varies_by``, ``missing``, ``edges``, ``counts``}:
        ``counts[i]`` rows lie in (``edges[i]``, ``edges[i + 1]``], the first bin closed on the left.
    """
    return {name: {"varies_by": _varies_by(rows[name], keys), **_full(rows[name])} for name in rows.columns}


def _full(values: pl.Series) -> dict[str, Any]:
    known = values.drop_nulls()
    if values.dtype == pl.String:
        return {"missing": values.null_count(), "counts": _counts(known)}
    if known.is_empty():
        return {"missing": values.null_count(), "edges": [], "counts": []}
    numbers = known.to_numpy()
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, BINS + 1)))
    if len(edges) == 1:
        return {"missing": values.null_count(), "edges": [float(edges[0])] * 2, "counts": [len(numbers)]}
    bins = np.clip(np.searchsorted(edges, numbers, side="left") - 1, 0, len(edges) - 2)
    counts = np.bincount(bins, minlength=len(edges) - 1)
    return {"missing": values.null_count(), "edges": edges.tolist(), "counts": counts.tolist()}


def _counts(known: pl.Series) -> dict[str, int]:
    """Category -> count, commonest first, names in order among equals."""
    counts = known.value_counts().sort(["count", known.name], descending=[True, False])
    return {str(value): int(count) for value, count in counts.iter_rows()}


def _varies_by(values: pl.Series, keys: pl.DataFrame) -> str:
    """The coarsest level at which the feature has one value: a role's salary is one fact, not hundreds."""
    frame = keys.select(schema.SNAPSHOT_KEY).with_columns(values.alias("__value"))
    for level, columns in (
        ("period", [schema.PERIOD]),
        ("role", [schema.PERIOD, schema.ROLE]),
        ("skill", [schema.PERIOD, schema.SKILL]),
    ):
        if frame.group_by(columns).agg(pl.col("__value").n_unique())["__value"].max() == 1:
            return level
    return "pair"
