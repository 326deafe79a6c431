"""``manage.py worker``: run the background tasks, and take up what a dead worker left."""

import time
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _
from django_tasks import DEFAULT_TASK_BACKEND_ALIAS
from django_tasks_db.management.commands.db_worker import Worker

from apps.serving.campaigns.tasks import take_up_left_behind

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the queue while it is empty."""


class Command(BaseCommand):
    help = (
        "Run the background tasks one after the other until Ctrl-C: prediction campaigns that were asked for, and those that "
        "a dead worker left. Several workers share the work."
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
            for key, refusal in take_up_left_behind():
                words = _("finished") if refusal is None else refusal.explain(_)
                self.stdout.write(
                    _("Campaign {campaign}, left behind, was taken up: {words}").format(campaign=key, words=words)
                )
            if once:
                break
            time.sleep(LOOK_EVERY)
