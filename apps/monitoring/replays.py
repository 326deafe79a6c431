"""The track record that was made last, and how one is told: what was announced at each past period, and what happened."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from apps.monitoring.models import Replay
from apps.registry.documents import Document
from future_skills.replay import TrackRecord


def newest_replay() -> Replay | None:
    """The newest track record that is whole; None where none was ever made."""
    return Replay.objects.select_related("version").filter(finished_at__isnull=False).order_by("-pk").first()


def track_record_of(found: Replay) -> TrackRecord:
    """A whole track record as typed objects."""
    return TrackRecord.model_validate(found.content)


class ReplayDocument(Document):
    """A track record in JSON."""

    replay: int
    model_version: str
    recipe: dict[str, Any] = Field(description="what was trained at each period")
    made_at: datetime
    made_by: str
    facts_event: int = Field(description="number of the newest event of the audit log when it was begun")
    record: dict[str, Any] = Field(description="period after period: what was announced, and what happened")

    @classmethod
    def of(cls, found: Replay) -> Self:
        """From the row."""
        return cls(
            replay=found.pk,
            model_version=found.version.name,
            recipe=found.recipe,
            made_at=found.finished_at or found.made_at,
            made_by=found.made_by,
            facts_event=found.facts_event,
            record=found.content,
        )
