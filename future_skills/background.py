"""The background rows of a version: a few training rows that stand for all of them, which reasons compare a row with.

They are kept beside the version, ``….background.parquet``, listed in its manifest by hash like every other file, so that the
same version always gives the same reasons. A version that learned each current level apart has ``ROWS`` of each level: its
reasons are told among pairs of one level (docs/decisions/0016).
"""

import io
from typing import Any, Final

import numpy as np
import polars as pl

from future_skills import schema
from future_skills.artifact import BACKGROUND_SUFFIX, VersionPaths, checked_bytes, unreadable
from future_skills.errors import ReasonsUnavailableError, translatable
from future_skills.manifest import Manifest
from future_skills.pipeline import BlendByLevel, NeedLevelModel

ROWS: Final = 16
"""Background rows of a version, or of each of its current levels; what more would change: docs/decisions/0016."""

_CANDIDATES: Final = 480
"""Rows among which they are chosen."""


def learned_apart(model: Any) -> bool:
    """Whether a model learned each current level apart: no answer of one level tells of another."""
    return (
        isinstance(model, NeedLevelModel)
        and isinstance(model.estimator_, BlendByLevel)
        and model.estimator_.knows_level_
    )


def draw_background(model: Any, rows: pl.DataFrame, *, random_state: int) -> pl.DataFrame:
    """Rows that stand for all training rows, from the lowest score to the highest; the same seed gives the same rows.

    Of ``_CANDIDATES`` rows drawn at random, in the order of P(MEDIUM) + 2 x P(HIGH), every thirtieth is kept: they are
    closer to all rows than as many drawn at random (measured in docs/decisions/0016).

    Args:
        model: the fitted model.
        rows: the training rows, the columns the model reads, at least one row.
        random_state: seed.

    Returns:
        At most ``ROWS`` rows of ``rows``; of each current level, unknown included, where the model ``learned_apart``.
    """
    parts = rows.partition_by(schema.CURRENT_LEVEL, maintain_order=True) if learned_apart(model) else [rows]
    return pl.concat([_stratified(model, part, random_state) for part in parts])


def _stratified(model: Any, rows: pl.DataFrame, random_state: int) -> pl.DataFrame:
    draw = np.random.default_rng(random_state)
    drawn = rows[np.sort(draw.choice(len(rows), min(_CANDIDATES, len(rows)), replace=False))]
    chances = np.asarray(model.predict_proba(drawn), dtype=np.float64)
    rank = np.array([schema.LEVEL_RANK[str(level)] for level in model.classes_])
    order = np.lexsort((np.arange(len(drawn)), np.round(chances @ rank, 9)))
    count = min(ROWS, len(drawn))
    middles = ((np.arange(count) + 0.5) * len(drawn) / count).astype(np.int64)
    return drawn[np.sort(order[middles])]


def background_bytes(rows: pl.DataFrame) -> bytes:
    """The content of ``….background.parquet``."""
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="zstd", statistics=False)
    return buffer.getvalue()


def read_background(manifest: Manifest, paths: VersionPaths) -> pl.DataFrame:
    """The background rows of a version, checked: the columns its model reads.

    Raises:
        ReasonsUnavailableError: it has none; it was imported, or trained before versions kept any.
        ArtifactMissingError, ArtifactHashMismatchError: the file is absent, or was changed.
        ArtifactUnreadableError: it is the file that the manifest names, and holds no such rows.
    """
    entry = next((one for one in manifest.files if one.name.endswith(BACKGROUND_SUFFIX)), None)
    if entry is None:
        raise ReasonsUnavailableError(
            translatable("{version} kept no training rows to compare with: its answers come without reasons."),
            hint=translatable("Train it again here, under another name."),
            version=manifest.version,
        )
    path = paths.model.parent / entry.name
    try:
        rows = pl.read_parquet(checked_bytes(path, entry)).select(manifest.features.columns)
    except pl.exceptions.PolarsError as error:
        raise unreadable(manifest, path, str(error).splitlines()[0]) from error
    if rows.is_empty():
        raise unreadable(manifest, path, "no rows")
    return rows
