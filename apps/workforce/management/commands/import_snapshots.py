"""``manage.py import_snapshots FILE…``: take in HR facts."""

import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext, gettext_lazy, ngettext
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from apps.accounts.actors import Actor
from apps.accounts.commands import REFUSED, ActingCommand
from apps.workforce.services import ImportResult, import_snapshots


class Command(ActingCommand):
    help = str(
        gettext_lazy(
            "Import HR facts: one row per job role, skill and period. CSV (also .gz), Parquet or Excel. "
            "All rows of all files, or nothing; importing a file again changes nothing."
        )
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=str(gettext_lazy("file to import")))
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            type=column_pair,
            dest="pairs",
            metavar="THEIRS=OURS",
            help=str(gettext_lazy("their column heading is our column (repeatable)")),
        )
        parser.add_argument(
            "--rejects",
            type=Path,
            metavar="FILE",
            help=str(gettext_lazy("store the good rows, and write the others to this CSV with the reasons")),
        )

    def act(
        self,
        actor: Actor,
        *,
        files: list[Path],
        pairs: list[tuple[str, str]],
        rejects: Path | None,
        **options: Any,
    ) -> int | None:
        del options
        bar = progress_bar() if sys.stderr.isatty() and not self.as_json else nullcontext()
        with bar as shown:
            result = import_snapshots(
                actor=actor,
                paths=files,
                column_map=dict(pairs),
                rejects_path=rejects,
                on_progress=reporter(shown) if shown else None,
            )
        self.answer(as_document(result))
        self._tell(result, rejects)
        return None if result.periods else REFUSED

    def _tell(self, result: ImportResult, rejects: Path | None) -> None:
        for file in result.files:
            read = ngettext("{file}: {rows} row read", "{file}: {rows} rows read", file.rows)
            self.say(read.format(file=file.name, rows=file.rows))
            for note in file.notes:
                self.say("  " + note.explain(gettext))
        self.say(
            gettext(
                "created: {created}, updated: {updated}, unchanged: {unchanged}, duplicates: {duplicates}, "
                "rejected: {rejected}"
            ).format(
                created=result.counts.created,
                updated=result.counts.updated,
                unchanged=result.counts.unchanged,
                duplicates=result.duplicates,
                rejected=result.rejected,
            )
        )
        if result.periods:
            self.say(gettext("periods: {periods}").format(periods=", ".join(result.periods)))
        if result.rejected:
            self.stderr.write(
                gettext("{count} rows were not stored; they are in {path}, with the reasons.").format(
                    count=result.rejected, path=rejects
                )
            )


def column_pair(text: str) -> tuple[str, str]:
    """``theirs=ours`` as a pair."""
    theirs, separator, ours = text.rpartition("=")
    if not (separator and theirs.strip() and ours.strip()):
        raise ArgumentTypeError(gettext("write it as theirs=ours, not {text}").format(text=text))
    return theirs.strip(), ours.strip()


def progress_bar() -> Progress:
    """A bar on stderr."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def reporter(bar: Progress) -> Callable[[str, float], None]:
    """What moves the bar: reading is its first half, storing the second."""
    words = {"read": gettext("reading"), "store": gettext("storing")}
    task = bar.add_task(words["read"], total=1.0)

    def report(stage: str, share: float) -> None:
        bar.update(task, description=words[stage], completed=share / 2 + (0.5 if stage == "store" else 0.0))

    return report


def as_document(result: ImportResult) -> dict[str, Any]:
    """The result as JSON."""
    return {
        "read": result.read,
        "created": result.counts.created,
        "updated": result.counts.updated,
        "unchanged": result.counts.unchanged,
        "duplicates": result.duplicates,
        "rejected": result.rejected,
        "periods": list(result.periods),
        "files": [
            {
                "name": file.name,
                "sha256": file.sha256,
                "rows": file.rows,
                "notes": [note.explain(gettext) for note in file.notes],
            }
            for file in result.files
        ],
    }
