"""MODEL_REGISTRY.md: rendered whole from the rows, at every change."""

import logging
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from apps.registry.models import ModelVersion
from apps.registry.selectors import all_versions
from future_skills.files import written_whole
from future_skills.registry_page import HistoryLine, VersionDetails, registry_page

DETAILED_VERSIONS = 30
"""Versions described one by one; the history table has them all."""

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
    versions = ModelVersion.objects.order_by("-trained_at", "-id")
    details = [
        VersionDetails(
            manifest=version.words,
            registered_by=version.registered_by,
            registered_at=version.registered_at,
            notes=tuple((note.created_at, note.created_by, note.text) for note in version.notes.all()),
            retracted=version.retraction.reason if hasattr(version, "retraction") else None,
        )
        for version in versions.select_related("retraction").prefetch_related("notes")[:DETAILED_VERSIONS]
    ]
    return registry_page(history=history, details=details, updated_at=_last_change())


def _last_change() -> datetime:
    """When something was registered, noted or retracted last; now where nothing was yet."""
    moments = ModelVersion.objects.aggregate(
        Max("registered_at"), Max("notes__created_at"), Max("retraction__created_at")
    ).values()
    return timezone.localtime(max((moment for moment in moments if moment), default=timezone.now()))


def render_registry_page() -> Path:
    """Write the page, whole.

    Raises:
        OSError: the folder cannot be written.
    """
    path = registry_page_path()
    written, text = "", registry_page_text()
    while written != text:  # another process may commit, and write its page, while this one is written
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        written, text = text, registry_page_text()
    return path


def render_after_commit() -> None:
    """Write the page once the act is committed; a read-only disk never fails the act itself."""

    def render() -> None:
        try:
            render_registry_page()
        except OSError as error:
            logger.warning("MODEL_REGISTRY.md could not be written: %s", error)

    transaction.on_commit(render)
