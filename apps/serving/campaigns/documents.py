"""Campaigns in JSON: one shape, for every command."""

from datetime import datetime
from typing import Literal, Self

import polars as pl
from django.utils.translation import gettext
from pydantic import Field

from apps.registry.documents import Document
from apps.registry.store import campaign_path
from apps.serving.campaigns.comparison import Comparison
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


# --- Two campaigns ----------------------------------------------------------------------------------------------------------
Level = Literal["LOW", "MEDIUM", "HIGH"]
Kind = Literal["changed", "came", "went"]
Reason = Literal["model", "market", "data"]


class MoveDocument(Document):
    """How many pairs went from one level to another, for one reason."""

    kind: Kind
    level_before: Level | None
    level_after: Level | None
    reason: Reason | None = Field(
        description="what moved the score furthest; null: the pair came or went, or nobody knows"
    )
    pairs: int


class ChangeDocument(Document):
    """A pair that changed, came or went."""

    job_role_name: str
    skill_name: str
    job_department: str
    skill_category: str
    kind: Kind
    level_before: Level | None
    level_after: Level | None
    score_before: float | None
    score_after: float | None
    model: float | None = Field(description="points of the score that another version adds")
    market: float | None = Field(description="… that trend_score and economic_indicator add")
    data: float | None = Field(description="… that every other fact adds")
    reason: Reason | None


class ComparisonDocument(Document):
    """Two campaigns, told apart."""

    before: CampaignDocument
    after: CampaignDocument
    same_version: bool
    changed: int
    came: int
    went: int
    reasons: dict[Reason, int] = Field(description="changed pairs by what moved their score furthest")
    moves: list[MoveDocument]
    pairs: list[ChangeDocument] = Field(description="those whose score moved most")

    @classmethod
    def of(cls, comparison: Comparison, *, most: int) -> Self:
        """With so many pairs at most."""
        moves = [MoveDocument(**move) for move in comparison.counted().iter_rows(named=True)]
        moved = (pl.col("score_after") - pl.col("score_before")).abs()
        columns = list(ChangeDocument.model_fields)
        pairs = comparison.changes.sort(moved, descending=True, nulls_last=True, maintain_order=True).select(columns)
        kinds = {kind: sum(move.pairs for move in moves if move.kind == kind) for kind in ("changed", "came", "went")}
        reasons = {
            reason: sum(move.pairs for move in moves if move.reason == reason) for reason in ("model", "market", "data")
        }
        return cls(
            before=CampaignDocument.of(comparison.before),
            after=CampaignDocument.of(comparison.after),
            same_version=comparison.same_version,
            reasons=reasons,
            moves=moves,
            pairs=[ChangeDocument(**pair) for pair in pairs.head(most).collect().iter_rows(named=True)],
            **kinds,
        )
