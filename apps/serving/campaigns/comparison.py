"""Two campaigns compared: what changed and why. Never a write of a row; what was found is kept in CACHE_DIR.

Both results are files that never change, and so is what tells them apart: it is found once, and read from then on.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from django.conf import settings

from apps.registry.models import ModelVersion
from apps.serving.campaigns.models import Campaign
from apps.serving.campaigns.selectors import result_of
from apps.serving.reader import open_predictor
from future_skills.campaign_changes import PARTS, Reader, told_apart, with_reasons
from future_skills.errors import UsageError, translatable
from future_skills.files import written_whole


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is different in a later campaign.

    Attributes:
        before: the earlier campaign.
        after: the later one.
        changes: see ``campaign_changes.with_reasons``.
    """

    before: Campaign
    after: Campaign
    changes: pl.LazyFrame

    @property
    def same_version(self) -> bool:
        """Whether one version made both."""
        return _version(self.before).manifest_sha256 == _version(self.after).manifest_sha256

    def counted(self) -> pl.DataFrame:
        """Pairs by kind, levels and reason, the most numerous first.

        Returns:
            ``kind, level_before, level_after, reason`` (null where there is none), ``pairs``.
        """
        by = "kind", "level_before", "level_after", "reason"
        return (
            self.changes.group_by(by)
            .agg(pl.len().alias("pairs"))
            .sort(["pairs", *by], descending=[True, *[False] * 4])
            .collect()
        )


def compare(before: Campaign, after: Campaign) -> Comparison:
    """Tell two campaigns apart. Seconds the first time where versions have to score changed pairs again.

    Args:
        before: a finished campaign.
        after: another one.

    Raises:
        UsageError: they are the same.
        CampaignUnfinishedError: one is not finished.
        ArtifactError: a result or a version cannot be trusted, or cannot be opened here.
    """
    if before.pk == after.pk:
        raise UsageError(translatable("Campaign {campaign} is not compared with itself."), campaign=before.pk)
    earlier, later = result_of(before), result_of(after)
    kept = _place(before, after)
    if not kept.exists():
        with written_whole(kept) as temporary:
            _told(before, after, earlier, later).write_parquet(temporary)
    return Comparison(before, after, pl.scan_parquet(kept))


def _told(before: Campaign, after: Campaign, earlier: pl.LazyFrame, later: pl.LazyFrame) -> pl.DataFrame:
    changes = told_apart(earlier, later)
    if not (changes["kind"] == "changed").any():  # nothing to explain, and no version to open
        unknown: list[Any] = [pl.lit(None, dtype=pl.Float64).alias(part) for part in PARTS]
        return changes.with_columns(*unknown, pl.lit(None, dtype=pl.String).alias("reason"))
    first, last = _version(before), _version(after)
    same = first.manifest_sha256 == last.manifest_sha256
    return with_reasons(changes, earlier, later, earlier=_reader(first), later=None if same else _reader(last))


def _reader(version: ModelVersion) -> Reader:
    predictor = open_predictor(version)
    return Reader(predictor.columns, lambda rows: predictor.predict(rows).to_frame()["score"])


def _version(campaign: Campaign) -> ModelVersion:
    return campaign.deployment.version


def _place(before: Campaign, after: Campaign) -> Path:
    """Named by everything that it follows from."""
    hashes = (
        before.result_sha256,
        after.result_sha256,
        _version(before).manifest_sha256,
        _version(after).manifest_sha256,
    )
    return Path(settings.CACHE_DIR) / "campaigns" / f"{'-'.join(sha256[:24] for sha256 in hashes)}.parquet"
