"""The verb that trains a version again, and says whether the same came out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import transaction

import future_skills  # scikit-learn is loaded when something is trained, not by every command
from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record
from apps.registry.selectors import find_version
from apps.registry.store import dataset_path, version_rows
from future_skills.environment import current_environment
from future_skills.errors import ArtifactHashMismatchError, ArtifactMissingError, NotReproducibleError, translatable
from future_skills.files import sha256_of_file


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What training again from the kept dataset gave.

    Attributes:
        version: its name.
        differences: what is not identical: name -> (then, now); empty when everything is.
        environment: libraries that are not the ones of the training: name -> (then, now).
    """

    version: str
    differences: dict[str, tuple[Any, Any]]
    environment: dict[str, tuple[str, str]]

    @property
    def identical(self) -> bool:
        """Whether metrics, baselines and every prediction of the test rows are the same to the last bit."""
        return not self.differences


@verb(Right.EVALUATE)
def reproduce_version(*, actor: Actor, version: str, on_step: Callable[[str], None]) -> Reproduction:
    """Train a version again from the kept copy of its dataset, and compare metrics and every test prediction.

    Raises:
        VersionNotFoundError: no such version.
        NotReproducibleError: its dataset was not kept, or it was imported.
        ArtifactError: a kept file was changed, or nobody vouches for it.
    """
    row = find_version(version)
    manifest = row.words
    if not manifest.split.train_rows_known:
        raise NotReproducibleError(
            translatable("{version} was trained elsewhere: on which rows, and how, is not known."), version=version
        )
    if row.dataset is None:
        raise NotReproducibleError(
            translatable("The dataset of {version} (sha256 {sha256}) was not kept, so it cannot be trained again."),
            hint=translatable("Train with the dataset registered, without --no-register."),
            version=version,
            sha256=manifest.dataset.sha256,
        )
    try:
        path = dataset_path(row.dataset)
    except ArtifactMissingError as error:
        raise NotReproducibleError(
            translatable("The kept copy of the dataset of {version} is gone: {path}."),
            version=version,
            path=error.details["path"],
        ) from error
    if sha256_of_file(path) != manifest.dataset.sha256:
        raise ArtifactHashMismatchError(path=str(path), expected=manifest.dataset.sha256, actual=sha256_of_file(path))
    on_step(translatable("read the dataset"))
    dataset = future_skills.read_dataset(
        path,
        period_column=manifest.dataset.period_column,
        label_period_column=manifest.dataset.label_period_column,
    )
    trained = future_skills.fit_and_measure(dataset, future_skills.Recipe.of(manifest), on_step=on_step)
    differences: dict[str, tuple[Any, Any]] = {}
    then, now = (
        _flat({"metrics": metrics.model_dump(), "baselines": baselines.model_dump()})
        for metrics, baselines in ((manifest.metrics, manifest.baselines), (trained.metrics, trained.baselines))
    )
    differences |= {
        name: (then.get(name), now.get(name)) for name in {**then, **now} if then.get(name) != now.get(name)
    }
    kept = version_rows(row)
    if not kept.equals(trained.rows):
        differences["predictions"] = (_fingerprint(kept), _fingerprint(trained.rows))
    libraries = current_environment().libraries
    environment = {
        name: (old, libraries.get(name, "—"))
        for name, old in manifest.environment.libraries.items()
        if libraries.get(name) != old
    }
    with transaction.atomic():
        record(
            actor=actor,
            action="registry.reproduce",
            object_type="version",
            object_id=version,
            details={"identical": not differences, "differences": sorted(differences)},
        )
    return Reproduction(version, differences, environment)


def _fingerprint(rows: pl.DataFrame) -> str:
    """Rows, and a sum of all the probabilities, to see how far apart two tables of predictions are."""
    total = rows.select(pl.sum_horizontal(pl.col("low") + 2 * pl.col("medium") + 3 * pl.col("high")).sum()).item()
    return f"{len(rows)} rows, weighted sum of probabilities {total!r}"


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as dotted names."""
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat |= _flat(item, f"{prefix}.{key}" if prefix else str(key))
    return flat
