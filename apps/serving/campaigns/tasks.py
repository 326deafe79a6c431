"""Campaigns as background tasks, and what takes up those that a dead worker left."""

from collections.abc import Iterator

from django_tasks import task

from apps.registry.live import open_suspension
from apps.serving.campaigns.selectors import left_behind
from apps.serving.campaigns.work import CAMPAIGNS, Report, clear_up, work_on
from future_skills.errors import CampaignBusyError, FutureSkillsError


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
    if open_suspension() is None:
        yield from CAMPAIGNS.take_up(left_behind(), lambda key: work_on(key, on_progress=on_progress))
