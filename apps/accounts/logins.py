"""Lockouts, kept in the audit log."""

from typing import Any

from axes.signals import user_locked_out
from django.db import transaction
from django.http import HttpRequest

from apps.accounts.actors import server_actor
from apps.audit.services import record


def listen() -> None:
    """Keep an event of every lockout."""
    user_locked_out.connect(keep_lockout, dispatch_uid="accounts.lockout")


def keep_lockout(sender: Any, *, request: HttpRequest, username: str | None, ip_address: str | None, **_: Any) -> None:
    """The event of a lockout, once: attempts while it lasts say nothing new, and a stranger could fill the log."""
    del sender
    if getattr(request, "axes_failures_since_start", None) is None:
        return
    with transaction.atomic():
        record(
            actor=server_actor(),
            action="accounts.lock_out",
            object_type="person",
            object_id=(username or "")[:150],
            details={"ip_address": ip_address},
        )
