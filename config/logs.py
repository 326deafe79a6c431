"""The server's log: one record a line on stderr, each with the identifier of the request it belongs to.

No Django here: settings name these classes, and logging is set up before anything else.
"""

import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

from pydantic_core import to_json

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""Identifier of the request that this thread answers; empty outside any."""


class WithRequestId(logging.Filter):
    """Lets every record through, and tells it which request it belongs to."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set ``request_id``."""
        record.request_id = REQUEST_ID.get()
        return True


class TextLines(logging.Formatter):
    """A record for people who watch the log go by: ``… INFO future_skills.requests [3f…] request method=GET route=/ …``."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 — logging's name
        """The line, its facts at the end; a trace comes after it."""
        facts = getattr(record, "facts", {})
        return " ".join((super().formatMessage(record), *(f"{name}={value}" for name, value in facts.items())))


class JsonLines(logging.Formatter):
    """A record as one JSON object: time (UTC), level, logger, message, request_id, its ``facts``, and the trace of a fault.

    Nothing else of a record is written: what a library attaches to one (Django a whole request) stays out.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": _writable(record.getMessage()),
            "request_id": getattr(record, "request_id", ""),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["trace"] = _writable(self.formatException(record.exc_info))
        return to_json(line, fallback=str).decode()


def _writable(text: str) -> str:
    """The text, halves of characters, which UTF-8 cannot write, by their number: a visitor's words must not silence a record."""
    return text.encode(errors="backslashreplace").decode()
