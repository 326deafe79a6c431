"""Small data for the library's tests."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from future_skills import schema

ROOT = Path(__file__).resolve().parents[2]
PANEL = ROOT / "examples" / "stack_overflow" / "so_survey_panel.parquet"


@pytest.fixture(scope="session")
def make_snapshots() -> Callable[..., pl.DataFrame]:
    """Facts from ``(period, role, skill, level)`` rows; the numbers are drawn with a fixed seed."""

    def make(rows: list[tuple[str, str, str, str | None]]) -> pl.DataFrame:
        rng = np.random.default_rng(0)
        frame = pl.DataFrame(
            rows, schema=[schema.PERIOD, schema.ROLE, schema.SKILL, schema.OBSERVED_LEVEL], orient="row"
        ).with_columns(
            pl.col(schema.ROLE).alias(schema.ROLE_CODE),
            pl.lit("Dept").alias(schema.DEPARTMENT),
            pl.lit("Cat").alias(schema.CATEGORY),
            *[pl.Series(name, rng.random(len(rows)).round(3)) for name in schema.NUMERIC_FEATURES],
        )
        return frame.with_columns(pl.col(schema.OBSERVED_LEVEL).cast(pl.String)).select(schema.SNAPSHOT_COLUMNS)

    return make


@pytest.fixture(scope="session")
def company(make_snapshots: Callable[..., pl.DataFrame]) -> pl.DataFrame:
    """Five yearly relevés of 8 roles x 15 skills whose levels drift slowly: enough to train on in a second."""
    rng = np.random.default_rng(1)
    strength = rng.random((8, 15))
    rows = []
    for year in range(2019, 2024):
        strength = np.clip(strength + rng.normal(0, 0.08, strength.shape), 0, 1)
        rows += [
            (f"{year}-06", f"Rôle {r}", f"Compétence {s}", schema.LEVELS[int(np.clip(strength[r, s] * 3, 0, 2))])
            for r in range(8)
            for s in range(15)
        ]
    return make_snapshots(rows)


@pytest.fixture(scope="session")
def clock() -> Callable[[], datetime]:
    """A clock that stands still."""
    return lambda: datetime(2026, 3, 4, 9, 5, tzinfo=UTC)


@pytest.fixture
def panel_path() -> Path:
    """The survey panel shipped with the project: a second company's file."""
    return PANEL
