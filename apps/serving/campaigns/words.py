"""Campaigns in words."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from apps.serving.campaigns.models import Campaign, State
from apps.serving.campaigns.selectors import counts_of
from future_skills.errors import FutureSkillsError
from future_skills.formatting import integer, language_of, percent, period

STATE_NAMES: Final[Mapping[State, Any]] = {
    State.WAITING: _("waits for a worker"),
    State.RUNNING: _("under way"),
    State.INTERRUPTED: _("interrupted"),
    State.DONE: _("finished"),
    State.FAILED: _("failed"),
}


def name_of(campaign: Campaign) -> str:
    """What people call it: “3 · Plan 2027”, “3 · March 2026”."""
    return f"{campaign.pk} · {campaign.label or period(campaign.period, language_of(get_language()))}"


def problem_text(campaign: Campaign, translate: Any) -> str:
    """What stopped it, or made it rest; "" where nothing did."""
    kept = campaign.problem
    if kept is None:
        return ""
    return FutureSkillsError(kept["template"], hint=kept["hint"], **kept["details"]).explain(translate)


def summary_text(campaign: Campaign) -> str:
    """What a finished campaign says, in one sentence."""
    language, counts = language_of(get_language()), counts_of(campaign)
    pairs = campaign.pairs or 0
    return gettext(
        "{pairs} pairs of {period} scored by {version}: {high} expected at High, of which {rising} are not today; "
        "{abstained} answers should not be relied upon."
    ).format(
        pairs=integer(pairs, language),
        period=period(campaign.period, language),
        version=campaign.version,
        high=integer(counts["high"], language),
        rising=integer(counts["rising"], language),
        abstained=percent(counts["abstained"] / pairs if pairs else None, language),
    )
