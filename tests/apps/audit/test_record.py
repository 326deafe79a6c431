"""Each act leaves one sealed event, whose hash both databases give back."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.audit.seal import GENESIS_HASH, normal_details
from apps.audit.services import record, verify_chain
from future_skills.errors import UsageError
from tests.apps.audit.recipe import recipe

pytestmark = pytest.mark.django_db


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


def test_anybody_can_compute_the_hash_of_an_event(analyst: Actor) -> None:
    """The recipe that docs/decisions/0011-audit-log.md gives, and that the log has followed since its first event."""
    details = {"é": [1, 0.1, 1e-7, True, None], "a": {"z": "“x”", "b": 2.0}}
    record(actor=analyst, action="test.act", object_type="thing", object_id="1", details=details)
    event = AuditEvent.objects.get()
    assert event.hash == recipe(event)


def test_a_moment_without_microseconds_is_sealed_with_them(analyst: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 3, 3, 9, 0, tzinfo=UTC))
    record(actor=analyst, action="test.act", object_type="thing", object_id="1", details={})
    assert verify_chain() == 1


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(details=st.dictionaries(texts, values, max_size=5), name=texts)
def test_whatever_is_recorded_is_found_as_it_was_written(analyst: Actor, details: dict[str, Any], name: str) -> None:
    before = verify_chain()
    event = record(actor=analyst, action="test.act", object_type="thing", object_id=name, details=details)
    assert AuditEvent.objects.get(sequence=event.sequence).details == event.details == details
    assert verify_chain() == before + 1


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (1e22, 10**22),  # PostgreSQL gives it back as a whole number
        (-1e16, -(10**16)),
        (-0.0, 0.0),
        (1.0, 1.0),
        (5e-324, 5e-324),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
        ((1, 2), [1, 2]),
    ],
)
def test_a_number_is_kept_in_the_form_that_both_databases_give_back(analyst: Actor, sent: Any, kept: Any) -> None:
    record(actor=analyst, action="test.act", object_type="thing", object_id="1", details={"x": sent})
    stored = AuditEvent.objects.get().details["x"]
    assert (stored, type(stored)) == (kept, type(kept))
    assert json.dumps(normal_details({"x": sent})["x"]) == json.dumps(kept)
    assert verify_chain() == 1


@pytest.mark.parametrize(
    "bad",
    [math.nan, math.inf, [-math.inf], "a\0b", {"k\0": 1}, "\ud800", 10**5000],
    ids=["nan", "infinity", "nested", "nul", "nul in a key", "half a character", "too long"],
)
def test_what_no_database_gives_back_is_refused(analyst: Actor, bad: Any) -> None:
    with pytest.raises(UsageError):
        record(actor=analyst, action="test.act", object_type="thing", object_id="1", details={"x": [bad]})
    assert verify_chain() == 0


@pytest.mark.parametrize("name", ["a\0b", "\udcff"], ids=["nul", "half a character"])
def test_a_name_that_no_database_gives_back_is_refused(analyst: Actor, name: str) -> None:
    with pytest.raises(UsageError):
        record(actor=analyst, action="test.act", object_type="thing", object_id=name, details={})
    with pytest.raises(UsageError):
        record(actor=Actor(name, "login"), action="test.act", object_type="thing", object_id="1", details={})
    assert verify_chain() == 0
