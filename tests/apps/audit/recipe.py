"""The hash of an event by the recipe of docs/decisions/0011-audit-log.md, without the product's code."""

import hashlib
import json
from datetime import UTC

from apps.audit.models import AuditEvent


def recipe(event: AuditEvent) -> str:
    """Sha256 of the canonical JSON of every field but the hash."""
    content = {
        "sequence": event.sequence,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "actor_source": event.actor_source,
        "action": event.action,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "details": event.details,
        "previous_hash": event.previous_hash,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
