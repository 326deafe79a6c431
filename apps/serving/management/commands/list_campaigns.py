"""``manage.py list_campaigns``: the last campaigns, and how far each is."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.serving.campaigns.documents import CampaignDocument
from apps.serving.campaigns.selectors import campaigns
from apps.serving.campaigns.words import STATE_NAMES, name_of, problem_text
from future_skills.formatting import integer, language_of, percent


class Command(ActingCommand):
    help = "The last prediction campaigns, newest first, and how far each of them is."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--most", type=int, default=20, metavar="N", help="how many at most (default: %(default)s)")

    def act(self, actor: Actor, *, most: int, **_options: Any) -> None:
        del actor
        language, found = language_of(get_language()), list(campaigns()[: max(most, 0)])
        if not found:
            self.say(_("There is no campaign yet: “manage.py predict_all” makes one."))
        for campaign in found:
            pairs = "—" if campaign.pairs is None else integer(campaign.pairs, language)
            self.say(
                f"{name_of(campaign)} | {campaign.version} | {STATE_NAMES[campaign.state]} | "
                f"{percent(campaign.progress, language, 0)} | {pairs}"
            )
            if problem := problem_text(campaign, _):
                self.say(f"  ! {problem}")
        self.answer({"campaigns": [CampaignDocument.of(campaign).to_dict() for campaign in found]})
