"""Logging in and out, and one's own account: password and tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, views
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts import selectors
from apps.accounts.access import login_actor, needs, public, request_rights
from apps.accounts.actors import Actor
from apps.accounts.models import ApiToken
from apps.accounts.rights import PROVED, RIGHT_NAMES, ROLE_NAMES, Right
from apps.accounts.services import MOST_TOKEN_DAYS, TOKEN_DAYS, create_token, revoke_token
from apps.audit.services import record
from future_skills import formatting
from future_skills.errors import FutureSkillsError

LOCKOUT_MINUTES = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)


# --- Logging in and out -------------------------------------------------------------------------------------------------
class LogIn(views.LoginView):
    """The login page; where nobody has an account yet, it says which command makes the first."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Log the person in, and keep it in the audit log."""
        user: User = form.get_user()
        with transaction.atomic():
            login(self.request, user)
            record(
                actor=Actor(user.username, "login"),
                action="accounts.log_in",
                object_type="person",
                object_id=user.username,
                details={"ip_address": self.request.META.get("REMOTE_ADDR")},
            )
        return HttpResponseRedirect(self.get_success_url())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether there is anybody to log in."""
        return super().get_context_data(**kwargs, nobody=not User.objects.exists())


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: object) -> HttpResponse:
    """The page of somebody who failed too often (called by django-axes)."""
    del response, credentials
    return render(request, "accounts/locked_out.html", {"minutes": LOCKOUT_MINUTES}, status=429)


log_in = public(LogIn.as_view())
log_out = public(views.LogoutView.as_view())


# --- One's own account --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as the page shows it; ``state`` says why it cannot be used any more, or nothing."""

    token: ApiToken
    rights: str
    made: str
    expires: str
    used: str
    state: str


def _day(moment: datetime | None) -> str:
    return formatting.day(moment and timezone.localtime(moment), formatting.language_of(get_language()))


def _row(token: ApiToken, now: datetime) -> TokenRow:
    state = ""
    if token.revoked_at is not None:
        state = gettext("revoked on {day}").format(day=_day(token.revoked_at))
    elif token.expires_at <= now:
        state = gettext("expired")
    rights = ", ".join(gettext(RIGHT_NAMES[right]) for right in token.rights)
    used = _day(token.last_used_at) if token.last_used_at else gettext("never")
    return TokenRow(token, rights, _day(token.created_at), _day(token.expires_at), used, state)


@dataclass(frozen=True, slots=True)
class TokenForm:
    """What was typed to make a token, kept where it is refused."""

    name: str
    days: str
    scopes: frozenset[str]
    error: str = ""


def _account_page(request: HttpRequest, form: TokenForm, *, secret: str = "", status: int = 200) -> HttpResponse:
    held, now = request_rights(request), timezone.now()
    username = login_actor(request).name
    context = {
        "section": "account",
        "roles": [gettext(ROLE_NAMES[role]) for role in selectors.roles_of(username)],
        "rights": [(str(right), gettext(RIGHT_NAMES[right]), right in PROVED) for right in Right if right in held],
        "tokens": [_row(token, now) for token in selectors.tokens_of(username)],
        "form": form,
        "most_days": MOST_TOKEN_DAYS,
        "secret": secret,
    }
    return render(request, "accounts/account.html", context, status=status)


@needs(post=Right.READ)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Who I am here: my roles, what they allow, my tokens; and a form that makes one.

    The secret of a new token is on the one answer to the form, which no cache keeps.
    """
    blank = TokenForm("", str(TOKEN_DAYS), frozenset({Right.READ}))
    if request.method != "POST":
        return _account_page(request, blank)
    known = set(Right)
    scopes = frozenset(scope for scope in request.POST.getlist("scopes") if scope in known)
    form = TokenForm(request.POST.get("name", ""), request.POST.get("days", ""), scopes)
    days = int(form.days) if form.days.isascii() and form.days.isdecimal() and len(form.days) < 6 else 0
    actor = login_actor(request)
    try:
        _token, secret = create_token(
            actor=actor, username=actor.name, name=form.name, scopes=map(Right, scopes), days=days
        )
    except FutureSkillsError as error:
        refused = TokenForm(form.name, form.days, scopes, error.explain(gettext))
        return _account_page(request, refused, status=400)
    return _account_page(request, blank, secret=secret)


@needs(Right.READ, Right.ADMINISTER)
@require_POST
def revoke(request: HttpRequest, prefix: str) -> HttpResponse:
    """Make one's own token useless."""
    token = revoke_token(actor=login_actor(request), prefix=prefix)
    messages.success(
        request, gettext("The token “{name}” is revoked: it is refused from now on.").format(name=token.name)
    )
    return redirect("accounts:account")


class ChangePassword(views.PasswordChangeView):
    """One's own new password."""

    template_name = "accounts/password.html"
    success_url = reverse_lazy("accounts:account")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Change it, keep that in the audit log (not the password), and say it."""
        actor = login_actor(self.request)
        with transaction.atomic():
            response = super().form_valid(form)
            record(
                actor=actor,
                action="accounts.change_password",
                object_type="person",
                object_id=actor.name,
                details={},
            )
        messages.success(self.request, gettext("Your password is changed; your other sessions are closed."))
        return response


change_password = needs()(ChangePassword.as_view())
