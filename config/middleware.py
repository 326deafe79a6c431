"""What every answer of a page goes through: the content security policy, and refusals turned into pages."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from apps.accounts.access import SAFE_METHODS, request_rights
from config.problems import API_ROOT, status_of
from future_skills.errors import FutureSkillsError, PermissionDeniedError

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


def content_security_policy(get_response: GetResponse) -> GetResponse:
    """Send the policy with every answer."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response

    return middleware


class LoginRequired(LoginRequiredMiddleware):
    """Every page asks for a login, unless its view is marked ``public``."""

    def process_view(self, request: HttpRequest, view_func: Callable[..., Any], *args: Any) -> HttpResponse | None:
        """The login page, where nobody is logged in; a view that asks for no login need not know who is."""
        if not getattr(view_func, "login_required", True):
            return None
        response: HttpResponse | None = super().process_view(request, view_func, *args)
        return response

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., Any]) -> HttpResponse:
        """The login page, and from there what was asked for; an act is not done then, it has to be meant again.

        Where a part of a page was asked for, the whole page is loaded again, and leads there.
        """
        if request.headers.get("HX-Request"):
            return HttpResponse(status=401, headers={"HX-Refresh": "true"})
        if request.method not in SAFE_METHODS:
            messages.warning(
                request, gettext("Nothing was done: nobody is logged in any more. Log in, and do it again.")
            )
            return redirect(settings.LOGIN_URL)
        response: HttpResponse = super().handle_no_permission(request, view_func)
        return response


class PageMessages(MessageMiddleware):
    """What is said on the next page; the API says nothing there."""

    def process_request(self, request: HttpRequest) -> None:
        """Open the messages of a page."""
        if not request.path.startswith(API_ROOT):
            super().process_request(request)


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
        status = status_of(error)
        if isinstance(error, PermissionDeniedError) and not request_rights(request):
            return render(request, "accounts/no_role.html", status=status)
        known = [name for name in str(error.details.get("known", "")).split(", ") if name not in {"", "—"}]
        version = error.details.get("version", "")
        context = {"message": error.explain(gettext), "code": error.code, "known": known, "version": version}
        return render(request, "refusal.html", context, status=status)
