"""``manage.py monitoring_policy``: show the monitoring policy in force, or put another one in its place."""

from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.monitoring.policies import active_monitoring_policy
from apps.monitoring.services.policy import set_monitoring_policy


class Command(ActingCommand):
    help = "Show the monitoring policy in force, or put another one in its place."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--set", type=Path, metavar="FILE", dest="path", help="a YAML file that takes its place")
        what.add_argument("--default", action="store_true", help="go back to future_skills/monitoring_policy.yaml")
        parser.add_argument("--reason", default="", metavar="WORDS", help="why it changes")

    def act(self, actor: Actor, *, path: Path | None, default: bool, reason: str, **_options: Any) -> None:
        changed = path is not None or default
        policy = set_monitoring_policy(actor=actor, path=path, reason=reason) if changed else active_monitoring_policy()
        content = policy.model_dump(mode="json")
        if changed:
            self.say(_("In force from now on:"))
        self.say(yaml.safe_dump(content, sort_keys=False, allow_unicode=True).rstrip())
        self.say(f"sha256 {policy.sha256}")
        self.answer({"sha256": policy.sha256, "policy": content})
