"""What a version says of pairs, and what it was told to say it of."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from future_skills.prediction import Prediction

if TYPE_CHECKING:
    from apps.serving.overrides.models import PredictionOverride
    from apps.serving.reasons import AnswerReasons


Made = TypeVar("Made")


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
    _made: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, make: Callable[..., Made], *words: Hashable) -> Made:
        """What a function makes of it, made once and kept with it, for whoever asks about the pair next.

        Args:
            make: a function of a module; nobody changes what it returns.
            words: what it is told besides, such as a language.
        """
        key = (make, *words)
        if key not in self._made:
            self._made[key] = make(self, *words)
        return cast("Made", self._made[key])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What somebody who asked was told.

    Attributes:
        said: what the version says of the pair.
        id: of its line in the prediction log; None for a trial, which is not logged.
        override: what a person decided of the pair; None where nobody did.
    """

    said: Said
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
