"""``manage.py predict_all``: score every pair of a period by the version in production."""

import sys
import time
from argparse import BooleanOptionalAction
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.core.management.base import CommandParser
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from apps.accounts.actors import Actor
from apps.accounts.commands import REFUSED, ActingCommand
from apps.accounts.rights import Right
from apps.serving.campaigns.documents import CampaignDocument
from apps.serving.campaigns.models import Campaign
from apps.serving.campaigns.selectors import find_campaign
from apps.serving.campaigns.services import start_campaign
from apps.serving.campaigns.words import name_of, problem_text, summary_text
from apps.serving.campaigns.work import Report, work_on
from future_skills.errors import CampaignBusyError
from future_skills.formatting import language_of, percent

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at what another process does."""


class Command(ActingCommand):
    help = (
        "Score every pair of the latest snapshot by the version in production: a campaign, whose result is kept. "
        "Interrupted and run again, it goes on where it was."
    )
    right = Right.RUN_CAMPAIGNS

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--period", metavar="YYYY-MM", help="score the pairs of this period (default: the latest one)"
        )
        parser.add_argument("--label", default="", metavar="TEXT", help="what people call it")
        parser.add_argument(
            "--wait",
            action=BooleanOptionalAction,
            default=True,
            help="score them in this process, now (default); --no-wait leaves it to a worker: manage.py worker",
        )

    def act(self, actor: Actor, *, period: str | None, label: str, wait: bool, **_options: Any) -> int | None:
        started = start_campaign(actor=actor, period=period, label=label, enqueue=not wait)
        campaign = started.campaign
        if started.is_new:
            self.say(_("Campaign {name}, by {version}.").format(name=name_of(campaign), version=campaign.version))
        else:
            self.say(_("Campaign {name} was under way already: it goes on.").format(name=name_of(campaign)))
        if wait:
            campaign = self._done(campaign)
            self.say(problem_text(campaign, _) or summary_text(campaign))
        else:
            self.say(
                _(
                    "A worker does it: “make worker” starts one. Its page, and “manage.py list_campaigns”, show how far it is."
                )
            )
        self.answer(CampaignDocument.of(campaign).to_dict())
        return REFUSED if campaign.failed_at else None

    def _done(self, campaign: Campaign) -> Campaign:
        """The campaign at its end: brought there by the process that works on it, or by this one once that one is no more."""
        told = False
        with self._progress() as report:
            while True:
                try:
                    return work_on(campaign.pk, on_progress=report)
                except CampaignBusyError as busy:
                    if not told:
                        self.say(busy.explain(_))
                        told = True
                report(find_campaign(campaign.pk))
                time.sleep(LOOK_EVERY)

    @contextmanager
    def _progress(self) -> Iterator[Report]:
        """What shows how far it is: a bar for who looks on, a line for each step otherwise."""
        if self.as_json:
            yield lambda _campaign: None
        elif sys.stderr.isatty():
            columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
            with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
                task = bar.add_task(_("scoring"), total=1.0)
                yield lambda campaign: bar.update(task, completed=campaign.progress)
        else:
            yield lambda campaign: self.say(f"  {percent(campaign.progress, language_of(get_language()), 0)}")
