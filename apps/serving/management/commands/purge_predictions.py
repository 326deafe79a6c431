"""``manage.py purge_predictions``: remove the predictions that are older than the retention period, and prove which."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.accounts.rights import Right
from apps.registry.words import moment
from apps.serving.retention import Old, old_predictions
from apps.serving.services import Purged, purge_predictions
from future_skills.formatting import integer, language_of


class Command(ActingCommand):
    help = (
        "Remove the predictions that are older than FUTURE_SKILLS_PREDICTION_RETENTION_MONTHS. Without --yes nothing is "
        "removed. The audit log keeps how many there were, from when to when, and the sha256 of what they said."
    )
    right = Right.PURGE_PREDICTIONS

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--yes", action="store_true", help="remove them; they cannot be brought back")

    def act(self, actor: Actor, *, yes: bool, **_options: Any) -> None:
        old = old_predictions()
        self.say(_sentence(old))
        purged = list(self._purge(actor)) if yes else []
        if old.count and not yes:
            self.say(_("Nothing was removed. To remove them, for ever: add --yes."))
        self.answer(
            {
                "retention_months": old.months,
                "before": old.before.isoformat(),
                "count": old.count,
                "from": old.first and old.first.isoformat(),
                "to": old.last and old.last.isoformat(),
                "purged": [
                    {
                        "count": one.count,
                        "from": one.first.isoformat(),
                        "to": one.last.isoformat(),
                        "sha256": one.sha256,
                        "event": one.event,
                    }
                    for one in purged
                ],
            }
        )

    def _purge(self, actor: Actor) -> Any:
        """Batch by batch, each said as soon as it is done."""
        while (purged := purge_predictions(actor=actor)) is not None:
            self.say(_purged_sentence(purged))
            yield purged


def _sentence(old: Old) -> str:
    if not old.count:
        return _("No prediction is older than {months} months.").format(months=old.months)
    return ngettext(
        "{count} prediction is older than {months} months: from {first} to {last}.",
        "{count} predictions are older than {months} months: from {first} to {last}.",
        old.count,
    ).format(
        count=integer(old.count, language_of(get_language())),
        months=old.months,
        first=moment(old.first),
        last=moment(old.last),
    )


def _purged_sentence(purged: Purged) -> str:
    return ngettext(
        "{count} removed, from {first} to {last}: event {event} of the audit log, sha256 {sha256}.",
        "{count} removed, from {first} to {last}: event {event} of the audit log, sha256 {sha256}.",
        purged.count,
    ).format(
        count=integer(purged.count, language_of(get_language())),
        first=moment(purged.first),
        last=moment(purged.last),
        event=purged.event,
        sha256=purged.sha256,
    )
