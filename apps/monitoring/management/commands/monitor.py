"""``manage.py monitor``: look at what production answered since, and at what became of it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from rich.console import Console

from apps.accounts.actors import Actor
from apps.accounts.commands import WAITING, ActingCommand, named
from apps.accounts.rights import Right
from apps.monitoring.documents import MonitoredDocument
from apps.monitoring.models import Window
from apps.monitoring.policies import active_monitoring_policy
from apps.monitoring.selectors import alerting, newest_finding, newest_performance, open_alerts
from apps.monitoring.services.monitor import Monitored, monitor
from apps.monitoring.windows import DEFAULT_KINDS
from apps.monitoring.words import SEVERITY_NAMES, alarms_sentence, alert_text, alert_title, window_name, worth_sentence


class Command(ActingCommand):
    help = (
        "Compare every window of answers that nobody looked at yet with what its version stands on, and meet earlier ones with "
        "the levels observed since. For cron or a timer: exit code 0 quiet, 1 error, 3 where an alert waits for somebody."
    )
    right = Right.MONITOR

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--window",
            action="append",
            choices=Window.Kind.values,
            dest="kinds",
            help="campaigns, or slices of the prediction log; may be given several times (default: campaign and month)",
        )

    def act(self, actor: Actor, *, kinds: list[str] | None, **_options: Any) -> int | None:
        with self._progress() as report:
            done = monitor(actor=actor, kinds=kinds or DEFAULT_KINDS, on_step=report)
        waiting = list(alerting())
        for line in self._lines(done):
            self.say(line)
        self.say(
            ngettext("{n} alert waits for somebody.", "{n} alerts wait for somebody.", len(waiting)).format(
                n=len(waiting)
            )
            if waiting
            else _("No alert waits for anybody.")
        )
        self.answer(MonitoredDocument.of(done, waiting=len(waiting)).to_dict())
        return WAITING if waiting else None

    def _lines(self, done: Monitored) -> Iterator[str]:
        """What was found, for people."""
        if not (done.windows or done.updated or done.passed_over):
            yield _(
                "Nothing new to look at: no campaign has ended and no month of the log is over since the last look."
            )
        for version, name, refusal in done.passed_over:
            yield named(f"! {version} {name}", refusal.explain(_))
        for window in done.windows:
            finding = newest_finding(window)
            found = alarms_sentence(finding) if finding else "—"
            yield named(f"{window.version.name}, {window_name(window)}", found)
        for window in done.updated:
            known = newest_performance(window)
            if known is not None:
                yield named(f"{window.version.name}, {window_name(window)}", worth_sentence(known))
        opened, alerts = {one.pk for one in done.opened}, list(open_alerts())
        for alert in alerts:
            if alert.pk in opened:
                yield f"! [{SEVERITY_NAMES[alert.severity]}] {alert_title(alert)}"
                yield f"  {alert_text(alert)}"
        if not alerts and any(finding.alarms for window in done.windows if (finding := newest_finding(window))):
            asked = active_monitoring_policy().drift.persistence
            yield _("An alert opens once an alarm stands in {alarms} of {windows} windows in a row.").format(
                alarms=asked.alarms, windows=asked.windows
            )
        if done.request is not None:
            yield _("The policy asked for a retraining: request {number}.").format(number=done.request.pk)

    @contextmanager
    def _progress(self) -> Iterator[Callable[[str], None]]:
        """What shows which window is looked at, for who looks on."""
        if self.as_json or not sys.stderr.isatty():
            yield lambda _words: None
            return
        with Console(stderr=True).status(_("looking at production")) as status:
            yield status.update
