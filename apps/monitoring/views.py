"""Pages of monitoring: parse, call a selector or a service, answer."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.access import View, login_actor, needs
from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.monitoring import pages, selectors, window_pages
from apps.monitoring.models import MonitoringPolicyChoice, Window
from apps.monitoring.policies import active_monitoring_policy
from apps.monitoring.services.alerts import acknowledge_alert, close_alert
from apps.monitoring.services.retraining import request_retraining
from apps.monitoring.words import KIND_NAMES, alert_text, arrived_sentence, language, window_name
from apps.registry.live import live_deployment
from apps.registry.paging import table_page
from future_skills import offline_page
from future_skills.errors import AccessError, AlertNotFoundError, FutureSkillsError

SECTION: Final = {"section": "monitoring"}
WINDOWS_SHOWN: Final = 50
ALERTS_SHOWN: Final = 10
"""Open alerts on the first page; the others are on the page of alerts."""

READ_OR_POST = require_http_methods(["GET", "HEAD", "POST"])


# --- What is watched --------------------------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Whether anything is the matter: open alerts, and the windows of the live version."""
    live, series = live_deployment(), selectors.series_watched()
    version = request.GET.get("version", "") or (live.version.name if live else next(iter(series), ""))
    kinds = series.get(version, [])
    kind = _one_of(request.GET.get("kind", ""), kinds)
    before = _number(request.GET.get("before", ""))
    known = selectors.windows_known(version=version, kind=kind, before=before, most=WINDOWS_SHOWN + 1) if kinds else []
    waiting, opened = selectors.alerting().count(), list(selectors.open_alerts()[: ALERTS_SHOWN + 1])
    context = SECTION | {
        "sentence": pages.overview_sentence(live, selectors.last_look(), waiting),
        "to_compare": selectors.campaigns_to_compare(),
        "alerts": pages.alert_rows(opened[:ALERTS_SHOWN]),
        "more_alerts": len(opened) > ALERTS_SHOWN,
        "watched": bool(series),
        "version": version,
        "versions": [(name, name == version) for name in dict.fromkeys([version, *series]) if name],
        "kinds": [(one, KIND_NAMES[one], one == kind) for one in kinds],
        "series": pages.series_of(known[:WINDOWS_SHOWN]) if known else None,
        "older": known[WINDOWS_SHOWN - 1].window.pk if len(known) > WINDOWS_SHOWN else None,
        "later": before is not None,
        "kind": kind,
    }
    return render(request, "monitoring/overview.html", context)


def _one_of(asked: str, kinds: list[str]) -> str:
    """The kind of windows that is shown: the one asked for, else campaigns, else the first there is."""
    if asked in kinds:
        return asked
    return Window.Kind.CAMPAIGN.value if Window.Kind.CAMPAIGN in kinds else next(iter(kinds), "")


def _number(asked: str) -> int | None:
    """A key that an address names; None where it makes no sense."""
    return int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else None


# --- A window ---------------------------------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def window(request: HttpRequest, window: int) -> HttpResponse:
    """Everything that was found in a window."""
    found = selectors.find_window(window)
    before, after = selectors.neighbours(found)
    context = SECTION | _window_parts(found)
    context |= {
        "seen": pages.alert_rows(selectors.alerts_seen_in(found)),
        "before": before and (before, window_name(before)),
        "after": after and (after, window_name(after)),
    }
    return render(request, "monitoring/window.html", context)


def _window_parts(found: Window) -> dict[str, Any]:
    finding, known = selectors.newest_finding(found), selectors.newest_performance(found)
    return window_pages.window_parts(found, finding, known)


@needs(Right.READ)
@require_safe
def window_report(request: HttpRequest, window: int) -> HttpResponse:
    """The same as one file that opens anywhere, in the reader's language."""
    del request
    found = selectors.find_window(window)
    parts = _window_parts(found) | {"offline": True}
    name = f"{found.version.name}, {parts['name']}"
    body = render_to_string("monitoring/report.html", parts | {"title": name})
    return offline_file(offline_page.document(name, body, language()), f"monitoring_{found.version.name}_{found.name}")


def offline_file(document: str, name: str) -> HttpResponse:
    """A document that is taken away; should a browser show it all the same, then under the policy that it carries itself."""
    response = HttpResponse(document, content_type="text/html; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.html"'
    response["Content-Security-Policy"] = f"{offline_page.POLICY}; frame-ancestors 'none'"
    return response


# --- Alerts -----------------------------------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def alert_list(request: HttpRequest) -> HttpResponse:
    """What waits for somebody; closed alerts where they are asked for."""
    closed = request.GET.get("closed") == "1"
    page = table_page(request, selectors.alerts() if closed else selectors.open_alerts())
    context = SECTION | {
        "sentence": pages.waiting_sentence(selectors.alerting().count()),
        "closed": closed,
        "page": page,
        "kept": "&closed=1" if closed else "",
        "alerts": pages.alert_rows(page.rows),
        "notices": page.notices,
    }
    return render(request, "monitoring/alerts.html", context)


@needs(Right.READ)
@require_safe
def alert(request: HttpRequest, alert: int) -> HttpResponse:
    """What is the matter, since when, what to do next, and who deals with it."""
    return _alert_page(request, alert)


def _alert_page(request: HttpRequest, key: int, *, refused: str = "", act: str = "", typed: str = "") -> HttpResponse:
    found = selectors.find_alert(key)
    context = SECTION | {
        "row": pages.alert_rows([found])[0],
        "title": pages.headed(found),
        "text": alert_text(found),
        "first_window": window_name(found.first_window),
        "last_window": window_name(found.last_window),
        "requests": pages.request_rows(selectors.requests().filter(alert=found)),
        "refused": refused,
        "act": act,
        "typed": typed,
    }
    return render(request, "monitoring/alert.html", context, status=409 if refused else 200)


def _alert_form(act: Callable[[Actor, int, str], str]) -> View:
    """A form of the page of an alert: it does what was posted, and a refusal is shown there, what was typed kept."""

    @needs(Right.HANDLE_ALERTS)
    @READ_OR_POST
    @wraps(act)
    def view(request: HttpRequest, alert: int) -> HttpResponse:
        if request.method == "POST":
            reason = request.POST.get("reason", "")
            try:
                messages.success(request, act(login_actor(request), alert, reason))
            except (AccessError, AlertNotFoundError):
                raise
            except FutureSkillsError as error:
                return _alert_page(request, alert, refused=error.explain(gettext), act=act.__name__, typed=reason)
        return redirect("monitoring:alert", alert)

    return view


@_alert_form
def acknowledge(actor: Actor, alert: int, reason: str) -> str:
    """Say that somebody looks after it."""
    acknowledge_alert(actor=actor, alert=alert, reason=reason)
    return gettext("You look after this alert: it stays open, and no longer calls.")


@_alert_form
def close(actor: Actor, alert: int, reason: str) -> str:
    """Say that it is done with."""
    close_alert(actor=actor, alert=alert, reason=reason)
    return gettext("This alert is closed. What is still there in a later window opens another one.")


# --- Retraining requests ----------------------------------------------------------------------------------------------------
@needs(Right.READ, post=Right.RETRAIN)
@READ_OR_POST
def retraining_list(request: HttpRequest) -> HttpResponse:
    """The requests, where each stands, and the form that asks for another version."""
    typed = {"reason": request.POST.get("reason", "")}
    about, error = _number(request.POST.get("alert", "") or request.GET.get("alert", "")), ""
    if request.method == "POST":
        try:
            asked = request_retraining(actor=login_actor(request), reason=typed["reason"], alert=about)
        except AccessError:
            raise
        except FutureSkillsError as refused:
            error = refused.explain(gettext)
        else:
            return redirect("monitoring:retraining", asked.pk)
    page = table_page(request, selectors.requests())
    rows = pages.request_rows(page.rows)
    context = SECTION | {
        "page": page,
        "rows": rows,
        "sentence": pages.last_request_sentence(rows),
        "under_way": any(not one.over for one in page.rows),
        "live": live_deployment(),
        "alert": next(iter(pages.alert_rows(selectors.alerts().filter(pk=about))), None) if about else None,
        "typed": typed,
        "error": error,
        "notices": page.notices,
    }
    return render(request, "monitoring/retrainings.html", context, status=409 if error else 200)


@needs(Right.READ)
@require_safe
def retraining(request: HttpRequest, number: int) -> HttpResponse:
    """Where a request stands: from the alert to the candidate, and what it would have changed."""
    found = selectors.find_request(number)
    context = SECTION | {
        "row": pages.request_rows([found])[0],
        "found": found,
        "arrived": arrived_sentence(found.arrived),
        "alert_title": pages.headed(found.alert) if found.alert else "",
        "changes": found.changes,
        "sentence": pages.changes_sentence(found.changes) if found.changes else "",
    }
    return render(request, "monitoring/retraining.html", context)


# --- The policy -------------------------------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def policy(request: HttpRequest) -> HttpResponse:
    """The numbers that production is watched by now, since when, and who put them in force."""
    found = active_monitoring_policy()
    context = SECTION | {
        "sha256": found.sha256,
        "choices": list(MonitoringPolicyChoice.objects.order_by("-id")[:50]),
        "parts": pages.policy_parts(found),
        "set_command": f'python manage.py monitoring_policy --set {gettext("FILE")}.yaml --reason "…"',
    }
    return render(request, "monitoring/policy.html", context)
