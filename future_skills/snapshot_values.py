"""What a cell of an HR file may hold, and how it is read: names, periods, levels and numbers, in French or in English.

Each ``read_`` function takes the text of one cell, already stripped, and returns its value or raises ``Unacceptable``
with a sentence for the person who wrote it. Nothing is guessed: what could mean two things is refused.
"""

import re
import unicodedata
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import polars as pl

from future_skills import schema
from future_skills.errors import translatable

THOUSANDS_SPACES: Final = "\u0020\u00a0\u2009\u202f"
"""Space, no-break space, thin space, narrow no-break space: what French typing puts between thousands."""

PLAIN_NUMBER: Final = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
"""A number as computers write it."""

COMMA_NUMBER: Final = r"^[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]+)?$"
"""A number with a decimal comma."""

MAYBE_THOUSANDS: Final = r"^[+-]?[1-9][0-9]{0,2},[0-9]{3}$"
"""A number whose comma may stand before decimals, or between thousands."""

_PLAIN_NUMBER = re.compile(PLAIN_NUMBER)
_SPACED_NUMBER = re.compile(rf"^[+-]?[0-9]{{1,3}}(?:[{THOUSANDS_SPACES}][0-9]{{3}})+(?:[.,][0-9]+)?$")
_COMMA_NUMBER = re.compile(COMMA_NUMBER)
_MAYBE_THOUSANDS = re.compile(MAYBE_THOUSANDS)
_PERIOD = re.compile(schema.PERIOD_PATTERN)

MISSING_MARKERS: Final = frozenset({"nan", "na", "n/a", "null", "none", "nil", "-", "--", "?"})
"""What programs and people write for “no value”; a blank cell is the one way here, so that nothing is guessed."""

INFINITIES: Final = frozenset({"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", "∞", "+∞", "-∞"})

SPREADSHEET_ERRORS: Final = frozenset(
    {"#ref!", "#n/a", "#value!", "#div/0!", "#name?", "#num!", "#null!", "#spill!", "#calc!", "#getting_data"}
    | {"#valeur!", "#nom?", "#nombre!", "#nul!"}
)
"""What Excel shows, in English and in French, where a formula failed."""

LEVEL_WORDS: Final = {
    "low": schema.LOW,
    "medium": schema.MEDIUM,
    "high": schema.HIGH,
    "faible": schema.LOW,
    "moyen": schema.MEDIUM,
    "eleve": schema.HIGH,
}
"""Accepted spellings of a need level, capitals and accents left aside."""

FRENCH_LEVELS: Final = {schema.LOW: "Faible", schema.MEDIUM: "Moyen", schema.HIGH: "Élevé"}
"""The levels as the template's drop-down writes them."""


class Unacceptable(ValueError):  # noqa: N818 — it is the cell that is unacceptable
    """A cell that cannot be accepted.

    Attributes:
        template: why, for a person, with the placeholders of ``values``.
        values: what fills them.
    """

    def __init__(self, template: str, **values: Any) -> None:
        self.template = template
        self.values = values
        super().__init__(template.format(**values))


def without_accents(text: str) -> str:
    """Lower case, no accents: “Élevé” becomes “eleve”."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def read_name(text: str) -> str:
    """The name of a role, skill, category or department.

    Spaces of every kind become one plain space, and letters take their composed form (NFC): two names that look the
    same on a page are the same name. Case and accents are kept as published, since “R” and “r” may be two things.
    """
    if not text:
        raise Unacceptable(translatable("the cell is blank, and a name is needed"))
    lowered = text.casefold()
    if lowered in SPREADSHEET_ERRORS:
        raise Unacceptable(translatable("this is a spreadsheet error: correct the formula"))
    if lowered in MISSING_MARKERS:
        raise Unacceptable(translatable("a name is needed, and this means “no value”"))
    if len(text) > schema.NAME_MAX_LENGTH:
        raise Unacceptable(
            translatable("the name has {length} characters, and {maximum} is the most"),
            length=len(text),
            maximum=schema.NAME_MAX_LENGTH,
        )
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}:
            raise Unacceptable(
                translatable("it holds an invisible character ({code}): type the name again"),
                code=f"U+{ord(character):04X}",
            )
    return " ".join(unicodedata.normalize("NFC", text).split())


def read_code(text: str) -> str | None:
    """The code of a job role; None where the cell is blank."""
    return read_name(text) if text else None


def read_period(text: str) -> str:
    """A month, YYYY-MM, that has begun somewhere on Earth."""
    if not _PERIOD.fullmatch(text):
        raise Unacceptable(translatable("a period is a month, written YYYY-MM, as 2025-03"))
    if text > f"{datetime.now(_FIRST_TIME_ZONE):%Y-%m}":
        raise Unacceptable(translatable("this month has not come yet: a snapshot says what was observed"))
    return text


_FIRST_TIME_ZONE: Final = timezone(timedelta(hours=14))


def read_level(text: str) -> str | None:
    """A need level, ``LOW``, ``MEDIUM`` or ``HIGH``; None where the cell is blank: it was not observed."""
    if not text:
        return None
    level = LEVEL_WORDS.get(without_accents(text))
    if level is None:
        raise Unacceptable(
            translatable("unknown level: write {levels}, or leave the cell blank if it was not observed"),
            levels="LOW, MEDIUM, HIGH (Faible, Moyen, Élevé)",
        )
    return level


def read_number(text: str, feature: schema.NumericFeature, *, comma_separates_cells: bool) -> float | None:
    """A number in the range of its feature; None where the cell is blank.

    Args:
        text: the cell: ``0.82``, ``0,82``, ``1 204,5``.
        feature: gives the range.
        comma_separates_cells: the file is an English-style CSV, where ``1,234`` may mean 1234 as well as 1.234.
    """
    if not text:
        return None
    number = float(_plain(text, comma_separates_cells=comma_separates_cells))
    check_range(number, feature)
    return number + 0.0  # -0.0 and 0.0 are one value


def check_range(number: float, feature: schema.NumericFeature) -> None:
    """Refuse NaN, infinities and what is out of the feature's range."""
    if number != number:  # noqa: PLR0124 — the definition of NaN
        raise Unacceptable(translatable("this is not a number: leave the cell blank if the value is unknown"))
    if not feature.minimum <= number <= feature.maximum:
        raise Unacceptable(
            translatable("out of range: it must be between {minimum} and {maximum}"),
            minimum=f"{feature.minimum:g}" if abs(feature.minimum) < 1e6 else f"{feature.minimum:.0f}",
            maximum=f"{feature.maximum:g}" if abs(feature.maximum) < 1e6 else f"{feature.maximum:.0f}",
        )


def _plain(text: str, *, comma_separates_cells: bool) -> str:
    """The number as Python writes it."""
    if _PLAIN_NUMBER.fullmatch(text):
        return text
    lowered = text.casefold()
    if lowered in MISSING_MARKERS or lowered in INFINITIES:
        raise Unacceptable(translatable("this is not a number: leave the cell blank if the value is unknown"))
    if lowered in SPREADSHEET_ERRORS:
        raise Unacceptable(translatable("this is a spreadsheet error: correct the formula"))
    if text.endswith("%"):
        raise Unacceptable(
            translatable("a percent sign is not accepted: write 0.82 for a share of 82 %, 7.1 for a rate of 7.1 %")
        )
    if comma_separates_cells and _MAYBE_THOUSANDS.fullmatch(text):
        raise Unacceptable(
            translatable("this can mean {whole} or {decimal}: write one of these"),
            whole=text.replace(",", ""),
            decimal=text.replace(",", "."),
        )
    if _SPACED_NUMBER.fullmatch(text):
        text = re.sub(f"[{THOUSANDS_SPACES}]", "", text)
        return text.replace(",", ".")
    if _COMMA_NUMBER.fullmatch(text):
        return text.replace(",", ".")
    raise Unacceptable(translatable("this is not a number: write 1204.5 or 1204,5, with no other sign"))


def with_decimal_points(cells: pl.Series, *, comma_separates_cells: bool) -> pl.Series:
    """The same texts, decimal commas written as points where there is no doubt: a quick way through a French file."""
    decimal = cells.str.contains(COMMA_NUMBER)
    if comma_separates_cells:
        decimal &= ~cells.str.contains(MAYBE_THOUSANDS)
    return cells.zip_with(~decimal, cells.str.replace(",", ".", literal=True))
