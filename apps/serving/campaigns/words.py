"""Campaigns in words."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from apps.serving.campaigns.models import Campaign, State
from apps.serving.campaigns.selectors import counts_of
from future_skills.errors import kept_refusal
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
    return kept_refusal(kept).explain(translate)


def summary_text(campaign: Campaign) -> str:
    """What a finished campaign says, in one sentence."""
    language, counts = language_of(get_language()), counts_of(campaign)
    pairs = campaign.pairs or 0
    return gettext(
        "Pairs of {period} scored by {version}: {pairs}. Expected at High: {high}, of which {rising} are not today. "
        "Answers not to rely upon: {abstained}."
    ).format(
        pairs=integer(pairs, language),
        period=period(campaign.period, language),
        version=campaign.version,
        high=integer(counts["high"], language),
        rising=integer(counts["rising"], language),
        abstained=percent(counts["abstained"] / pairs if pairs else None, language),
    )


REASON_NAMES: Final[Mapping[str, Any]] = {"model": _("model"), "market": _("market"), "data": _("facts of the pair")}
"""What moved a score -> in words."""


def changes_sentence(changed: int, came: int, went: int) -> str:
    """What is different, in one sentence."""
    language = language_of(get_language())
    if not (changed or came or went):
        return gettext("Nothing is different: the same pairs, at the same levels.")
    return gettext("Pairs at another level: {changed}; that came: {came}; that went: {went}.").format(
        changed=integer(changed, language), came=integer(came, language), went=integer(went, language)
    )


def reasons_sentence(reasons: Mapping[Any, int], changed: int) -> str:
    """What moved the changed pairs, in one sentence."""
    language = language_of(get_language())
    known = sum(reasons.values())
    if not known:
        return gettext("Why cannot be told: neither version can read what the other one read.")
    return gettext("What moved them most: another model {model}, the market {market}, other facts {data}.").format(
        **{name: percent(count / changed, language) for name, count in reasons.items()}
    )
