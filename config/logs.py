"""The server's log: one record a line on stderr, each with the identifier of the request it belongs to.

No Django here: settings name these classes, and logging is set up before anything else.
"""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""Identifier of the request that this thread answers; empty outside any."""

TEXT_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
"""The log for people who read it as it goes by."""

_ENCODER: Final = json.JSONEncoder(default=str)
"""In ASCII, so that no text of a visitor can break a line, or fail to be written."""


class WithRequestId(logging.Filter):
    """Lets every record through, and tells it which request it belongs to."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set ``request_id``."""
        record.request_id = REQUEST_ID.get()
        return True


class JsonLines(logging.Formatter):
    """A record as one JSON object: time (UTC), level, logger, message, request_id, its ``facts``, and the trace of a fault.

    Nothing else of a record is written: what a library attaches to one (Django a whole request) stays out.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", ""),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return _ENCODER.encode(line)
