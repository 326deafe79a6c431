"""``manage.py export_audit_log``: the audit log, or what a filter keeps of it, as a file."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.accounts.rights import Right
from apps.audit.exports import FORMATS, exported
from apps.audit.selectors import log_filter
from future_skills.errors import UsageError, translatable
from future_skills.files import written_whole
from future_skills.formatting import language_of


class Command(ActingCommand):
    help = (
        "Write the audit log, oldest event first: for a spreadsheet (.csv), or with all that its hashes are made of "
        "(.json, one document; .jsonl, one event a line). Without --output, on stdout: .jsonl, or .json with --json."
    )
    right = Right.READ_AUDIT

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--output", type=Path, metavar="FILE", help="file to write, replaced if it is there")
        parser.add_argument("--since", default="", metavar="WHEN", help="from that day or moment on")
        parser.add_argument("--until", default="", metavar="WHEN", help="to the end of that day, or before that moment")
        parser.add_argument("--actor", default="", dest="who", metavar="NAME", help="what that person did")
        parser.add_argument("--action", default="", metavar="CODE", help="that kind of act, such as registry.deploy")
        parser.add_argument(
            "--object", default="", dest="about", metavar="NAME", help="what was done to that object: v2, version:v2"
        )

    def act(
        self,
        actor: Actor,
        *,
        output: Path | None,
        since: str,
        until: str,
        who: str,
        action: str,
        about: str,
        **_options: Any,
    ) -> None:
        del actor  # reading the log is not an act on it
        asked = log_filter(actor=who, action=action, about=about, since=since, until=until)
        language = language_of(settings.LANGUAGE_CODE)
        if output is None:
            for piece in exported(asked, "json" if self.as_json else "jsonl", language):
                self.stdout.write(piece, ending="")
            return
        kind = output.suffix.lower().removeprefix(".")
        if kind not in FORMATS:
            raise UsageError(translatable("{path}: the name must end in .csv, .json or .jsonl."), path=str(output))
        with written_whole(output) as whole, whole.open("w", encoding="utf-8", newline="") as file:
            file.writelines(exported(asked, kind, language))
        self.answer({"output": str(output)})
        self.say(_("The audit log is in {path}.").format(path=output))
