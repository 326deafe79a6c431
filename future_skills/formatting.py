"""Numbers and dates as French and English write them: the same in pages, charts and MODEL_REGISTRY.md.

French: decimal comma, thousands and the percent sign set off by a narrow no-break space. English: point,
comma, no space. A minus sign is the real one (U+2212). A value that is not known is a dash.
"""

import re
from datetime import date, datetime
from typing import Final, Literal

from future_skills.schema import PERIOD_PATTERN

Language = Literal["fr", "en"]

THIN: Final = "\u202f"
"""Narrow no-break space."""

MINUS: Final = "\u2212"
UNKNOWN: Final = "—"

_MONTHS: Final[dict[Language, tuple[str, ...]]] = {
    "fr": (
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ),
    "en": (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
}
_BYTE_UNITS: Final[dict[Language, tuple[str, ...]]] = {
    "fr": ("octets", "ko", "Mo", "Go", "To"),
    "en": ("bytes", "kB", "MB", "GB", "TB"),
}


def language_of(code: str | None) -> Language:
    """The language we write for a language code such as ``en-gb``; French for any we do not have."""
    return "en" if (code or "").lower().startswith("en") else "fr"


def decimal(value: float | None, language: Language, digits: int = 3) -> str:
    """A number with ``digits`` decimals: ``0,903``, ``32 414,0``; a dash for None."""
    if value is None:
        return UNKNOWN
    text = f"{abs(value):,.{digits}f}"
    if language == "fr":
        text = text.replace(",", THIN).replace(".", ",")
    negative = value < 0 and float(f"{value:.{digits}f}") != 0
    return MINUS + text if negative else text


def integer(value: float | None, language: Language) -> str:
    """A whole number: ``32 414``; a dash for None."""
    return decimal(value, language, 0)


def percent(share: float | None, language: Language, digits: int = 1) -> str:
    """A share between 0 and 1 as a percentage: ``82,1 %``; a dash for None."""
    if share is None:
        return UNKNOWN
    return decimal(100 * share, language, digits) + (f"{THIN}%" if language == "fr" else "%")


def signed(value: float | None, language: Language, digits: int = 3) -> str:
    """A difference, with its sign: ``+0,012``, ``−0,004``, ``0,000``; a dash for None."""
    if value is None:
        return UNKNOWN
    positive = value > 0 and float(f"{value:.{digits}f}") != 0
    return ("+" if positive else "") + decimal(value, language, digits)


def signed_points(difference: float | None, language: Language, digits: int = 1) -> str:
    """A difference of shares in percentage points: ``+1,2 pt``; a dash for None."""
    if difference is None:
        return UNKNOWN
    space = THIN if language == "fr" else " "
    return f"{signed(100 * difference, language, digits)}{space}pt"


def estimate(share: float, low: float, high: float, rows: int, language: Language) -> str:
    """An estimated share with its interval and its n: ``82,1 % (79,8–84,2), n = 1 204``."""
    ends = f"{decimal(100 * low, language, 1)}–{decimal(100 * high, language, 1)}"
    return f"{percent(share, language)} ({ends}), n\u00a0=\u00a0{integer(rows, language)}"


def times_in_hundred(share: float) -> int:
    """A share as “so many times out of 100”, never 0 or 100 unless it is exactly that."""
    if share in {0.0, 1.0}:
        return int(100 * share)
    return min(99, max(1, round(100 * share)))


def day(value: date | None, language: Language) -> str:
    """A date: ``4 mars 2026``, ``4 March 2026``; a dash for None."""
    if value is None:
        return UNKNOWN
    number = "1er" if language == "fr" and value.day == 1 else str(value.day)
    return f"{number}\u00a0{_MONTHS[language][value.month - 1]}\u00a0{value.year:04d}"


def short_day(value: date | None) -> str:
    """A date for a column of dates, the same in both languages: ``2026-03-04``; a dash for None."""
    return UNKNOWN if value is None else value.strftime("%Y-%m-%d")


def moment(value: datetime | None, language: Language) -> str:
    """A date and time: ``4 mars 2026 à 10:05``, ``4 March 2026 at 10:05``; a dash for None."""
    if value is None:
        return UNKNOWN
    word = "à" if language == "fr" else "at"
    return f"{day(value, language)} {word}\u00a0{value:%H:%M}"


def period(value: str | None, language: Language) -> str:
    """A period (YYYY-MM) as a month: ``février 2024``; any other text as it is; a dash for None."""
    if value is None:
        return UNKNOWN
    if not re.fullmatch(PERIOD_PATTERN, value):
        return value
    year, _, month = value.partition("-")
    return f"{_MONTHS[language][int(month) - 1]}\u00a0{year}"


def size(count: int | None, language: Language) -> str:
    """A number of bytes: ``12,4 Mo``, ``12.4 MB``, ``812 octets``; a dash for None."""
    if count is None:
        return UNKNOWN
    units = _BYTE_UNITS[language]
    amount, unit = float(count), 0
    while amount >= 999.95 and unit < len(units) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{decimal(amount, language, 1 if unit else 0)}\u00a0{units[unit]}"


def duration(seconds: float | None, language: Language) -> str:
    """A duration: ``8,4 s``, ``3 min 20 s``, ``2 h 05 min``; a dash for None."""
    if seconds is None:
        return UNKNOWN
    if seconds < 59.95:
        return f"{decimal(seconds, language, 1)}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\u00a0min {rest:02d}\u00a0s"
    hours, minutes = divmod(minutes, 60)
    return f"{integer(hours, language)}\u00a0h {minutes:02d}\u00a0min"
