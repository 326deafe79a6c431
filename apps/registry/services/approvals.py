"""Verbs of the two teams: approve, reject, withdraw."""

from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, require, verb
from apps.audit.services import record, turn
from apps.registry.models import Approval, ApprovalWithdrawal, GateReport, ModelVersion
from apps.registry.selectors import find_version
from apps.registry.services.page import render_after_commit
from apps.registry.standing import Standing, standing_of
from apps.registry.words import optional_words, required_words
from future_skills.errors import NotAllowedError, NotPromotableError, UsageError, translatable
from future_skills.gates import Verdict
from future_skills.lifecycle import Act, require_allowed, require_not_author, require_other_person

RIGHTS = {Approval.Team.DATA: Right.APPROVE_DATA, Approval.Team.DRH: Right.APPROVE_DRH}
"""Team -> the right to speak for it."""


@verb(*RIGHTS.values())
def approve(
    *, actor: Actor, version: str, team: Approval.Team, comment: str = "", report_sha256: str | None = None
) -> Approval:
    """Approve a version in the name of a team: its present report, and the very artifact that the report is about.

    Args:
        actor: who approves, proved by a login or a token of their own.
        version: its name.
        team: whose approval it is.
        comment: in words; may be empty.
        report_sha256: the report that the person read; None: the present one.

    Raises:
        PermissionDeniedError, ProofRequiredError: no right, or no proof of who acts.
        OwnWorkError: the person is the author, or approved for the other team.
        NotAllowedError: there is no up-to-date report, or it is not the one that was read.
        NotPromotableError: the evidence is not good enough to be approved.
        UsageError: this person approved it already.
    """
    comment = optional_words(comment, translatable("A comment has 10 000 characters at most."))
    return _decide(actor, version, team, Approval.Decision.APPROVE, comment, report_sha256)


@verb(*RIGHTS.values())
def reject(
    *, actor: Actor, version: str, team: Approval.Team, comment: str, report_sha256: str | None = None
) -> Approval:
    """Reject a version in the name of a team, with a reason: it is refused until the team decides otherwise.

    Raises:
        As ``approve``; UsageError too where no reason is given.
    """
    comment = required_words(comment, translatable("A rejection needs a reason, of 10 000 characters at most."))
    return _decide(actor, version, team, Approval.Decision.REJECT, comment, report_sha256)


@verb(*RIGHTS.values())
def withdraw(*, actor: Actor, version: str, team: Approval.Team, reason: str) -> ApprovalWithdrawal:
    """Take one's own decision back, as long as no deployment stands on it.

    Raises:
        NotAllowedError: the team has no decision to withdraw, it is another person's, or a deployment stands on it.
        UsageError: no reason.
    """
    require(actor, RIGHTS[team])
    reason = required_words(reason, translatable("A withdrawal needs a reason, of 10 000 characters at most."))
    with turn():
        row = find_version(version)
        decision = require_withdrawal(name=actor.name, standing=standing_of(row), team=team)
        withdrawal = ApprovalWithdrawal.objects.create(
            approval=decision, reason=reason, created_at=timezone.now(), created_by=actor.name
        )
        _record(actor, "withdraw", row, decision.report, {"team": team.value, "reason": reason})
    return withdrawal


def _decide(
    actor: Actor,
    version: str,
    team: Approval.Team,
    decision: Approval.Decision,
    comment: str,
    report_sha256: str | None,
) -> Approval:
    require(actor, RIGHTS[team])
    with turn():
        row = find_version(version)
        report = require_decision(
            name=actor.name, standing=standing_of(row), team=team, decision=decision, report_sha256=report_sha256
        )
        approval = Approval.objects.create(
            version=row,
            report=report,
            team=team,
            decision=decision,
            comment=comment,
            report_sha256=report.sha256,
            model_sha256=row.model_sha256,
            created_at=timezone.now(),
            created_by=actor.name,
        )
        _record(actor, decision.value, row, report, {"team": team.value, "comment": comment})
    return approval


def require_decision(
    *,
    name: str,
    standing: Standing,
    team: Approval.Team,
    decision: Approval.Decision,
    report_sha256: str | None = None,
) -> GateReport:
    """The report that a person decides of in the name of a team; pages ask it before they offer the button.

    Raises:
        OwnWorkError, NotAllowedError, NotPromotableError, UsageError: as ``approve`` and ``reject``.
    """
    version = standing.version
    act = Act.APPROVE if decision == Approval.Decision.APPROVE else Act.REJECT
    require_allowed(act, standing.stage, version=version.name)
    require_not_author(name=name, authors=version.authors, version=version.name)
    report = _present_report(standing, act, report_sha256)
    if act is Act.APPROVE:
        _require_approvable(name, standing, team)
    return report


def require_withdrawal(*, name: str, standing: Standing, team: Approval.Team) -> Approval:
    """The decision of a team that a person may take back; pages ask it before they offer the button.

    Raises:
        NotAllowedError: as ``withdraw``.
    """
    require_allowed(Act.WITHDRAW, standing.stage, version=standing.version.name)
    decision = standing.decisions.get(team)
    if decision is None or decision.created_by != name:
        raise _not_allowed(
            translatable("{name} has no decision on {version} to withdraw."), standing, Act.WITHDRAW, name=name
        )
    if decision.report.deployments.exists():
        raise _not_allowed(
            translatable("{version} went into production on this decision: it cannot be withdrawn any more."),
            standing,
            Act.WITHDRAW,
        )
    return decision


def _present_report(standing: Standing, act: Act, report_sha256: str | None) -> GateReport:
    if standing.report is None:
        raise _not_allowed(
            translatable("{version} has no up-to-date gate report: run “manage.py registry gate {version}” first."),
            standing,
            act,
        )
    if report_sha256 is not None and report_sha256 != standing.report.sha256:
        raise _not_allowed(
            translatable(
                "The gate report of {version} is no longer the one you read: read the new one, and decide again."
            ),
            standing,
            act,
        )
    return standing.report


def _require_approvable(name: str, standing: Standing, team: Approval.Team) -> None:
    version = standing.version.name
    if standing.evidence_verdict is not Verdict.PROMOTABLE:
        raise NotPromotableError(
            version=version,
            verdict=standing.evidence_verdict.value,
            missing=standing.missing(people=False),
            checks=[check.key for check in standing.failing(people=False)],
        )
    approvers = {
        other: decision.created_by
        for other, decision in standing.decisions.items()
        if decision.decision == Approval.Decision.APPROVE
    }
    if team in approvers:
        raise UsageError(
            translatable("{name} approved {version} already, for this team."), name=approvers[team], version=version
        )
    require_other_person(name=name, approvers=approvers, team=team, version=version)


def _not_allowed(template: str, standing: Standing, act: Act, **details: str) -> NotAllowedError:
    return NotAllowedError(
        template, version=standing.version.name, act=act.value, stage=standing.stage.value, **details
    )


def _record(actor: Actor, act: str, version: ModelVersion, report: GateReport, details: dict[str, str]) -> None:
    record(
        actor=actor,
        action=f"registry.{act}",
        object_type="version",
        object_id=version.name,
        details={**details, "report_sha256": report.sha256, "model_sha256": version.model_sha256},
    )
    render_after_commit()
