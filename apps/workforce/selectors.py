"""Reads of HR facts, as Polars frames: no ORM object per row."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import polars as pl
from django.db import connection
from django.db.models import Case, F, Max, QuerySet, Value, When

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
    return _named(stored_facts(snapshots)).select(schema.SNAPSHOT_COLUMNS).sort(schema.SNAPSHOT_KEY)


def snapshots_at(period: str) -> pl.DataFrame:
    """The snapshots of one period, YYYY-MM: as ``snapshots_frame``, in no order."""
    return _named(stored_facts(SkillSnapshot.objects.order_by().filter(period=period))).select(schema.SNAPSHOT_COLUMNS)


def levels_before(period: str) -> pl.DataFrame:
    """Which pairs were observed before a period, and at which level: what their history is made of.

    A row is read as one whole number, of role, skill and level: a million of them in a second, where four columns take three.

    Args:
        period: YYYY-MM; earlier snapshots are read.

    Returns:
        ``period, job_role_name, skill_name, observed_need_level`` (null where unknown), all Categorical, in no order.
    """
    rank = Case(*(When(observed_need_level=level, then=Value(rank)) for rank, level in _LEVELS.items()), default=0)
    code = F("job_role_id") * _ROLE + F("skill_id") * _SKILL + rank
    earlier = SkillSnapshot.objects.order_by().filter(period__lt=period)
    columns = schema.PERIOD, schema.ROLE, schema.SKILL, schema.OBSERVED_LEVEL
    rows = [pl.DataFrame(schema=dict.fromkeys(columns, pl.Categorical))]
    for one in periods_back(before=period):
        codes = earlier.filter(period=one).annotate(code=code).values_list("code", flat=True)
        read = pl.Series(np.fromiter(codes.iterator(chunk_size=CHUNK_ROWS), dtype=np.int64))
        keys = pl.DataFrame(
            {
                "job_role_id": read // _ROLE,
                "skill_id": read % _ROLE // _SKILL,
                schema.OBSERVED_LEVEL: (read % _SKILL).replace_strict(_LEVELS, default=None, return_dtype=pl.String),
                schema.PERIOD: pl.repeat(one, len(read), eager=True),
            }
        )
        rows.append(_named(keys).select(columns).cast(pl.Categorical))
    return pl.concat(rows)


_LEVELS = dict(enumerate(schema.LEVELS, start=1))
"""Code of a level; 0: unknown."""
_SKILL = len(_LEVELS) + 1
_ROLE = _SKILL * 2**32
"""What the keys are multiplied by: room for four thousand million skills, and an eighth as many roles, in 63 bits."""


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the codes and names that roles and skills have now, beside their keys."""
    names: dict[str, Any] = {"id": pl.Int64, "name": pl.String}
    roles = frame_of(JobRole.objects.order_by().values_list("id", "name", "code"), names | {"code": pl.String})
    skills = frame_of(Skill.objects.order_by().values_list("id", "name"), names)

    def looked_up(key: str, known: pl.DataFrame, column: str) -> pl.Expr:
        """Not joined: a join would hold every fact twice."""
        return pl.col(key).replace_strict(known["id"], known[column], default=None, return_dtype=pl.String)

    return rows.with_columns(
        looked_up("job_role_id", roles, "code").alias(schema.ROLE_CODE),
        looked_up("job_role_id", roles, "name").alias(schema.ROLE),
        looked_up("skill_id", skills, "name").alias(schema.SKILL),
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


def periods_back(*, before: str | None = None) -> Iterator[str]:
    """The periods that have facts, the latest first: one step in an index each, where “distinct” reads every row.

    Args:
        before: a period; those before it alone.
    """
    while True:
        earlier = SkillSnapshot.objects.filter(**{"period__lt": before} if before else {})
        before = earlier.aggregate(latest=Max("period"))["latest"]
        if before is None:
            return
        yield before


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
    with connection.cursor() as cursor:  # asked at every prediction: a tenth of what a query set costs
        cursor.execute("SELECT MAX(sequence) FROM audit_auditevent")
        return cursor.fetchone()[0] or 0


def facts_changed_since(event: int) -> bool:
    """Whether an act has written facts after that event of the audit log."""
    return AuditEvent.objects.filter(sequence__gt=event, object_type="snapshots").exists()
