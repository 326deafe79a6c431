"""The audit log as files: a table for spreadsheets, or JSON with all that the hashes are made of."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import Any, Final, Literal, get_args

from django.utils.translation import gettext_lazy as _

from apps.audit.models import AuditEvent
from apps.audit.seal import Head
from apps.audit.selectors import LogFilter, in_order
from apps.audit.services import log_head
from future_skills.formatting import Language
from future_skills.text import csv_line

Format = Literal["csv", "json", "jsonl"]
FORMATS: Final = get_args(Format)

_HEADINGS: Final = {
    "sequence": _("Event"),
    "at": _("Moment (UTC)"),
    "actor": _("Who"),
    "actor_source": _("Known by"),
    "action": _("Act"),
    "object_type": _("Kind of object"),
    "object_id": _("Object"),
    "details": _("Details"),
    "previous_hash": _("Hash of the event before"),
    "hash": _("Hash"),
}


def event_document(event: AuditEvent) -> dict[str, Any]:
    """An event as JSON: the fields that its hash is made of, written as the hash takes them, and the hash."""
    written = {"at": event.at.astimezone(UTC).isoformat(timespec="microseconds")}
    return {name: written.get(name, getattr(event, name)) for name in _HEADINGS}


def exported(asked: LogFilter, kind: Format, language: Language) -> Iterator[str]:
    """The events that a filter keeps, oldest first, as the pieces of a file; memory is constant.

    ``csv``: as a spreadsheet of that language opens it. ``json``: one document with the head of the log at that moment.
    ``jsonl``: one event a line.
    """
    head = log_head()
    events = in_order(asked, last=head.sequence)
    if kind == "csv":
        return _csv(events, [str(heading) for heading in _HEADINGS.values()], language)
    lines = (json.dumps(event_document(event), ensure_ascii=False) for event in events)
    return _json(lines, head) if kind == "json" else (f"{line}\n" for line in lines)


def _csv(events: Iterable[AuditEvent], headings: Iterable[str], language: Language) -> Iterator[str]:
    """French spreadsheets expect ``;``, English ones ``,``; both a byte-order mark."""
    delimiter = ";" if language == "fr" else ","
    yield "\ufeff" + csv_line(headings, delimiter=delimiter)
    for event in events:
        document = event_document(event)
        document["details"] = json.dumps(document["details"], ensure_ascii=False)
        yield csv_line(document.values(), delimiter=delimiter)


def _json(lines: Iterable[str], head: Head) -> Iterator[str]:
    yield f'{{"head": "{head}", "events": ['
    for place, line in enumerate(lines):
        yield f",\n{line}" if place else f"\n{line}"
    yield "\n]}\n"
