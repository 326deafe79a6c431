"""What the pages of campaigns say: the map, its shades, headings; so that templates only lay out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.registry.pages import LEVEL_NAMES
from apps.serving.campaigns.browse import SORTS, PairsQuery
from apps.serving.campaigns.models import Campaign, CampaignCell, State
from apps.serving.campaigns.words import problem_text
from future_skills import schema
from future_skills.formatting import UNKNOWN, Language, integer, language_of, percent, signed

Text = Any  # lazy translations are no str


def language() -> Language:
    """The language in which numbers are written now."""
    return language_of(get_language())


# --- Where a campaign stands ------------------------------------------------------------------------------------------------
def standing_sentence(campaign: Campaign) -> str:
    """What becomes of a campaign that has no result."""
    state = campaign.state
    if state is State.FAILED:
        return gettext("It failed. {problem}").format(problem=problem_text(campaign, gettext))
    if state is State.WAITING:
        return gettext("It waits for a worker, and begins as soon as there is one.")
    done = gettext("{share} of its pairs are scored.").format(share=percent(campaign.progress, language(), 0))
    if state is State.RUNNING:
        return done if campaign.pairs else gettext("The facts are read and their history computed.")
    stopped = gettext("It was interrupted, and goes on where it was as soon as a worker takes it up.")
    return " ".join(filter(None, (done, stopped, problem_text(campaign, gettext))))


# --- The map ----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Counts:
    """Some pairs, counted: a cell of the map, or a sum of cells.

    Attributes:
        pairs: how many.
        high: expected at HIGH.
        high_now: at HIGH today.
        rising: expected to become HIGH.
        abstained: answers not to rely upon.
        expected: sum of P(HIGH).
        high_before: expected at HIGH by the campaign before; None where it had no such pair.
    """

    pairs: int
    high: int
    high_now: int
    rising: int
    abstained: int
    expected: float
    high_before: int | None

    @classmethod
    def of(cls, cell: CampaignCell, before: CampaignCell | None) -> "Counts":
        """Of a cell, and the same cell of the campaign before."""
        return cls(
            cell.pairs,
            cell.high,
            cell.high_now,
            cell.rising,
            cell.abstained,
            cell.mean_high * cell.pairs,
            before.high if before else None,
        )

    @classmethod
    def sum(cls, cells: Sequence["Counts"]) -> "Counts":
        """Of several."""
        known = [one.high_before for one in cells if one.high_before is not None]
        return cls(
            *(
                sum(getattr(one, name) for one in cells)
                for name in ("pairs", "high", "high_now", "rising", "abstained")
            ),
            sum(one.expected for one in cells),
            sum(known) if known else None,
        )


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that the map shows.

    Attributes:
        key: in the address.
        name: on the page.
        explanation: one line that says what it is.
        steps: shares from which a cell has the next shade.
    """

    key: str
    name: Text
    explanation: Text
    steps: tuple[float, ...]


MEASURES: Final = (
    Measure(
        "high",
        _("expected at High"),
        _("Share of the pairs whose need is expected to be High."),
        (0.0, 0.05, 0.1, 0.2, 0.4),
    ),
    Measure(
        "mean",
        _("mean probability of High"),
        _("Mean of P(High) over the pairs: it moves before levels do."),
        (0.0, 0.05, 0.1, 0.2, 0.4),
    ),
    Measure(
        "rising",
        _("rising"),
        _("Pairs that are not High today and are expected to be."),
        (0.0, 0.01, 0.02, 0.05, 0.1),
    ),
    Measure(
        "abstained",
        _("not to rely upon"),
        _("Share of the answers for which the model has too little to stand on."),
        (0.0, 0.01, 0.02, 0.05, 0.1),
    ),
    Measure(
        "change",
        _("change since the campaign before"),
        _("Pairs expected at High, more or fewer than in the campaign before."),
        (0.0, 0.01, 0.02, 0.05, 0.1),
    ),
)
"""What the map can show; the first unless another is asked for."""


def measure_of(key: str) -> Measure:
    """The measure of that key; the first one where there is none."""
    return next((one for one in MEASURES if one.key == key), MEASURES[0])


@dataclass(frozen=True, slots=True)
class MapCell:
    """A cell of the map.

    Attributes:
        text: its figure.
        shade: 0 (none) to 5.
        pairs: how many it counts, in words.
        address: of its pairs; "" where there is none.
        name: what it is about, for who cannot see where it stands.
    """

    text: str
    shade: int
    pairs: str
    address: str
    name: str


@dataclass(frozen=True, slots=True)
class MapRow:
    """A department, category by category.

    Attributes:
        department: its name.
        address: of its pairs.
        cells: one for each category.
        total: of all of them.
    """

    department: str
    address: str
    cells: list[MapCell]
    total: MapCell


@dataclass(frozen=True, slots=True)
class Map:
    """Departments x categories.

    Attributes:
        categories: in order of name.
        rows: in order of name.
        totals: of each category.
        total: of everything.
    """

    categories: list[str]
    rows: list[MapRow]
    totals: list[MapCell]
    total: MapCell


def map_of(
    campaign: Campaign,
    cells: Sequence[CampaignCell],
    before: Mapping[tuple[str, str], CampaignCell],
    measure: Measure,
    *,
    has_before: bool,
) -> Map:
    """The map of a campaign.

    Args:
        campaign: the campaign.
        cells: those to show, sorted by department and category.
        before: department and category -> the same cell of the campaign before.
        measure: what is shown.
        has_before: whether there is a campaign before.
    """
    counts = {
        (cell.department, cell.category): Counts.of(cell, before.get((cell.department, cell.category)))
        for cell in cells
    }
    departments = list(dict.fromkeys(cell.department for cell in cells))
    categories = sorted({cell.category for cell in cells})
    place = reverse("campaigns:pairs", args=[campaign.pk])

    def drawn(found: Sequence[Counts], name: str, **names: str) -> MapCell:
        if not found:
            return MapCell("", 0, "", "", name)
        return _cell(Counts.sum(found), measure, f"{place}?{urlencode(names)}" if names else place, name, has_before)

    def of(department: str, category: str) -> list[Counts]:
        found = counts.get((department, category))
        return [] if found is None else [found]

    rows = [
        MapRow(
            department,
            f"{place}?{urlencode({'department': department})}",
            [
                drawn(of(department, category), f"{department} × {category}", department=department, category=category)
                for category in categories
            ],
            drawn(
                [one for (of_department, _category), one in counts.items() if of_department == department],
                department,
                department=department,
            ),
        )
        for department in departments
    ]
    totals = [
        drawn(
            [one for (_department, of_category), one in counts.items() if of_category == category],
            category,
            category=category,
        )
        for category in categories
    ]
    return Map(categories, rows, totals, drawn(list(counts.values()), gettext("all")))


def _cell(counts: Counts, measure: Measure, address: str, name: str, has_before: bool) -> MapCell:
    pairs = ngettext("{n} pair", "{n} pairs", counts.pairs).format(n=integer(counts.pairs, language()))
    share, text = _figure(counts, measure, has_before)
    return MapCell(text, sum(share > step for step in measure.steps), pairs, address, name)


def _figure(counts: Counts, measure: Measure, has_before: bool) -> tuple[float, str]:
    """The share that shades a cell, and its figure."""
    if measure.key == "rising":
        return counts.rising / counts.pairs, integer(counts.rising, language())
    if measure.key == "change":
        if not has_before:
            return 0.0, UNKNOWN
        change = counts.high - (counts.high_before or 0)
        return abs(change) / counts.pairs, signed(change, language(), 0)
    share = {"high": counts.high, "mean": counts.expected, "abstained": counts.abstained}[measure.key] / counts.pairs
    return share, percent(share, language())


# --- The table of pairs -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the table: where a click leads, and how the table is sorted now (``aria-sort``)."""

    name: Text
    unit: Text
    address: str
    state: str
    numeric: bool


_HEADINGS: Final[tuple[tuple[str, Text, Text, bool], ...]] = (
    ("role", _("Job role"), "", False),
    ("skill", _("Skill"), "", False),
    ("department", _("Department"), "", False),
    ("category", _("Category"), "", False),
    ("now", _("Level today"), "", False),
    ("level", _("Level expected"), "", False),
    ("score", _("Score"), _("of 100"), True),
    ("high", _("P(High)"), "%", True),
    ("confidence", _("Confidence"), "%", True),
    ("emergence", _("Emergence"), "%", True),
    ("to_know", _("To know"), "", False),
)


def headings(query: PairsQuery) -> list[Heading]:
    """Those of the table of pairs."""
    return [_heading(query, *one) for one in _HEADINGS]


def _heading(query: PairsQuery, key: str, name: Text, unit: Text, numeric: bool) -> Heading:
    if key not in SORTS:
        return Heading(name, unit, "", "none", numeric)
    descending = f"-{key}"
    state = {key: "ascending", descending: "descending"}.get(query.sort, "none")
    first = descending if numeric else key
    target = first if state == "none" else (key if query.sort == descending else descending)
    return Heading(name, unit, query.address(sort=target, page=1), state, numeric)


EXPORTED: Final[Mapping[str, Text]] = {
    schema.ROLE: _("Job role"),
    schema.SKILL: _("Skill"),
    schema.DEPARTMENT: _("Department"),
    schema.CATEGORY: _("Category"),
    schema.PERIOD: _("Period of the facts"),
    schema.CURRENT_LEVEL: _("Level today"),
    "level": _("Level expected"),
    "low": _("P(Low)"),
    "medium": _("P(Medium)"),
    "high": _("P(High)"),
    "score": _("Score"),
    "confidence": _("Confidence"),
    "emergence": _("Emergence"),
    "abstained": _("Not to rely upon"),
    "warnings": _("Warnings"),
    "override_level": _("Level decided by HR"),
    "override_until": _("Counts until"),
    "override_by": _("Who decided"),
    "override_reason": _("Reason of the decision"),
}
"""Column of a result -> heading of the export, in order."""


def level_words() -> dict[str, str]:
    """Each level in the active language."""
    return {level: str(LEVEL_NAMES[level]) for level in schema.LEVELS}


def level_choices(chosen: str) -> list[tuple[str, Text, bool]]:
    """Code, words, and whether it is the one chosen."""
    return [(level, LEVEL_NAMES[level], level == chosen) for level in schema.LEVELS]


ONLY_NAMES: Final[Mapping[str, Text]] = {
    "rising": _("expected to become High"),
    "abstained": _("not to rely upon"),
    "warned": _("with a warning"),
    "overridden": _("decided by HR"),
}


def only_choices(chosen: str) -> list[tuple[str, Text, bool]]:
    """Code, words, and whether it is the one chosen."""
    return [(code, name, code == chosen) for code, name in ONLY_NAMES.items()]


def pairs_sentence(total: int, query: PairsQuery) -> str:
    """How many pairs the table shows."""
    shown = integer(total, language())
    place = " × ".join(filter(None, (query.department, query.category)))
    count = ngettext("{n} pair", "{n} pairs", total).format(n=shown)
    return f"{place}: {count}" if place else count
