"""Each act leaves one sealed event, and any change of the log is found."""

import pytest
from django.db import transaction

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent, AuditHead
from apps.audit.services import GENESIS_HASH, record, verify_chain
from future_skills.errors import AuditChainError

pytestmark = pytest.mark.django_db


@pytest.fixture
def five_events(analyst: Actor) -> list[AuditEvent]:
    return [
        record(actor=analyst, action="test.act", object_type="thing", object_id=str(i), details={"é": i / 3})
        for i in range(5)
    ]


def test_an_empty_log_is_intact() -> None:
    assert verify_chain() == 0


def test_each_event_follows_the_one_before(five_events: list[AuditEvent]) -> None:
    assert [event.sequence for event in five_events] == [1, 2, 3, 4, 5]
    assert [event.previous_hash for event in five_events] == [GENESIS_HASH, *(e.hash for e in five_events[:-1])]
    assert verify_chain() == 5


@pytest.mark.django_db(transaction=True)
def test_an_event_needs_a_transaction(analyst: Actor) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        record(actor=analyst, action="a", object_type="t", object_id="1", details={})


def test_an_act_that_fails_leaves_no_event(analyst: Actor) -> None:
    def act_that_fails() -> None:
        with transaction.atomic():
            record(actor=analyst, action="a", object_type="t", object_id="1", details={})
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 — the test raises it itself
        act_that_fails()
    assert AuditEvent.objects.count() == 0
    assert verify_chain() == 0


def test_an_edit_is_found(five_events: list[AuditEvent]) -> None:
    AuditEvent.objects.filter(sequence=3).update(actor="someone else")
    with pytest.raises(AuditChainError) as refusal:
        verify_chain()
    assert refusal.value.details["sequence"] == 3


def test_a_removed_event_is_found(five_events: list[AuditEvent]) -> None:
    AuditEvent.objects.filter(sequence=2).delete()
    with pytest.raises(AuditChainError) as refusal:
        verify_chain()
    assert refusal.value.details["sequence"] == 2


def test_a_cut_end_is_found(five_events: list[AuditEvent]) -> None:
    AuditEvent.objects.filter(sequence=5).delete()
    with pytest.raises(AuditChainError, match="cut"):
        verify_chain()


def test_a_lost_head_is_found(five_events: list[AuditEvent]) -> None:
    AuditHead.objects.all().delete()
    with pytest.raises(AuditChainError):
        verify_chain()
