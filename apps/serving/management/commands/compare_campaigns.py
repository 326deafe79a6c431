"""``manage.py compare_campaigns A B``: what is different in a later campaign, and why."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand, named
from apps.registry.pages import LEVEL_NAMES
from apps.serving.campaigns.comparison import compare
from apps.serving.campaigns.documents import ChangeDocument, ComparisonDocument
from apps.serving.campaigns.selectors import find_campaign
from apps.serving.campaigns.words import REASON_NAMES, changes_sentence, name_of, reasons_sentence
from future_skills.formatting import integer, language_of, signed


class Command(ActingCommand):
    help = (
        "Tell two finished campaigns apart: pairs whose level changed, that came or went; and whether another version, the "
        "market, or other facts of the pair moved them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("before", type=int, metavar="A", help="number of the earlier campaign")
        parser.add_argument("after", type=int, metavar="B", help="number of the later campaign")
        parser.add_argument(
            "--most",
            type=int,
            default=20,
            metavar="N",
            help="pairs shown, those that moved most first (default: %(default)s)",
        )

    def act(self, actor: Actor, *, before: int, after: int, most: int, **_options: Any) -> None:
        del actor
        comparison = compare(find_campaign(before), find_campaign(after))
        document = ComparisonDocument.of(comparison, most=max(most, 0))
        self.say(f"{name_of(comparison.before)} ({comparison.before.version}) → ")
        self.say(f"{name_of(comparison.after)} ({comparison.after.version})")
        self.say(changes_sentence(document.changed, document.came, document.went))
        if document.changed:
            self.say(reasons_sentence(document.reasons, document.changed))
        for line in _lines(document):
            self.say(line)
        self.answer(document.to_dict())


def _lines(document: ComparisonDocument) -> Iterator[str]:
    language = language_of(get_language())
    for move in document.moves:
        reason = f" ({REASON_NAMES[move.reason]})" if move.reason else ""
        levels = f"  {_level(move.level_before)} → {_level(move.level_after)}{reason}"
        yield named(levels, integer(move.pairs, language))
    if document.pairs:
        yield _("The pairs that moved most:")
    for pair in document.pairs:
        levels = f"{_level(pair.level_before)} → {_level(pair.level_after)}"
        yield named(f"  {pair.job_role_name} × {pair.skill_name}", f"{levels}{_parts(pair)}")


def _level(level: str | None) -> str:
    return "—" if level is None else str(LEVEL_NAMES[level])


def _parts(pair: ChangeDocument) -> str:
    if pair.reason is None:
        return ""
    language = language_of(get_language())
    parts = {"model": pair.model, "market": pair.market, "data": pair.data}
    return (
        " (" + ", ".join(f"{REASON_NAMES[name]} {signed(points, language, 1)}" for name, points in parts.items()) + ")"
    )
