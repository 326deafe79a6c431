"""Text that people type, JSON that any reader takes, and lines that a spreadsheet may open."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from future_skills.errors import UsageError, translatable


def require_text(text: str) -> str:
    """``text`` without blanks at its ends and with one kind of line break, once it can be kept and shown anywhere.

    Raises:
        UsageError: it holds a control character (a tab and a line break may be there) or bytes that are not UTF-8.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if _holds_controls(text.replace("\n", "").replace("\t", "")):
        raise UsageError(
            translatable("“{text}” holds control characters, or bytes that are not UTF-8 text: remove them."),
            text=_shown(text),
        )
    return text


def require_path(path: Path) -> None:
    """Refuse a path that could not be written in a manifest, a page or a line of a table.

    Raises:
        UsageError: it holds a control character, a line break or bytes that are not UTF-8.
    """
    if _holds_controls(str(path)):
        raise UsageError(
            translatable("“{path}”: a file name may hold no control character, and must be UTF-8 text."),
            path=_shown(str(path)),
        )


def json_text(document: Any) -> str:
    """One JSON document that can be printed: a byte that was no UTF-8 in what was typed is escaped."""
    text = json.dumps(document, ensure_ascii=False, indent=2, default=str)
    return text.encode(errors="backslashreplace").decode()


def csv_line(cells: Iterable[object], *, delimiter: str = ",") -> str:
    """One line of a CSV file; a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter).writerow([_inert(cell) for cell in cells])
    return line.getvalue()


def _inert(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip()[:1] in {"=", "+", "-", "@"} else cell


def _holds_controls(text: str) -> bool:
    return any(map(_is_control, text))


def _is_control(character: str) -> bool:
    """A control character, or what Python makes of a byte that is not UTF-8."""
    return unicodedata.category(character) in {"Cc", "Cs"}


def _shown(text: str) -> str:
    """Its beginning, what does not print escaped."""
    return "".join(c.encode("unicode_escape").decode() if _is_control(c) else c for c in text[:80])
