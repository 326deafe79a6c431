"""The verb of campaigns: start one."""

from dataclasses import dataclass
from typing import Final

from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record, turn
from apps.registry.live import live_deployment, open_suspension
from apps.registry.words import moment
from apps.serving.campaigns.facts import campaign_period
from apps.serving.campaigns.models import Campaign, State
from apps.serving.campaigns.tasks import run_campaign
from future_skills.abstention import default_answer_policy
from future_skills.errors import ModelSuspendedError, NothingLiveError, UsageError, translatable
from future_skills.text import require_text

CHUNK_ROWS: Final = 50_000
"""Pairs scored between two checkpoints: a second or two of work, a few megabytes of memory."""

LONGEST_LABEL: Final = 100


@dataclass(frozen=True, slots=True)
class Started:
    """A campaign that was asked for.

    Attributes:
        campaign: its row.
        is_new: False where the same campaign was under way already, and goes on.
    """

    campaign: Campaign
    is_new: bool


@verb(Right.RUN_CAMPAIGNS)
def start_campaign(
    *, actor: Actor, period: str | None = None, label: str = "", enqueue: bool = True, chunk_rows: int = CHUNK_ROWS
) -> Started:
    """Ask for every pair of a period to be scored by the version that is live now, whatever is deployed meanwhile.

    A campaign of the same period, deployment and label that is under way is not begun a second time.

    Args:
        actor: who asks.
        period: of the snapshots, YYYY-MM; None: the latest one.
        label: what people call it.
        enqueue: whether a worker is to do it; else whoever calls does (``work.work_on``).
        chunk_rows: pairs scored between two checkpoints.

    Raises:
        NothingLiveError, ModelSuspendedError: nothing answers predictions.
        UsageError: no facts of that period, or a label that is too long.
    """
    label = require_text(label)
    if len(label) > LONGEST_LABEL or "\n" in label:
        raise UsageError(translatable("A label is one line of {most} characters at most."), most=LONGEST_LABEL)
    with turn():
        deployment, suspension = live_deployment(), open_suspension()
        if deployment is None:
            raise NothingLiveError
        if suspension is not None:
            since = moment(suspension.started_at)
            raise ModelSuspendedError(reason=suspension.reason, name=suspension.started_by, since=since)
        asked = {"period": campaign_period(period), "deployment": deployment, "label": label}
        campaign = Campaign.objects.filter(**asked, finished_at=None, failed_at=None).first()
        if campaign is not None:
            if enqueue and campaign.state is State.INTERRUPTED:
                run_campaign.enqueue(campaign.pk)
            return Started(campaign, is_new=False)
        campaign = Campaign.objects.create(
            **asked,
            version=deployment.version.name,
            policy=default_answer_policy().model_dump(mode="json"),
            requested_at=timezone.now(),
            requester=actor.name,
            requester_source=actor.source,
            chunk_rows=chunk_rows,
        )
        record(
            actor=actor,
            action="serving.start_campaign",
            object_type="campaign",
            object_id=str(campaign.pk),
            details={
                "label": label,
                "period": campaign.period,
                "version": campaign.version,
                "deployment": deployment.pk,
                "policy_sha256": default_answer_policy().sha256,
            },
        )
        if enqueue:
            run_campaign.enqueue(campaign.pk)
    return Started(campaign, is_new=True)
