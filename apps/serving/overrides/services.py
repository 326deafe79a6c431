"""Verbs on predictions: a person gives a pair another level for a while, or takes that back."""

from datetime import date, timedelta
from typing import Any, Final

from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record, turn
from apps.registry.words import moment, required_words
from apps.serving.overrides.models import PredictionOverride
from apps.serving.overrides.seen import Seen
from apps.serving.overrides.selectors import find_override, last_of_pair
from future_skills import schema
from future_skills.errors import OverriddenMeanwhileError, OverrideOverError, UsageError, translatable

LONGEST: Final = timedelta(days=731)
"""How long a decision may count: two years, the horizon and the tolerance of a prediction."""

WHY: Final = translatable("Say in words why the level is another one (10 000 characters at most).")


@verb(Right.OVERRIDE_PREDICTIONS)
def override_prediction(
    *, actor: Actor, seen: Seen, level: str, until: date, reason: str, replaces: int | None = None
) -> PredictionOverride:
    """Give a pair another level than the model does. What the model says stays as it is, beside it.

    Args:
        actor: who decides, in their own name.
        seen: the prediction that they had read.
        level: LOW, MEDIUM or HIGH.
        until: the last day on which it counts; tomorrow at the earliest, ``LONGEST`` from now at the latest.
        reason: why.
        replaces: the decision on this pair that they had seen, and that this one takes the place of; None: there was none,
            or it counted no longer.

    Raises:
        UsageError: a level that is none, a day too early or too late, no reason.
        OverriddenMeanwhileError: another decision was taken meanwhile.
    """
    reason = required_words(reason, WHY)
    if level not in schema.LEVELS:
        raise UsageError(translatable("“{level}” is no need level: write LOW, MEDIUM or HIGH."), level=level[:80])
    today = timezone.localdate()
    if not today < until <= today + LONGEST:
        raise UsageError(
            translatable("{day}: a decision counts from tomorrow on at least, and until {latest} at most."),
            day=until.isoformat(),
            latest=(today + LONGEST).isoformat(),
        )
    with turn():
        last = last_of_pair(seen.role, seen.skill)
        if last is not None and last.level and not last.expired and last.pk != replaces:
            raise OverriddenMeanwhileError(
                role=seen.role, skill=seen.skill, name=last.created_by, at=moment(last.created_at)
            )
        written = _written(actor, seen, last, reason, level=level, until=until)
        record(
            actor=actor,
            action="serving.override_prediction",
            object_type="pair",
            object_id=_pair(written),
            details={
                "role": seen.role,
                "skill": seen.skill,
                "level": level,
                "predicted": seen.predicted,
                "version": seen.version,
                "until": until.isoformat(),
                "reason": reason,
                "prediction": str(seen.prediction) if seen.prediction else None,
                "campaign": seen.campaign,
                "override": written.pk,
                "replaces": last.pk if last else None,
            },
        )
    return written


@verb(Right.OVERRIDE_PREDICTIONS)
def withdraw_override(*, actor: Actor, override: int, reason: str) -> PredictionOverride:
    """Take a decision back: the pair has the model's level again.

    Args:
        actor: who takes it back, in their own name; not only who decided.
        override: number of the decision.
        reason: why.

    Raises:
        UsageError: no reason.
        OverrideNotFoundError: there is no such decision.
        OverrideOverError: it counts no longer: its last day is over, or it was replaced or withdrawn.
    """
    reason = required_words(reason, translatable("Say in words why it is withdrawn (10 000 characters at most)."))
    with turn():
        last = find_override(override)
        if not last.level or last.expired or hasattr(last, "replaced_by"):
            raise OverrideOverError(override=override)
        seen = Seen(last.role, last.skill, last.version, last.predicted, last.prediction, last.campaign)
        written = _written(actor, seen, last, reason, level="", until=None)
        record(
            actor=actor,
            action="serving.withdraw_override",
            object_type="pair",
            object_id=_pair(written),
            details={
                "role": seen.role,
                "skill": seen.skill,
                "override": last.pk,
                "level": last.level,
                "reason": reason,
            },
        )
    return written


def _written(
    actor: Actor, seen: Seen, last: PredictionOverride | None, reason: str, **decided: Any
) -> PredictionOverride:
    return PredictionOverride.objects.create(
        role=seen.role,
        skill=seen.skill,
        version=seen.version,
        predicted=seen.predicted,
        prediction=seen.prediction,
        campaign=seen.campaign,
        replaces=last,
        reason=reason,
        created_at=timezone.now(),
        created_by=actor.name,
        **decided,
    )


def _pair(override: PredictionOverride) -> str:
    return f"{override.role} × {override.skill}"[:200]
