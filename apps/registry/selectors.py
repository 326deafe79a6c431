"""Reads that cross tables. Never a write."""

from apps.registry.models import ModelVersion
from future_skills.errors import VersionNotFoundError


def find_version(name: str) -> ModelVersion:
    """The registered version of that name.

    Raises:
        VersionNotFoundError: there is none; the message lists the newest ones.
    """
    version = ModelVersion.objects.select_related("dataset", "parent", "retraction").filter(name=name).first()
    if version is None:
        newest = ModelVersion.objects.order_by("-id").values_list("name", flat=True)[:20]
        raise VersionNotFoundError(version=name[:80], known=", ".join(newest) or "—")
    return version
