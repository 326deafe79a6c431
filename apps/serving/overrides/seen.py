"""What the person who decides of a prediction had read: a line of the log, or a row of a campaign."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from apps.serving import logged
from apps.serving.campaigns.browse import find_pair
from apps.serving.campaigns.selectors import find_campaign, result_of
from future_skills import schema
from future_skills.errors import UsageError, translatable


@dataclass(frozen=True, slots=True)
class Seen:
    """A prediction that somebody read.

    Attributes:
        version: that had said it.
        predicted: its level.
        prediction: the line of the prediction log; None: ``campaign`` said it.
        campaign: number of the campaign; None: the log has it.
    """

    role: str
    skill: str
    version: str
    predicted: str
    prediction: UUID | None = None
    campaign: int | None = None

    @classmethod
    def named(cls, *, prediction: str | None, campaign: int | None, role: str, skill: str) -> Self:
        """A line of the prediction log; or a pair of a campaign.

        Raises:
            UsageError: nothing is named, or the campaign has no such pair.
            PredictionNotFoundError, CampaignNotFoundError, CampaignUnfinishedError: there is none, or nothing to read in it.
        """
        if prediction:
            line = logged.find_line(prediction)
            return cls(line.role, line.skill, line.version, line.level, prediction=line.pk)
        if campaign is None:
            raise UsageError(
                translatable(
                    "Nothing says which prediction is decided upon: a line of the log, or a pair of a campaign."
                )
            )
        role, skill = (name.strip()[: schema.NAME_MAX_LENGTH] for name in (role, skill))
        found = find_campaign(campaign)
        row = find_pair(result_of(found), role, skill)
        if row is None:
            raise UsageError(
                translatable("Campaign {campaign} has no pair {role} × {skill}."),
                campaign=campaign,
                role=role,
                skill=skill,
            )
        return cls(role, skill, found.version, row["level"], campaign=campaign)
