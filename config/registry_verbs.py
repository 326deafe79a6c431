"""What the ``ml/`` scripts may ask of the registry; importing it sets Django up (see ``config.bench``)."""

from contextlib import ExitStack
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402 — Django must be set up first
from django.utils import translation  # noqa: E402

from apps.accounts.actors import Actor, command_actor  # noqa: E402
from apps.accounts.rights import Right, require  # noqa: E402
from apps.registry.models import ModelVersion  # noqa: E402
from apps.registry.selectors import find_version, newest_version_name  # noqa: E402
from apps.registry.services.datasets import register_dataset_file  # noqa: E402
from apps.registry.services.engines import measure_version_engine  # noqa: E402
from apps.registry.services.versions import register_version, require_new_version  # noqa: E402
from apps.registry.store import open_version  # noqa: E402
from future_skills.artifact import LoadedVersion, VersionPaths, remove_version  # noqa: E402
from future_skills.dataset import Dataset  # noqa: E402

__all__ = [
    "Right",
    "command_actor",
    "find_version",
    "loaded_versions",
    "newest_version_name",
    "register_trained",
    "require",
    "require_new_version",
    "translate",
]

translation.activate(settings.LANGUAGE_CODE)


def translate(message: str) -> str:
    """The message in the language of this installation."""
    return translation.gettext(message)


def loaded_versions(names: list[str] | None = None) -> list[LoadedVersion]:
    """Registered versions, checked and opened; all those not retracted by default, oldest first.

    Raises:
        VersionNotFoundError: no such version.
        ArtifactError: a file is absent or was changed, nobody vouches for it, or it cannot be opened here.
    """
    if names:
        versions = [find_version(name) for name in names]
    else:
        versions = list(ModelVersion.objects.filter(retraction__isnull=True).order_by("trained_at", "id"))
    return [open_version(version) for version in versions]


def register_trained(*, actor: Actor, model: Path, dataset_file: Path, dataset: Dataset) -> ModelVersion:
    """Register the dataset, then the version trained on it; a refusal takes the version's files away again.

    Its engine is measured last.
    """
    with ExitStack() as undo:
        undo.callback(remove_version, VersionPaths.of(model))
        register_dataset_file(actor=actor, path=dataset_file, dataset=dataset)
        version = register_version(actor=actor, path=model)
        undo.pop_all()
    measure_version_engine(actor=actor, version=version.name)
    return version
