"""What people decided of predictions, in JSON: one shape for every door."""

from datetime import date, datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import Field

from apps.registry.documents import Document
from apps.serving.overrides.models import PredictionOverride

Level = Literal["LOW", "MEDIUM", "HIGH"]


class OverrideDocument(Document):
    """The level that a person gave a pair in place of the model's, which is kept."""

    override: int = Field(description="number of the decision")
    job_role_name: str
    skill_name: str
    level: Level | None = Field(description="the person's; null: the decision before is withdrawn")
    until: date | None = Field(description="the last day on which it counts; null: a withdrawal")
    reason: str
    name: str = Field(description="who decided")
    at: datetime
    model_version: str
    predicted: Level = Field(description="what that version had said to who decided")
    prediction: UUID | None = Field(description="its line in the prediction log; null: a campaign said it")
    campaign: int | None = Field(description="the campaign that said it; null: the log has it")
    replaces: int | None = Field(description="the decision on the same pair before this one")

    @classmethod
    def of(cls, override: PredictionOverride) -> Self:
        """From the row."""
        return cls(
            override=override.pk,
            job_role_name=override.role,
            skill_name=override.skill,
            level=override.level or None,
            until=override.until,
            reason=override.reason,
            name=override.created_by,
            at=override.created_at,
            model_version=override.version,
            predicted=override.predicted,
            prediction=override.prediction,
            campaign=override.campaign,
            replaces=override.replaces_id,
        )

    @classmethod
    def of_one(cls, override: PredictionOverride | None) -> Self | None:
        """From the row, where there is one."""
        return None if override is None else cls.of(override)


class OverridesPage(Document):
    """A page of decisions, newest first."""

    overrides: list[OverrideDocument]
    next: int | None = Field(description="“before” of the next page; null on the last one")
