"""What an address asks of the changes between two campaigns, and the rows that answer it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final
from urllib.parse import urlencode

import polars as pl
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.registry.paging import asked_page
from apps.serving.campaigns.pages import language, level_words
from apps.serving.campaigns.words import REASON_NAMES
from future_skills import schema
from future_skills.campaign_changes import PARTS
from future_skills.formatting import signed

KIND_NAMES: Final[Mapping[str, Any]] = {"changed": _("another level"), "came": _("came"), "went": _("went")}
"""Kind of a change -> in words."""


@dataclass(frozen=True, slots=True)
class ChangesQuery:
    """What is asked of the changes; what is empty asks nothing.

    Attributes:
        since: number of the earlier campaign; 0: the one before.
        kind: changed, came or went.
        reason: what moved the score furthest.
        text: part of the name of a role or a skill.
        page: from 1.
        notices: what of the address could not be understood, in words.
    """

    since: int = 0
    kind: str = ""
    reason: str = ""
    text: str = ""
    page: int = 1
    notices: tuple[str, ...] = ()

    @classmethod
    def of(cls, request: HttpRequest) -> "ChangesQuery":
        """What an address asks; what makes no sense is passed over, and said."""
        page, said = asked_page(request)
        notices, typed = list(said), {name: request.GET.get(name, "").strip() for name in ("kind", "reason", "since")}
        for name, known in (("kind", KIND_NAMES), ("reason", REASON_NAMES)):
            if typed[name] and typed[name] not in known:
                notices.append(gettext("“{value}” is no filter of these pairs.").format(value=typed[name][:40]))
                typed[name] = ""
        since = typed["since"]
        if since and not (since.isascii() and since.isdecimal() and len(since) < 10):
            notices.append(gettext("“{value}” is no number of a campaign.").format(value=since[:40]))
            since = ""
        text = "".join(filter(str.isprintable, request.GET.get("text", ""))).strip()[: schema.NAME_MAX_LENGTH]
        return cls(int(since or 0), typed["kind"], typed["reason"], text, page, tuple(notices))

    def address(self, **changes: Any) -> str:
        """The query string with something changed; what is default is left out."""
        asked = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "notices"} | changes
        default = {field.name: field.default for field in fields(self)}
        return "?" + urlencode({name: value for name, value in asked.items() if value != default[name]})

    def kind_choices(self) -> list[tuple[str, Any, bool]]:
        """Code, words, and whether it is the one chosen."""
        return [(code, name, code == self.kind) for code, name in KIND_NAMES.items()]

    def reason_choices(self) -> list[tuple[str, Any, bool]]:
        """Code, words, and whether it is the one chosen."""
        return [(code, name, code == self.reason) for code, name in REASON_NAMES.items()]


def changes_matching(changes: pl.LazyFrame, asked: ChangesQuery) -> pl.LazyFrame:
    """The changes that are asked for."""
    for name in ("kind", "reason"):
        if value := getattr(asked, name):
            changes = changes.filter(pl.col(name) == value)
    if asked.text:
        part = asked.text.lower()
        named = [
            pl.col(name).str.to_lowercase().str.contains(part, literal=True) for name in (schema.ROLE, schema.SKILL)
        ]
        changes = changes.filter(pl.any_horizontal(named))
    return changes


def changes_sorted(changes: pl.LazyFrame) -> pl.LazyFrame:
    """Those whose score moved most first, then those that came or went."""
    moved = (pl.col("score_after") - pl.col("score_before")).abs()
    return changes.sort(moved, descending=True, nulls_last=True, maintain_order=True)


def change_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Changes as the table shows them."""
    return [
        row
        | {
            "kind_words": KIND_NAMES[row["kind"]],
            "reason_words": REASON_NAMES.get(row["reason"] or "", "—"),
            "moved": [signed(row[name], language(), 1) for name in PARTS],
            "address": "?" + urlencode({"role": row[schema.ROLE], "skill": row[schema.SKILL]}),
        }
        for row in rows
    ]


def exported_changes(changes: pl.LazyFrame) -> tuple[pl.LazyFrame, list[Any]]:
    """Changes as an export has them, and its headings."""
    levels, kinds = level_words(), {code: str(name) for code, name in KIND_NAMES.items()}
    reasons = {code: str(name) for code, name in REASON_NAMES.items()}
    columns: dict[str, Any] = {
        schema.ROLE: _("Job role"),
        schema.SKILL: _("Skill"),
        schema.DEPARTMENT: _("Department"),
        schema.CATEGORY: _("Category"),
        "kind": _("Kind of change"),
        "level_before": _("Level expected before"),
        "level_after": _("Level expected now"),
        "score_before": _("Score before"),
        "score_after": _("Score now"),
        **{name: REASON_NAMES[name] for name in PARTS},
        "reason": _("What moved it most"),
    }
    words = {"level_before": levels, "level_after": levels, "kind": kinds, "reason": reasons}
    return (
        changes.select(list(columns)).with_columns(
            pl.col(name).replace_strict(known, default=None, return_dtype=pl.String) for name, known in words.items()
        ),
        list(columns.values()),
    )
