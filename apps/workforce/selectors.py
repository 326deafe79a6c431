"""Reads of HR facts, as Polars frames: no ORM object per row."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import polars as pl
from django.db.models import QuerySet

from apps.audit.models import AuditEvent
from apps.workforce.models import JobRole, Skill, SkillSnapshot
from future_skills import schema

CHUNK_ROWS = 50_000
"""Rows turned from Python tuples into columns at a time: keeps the memory of a million rows small."""

PERIOD_FACTS = (schema.DEPARTMENT, schema.CATEGORY, *schema.NUMERIC_FEATURES, schema.OBSERVED_LEVEL)
"""What a snapshot holds besides its key, as it was at its period."""

FACT_TYPES: dict[str, Any] = {
    schema.DEPARTMENT: pl.String,
    schema.CATEGORY: pl.String,
    **dict.fromkeys(schema.NUMERIC_FEATURES, pl.Float64),
    schema.OBSERVED_LEVEL: pl.String,
}


def snapshots_frame(*, as_of: str | None = None) -> pl.DataFrame:
    """All snapshots, or those known at ``as_of``, sorted by period, role name and skill name.

    Args:
        as_of: a period, YYYY-MM; later snapshots are left out.

    Returns:
        One row per snapshot, the columns of ``schema.SNAPSHOT_COLUMNS``: texts, seven Float64, null where unknown.
        The role's code and name are its current ones; department and category are those of the snapshot.
    """
    snapshots = SkillSnapshot.objects.order_by()
    if as_of is not None:
        snapshots = snapshots.filter(period__lte=as_of)
    facts = stored_facts(snapshots)
    roles = pl.DataFrame(
        list(JobRole.objects.order_by().values_list("id", "code", "name")),
        schema={"job_role_id": pl.Int64, schema.ROLE_CODE: pl.String, schema.ROLE: pl.String},
        orient="row",
    )
    skills = pl.DataFrame(
        list(Skill.objects.order_by().values_list("id", "name")),
        schema={"skill_id": pl.Int64, schema.SKILL: pl.String},
        orient="row",
    )
    return (
        facts.join(roles, on="job_role_id")
        .join(skills, on="skill_id")
        .select(schema.SNAPSHOT_COLUMNS)
        .sort(schema.SNAPSHOT_KEY)
    )


def stored_facts(snapshots: "QuerySet[SkillSnapshot]") -> pl.DataFrame:
    """The rows of a query: ``id, period, job_role_id, skill_id`` and ``PERIOD_FACTS``."""
    types: dict[str, Any] = {
        "id": pl.Int64,
        schema.PERIOD: pl.String,
        "job_role_id": pl.Int64,
        "skill_id": pl.Int64,
        **FACT_TYPES,
    }
    return frame_of(snapshots.values_list(*types).iterator(chunk_size=CHUNK_ROWS), types)


def frame_of(rows: Iterable[Sequence[Any]], types: dict[str, Any]) -> pl.DataFrame:
    """A frame from tuples, built chunk by chunk."""
    iterator = iter(rows)
    chunks = [pl.DataFrame(schema=types)]
    while chunk := list(islice(iterator, CHUNK_ROWS)):
        chunks.append(pl.DataFrame(chunk, schema=types, orient="row"))
    return pl.concat(chunks, rechunk=True)


def observed_periods() -> list[str]:
    """The periods at which the need of at least one pair was observed, in order of time."""
    return list(
        SkillSnapshot.objects.filter(observed_need_level__isnull=False)
        .order_by(schema.PERIOD)
        .values_list(schema.PERIOD, flat=True)
        .distinct()
    )


def known_names() -> dict[str, list[str]]:
    """Names and codes already stored, in alphabetical order, by column of ``schema.SNAPSHOT_COLUMNS``."""
    columns = {
        schema.ROLE_CODE: JobRole.objects.order_by("code").values_list("code", flat=True),
        schema.ROLE: JobRole.objects.order_by("name").values_list("name", flat=True),
        schema.DEPARTMENT: JobRole.objects.order_by("department").values_list("department", flat=True).distinct(),
        schema.SKILL: Skill.objects.order_by("name").values_list("name", flat=True),
        schema.CATEGORY: Skill.objects.order_by("category").values_list("category", flat=True).distinct(),
    }
    return {column: list(values) for column, values in columns.items()}


def newest_event() -> int:
    """Number of the newest event of the audit log; 0 where there is none."""
    return AuditEvent.objects.order_by("-sequence").values_list("sequence", flat=True).first() or 0


def facts_changed_since(event: int) -> bool:
    """Whether an act has written facts after that event of the audit log."""
    return AuditEvent.objects.filter(sequence__gt=event, object_type="snapshots").exists()
