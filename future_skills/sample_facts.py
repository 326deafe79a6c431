"""What a reviewer may know of a row: the facts of its own period and of earlier ones, never what came later."""

from typing import Any, Final

import polars as pl

from future_skills import schema

HISTORY_PERIODS: Final = 8
"""How many earlier periods of a pair are shown at most: the latest ones."""

FACTS_NOW: Final = (schema.DEPARTMENT, schema.CATEGORY, schema.CURRENT_LEVEL, *schema.NUMERIC_FEATURES)
"""Facts of the row's own period."""

FACTS_BEFORE: Final = (
    schema.PERIOD,
    schema.CURRENT_LEVEL,
    "internal_usage",
    "trend_score",
    "training_requests",
)
"""What is said of each earlier period."""

HISTORY: Final = "history"
"""Key of the earlier periods among the facts."""

_PAIR: Final = (schema.ROLE, schema.SKILL)


def pair_facts(rows: pl.DataFrame, past: pl.DataFrame) -> list[dict[str, Any]]:
    """The facts of each row, in JSON.

    Args:
        rows: the rows, with ``period`` (null where there is none), role, skill and ``FACTS_NOW``.
        past: facts of the same pairs at any periods, with role, skill and ``FACTS_BEFORE``; those of the row's own period and
            of later ones are passed over.

    Returns:
        For each row, ``FACTS_NOW`` and ``history``: its earlier periods, newest first. An unknown value is None.
    """
    keyed = rows.select(*_PAIR, schema.PERIOD).with_row_index("place")
    before = (
        keyed.rename({schema.PERIOD: "now"})
        .join(past.select(*_PAIR, *FACTS_BEFORE), on=list(_PAIR), how="inner")
        .filter(pl.col(schema.PERIOD) < pl.col("now"))
        .sort("place", schema.PERIOD, descending=[False, True])
        .group_by("place", maintain_order=True)
        .head(HISTORY_PERIODS)
    )
    history: dict[int, list[dict[str, Any]]] = {}
    for line in before.select("place", *FACTS_BEFORE).fill_nan(None).to_dicts():
        history.setdefault(line.pop("place"), []).append(line)
    return [
        {**facts, HISTORY: history.get(place, [])}
        for place, facts in enumerate(rows.select(FACTS_NOW).fill_nan(None).to_dicts())
    ]
