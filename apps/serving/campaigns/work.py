"""Scoring a campaign: a lease in its row, chunks in its folder, one file in the artifact store at the end.

    CAMPAIGNS_DIR/<work>/lock             held by whoever works on it, on this machine
    CAMPAIGNS_DIR/<work>/inputs/          the pairs as they were known when the campaign began, chunk by chunk
    CAMPAIGNS_DIR/<work>/00000.parquet    the first chunk, scored; then the next …

Every file is written whole. So whoever takes up a campaign whose worker died goes on behind the last chunk that is there, reads
the same facts as the dead one, and asks the same version: the result is the same to the last byte. Two processes never work on
one campaign (see ``apps.serving.leases``).
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import polars as pl
from django.conf import settings
from django.db import DatabaseError, transaction

from apps.accounts.actors import Actor
from apps.audit.services import record
from apps.registry.live import open_suspension
from apps.registry.store import keep_campaign, version_paths
from apps.registry.words import moment
from apps.serving.campaigns.facts import pairs_at
from apps.serving.campaigns.models import Campaign, CampaignCell, RisingPair
from apps.serving.campaigns.selectors import find_campaign
from apps.serving.leases import Lease, Leases
from apps.serving.reader import open_predictor
from apps.workforce.selectors import newest_event
from future_skills import schema
from future_skills.abstention import Abstention, parse_answer_policy
from future_skills.campaign_results import cells_of, result_of, watch_list_of
from future_skills.errors import (
    CampaignBusyError,
    CampaignError,
    CampaignGivenUpError,
    DefectError,
    FutureSkillsError,
    ModelSuspendedError,
)
from future_skills.files import folder_written_whole, sha256_of_file, written_whole
from future_skills.history import HISTORY_FEATURES

LEASE: Final = timedelta(minutes=10)
"""How long a process may be silent before another machine takes its campaign over."""

ROW_GROUP: Final = 25_000
"""Rows of a result that are read together: a department's category is a few of them, and they say what they hold."""

Report = Callable[[Campaign], None]


def work_on(key: int, *, on_progress: Report | None = None) -> Campaign:
    """Take a campaign up and bring it to its end. One that is over already is left as it is.

    What the disk or the database refuses is kept in the row, and it is tried again later; so it is where predictions are
    suspended meanwhile. Any other refusal ends the campaign.

    Args:
        key: of the campaign.
        on_progress: called when it is taken up, when its pairs are known, and after each chunk.

    Raises:
        CampaignNotFoundError: there is none.
        CampaignBusyError: another process works on it.
        ModelSuspendedError: predictions are suspended.
        FutureSkillsError, OSError, DatabaseError: what stopped it.
    """
    campaign = find_campaign(key)
    folder = folder_of(campaign)
    if campaign.over:
        shutil.rmtree(folder, ignore_errors=True)  # its worker may have died before it did
        return campaign
    with CAMPAIGNS.taken(campaign) as lease:
        if lease is None:  # over by now
            return campaign
        try:
            _scored(lease, folder, on_progress or (lambda _campaign: None))
        except (KeyboardInterrupt, SystemExit, ModelSuspendedError):
            lease.give_back(attempts=0)
            raise
        except CampaignError:
            raise
        except (OSError, DatabaseError, pl.exceptions.PolarsError) as error:
            lease.postpone(error)
            raise
        except FutureSkillsError as error:
            lease.fail(error)
            raise
        except Exception as error:
            lease.fail(DefectError.of(error))
            raise
        shutil.rmtree(folder)
        return campaign


def clear_up() -> None:
    """Remove the folders of campaigns that are over: their workers died before they did, or they failed."""
    left = {path.name: path for path in Path(settings.CAMPAIGNS_DIR).glob("*-*-*-*-*")}
    ours = Campaign.objects.filter(work__in=left).values_list("work", "finished_at", "failed_at")
    for work, finished_at, failed_at in ours if left else ():
        if finished_at or failed_at:
            shutil.rmtree(left[str(work)], ignore_errors=True)


def folder_of(campaign: Campaign) -> Path:
    """Where it is worked on."""
    return Path(settings.CAMPAIGNS_DIR) / str(campaign.work)


CAMPAIGNS: Final = Leases("campaign", folder_of, LEASE, CampaignBusyError, CampaignGivenUpError)
"""Who works on which."""


# --- Scoring --------------------------------------------------------------------------------------------------------------
def _scored(lease: Lease[Campaign], folder: Path, report: Report) -> None:
    """Everything that is left to do."""
    report(lease.row)
    _require_answering()
    version = lease.row.deployment.version
    size = lease.row.chunk_rows
    inputs = folder / "inputs"
    if not inputs.exists():
        lease.renew(facts_event=newest_event())
        with_history = not set(HISTORY_FEATURES).isdisjoint(version.words.features.columns)
        with folder_written_whole(inputs) as temporary:
            for number, rows in enumerate(pairs_at(lease.row.period, with_history=with_history, size=size)):
                rows.write_parquet(temporary / f"{number:05}.parquet", compression="lz4", statistics=False)
    # opened now, when the facts have left the memory
    predictor = open_predictor(version)
    abstention = Abstention.of(version.words, version_paths(version), parse_answer_policy(lease.row.policy))
    taken = sorted(inputs.iterdir())
    pairs: int = pl.scan_parquet(taken).select(pl.len()).collect().item()
    chunks = [folder / path.name for path in taken]
    lease.renew(pairs=pairs, chunks_done=sum(chunk.exists() for chunk in chunks))
    report(lease.row)
    for number, chunk in enumerate(chunks):
        if not chunk.exists():
            _require_answering()
            rows = pl.read_parquet(taken[number])
            answers = predictor.predict(rows).to_frame()
            with written_whole(chunk) as temporary:
                result_of(rows, answers, abstention.flags(rows, answers)).write_parquet(temporary, compression="lz4")
            lease.renew(chunks_done=number + 1, attempts=0, problem=None)
            report(lease.row)
    _kept(lease, folder, chunks)


def _require_answering() -> None:
    """Refuse to go on while predictions are suspended."""
    suspension = open_suspension()
    if suspension is not None:
        since = moment(suspension.started_at)
        raise ModelSuspendedError(reason=suspension.reason, name=suspension.started_by, since=since)


def _kept(lease: Lease[Campaign], folder: Path, chunks: list[Path]) -> None:
    """The chunks as one file in the store, and what is read of it at a glance in rows."""
    whole = folder / "result.parquet"
    with written_whole(whole) as temporary:
        pl.scan_parquet(chunks).sink_parquet(temporary, row_group_size=ROW_GROUP)
    sha256 = sha256_of_file(whole)
    lease.renew()
    keep_campaign(whole, sha256=sha256)
    result = pl.scan_parquet(whole)
    cells, rising = cells_of(result), watch_list_of(result)
    with transaction.atomic():
        lease.finish(result_sha256=sha256, result_bytes=whole.stat().st_size)
        campaign = lease.row
        CampaignCell.objects.bulk_create(_cells(campaign, cells), batch_size=500)
        RisingPair.objects.bulk_create(_rising(campaign, rising), batch_size=500)
        record(
            actor=Actor(campaign.requester, campaign.requester_source),  # type: ignore[arg-type]
            action="serving.complete_campaign",
            object_type="campaign",
            object_id=str(campaign.pk),
            details={
                "version": campaign.version,
                "period": campaign.period,
                "pairs": campaign.pairs,
                "levels": {level: int(cells[level.lower()].sum()) for level in schema.LEVELS},
                "abstained": int(cells["abstained"].sum()),
                "facts_event": campaign.facts_event,
                "sha256": sha256,
            },
        )


def _cells(campaign: Campaign, cells: pl.DataFrame) -> Iterator[CampaignCell]:
    names = {schema.DEPARTMENT: "department", schema.CATEGORY: "category"}
    return (CampaignCell(campaign=campaign, **cell) for cell in cells.rename(names).iter_rows(named=True))


def _rising(campaign: Campaign, rising: pl.DataFrame) -> Iterator[RisingPair]:
    names = {
        schema.DEPARTMENT: "department",
        schema.CATEGORY: "category",
        schema.ROLE: "role",
        schema.SKILL: "skill",
        schema.CURRENT_LEVEL: "current_level",
    }
    kept = [field.name for field in RisingPair._meta.concrete_fields if field.name not in {"id", "campaign"}]
    return (RisingPair(campaign=campaign, **pair) for pair in rising.rename(names).select(kept).iter_rows(named=True))
