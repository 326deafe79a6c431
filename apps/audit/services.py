"""The only writer of the audit log, and the check of its chain."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from django.db import connection, transaction
from django.utils import timezone

from apps.audit.models import AuditEvent, AuditHead
from future_skills.errors import AuditChainError, translatable

GENESIS_HASH = "0" * 64
HEAD_ID = 1


class Actor(Protocol):
    """Who acts, and how we know it."""

    @property
    def name(self) -> str:
        """User name."""

    @property
    def source(self) -> str:
        """Where the name comes from (see ``apps.accounts.actors.Actor``)."""


def record(*, actor: Actor, action: str, object_type: str, object_id: str, details: Mapping[str, Any]) -> AuditEvent:
    """Append one event to the chain, inside the caller's transaction.

    Raises:
        RuntimeError: outside a transaction, where an act could be kept without its event or the reverse.
    """
    if not connection.in_atomic_block:
        message = "An audit event is written in the transaction of the act it records."
        raise RuntimeError(message)
    head, _ = AuditHead.objects.select_for_update().get_or_create(
        pk=HEAD_ID, defaults={"sequence": 0, "hash": GENESIS_HASH}
    )
    event = AuditEvent(
        sequence=head.sequence + 1,
        at=timezone.now(),
        actor=actor.name,
        actor_source=actor.source,
        action=action,
        object_type=object_type,
        object_id=object_id,
        details=dict(details),
        previous_hash=head.hash,
    )
    event.hash = event_hash(event)
    event.save(force_insert=True)
    head.sequence, head.hash = event.sequence, event.hash
    head.save(update_fields=["sequence", "hash"])
    return event


def event_hash(event: AuditEvent) -> str:
    """Sha256 (hexadecimal) of the event's canonical JSON, its own hash left out."""
    at: datetime = event.at
    content = {
        "sequence": event.sequence,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "actor_source": event.actor_source,
        "action": event.action,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "details": event.details,
        "previous_hash": event.previous_hash,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


@transaction.atomic
def verify_chain() -> int:
    """Number of events in the log, once every one of them was found sealed to the one before.

    Raises:
        AuditChainError: names the first event that was edited, removed, moved or inserted.
    """
    previous, sequence = GENESIS_HASH, 0
    for event in AuditEvent.objects.order_by("sequence").iterator(chunk_size=2000):
        sequence += 1
        if event.sequence != sequence:
            raise AuditChainError(sequence=sequence, problem=translatable("the event is missing"))
        if event.previous_hash != previous:
            raise AuditChainError(sequence=sequence, problem=translatable("it does not follow the event before"))
        if event.hash != event_hash(event):
            raise AuditChainError(sequence=sequence, problem=translatable("it was changed after it was written"))
        previous = event.hash
    head = AuditHead.objects.filter(pk=HEAD_ID).values_list("sequence", "hash").first()
    if head != (sequence, previous) and (head, sequence) != (None, 0):
        raise AuditChainError(sequence=sequence + 1, problem=translatable("the end of the log was cut"))
    return sequence
