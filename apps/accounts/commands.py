"""The door of every command: who acts, JSON or text, a refusal in words and its exit code."""

import sys
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils.translation import gettext, gettext_lazy

from apps.accounts.actors import Actor, command_actor
from apps.accounts.refusals import reader_gone, storage_refusal
from apps.accounts.rights import Right, require
from future_skills.errors import FutureSkillsError, UsageError
from future_skills.text import json_text

DONE, REFUSED, WRONG_USAGE, WAITING = 0, 1, 2, 3
"""Exit codes (design decision 12): done; refused or failed; wrong usage; inconclusive, waiting, or alert."""


class JsonErrorParser(CommandParser):
    """A command line whose mistakes are JSON too when ``--json`` is among its words."""

    def error(self, message: str) -> NoReturn:
        """Print the mistake and leave with exit code 2."""
        if self.called_from_command_line and "--json" in sys.argv:
            sys.stdout.write(json_text({"error": {"code": UsageError.code, "message": message, "details": {}}}) + "\n")
        super().error(message)


class ActingCommand(BaseCommand):
    """A command that one named actor runs.

    Subclasses write ``act(actor, **options)``, print for people with ``self.say`` and give their JSON document to
    ``self.answer``; with ``--json`` that document is all there is on stdout.

    Attributes:
        right: what the actor needs before anything else is done; None where the verb alone asks. Verbs ask for theirs.
    """

    right: Right | None = Right.READ

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """The command line, its mistakes in JSON where JSON is asked for."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.__class__ = JsonErrorParser  # Django names the class itself, and takes no other
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--as`` and ``--json``."""
        parser.add_argument(
            "--as", dest="declared_actor", metavar="USERNAME", help=str(gettext_lazy("who acts (default: you)"))
        )
        parser.add_argument(
            "--json", action="store_true", dest="as_json", help=str(gettext_lazy("one JSON document on stdout"))
        )

    def handle(self, *args: Any, declared_actor: str | None, as_json: bool, **options: Any) -> None:
        """Run ``act``, and turn a refusal into its message and exit code."""
        del args
        self.as_json = as_json
        try:
            actor = command_actor(declared_actor)
            if self.right is not None:
                require(actor, self.right)
            code = self.act(actor, **options)
            self.stdout.flush()
        except BrokenPipeError:
            sys.exit(reader_gone())
        except FutureSkillsError as error:
            self.refuse(error)
        except (OSError, DatabaseError) as error:
            self.refuse(storage_refusal(error))
        else:
            if code:
                sys.exit(code)

    def refuse(self, error: FutureSkillsError) -> NoReturn:
        """Say what was refused, as words and as JSON, and leave with exit code 1."""
        if self.as_json:
            self.answer({"error": refusal(error)})
        message = error.explain(gettext)
        if self._called_from_command_line:  # Django would put “CommandError:” before the words
            self.stderr.write(message)
            sys.exit(REFUSED)
        raise CommandError(message, returncode=REFUSED) from error

    def act(self, actor: Actor, **options: Any) -> int | None:
        """Do the work; return an exit code other than 0, or None."""
        raise NotImplementedError

    def say(self, text: str = "") -> None:
        """Print a line for people; silent with ``--json``."""
        if not self.as_json:
            self.stdout.write(text)

    def answer(self, document: Any) -> None:
        """Print the JSON document; silent without ``--json``."""
        if self.as_json:
            self.stdout.write(json_text(document))


def refusal(error: FutureSkillsError) -> dict[str, Any]:
    """The shape of a refusal, the same behind every door."""
    return {"code": error.code, "message": error.explain(gettext), "details": error.details}


def named(name: object, words: object) -> str:
    """Words behind the name of what they are about, with the blanks of the language around the colon."""
    return gettext("{name}: {words}").format(name=name, words=words)
