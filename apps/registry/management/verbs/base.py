"""What a verb of ``manage.py registry`` is."""

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apps.accounts.actors import Actor

if TYPE_CHECKING:
    from apps.registry.management.commands.registry import Command


def no_arguments(_parser: ArgumentParser) -> None:
    """A verb that takes none."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb: parse, call one service or selector, print.

    Attributes:
        name: the word typed.
        help: what it does, one line, English.
        run: does it: command (prints), actor, parsed options; returns an exit code other than 0, or None.
        arguments: adds its own arguments; ``--as`` and ``--json`` are there already.
    """

    name: str
    help: str
    run: Callable[["Command", Actor, dict[str, Any]], int | None]
    arguments: Callable[[ArgumentParser], None] = no_arguments


def positional(*names: str) -> Callable[[ArgumentParser], None]:
    """Arguments without an option's name, in this order."""

    def add(parser: ArgumentParser) -> None:
        for name in names:
            parser.add_argument(name)

    return add


def whole_number(word: str) -> int:
    """0, 1, 2, … as far as any table goes; argparse turns the ValueError into its message."""
    number = int(word)
    if not 0 <= number <= 1_000_000_000:
        raise ValueError
    return number
