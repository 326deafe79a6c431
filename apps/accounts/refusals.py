"""What the disk and the database refuse, in words."""

from django.db import DatabaseError

from future_skills.errors import StorageError, translatable

UNDEFINED_TABLE = "42P01"
"""PostgreSQL's code of a table that is not there; SQLite has words only."""


def storage_refusal(error: OSError | DatabaseError) -> StorageError:
    """The refusal of an act that the disk or the database could not do."""
    refusal = StorageError.of(error)
    if getattr(error.__cause__, "sqlstate", "") == UNDEFINED_TABLE or "no such table" in str(error):
        refusal.hint = translatable("The tables are not made yet: run “manage.py migrate” first.")
    return refusal
