"""Verb on the works council (CSE): record what was done, for the system as a whole or for one version."""

from datetime import date

from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record, turn
from apps.registry.models import WorksCouncilRecord
from apps.registry.selectors import find_version
from apps.registry.services.page import render_after_commit
from apps.registry.words import optional_words, required_words
from future_skills.errors import UsageError, translatable


@verb(Right.CONSULT)
def record_works_council(
    *,
    actor: Actor,
    state: WorksCouncilRecord.State,
    held_on: date,
    reason: str,
    document: str = "",
    version: str | None = None,
) -> WorksCouncilRecord:
    """Record the information or consultation of the works council.

    Args:
        actor: who records it.
        state: not required, informed, consulted, or opinion given.
        held_on: the day it happened, or was decided; not in the future.
        reason: why it is not required, what was said, or what the opinion is.
        document: reference of the minutes (a number, a title, an address).
        version: the version it confirms; None for the system as a whole.

    Raises:
        UsageError: no reason, a day in the future.
        VersionNotFoundError: no such version.
    """
    reason = required_words(reason, translatable("Say in words what was decided or said (10 000 characters at most)."))
    document = optional_words(document, translatable("The reference of a document has 500 characters at most."))
    if len(document) > 500:
        raise UsageError(translatable("The reference of a document has 500 characters at most."))
    if held_on > timezone.localdate():
        raise UsageError(translatable("{day} is in the future: record what has happened."), day=held_on.isoformat())
    with turn():
        row = find_version(version) if version else None
        written = WorksCouncilRecord.objects.create(
            version=row,
            state=state,
            held_on=held_on,
            reason=reason,
            document=document,
            created_at=timezone.now(),
            created_by=actor.name,
        )
        record(
            actor=actor,
            action="registry.works_council",
            object_type="version" if row else "system",
            object_id=row.name if row else "works_council",
            details={"state": state.value, "held_on": held_on.isoformat(), "reason": reason, "document": document},
        )
        render_after_commit()
    return written
