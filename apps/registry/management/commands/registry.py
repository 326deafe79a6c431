"""``manage.py registry …``: the registry from a terminal. Each verb is in ``management/verbs/``."""

from typing import Any

from django.core.management.base import CommandParser
from rich.console import Console
from rich.table import Table

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand, JsonErrorParser
from apps.registry.management.verbs import VERBS


class Command(ActingCommand):
    help = f"The registry of versions: {', '.join(VERBS)}."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=JsonErrorParser)
        for verb in VERBS.values():
            own = verbs.add_parser(verb.name, help=verb.help, description=verb.help)
            super().add_arguments(own)
            verb.arguments(own)

    def act(self, actor: Actor, *, verb: str, **options: Any) -> int | None:
        return VERBS[verb].run(self, actor, options)

    def show_table(self, table: Table) -> None:
        """Print a table for people; silent with ``--json``."""
        if not self.as_json:
            Console(file=self.stdout, width=None if self.stdout.isatty() else 160).print(table)
