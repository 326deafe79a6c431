"""What a version says of pairs: their rows completed from the facts, the model asked, the answers logged."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from django.utils import timezone

from apps.accounts.actors import Actor
from apps.registry.selectors import find_version
from apps.registry.standing import stages_of
from apps.serving.answers import Answer, Answers, Said
from apps.serving.facts import FACTS, Row
from apps.serving.ids import answer_id, new_request_id
from apps.serving.log import LOG, lines_of
from apps.serving.overrides.selectors import OVERRIDES
from apps.serving.reader import LIVE, abstention_of, open_predictor
from apps.serving.reasons import explain, require_few
from apps.serving.said import SAYINGS, Sayings
from future_skills.lifecycle import Act, Stage, require_allowed

MOST_ROWS = 10_000
"""Rows answered at a time."""


def warm_up() -> None:
    """Open the live model and read the facts, so that the first request need not wait for them.

    Raises:
        NotAnsweringError, ArtifactError: as in ``predict``.
    """
    columns = LIVE.live().predictor.columns
    FACTS.now().prepare(columns)


def predict(rows: Sequence[Row], *, actor: Actor, reasons: bool = False) -> Answers:
    """What the version in production says, once every answer is in the prediction log.

    Args:
        rows: as ``Facts.complete`` takes them, at most ``MOST_ROWS``.
        actor: who asks; whoever calls has seen that they may.
        reasons: say why, too: ``MOST_EXPLAINED`` rows at most.

    Raises:
        NotAnsweringError: nothing is in production, predictions are suspended, or the log cannot be written.
        ArtifactError: the live version's files cannot be trusted, or cannot be opened here.
        InvalidRowsError, UnknownPairError: see ``Facts.complete``.
        UsageError, ReasonsUnavailableError: see ``explain``; nothing is answered or logged then.
    """
    if reasons:
        require_few(len(rows))
    live, facts, request = LIVE.live(), FACTS.now(), new_request_id(timezone.now())
    version = live.predictor.manifest.version
    said = SAYINGS.now(live.predictor, live.abstention, facts).of(rows)
    answers = Answers(version, live.deployment, request, _answers(said, request))
    if reasons:
        answers = replace(answers, reasons=explain(live.predictor, facts, answers.answers))
    LOG.append(lines_of(answers, actor=actor))
    return answers


def try_version(name: str, rows: Sequence[Row]) -> tuple[Answers, Stage]:
    """What a version says outside production, and the stage it is in. It is not logged: nobody may act upon it.

    Raises:
        VersionNotFoundError: no such version.
        NotAllowedError: it was retracted.
        ArtifactError, InvalidRowsError, UnknownPairError: as in ``predict``.
    """
    version = find_version(name)
    stage = stages_of([version.pk])[version.pk]
    require_allowed(Act.TRY, stage, version=name)
    said = Sayings(open_predictor(version), abstention_of(version), FACTS.now()).of(rows)
    return Answers(name, None, None, _answers(said, None)), stage


def _answers(said: Sequence[Said], request: UUID | None) -> tuple[Answer, ...]:
    overrides = OVERRIDES.now()
    return tuple(
        Answer(
            said=one,
            id=None if request is None else answer_id(request, place),
            override=overrides.of(one.role, one.skill),
        )
        for place, one in enumerate(said)
    )
