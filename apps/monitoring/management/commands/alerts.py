"""``manage.py alerts``: the alerts of monitoring; acknowledge one, or close it."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.monitoring.documents import AlertDocument
from apps.monitoring.models import Alert
from apps.monitoring.selectors import alerts, open_alerts
from apps.monitoring.services.alerts import acknowledge_alert, close_alert
from apps.monitoring.words import SEVERITY_NAMES, STATE_NAMES, alert_text, alert_title

MOST = 200
"""Alerts listed at most."""


class Command(ActingCommand):
    help = "List the alerts that are open; acknowledge or close one, with a reason."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--all", action="store_true", dest="everything", help="closed ones too")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--acknowledge", type=int, metavar="N", help="say that you look after this alert")
        what.add_argument("--close", type=int, metavar="N", help="say that this alert is done with")
        parser.add_argument("--reason", default="", metavar="WORDS", help="what was found, or what is done about it")

    def act(
        self,
        actor: Actor,
        *,
        everything: bool,
        acknowledge: int | None,
        close: int | None,
        reason: str,
        **_options: Any,
    ) -> None:
        if acknowledge is not None:
            self._tell([acknowledge_alert(actor=actor, alert=acknowledge, reason=reason)])
        elif close is not None:
            self._tell([close_alert(actor=actor, alert=close, reason=reason)])
        else:
            self._tell(list((alerts() if everything else open_alerts())[:MOST]))

    def _tell(self, found: list[Alert]) -> None:
        if not found:
            self.say(_("No alert is open."))
        for alert in found:
            names = f"{SEVERITY_NAMES[alert.severity]}, {STATE_NAMES[alert.state]}"
            self.say(f"{alert.pk}. [{names}] {alert_title(alert)}")
            self.say(f"   {alert_text(alert)}")
        self.answer({"alerts": [AlertDocument.of(alert).to_dict() for alert in found]})
