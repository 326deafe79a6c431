"""The track record as one HTML file that opens anywhere: no script, no font and no picture is asked of any server."""

import re
from collections.abc import Sequence
from html import escape

from future_skills import charts, offline_page, replay_text
from future_skills.evaluation_text import TextTable
from future_skills.formatting import Language
from future_skills.replay import ReplayedPeriod, TrackRecord


def page(record: TrackRecord, language: Language) -> str:
    """The whole document.

    Args:
        record: the track record.
        language: of the page.
    """
    title = replay_text.title(language)
    head = f'<h1>{escape(title)}</h1>\n<p class="answer">{escape(replay_text.headline(record, language))}</p>\n'
    return offline_page.document(title, head + body(record, language), language)


def body(record: TrackRecord, language: Language) -> str:
    """What stands below the title and the first sentence: HTML.

    Args:
        record: the track record.
        language: of the page.
    """
    parts = [
        _chart(record, charts.LABELS[language]),
        f'<p class="muted">{escape(replay_text.how(record, language))}</p>',
        *_periods(record, language),
        *_section(replay_text.record_table(record, language)),
        *_section(replay_text.figures_table(record, language)),
        *(_folded(table) for one in record.periods for table in replay_text.pair_tables(one, language)),
    ]
    return "\n".join(parts)


def _chart(record: TrackRecord, labels: charts.Labels) -> str:
    drawn = charts.announcements(_announcements(record), labels=labels)
    label = escape(labels.announced_title)
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{label}">{drawn}</div>'


def _announcements(record: TrackRecord) -> list[charts.Announcement]:
    """Periods of which something was observed since."""
    found = []
    for one in record.periods:
        if one.rising is None:
            continue
        first, by_chance = one.rising.first, one.rising.by_chance
        if first.known:
            found.append(charts.Announcement(one.period, first.known, first.became_high, by_chance))
        elif first.seen_so_far:
            found.append(charts.Announcement(one.period, first.seen_so_far, first.high_so_far, provisional=True))
    return found


def _periods(record: TrackRecord, language: Language) -> list[str]:
    """One line a period, in the order of time."""
    return ["<ul>", *(f"<li>{escape(_line(one, record, language))}</li>" for one in record.periods), "</ul>"]


def _line(one: ReplayedPeriod, record: TrackRecord, language: Language) -> str:
    return " ".join([replay_text.sentence(one, record, language), *replay_text.details(one, language)])


def _section(table: TextTable) -> list[str]:
    return [f"<h2>{escape(table.title)}</h2>", _table(table)] if table.rows else []


def _folded(table: TextTable) -> str:
    return f'<details class="fold"><summary>{escape(table.title)}</summary>\n{_table(table)}\n</details>'


def _table(table: TextTable) -> str:
    heads = "".join(
        f'<th scope="col"{_number(place, table)}>{_cell(cell)}</th>' for place, cell in enumerate(table.columns)
    )
    rows = "\n".join(f"<tr>{_cells(row, table)}</tr>" for row in table.rows)
    label = f'role="region" tabindex="0" aria-label="{escape(table.title)}"'
    head = f"<thead><tr>{heads}</tr></thead>"
    return f'<div class="scroll" {label}><table class="data">{head}<tbody>\n{rows}\n</tbody></table></div>'


def _cells(row: Sequence[str], table: TextTable) -> str:
    rest = (f"<td{_number(place, table)}>{_cell(cell)}</td>" for place, cell in enumerate(row) if place)
    return f'<th scope="row">{_cell(row[0])}</th>' + "".join(rest)


def _number(place: int, table: TextTable) -> str:
    return "" if place < table.left else ' class="number"'


def _cell(text: str) -> str:
    """A cell of a text table: what stands between two pairs of asterisks is strong."""
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))
