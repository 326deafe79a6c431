"""What every answer of a page goes through: the content security policy, and refusals turned into pages."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from future_skills.errors import ArtifactError, DataError, FutureSkillsError, UsageError, VersionNotFoundError

GetResponse = Callable[[HttpRequest], HttpResponse]

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing from elsewhere, nothing inline. ``data:`` images: the framework's icons, inside its stylesheet."""

STATUS: tuple[tuple[type[FutureSkillsError], int], ...] = (
    (VersionNotFoundError, 404),
    (UsageError, 400),
    (DataError, 422),
    (ArtifactError, 503),
    (FutureSkillsError, 409),
)
"""Refusal -> HTTP status of its page; the first class that fits."""


def content_security_policy(get_response: GetResponse) -> GetResponse:
    """Send the policy with every answer."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response

    return middleware


class RefusalPages:
    """A refusal that a view lets through becomes a page that says what, where, and what to do."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The refusal's page; any other error goes on to be a 500."""
        if not isinstance(error, FutureSkillsError):
            return None
        status = next(status for kind, status in STATUS if isinstance(error, kind))
        known = [name for name in str(error.details.get("known", "")).split(", ") if name not in {"", "—"}]
        version = error.details.get("version", "")
        context = {"message": error.explain(gettext), "code": error.code, "known": known, "version": version}
        return render(request, "refusal.html", context, status=status)
