"""Campaigns in JSON: one shape, for every command."""

from datetime import datetime
from typing import Literal, Self

from django.utils.translation import gettext
from pydantic import Field

from apps.registry.documents import Document
from apps.registry.store import campaign_path
from apps.serving.campaigns.models import Campaign
from apps.serving.campaigns.selectors import counts_of
from apps.serving.campaigns.words import problem_text

StateCode = Literal["waiting", "running", "interrupted", "done", "failed"]


class CountsDocument(Document):
    """The pairs of a campaign, counted."""

    low: int
    medium: int
    high: int
    high_now: int = Field(description="HIGH today")
    rising: int = Field(description="not HIGH today, and expected to be")
    abstained: int = Field(description="answers that should not be relied upon")


class ProblemDocument(Document):
    """What stopped a campaign, or made it rest."""

    code: str
    message: str


class CampaignDocument(Document):
    """A campaign and where it stands."""

    campaign: int
    label: str
    period: str
    state: StateCode
    progress: float = Field(description="share of its pairs that are scored, 0 to 1")
    model_version: str
    deployment: int
    requester: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    failed_at: datetime | None
    pairs: int | None
    counts: CountsDocument | None = Field(description="null until it is finished")
    sha256: str | None = Field(description="of the result")
    bytes: int | None
    path: str | None = Field(description="the result, where it can be read on this machine")
    problem: ProblemDocument | None

    @classmethod
    def of(cls, campaign: Campaign) -> Self:
        """From the row; its result must be there if it is finished."""
        done = campaign.finished_at is not None
        problem = campaign.problem
        return cls(
            campaign=campaign.pk,
            label=campaign.label,
            period=campaign.period,
            state=campaign.state.value,
            progress=campaign.progress,
            model_version=campaign.version,
            deployment=campaign.deployment_id,
            requester=campaign.requester,
            requested_at=campaign.requested_at,
            started_at=campaign.started_at,
            finished_at=campaign.finished_at,
            failed_at=campaign.failed_at,
            pairs=campaign.pairs,
            counts=CountsDocument(**counts_of(campaign)) if done else None,
            sha256=campaign.result_sha256 or None,
            bytes=campaign.result_bytes,
            path=str(campaign_path(campaign.result_sha256)) if done else None,
            problem=None
            if problem is None
            else ProblemDocument(code=problem["code"], message=problem_text(campaign, gettext)),
        )
