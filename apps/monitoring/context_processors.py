"""What monitoring adds to the header of every page."""

from typing import Any

from django.http import HttpRequest

from apps.accounts.access import request_rights
from apps.accounts.rights import Right
from apps.monitoring.selectors import alerting


def header(request: HttpRequest) -> dict[str, Any]:
    """How many alerts wait for somebody; None for who deals with none."""
    return {"alert_count": alerting().count() if Right.HANDLE_ALERTS in request_rights(request) else None}
