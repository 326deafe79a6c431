"""What answers predictions in this process: the one small cached reader of what is live.

The rows are the truth. A process asks them at most once a second, and no answer is given by what they said more than two
seconds ago: a switch is noticed by every process, without a restart. Requests under way keep the model they began with.
"""

import time
from dataclasses import dataclass
from threading import Lock
from typing import Final, cast

from apps.registry.live import live_deployment, open_suspension
from apps.registry.models import ModelVersion, Suspension
from apps.registry.store import open_version, version_paths
from apps.registry.words import moment
from future_skills.abstention import Abstention
from future_skills.artifact import check_cases
from future_skills.errors import ArtifactError, ModelSuspendedError, NothingLiveError
from future_skills.prediction import Predictor

ASK_EVERY: Final = 1.0
"""Seconds for which what the rows said is taken as it is."""

TRUST_FOR: Final = 2.0
"""Seconds for which it still answers while one thread asks again, and opens the next model if there is one."""


@dataclass(frozen=True, slots=True)
class Live:
    """The model in production.

    Attributes:
        deployment: key of the open Deployment row.
        predictor: the version it names, opened.
        abstention: which of its answers should not be relied upon.
    """

    deployment: int
    predictor: Predictor
    abstention: Abstention


@dataclass(frozen=True, slots=True)
class _Known:
    """What the rows said at a moment (monotonic seconds): what answers, or why nothing does (None: nothing is live)."""

    at: float
    answer: Live | Suspension | ArtifactError | None

    @property
    def age(self) -> float:
        return time.monotonic() - self.at


def open_predictor(version: ModelVersion) -> Predictor:
    """A version that answers, once its files were found right and it gave its stored answers: libraries may have changed.

    Raises:
        ArtifactError: it cannot be trusted, cannot be opened here, or does not answer as it did when it was trained.
    """
    loaded = open_version(version)
    check_cases(loaded)
    engine = version.measured_engine
    return Predictor(loaded, engine and engine.words)


def abstention_of(version: ModelVersion) -> Abstention:
    """Which answers of a version should not be relied upon, by the policy of the repository.

    Raises:
        ArtifactError: the profile that says how often each name was seen cannot be trusted.
    """
    return Abstention.of(version.words, version_paths(version))


class LiveReader:
    """What is live, as this process knows it. Threads share it."""

    def __init__(self) -> None:
        self._known: _Known | None = None
        self._opened: tuple[str, Predictor, Abstention] | None = None
        self._turn = Lock()

    def live(self) -> Live:
        """What answers now.

        A model that is in memory goes on answering whatever happens to its files. A version that cannot be opened is an
        error until it can, or until another one is live: no other version takes its place.

        Raises:
            NothingLiveError: no version is in production.
            ModelSuspendedError: predictions are suspended.
            ArtifactError: the live version cannot be trusted, or cannot be opened here (see ``open_predictor``).
        """
        known = self._known
        if known is None or known.age >= ASK_EVERY:
            known = self._ask_again(known)
        answer = known.answer
        if answer is None:
            raise NothingLiveError
        if isinstance(answer, Suspension):
            raise ModelSuspendedError(reason=answer.reason, name=answer.started_by, since=moment(answer.started_at))
        if isinstance(answer, ArtifactError):
            raise answer.with_traceback(None)
        return answer

    def _ask_again(self, known: _Known | None) -> _Known:
        """One thread asks the rows; the others go on with what they said, as long as it is young enough."""
        young = known is not None and known.age < TRUST_FOR
        if not self._turn.acquire(blocking=not young):
            return cast("_Known", known)
        try:
            if self._known is None or self._known.age >= ASK_EVERY:  # another thread may have asked meanwhile
                self._known = self._ask()
            return self._known
        finally:
            self._turn.release()

    def _ask(self) -> _Known:
        deployment, suspension, now = live_deployment(), open_suspension(), time.monotonic()
        if deployment is None or suspension is not None:
            return _Known(now, suspension if deployment else None)
        try:
            return _Known(now, Live(deployment.pk, *self._open(deployment.version)))
        except ArtifactError as error:
            return _Known(time.monotonic(), error)  # those who waited are told too, and need not try in their turn

    def _open(self, version: ModelVersion) -> tuple[Predictor, Abstention]:
        """The version's model: the one in memory, or another one opened in its place."""
        if self._opened is None or self._opened[0] != version.manifest_sha256:
            self._opened = version.manifest_sha256, open_predictor(version), abstention_of(version)
        return self._opened[1:]


LIVE: Final = LiveReader()
"""What is live, as this process knows it."""
