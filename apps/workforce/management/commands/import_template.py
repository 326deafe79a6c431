"""``manage.py import_template --output releve.xlsx``: the workbook that import_snapshots reads back."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.workforce.selectors import known_names
from apps.workforce.template_workbook import COLUMNS, template_workbook
from future_skills import schema
from future_skills.errors import UsageError, translatable
from future_skills.files import written_whole
from future_skills.periods import add_months

MONTHS_OFFERED = 36


class Command(ActingCommand):
    help = str(gettext_lazy("Write the Excel workbook that an HR department fills in, for import_snapshots."))

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--output",
            type=Path,
            default=Path("releve.xlsx"),
            metavar="FILE",
            help=str(gettext_lazy("workbook to write (default: releve.xlsx)")),
        )
        parser.add_argument("--force", action="store_true", help=str(gettext_lazy("replace the file if it exists")))

    def act(self, actor: Actor, *, output: Path, force: bool, **options: Any) -> None:
        del actor, options
        if output.suffix.lower() != ".xlsx":
            raise UsageError(translatable("{path}: the name must end in .xlsx."), path=str(output))
        this_month = f"{timezone.localdate():%Y-%m}"
        months = [add_months(this_month, -back) for back in range(MONTHS_OFFERED)]
        book = template_workbook(known={schema.PERIOD: months, **known_names()})
        try:
            with written_whole(output, exclusive=not force) as whole:
                book.save(whole)
        except FileExistsError as error:
            raise UsageError(
                translatable("{path} exists already."),
                hint=translatable("Choose another name, or replace it with --force."),
                path=str(output),
            ) from error
        except OSError as error:
            raise UsageError(
                translatable("{path} cannot be written: {problem}."), path=str(output), problem=error.strerror
            ) from error
        self.answer({"output": str(output), "columns": list(COLUMNS)})
        self.say(gettext("{path}: fill in the sheet “Relevés”, then import_snapshots {path}").format(path=output))
