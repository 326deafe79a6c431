"""Verbs that change what answers predictions: deploy, roll back, suspend, resume.

The slow part (hashes, signature, smoke cases) comes first and changes nothing; the switch itself is one short transaction,
and is refused when somebody else switched meanwhile.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record, turn
from apps.registry.live import live_deployment, open_suspension, way_back
from apps.registry.models import Deployment, GateReport, ModelVersion, Suspension
from apps.registry.selectors import find_version
from apps.registry.services.page import render_after_commit
from apps.registry.services.soundness import require_sound
from apps.registry.standing import Standing, standing_of
from apps.registry.words import moment, optional_words, required_words
from future_skills.errors import (
    DeployedMeanwhileError,
    NotAllowedError,
    NothingLiveError,
    NotPromotableError,
    PromotionError,
    UsageError,
    translatable,
)
from future_skills.gates import Verdict
from future_skills.lifecycle import Act, require_allowed

_REASON_TOO_LONG = translatable("A reason has 10 000 characters at most.")


@verb(Right.DEPLOY)
def deploy_version(
    *,
    actor: Actor,
    version: str,
    reason: str = "",
    seen: int | None = None,
    kind: Deployment.Kind = Deployment.Kind.DEPLOY,
) -> Deployment:
    """Put a version into production: every criterion met, both teams' approvals on its present report, its files sound.

    Args:
        actor: who deploys.
        version: its name.
        reason: why, in words; may be empty, the report says why.
        seen: key of the deployment that was live when the person decided (0: none); None: as it is now.
        kind: ``deploy`` by a person, ``pin`` by the settings.

    Raises:
        UsageError: the reason is too long.
        VersionNotFoundError: no such version.
        NotAllowedError: it is live already, or retracted.
        NotPromotableError: a criterion is not met.
        ArtifactError: a file is absent or was changed, or the model no longer gives its stored answers.
        DeployedMeanwhileError: somebody else switched first.
    """
    reason = optional_words(reason, _REASON_TOO_LONG)
    row = find_version(version)
    before = _live_as_seen(seen)
    with _told_of_a_switch_since(before):
        require_promotable(row)
        require_sound(row)
        with turn():
            standing = require_promotable(row)  # an approval may have been withdrawn while the files were checked
            return _switch(actor=actor, to=row, before=before, kind=kind, reason=reason, report=standing.report)


@verb(Right.DEPLOY)
def roll_back(*, actor: Actor, reason: str, to: str | None = None, seen: int | None = None) -> Deployment:
    """Put back a version that was live before: a right and a reason, no new approvals.

    Args:
        actor: who rolls back.
        reason: why, in words.
        to: the version; None for the one before the live one (see ``way_back``).
        seen: as in ``deploy_version``.

    Raises:
        NothingLiveError: nothing is in production.
        NotAllowedError: the version was never live, is live now, or was retracted; or there is none to go back to.
        UsageError: no reason.
        ArtifactError, DeployedMeanwhileError: as in ``deploy_version``.
    """
    reason = required_words(reason, translatable("A rollback needs a reason, of 10 000 characters at most."))
    before = _live_as_seen(seen)
    if before is None:
        raise NothingLiveError
    row = find_version(to) if to else way_back()
    if row is None:
        raise NotAllowedError(
            translatable("No version was in production before {version}: there is nothing to go back to."),
            hint=translatable("Another one that was live is named with --to."),
            version=before.version.name,
            act=Act.ROLL_BACK.value,
            stage="live",
        )
    with _told_of_a_switch_since(before):
        require_allowed(Act.ROLL_BACK, standing_of(row).stage, version=row.name)
        require_sound(row)
        with turn():
            require_allowed(Act.ROLL_BACK, standing_of(row).stage, version=row.name)
            return _switch(
                actor=actor, to=row, before=before, kind=Deployment.Kind.ROLLBACK, reason=reason, report=None
            )


@verb(Right.SUSPEND)
def suspend(*, actor: Actor, reason: str) -> Suspension:
    """Stop answering predictions until somebody resumes; what is deployed stays deployed.

    Raises:
        NothingLiveError: nothing is in production.
        UsageError: no reason, or suspended already.
    """
    reason = required_words(reason, translatable("A suspension needs a reason, of 10 000 characters at most."))
    with turn():
        live = live_deployment()
        if live is None:
            raise NothingLiveError
        if (already := open_suspension()) is not None:
            raise UsageError(
                translatable("Predictions have been suspended already by {name} since {since}: {reason}"),
                name=already.started_by,
                since=moment(already.started_at),
                reason=already.reason,
            )
        suspension = Suspension.objects.create(reason=reason, started_at=timezone.now(), started_by=actor.name)
        record(
            actor=actor,
            action="registry.suspend",
            object_type="version",
            object_id=live.version.name,
            details={"reason": reason},
        )
        render_after_commit()
    return suspension


@verb(Right.SUSPEND)
def resume(*, actor: Actor, reason: str = "") -> Suspension:
    """Answer predictions again.

    Raises:
        UsageError: nothing is suspended, or the reason is too long.
    """
    reason = optional_words(reason, _REASON_TOO_LONG)
    with turn():
        suspension = open_suspension()
        if suspension is None:
            raise UsageError(translatable("Predictions are not suspended."))
        suspension.open, suspension.ended_at, suspension.ended_by = False, timezone.now(), actor.name
        suspension.save(update_fields=["open", "ended_at", "ended_by"])
        live = live_deployment()
        record(
            actor=actor,
            action="registry.resume",
            object_type="version",
            object_id=live.version.name if live else "",
            details={"reason": reason, "suspended_since": suspension.started_at.isoformat()},
        )
        render_after_commit()
    return suspension


def require_promotable(version: ModelVersion) -> Standing:
    """Refuse a version that may not go into production now.

    Raises:
        NotAllowedError: it is live already, or retracted.
        NotPromotableError: a criterion is not met.
    """
    standing = standing_of(version)
    require_allowed(Act.DEPLOY, standing.stage, version=version.name)
    if standing.verdict is not Verdict.PROMOTABLE:
        raise NotPromotableError(
            version=version.name,
            verdict=standing.verdict.value,
            missing=standing.missing(),
            checks=[check.key for check in standing.failing()],
        )
    return standing


def _live_as_seen(seen: int | None) -> Deployment | None:
    """What is live, refused where it is not what the person saw."""
    live = live_deployment()
    if seen is not None and seen != (live.pk if live else 0):
        raise _meanwhile(live)
    return live


@contextmanager
def _told_of_a_switch_since(before: Deployment | None) -> Iterator[None]:
    """A refusal that comes of somebody else's switch says so: it changes where every version stands."""
    try:
        yield
    except PromotionError:
        _require_still(before)
        raise


def _require_still(before: Deployment | None) -> None:
    """Refuse to go on where somebody else switched.

    Raises:
        DeployedMeanwhileError: the live row is no longer ``before``.
    """
    live = live_deployment()
    if (live and live.pk) != (before and before.pk):
        raise _meanwhile(live)


def _meanwhile(live: Deployment | None) -> DeployedMeanwhileError | NothingLiveError:
    if live is None:
        return NothingLiveError()
    return DeployedMeanwhileError(version=live.version.name, name=live.started_by, at=moment(live.started_at))


def _switch(
    *,
    actor: Actor,
    to: ModelVersion,
    before: Deployment | None,
    kind: Deployment.Kind,
    reason: str,
    report: GateReport | None,
) -> Deployment:
    """Close the live row and open the next one, inside the caller's turn.

    Raises:
        DeployedMeanwhileError: the live row is no longer ``before``.
    """
    _require_still(before)
    now = timezone.now()
    if before is not None:
        Deployment.objects.filter(pk=before.pk, live=True).update(live=False, ended_at=now)
    deployment = Deployment.objects.create(
        version=to,
        previous=before,
        report=report,
        kind=kind,
        reason=reason,
        started_at=now,
        started_by=actor.name,
    )
    record(
        actor=actor,
        action=f"registry.{kind.value}",
        object_type="version",
        object_id=to.name,
        details={
            "from": before.version.name if before else None,
            "to": to.name,
            "reason": reason,
            "model_sha256": to.model_sha256,
            "report_sha256": report.sha256 if report else None,
        },
    )
    render_after_commit()
    return deployment
