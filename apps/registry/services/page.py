"""MODEL_REGISTRY.md: rendered whole from the rows, at every change."""

import logging
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.registry.live import open_suspension, timeline
from apps.registry.models import (
    Approval,
    ApprovalWithdrawal,
    Deployment,
    GateOverride,
    GatePolicyChoice,
    GateReport,
    ModelVersion,
    Retraction,
    Suspension,
    ValidationSample,
    VersionNote,
    WatchSummary,
    WorksCouncilRecord,
)
from apps.registry.selectors import all_versions
from apps.registry.standing import briefs_of
from future_skills.files import written_whole
from future_skills.gates import Verdict
from future_skills.registry_page import (
    Decision,
    HistoryLine,
    Production,
    Promotion,
    Served,
    VersionDetails,
    Watched,
    registry_page,
)

DETAILED_VERSIONS = 30
"""Versions described one by one; the history table has them all."""

DEPLOYMENTS_SHOWN = 10
"""The last ones; the page of production has them all."""

logger = logging.getLogger(__name__)


def registry_page_path() -> Path:
    """Where the page is written."""
    path: Path = settings.ML_DIR / "MODEL_REGISTRY.md"
    return path


def registry_page_text() -> str:
    """The page, from the rows as they are now."""
    history = [
        HistoryLine(
            version=row.name,
            date=row.trained_at,
            dataset=row.dataset,
            samples=row.rows,
            accuracy=row.accuracy,
            f1_weighted=row.f1_weighted,
            n_estimators=row.n_estimators,
            notes=row.notes,
            test_set=str(row.test),
            retracted=row.retracted,
        )
        for row in all_versions(text="", sort="-date")
    ]
    versions = list(
        ModelVersion.objects.order_by("-trained_at", "-id")
        .select_related("retraction")
        .prefetch_related("notes")[:DETAILED_VERSIONS]
    )
    promotions, council = _promotions([version.pk for version in versions])
    details = [
        VersionDetails(
            manifest=version.words,
            registered_by=version.registered_by,
            registered_at=version.registered_at,
            notes=tuple((note.created_at, note.created_by, note.text) for note in version.notes.all()),
            retracted=version.retraction.reason if hasattr(version, "retraction") else None,
            promotion=promotions[version.pk],
        )
        for version in versions
    ]
    updated_at, updated_by = _last_change()
    return registry_page(
        history=history,
        details=details,
        production=_production(council),
        updated_at=updated_at,
        updated_by=updated_by,
        watched=_watched(),
    )


def _promotions(versions: list[int]) -> tuple[dict[int, Promotion], WorksCouncilRecord | None]:
    """Where each version stands, by key; and what was done with the works council for the system as a whole."""
    records: dict[int | None, WorksCouncilRecord] = {}
    for record in WorksCouncilRecord.objects.filter(Q(version=None) | Q(version__in=versions)).order_by("id"):
        records[record.version_id] = record
    found = {}
    for key, brief in briefs_of(versions).items():
        report, council = brief.report or brief.outdated, records.get(key)
        found[key] = Promotion(
            stage=brief.stage,
            verdict=Verdict(report.verdict) if report else None,
            report=(report.sha256, report.created_at, report.created_by) if report else None,
            outdated=brief.outdated is not None,
            decisions=tuple(
                Decision(one.team, one.decision, one.created_by, one.created_at, one.comment)
                for one in brief.decisions.values()
            ),
            lifted=(brief.override.created_by, brief.override.expires_at) if brief.override else None,
            council=council.state if council else None,
        )
    return found, records.get(None)


def _watched() -> Watched | None:
    """What monitoring said last."""
    told = WatchSummary.objects.first()
    if told is None:
        return None
    return Watched(timezone.localtime(told.created_at), told.version, told.window, told.known, tuple(told.alerts))


def _production(council: WorksCouncilRecord | None) -> Production:
    suspension = open_suspension()
    return Production(
        served=tuple(
            Served(one.version.name, one.started_at, one.ended_at, one.started_by, one.kind, one.reason)
            for one in timeline()[:DEPLOYMENTS_SHOWN]
        ),
        suspended=(suspension.started_at, suspension.started_by, suspension.reason) if suspension else None,
        council=(council.state, council.held_on) if council else None,
    )


_FACTS: Final = (
    (ModelVersion, "registered_at", "registered_by"),
    (VersionNote, "created_at", "created_by"),
    (Retraction, "created_at", "created_by"),
    (GateReport, "created_at", "created_by"),
    (GateOverride, "created_at", "created_by"),
    (Approval, "created_at", "created_by"),
    (ApprovalWithdrawal, "created_at", "created_by"),
    (Deployment, "started_at", "started_by"),
    (Suspension, "started_at", "started_by"),
    (Suspension, "ended_at", "ended_by"),
    (WorksCouncilRecord, "created_at", "created_by"),
    (GatePolicyChoice, "created_at", "created_by"),
    (WatchSummary, "created_at", "created_by"),
)
"""Everything that changes the page, with the columns that say when and by whom; the newest row has the highest key."""


def _newest_facts() -> list[tuple[Any, ...] | None]:
    """The newest of each; they are the same as before where nothing that the page says has changed meanwhile."""
    return [
        *(model.objects.order_by("-pk").values_list(at, by).first() for model, at, by in _FACTS),
        ValidationSample.objects.order_by(F("completed_at").desc(nulls_last=True)).values_list("result_sha256").first(),
    ]


def _last_change() -> tuple[datetime, str]:
    """When the registry changed last, and by whom; now, and by nobody, where nothing was registered yet."""
    *newest, _sample = _newest_facts()
    changes = [(moment, name) for moment, name in filter(None, newest) if moment is not None]
    moment, name = max(changes, default=(timezone.now(), ""))
    return timezone.localtime(moment), name


def render_registry_page() -> Path:
    """Write the page, whole.

    Raises:
        OSError: the folder cannot be written.
    """
    path, written = registry_page_path(), None
    while written != (newest := _newest_facts()):  # another process may commit, and write its page, meanwhile
        with written_whole(path) as temporary:
            temporary.write_text(registry_page_text(), encoding="utf-8")
        written = newest
    return path


def render_after_commit() -> None:
    """Write the page once the act is committed; a read-only disk never fails the act itself."""

    def render() -> None:
        try:
            render_registry_page()
        except OSError as error:
            logger.warning("MODEL_REGISTRY.md could not be written: %s", error)

    transaction.on_commit(render)
