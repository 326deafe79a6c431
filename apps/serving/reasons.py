"""Why a version answered what it answered: its own reasons, and the similar roles behind them. Never a write.

Nothing of it is logged: the line of an answer holds all that the version read, and the same version always gives the same
reasons for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from apps.serving.answers import Answer
from apps.serving.facts import Facts
from apps.serving.similar import SimilarRoles, similar_roles
from future_skills.errors import UsageError, translatable
from future_skills.prediction import Predictor
from future_skills.reasons import Reasons

MOST_EXPLAINED: Final = 100
"""Rows explained at a time: two to five seconds of work."""


@dataclass(frozen=True, slots=True)
class AnswerReasons:
    """Why one pair was answered so.

    Attributes:
        reasons: what the version relies on, and what would change the level.
        similar: the roles behind it.
    """

    reasons: Reasons
    similar: SimilarRoles


def require_few(rows: int) -> None:
    """Refuse to explain too many rows at a time.

    Raises:
        UsageError: more than ``MOST_EXPLAINED``.
    """
    if rows > MOST_EXPLAINED:
        raise UsageError(
            translatable("Reasons are given for {most} rows at a time, not {rows}."),
            hint=translatable("Ask in several requests, or without reasons."),
            most=MOST_EXPLAINED,
            rows=rows,
        )


def explain(predictor: Predictor, facts: Facts, answers: Sequence[Answer]) -> tuple[AnswerReasons, ...]:
    """The reasons of each answer, in order.

    Args:
        predictor: the version that answered.
        facts: those that the rows were completed from.
        answers: what it said, at most ``MOST_EXPLAINED``.

    Raises:
        UsageError: more answers than that.
        ReasonsUnavailableError: the version gives no reasons, and says why.
        ArtifactError: a file that reasons are made from cannot be trusted, or cannot be read here.
    """
    require_few(len(answers))
    explained = predictor.explain([answer.said.inputs for answer in answers])
    return tuple(
        AnswerReasons(reasons, similar_roles(facts, role=said.role, skill=said.skill, period=said.period))
        for said, reasons in zip((answer.said for answer in answers), explained, strict=True)
    )
