"""``manage.py predict``: how much a skill will be needed in a job role, as the version in production says."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.registry.pages import LEVEL_NAMES
from apps.serving import predictions
from apps.serving.answers import Answer
from apps.serving.documents import PredictionsDocument
from apps.serving.facts import TAKEN
from future_skills import schema
from future_skills.errors import UsageError, translatable
from future_skills.formatting import day, decimal, language_of, percent, period
from future_skills.lifecycle import STAGE_NAMES


class Command(ActingCommand):
    help = "Ask the version in production how much a skill will be needed in a job role."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """``--version`` names a version here, and not Django's own."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--role", required=True, metavar="NAME", help="job role")
        parser.add_argument("--skill", required=True, metavar="NAME", help="skill")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            dest="given",
            metavar="NAME=VALUE",
            help=f"a value that is not taken from the pair's latest snapshot; empty: missing ({', '.join(TAKEN)})",
        )
        parser.add_argument(
            "--version",
            metavar="VERSION",
            help="try this version instead; its answer is not logged, and counts for nothing",
        )

    def act(
        self, actor: Actor, *, role: str, skill: str, given: list[str], version: str | None, **_options: Any
    ) -> None:
        row = {schema.ROLE: role, schema.SKILL: skill, **dict(map(_parsed, given))}
        if version is None:
            answers = predictions.predict([row], actor=actor)
            self.say(_("{version}, in production").format(version=answers.version))
        else:
            answers, stage = predictions.try_version(version, [row])
            self.say(
                _("{version}, tried outside production (it is: {stage})").format(
                    version=answers.version, stage=_(STAGE_NAMES[stage])
                )
            )
        self.answer(PredictionsDocument.of(answers).to_dict())
        for line in _lines(answers.answers[0]):
            self.say(line)


def _parsed(words: str) -> tuple[str, Any]:
    """``name=value``: a number where the column holds numbers, None where nothing is given."""
    name, equals, value = words.partition("=")
    name, value = name.strip(), value.strip()
    if not equals or name not in TAKEN:
        near = get_close_matches(name, TAKEN, n=1)
        raise UsageError(
            translatable("--set {words}: write NAME=VALUE, where NAME is one of {known}."),
            hint=translatable("Did you mean {near}?") if near else "",
            words=words[:80],
            known=", ".join(TAKEN),
            near=near[0] if near else "",
        )
    if not value:
        return name, None
    if name in schema.CATEGORICAL_FEATURES:
        return name, value
    try:
        return name, float(value)
    except ValueError:
        return name, value  # refused with the others that cannot be accepted


def _lines(answer: Answer) -> Iterator[str]:
    """The answer for people."""
    language, pair, said = language_of(get_language()), answer.said, answer.said.prediction
    yield f"{pair.role} × {pair.skill}"
    if pair.period is not None:
        yield _("Facts of {period}.").format(period=period(pair.period, language))
    yield _("Need expected: {level}").format(level=LEVEL_NAMES[said.level])
    if answer.override is not None:
        yield _("  ! HR decided: {level}, until {day} ({name}). {reason}").format(
            level=LEVEL_NAMES[answer.override.level],
            day=day(answer.override.until, language),
            name=answer.override.created_by,
            reason=answer.override.reason,
        )
    if said.probabilities is not None:
        shares = (f"{LEVEL_NAMES[level]} {percent(share, language)}" for level, share in said.probabilities.items())
        yield f"  {' · '.join(shares)}"
        yield _("  score {score} of 100, confidence {confidence}, emergence {emergence}").format(
            score=decimal(said.score, language, 1),
            confidence=percent(said.confidence, language),
            emergence=percent(said.emergence, language),
        )
    if pair.abstained:
        yield _("  ! No answer to rely upon: there is too little to stand on.")
    for warning in said.warnings:
        yield f"  ! {warning.explain(_)}"
