"""Taking the audit log's triggers off and on again: what somebody can do who administers the database itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from django.db import connection


@contextmanager
def unguarded() -> Iterator[None]:
    """The audit log without the triggers of its migration, which are put on again at the end."""
    migration = import_module("apps.audit.migrations.0002_append_only")
    _execute(migration.OFF[connection.vendor])
    try:
        yield
    finally:
        _execute(migration.ON[connection.vendor])


def _execute(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
