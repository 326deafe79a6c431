"""The page of the audit log and its exports.

They are here and not in ``apps.audit``: a page asks who reads it, and the log is the room before those who have rights.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language, gettext, ngettext
from django.views.decorators.http import require_safe

from apps.accounts import selectors
from apps.accounts.access import needs
from apps.accounts.rights import Right
from apps.audit.exports import Format, exported
from apps.audit.models import AuditEvent
from apps.audit.seal import Head
from apps.audit.selectors import MOST_COUNTED, LogFilter, count_matching, log_filter, log_page
from apps.audit.services import log_head, verify_chain
from apps.audit.words import ACTIONS, OBJECTS, SOURCES
from future_skills import formatting
from future_skills.errors import AuditChainError, UsageError

VERIFIED_ON_SIGHT: Final = 10_000
"""A log of that many events is verified as soon as its page is shown (half a second); a longer one when somebody asks."""

_FILTERS: Final = {"actor": "actor", "action": "action", "object": "about", "since": "since", "until": "until"}
"""Parameter of the address -> argument of ``log_filter``."""

_HASH: Final = re.compile("[0-9a-f]{64}")

_CONTENT_TYPES: Final[Mapping[Format, str]] = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


# --- What an address asks ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class LogQuery:
    """What an address asks of the log.

    Attributes:
        typed: the filters as they were typed, by their name in the address.
        asked: the filters as they were understood.
        before: show what was just before that event.
        after: show what was just after it.
        notices: what could not be understood, in words.
    """

    typed: Mapping[str, str]
    asked: LogFilter
    before: int | None
    after: int | None
    notices: tuple[str, ...]

    def address(self, **changes: Any) -> str:
        """The query string of these filters, with something added; what is empty is left out."""
        return "?" + urlencode({name: value for name, value in (*self.typed.items(), *changes.items()) if value})


def parse_log_query(request: HttpRequest) -> LogQuery:
    """Read the filters and the place in the log; what makes no sense is left out, and said."""
    typed = {name: request.GET.get(name, "").strip()[:200] for name in _FILTERS}
    notices = []
    for name in ("since", "until"):
        try:
            log_filter(**{name: typed[name]})
        except UsageError as error:
            notices.append(error.explain(gettext))
            typed[name] = ""
    return LogQuery(
        typed=typed,
        asked=log_filter(**{argument: typed[name] for name, argument in _FILTERS.items()}),
        before=_place(request.GET.get("before", "")),
        after=_place(request.GET.get("after", "")),
        notices=tuple(notices),
    )


def _place(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


# --- What the page shows ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as the page shows it.

    Attributes:
        name: of its object, a hash cut short.
        summary: the beginning of the details; ``facts`` are all of them.
        address: where this event is shown, for ever.
        about: where every event of its object is.
    """

    event: AuditEvent
    moment: str
    source: str
    act: str
    kind: str
    name: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    address: str
    about: str


def _row(event: AuditEvent) -> EventRow:
    details = event.details if isinstance(event.details, dict) else {"": event.details}  # somebody tampered with it
    facts = tuple((key, _value(value)) for key, value in details.items())
    summary = " · ".join(f"{key}: {value}" for key, value in facts if value and not _HASH.fullmatch(value))
    return EventRow(
        event=event,
        moment=timezone.localtime(event.at).strftime("%Y-%m-%d %H:%M:%S"),
        source=_words(SOURCES, event.actor_source),
        act=_words(ACTIONS, event.action),
        kind=_words(OBJECTS, event.object_type),
        name=f"{event.object_id[:12]}…" if _HASH.fullmatch(event.object_id) else event.object_id,
        summary=summary if len(summary) <= 80 else summary[:79] + "…",
        facts=facts,
        address=f"?before={event.sequence + 1}#event-{event.sequence}",
        about="?" + urlencode({"object": f"{event.object_type}:{event.object_id}"}),
    )


def _words(table: Mapping[str, str], code: str) -> str:
    return gettext(table[code]) if code in table else code


def _value(value: Any) -> str:
    """A value of the details as people read it: a text as it is, nothing as nothing, the rest as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether the log was as it was written, at a moment; ``problem`` says what was not, or nothing.

    Attributes:
        address: where the first bad event is.
    """

    head: Head
    moment: str
    problem: str = ""
    address: str = ""

    @property
    def command(self) -> str:
        """What compares the log with this head later."""
        return f"python manage.py verify_audit_log --head {self.head}"


def _verified() -> Verification:
    head, moment = log_head(), formatting.moment(timezone.localtime(), _language())
    try:
        verify_chain(head)
        return Verification(head, moment)
    except AuditChainError as error:
        place = error.details["sequence"]
        return Verification(head, moment, error.explain(gettext), f"?before={place + 10}#event-{place}")


def _language() -> formatting.Language:
    return formatting.language_of(get_language())


def _whole(number: int) -> str:
    return formatting.integer(number, _language())


def _count_words(asked: LogFilter) -> str:
    """How many events the filters keep; nothing where they keep all."""
    if asked.empty:
        return ""
    count = count_matching(asked)
    if count > MOST_COUNTED:
        return gettext("more than {most} events").format(most=_whole(MOST_COUNTED))
    return ngettext("{count} event", "{count} events", count).format(count=_whole(count))


@needs(Right.READ_AUDIT)
@require_safe
def audit_log(request: HttpRequest) -> HttpResponse:
    """The audit log, newest first: is it intact, and who did what, when, to what."""
    query = parse_log_query(request)
    page, head = log_page(query.asked, before=query.before, after=query.after), log_head()
    context = {
        "query": query,
        "rows": [_row(event) for event in page.events],
        "total": head.sequence,
        "shown_total": _whole(head.sequence),
        "verification": _verified() if request.GET.get("verify") else None,
        "verify": query.address(verify="yes"),
        "on_sight": head.sequence <= VERIFIED_ON_SIGHT,
        "count": _count_words(query.asked),
        "actions": _choices(ACTIONS, query.asked.action),
        "names": selectors.usernames(),
        "newer": query.address(after=page.events[0].sequence) if page.newer and page.events else "",
        "older": query.address(before=page.events[-1].sequence) if page.older and page.events else "",
        "export": query.address(),
        "notices": query.notices,
        "section": "audit",
    }
    return render(request, "accounts/audit.html", context)


def _choices(words: Mapping[str, str], chosen: str) -> list[tuple[str, str, bool]]:
    """Code, words, and whether it is the one chosen; a code without words is there while it is chosen."""
    known = {code: _words(words, code) for code in words}
    if chosen:
        known.setdefault(chosen, chosen)
    return [(code, name, code == chosen) for code, name in known.items()]


# --- Exports ----------------------------------------------------------------------------------------------------------------
def _download(request: HttpRequest, kind: Format) -> StreamingHttpResponse:
    asked = log_filter(**{argument: request.GET.get(name, "") for name, argument in _FILTERS.items()})
    pieces = exported(asked, kind, _language())
    response = StreamingHttpResponse(pieces, content_type=_CONTENT_TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="audit.{kind}"'
    return response


@needs(Right.READ_AUDIT)
@require_safe
def audit_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The events that the filters keep, oldest first, as a file that a spreadsheet opens in the active language."""
    return _download(request, "csv")


@needs(Right.READ_AUDIT)
@require_safe
def audit_json(request: HttpRequest) -> StreamingHttpResponse:
    """The same events as JSON, with everything that their hashes are made of."""
    return _download(request, "json")
