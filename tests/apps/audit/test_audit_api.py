"""The audit log in the API."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.audit.seal import seal
from apps.audit.services import record

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(login: Callable[..., Client]) -> Client:
    return login("auditor")


def test_events_come_newest_first_with_what_their_hash_is_made_of(
    client: Client, five_events: list[AuditEvent]
) -> None:
    answer = client.get("/api/v1/audit").json()
    assert answer["head"] == f"{five_events[4].hash}:5"
    assert [event["sequence"] for event in answer["events"]] == [5, 4, 3, 2, 1]
    assert answer["next"] is None
    for event in answer["events"]:
        assert event.pop("hash") == seal(**event)


def test_pages_follow_one_another_while_the_log_grows(
    client: Client, five_events: list[AuditEvent], analyst: Actor
) -> None:
    seen: list[int] = []
    before = ""
    while True:
        answer = client.get(f"/api/v1/audit?limit=2{before}").json()
        seen += [event["sequence"] for event in answer["events"]]
        record(actor=analyst, action="test.act", object_type="thing", object_id="more", details={})
        if answer["next"] is None:
            break
        before = f"&before={answer['next']}"
    assert seen == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("actor=nadia", [5, 4, 3, 2, 1]),
        ("actor=claire", []),
        ("action=test.act&object=2", [2]),
        ("since=2020-01-01&until=2020-12-31", []),
        ("before=3", [2, 1]),
    ],
)
def test_filters_keep_what_they_name(
    client: Client, five_events: list[AuditEvent], query: str, kept: list[int]
) -> None:
    answer = client.get(f"/api/v1/audit?{query}").json()
    assert [event["sequence"] for event in answer["events"]] == kept


@pytest.mark.parametrize(
    "query", ["since=soon", "until=2026-02-30", "limit=0", "limit=501", "before=x", "before=0", "page=2"]
)
def test_what_makes_no_sense_is_refused(client: Client, query: str) -> None:
    answer = client.get(f"/api/v1/audit?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_page_asks_as_many_questions_whatever_there_is(client: Client, analyst: Actor) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get("/api/v1/audit?limit=100&actor=nadia").status_code == 200
        return len(asked)

    def write(count: int) -> None:
        for number in range(count):
            record(actor=analyst, action="test.act", object_type="thing", object_id=str(number), details={})

    write(3)
    few = questions()
    write(120)
    assert questions() == few


def test_only_who_may_read_the_log_reads_it_here(login: Callable[..., Client]) -> None:
    assert login("data_scientist").get("/api/v1/audit").status_code == 403
    assert Client().get("/api/v1/audit").status_code == 401
