"""The audit log in the API: parse, call one selector, answer with a document."""

from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from ninja import Query, Router
from pydantic import BaseModel, ConfigDict, Field

from apps.accounts.access import needs
from apps.accounts.rights import Right
from apps.audit.exports import event_document
from apps.audit.selectors import PAGE_SIZE, log_filter, log_page
from apps.audit.services import log_head

Name = Annotated[str, Query(max_length=150, description="what that person did")]
Action = Annotated[str, Query(max_length=60, description="that kind of act, such as registry.deploy")]
About = Annotated[
    str, Query(max_length=300, alias="object", description="what was done to that object: “v2”, “version:v2”")
]
Since = Annotated[str, Query(max_length=40, description="from that day or moment on")]
Until = Annotated[str, Query(max_length=40, description="to the end of that day, or before that moment")]
Before = Annotated[
    int | None, Query(ge=1, le=10**18, description="only what came before that event: “next” of the page before")
]
Limit = Annotated[int, Query(ge=1, le=500, description="how many at most")]


class AuditEventDocument(BaseModel):
    """Who did what, when, to which object.

    Attributes:
        at: in UTC, as the hash takes it.
        actor_source: how we know who acted: ``login``, ``token``, ``declared``, ``environment``, ``system``.
        hash: sha256 of the canonical JSON of the other fields.
    """

    model_config = ConfigDict(extra="forbid")

    sequence: int
    at: str
    actor: str
    actor_source: str
    action: str
    object_type: str
    object_id: str
    details: dict[str, Any]
    previous_hash: str
    hash: str


class AuditPage(BaseModel):
    """A page of events, newest first."""

    model_config = ConfigDict(extra="forbid")

    head: str = Field(description="the end of the log, HASH:SEQUENCE, for “verify_audit_log --head”")
    events: list[AuditEventDocument]
    next: int | None = Field(description="“before” of the next page; null on the last one")


audit_router = Router(tags=["audit"])


@audit_router.get("/audit", response=AuditPage, summary=_("Read the audit log"))
@needs(Right.READ_AUDIT)
def list_audit_events(
    request: HttpRequest,
    actor: Name = "",
    action: Action = "",
    about: About = "",
    since: Since = "",
    until: Until = "",
    before: Before = None,
    limit: Limit = PAGE_SIZE,
) -> AuditPage:
    """Newest first; filters and pages are read from the rows in two queries, whatever the length of the log."""
    asked = log_filter(actor=actor, action=action, about=about, since=since, until=until)
    page = log_page(asked, before=before, size=limit)
    return AuditPage(
        head=str(log_head()),
        events=[AuditEventDocument(**event_document(event)) for event in page.events],
        next=page.events[-1].sequence if page.older and page.events else None,
    )
