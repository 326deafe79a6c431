"""``manage.py score IN OUT``: score the rows of a file by the version in production, or try another version on them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from rich.console import Console

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.accounts.rights import Right
from apps.registry.pages import LEVEL_NAMES
from apps.serving.campaigns.services import score_file
from future_skills.formatting import integer, language_of, percent


class Command(ActingCommand):
    help = (
        "Score every row of a CSV or Parquet file, and write it again with the answers. The file holds every column that the "
        "version reads, history included; either end may be s3://…."
    )
    right = Right.RUN_CAMPAIGNS

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """``--version`` names a version here, and not Django's own."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("source", metavar="IN", help="rows to score: .csv, .csv.gz or .parquet")
        parser.add_argument("target", metavar="OUT", help="file to write: .csv or .parquet; a local one is replaced")
        parser.add_argument("--version", metavar="VERSION", help="try this version instead; every row says so")

    def act(self, actor: Actor, *, source: str, target: str, version: str | None, **_options: Any) -> None:
        language = language_of(get_language())
        with self._progress() as report:
            done = score_file(actor=actor, source=source, target=target, version=version, on_progress=report)
        scored = done.scored
        if done.deployment is None:
            self.say(_("{version}, tried outside production: every row says so.").format(version=done.version))
        else:
            self.say(_("{version}, in production").format(version=done.version))
        self.say(
            ngettext("{rows} row scored: {path}", "{rows} rows scored: {path}", scored.rows).format(
                rows=integer(scored.rows, language), path=target
            )
        )
        shares = (f"{LEVEL_NAMES[level]} {integer(rows, language)}" for level, rows in scored.levels.items())
        self.say(f"  {' · '.join(shares)}")
        self.say(
            _("  {share} of the answers should not be relied upon.").format(
                share=percent(scored.abstained / scored.rows, language)
            )
        )
        self.answer(
            {
                "source": source,
                "target": target,
                "model_version": done.version,
                "deployment": done.deployment,
                "trial": done.deployment is None,
                "rows": scored.rows,
                "levels": dict(scored.levels),
                "abstained": scored.abstained,
            }
        )

    @contextmanager
    def _progress(self) -> Iterator[Callable[[int], None] | None]:
        """What shows how many rows are scored, for who looks on."""
        if self.as_json or not sys.stderr.isatty():
            yield None
            return
        with Console(stderr=True).status(_("scoring")) as status:
            yield lambda rows: status.update(_("{rows} rows").format(rows=integer(rows, language_of(get_language()))))
