"""The stages of a version, what each of them allows, and who may judge whose work.

A stage is never stored: it is derived from facts (a report, decisions, deployments), here and nowhere else.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from future_skills.errors import NotAllowedError, OwnWorkError, translatable


class Stage(StrEnum):
    """Where a version stands."""

    CANDIDATE = "candidate"
    GATE_PASSED = "gate_passed"
    APPROVED = "approved"
    LIVE = "live"
    RETIRED = "retired"
    REJECTED = "rejected"
    RETRACTED = "retracted"


STAGE_NAMES: Final[Mapping[Stage, str]] = {
    Stage.CANDIDATE: translatable("candidate"),
    Stage.GATE_PASSED: translatable("criteria met"),
    Stage.APPROVED: translatable("approved"),
    Stage.LIVE: translatable("in production"),
    Stage.RETIRED: translatable("formerly in production"),
    Stage.REJECTED: translatable("refused"),
    Stage.RETRACTED: translatable("retracted"),
}
"""The stage in words; doors translate them."""


class Act(StrEnum):
    """What people do with a version."""

    TRY = "try"
    EVALUATE = "evaluate"
    DRAW_SAMPLE = "draw_sample"
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    OVERRIDE = "override"
    DEPLOY = "deploy"
    ROLL_BACK = "roll_back"
    RETRACT = "retract"


_UNDER_REVIEW: Final = frozenset({Stage.CANDIDATE, Stage.GATE_PASSED, Stage.APPROVED, Stage.REJECTED, Stage.RETIRED})

ALLOWED: Final[Mapping[Act, frozenset[Stage]]] = {
    Act.TRY: _UNDER_REVIEW | {Stage.LIVE},
    Act.EVALUATE: _UNDER_REVIEW | {Stage.LIVE},
    Act.DRAW_SAMPLE: _UNDER_REVIEW | {Stage.LIVE},
    Act.APPROVE: _UNDER_REVIEW,
    Act.REJECT: _UNDER_REVIEW,
    Act.WITHDRAW: _UNDER_REVIEW,
    Act.OVERRIDE: _UNDER_REVIEW,
    Act.DEPLOY: _UNDER_REVIEW,  # and its criteria met: a version back from retirement or refusal may have new evidence
    Act.ROLL_BACK: frozenset({Stage.RETIRED}),
    Act.RETRACT: _UNDER_REVIEW,
}
"""Act -> the stages that allow it. What is live stays as it is until something else is live."""

_WHY_NOT: Final[Mapping[Stage, str]] = {
    Stage.LIVE: translatable("{version} is in production: put another version there first."),
    Stage.RETRACTED: translatable("{version} was retracted, and is never used again."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the stage of a version is derived from.

    Attributes:
        retracted: somebody said that it must not be used any more.
        live: it is the one in production.
        was_live: it was once.
        refused: its up-to-date report says REFUSED, or a team's newest decision on it is a rejection.
        passed: its up-to-date report meets every criterion that is not a decision of people.
        approved: both teams approved that report.
    """

    retracted: bool = False
    live: bool = False
    was_live: bool = False
    refused: bool = False
    passed: bool = False
    approved: bool = False


def stage_of(facts: Facts) -> Stage:
    """The stage; of several that would fit, the one that binds most."""
    table = (
        (facts.retracted, Stage.RETRACTED),
        (facts.live, Stage.LIVE),
        (facts.was_live, Stage.RETIRED),
        (facts.refused, Stage.REJECTED),
        (facts.passed and facts.approved, Stage.APPROVED),
        (facts.passed, Stage.GATE_PASSED),
    )
    return next((stage for fits, stage in table if fits), Stage.CANDIDATE)


def require_allowed(act: Act, stage: Stage, *, version: str) -> None:
    """Refuse an act that the stage does not allow.

    Raises:
        NotAllowedError: it does not.
    """
    if stage in ALLOWED[act]:
        return
    reason = _WHY_NOT.get(stage, translatable("{version} was never in production: there is nothing to go back to."))
    raise NotAllowedError(reason, version=version, act=act.value, stage=stage.value)


def require_not_author(*, name: str, authors: Collection[str], version: str) -> None:
    """Refuse to let an author of a version judge it.

    Raises:
        OwnWorkError: ``name`` is one of the authors.
    """
    if name in authors:
        raise OwnWorkError(version=version, name=name)


def require_other_person(*, name: str, approvers: Mapping[str, str], team: str, version: str) -> None:
    """Refuse one person's approval in the name of two teams.

    Args:
        name: who decides.
        approvers: team -> who approved in its name.
        team: the team that ``name`` speaks for.
        version: what is judged.

    Raises:
        OwnWorkError: ``name`` approved in the name of another team already.
    """
    if any(approver == name for other, approver in approvers.items() if other != team):
        raise OwnWorkError(
            translatable("{name} approved {version} already, in the name of the other team."),
            version=version,
            name=name,
        )
