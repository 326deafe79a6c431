"""The database itself refuses to change or remove what the log holds, through the ORM and in SQL."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from apps.audit.models import AuditEvent, AuditHead
from apps.audit.services import log_head, verify_chain
from tests.audit_guard import unguarded

pytestmark = pytest.mark.django_db

Act = Callable[[], object]


def in_sql(statement: str) -> Act:
    def act() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    return act


def save_event() -> None:
    event = AuditEvent.objects.get(sequence=2)
    event.actor = "someone else"
    event.save()


def save_head() -> None:
    head = AuditHead.objects.get()
    head.sequence = 3
    head.save()


COLUMNS = "sequence, at, actor, actor_source, action, object_type, object_id, details, previous_hash, hash"


def copy_to(sequence: object, *, before: str = "INSERT", after: str = "", hashes: str = "'a', 'b'") -> Act:
    """Insert a copy of the last event at another place."""
    return in_sql(
        f"{before} INTO audit_auditevent ({COLUMNS}) "
        f"SELECT {sequence}, at, actor, actor_source, action, object_type, object_id, details, {hashes} "
        f"FROM audit_auditevent WHERE sequence = 5 {after}"
    )


EVERYWHERE: dict[str, Act] = {
    "update": lambda: AuditEvent.objects.filter(sequence=3).update(actor="someone else"),
    "bulk update": lambda: AuditEvent.objects.bulk_update([AuditEvent(sequence=3, actor="x")], ["actor"]),
    "save": save_event,
    "delete": lambda: AuditEvent.objects.filter(sequence=5).delete(),
    "delete all": lambda: AuditEvent.objects.all().delete(),
    "update in SQL": in_sql("UPDATE audit_auditevent SET actor = 'x' WHERE sequence = 1"),
    "update to the same in SQL": in_sql("UPDATE audit_auditevent SET actor = actor"),
    "delete in SQL": in_sql("DELETE FROM audit_auditevent WHERE sequence = 5"),
    "insert after a gap": copy_to(7),
    "insert at the beginning": copy_to(0),
    "insert or update": copy_to(5, after="ON CONFLICT (sequence) DO UPDATE SET actor = 'x'"),
    "head set back": save_head,
    "head moved without an event": lambda: AuditHead.objects.update(sequence=6, hash="f" * 64),
    "head renamed": lambda: AuditHead.objects.update(id=2),
    "head deleted": lambda: AuditHead.objects.all().delete(),
    "second head": lambda: AuditHead.objects.create(pk=2, sequence=0, hash="0" * 64),
}
ONLY: dict[str, dict[str, Act]] = {
    "sqlite": {
        "replace": copy_to(3, before="REPLACE"),
        "replace by hash": copy_to(6, before="REPLACE", hashes="'a', hash"),
        "replace by the hash before": copy_to(6, before="INSERT OR REPLACE", hashes="previous_hash, 'b'"),
        "update or replace": in_sql("UPDATE OR REPLACE audit_auditevent SET sequence = 4 WHERE sequence = 5"),
        "replace the head": in_sql("REPLACE INTO audit_audithead (id, sequence, hash) VALUES (1, 2, 'x')"),
    },
    "postgresql": {
        "truncate": in_sql("TRUNCATE audit_auditevent"),
        "truncate both": in_sql("TRUNCATE audit_audithead, audit_auditevent CASCADE"),
        "truncate the head": in_sql("TRUNCATE audit_audithead"),
    },
}
ACTS = EVERYWHERE | ONLY[connection.vendor]


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_the_database_refuses(five_events: list[AuditEvent], act: Act) -> None:
    before = list(AuditEvent.objects.values_list())
    with pytest.raises(IntegrityError, match="only appended to"), transaction.atomic():
        act()
    assert list(AuditEvent.objects.values_list()) == before
    assert (log_head().sequence, verify_chain()) == (5, 5)


@pytest.mark.django_db(transaction=True)
def test_the_log_cannot_be_flushed(five_events: list[AuditEvent]) -> None:
    with pytest.raises(CommandError):
        call_command("flush", "--no-input", verbosity=0)
    assert verify_chain() == 5


def test_a_log_moves_to_an_empty_database_whole(five_events: list[AuditEvent], tmp_path: Path) -> None:
    file = str(tmp_path / "log.json")
    call_command("dumpdata", "audit", output=file, verbosity=0)
    with unguarded():
        AuditEvent.objects.all().delete()
        AuditHead.objects.all().delete()
    call_command("loaddata", file, verbosity=0)
    assert verify_chain() == 5


@pytest.mark.django_db(transaction=True)
def test_a_migration_back_and_forth_keeps_the_events_and_the_guard(five_events: list[AuditEvent]) -> None:
    call_command("migrate", "audit", "0001", verbosity=0)
    assert AuditEvent.objects.filter(sequence=5).update(actor="x") == 1
    AuditEvent.objects.filter(sequence=5).update(actor="nadia")
    call_command("migrate", "audit", verbosity=0)
    with pytest.raises(IntegrityError):
        AuditEvent.objects.filter(sequence=5).update(actor="x")
    assert verify_chain() == 5
