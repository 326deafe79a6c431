"""What people decided of predictions, beside them in a table. The model's own answer is always kept."""

from typing import Final, TypeVar

import polars as pl

from future_skills import schema

OVERRIDE_COLUMNS: Final = ("override_level", "override_until", "override_by", "override_reason")
"""The level that a person gave a pair, until which day (YYYY-MM-DD, included), who, and why; null where nobody did."""

OVERRIDE_SCHEMA: Final = dict.fromkeys((schema.ROLE, schema.SKILL, *OVERRIDE_COLUMNS), pl.String)

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


def with_overrides(rows: Frame, overrides: pl.DataFrame) -> Frame:
    """Rows with ``OVERRIDE_COLUMNS`` behind their own, in the same order.

    Args:
        rows: ``job_role_name``, ``skill_name`` and anything else.
        overrides: ``OVERRIDE_SCHEMA``, at most one row per pair.
    """
    others = overrides.lazy() if isinstance(rows, pl.LazyFrame) else overrides
    return rows.join(others, on=(schema.ROLE, schema.SKILL), how="left", maintain_order="left")
