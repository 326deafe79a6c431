"""The reference profile: how each feature was distributed in the training rows, to tell drift from it later."""

from typing import Any, Final

import numpy as np
import polars as pl

from future_skills import schema
from future_skills.manifest import CategoricalProfile, NumericProfile

TOP_CATEGORIES = 5
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 20

PAIR: Final = "pair"
LEVEL_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "period": (),
    "department": (schema.DEPARTMENT,),
    "role": (schema.ROLE,),
    "skill": (schema.SKILL,),
    "department_skill": (schema.DEPARTMENT, schema.SKILL),
    PAIR: (schema.ROLE, schema.SKILL),
}
"""Level -> what tells its facts of one period apart, coarsest first."""

FIRST_ROWS: Final = 50_000
"""Rows that are looked at before all of them are."""

_NAMED: Final = (schema.DEPARTMENT, schema.ROLE, schema.SKILL)


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
    levels = varies_by(rows, keys)
    return {name: {"varies_by": levels[name], **_full(rows[name])} for name in rows.columns}


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


def varies_by(rows: pl.DataFrame, keys: pl.DataFrame) -> dict[str, str]:
    """The coarsest of ``LEVEL_KEYS`` at which each feature has one value: a role's salary is one fact, not hundreds.

    Args:
        rows: feature columns.
        keys: period, role and skill of the same rows; the department too where it is known.

    Returns:
        feature -> level; "pair" where none is coarser. A department is a fact about a role, not about itself.
    """
    coded = {name: codes(keys[name]) for name in (schema.PERIOD, *_NAMED) if name in keys.columns}
    found = {name: level for name, level in ((schema.ROLE, "role"), (schema.SKILL, "skill")) if name in rows.columns}
    values = {
        f"value_{name}": codes(rows[name]) if rows[name].dtype == pl.String else rows[name]
        for name in rows.columns
        if name not in found
    }
    frame = pl.DataFrame(coded | values)
    for level, columns in LEVEL_KEYS.items():
        asked = [name for name in rows.columns if name not in found and name not in columns]
        if level == PAIR or not set(columns) <= set(coded):
            continue
        for part in (frame.head(FIRST_ROWS), frame):  # most features are told apart by the first rows alone
            one = part.group_by(schema.PERIOD, *columns).agg(_one_value(f"value_{name}") for name in asked)
            asked = [name for name in asked if one[f"value_{name}"].all()]
        found |= dict.fromkeys(asked, level)
    return {name: found.get(name, PAIR) for name in rows.columns}


def _one_value(column: str) -> pl.Expr:
    values = pl.col(column)
    known = values.count()
    return (known == 0) | ((known == pl.len()) & (values.min() == values.max()))


def codes(names: pl.Series) -> pl.Series:
    """A number for each distinct text, null where there is none: quicker to group than the texts."""
    return names.cast(pl.Categorical).to_physical()
