"""Reads of campaigns. Never a write."""

from datetime import timedelta
from typing import Final

import polars as pl
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from apps.registry.store import campaign_path
from apps.serving.campaigns.models import Campaign, CampaignCell
from future_skills.errors import CampaignNotFoundError, CampaignUnfinishedError

GRACE: Final = timedelta(minutes=1)
"""How long a campaign that was asked for is left to the queue."""

OTHERS: Final = 50
"""Campaigns offered for a comparison."""

COUNTS: Final = ("low", "medium", "high", "high_now", "rising", "abstained")
"""What cells count besides their pairs."""


def find_campaign(key: int) -> Campaign:
    """The campaign of that number.

    Raises:
        CampaignNotFoundError: there is none.
    """
    campaign = Campaign.objects.select_related("deployment").filter(pk=key).first()
    if campaign is None:
        raise CampaignNotFoundError(campaign=key)
    return campaign


def campaigns() -> QuerySet[Campaign]:
    """Every campaign, newest first, with the sums of its cells (null where it has no result)."""
    return Campaign.objects.annotate(**{f"all_{name}": Sum(f"cells__{name}") for name in COUNTS}).order_by("-id")


def counts_of(campaign: Campaign) -> dict[str, int]:
    """The pairs of a campaign, counted (``COUNTS``); zeros where it has no result."""
    sums = campaign.cells.aggregate(**{name: Sum(name) for name in COUNTS})
    return {name: count or 0 for name, count in sums.items()}


def left_behind() -> list[Campaign]:
    """The campaigns that are under way and no longer left to the queue, oldest first; their leases say who works on them."""
    out_of_queue = Q(started_at__isnull=False) | Q(requested_at__lt=timezone.now() - GRACE)
    return list(Campaign.objects.filter(out_of_queue, finished_at=None, failed_at=None).order_by("id"))


def result_of(campaign: Campaign) -> pl.LazyFrame:
    """The result of a finished campaign; only what is asked of it is read.

    Raises:
        CampaignUnfinishedError: it is not finished.
        ArtifactError: the file is gone, or was changed.
    """
    if campaign.finished_at is None:
        raise CampaignUnfinishedError(campaign=campaign.pk, state=str(campaign.state))
    return pl.scan_parquet(campaign_path(campaign.result_sha256))


def campaign_before(campaign: Campaign) -> Campaign | None:
    """The last campaign that was finished before another one was asked for."""
    return (
        Campaign.objects.filter(finished_at__isnull=False, pk__lt=campaign.pk)
        .select_related("deployment")
        .order_by("-pk")
        .first()
    )


def finished_beside(campaign: Campaign) -> list[Campaign]:
    """The newest other campaigns that are finished."""
    return list(Campaign.objects.filter(finished_at__isnull=False).exclude(pk=campaign.pk).order_by("-pk")[:OTHERS])


def cells_by_place(campaign: Campaign | None) -> dict[tuple[str, str], CampaignCell]:
    """Department and category -> cell; empty for no campaign."""
    cells = CampaignCell.objects.filter(campaign=campaign) if campaign else CampaignCell.objects.none()
    return {(cell.department, cell.category): cell for cell in cells}
