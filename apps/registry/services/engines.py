"""The verb that measures how a version is run: its engine (see ``future_skills.engine``)."""

import time
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record
from apps.registry.models import ModelVersion, VersionEngine
from apps.registry.selectors import find_version
from apps.registry.store import dataset_path, open_version
from future_skills.errors import ArtifactError

if TYPE_CHECKING:
    import polars as pl

    from future_skills.artifact import LoadedVersion


@verb(Right.REGISTER, Right.ADMINISTER)
def measure_version_engine(*, actor: Actor, version: str) -> VersionEngine | None:
    """Measure the engine of a registered version on all its test rows, once: what was measured before stays.

    The doors call it when they have registered a version. One that cannot be opened here is registered all the same, and has
    no engine: it is compared on its stored cases whenever it is opened.

    Args:
        actor: who registered.
        version: its name.

    Raises:
        VersionNotFoundError: no such version.
    """
    from future_skills.engine import measure_engine  # noqa: PLC0415 — scikit-learn is loaded when something is measured

    row = find_version(version)
    if (known := row.measured_engine) is not None:
        return known
    try:
        loaded = open_version(row)
        rows = _test_rows(row, loaded)
    except ArtifactError:
        return None
    choice = measure_engine(loaded.model, rows, stopwatch=time.perf_counter).model_dump(mode="json")
    with transaction.atomic():
        engine, created = VersionEngine.objects.get_or_create(
            version=row, defaults={"choice": choice, "measured_at": timezone.now(), "measured_by": actor.name}
        )
        if created:
            record(
                actor=actor,
                action="registry.measure_engine",
                object_type="version",
                object_id=version,
                details={name: choice[name] for name in ("compiled", "reason", "rows")},
            )
    return engine


def _test_rows(version: ModelVersion, loaded: "LoadedVersion") -> "pl.DataFrame":
    """All test rows, from the kept dataset; the stored cases where it was not kept."""
    from future_skills.artifact import read_cases  # noqa: PLC0415
    from future_skills.dataset import read_dataset  # noqa: PLC0415
    from future_skills.training import history_frame  # noqa: PLC0415

    manifest = loaded.manifest
    if version.dataset is None:
        return read_cases(manifest, loaded.paths).features
    dataset = read_dataset(
        dataset_path(version.dataset),
        period_column=manifest.dataset.period_column,
        label_period_column=manifest.dataset.label_period_column,
    )
    frame = history_frame(dataset) if manifest.features.history else dataset.frame
    rows = loaded.rows()
    return frame[rows["row"].filter(rows["part"] == "test")]
