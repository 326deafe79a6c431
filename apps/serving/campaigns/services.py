"""The verbs of campaigns: start one; score the rows of a file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.db import transaction
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record, turn
from apps.registry.live import live_deployment, open_suspension
from apps.registry.models import Deployment
from apps.registry.selectors import find_version
from apps.registry.standing import stages_of
from apps.registry.words import moment
from apps.serving.campaigns.facts import campaign_period
from apps.serving.campaigns.models import Campaign, State
from apps.serving.campaigns.tasks import run_campaign
from apps.serving.overrides.selectors import OVERRIDES
from apps.serving.reader import abstention_of, open_predictor
from future_skills import scoring
from future_skills.abstention import default_answer_policy
from future_skills.errors import ModelSuspendedError, NothingLiveError, UsageError, translatable
from future_skills.files import sha256_of_file
from future_skills.lifecycle import Act, require_allowed
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
        deployment = _answering()
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


def _answering() -> Deployment:
    """What answers predictions now.

    Raises:
        NothingLiveError, ModelSuspendedError: nothing does.
    """
    deployment, suspension = live_deployment(), open_suspension()
    if deployment is None:
        raise NothingLiveError
    if suspension is not None:
        since = moment(suspension.started_at)
        raise ModelSuspendedError(reason=suspension.reason, name=suspension.started_by, since=since)
    return deployment


@dataclass(frozen=True, slots=True)
class ScoredFile:
    """A file that was scored.

    Attributes:
        version: name of the version that did.
        deployment: for which it answered; None: it was only tried.
        scored: what was written.
    """

    version: str
    deployment: int | None
    scored: scoring.Scored


@verb(Right.RUN_CAMPAIGNS)
def score_file(
    *,
    actor: Actor,
    source: str,
    target: str,
    version: str | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ScoredFile:
    """Score the rows of a file by the version that is live, or try another one on them.

    The file holds everything that the version reads: nothing is taken from the rows of the database, and no row of it is in
    the prediction log; the audit log says that it was scored.

    Args:
        actor: who asks.
        source: see ``future_skills.scoring.score_file``.
        target: likewise.
        version: the version to try; every row then says that it is a trial. None: the one that is live.
        on_progress: called with the rows scored so far.

    Raises:
        NothingLiveError, ModelSuspendedError: nothing answers predictions.
        VersionNotFoundError, NotAllowedError: there is no such version, or it was retracted.
        ArtifactError: it cannot be trusted, or cannot be opened here.
        FutureSkillsError: see ``future_skills.scoring.score_file``.
    """
    deployment = None
    if version is None:
        deployment = _answering()
        found = deployment.version
    else:
        found = find_version(version)
        require_allowed(Act.TRY, stages_of([found.pk])[found.pk], version=found.name)
    scored = scoring.score_file(
        source,
        target,
        predictor=open_predictor(found),
        abstention=abstention_of(found),
        deployment=deployment.pk if deployment else None,
        overrides=OVERRIDES.now().frame(),
        on_progress=on_progress,
    )
    with transaction.atomic():
        record(
            actor=actor,
            action="serving.score_file",
            object_type="version",
            object_id=found.name,
            details={
                "source": source,
                "target": target,
                "sha256": sha256_of_file(Path(target)) if "://" not in target else "",
                "deployment": deployment.pk if deployment else None,
                "trial": deployment is None,
                "rows": scored.rows,
                "levels": dict(scored.levels),
                "abstained": scored.abstained,
            },
        )
    return ScoredFile(found.name, deployment.pk if deployment else None, scored)
