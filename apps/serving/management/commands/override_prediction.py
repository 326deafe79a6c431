"""``manage.py override_prediction``: give a pair another level than the model does, or take that back."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.accounts.rights import Right
from apps.registry.pages import LEVEL_NAMES
from apps.registry.words import parse_day
from apps.serving.overrides.documents import OverrideDocument
from apps.serving.overrides.seen import Seen
from apps.serving.overrides.services import override_prediction, withdraw_override
from future_skills import schema
from future_skills.formatting import day, language_of


class Command(ActingCommand):
    help = (
        "Give a job role and a skill another level than the model does, until a day; or --withdraw such a decision. It is done "
        "in one's own name: FUTURE_SKILLS_TOKEN."
    )
    right = Right.OVERRIDE_PREDICTIONS

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--prediction", metavar="ID", help="the prediction that you read, in the log")
        parser.add_argument(
            "--campaign", type=int, metavar="N", help="… or the campaign that said it, with --role, --skill"
        )
        parser.add_argument("--role", default="", metavar="NAME")
        parser.add_argument("--skill", default="", metavar="NAME")
        parser.add_argument(
            "--level", default="", choices=["", *schema.LEVELS], metavar="LEVEL", help="LOW, MEDIUM or HIGH"
        )
        parser.add_argument("--until", default="", metavar="DAY", help="the last day on which it counts: YYYY-MM-DD")
        parser.add_argument("--replaces", type=int, metavar="N", help="the decision on this pair that you had read")
        parser.add_argument("--withdraw", type=int, metavar="N", help="take back that decision instead")
        parser.add_argument("--reason", required=True, metavar="WORDS", help="why")

    def act(self, actor: Actor, *, withdraw: int | None, reason: str, **options: Any) -> None:
        if withdraw is not None:
            decided = withdraw_override(actor=actor, override=withdraw, reason=reason)
            self.say(_("{role} × {skill} has the model's level again.").format(role=decided.role, skill=decided.skill))
        else:
            decided = override_prediction(
                actor=actor,
                seen=Seen.named(**{name: options[name] for name in ("prediction", "campaign", "role", "skill")}),
                level=options["level"],
                until=parse_day(options["until"]),
                reason=reason,
                replaces=options["replaces"],
            )
            self.say(
                _("{role} × {skill} is now {level}, until {day}.").format(
                    role=decided.role,
                    skill=decided.skill,
                    level=LEVEL_NAMES[decided.level],
                    day=day(decided.until, language_of(get_language())),
                )
            )
            self.say(_("Decision {number}: take it back with --withdraw {number}.").format(number=decided.pk))
        self.answer(OverrideDocument.of(decided).to_dict())
