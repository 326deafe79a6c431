"""Pages where people decide of predictions, and where every decision can be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.access import login_actor, needs
from apps.accounts.rights import Right
from apps.registry.pages import LEVEL_NAMES
from apps.registry.paging import table_page
from apps.registry.words import parse_day
from apps.serving.overrides.seen import Seen
from apps.serving.overrides.selectors import find_override, last_of_pair, overrides_matching
from apps.serving.overrides.services import LONGEST, override_prediction, withdraw_override
from future_skills import schema
from future_skills.errors import AccessError, FutureSkillsError

READ_OR_POST: Final = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(frozen=True, slots=True)
class Place:
    """A prediction on a page: what was read there, and the address to go back to."""

    seen: Seen
    address: str


# --- All of them ------------------------------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def overrides(request: HttpRequest) -> HttpResponse:
    """What people decided of predictions: what counts today, or everything."""
    everything = request.GET.get("show") == "all"
    found = overrides_matching(in_force=not everything).select_related("replaced_by")
    page, address = table_page(request, found), "?show=all&page={}" if everything else "?page={}"
    context = {
        "section": "campaigns",
        "page": page,
        "rows": page.rows,
        "total": found.count(),
        "everything": everything,
        "previous": address.format(page.number - 1) if page.previous else "",
        "next": address.format(page.number + 1) if page.next else "",
        "notices": page.notices,
    }
    return render(request, "serving/overrides.html", context)


# --- One decision -----------------------------------------------------------------------------------------------------------
@needs(Right.OVERRIDE_PREDICTIONS)
@READ_OR_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Give a pair another level than the model does."""
    place, error = _place(request.GET), ""
    typed = {name: request.POST.get(name, "") for name in ("level", "until", "reason")}
    if request.method == "POST":
        try:
            override_prediction(
                actor=login_actor(request),
                seen=place.seen,
                level=typed["level"],
                until=parse_day(typed["until"]),
                reason=typed["reason"],
                replaces=_number(request.POST.get("replaces", "")),
            )
        except AccessError:
            raise
        except FutureSkillsError as refused:
            error = refused.explain(gettext)
        else:
            messages.success(
                request,
                gettext("{role} × {skill} is now {level}, until {day}.").format(
                    role=place.seen.role,
                    skill=place.seen.skill,
                    level=LEVEL_NAMES[typed["level"]],
                    day=typed["until"],
                ),
            )
            return redirect(place.address)
    today, last = timezone.localdate(), last_of_pair(place.seen.role, place.seen.skill)
    context = {
        "section": "campaigns",
        "seen": place.seen,
        "back": place.address,
        "now": last if last is not None and last.level and not last.expired else None,
        "levels": [(level, LEVEL_NAMES[level], level == typed["level"]) for level in schema.LEVELS],
        "typed": typed,
        "tomorrow": (today + timedelta(days=1)).isoformat(),
        "latest": (today + LONGEST).isoformat(),
        "error": error,
    }
    return render(request, "serving/override.html", context, status=409 if error else 200)


@needs(Right.OVERRIDE_PREDICTIONS)
@READ_OR_POST
def withdraw(request: HttpRequest, override: int) -> HttpResponse:
    """Give a pair the model's level again."""
    found, reason, error = find_override(override), request.POST.get("reason", ""), ""
    if request.method == "POST":
        try:
            withdraw_override(actor=login_actor(request), override=found.pk, reason=reason)
        except AccessError:
            raise
        except FutureSkillsError as refused:
            error = refused.explain(gettext)
        else:
            messages.success(
                request,
                gettext("{role} × {skill} has the model's level again.").format(role=found.role, skill=found.skill),
            )
            return redirect("serving:overrides")
    context = {"section": "campaigns", "override": found, "reason": reason, "error": error}
    return render(request, "serving/withdraw_override.html", context, status=409 if error else 200)


def _place(asked: Mapping[str, str]) -> Place:
    """The prediction that an address names, and where to go back to.

    Raises:
        FutureSkillsError: see ``Seen.named``.
    """
    names = {name: asked.get(name, "") for name in ("role", "skill")}
    seen = Seen.named(prediction=asked.get("prediction"), campaign=_number(asked.get("campaign", "")), **names)
    # not everybody who decides may read the log: back to the page that asks production about the pair
    page = reverse("campaigns:pair", args=[seen.campaign]) if seen.campaign else reverse("serving:predict")
    return Place(seen, f"{page}?{urlencode({'role': seen.role, 'skill': seen.skill})}")


def _number(text: str) -> int | None:
    """The key that an address or a form holds; None where it holds none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
