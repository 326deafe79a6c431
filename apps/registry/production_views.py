"""Pages of production: what is live and what was, and a confirmation before each switch."""

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.access import login_actor, needs
from apps.accounts.rights import Right
from apps.registry import live, production_pages, selectors
from apps.registry.models import Deployment, Suspension
from apps.registry.paging import TablePage, table_page
from apps.registry.production_pages import Confirmation
from apps.registry.services.deployments import deploy_version, resume, roll_back, suspend
from apps.registry.standing import standing_of
from future_skills.errors import AccessError, FutureSkillsError, UsageError, VersionNotFoundError, translatable

READ_OR_POST = require_http_methods(["GET", "HEAD", "POST"])
YEARS = range(1970, 9000)
"""Of moments that can be asked about."""


# --- What is live, and what was -----------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def production(request: HttpRequest) -> HttpResponse:
    """What is in production now, what was at any moment, and every switch."""
    page = table_page(request, live.timeline())
    deployment, suspension = live.live_deployment(), live.open_suspension()
    notices = list(page.notices)
    at, then = request.GET.get("at", "").strip()[:40], ""
    if at:
        moment = _moment(at)
        if moment is None:
            notices.append(gettext("“{text}” is no moment: write YYYY-MM-DDTHH:MM.").format(text=at))
        else:
            then = production_pages.then_sentence(moment, live.deployment_at(moment), live.suspension_at(moment))
    context = {
        "section": "production",
        "deployment": deployment,
        "suspended": suspension,
        "sentence": production_pages.live_sentence(deployment, suspension),
        "page": page,
        "spans": production_pages.spans(page.rows, _suspensions_on(page)),
        "at": at,
        "then": then,
        "back": live.once_live().first(),
        "notices": notices,
    }
    return render(request, "registry/production.html", context)


def _moment(text: str) -> datetime | None:
    """The moment that somebody wrote, in the installation's time zone; None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.year not in YEARS:
        return None
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment


def _suspensions_on(page: TablePage[Deployment]) -> list[Suspension]:
    """The suspensions that began while the deployments of a page of the timeline were live."""
    if not page.rows:
        return []
    start = page.rows[-1].started_at if page.next else None
    end = page.rows[0].ended_at if page.previous else None
    return live.suspensions_between(start, end)


# --- Before each switch -------------------------------------------------------------------------------------------------
Ask = Callable[[], Confirmation]


def _confirm(
    request: HttpRequest,
    ask: Callable[[], tuple[Confirmation, dict[str, object]]],
    act: Callable[[str], str],
    *,
    reason_needed: bool,
) -> HttpResponse:
    """The page that says what will happen; once its form is sent, what was done is said on the page Production.

    Args:
        request: the request.
        ask: what the page says, as things are when it is shown, and what else its template needs.
        act: does it, given the reason, and says what was done.
        reason_needed: whether a reason must be given.
    """
    error, reason = "", request.POST.get("reason", "")
    if request.method == "POST":
        try:
            messages.success(request, act(reason))
        except (AccessError, VersionNotFoundError):
            raise
        except FutureSkillsError as refused:
            error = refused.explain(gettext)
        else:
            return redirect("registry:production")
    confirmation, more = ask()
    deployment = live.live_deployment()
    context = {
        "section": "production",
        "confirmation": confirmation,
        "seen": deployment.pk if deployment else 0,
        "reason": reason,
        "reason_needed": reason_needed,
        "error": error,
        **more,
    }
    return render(request, "registry/confirm.html", context, status=409 if error else 200)


def _seen(request: HttpRequest) -> int:
    """The deployment that was live when the page was shown (0: none).

    Raises:
        UsageError: the form does not say it.
    """
    text = request.POST.get("seen", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise UsageError(translatable("The form does not say what was in production when you read it: send it again."))
    return int(text)


@needs(Right.DEPLOY)
@READ_OR_POST
def deploy(request: HttpRequest, name: str) -> HttpResponse:
    """Put a version into production."""

    def ask() -> tuple[Confirmation, dict[str, object]]:
        standing = standing_of(selectors.find_version(name))
        said = production_pages.deploying(standing, live.live_deployment(), live.open_suspension())
        evidence = {"standing": standing, "approvals": production_pages.approvals_of(standing)}
        return said, evidence | {"version": standing.version}

    def act(reason: str) -> str:
        deployment = deploy_version(actor=login_actor(request), version=name, reason=reason, seen=_seen(request))
        return _switched(deployment)

    return _confirm(request, ask, act, reason_needed=False)


@needs(Right.DEPLOY)
@READ_OR_POST
def rollback(request: HttpRequest) -> HttpResponse:
    """Put back a version that was in production before; ``to`` in the address says which."""
    asked = request.GET.get("to", "")

    def ask() -> tuple[Confirmation, dict[str, object]]:
        earlier = live.once_live()
        to = earlier.filter(version=selectors.find_version(asked)).first() if asked else earlier.first()
        said = production_pages.rolling_back(to, live.live_deployment(), live.open_suspension(), asked=asked)
        others = [one.version.name for one in earlier[:20] if to and one.version_id != to.version_id]
        return said, {"to": to.version.name if to else "", "others": others, "report": to.report if to else None}

    def act(reason: str) -> str:
        to = request.POST.get("to", "") or None
        return _switched(roll_back(actor=login_actor(request), to=to, reason=reason, seen=_seen(request)))

    return _confirm(request, ask, act, reason_needed=True)


def _switched(deployment: Deployment) -> str:
    before = deployment.previous
    if before is None:
        return gettext("{version} is in production, the first one.").format(version=deployment.version.name)
    return gettext("{version} is in production; {before} was before.").format(
        version=deployment.version.name, before=before.version.name
    )


@needs(Right.SUSPEND)
@READ_OR_POST
def suspension(request: HttpRequest) -> HttpResponse:
    """Stop answering predictions."""

    def act(reason: str) -> str:
        suspend(actor=login_actor(request), reason=reason)
        return gettext("Predictions are suspended.")

    return _confirm(request, lambda: (_now(production_pages.suspending), {}), act, reason_needed=True)


@needs(Right.SUSPEND)
@READ_OR_POST
def resumption(request: HttpRequest) -> HttpResponse:
    """Answer predictions again."""

    def act(reason: str) -> str:
        resume(actor=login_actor(request), reason=reason)
        return gettext("Predictions are answered again.")

    return _confirm(request, lambda: (_now(production_pages.resuming), {}), act, reason_needed=False)


def _now(say: Callable[[Deployment | None, Suspension | None], Confirmation]) -> Confirmation:
    return say(live.live_deployment(), live.open_suspension())
