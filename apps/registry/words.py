"""Words that people bring, and moments as people read them."""

from datetime import date, datetime

from django.utils import timezone
from django.utils.translation import get_language

from future_skills import formatting
from future_skills.errors import UsageError, translatable
from future_skills.text import require_text

LONGEST_TEXT = 10_000


def required_words(text: str, refusal: str) -> str:
    """A text that must not be empty, stripped.

    Raises:
        UsageError: it is empty, longer than ``LONGEST_TEXT`` characters, or holds control characters.
    """
    text = require_text(text).strip()
    if not 0 < len(text) <= LONGEST_TEXT:
        raise UsageError(refusal)
    return text


def optional_words(text: str, refusal: str) -> str:
    """A text that may be empty, stripped.

    Raises:
        UsageError: it is longer than ``LONGEST_TEXT`` characters, or holds control characters.
    """
    return required_words(text, refusal) if text.strip() else ""


def parse_day(text: str) -> date:
    """The day that somebody wrote.

    Raises:
        UsageError: it is none.
    """
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(translatable("“{day}” is no day: write YYYY-MM-DD."), day=text[:40]) from error


def moment(at: datetime) -> str:
    """A moment in the time zone of the installation and the reader's language: "4 mars 2026 à 10:05"."""
    return formatting.moment(timezone.localtime(at), formatting.language_of(get_language()))
