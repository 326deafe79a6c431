"""Periods as months: YYYY-MM, or a whole year YYYY (its January), as text that sorts in order of time."""

import re

import polars as pl

from future_skills import schema
from future_skills.errors import UsageError, translatable

_MONTH = re.compile(r"^([12][0-9]{3})(?:-(0[1-9]|1[0-2]))?$")


def month_index(period: str) -> int:
    """Months since year 0.

    Raises:
        UsageError: not YYYY-MM nor YYYY.
    """
    match = _MONTH.match(period)
    if match is None:
        raise UsageError(translatable("“{period}” is not a period: write YYYY-MM."), period=period[:80])
    return int(match[1]) * 12 + int(match[2] or 1) - 1


def require_month(period: str) -> None:
    """Refuse what is not YYYY-MM.

    Raises:
        UsageError: it is not.
    """
    if re.fullmatch(schema.PERIOD_PATTERN.strip("^$"), period) is None:
        raise UsageError(translatable("“{period}” is not a period: write YYYY-MM."), period=period[:80])


def month_expression(column: str) -> pl.Expr:
    """``month_index`` of a whole column of valid periods, as Int32."""
    year = pl.col(column).str.slice(0, 4).cast(pl.Int32)
    month = pl.col(column).str.slice(5, 2).cast(pl.Int32, strict=False).fill_null(1)
    return year * 12 + month - 1


def add_months(period: str, months: int) -> str:
    """The period ``months`` later, as YYYY-MM."""
    index = month_index(period) + months
    return f"{index // 12:04d}-{index % 12 + 1:02d}"
