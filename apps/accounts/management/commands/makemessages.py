"""Django's ``makemessages``, which also collects the library's ``translatable("…")`` and never guesses a translation."""

import re
from pathlib import Path

from django.core.management.commands import makemessages


def tidy(catalogue: str) -> str:
    """The catalogue without its date (nothing changed: not a byte changes) and without false formats.

    “90 % interval” is no format: ours have names, ``%(name)s`` or ``{name}``.
    """
    entries = re.sub(r'"POT-Creation-Date:.*\n', "", catalogue).split("\n\n")
    return "\n\n".join(
        entry if "%(" in entry else entry.replace("#, python-format, ", "#, ").replace("#, python-format\n", "")
        for entry in entries
    )


class Command(makemessages.Command):
    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=translatable"]
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching"]

    def build_potfiles(self) -> list[str]:
        """Collect the messages, then tidy the catalogue."""
        files: list[str] = super().build_potfiles()
        for name in files:
            path = Path(name)
            path.write_text(tidy(path.read_text(encoding="utf-8")), encoding="utf-8")
        return files
