"""Predictions in JSON: one shape, for ``predict --json`` and for the API."""

from typing import Any, Literal, Self

from django.utils.translation import gettext
from pydantic import Field

from apps.registry.documents import Document
from apps.serving.predictions import Answer, Answers
from future_skills.prediction import PredictionWarning

Level = Literal["LOW", "MEDIUM", "HIGH"]


class WarningDocument(Document):
    """What to know before trusting an answer; ``code`` is the same in every language."""

    code: str
    message: str
    details: dict[str, Any]

    @classmethod
    def of(cls, warning: PredictionWarning) -> Self:
        """In the language of whoever asks."""
        return cls(code=warning.code, message=warning.explain(gettext), details=dict(warning.details))


class PredictionDocument(Document):
    """What the version says of one pair."""

    job_role_name: str
    skill_name: str
    period: str | None = Field(description="of the snapshot the row was completed from; null: the pair has none")
    level: Level
    probabilities: dict[Level, float] | None
    score: float | None = Field(description="100 × (P(HIGH) + P(MEDIUM) / 2)")
    confidence: float | None = Field(description="the highest probability")
    emergence: float | None = Field(description="P(becomes HIGH); null where it is HIGH now, or nobody knows")
    current_need_level: Level | None
    warnings: list[WarningDocument]

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """From the answer."""
        said = answer.prediction
        return cls(
            job_role_name=answer.role,
            skill_name=answer.skill,
            period=answer.period,
            level=said.level,
            probabilities=said.probabilities,
            score=said.score,
            confidence=said.confidence,
            emergence=said.emergence,
            current_need_level=said.current_level,
            warnings=[WarningDocument.of(warning) for warning in said.warnings],
        )


class PredictionsDocument(Document):
    """What one version says, in the order of the rows."""

    model_version: str
    deployment: int | None = Field(description="the deployment that answered; null: a trial outside production")
    predictions: list[PredictionDocument]

    @classmethod
    def of(cls, answers: Answers) -> Self:
        """From the answers."""
        return cls(
            model_version=answers.version,
            deployment=answers.deployment,
            predictions=[PredictionDocument.of(answer) for answer in answers.answers],
        )
