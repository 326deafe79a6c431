"""``manage.py retrain``: ask for a version that follows the live one, and make it."""

from argparse import BooleanOptionalAction
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import REFUSED, ActingCommand
from apps.accounts.rights import Right
from apps.monitoring.documents import RequestDocument
from apps.monitoring.models import RetrainRequest
from apps.monitoring.retraining_work import work_on
from apps.monitoring.selectors import find_request
from apps.monitoring.services.retraining import request_retraining
from apps.monitoring.words import request_sentence


class Command(ActingCommand):
    help = (
        "Export the facts, train the next version as the live one was, and evaluate its criteria: a candidate that waits for "
        "people. With nothing new to learn from, it says what is needed and from whom."
    )
    right = Right.RETRAIN

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--reason", default="", metavar="WORDS", help="why")
        parser.add_argument("--alert", type=int, metavar="N", help="the alert that it answers")
        parser.add_argument("--request", type=int, metavar="N", help="go on with this request instead")
        parser.add_argument(
            "--wait",
            action=BooleanOptionalAction,
            default=True,
            help="do it in this process, now (default); --no-wait leaves it to a worker: manage.py worker",
        )

    def act(
        self, actor: Actor, *, reason: str, alert: int | None, request: int | None, wait: bool, **_options: Any
    ) -> int | None:
        found = (
            request_retraining(actor=actor, reason=reason, alert=alert, enqueue=not wait)
            if request is None
            else find_request(request)
        )
        if wait and not found.over:
            found = work_on(found.pk, on_step=lambda words: self.say(f"… {_(words)}"))
        self._tell(found)
        return REFUSED if found.failed_at else None

    def _tell(self, found: RetrainRequest) -> None:
        self.say(_("Retraining request {number}: {sentence}").format(number=found.pk, sentence=request_sentence(found)))
        self.answer(RequestDocument.of(found).to_dict())
