"""The four steps of the written troubleshooting, on registered versions."""

from typing import TYPE_CHECKING

import future_skills  # scikit-learn is loaded when a diagnosis is asked for, not by every command
from apps.registry.models import ModelVersion
from apps.registry.selectors import find_version
from apps.registry.store import version_rows

if TYPE_CHECKING:
    from future_skills.diagnosis import Diagnosis

EARLIER_VERSIONS = 10
"""Earlier versions that are candidates to go back to: the newest ten."""


def diagnose_version(name: str) -> "Diagnosis":
    """Diagnose a version beside the ten registered before it that were not retracted.

    Raises:
        VersionNotFoundError: no such version.
        ArtifactError: a file is absent or was changed, or nobody vouches for it.
    """
    version = find_version(name)
    earlier = (
        ModelVersion.objects.filter(retraction__isnull=True, trained_at__lt=version.trained_at)
        .exclude(pk=version.pk)
        .order_by("-trained_at")[:EARLIER_VERSIONS]
    )
    return future_skills.diagnose(
        (version.words, version_rows(version)),
        [(other.words, version_rows(other)) for other in earlier],
        parent=version.parent.words if version.parent else None,
    )
