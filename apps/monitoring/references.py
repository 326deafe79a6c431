"""What a version stands on: its training rows, and the newest snapshot known when it was registered."""

from collections.abc import Iterator
from typing import Final

import polars as pl
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.monitoring.models import Reference
from apps.registry.models import ModelVersion
from apps.registry.store import dataset_path, version_rows
from apps.serving.campaigns.facts import pairs_at
from apps.serving.reader import open_predictor
from apps.workforce.models import SkillSnapshot
from future_skills import schema
from future_skills.dataset import read_dataset
from future_skills.drift_profile import CONFIDENCE, PREDICTED, build_reference
from future_skills.errors import NotReproducibleError, translatable
from future_skills.performance import declared
from future_skills.profile import LEVEL_KEYS, PAIR

_KEPT: Final = tuple(dict.fromkeys((*schema.SNAPSHOT_KEY, *schema.BASE_FEATURES)))

_AT_ONCE: Final = 100_000
"""Pairs of the newest snapshot scored at a time."""


def reference_of(version: ModelVersion) -> Reference:
    """The reference of a version, made where it is not there yet.

    Raises:
        NotReproducibleError: its dataset was not kept, or its training rows are not known (an imported version).
        ArtifactError: a file of it cannot be trusted, or opened.
    """
    known = Reference.objects.filter(version=version).first()
    if known is not None:
        return known
    newest = newest_period_known(version)
    rows = _rows_of(version, newest, pairs=None)
    profile = build_reference(rows, features=[name for name in schema.BASE_FEATURES if name in rows.columns])
    made = Reference(
        version=version,
        newest_period=newest,
        sha256=profile.sha256,
        made_at=timezone.now(),
        profile=profile.to_dict(),
        declared=declared(version_rows(version)).model_dump(mode="json"),
    )
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:  # another process made it meanwhile, of the same rows
        return Reference.objects.get(version=version)
    return made


def same_pairs(reference: Reference, answers: pl.DataFrame) -> pl.DataFrame:
    """The rows of a reference about pairs that somebody asked about, as ``compare`` takes them.

    Args:
        reference: of a version.
        answers: role and skill, one row per pair or several.

    Raises:
        NotReproducibleError, ArtifactError: as ``reference_of``.
    """
    pairs = answers.select(LEVEL_KEYS[PAIR]).unique()
    return _rows_of(reference.version, reference.newest_period, pairs=pairs)


def _rows_of(version: ModelVersion, newest: str, *, pairs: pl.DataFrame | None) -> pl.DataFrame:
    """The rows that a version was trained on, and what it says of the newest snapshot; of some pairs, or of all."""
    rows = training_rows(version)
    if pairs is not None:
        rows = rows.join(pairs, on=pairs.columns, how="semi")
    return pl.concat([rows, *_scored_snapshot(version, newest, pairs)], how="diagonal")


def training_rows(version: ModelVersion) -> pl.DataFrame:
    """The rows that a version was trained on: ``schema.SNAPSHOT_KEY`` and the base features, whether it reads them or not.

    A new skill is news to HR, also where the version knows skills by their other features alone.

    Raises:
        NotReproducibleError: they are not known, or were not kept.
        ArtifactError: a kept file is gone, or was changed.
    """
    manifest = version.words
    if version.dataset is None or not manifest.split.train_rows_known:
        raise NotReproducibleError(
            translatable("What {version} was trained on is not kept here: nothing can be compared with it."),
            version=version.name,
        )
    frame = read_dataset(
        dataset_path(version.dataset),
        period_column=manifest.dataset.period_column,
        label_period_column=manifest.dataset.label_period_column,
    ).frame
    places = version_rows(version).filter(pl.col("part") == "train")["row"]
    return frame[places].select(name for name in _KEPT if name in frame.columns)


def newest_period_known(version: ModelVersion) -> str:
    """The newest period whose facts were there when a version was registered; the oldest there is, where none was.

    Every write of facts says its periods in the audit log, so that what came later is told apart.

    Raises:
        NotReproducibleError: there are no facts at all.
    """
    events = AuditEvent.objects.filter(object_type="snapshots", at__lte=version.registered_at)
    written = {period for details in events.values_list("details", flat=True) for period in details.get("periods", ())}
    stored = SkillSnapshot.objects.order_by("-period").values_list("period", flat=True)
    known = stored.filter(period__in=written).first() or stored.reverse().first()
    if known is None:
        raise NotReproducibleError(
            translatable("There are no HR facts here: nothing can be compared with what {version} stands on."),
            version=version.name,
        )
    return known


def _scored_snapshot(version: ModelVersion, period: str, pairs: pl.DataFrame | None) -> Iterator[pl.DataFrame]:
    """Pairs of a period, and what a version says of them: what it says of rows it was trained on tells nothing."""
    predictor = open_predictor(version)
    for rows in pairs_at(period, with_history=bool(version.words.features.history), size=_AT_ONCE):
        asked = rows if pairs is None else rows.join(pairs, on=pairs.columns, how="semi", maintain_order="left")
        if not asked.is_empty():
            said = predictor.predict(asked).to_frame()
            yield asked.select(_KEPT).hstack(said.select(PREDICTED, CONFIDENCE))
