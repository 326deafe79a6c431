"""What the header of every page shows."""

from typing import Any

from django.http import HttpRequest

from apps.accounts.access import login_actor, request_rights
from apps.accounts.rights import Right
from apps.registry.live import live_deployment, open_suspension
from apps.registry.waiting import waiting_for


def header(request: HttpRequest) -> dict[str, Any]:
    """What is live, whether predictions are suspended, and how many decisions wait for the person.

    None: nothing is, nobody has suspended them, the person decides nothing here; and for those who may not read.
    """
    rights = request_rights(request)
    reads = Right.READ in rights
    waiting = waiting_for(login_actor(request).name, rights) if reads else None
    return {
        "live": live_deployment() if reads else None,
        "suspension": open_suspension() if reads else None,
        "waiting_count": waiting and waiting.count(),
    }
