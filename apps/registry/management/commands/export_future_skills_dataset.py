"""``manage.py export_future_skills_dataset``: HR facts -> a dataset to train on."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.registry.services.datasets import export_dataset, write_rule_levels
from future_skills.errors import NotEnoughDataError
from future_skills.labels import HORIZON_MONTHS, TOLERANCE_MONTHS


class Command(ActingCommand):
    help = "Write the dataset of all HR facts, its card beside it, and register it."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--output",
            type=Path,
            default=settings.ML_DIR / "future_skills_dataset.csv",
            help="file to write, .csv or .parquet (default: ml/future_skills_dataset.csv)",
        )
        parser.add_argument(
            "--horizon-months",
            type=int,
            default=HORIZON_MONTHS,
            help="how much later, at the earliest, the label is observed (default: %(default)s)",
        )
        parser.add_argument(
            "--tolerance-months",
            type=int,
            default=TOLERANCE_MONTHS,
            help="how many months after the horizon it may still be observed, bounds included (default: %(default)s)",
        )
        parser.add_argument(
            "--as-of", metavar="YYYY-MM", help="use only what was known at that period (default: everything)"
        )

    def act(
        self,
        actor: Actor,
        *,
        output: Path,
        horizon_months: int,
        tolerance_months: int,
        as_of: str | None,
        **_options: Any,
    ) -> None:
        try:
            result = export_dataset(
                actor=actor,
                output=output,
                horizon_months=horizon_months,
                tolerance_months=tolerance_months,
                as_of=as_of,
            )
        except NotEnoughDataError as error:
            # No label yet, so no dataset and no model: the rules answer meanwhile, and say that they are rules.
            written = write_rule_levels(path=output.with_name(f"{output.stem}_rules.csv"), as_of=as_of)
            if written is not None:
                error.details["rules_path"] = str(written)
                self.stderr.write(
                    _("Meanwhile {path} holds what the rules say (a rule, not a model).").format(path=written)
                )
            raise
        card = result.dataset.card
        levels: dict[str, int] = card["class_distribution"]
        self.answer({"path": str(result.path), "card_path": str(result.card_path), "new": result.created, **card})
        self.say(
            _("{path}: {rows} rows, periods {periods}.").format(
                path=result.path, rows=card["rows"], periods=", ".join(card["periods"])
            )
        )
        self.say(_("Levels: {levels}.").format(levels=", ".join(f"{name} {count}" for name, count in levels.items())))
        for note in card["notes"]:
            self.say(_("Note: {note}").format(note=_(note)))
        self.say(_("sha256 {sha256}").format(sha256=card["sha256"]))
        self.say(
            _("Card: {path}. Registered.").format(path=result.card_path)
            if result.created
            else _("Card: {path}. The same dataset was registered before.").format(path=result.card_path)
        )
