"""What a version says of pairs: their rows completed from the facts, and the model asked. Never a write."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.registry.selectors import find_version
from apps.registry.standing import stages_of
from apps.serving.facts import FACTS, Row
from apps.serving.reader import LIVE, open_predictor
from future_skills import schema
from future_skills.lifecycle import Act, Stage, require_allowed
from future_skills.prediction import Prediction, Predictor

MOST_ROWS = 10_000
"""Rows answered at a time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a version says of one pair.

    Attributes:
        role: job role.
        skill: skill.
        period: of the snapshot the row was completed from; None where the pair has none.
        prediction: the level, how sure, and what to know before trusting it.
    """

    role: str
    skill: str
    period: str | None
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class Answers:
    """What one version says of several pairs, in the order asked.

    Attributes:
        version: its name.
        deployment: key of the deployment that answered; None for a trial, which is never counted as production.
        answers: one for each row.
    """

    version: str
    deployment: int | None
    answers: tuple[Answer, ...]


def warm_up() -> None:
    """Open the live model and read the facts, so that the first request need not wait for them.

    Raises:
        NotAnsweringError, ArtifactError: as in ``predict``.
    """
    columns = LIVE.live().predictor.columns
    FACTS.now().prepare(columns)


def predict(rows: Sequence[Row]) -> Answers:
    """What the version in production says.

    Args:
        rows: as ``Facts.complete`` takes them, at most ``MOST_ROWS``.

    Raises:
        NotAnsweringError: nothing is in production, or predictions are suspended.
        ArtifactError: the live version's files cannot be trusted, or cannot be opened here.
        InvalidRowsError, UnknownPairError: see ``Facts.complete``.
    """
    live = LIVE.live()
    return Answers(live.predictor.manifest.version, live.deployment, _answers(live.predictor, rows))


def try_version(name: str, rows: Sequence[Row]) -> tuple[Answers, Stage]:
    """What a version says outside production, and the stage it is in.

    Raises:
        VersionNotFoundError: no such version.
        NotAllowedError: it was retracted.
        ArtifactError, InvalidRowsError, UnknownPairError: as in ``predict``.
    """
    version = find_version(name)
    stage = stages_of([version.pk])[version.pk]
    require_allowed(Act.TRY, stage, version=name)
    return Answers(name, None, _answers(open_predictor(version), rows)), stage


def _answers(predictor: Predictor, rows: Sequence[Row]) -> tuple[Answer, ...]:
    completed = FACTS.now().complete(rows, columns=predictor.columns)
    predictions = predictor.predict(completed.frame)
    warnings = completed.warnings
    return tuple(
        Answer(role, skill, period, prediction.warned(warnings[place]) if place in warnings else prediction)
        for place, (role, skill, period, prediction) in enumerate(
            zip(
                completed.frame[schema.ROLE], completed.frame[schema.SKILL], completed.periods, predictions, strict=True
            )
        )
    )
