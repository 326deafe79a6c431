"""The pin: FUTURE_SKILLS_MODEL_VERSION and FUTURE_SKILLS_MODEL_PATH, as the written registry has them in the settings.

The rows stay the one truth. A pin that has changed becomes a deployment when the server starts (``services.apply_pin``); one
that was refused is said, and tried again at each start until somebody deploys. A pin that was heeded says nothing more: it
does not undo a rollback. Never a write.
"""

from dataclasses import dataclass
from typing import Self

from django.conf import settings

from apps.registry.models import Deployment, ModelVersion, PinSighting
from apps.registry.selectors import find_version
from apps.registry.store import check_everywhere
from future_skills.errors import (
    ArtifactHashMismatchError,
    ArtifactMissingError,
    StorageError,
    UsageError,
    VersionNotFoundError,
    translatable,
)
from future_skills.files import sha256_of_file


@dataclass(frozen=True, slots=True)
class Pin:
    """What the settings pin; either may be empty.

    Attributes:
        version: name of a registered version.
        path: of its ``.pkl``, relative to the checkout.
    """

    version: str
    path: str

    @classmethod
    def of_settings(cls) -> Self:
        """As they are now."""
        return cls(settings.FUTURE_SKILLS_MODEL_VERSION, str(settings.FUTURE_SKILLS_MODEL_PATH))

    def __str__(self) -> str:
        return " ".join(filter(None, (self.version, self.path)))[:600]

    def find(self) -> ModelVersion:
        """The version that is pinned, once its files were found right; the path and the name must agree.

        Raises:
            VersionNotFoundError: no version is registered under that name, or has that file.
            UsageError: the file is that of another version, or of several.
            ArtifactError: a file is absent, or was changed.
            StorageError: the file cannot be read.
        """
        version = find_version(self.version) if self.version else None
        if self.path:
            version = self._owner(version)
        if version is None:
            raise UsageError(translatable("The settings pin nothing."))
        check_everywhere(version, dataset=False)
        return version

    def _owner(self, named: ModelVersion | None) -> ModelVersion:
        """The version whose model is the file at ``path``."""
        path = settings.BASE_DIR / self.path
        try:
            sha256 = sha256_of_file(path)
        except FileNotFoundError as error:
            raise ArtifactMissingError(path=str(path)) from error
        except OSError as error:
            raise StorageError.of(error) from error
        if named is not None and named.model_sha256 == sha256:
            return named
        owners = list(ModelVersion.objects.filter(model_sha256=sha256).order_by("id")[:2])
        if named is not None and not owners:
            raise ArtifactHashMismatchError(path=str(path), expected=named.model_sha256, actual=sha256)
        if named is not None:
            raise UsageError(
                translatable(
                    "FUTURE_SKILLS_MODEL_PATH is the model of {owner}, and FUTURE_SKILLS_MODEL_VERSION is {version}."
                ),
                hint=translatable("Make them agree, or set one of the two alone."),
                owner=owners[0].name,
                version=named.name,
            )
        if not owners:
            raise VersionNotFoundError(
                translatable("{path} is the model of no registered version."),
                hint=translatable("Register it: manage.py registry register {path}."),
                path=str(path),
            )
        if len(owners) > 1:
            raise UsageError(
                translatable("{path} is the model of several versions ({names})."),
                hint=translatable("Say which one with FUTURE_SKILLS_MODEL_VERSION."),
                path=str(path),
                names=", ".join(owner.name for owner in owners),
            )
        return owners[0]


def is_due(pin: Pin) -> bool:
    """Whether a pin is still to be heeded: it has changed, or was refused and nobody has deployed anything since."""
    last = PinSighting.objects.first()
    if last is None or last.pinned != str(pin):
        return str(pin) != (last.pinned if last else "")
    return bool(last.refusal) and not Deployment.objects.filter(started_at__gt=last.seen_at).exists()
