"""What the disk and the database refuse, in words."""

import os
import signal
import sys

from django.db import DatabaseError

from future_skills.errors import StorageError, translatable

UNDEFINED_TABLE = "42P01"
"""PostgreSQL's code of a table that is not there; SQLite has words only."""


def reader_gone() -> int:
    """The exit code of a command whose output nobody reads any more (``… | head``); from now on it writes to nowhere.

    What it did is done: it says so in no way, as any program of a closed pipe.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


def storage_refusal(error: OSError | DatabaseError) -> StorageError:
    """The refusal of an act that the disk or the database could not do."""
    refusal = StorageError.of(error)
    if getattr(error.__cause__, "sqlstate", "") == UNDEFINED_TABLE or "no such table" in str(error):
        refusal.hint = translatable("The tables are not made yet: run “manage.py migrate” first.")
    return refusal
