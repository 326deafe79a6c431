"""Somebody who administers the database changes the log: the first bad event is found and named."""

import tracemalloc
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.utils.translation import gettext, override

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent, AuditHead
from apps.audit.seal import GENESIS_HASH, Head
from apps.audit.services import log_head, record, verify_chain
from future_skills.errors import AuditChainError
from tests.apps.audit.recipe import recipe
from tests.audit_guard import unguarded

pytestmark = pytest.mark.django_db

Tampering = Callable[[], object]


def events(*sequences: int):
    return AuditEvent.objects.filter(sequence__in=sequences)


def edit(**changes: object) -> Tampering:
    return lambda: events(3).update(**changes)


def remove(*sequences: int) -> Tampering:
    return lambda: events(*sequences).delete()


def edit_and_seal(sequence: int, **changes: object) -> None:
    """Change an event, and make its hash anew."""
    changed = AuditEvent.objects.get(sequence=sequence)
    for name, value in changes.items():
        setattr(changed, name, value)
    changed.hash = recipe(changed)
    changed.save()


def copy_and_seal(sequence: int, to: int) -> None:
    """Put a copy of an event at a place, whole, and following it."""
    copy = AuditEvent.objects.get(sequence=sequence)
    copy.sequence, copy.previous_hash = to, copy.hash
    copy.hash = recipe(copy)
    copy.save(force_insert=True)


def renumber(*moves: tuple[int, int]) -> None:
    for old, new in moves:
        events(old).update(sequence=new)


def insert() -> None:
    renumber((5, 6), (4, 5), (3, 4))
    events(4).update(previous_hash="a" * 64)  # no two events may follow the same one
    copy_and_seal(2, to=3)


def remove_and_close_the_gap() -> None:
    remove(2)()
    renumber((3, 2), (4, 3), (5, 4))


def write_again(first: int, analyst: Actor) -> None:
    """Write every event from one on again, as the product would have written something else."""
    events(*range(first, 6)).delete()
    before = AuditEvent.objects.order_by("sequence").last()
    AuditHead.objects.update(sequence=first - 1, hash=before.hash if before else GENESIS_HASH)
    for number in range(first, 6):
        record(actor=analyst, action="test.other", object_type="thing", object_id=str(number), details={})


TAMPERINGS: dict[str, tuple[Tampering, int]] = {
    "actor edited": (edit(actor="someone else"), 3),
    "source edited": (edit(actor_source="login"), 3),
    "act edited": (edit(action="test.other"), 3),
    "kind of object edited": (edit(object_type="other"), 3),
    "object edited": (edit(object_id="9"), 3),
    "details edited": (edit(details={"é": 0.5}), 3),
    "details emptied": (edit(details={}), 3),
    "moment edited": (edit(at=F("at") + timedelta(microseconds=1)), 3),
    "hash edited": (edit(hash="f" * 64), 3),
    "previous hash edited": (edit(previous_hash="f" * 64), 3),
    "edited, hash made again": (lambda: edit_and_seal(3, actor="someone else"), 3),
    "first edited, hash made again": (lambda: edit_and_seal(1, actor="someone else"), 1),
    "last edited, hash made again": (lambda: edit_and_seal(5, actor="someone else"), 5),
    "given another beginning": (lambda: edit_and_seal(1, previous_hash="f" * 64), 1),
    "first removed": (remove(1), 1),
    "one removed": (remove(2), 2),
    "two removed": (remove(2, 4), 2),
    "one removed, the others moved up": (remove_and_close_the_gap, 2),
    "neighbours swapped": (lambda: renumber((2, 9), (3, 2), (9, 3)), 2),
    "ends swapped": (lambda: renumber((1, 9), (5, 1), (9, 5)), 1),
    "last moved to the front": (lambda: renumber((5, 0)), 1),
    "inserted": (insert, 4),
    "added behind the last": (lambda: copy_and_seal(5, to=6), 6),
    "last cut": (remove(5), 5),
    "end cut": (remove(3, 4, 5), 3),
    "everything cut": (remove(1, 2, 3, 4, 5), 1),
    "end cut, another hash in the head": (
        lambda: (remove(4, 5)(), AuditHead.objects.update(sequence=3, hash="f" * 64)),
        3,
    ),
    "head set back": (lambda: AuditHead.objects.update(sequence=3, hash=events(3).get().hash), 4),
    "head edited": (lambda: AuditHead.objects.update(hash="f" * 64), 5),
    "head lost": (lambda: AuditHead.objects.all().delete(), 1),
}


@pytest.mark.parametrize(("tamper", "sequence"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_the_first_bad_event_is_named(five_events: list[AuditEvent], tamper: Tampering, sequence: int) -> None:
    with unguarded():
        tamper()
    with pytest.raises(AuditChainError) as refusal:
        verify_chain()
    assert refusal.value.details["sequence"] == sequence


def test_the_refusal_speaks_the_language_of_the_reader(five_events: list[AuditEvent]) -> None:
    with unguarded():
        edit(actor="someone else")()
    with pytest.raises(AuditChainError) as refusal:
        verify_chain()
    with override("fr"):
        said = refusal.value.explain(gettext)
    assert "il a été modifié après avoir été écrit" in said


@pytest.mark.parametrize("first", [1, 3, 5])
def test_a_log_written_again_is_found_by_a_head_that_was_kept(
    five_events: list[AuditEvent], analyst: Actor, first: int
) -> None:
    kept = log_head()
    with unguarded():
        write_again(first, analyst)
    assert verify_chain() == 5, "nothing in the database tells"
    with pytest.raises(AuditChainError, match="written again") as refusal:
        verify_chain(kept)
    assert refusal.value.details["sequence"] == 5


def test_a_log_cut_with_its_head_is_found_by_a_head_that_was_kept(five_events: list[AuditEvent]) -> None:
    kept = log_head()
    with unguarded():
        remove(4, 5)()
        AuditHead.objects.update(sequence=3, hash=five_events[2].hash)
    assert verify_chain() == 3, "nothing in the database tells"
    with pytest.raises(AuditChainError, match="cut") as refusal:
        verify_chain(kept)
    assert refusal.value.details["sequence"] == 4


def test_a_head_that_was_kept_is_found_in_a_log_that_grew(five_events: list[AuditEvent], analyst: Actor) -> None:
    kept = [Head(0, GENESIS_HASH), Head(3, five_events[2].hash), log_head()]
    record(actor=analyst, action="test.act", object_type="thing", object_id="6", details={})
    assert verify_chain(*kept) == 6


def test_a_log_longer_than_a_batch_is_checked_to_its_end(
    five_events: list[AuditEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.audit.services.BATCH", 2)
    assert verify_chain() == 5
    with unguarded():
        edit_and_seal(5, actor="someone else")
    with pytest.raises(AuditChainError) as refusal:
        verify_chain()
    assert refusal.value.details["sequence"] == 5


def test_a_longer_log_takes_no_more_memory(analyst: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.audit.services.BATCH", 50)

    def peak(length: int) -> int:
        while (number := log_head().sequence) < length:
            record(
                actor=analyst, action="test.act", object_type="thing", object_id=str(number), details={"x": "y" * 500}
            )
        tracemalloc.start()
        assert verify_chain() == length
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(50)  # what is loaded once
    short = peak(100)
    assert peak(500) < 1.5 * short


NOT_WRITTEN_HERE = {
    "sqlite": {  # anything goes into any column
        "at": ["'yesterday'", "'2026-02-30 10:00:00'", "x'ff'", "12"],
        "actor": ["x'ff'", "CAST(x'6e61ff' AS TEXT)", "7"],
        "details": ["'{\"é\": NaN}'", "'[]'", "'\"x'", "CAST(x'22ff22' AS TEXT)"],
        "previous_hash": ["x'ff'", "0"],
        "hash": ["CAST(x'ff' AS TEXT)", "0"],
        "sequence": ["'three'", "3.5"],
    },
    "postgresql": {
        "at": ["'infinity'", "'0044-03-15 BC'", "'9999-12-31 23:59:59+00'"],
        "details": ["'[]'", "'null'", "'\"x\"'"],
        "actor": ["''"],
    },
}[connection.vendor]
"""What the columns let in, and the product never puts there."""


@pytest.mark.parametrize(
    ("column", "value"), [(column, value) for column, values in NOT_WRITTEN_HERE.items() for value in values]
)
def test_what_nothing_here_writes_is_named_too(five_events: list[AuditEvent], column: str, value: str) -> None:
    with unguarded(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        cursor.execute(f"UPDATE audit_auditevent SET {column} = {value} WHERE sequence = 3")
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = OFF")
    with pytest.raises(AuditChainError) as refusal:
        verify_chain()
    assert refusal.value.details["sequence"] == 3
