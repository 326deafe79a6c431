"""A report as one HTML file that opens anywhere: no script, no font and no picture is asked of any server."""

import base64
import hashlib
from html import escape
from typing import Final

from future_skills.charts import stylesheet
from future_skills.formatting import Language

_RULES: Final = """\
:root { color-scheme: light dark; --page: #ffffff; --ink: #1b2533; --muted: #566273; --line: #dde2e8; --accent: #1d5fa8;
  --second: #7b8794; --third: #b3bcc7; --low: #cfe0f3; --medium: #6fa3d8; --high: #134a86; }
@media (prefers-color-scheme: dark) { :root { --page: #12161d; --ink: #e4e9f0; --muted: #a3aebc; --line: #2c3542;
  --accent: #79b4f2; --second: #8f9bab; --third: #5a6675; --low: #2b4767; --medium: #5b93cf; --high: #c4e0ff; } }
:root { --chart-page: var(--page); --chart-ink: var(--ink); --chart-muted: var(--muted); --chart-grid: var(--line);
  --chart-accent: var(--accent); --chart-second: var(--second); --chart-third: var(--third); }
body { margin: 0 auto; max-width: 80rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 0.25rem; }
p, li, dd { max-width: 80ch; overflow-wrap: anywhere; }
a { color: var(--accent); }
small, .muted { color: var(--muted); }
.answer { font-size: 1.25rem; }
.tag { border: 1px solid currentcolor; border-radius: 3px; padding: 0 0.35rem; font-size: 0.875rem; color: var(--muted); }
.swatch { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em; border: 1px solid var(--muted); }
.level-low { background: var(--low); }
.level-medium { background: var(--medium); }
.level-high { background: var(--high); }
.verdict { white-space: nowrap; }
.verdict.drift, .verdict.fails { font-weight: 700; }
.alerts, .conditions { list-style: none; padding: 0; }
.facts-list { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: 0.35rem 1.5rem; }
.facts-list dt { color: var(--muted); }
.facts-list dd { margin: 0; }
.scroll { overflow-x: auto; }
svg.chart { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th small { display: block; font-weight: 400; }
thead th { position: sticky; top: 0; background: var(--page); }
tbody th { font-weight: 400; white-space: nowrap; }
td.number, th.number { text-align: right; }
td.number { white-space: nowrap; }
td.prose { min-width: 16rem; }
summary { cursor: pointer; font-weight: 600; margin: 1rem 0 0.5rem; }
code { overflow-wrap: anywhere; }
@media print { details::details-content { content-visibility: visible; display: block; } .scroll { overflow: visible; } }
"""

STYLE: Final = f"\n{_RULES}{stylesheet()}"
"""Everything between the style tags of a document."""

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'",
        "form-action 'none'",
        "base-uri 'none'",
    )
)
"""Content security policy of a document: its own style, and nothing from anywhere."""


def document(title: str, body: str, language: Language) -> str:
    """The whole document.

    Args:
        title: of the window of the browser.
        body: HTML of what it shows, escaped already.
        language: of the page.
    """
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
