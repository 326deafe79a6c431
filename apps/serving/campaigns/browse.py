"""What an address asks of a campaign's pairs, and the rows that answer it: only what is asked is read of the result."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final
from urllib.parse import urlencode

import polars as pl
from django.http import HttpRequest
from django.utils.translation import gettext

from apps.registry.paging import SIZE, asked_page, beyond
from future_skills import schema
from future_skills.campaign_results import ANSWERS, FACTS, is_rising
from future_skills.overrides import with_overrides

BATCH: Final = 25_000
"""Rows of an export read at a time."""

SORTS: Final[Mapping[str, str]] = {
    "role": schema.ROLE,
    "skill": schema.SKILL,
    "high": "high",
    "score": "score",
    "confidence": "confidence",
    "emergence": "emergence",
}
"""What pairs can be sorted by -> column of the result."""

DEFAULT_SORT: Final = "-score"

ONLY: Final = ("rising", "abstained", "warned", "overridden")
"""Which pairs alone may be asked for: expected to become HIGH; not to rely upon; with a warning; decided by a person."""

LONGEST: Final = schema.NAME_MAX_LENGTH


@dataclass(frozen=True, slots=True)
class PairsQuery:
    """What is asked of the pairs; what is empty asks nothing.

    Attributes:
        department, category: exact names.
        text: part of the name of a role or a skill.
        level: expected.
        now: level today.
        only: one of ``ONLY``.
        sort: a key of ``SORTS``, with ``-`` before it for the largest first.
        page: from 1.
        notices: what of the address could not be understood, in words.
    """

    department: str = ""
    category: str = ""
    text: str = ""
    level: str = ""
    now: str = ""
    only: str = ""
    sort: str = DEFAULT_SORT
    page: int = 1
    notices: tuple[str, ...] = ()

    @classmethod
    def of(cls, request: HttpRequest) -> "PairsQuery":
        """What an address asks; what makes no sense is passed over, and said."""
        typed = {name: _printable(request.GET.get(name, "")) for name in _TYPED}
        page, said = asked_page(request)
        notices = list(said)
        known = {"level": schema.LEVELS, "now": schema.LEVELS, "only": ONLY}
        for name, values in known.items():
            if typed[name] and typed[name] not in values:
                notices.append(gettext("“{value}” is no filter of these pairs.").format(value=typed.pop(name)[:40]))
        if typed["sort"].removeprefix("-") not in SORTS:
            if typed["sort"]:
                notices.append(
                    gettext("The table cannot be sorted by “{name}”: it is sorted by score.").format(
                        name=typed["sort"][:40]
                    )
                )
            typed["sort"] = DEFAULT_SORT
        return cls(**typed, page=page, notices=tuple(notices))

    def address(self, **changes: Any) -> str:
        """The query string of this table with something changed; what is default is left out."""
        asked = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "notices"} | changes
        default = {field.name: field.default for field in fields(self)}
        return "?" + urlencode({name: value for name, value in asked.items() if value != default[name]})

    @property
    def narrowed(self) -> bool:
        """Whether some pairs alone are asked for."""
        return any(getattr(self, name) for name in _TYPED if name != "sort")


_TYPED: Final = ("department", "category", "text", "level", "now", "only", "sort")


def _printable(text: str) -> str:
    return "".join(filter(str.isprintable, text)).strip()[:LONGEST]


def matching(result: pl.LazyFrame, asked: PairsQuery, overrides: pl.DataFrame) -> pl.LazyFrame:
    """The pairs of a result that are asked for, in its order, with what people decided of them (``with_overrides``)."""
    exact = {schema.DEPARTMENT: asked.department, schema.CATEGORY: asked.category}
    exact |= {"level": asked.level, schema.CURRENT_LEVEL: asked.now}
    found = with_overrides(result.select(*FACTS, *ANSWERS), overrides)
    for name, value in exact.items():
        if value:
            found = found.filter(pl.col(name) == value)
    if asked.text:
        part = asked.text.lower()
        named = [
            pl.col(name).str.to_lowercase().str.contains(part, literal=True) for name in (schema.ROLE, schema.SKILL)
        ]
        found = found.filter(pl.any_horizontal(named))
    wanted = {
        "rising": is_rising(),
        "abstained": pl.col("abstained"),
        "warned": pl.col("warnings") != "",
        "overridden": pl.col("override_level").is_not_null(),
    }
    return found.filter(wanted[asked.only]) if asked.only else found


def in_order(found: pl.LazyFrame, sort: str) -> pl.LazyFrame:
    """The pairs sorted as asked; names decide among equals."""
    column = SORTS[sort.removeprefix("-")]
    by = dict.fromkeys((column, schema.ROLE, schema.SKILL))
    descending = [name == column and sort.startswith("-") for name in by]
    return found.sort(*by, descending=descending, nulls_last=True)


@dataclass(frozen=True, slots=True)
class PairsPage:
    """A page of the pairs.

    Attributes:
        rows: ``FACTS``, ``ANSWERS`` and ``OVERRIDE_COLUMNS`` of each.
        total: pairs that are asked for.
        number: of the page, from 1; the last one where a page beyond it was asked.
        pages: how many there are, at least 1.
        notices: what is to be said.
    """

    rows: list[dict[str, Any]]
    total: int
    number: int
    pages: int
    notices: tuple[str, ...]


def pairs_page(found: pl.LazyFrame, ordered: pl.LazyFrame, *, page: int, notices: tuple[str, ...]) -> PairsPage:
    """A page of a long table that is a file.

    Args:
        found: the rows that are asked for.
        ordered: the same, sorted.
        page: asked for.
        notices: what is to be said already.
    """
    total: int = found.select(pl.len()).collect().item()
    pages = max(1, -(-total // SIZE))
    number = min(page, pages)
    if page > pages:
        notices = (*notices, beyond(page, pages))
    rows = ordered.slice((number - 1) * SIZE, SIZE).collect()
    return PairsPage(rows.to_dicts(), total, number, pages, notices)


def in_batches(found: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Rows of an export, some at a time, in order."""
    yield from found.collect_batches(chunk_size=BATCH, maintain_order=True)


def find_pair(result: pl.LazyFrame, role: str, skill: str) -> dict[str, Any] | None:
    """The row of a pair with everything that the version read; None where the result has no such pair."""
    rows = result.filter(pl.col(schema.ROLE) == role, pl.col(schema.SKILL) == skill).collect()
    return rows.row(0, named=True) if len(rows) else None
