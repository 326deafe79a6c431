"""Pages of the gate: the criteria of a version, what is decided of it, its frozen reports, the works council, the policy."""

from collections.abc import Callable, Mapping
from functools import wraps

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.access import View, login_actor, needs, request_rights
from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.registry import gate_pages, selectors
from apps.registry.documents import ReportDocument
from apps.registry.gate_pages import Refused
from apps.registry.models import Approval, GatePolicyChoice, GateReport, ModelVersion, WorksCouncilRecord
from apps.registry.pages import language
from apps.registry.paging import table_page
from apps.registry.policies import active_policy
from apps.registry.services import approvals
from apps.registry.services.gate import evaluate_gate, override_gate
from apps.registry.services.works_council import record_works_council
from apps.registry.standing import as_put_into_production, standing_of
from apps.registry.waiting import waiting_for
from apps.registry.words import parse_day
from future_skills.errors import AccessError, FutureSkillsError, UsageError, VersionNotFoundError, translatable
from future_skills.gate_text import TEAMS, chance_sentence, headline, uses_sentence
from future_skills.gates import Evidence, failing
from future_skills.lifecycle import Stage
from future_skills.policy import policy_sha256

READ_OR_POST = require_http_methods(["GET", "HEAD", "POST"])
OWN_PAGE = (AccessError, VersionNotFoundError)
"""Refusals that have a page of their own; any other is shown at the form that was refused."""


# --- The gate of a version ----------------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def gate(request: HttpRequest, name: str) -> HttpResponse:
    """Whether a version may go into production: every criterion, what is decided of it, and by whom."""
    return _gate_page(request, name)


def _gate_page(request: HttpRequest, name: str, refused: Refused | None = None) -> HttpResponse:
    version = selectors.find_version(name)
    now, reader, rights = standing_of(version), login_actor(request).name, request_rights(request)
    standing = as_put_into_production(now) if now.stage is Stage.LIVE and now.report is None else now
    *parts, people = gate_pages.checklist(standing.checks)
    teams = gate_pages.team_parts(now, reader, rights, refused or Refused())
    code = language()
    context = {
        "section": "versions",
        "version": version,
        "standing": standing,
        "as_put": standing is not now,
        "retracted": standing.stage is Stage.RETRACTED,
        "sentence": headline(version.name, standing.verdict, standing.failing(), code),
        "outdated": standing.outdated and gate_pages.outdated_sentence(standing.outdated, standing.policy),
        "chance": standing.evidence and chance_sentence(standing.evidence, code),
        "uses": standing.evidence and uses_sentence(standing.evidence, code),
        "parts": parts,
        "people": people,
        "teams": teams,
        "approving": [part for part in teams if part.approves],
        "decided": _decisions(version),
        "offers": gate_pages.offers(now, reader, rights),
        "council": gate_pages.council_parts(standing),
        "diagnose_command": f"python manage.py registry diagnose {version.name}",
        "verify_command": f"python manage.py registry gate {version.name} --verify",
        "refused": refused,
    }
    return render(request, "registry/gate.html", context, status=409 if refused else 200)


def _decisions(version: ModelVersion) -> list[Approval]:
    """Every decision on a version, newest first, those withdrawn and those on older reports included."""
    decisions = Approval.objects.filter(version=version).select_related("withdrawal", "report")
    return list(decisions.defer("report__content").order_by("-id"))


def gate_form(*rights: Right) -> Callable[[Callable[[HttpRequest, Actor, str], str]], View]:
    """A form of the gate page, for people who have one of the rights.

    The decorated function does what was posted and says what was done; then the page is shown again. A refusal is shown at
    the form, which keeps what was typed. Anything but a POST leads to the page.
    """

    def mark(act: Callable[[HttpRequest, Actor, str], str]) -> View:
        @needs(*rights)
        @READ_OR_POST
        @wraps(act)
        def view(request: HttpRequest, name: str) -> HttpResponse:
            if request.method == "POST":
                try:
                    messages.success(request, act(request, login_actor(request), name))
                except OWN_PAGE:
                    raise
                except FutureSkillsError as error:
                    return _gate_page(request, name, Refused(act.__name__, error.explain(gettext), request.POST))
            return redirect("registry:gate", name)

        return view

    return mark


@gate_form(Right.EVALUATE)
def evaluate(_request: HttpRequest, actor: Actor, name: str) -> str:
    """Make the report of a version."""
    evaluate_gate(actor=actor, version=name)
    return gettext("{version} is evaluated.").format(version=name)


@gate_form(*approvals.RIGHTS.values())
def approve(request: HttpRequest, actor: Actor, name: str) -> str:
    """Approve a version in the name of a team."""
    typed = request.POST
    approvals.approve(
        actor=actor,
        version=name,
        team=_team(typed),
        comment=typed.get("comment", ""),
        report_sha256=typed.get("report", ""),
    )
    return gettext("You approved {version}.").format(version=name)


@gate_form(*approvals.RIGHTS.values())
def reject(request: HttpRequest, actor: Actor, name: str) -> str:
    """Reject a version in the name of a team."""
    typed = request.POST
    approvals.reject(
        actor=actor,
        version=name,
        team=_team(typed),
        comment=typed.get("comment", ""),
        report_sha256=typed.get("report", ""),
    )
    return gettext("You rejected {version}.").format(version=name)


@gate_form(*approvals.RIGHTS.values())
def withdraw(request: HttpRequest, actor: Actor, name: str) -> str:
    """Take one's own decision back."""
    approvals.withdraw(actor=actor, version=name, team=_team(request.POST), reason=request.POST.get("reason", ""))
    return gettext("You took back your decision on {version}.").format(version=name)


@gate_form(Right.OVERRIDE)
def override(request: HttpRequest, actor: Actor, name: str) -> str:
    """Lift the second lock of a version for a while."""
    typed = request.POST
    days = typed.get("days", "")
    override_gate(
        actor=actor,
        version=name,
        reason=typed.get("reason", ""),
        risk=typed.get("risk", ""),
        days=int(days) if days.isascii() and days.isdecimal() and len(days) < 6 else 0,
        report_sha256=typed.get("report", ""),
    )
    return gettext("You lifted the second lock of {version}.").format(version=name)


def _team(typed: Mapping[str, str]) -> Approval.Team:
    """The team that a form names.

    Raises:
        UsageError: it names none.
    """
    team = typed.get("team", "")
    if team not in Approval.Team.values:
        raise UsageError(translatable("The form names no team: open the page again."))
    return Approval.Team(team)


# --- A frozen report ----------------------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def report(request: HttpRequest, name: str, sha256: str) -> HttpResponse:
    """A frozen report, the present one or an older one: what it said, and what was decided on it."""
    version, found = selectors.find_version(name), _report(name, sha256)
    evidence = Evidence.model_validate(found.content)
    code = language()
    context = {
        "section": "versions",
        "version": version,
        "report": found,
        "current": standing_of(version).report == found,
        "evidence": evidence,
        "sentence": headline(version.name, evidence.verdict, failing(evidence.checks), code),
        "chance": chance_sentence(evidence, code),
        "uses": uses_sentence(evidence, code),
        "parts": gate_pages.checklist(evidence.checks),
        "decided": found.approvals.select_related("withdrawal"),
        "deployments": found.deployments.all(),
        "overrides": found.overrides.all(),
        "verify_command": f"python manage.py registry gate {version.name} --verify",
    }
    return render(request, "registry/report.html", context)


@needs(Right.READ)
@require_safe
def report_json(_request: HttpRequest, name: str, sha256: str) -> JsonResponse:
    """The same report as it is kept, with the hash that approvals bind to."""
    found = _report(name, sha256)
    response = JsonResponse(ReportDocument.of(found).to_dict(), json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="gate_report_{name}_{found.sha256[:12]}.json"'
    return response


def _report(version: str, sha256: str) -> GateReport:
    found = GateReport.objects.filter(version__name=version, sha256=sha256).first()
    if found is None:
        raise Http404
    return found


# --- The works council --------------------------------------------------------------------------------------------------
@needs(Right.READ, post=Right.CONSULT)
@READ_OR_POST
def works_council(request: HttpRequest) -> HttpResponse:
    """What the works council was told of the system and of each version; and a form that records it."""
    if request.method != "POST":
        typed = {"version": request.GET.get("version", ""), "held_on": timezone.localdate().isoformat()}
        return _council_page(request, Refused(typed=typed))
    try:
        written = _record_council(login_actor(request), request.POST)
    except FutureSkillsError as error:
        if isinstance(error, AccessError):
            raise
        return _council_page(request, Refused("record", error.explain(gettext), request.POST))
    what = written.version.name if written.version else gettext("the system as a whole")
    messages.success(request, gettext("Recorded, for {what}.").format(what=what))
    return redirect("registry:works_council")


def _record_council(actor: Actor, typed: Mapping[str, str]) -> WorksCouncilRecord:
    state, day = typed.get("state", ""), typed.get("held_on", "")
    if state not in WorksCouncilRecord.State.values:
        raise UsageError(translatable("Say what was done with the works council."))
    return record_works_council(
        actor=actor,
        state=WorksCouncilRecord.State(state),
        held_on=parse_day(day),
        reason=typed.get("reason", ""),
        document=typed.get("document", ""),
        version=typed.get("version", "").strip() or None,
    )


def _council_page(request: HttpRequest, refused: Refused) -> HttpResponse:
    records = WorksCouncilRecord.objects.select_related("version").defer("version__manifest")
    page = table_page(request, records)
    context = {
        "section": "council",
        "sentence": gate_pages.council_sentence(records.filter(version=None).first()),
        "policy": gate_pages.council_policy(active_policy().works_council),
        "page": page,
        "records": [(record, gate_pages.council_state(record.state)) for record in page.rows],
        "states": [(state, gate_pages.council_state(state)) for state in WorksCouncilRecord.State.values],
        "names": selectors.version_names(),
        "refused": refused,
        "today": timezone.localdate().isoformat(),
        "notices": page.notices,
    }
    return render(request, "registry/works_council.html", context, status=409 if refused.error else 200)


# --- The policy ---------------------------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def policy(request: HttpRequest) -> HttpResponse:
    """The numbers that a version is judged by now, since when, and who put them in force."""
    found = active_policy()
    choices = list(GatePolicyChoice.objects.order_by("-id")[:50])
    context = {
        "section": "policy",
        "sha256": policy_sha256(found),
        "choices": choices,
        "parts": gate_pages.policy_parts(found),
        "set_command": f'python manage.py registry policy --set {gettext("FILE")}.yaml --reason "…"',
    }
    return render(request, "registry/policy.html", context)


# --- What waits for me --------------------------------------------------------------------------------------------------
MOST_SHOWN = 50
"""Of each kind."""


@needs(Right.READ)
@require_safe
def decisions(request: HttpRequest) -> HttpResponse:
    """What waits for the reader: versions to decide of, samples to label, versions ready for production."""
    waiting = waiting_for(login_actor(request).name, request_rights(request))
    count = waiting.count() if waiting else None
    teams = {team: list(found[:MOST_SHOWN]) for team, found in waiting.decisions.items()} if waiting else {}
    samples = list(waiting.samples[:MOST_SHOWN]) if waiting else []
    deployments = list(waiting.deployments[:MOST_SHOWN]) if waiting else []
    context = {
        "section": "decisions",
        "sentence": gate_pages.waiting_sentence(count),
        "cut": (count or 0) > sum(map(len, (*teams.values(), samples, deployments))),
        "teams": [(TEAMS[language()][team], found) for team, found in teams.items()],
        "samples": samples,
        "deployments": deployments,
    }
    return render(request, "registry/decisions.html", context)
