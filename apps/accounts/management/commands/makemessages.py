"""Django's ``makemessages``, which also collects the library's ``translatable("…")`` and never guesses a translation."""

from pathlib import Path

from django.core.management.commands import makemessages


def without_false_formats(catalogue: str) -> str:
    """A catalogue where “90 % interval” is not taken for a format: ours have names, ``%(name)s`` or ``{name}``."""
    entries = catalogue.split("\n\n")
    return "\n\n".join(
        entry if "%(" in entry else entry.replace("#, python-format, ", "#, ").replace("#, python-format\n", "")
        for entry in entries
    )


class Command(makemessages.Command):
    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=translatable"]
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching"]

    def build_potfiles(self) -> list[str]:
        """Collect the messages, then unmark what only looks like a format."""
        files: list[str] = super().build_potfiles()
        for name in files:
            path = Path(name)
            path.write_text(without_false_formats(path.read_text(encoding="utf-8")), encoding="utf-8")
        return files
