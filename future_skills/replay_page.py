"""The track record as one HTML file that opens anywhere: no script, no font and no picture is asked of any server."""

import re
from collections.abc import Sequence
from html import escape
from typing import Final

from future_skills import charts, replay_text
from future_skills.evaluation_text import TextTable
from future_skills.formatting import Language
from future_skills.replay import ReplayedPeriod, TrackRecord

_STYLE: Final = """\
:root { color-scheme: light dark; --page: #ffffff; --ink: #1b2533; --muted: #566273; --line: #dde2e8; --accent: #1d5fa8;
  --second: #7b8794; --third: #b3bcc7; }
@media (prefers-color-scheme: dark) { :root { --page: #12161d; --ink: #e4e9f0; --muted: #a3aebc; --line: #2c3542;
  --accent: #79b4f2; --second: #8f9bab; --third: #5a6675; } }
:root { --chart-page: var(--page); --chart-ink: var(--ink); --chart-muted: var(--muted); --chart-grid: var(--line);
  --chart-accent: var(--accent); --chart-second: var(--second); --chart-third: var(--third); }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.5rem; }
p, li { max-width: 80ch; }
.answer { font-size: 1.25rem; }
.muted { color: var(--muted); }
.scroll { overflow-x: auto; }
svg.chart { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.75rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { position: sticky; top: 0; background: var(--page); }
tbody th { position: static; font-weight: 400; white-space: nowrap; }
td.number, th.number { text-align: right; }
td.number { white-space: nowrap; }
summary { cursor: pointer; font-weight: 600; margin: 1rem 0 0.5rem; }
@media print { details { display: block; } .scroll { overflow: visible; } }
"""


def page(record: TrackRecord, language: Language) -> str:
    """The whole document.

    Args:
        record: the track record.
        language: of the page.
    """
    title = escape(replay_text.title(language))
    parts = [
        f"<h1>{title}</h1>",
        f'<p class="answer">{escape(replay_text.headline(record, language))}</p>',
        charts.announcements(_announcements(record), labels=charts.LABELS[language]),
        f'<p class="muted">{escape(replay_text.how(record, language))}</p>',
        *_periods(record, language),
        *_section(replay_text.record_table(record, language)),
        *_section(replay_text.figures_table(record, language)),
        *(_folded(table) for one in record.periods for table in replay_text.pair_tables(one, language)),
    ]
    head = (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>\n{_STYLE}{charts.stylesheet()}</style>\n</head>\n"
    )
    return head + "<body>\n<main>\n" + "\n".join(parts) + "\n</main>\n</body>\n</html>\n"


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
    return f"<details><summary>{escape(table.title)}</summary>\n{_table(table)}\n</details>"


def _table(table: TextTable) -> str:
    heads = "".join(
        f'<th scope="col"{_number(place, table)}>{_cell(cell)}</th>' for place, cell in enumerate(table.columns)
    )
    rows = "\n".join(f"<tr>{_cells(row, table)}</tr>" for row in table.rows)
    label = f'role="region" tabindex="0" aria-label="{escape(table.title)}"'
    return f'<div class="scroll" {label}><table><thead><tr>{heads}</tr></thead><tbody>\n{rows}\n</tbody></table></div>'


def _cells(row: Sequence[str], table: TextTable) -> str:
    rest = (f"<td{_number(place, table)}>{_cell(cell)}</td>" for place, cell in enumerate(row) if place)
    return f'<th scope="row">{_cell(row[0])}</th>' + "".join(rest)


def _number(place: int, table: TextTable) -> str:
    return "" if place < table.left else ' class="number"'


def _cell(text: str) -> str:
    """A cell of a text table: what stands between two pairs of asterisks is strong."""
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))
