"""Verbs on datasets."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from django.db import transaction
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record
from apps.registry.models import Dataset
from apps.registry.store import keep_dataset
from apps.workforce.selectors import snapshots_frame
from future_skills import dataset as rules
from future_skills import schema
from future_skills.baselines import rules_level
from future_skills.files import sha256_of_file, written_whole
from future_skills.labels import HORIZON_MONTHS, TOLERANCE_MONTHS

LABEL_RULE = (
    "The pair's level at the first period, between horizon and horizon + tolerance months later (bounds included), for "
    "which the role has observed levels; LOW if the pair is gone while its role is still observed; otherwise no row."
)


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export wrote: the row, the file, the card beside it."""

    dataset: Dataset
    path: Path
    card_path: Path
    created: bool


@verb(Right.REGISTER)
def export_dataset(
    *,
    actor: Actor,
    output: Path,
    horizon_months: int = HORIZON_MONTHS,
    tolerance_months: int = TOLERANCE_MONTHS,
    as_of: str | None = None,
) -> ExportResult:
    """Write the dataset of all HR facts, its card beside it, and register it. Same database, same bytes.

    Raises:
        UsageError: a suffix other than .csv or .parquet, or months out of range.
        NotEnoughDataError: no row has a label yet.
    """
    rules.require_suffix(output, (".csv", ".parquet"))
    frame = rules.build_dataset(
        snapshots_frame(as_of=as_of), horizon_months=horizon_months, tolerance_months=tolerance_months, as_of=as_of
    )
    card = rules.dataset_card(
        frame,
        source="HR facts of this installation (manage.py export_future_skills_dataset)",
        label_rule={
            "rule": LABEL_RULE,
            "horizon_months": horizon_months,
            "tolerance_months": tolerance_months,
            "as_of": as_of,
        },
    )
    rules.write_dataset(frame, output)
    dataset, created = register_dataset(actor=actor, path=output, sha256=sha256_of_file(output), card=card)
    card_path = output.with_suffix(".card.json")
    with written_whole(card_path) as temporary:
        temporary.write_text(json.dumps(dataset.card, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return ExportResult(dataset, output, card_path, created)


@verb(Right.REGISTER, Right.ADMINISTER)
def register_dataset(*, actor: Actor, path: Path, sha256: str, card: dict[str, Any]) -> tuple[Dataset, bool]:
    """Keep a copy of a dataset file and its row; a dataset that is known already is left as it is.

    Returns:
        The row, and whether it is new.

    Raises:
        ArtifactHashMismatchError: the file changed since its hash was taken.
    """
    keep_dataset(path, sha256=sha256, name=path.name)
    with transaction.atomic():
        dataset, created = Dataset.objects.get_or_create(
            sha256=sha256,
            defaults={
                "name": path.name,
                "bytes": path.stat().st_size,
                "rows": card["rows"],
                "card": {"name": path.name, "sha256": sha256, **card},
                "created_at": timezone.now(),
                "created_by": actor.name,
            },
        )
        record(
            actor=actor,
            action="registry.register_dataset" if created else "registry.confirm_dataset",
            object_type="dataset",
            object_id=sha256,
            details={"name": path.name, "rows": card["rows"]},
        )
    return dataset, created


@verb(Right.REGISTER, Right.ADMINISTER)
def register_dataset_file(*, actor: Actor, path: Path, dataset: rules.Dataset) -> tuple[Dataset, bool]:
    """Register a data scientist's own file, read already."""
    frame: pl.DataFrame = dataset.frame
    card = rules.dataset_card(
        frame,
        source=f"file {dataset.name}",
        label_rule={"rule": "ready-made labels of the file", "horizon_months": None},
    )
    return register_dataset(actor=actor, path=path, sha256=dataset.sha256, card=card)


def write_rule_levels(*, path: Path, as_of: str | None = None) -> Path | None:
    """Write what the rules baseline says of every pair of the latest period, each line marked as a rule.

    Returns:
        The path, or None where there are no HR facts at all.
    """
    facts = snapshots_frame(as_of=as_of)
    if facts.is_empty():
        return None
    latest = facts.filter(pl.col(schema.PERIOD) == facts[schema.PERIOD].max())
    levels = latest.select(
        schema.PERIOD,
        schema.ROLE,
        schema.SKILL,
        pl.Series("level", rules_level(latest)),
        pl.lit("règle, pas modèle").alias("source"),
    )
    with written_whole(path) as temporary:
        levels.write_csv(temporary)
    return path
