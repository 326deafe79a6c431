"""What monitoring knows of a version, for a page of an earlier room that only says where it stands."""

from typing import Any

from django import template

from apps.monitoring.pages import changes_sentence
from apps.monitoring.selectors import request_of
from apps.registry.models import ModelVersion

register = template.Library()


@register.inclusion_tag("monitoring/_beside_version.html")
def retraining_of(version: ModelVersion) -> dict[str, Any]:
    """The request that made a version, and what the version would have changed; nothing for any other version."""
    found = request_of(version)
    changes = found.changes if found else None
    return {"found": found, "changes": changes, "sentence": changes_sentence(changes) if changes else ""}
