"""What requests go through: the content security policy, the short way of tokens, logins, refusals turned into pages."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.cache import patch_vary_headers
from django.utils.translation import activate, get_language, get_language_from_request, gettext

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


def language(get_response: GetResponse) -> GetResponse:
    """Answer in the language chosen on the pages, else in the one that the browser asks for, else in the default.

    Django's own middleware also looks for a language at the beginning of every address, twice, and takes “/api/” for one.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        activate(get_language_from_request(request))
        response = get_response(request)
        patch_vary_headers(response, ("Accept-Language",))
        response.headers.setdefault("Content-Language", get_language())
        return response

    return middleware


def token_requests(get_response: GetResponse) -> GetResponse:
    """Lead who asks the API with a token straight to the operation: session, login, forms and messages are for pages.

    What every answer goes through (its line in the log, security headers, language, host) comes before it.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        match = _operation_for_token(request)
        if match is None:
            return get_response(request)
        request.resolver_match = match
        response: HttpResponse = match.func(request, **match.kwargs)
        return response

    return middleware


def _operation_for_token(request: HttpRequest) -> ResolverMatch | None:
    """The operation that is asked for with a token; None for any other request."""
    if not request.path_info.startswith(API_ROOT) or not request.META.get("HTTP_AUTHORIZATION", "").startswith(
        "Bearer "
    ):
        return None
    return _operation(request.path_info)


@lru_cache(maxsize=256)
def _operation(path: str) -> ResolverMatch | None:
    """The operation of an address; kept, since going through the table takes a tenth of what answering takes."""
    try:
        match = resolve(path)
    except Resolver404:
        return None
    return match if hasattr(match.func, "operations") else None


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
