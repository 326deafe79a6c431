"""``manage.py worker``: run the background tasks, take up what a dead worker left, and look at production now and then."""

import logging
import time
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _
from django_tasks import DEFAULT_TASK_BACKEND_ALIAS
from django_tasks_db.management.commands.db_worker import Worker

from apps.accounts.actors import Actor
from apps.accounts.refusals import storage_refusal
from apps.monitoring import retraining_work
from apps.monitoring.models import Watch
from apps.monitoring.services.monitor import Monitored, monitor
from apps.serving.campaigns.tasks import take_up_left_behind
from future_skills.errors import DefectError, FutureSkillsError, MonitoringBusyError

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the queue while it is empty."""

WATCHER: Final = Actor("worker", "system")
"""Who looks at production when nobody asked: it has the rights of the user of the operating system."""


class Command(BaseCommand):
    help = (
        "Run the background tasks one after the other until Ctrl-C: campaigns and retrainings that were asked for, and those "
        "that a dead worker left; look at production (FUTURE_SKILLS_MONITOR_EVERY_HOURS). Several workers share the work."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what there is to do, and leave")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        """Empty the queue, look for what was left behind, and begin again."""
        del args, options
        worker = Worker(
            queue_names=["*"],
            interval=LOOK_EVERY,
            batch=True,  # it returns when the queue is empty
            backend_name=DEFAULT_TASK_BACKEND_ALIAS,
            startup_delay=False,
            max_tasks=None,
            worker_id=get_random_string(32),
            excluded_queue_names=[],
        )
        worker.configure_signals()
        self.stdout.write(_("Waiting for tasks (Ctrl-C stops)."))
        while worker.running:
            worker.run()
            self._take_up()
            self._watch()
            if once:
                break
            time.sleep(LOOK_EVERY)

    def _take_up(self) -> None:
        """Go on with what a dead worker left."""
        for key, refusal in take_up_left_behind():
            words = _("finished") if refusal is None else refusal.explain(_)
            self.stdout.write(
                _("Campaign {campaign}, left behind, was taken up: {words}").format(campaign=key, words=words)
            )
        for key, refusal in retraining_work.take_up_left_behind():
            words = _("finished") if refusal is None else refusal.explain(_)
            self.stdout.write(
                _("Retraining request {number}, left behind, was taken up: {words}").format(number=key, words=words)
            )

    def _watch(self) -> None:
        """Look at production where it is time to."""
        hours = settings.FUTURE_SKILLS_MONITOR_EVERY_HOURS
        last = Watch.objects.filter(pk=1).values_list("done_at", flat=True).first()
        if not hours or (last is not None and timezone.now() - last < timedelta(hours=hours)):
            return
        try:
            done = monitor(actor=WATCHER)
        except MonitoringBusyError:
            return
        except FutureSkillsError as refusal:
            self._could_not_watch(refusal)
            return
        except (OSError, DatabaseError) as error:
            self._could_not_watch(storage_refusal(error))
            return
        except Exception as error:  # a defect in one part of the work must not end the others
            logger.exception("monitor")
            self._could_not_watch(DefectError.of(error))
            return
        self._tell(done)

    def _could_not_watch(self, refusal: FutureSkillsError) -> None:
        self.stdout.write(_("Production could not be looked at: {words}").format(words=refusal.explain(_)))
        Watch.objects.filter(pk=1).update(done_at=timezone.now(), done_by=WATCHER.name)  # not again at once

    def _tell(self, done: Monitored) -> None:
        if done.windows or done.updated or done.opened:
            self.stdout.write(
                _("Production was looked at: {windows} new windows, {alerts} new alerts.").format(
                    windows=len(done.windows), alerts=len(done.opened)
                )
            )
