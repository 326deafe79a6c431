"""What the header of every page shows."""

from typing import Any

from django.http import HttpRequest


def header(request: HttpRequest) -> dict[str, Any]:
    """The live version and how many decisions wait for the person.

    None for the live version: nothing can be in production yet. None for the decisions: nobody is logged in.
    """
    del request
    return {"live_version": None, "waiting_count": None}
