"""Campaigns as background tasks, and what takes up those that a dead worker left."""

from collections.abc import Iterator
from typing import Final

from django.db import DatabaseError
from django.utils import timezone
from django_tasks import task

from apps.accounts.refusals import storage_refusal
from apps.registry.live import open_suspension
from apps.serving.campaigns.models import Campaign
from apps.serving.campaigns.selectors import left_behind
from apps.serving.campaigns.work import Report, clear_up, is_abandoned_here, work_on
from future_skills.errors import CampaignBusyError, CampaignGivenUpError, FutureSkillsError, keep_refusal

MOST_ATTEMPTS: Final = 5
"""How often a campaign is taken up without getting further before it is given up."""


@task()
def run_campaign(campaign: int) -> None:
    """Bring a campaign to its end, unless somebody does."""
    try:
        work_on(campaign)
    except CampaignBusyError:
        return


def take_up_left_behind(*, on_progress: Report | None = None) -> Iterator[tuple[int, FutureSkillsError | None]]:
    """Go on with every campaign that nobody works on any more, oldest first.

    One that was taken up again and again without getting further is given up. While predictions are suspended, all rest.

    Args:
        on_progress: see ``work.work_on``.

    What campaigns that are over left on the disk is removed besides.

    Yields:
        The key of each campaign that was taken up, and what stopped it; None: it is finished.
    """
    clear_up()
    if open_suspension() is not None:
        return
    for campaign in left_behind():
        if campaign.lease_holder and not (_lapsed(campaign) or is_abandoned_here(campaign)):
            continue
        if campaign.attempts >= MOST_ATTEMPTS:
            refusal = CampaignGivenUpError(campaign=campaign.pk, attempts=campaign.attempts)
            given_up = Campaign.objects.filter(
                pk=campaign.pk, lease_holder=campaign.lease_holder, finished_at=None, failed_at=None
            ).update(lease_holder="", lease_until=None, failed_at=timezone.now(), problem=keep_refusal(refusal))
            if given_up:
                yield campaign.pk, refusal
            continue
        try:
            work_on(campaign.pk, on_progress=on_progress)
        except CampaignBusyError:
            continue
        except FutureSkillsError as error:
            yield campaign.pk, error
        except (OSError, DatabaseError) as error:
            yield campaign.pk, storage_refusal(error)
        else:
            yield campaign.pk, None


def _lapsed(campaign: Campaign) -> bool:
    return campaign.lease_until is None or campaign.lease_until < timezone.now()
