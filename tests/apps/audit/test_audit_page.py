"""The page of the audit log: is it intact, and who did what, when, to what."""

import json
import re
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.audit.selectors import PAGE_SIZE
from apps.audit.services import record
from tests.apps.registry import factories
from tests.audit_guard import unguarded

pytestmark = pytest.mark.django_db

PEOPLE = ("camille", "olivier")


@pytest.fixture
def client(login: Callable[..., Client]) -> Client:
    client = login("auditor")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def write(count: int) -> None:
    """So many events, by two people in turn, each on an object of its own."""
    with transaction.atomic():
        for number in range(1, count + 1):
            record(
                actor=Actor(PEOPLE[number % 2], "login"),
                action="registry.note" if number % 2 else "registry.deploy",
                object_type="version",
                object_id=f"v{number}",
                details={"reason": f"<b>{number}</b>", "from": None},
            )


def shown(client: Client, address: str = "/audit/") -> list[int]:
    """Numbers of the events on a page."""
    response = client.get(address)
    assert response.status_code == 200
    return [int(number) for number in re.findall(r'id="event-(\d+)"', response.content.decode())]


def links(client: Client, address: str) -> dict[str, str]:
    """Where a page leads: ``prev`` to newer events, ``next`` to older ones."""
    found = re.findall(r'href="([^"]+)" rel="(prev|next)"', client.get(address).content.decode())
    return {rel: "/audit/" + query.replace("&amp;", "&") for query, rel in found}


def test_an_empty_log_says_what_will_be_there(client: Client) -> None:
    text = client.get("/audit/").content.decode()
    assert "Nothing has been done here yet." in text
    assert "<table" not in text


def test_the_newest_events_come_first_and_each_is_written_out(client: Client) -> None:
    write(3)
    factories.version("v3")
    text = client.get("/audit/").content.decode()
    assert shown(client) == [3, 2, 1]
    assert "3 events, not verified yet." in text
    assert "note written" in text
    assert "registry.note" in text
    assert '<a href="/versions/v3/">v3</a>' in text
    assert "&lt;b&gt;3&lt;/b&gt;" in text
    assert "<b>3</b>" not in text
    assert AuditEvent.objects.get(sequence=3).hash in text


def test_the_chain_is_verified_when_it_is_asked_for(client: Client) -> None:
    write(3)
    text = client.get("/audit/?verify=yes").content.decode()
    assert "3 events, chain intact." in text
    assert f"--head {AuditEvent.objects.get(sequence=3).hash}:3" in text


def test_a_broken_chain_is_said_first_and_leads_to_the_bad_event(client: Client) -> None:
    write(3)
    with unguarded():
        AuditEvent.objects.filter(sequence=2).update(actor="someone else")
    text = client.get("/audit/?verify=yes").content.decode()
    answer = text[text.index("<h1>") : text.index("<table")]
    assert "broken at event 2: it was changed after it was written" in answer
    assert 'href="?before=12#event-2"' in answer
    assert "chain intact" not in text


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("actor=olivier", [5, 3, 1]),
        ("action=registry.deploy", [4, 2]),
        ("object=v4", [4]),
        ("object=version:v4", [4]),
        ("object=person:v4", []),
        ("since=2020-01-01", [5, 4, 3, 2, 1]),
        ("since=2999-01-01", []),
        ("until=2020-01-01", []),
        ("actor=olivier&object=v3", [3]),
        ("actor=oli", []),
        ("actor=%00olivier", [5, 3, 1]),
        ("before=3", [2, 1]),
        ("after=3", [5, 4]),
        ("before=3&actor=olivier", [1]),
        ("before=0", []),
        ("before=x&after=-1", [5, 4, 3, 2, 1]),
        ("before=" + "9" * 30, [5, 4, 3, 2, 1]),
        ("before=" + "9" * 18, [5, 4, 3, 2, 1]),
    ],
)
def test_the_address_holds_the_filters(client: Client, query: str, kept: list[int]) -> None:
    write(5)
    assert shown(client, f"/audit/?{query}") == kept


def test_filters_stay_in_the_form_and_in_every_link(client: Client) -> None:
    write(PAGE_SIZE * 2 + 2)
    text = client.get("/audit/?actor=olivier&action=registry.note&since=2020-01-01").content.decode()
    assert 'value="olivier"' in text
    assert '<option value="registry.note" selected>' in text
    assert 'type="date" value="2020-01-01"' in text
    filters = "?actor=olivier&amp;action=registry.note&amp;since=2020-01-01"
    assert f"/audit.csv{filters}" in text
    assert f'href="{filters}&amp;before=3" rel="next"' in text
    assert f"{PAGE_SIZE + 1} events" in text


def test_a_day_that_is_none_is_said_and_left_out(client: Client) -> None:
    write(2)
    text = client.get("/audit/?since=2026-02-30&until=soon").content.decode()
    assert "“2026-02-30” is no day and no moment." in text
    assert "“soon” is no day and no moment." in text
    assert shown(client, "/audit/?since=2026-02-30") == [2, 1]
    assert client.get("/audit.csv?since=2026-02-30").status_code == 400


def test_details_that_somebody_spoilt_are_still_shown(client: Client) -> None:
    write(1)
    with unguarded():
        AuditEvent.objects.update(details=["spoilt"], object_type="", actor_source="")
    text = client.get("/audit/").content.decode()
    assert "spoilt" in text
    assert "Project-Id-Version" not in text


def test_an_act_that_has_no_words_is_shown_by_its_code(client: Client, analyst: Actor) -> None:
    record(actor=analyst, action="other.act", object_type="thing", object_id="", details={})
    text = client.get("/audit/?action=other.act").content.decode()
    assert '<option value="other.act" selected>other.act</option>' in text
    assert shown(client, "/audit/?action=other.act") == [1]


def test_pages_lead_to_the_oldest_event_and_back(client: Client) -> None:
    write(PAGE_SIZE * 2 + 7)
    seen, address, way = [], "/audit/", {}
    while address:
        seen += shown(client, address)
        way = links(client, address)
        last, address = address, way.get("next", "")
    assert seen == list(range(PAGE_SIZE * 2 + 7, 0, -1))
    assert links(client, "/audit/").keys() == {"next"}
    back = []
    while address := links(client, last).get("prev", ""):
        back.append(shown(client, address))
        last = address
    assert back == [list(range(57, 7, -1)), list(range(107, 57, -1))]


def test_an_event_has_an_address_that_stays(client: Client, analyst: Actor) -> None:
    write(3)
    record(actor=analyst, action="test.act", object_type="thing", object_id="1", details={})
    assert 'href="?before=3#event-2"' in client.get("/audit/").content.decode()
    assert shown(client, "/audit/?before=3") == [2, 1]


def test_a_page_asks_as_many_questions_whatever_there_is(client: Client) -> None:
    def questions(address: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            client.get(address)
        return len(asked)

    addresses = ["/audit/", "/audit/?actor=camille&object=version:v2&since=2020-01-01", "/audit/?before=10"]
    write(12)
    few = [questions(address) for address in addresses]
    write(PAGE_SIZE * 3)
    assert [questions(address) for address in addresses] == few
    assert max(few) <= 9


def test_the_exports_hold_what_the_filters_keep_oldest_first(client: Client) -> None:
    write(4)
    answer = client.get("/audit.csv?actor=camille")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    text = answer.getvalue().decode("utf-8-sig")
    assert [line.split(",")[0] for line in text.splitlines()] == ["Event", "2", "4"]
    document = json.loads(client.get("/audit.json?actor=camille").getvalue())
    assert [event["object_id"] for event in document["events"]] == ["v2", "v4"]


def test_a_french_spreadsheet_gets_semicolons(client: Client) -> None:
    write(1)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "fr"
    lines = client.get("/audit.csv").getvalue().decode("utf-8-sig").splitlines()
    assert [line.count(";") for line in lines] == [9, 9]


@pytest.mark.parametrize("address", ["/audit/", "/audit.csv", "/audit.json"])
def test_only_who_may_read_the_log_sees_it_and_its_link(login: Callable[..., Client], address: str) -> None:
    write(1)
    link = 'href="/audit/"'
    assert link in login("operator").get("/versions/").content.decode()
    reader = login("drh_reviewer")
    assert link not in reader.get("/versions/").content.decode()
    assert reader.get(address).status_code == 403
    assert Client().get(address).status_code == 302


def test_the_page_only_reads(client: Client) -> None:
    assert client.post("/audit/").status_code == 405
