"""What a version says of pairs, and what it was told to say it of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from future_skills.prediction import Prediction

if TYPE_CHECKING:
    from apps.serving.overrides.models import PredictionOverride
    from apps.serving.reasons import AnswerReasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a version says of one pair, whoever asks.

    Attributes:
        role: job role.
        skill: skill.
        period: of the snapshot the row was completed from; None where the pair has none.
        inputs: column -> value that the model read.
        prediction: the level, how sure, and what to know before trusting it.
        abstained: whether it should not be relied upon ("ne se prononce pas"; see ``future_skills.abstention``).
    """

    role: str
    skill: str
    period: str | None
    inputs: Mapping[str, Any]
    prediction: Prediction
    abstained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Said):
    """What somebody who asked was told.

    Attributes:
        id: of its line in the prediction log; None for a trial, which is not logged.
        override: what a person decided of the pair; None where nobody did.
    """

    id: UUID | None
    override: "PredictionOverride | None"


@dataclass(frozen=True, slots=True)
class Answers:
    """What one version says of several pairs, in the order asked.

    Attributes:
        version: its name.
        deployment: key of the deployment that answered; None for a trial, which is never counted as production.
        request: identifier of the request in the prediction log; None for a trial.
        answers: one for each row.
        reasons: why, one for each row; None where nobody asked.
    """

    version: str
    deployment: int | None
    request: UUID | None
    answers: tuple[Answer, ...]
    reasons: "tuple[AnswerReasons, ...] | None" = None
