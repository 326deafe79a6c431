"""``manage.py replay``: what would have been announced at each past period, and what happened."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from rich.console import Console

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.accounts.rights import Right
from apps.monitoring.replays import ReplayDocument, track_record_of
from apps.monitoring.services.replays import replay_facts
from apps.monitoring.words import language
from future_skills import formatting, replay_page, replay_text
from future_skills.files import written_whole


class Command(ActingCommand):
    help = (
        "Go through every past period as of its date: train on what was known then, predict, and meet what happened. The track "
        "record is kept, and shown on the pages; one that was interrupted goes on where it was."
    )
    right = Right.EVALUATE

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """``--version`` names a version here, and not Django's own."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--version", metavar="VERSION", help="whose recipe is trained at each period (default: the live version's)"
        )
        parser.add_argument("--from", dest="first", metavar="PERIOD", help="no period before this one (YYYY-MM)")
        parser.add_argument("--to", dest="last", metavar="PERIOD", help="no period after this one (YYYY-MM)")
        parser.add_argument("--output", type=Path, metavar="FILE", help="write the report as one HTML file")

    def act(
        self,
        actor: Actor,
        *,
        version: str | None,
        first: str | None,
        last: str | None,
        output: Path | None,
        **_options: Any,
    ) -> None:
        with self._progress() as report:
            found = replay_facts(actor=actor, version=version, first=first, last=last, on_period=report)
        record = track_record_of(found)
        self.say(replay_text.markdown(record, language()).rstrip())
        if output is not None:
            with written_whole(output) as temporary:
                temporary.write_text(replay_page.page(record, language()), encoding="utf-8")
            self.say(_("Written: {path}").format(path=output))
        self.answer(ReplayDocument.of(found).to_dict())

    @contextmanager
    def _progress(self) -> Iterator[Callable[[str, int, int], None]]:
        """What shows which period is gone through, for who looks on."""
        if self.as_json or not sys.stderr.isatty():
            yield lambda _period, _done, _all: None
            return
        with Console(stderr=True).status(_("reading the facts")) as status:

            def show(period: str, done: int, every: int) -> None:
                words = _("{period} ({number} of {all})")
                status.update(words.format(period=formatting.period(period, language()), number=done + 1, all=every))

            yield show
