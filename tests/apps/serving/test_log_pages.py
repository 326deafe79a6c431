"""The pages of the prediction log: what was answered, to whom, and everything it was made of."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.registry.models import Deployment
from apps.serving.ids import answer_id, moment_of, new_request_id
from apps.serving.logged import PAGE_SIZE, Asked, matching
from apps.serving.models import Prediction
from apps.serving.overrides.selectors import OVERRIDES
from tests.apps.registry import factories

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 4, 9, 5, tzinfo=UTC)
PAIRS = (("Chargé de recrutement", "Droit du travail"), ("<b>Juriste</b>", "=SUM(A1)"))


@pytest.fixture
def client(login: Callable[..., Client]) -> Client:
    client = login("auditor")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def deployment() -> Deployment:
    return factories.deployment(factories.version("v1"), days=0, kind="rollback", reason="Essai.")


@pytest.fixture
def write(deployment: Deployment) -> Callable[..., list[Prediction]]:
    """``write(5)``: so many answers, a minute apart, two pairs and two people in turn."""

    def lines(count: int, **changes: Any) -> list[Prediction]:
        made = []
        for number in range(count):
            request = new_request_id(START + timedelta(minutes=number))
            role, skill = PAIRS[number % 2]
            values = {
                "id": answer_id(request, 0),
                "request_id": request,
                "deployment": deployment,
                "version": "v1",
                "at": moment_of(request),
                "requester": ("olivier", "nadia")[number % 2],
                "requester_source": "token",
                "role": role,
                "skill": skill,
                "period": "2026-03",
                "level": ("HIGH", "LOW")[number % 2],
                "probabilities": {"LOW": 0.1, "MEDIUM": 0.2, "HIGH": 0.7},
                "current_level": "LOW",
                "warnings": ["out_of_range", "of_tomorrow"],
                "abstained": False,
                "inputs": {"need_memory": 0.25, "trend_score": 0.5, "job_role_name": role, "avg_salary_k": None},
            }
            made.append(Prediction(**values | changes))
        return Prediction.objects.bulk_create(made)

    return lines


def shown(client: Client, address: str = "/predictions/") -> list[str]:
    """Identifiers of the lines on a page."""
    response = client.get(address)
    assert response.status_code == 200
    return re.findall(r'<th scope="row"><a href="/predictions/([0-9a-f-]+)/">', response.content.decode())


def links(client: Client, address: str) -> dict[str, str]:
    """Where a page leads: ``prev`` to newer lines, ``next`` to older ones."""
    found = re.findall(r'href="([^"]+)" rel="(prev|next)"', client.get(address).content.decode())
    return {rel: "/predictions/" + unescape(query) for query, rel in found}


def test_an_empty_log_says_what_will_be_there(client: Client) -> None:
    text = client.get("/predictions/").content.decode()
    assert "Production has answered nothing yet." in text
    assert "<table" not in text


def test_the_newest_answers_come_first_with_who_asked_and_what_was_said(
    client: Client, write: Callable[..., list[Prediction]]
) -> None:
    lines = write(3)
    text = client.get("/predictions/").content.decode()
    assert shown(client) == [str(line.id) for line in reversed(lines)]
    assert "3 predictions, kept for 36 months." in text
    assert "Chargé de recrutement × Droit du travail" in text
    assert "&lt;b&gt;Juriste&lt;/b&gt;" in text
    assert "<b>Juriste" not in text
    assert '<a href="/versions/v1/">v1</a>' in text
    assert "by a token" in text
    assert '<td class="number">70.0</td>' in text
    assert '<td class="number">80.0</td>' in text
    assert "2 warnings" in text


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("requester=olivier", [4, 2, 0]),
        ("level=LOW", [3, 1]),
        (f"role={quote(PAIRS[0][0])}&skill={quote(PAIRS[0][1])}", [4, 2, 0]),
        (f"role={quote(PAIRS[0][0])}&skill=x", []),
        ("version=v1", [4, 3, 2, 1, 0]),
        ("version=v9", []),
        ("from=2026-03-04&to=2026-03-04", [4, 3, 2, 1, 0]),
        ("from=2026-03-05", []),
        ("to=2026-03-03", []),
        ("requester=%00olivier", [4, 2, 0]),
        ("before=x&after=1", [4, 3, 2, 1, 0]),
    ],
)
def test_the_address_holds_the_filters(
    client: Client, write: Callable[..., list[Prediction]], query: str, kept: list[int]
) -> None:
    lines = write(5)
    assert shown(client, f"/predictions/?{query}") == [str(lines[place].id) for place in kept]


def test_a_deployment_is_looked_for_while_it_was_live_and_clocks_may_differ(
    write: Callable[..., list[Prediction]], deployment: Deployment
) -> None:
    factories.deployment(factories.version("v2"), days=1, kind="rollback", reason="Essai.")  # ends the first one
    lines = write(3)
    for line, at in zip(
        lines, (-timedelta(minutes=50), timedelta(hours=12), timedelta(days=1, minutes=50)), strict=True
    ):
        Prediction.objects.filter(pk=line.pk).delete()
        request = new_request_id(START + at)
        line._state.adding = True
        line.pk, line.request_id, line.at = answer_id(request, 0), request, moment_of(request)
    Prediction.objects.bulk_create(lines)
    for asked in (Asked(deployment=deployment.pk), Asked(version="v1"), Asked(version="v1", deployment=deployment.pk)):
        assert list(matching(asked).order_by("id")) == lines
    assert not matching(Asked(version="v2", deployment=deployment.pk)).exists()
    assert not matching(Asked(version="v2")).exists()


def test_filters_stay_in_the_form_and_in_every_link(client: Client, write: Callable[..., list[Prediction]]) -> None:
    write(PAGE_SIZE * 2 + 2)
    text = client.get("/predictions/?requester=olivier&level=HIGH&from=2020-01-01").content.decode()
    assert 'value="olivier"' in text
    assert '<option value="HIGH" selected>' in text
    assert 'type="date" value="2020-01-01"' in text
    assert "/predictions.csv?level=HIGH&amp;requester=olivier&amp;from=2020-01-01" in text
    assert re.search(
        r'href="\?level=HIGH&amp;requester=olivier&amp;from=2020-01-01&amp;before=[0-9a-f-]+" rel="next"', text
    )
    assert f"{PAGE_SIZE + 1} predictions of the log, as filtered below." in text


def test_a_filter_that_makes_no_sense_is_said_and_left_out(
    client: Client, write: Callable[..., list[Prediction]]
) -> None:
    write(2)
    text = client.get("/predictions/?from=2026-02-30&level=low&deployment=first").content.decode()
    for said in ("“2026-02-30” is no day", "“low” is no need level", "“first” is no number of a deployment"):
        assert said in text
    assert len(shown(client, "/predictions/?from=2026-02-30&level=low&deployment=first")) == 2
    assert client.get("/predictions.csv?level=low").status_code == 400


def test_pages_lead_to_the_oldest_answer_and_back(client: Client, write: Callable[..., list[Prediction]]) -> None:
    lines = [str(line.id) for line in write(PAGE_SIZE * 2 + 7)]
    seen, address, last = [], "/predictions/", ""
    while address:
        seen += shown(client, address)
        last, address = address, links(client, address).get("next", "")
    assert seen == lines[::-1]
    back = []
    while address := links(client, last).get("prev", ""):
        back.append(shown(client, address))
        last = address
    assert [page[0] for page in back] == [lines[56], lines[106]]


def test_a_page_asks_as_many_questions_whatever_there_is(
    client: Client, write: Callable[..., list[Prediction]]
) -> None:
    def questions(address: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get(address)
        return len(asked)

    write(12)
    OVERRIDES.now()  # what a process asks once a second
    few = questions("/predictions/?requester=olivier")
    write(PAGE_SIZE * 2)
    assert questions("/predictions/?requester=olivier") == few <= 9


def test_one_answer_shows_everything_it_was_made_of(client: Client, write: Callable[..., list[Prediction]]) -> None:
    line = write(1)[0]
    text = client.get(f"/predictions/{line.id}/").content.decode()
    assert "what v1 answered to olivier on 4\u00a0March\u00a02026 at\u00a010:05." in text
    for said in ("70.0", "80.0", "70.0%", "March\u00a02026", "a value outside the range of training", "of_tomorrow"):
        assert said in text
    inputs = re.findall(r'<th scope="row"><code>(\w+)</code></th><td[^>]*>([^<]*)</td>', text)
    assert inputs == [
        ("job_role_name", PAIRS[0][0]),
        ("trend_score", "0.5"),
        ("avg_salary_k", "—"),
        ("need_memory", "0.25"),
    ]
    assert '<a href="/versions/v1/">v1</a>' in text
    assert f'href="/predictions/?deployment={line.deployment_id}"' in text
    assert f'href="/api/v1/predictions/{line.id}"' in text


def test_one_answer_leads_to_the_others_of_its_request(client: Client, deployment: Deployment) -> None:
    request = new_request_id(START)
    shared = {"request_id": request, "deployment": deployment, "version": "v1", "at": moment_of(request)}
    said = {"level": "LOW", "probabilities": None, "warnings": [], "abstained": True, "inputs": {}, "skill": "s"}
    Prediction.objects.bulk_create(
        Prediction(id=answer_id(request, place), role=f"role {place}", **shared, **said)
        for place in range(PAGE_SIZE + 5)
    )
    text = client.get(f"/predictions/{answer_id(request, 1)}/").content.decode()
    assert "Other answers to the same request" in text
    assert f'href="/predictions/{answer_id(request, 0)}/"' in text
    assert "<li>…</li>" in text
    assert "The version gives no probabilities." in text
    assert '<span class="tag">abstained</span>' in text


@pytest.mark.parametrize("name", ["unknown", "00000000-0000-0000-0000-000000000000"])
def test_an_answer_that_is_not_there_is_said_so(client: Client, name: str) -> None:
    response = client.get(f"/predictions/{name}/")
    assert response.status_code == 404
    assert f"There is no prediction {name} in the log." in response.content.decode()


def test_the_export_holds_what_the_filters_keep_oldest_first(
    client: Client, write: Callable[..., list[Prediction]]
) -> None:
    lines = write(4)
    response = client.get("/predictions.csv?requester=nadia")
    assert response.headers["Content-Disposition"] == 'attachment; filename="predictions.csv"'
    rows = list(csv.DictReader(io.StringIO(response.getvalue().decode("utf-8-sig"))))
    assert [row["Prediction"] for row in rows] == [str(lines[1].id), str(lines[3].id)]
    assert (rows[0]["Skill"], rows[0]["P(HIGH)"], rows[0]["Score"]) == ("'=SUM(A1)", "0.7", "80.0")
    assert '"trend_score": 0.5' in rows[0]["Inputs"]
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "fr"
    french = list(csv.reader(io.StringIO(client.get("/predictions.csv").getvalue().decode("utf-8-sig")), delimiter=";"))
    assert (len(french), french[1][11]) == (5, "0,7")


@pytest.mark.parametrize("address", ["/predictions/", "/predictions.csv"])
def test_only_who_may_read_the_log_sees_it_and_its_link(
    login: Callable[..., Client], write: Callable[..., list[Prediction]], address: str
) -> None:
    write(1)
    link = 'href="/predictions/"'
    assert link in login("data_scientist").get("/versions/").content.decode()
    reader = login("drh_reviewer")
    assert link not in reader.get("/versions/").content.decode()
    assert reader.get(address).status_code == 403
    assert Client().get(address).status_code == 302


def test_the_page_only_reads(client: Client) -> None:
    assert client.post("/predictions/").status_code == 405
