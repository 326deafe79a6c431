"""``manage.py sweep_campaigns``: go on with the campaigns that a dead worker left."""

from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import REFUSED, ActingCommand, named
from apps.accounts.rights import Right
from apps.serving.campaigns.documents import CampaignDocument
from apps.serving.campaigns.selectors import find_campaign
from apps.serving.campaigns.tasks import take_up_left_behind
from apps.serving.campaigns.words import name_of, summary_text


class Command(ActingCommand):
    help = "Go on with the campaigns that nobody works on any more, each where it was. A worker does it by itself."
    right = Right.RUN_CAMPAIGNS

    def act(self, actor: Actor, **_options: Any) -> int | None:
        del actor
        documents, refused = [], False
        for key, refusal in take_up_left_behind():
            campaign = find_campaign(key)
            documents.append(CampaignDocument.of(campaign).to_dict())
            refused |= refusal is not None
            words = summary_text(campaign) if refusal is None else refusal.explain(_)
            self.say(named(name_of(campaign), words))
        if not documents:
            self.say(_("No campaign was left behind."))
        self.answer({"campaigns": documents})
        return REFUSED if refused else None
