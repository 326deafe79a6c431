"""``manage.py verify_audit_log``: is the audit log as it was written?"""

from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.audit.services import verify_chain


class Command(ActingCommand):
    help = "Check every event of the audit log against the hash chain; exit 1 names the first one that was changed."

    def act(self, actor: Actor, **_options: Any) -> None:
        del actor  # reading the log is not an act on it
        events = verify_chain()
        self.answer({"events": events, "intact": True})
        self.say(_("The audit log is intact: {events} events.").format(events=events))
