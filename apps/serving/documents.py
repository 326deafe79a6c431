"""Predictions in JSON: one shape, for ``predict --json``, for the API and for the log."""

import json
from datetime import datetime
from itertools import repeat
from typing import Any, Final, Literal, Self
from uuid import UUID

from django.utils import translation
from django.utils.translation import get_language, gettext
from pydantic import Field

from apps.registry.documents import Document
from apps.serving import logged
from apps.serving.answers import Answer, Answers, Said
from apps.serving.models import Prediction
from apps.serving.overrides.documents import OverrideDocument
from apps.serving.reason_documents import ReasonsDocument
from apps.serving.reasons import AnswerReasons
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

    id: UUID | None = Field(description="of its line in the prediction log; null: a trial, which is not logged")
    job_role_name: str
    skill_name: str
    period: str | None = Field(description="of the snapshot the row was completed from; null: the pair has none")
    level: Level
    probabilities: dict[Level, float] | None
    score: float | None = Field(description="100 × (P(HIGH) + P(MEDIUM) / 2)")
    confidence: float | None = Field(description="the highest probability")
    emergence: float | None = Field(description="P(becomes HIGH); null where it is HIGH now, or nobody knows")
    current_need_level: Level | None
    abstained: bool = Field(description="true: too little to stand on, do not rely upon this answer")
    warnings: list[WarningDocument]
    override: OverrideDocument | None = Field(
        description="what a person decided of the pair: it counts, and not “level”; null: nobody did"
    )
    reasons: ReasonsDocument | None = Field(None, description="why; null where nobody asked")

    @classmethod
    def of(cls, answer: Answer, why: AnswerReasons | None) -> "PredictionDocument":
        """From the answer, and its reasons where they were asked."""
        said = answer.said.once(_document_of, get_language())
        rest = {"id": answer.id, "override": OverrideDocument.of_one(answer.override)}
        return said.model_copy(update=rest if why is None else {**rest, "reasons": ReasonsDocument.of(why)})


def _document_of(said: Said, language: str | None) -> PredictionDocument:
    """What the version says, in a language: nobody has asked for it yet, and nobody decided."""
    prediction = said.prediction
    with translation.override(language):
        warnings = [WarningDocument.of(warning) for warning in prediction.warnings]
    return PredictionDocument(
        id=None,
        job_role_name=said.role,
        skill_name=said.skill,
        period=said.period,
        level=prediction.level,
        probabilities=prediction.probabilities,
        score=prediction.score,
        confidence=prediction.confidence,
        emergence=prediction.emergence,
        current_need_level=prediction.current_level,
        abstained=said.abstained,
        warnings=warnings,
        override=None,
        reasons=None,
    )


class PredictionsDocument(Document):
    """What one version says, in the order of the rows."""

    model_version: str
    deployment: int | None = Field(description="the deployment that answered; null: a trial outside production")
    request_id: UUID | None = Field(description="of the request in the prediction log; null: a trial")
    predictions: list[PredictionDocument]

    @classmethod
    def of(cls, answers: Answers) -> Self:
        """From the answers."""
        return cls(
            model_version=answers.version,
            deployment=answers.deployment,
            request_id=answers.request,
            predictions=list(map(PredictionDocument.of, answers.answers, answers.reasons or repeat(None))),
        )


class LoggedDocument(Document):
    """A line of the prediction log: what was answered, to whom, and what the version had read."""

    id: UUID
    request_id: UUID
    at: datetime
    requester: str
    requester_source: str = Field(description="how we know who asked: login, token, declared, environment, system")
    model_version: str
    deployment: int
    job_role_name: str
    skill_name: str
    period: str | None
    level: Level
    probabilities: dict[Level, float] | None
    score: float | None
    confidence: float | None
    emergence: float | None
    current_need_level: Level | None
    abstained: bool
    warnings: list[str] = Field(description="codes of what there was to know before trusting it")
    override: OverrideDocument | None = Field(
        description="what a person had decided of the pair, and the answer said too"
    )
    inputs: dict[str, float | str | None] = Field(description="column → value that the version read")

    @classmethod
    def of(cls, line: Prediction) -> Self:
        """From the row."""
        said = logged.said(line)
        return cls(
            id=line.id,
            request_id=line.request_id,
            at=line.at,
            requester=line.requester,
            requester_source=line.requester_source,
            model_version=line.version,
            deployment=line.deployment_id,
            job_role_name=line.role,
            skill_name=line.skill,
            period=line.period or None,
            level=said.level,
            probabilities=said.probabilities,
            score=said.score,
            confidence=said.confidence,
            emergence=said.emergence,
            current_need_level=said.current_level,
            abstained=line.abstained,
            warnings=line.warnings,
            override=OverrideDocument.of_one(line.override),
            inputs=line.inputs,
        )


class LoggedPage(Document):
    """A page of the prediction log, newest first."""

    predictions: list[LoggedDocument]
    next: UUID | None = Field(description="“before” of the next page; null on the last one")


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_line(line: Prediction) -> bytes:
    """A line of the log as the API answers it, its keys sorted, without blanks, in UTF-8, and a line break.

    Whoever kept what the API answered can make the very same bytes of it, and so the sha256 of a purge.
    """
    return f"{_CANONICAL.encode(LoggedDocument.of(line).to_dict())}\n".encode()
