"""Filters that write numbers, dates and need levels as the active language does."""

from datetime import date, datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from apps.registry.pages import LEVEL_NAMES
from future_skills import formatting
from future_skills.gate_text import verdict_text
from future_skills.gates import Verdict
from future_skills.lifecycle import STAGE_NAMES, Stage

register = template.Library()


def _language() -> formatting.Language:
    return formatting.language_of(get_language())


@register.filter
def percent(share: float | None) -> str:
    """``82,1 %``."""
    return formatting.percent(share, _language())


@register.filter
def hundredths(share: float | None) -> str:
    """``82,1``, for a column whose heading says %."""
    return formatting.UNKNOWN if share is None else formatting.decimal(100 * share, _language(), 1)


@register.filter
def score(value: float | None) -> str:
    """``0,903``."""
    return formatting.decimal(value, _language())


@register.filter
def times(value: float | None) -> str:
    """``11,5``, one decimal."""
    return formatting.decimal(value, _language(), 1)


@register.filter
def whole(value: float | None) -> str:
    """``32 414``."""
    return formatting.integer(value, _language())


@register.filter
def filesize(count: int | None) -> str:
    """``12,4 Mo``."""
    return formatting.size(count, _language())


@register.filter
def duration(seconds: float | None) -> str:
    """``3 min 20 s``."""
    return formatting.duration(seconds, _language())


@register.filter
def moment(value: datetime | None) -> str:
    """``4 mars 2026 à 10:05``, in the installation's time zone."""
    return formatting.moment(value and timezone.localtime(value), _language())


@register.filter
def day(value: date | None) -> str:
    """``4 mars 2026``; of a moment, in the installation's time zone."""
    return formatting.day(timezone.localtime(value) if isinstance(value, datetime) else value, _language())


@register.filter
def iso_day(value: datetime) -> str:
    """``2026-03-04``, for columns of dates."""
    return formatting.short_day(timezone.localtime(value))


@register.filter
def period(value: str | None) -> str:
    """``février 2024``."""
    return formatting.period(value, _language())


@register.filter
def level(value: str) -> SafeString:
    """A need level: its shade, and the word always beside it."""
    return format_html(
        '<span class="level"><span class="swatch {}" aria-hidden="true"></span>{}</span>',
        f"level-{value.lower()}",
        LEVEL_NAMES.get(value, value),
    )


@register.filter
def verdict(value: str) -> SafeString:
    """A verdict: its sign, its word, its colour."""
    return format_html('<span class="verdict {}">{}</span>', value, verdict_text(Verdict(value), _language()))


@register.filter
def stage(value: str) -> SafeString:
    """The stage of a version, as a tag."""
    return format_html('<span class="tag stage {}">{}</span>', value, gettext(STAGE_NAMES[Stage(value)]))
