"""``manage.py verify_audit_log``: is the audit log as it was written?"""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.accounts.rights import Right
from apps.audit.seal import Head
from apps.audit.services import log_head, verify_chain
from future_skills.errors import UsageError, translatable
from future_skills.files import written_whole


class Command(ActingCommand):
    help = (
        "Check every event of the audit log against the hash chain; exit 1 names the first one that was changed. "
        "With --head, against a head exported earlier too: it shows a log that was written again as a whole, or cut."
    )
    right = Right.READ_AUDIT

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--head", metavar="FILE|HASH:SEQUENCE", help="a head exported earlier, or the file that holds it"
        )
        parser.add_argument(
            "--export-head",
            type=Path,
            metavar="FILE",
            help="write the head of the verified log to a new file, to be kept where nobody who can write here can",
        )

    def act(self, actor: Actor, *, head: str | None, export_head: Path | None, **_options: Any) -> None:
        del actor  # reading the log is not an act on it
        kept = [] if head is None else [_read_head(head)]
        end = log_head()
        events = verify_chain(end, *kept)
        if export_head is not None:
            _write_head(end, export_head)
        self.answer({"events": events, "intact": True, "head": str(end)})
        self.say(_("The audit log is intact: {events} events.").format(events=events))
        for each in kept:
            self.say(_("It still holds the {events} events of the head that was kept.").format(events=each.sequence))
        if export_head is not None:
            self.say(_("Its head is in {path}: keep it elsewhere.").format(path=export_head))


def _read_head(given: str) -> Head:
    """A head given as such, or in a file.

    Raises:
        UsageError: it is neither.
    """
    path = Path(given)
    return Head.of(path.read_text(encoding="utf-8", errors="replace") if path.is_file() else given)


def _write_head(head: Head, path: Path) -> None:
    """Write a head to a new file: one that was kept is never replaced, or a forged one could take its place.

    Raises:
        UsageError: the file is there.
    """
    try:
        with written_whole(path, exclusive=True) as whole:
            whole.write_text(f"{head}\n", encoding="utf-8")
    except FileExistsError as error:
        raise UsageError(
            translatable("{path} exists already, and a head that was kept is not replaced."),
            hint=translatable("Compare the log with it (--head {path}), and write the new one beside it."),
            path=str(path),
        ) from error
