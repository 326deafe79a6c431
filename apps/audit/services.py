"""The only writer of the audit log, and the check of its chain."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol

from django.db import connection, transaction
from django.db.models import F, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from apps.audit.models import AuditEvent, AuditHead
from apps.audit.seal import GENESIS_HASH, Head, normal_details, seal, storable
from future_skills.errors import AuditChainError, translatable

HEAD_ID: Final = 1


class Actor(Protocol):
    """Who acts, and how we know it."""

    @property
    def name(self) -> str:
        """User name."""

    @property
    def source(self) -> str:
        """Where the name comes from (see ``apps.accounts.actors.Actor``)."""


# --- Writing --------------------------------------------------------------------------------------------------------------
@contextmanager
def turn() -> Iterator[None]:
    """A transaction in which nobody else acts: what it reads stays true until its event is written.

    For acts that depend on what others decided (approve, deploy, …): they follow one another, in every process.
    """
    with transaction.atomic():
        _locked_head()
        yield


def _locked_head() -> AuditHead:
    head, _ = AuditHead.objects.select_for_update().get_or_create(
        pk=HEAD_ID, defaults={"sequence": 0, "hash": GENESIS_HASH}
    )
    return head


def record(*, actor: Actor, action: str, object_type: str, object_id: str, details: Mapping[str, Any]) -> AuditEvent:
    """Append one event to the chain, inside the caller's transaction.

    Raises:
        RuntimeError: outside a transaction, where an act could be kept without its event or the reverse.
        UsageError: a text or a number that no database gives back as it was (see ``normal_details``).
    """
    if not connection.in_atomic_block:
        message = "An audit event is written in the transaction of the act it records."
        raise RuntimeError(message)
    head, at = _locked_head(), _now()
    content = {
        "sequence": head.sequence + 1,
        "actor": storable(actor.name),
        "actor_source": actor.source,
        "action": action,
        "object_type": object_type,
        "object_id": storable(object_id),
        "details": normal_details(details),
        "previous_hash": head.hash,
    }
    event = AuditEvent.objects.create(**content, at=at, hash=seal(**content, at=_written(at)))
    head.sequence, head.hash = event.sequence, event.hash
    head.save(update_fields=["sequence", "hash"])
    return event


def _now() -> datetime:
    """Now, in milliseconds: ``dumpdata`` drops what is finer, and a log moved to another database must still verify."""
    now = timezone.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _written(at: datetime) -> str:
    """A moment as the hash takes it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


# --- Checking -------------------------------------------------------------------------------------------------------------
BATCH: Final = 2000
"""Events read at a time."""

_TEXTS: Final = (
    "at",
    "actor",
    "actor_source",
    "action",
    "object_type",
    "object_id",
    "details",
    "previous_hash",
    "hash",
)
"""What is checked of an event, beside its place."""


def log_head() -> Head:
    """The end of the log, as its one row says."""
    row = AuditHead.objects.filter(pk=HEAD_ID).values_list("sequence", "hash").first()
    return Head(*row) if row else Head(0, GENESIS_HASH)


def verify_chain(*kept: Head) -> int:
    """Number of events in the log, once every one of them was found sealed to the one before.

    Memory is constant, and nothing is locked: what is appended meanwhile is checked too, or left to the next time.

    Args:
        *kept: heads that were exported earlier and kept elsewhere. They alone show a log that was written again as a
            whole, or cut together with its head.

    Raises:
        AuditChainError: names the first event that was edited, removed, moved or inserted.
    """
    heads = (log_head(), *kept)
    reached = Head(0, GENESIS_HASH)
    _require_known(reached, heads)
    for event in _stored_events():
        _require_next(event, reached)
        reached = Head(event["sequence"], event["hash"])
        _require_known(reached, heads)
    if any(head.sequence > reached.sequence for head in heads):
        raise AuditChainError(sequence=reached.sequence + 1, problem=translatable("the end of the log was cut"))
    if (end := log_head()).sequence < reached.sequence:
        raise AuditChainError(sequence=end.sequence + 1, problem=translatable("it stands behind the end of the log"))
    return reached.sequence


def _require_next(event: Mapping[str, Any], before: Head) -> None:
    """Refuse an event that has not the next place, is not what its hash says, or does not follow the one before."""
    place = before.sequence + 1
    if event["sequence"] != place:
        raise AuditChainError(sequence=place, problem=translatable("the event is missing"))
    if event["hash"] != _hash_of(**event):
        raise AuditChainError(sequence=place, problem=translatable("it was changed after it was written"))
    if event["previous_hash"] == before.hash:
        return
    if place == 1:
        raise AuditChainError(sequence=place, problem=translatable("the beginning of the log was cut"))
    # this one is whole, and was sealed to another predecessor
    raise AuditChainError(sequence=before.sequence, problem=translatable("it was replaced, and its hash made again"))


def _require_known(reached: Head, heads: Sequence[Head]) -> None:
    """Refuse an event that stands where a head says that another one stood."""
    if any(head.sequence == reached.sequence and head.hash != reached.hash for head in heads):
        raise AuditChainError(
            sequence=reached.sequence, problem=translatable("another event stood there: the log was written again")
        )


def _hash_of(*, at: str, details: str, hash: str, **content: Any) -> str | None:  # noqa: A002 — the column
    """The hash that a stored event should have; None where it holds what nothing here writes."""
    del hash
    try:
        moment = datetime.fromisoformat(at)
        utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return seal(**content, at=_written(utc), details=json.loads(details))
    except (ValueError, TypeError):  # no moment, no JSON, no text: SQLite keeps anything in any column
        return None


def _stored_events() -> Iterator[dict[str, Any]]:
    """Every event in order, its columns as text: what somebody put there may be no moment and no JSON."""
    columns = {"sequence": F("sequence")} | {name: Cast(name, TextField()) for name in _TEXTS}
    events = AuditEvent.objects.order_by("sequence").values_list(*columns.values())
    batch = _read(events)
    while batch:
        for row in batch:
            yield dict(zip(columns, row, strict=True))
        batch = _read(events.filter(sequence__gt=batch[-1][0]))


def _read(events: QuerySet[AuditEvent, tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The first of the events; bytes that are no text are kept as such, where the database lets them in (SQLite)."""
    if connection.vendor != "sqlite":
        return list(events[:BATCH])
    connection.ensure_connection()
    connection.connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    try:
        return list(events[:BATCH])
    finally:
        connection.connection.text_factory = str
