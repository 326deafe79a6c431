"""``manage.py registry …``: the registry from a terminal. Parse, call one service, print."""

from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from rich.console import Console
from rich.table import Table

from apps.accounts.actors import Actor
from apps.accounts.commands import REFUSED, ActingCommand, JsonErrorParser
from apps.registry.selectors import find_version
from apps.registry.services.comparison import compare_versions
from apps.registry.services.diagnosis import diagnose_version
from apps.registry.services.page import render_registry_page
from apps.registry.services.reproduction import reproduce_version
from apps.registry.services.versions import add_note, register_version, retract_version
from apps.registry.terminal import comparison_table, list_versions, version_document, version_lines, versions_table


def whole_number(word: str) -> int:
    """0, 1, 2, … as far as any table goes; argparse turns the ValueError into its message."""
    number = int(word)
    if not 0 <= number <= 1_000_000_000:
        raise ValueError
    return number


class Command(ActingCommand):
    help = "The registry of versions: list, show, compare, note, render, reproduce, diagnose, register, retract."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=JsonErrorParser)
        listing = self._verb(verbs, "list", "all versions, newest first")
        listing.add_argument("--limit", type=whole_number, default=100, help="how many at most (default: %(default)s)")
        listing.add_argument(
            "--offset", type=whole_number, default=0, help="how many to pass over (default: %(default)s)"
        )
        self._verb(verbs, "show", "one version", "version")
        self._verb(verbs, "compare", "two versions on the test rows they share", "reference", "challenger")
        self._verb(verbs, "note", "add a dated line to a version", "version", "text")
        self._verb(verbs, "render", "write ml/MODEL_REGISTRY.md again")
        self._verb(verbs, "reproduce", "train again from the kept dataset, and compare", "version")
        self._verb(verbs, "diagnose", "what to look at when a version disappoints", "version")
        self._verb(verbs, "register", "take in a pair trained with --no-register", "file")
        retract = self._verb(verbs, "retract", "say that a version must not be used any more", "version")
        retract.add_argument("--reason", required=True, help="why, in words")

    def _verb(self, verbs: "_SubParsersAction[Any]", name: str, description: str, *positional: str) -> ArgumentParser:
        parser: ArgumentParser = verbs.add_parser(name, help=description, description=description)
        super().add_arguments(parser)
        for argument in positional:
            parser.add_argument(argument)
        return parser

    def act(self, actor: Actor, *, verb: str, **options: Any) -> int | None:
        code: int | None = getattr(self, f"_{verb}")(actor, options)
        return code

    def show_table(self, table: Table) -> None:
        """Print a table for people; silent with ``--json``."""
        if not self.as_json:
            Console(file=self.stdout, width=None if self.stdout.isatty() else 160).print(table)

    def _list(self, _actor: Actor, options: dict[str, Any]) -> None:
        document = list_versions(limit=options["limit"], offset=options["offset"])
        self.answer(document)
        if not document["total"]:
            self.say(_("No version is registered yet. Train one: python ml/train_future_skills_model.py --version v1"))
            return
        self.show_table(versions_table(document["versions"]))
        if len(document["versions"]) < document["total"]:
            self.say(
                _("{shown} of {total} versions; --offset shows the others.").format(
                    shown=len(document["versions"]), total=document["total"]
                )
            )

    def _show(self, _actor: Actor, options: dict[str, Any]) -> None:
        version = find_version(options["version"])
        self.answer(version_document(version))
        for line in version_lines(version):
            self.say(line)

    def _compare(self, _actor: Actor, options: dict[str, Any]) -> None:
        comparison = compare_versions(options["reference"], options["challenger"])
        self.answer(comparison.to_dict())
        if comparison.reason:
            self.say(_(comparison.reason))
        self.show_table(comparison_table(comparison))

    def _note(self, actor: Actor, options: dict[str, Any]) -> None:
        note = add_note(actor=actor, version=options["version"], text=options["text"])
        self.answer({"version": options["version"], "text": note.text, "by": note.created_by, "at": note.created_at})
        self.say(_("Noted on {version} by {name}.").format(version=options["version"], name=note.created_by))

    def _render(self, _actor: Actor, _options: dict[str, Any]) -> None:
        path = render_registry_page()
        self.answer({"path": str(path)})
        self.say(_("{path} written.").format(path=path))

    def _reproduce(self, actor: Actor, options: dict[str, Any]) -> int | None:
        result = reproduce_version(
            actor=actor, version=options["version"], on_step=lambda step: self.stderr.write(f"… {step}")
        )
        self.answer(
            {
                "version": result.version,
                "identical": result.identical,
                "differences": {name: {"then": then, "now": now} for name, (then, now) in result.differences.items()},
                "environment": {name: {"then": then, "now": now} for name, (then, now) in result.environment.items()},
            }
        )
        for name, (then, now) in result.environment.items():
            self.say(_("{name} was {then} then and is {now} now.").format(name=name, then=then, now=now))
        if result.identical:
            self.say(
                _("{version}: identical (metrics, baselines and every prediction of the test rows).").format(
                    version=result.version
                )
            )
            return None
        for name, (then, now) in result.differences.items():
            self.say(_("{name}: {then} then, {now} now").format(name=name, then=then, now=now))
        self.stderr.write(_("{version}: not identical.").format(version=result.version))
        return REFUSED

    def _diagnose(self, _actor: Actor, options: dict[str, Any]) -> None:
        diagnosis = diagnose_version(options["version"])
        self.answer(diagnosis.to_dict())
        self.say(diagnosis.to_text(language=(get_language() or "fr")[:2]))

    def _register(self, actor: Actor, options: dict[str, Any]) -> None:
        version = register_version(actor=actor, path=Path(options["file"]))
        self.answer(version_document(version))
        self.say(_("{version} is registered.").format(version=version.name))

    def _retract(self, actor: Actor, options: dict[str, Any]) -> None:
        retraction = retract_version(actor=actor, version=options["version"], reason=options["reason"])
        self.answer(
            {
                "version": options["version"],
                "reason": retraction.reason,
                "by": retraction.created_by,
                "at": timezone.localtime(retraction.created_at),
            }
        )
        self.say(_("{version} is retracted; its number is never used again.").format(version=options["version"]))
