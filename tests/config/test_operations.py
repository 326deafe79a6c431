"""What who runs the server is told: alive, ready, the figures of all its processes, and one line of the log a request."""

import http.client
import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django_tasks_db.models import DBTaskResult
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from apps.accounts.rights import Right
from apps.registry.models import Deployment, ModelVersion
from apps.registry.services.deployments import suspend
from apps.registry.store import version_paths
from apps.serving.campaigns.models import Campaign
from apps.serving.campaigns.services import start_campaign
from apps.serving.reader import LiveReader
from config import operations
from config.logs import REQUEST_ID, JsonLines, TextLines
from tests.apps.conftest import analyst
from tests.apps.registry.promotion import OLIVIER
from tests.apps.serving.conftest import (
    cast,
    facts,
    fresh_process,
    live,
    pairs,
    registered,
    small_company,
    token,
    trained_pairs,
)
from tests.config.test_settings import start
from tests.journeys.conftest import Bench, new_bench
from tests.journeys.test_serving import Installation, installation, serving

__all__ = [
    "analyst", "cast", "facts", "fresh_process", "installation", "live", "new_bench", "pairs", "registered",
    "small_company", "token", "trained_pairs",
]  # fmt: skip

Samples = dict[tuple[str, ...], float]
"""(name, label values in the order of their names) -> value."""

PAIR = {"job_role_name": "Chargé de recrutement", "skill_name": "Analyse statistique"}


def samples(text: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, *(value for _, value in sorted(sample.labels.items())))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


@pytest.fixture(autouse=True)
def fresh_doors(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the doors of a process know, forgotten."""
    monkeypatch.setattr(operations, "LIVE", LiveReader())
    monkeypatch.setattr(operations, "_readers", {})


@pytest.fixture
def log() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What the server's own handler has written since the test began, each line parsed."""
    handler = next(one for one in logging.getLogger().handlers if isinstance(one.formatter, JsonLines))
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    before = handler.setStream(written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    handler.setStream(before)


def database_is_gone(*_: Any) -> Any:
    raise OperationalError("server closed the connection")


# --- Alive, ready -------------------------------------------------------------------------------------------------------
def test_a_process_is_alive_whatever_the_database_does() -> None:
    response = Client().get("/healthz")  # a test that may not touch the database: it was not asked
    assert (response.status_code, response.json()) == (200, {"alive": True})
    assert response.headers["Cache-Control"] == "no-store"


def ready() -> tuple[int, dict[str, Any]]:
    response = Client().get("/readyz")
    return response.status_code, response.json()


@pytest.mark.django_db
def test_ready_is_what_answers_right_and_what_people_decided(live: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ready() == (200, {"ready": True, "code": "live"})
    suspend(actor=OLIVIER, reason="Essai.")
    monkeypatch.setattr(operations, "LIVE", LiveReader())
    assert ready() == (200, {"ready": True, "code": "model_suspended"})


@pytest.mark.django_db
def test_a_server_is_ready_for_its_first_promotion(registered: list[ModelVersion]) -> None:
    assert ready() == (200, {"ready": True, "code": "nothing_live"})


@pytest.mark.django_db
def test_a_process_that_finds_a_byte_changed_is_not_ready_and_says_no_more_than_why(
    live: Deployment, log: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ready()[0] == 200
    path = version_paths(live.version).model
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    assert ready()[0] == 200, "what it has in memory is what was checked"
    monkeypatch.setattr(operations, "LIVE", LiveReader())
    assert ready() == (503, {"ready": False, "code": "artifact_hash_mismatch"})
    assert any(str(path) in line["message"] for line in log() if line["level"] == "WARNING")


ASK_WITHOUT_DATABASE = """
import json, django
django.setup()
from django.test import Client
client = Client(headers={"authorization": "Bearer fs_1a2b3c4d_x"})
answers = {path: client.get(f"/{path}") for path in ("healthz", "readyz", "metrics")}
print(json.dumps({path: [answer.status_code, answer.json()] for path, answer in answers.items()}))
"""


def test_without_a_database_a_process_is_alive_not_ready_and_lets_no_stranger_read(tmp_path: Path) -> None:
    nowhere = f"sqlite:///{tmp_path / 'nowhere' / 'db.sqlite3'}"
    places = {"DJANGO_SETTINGS_MODULE": "config.settings", "FUTURE_SKILLS_HOSTS": "testserver", "DATABASE_URL": nowhere}
    done = start(tmp_path, "-c", ASK_WITHOUT_DATABASE, FUTURE_SKILLS_HTTPS="no", **places)
    answers = json.loads(done.stdout)
    assert answers["healthz"] == [200, {"alive": True}], done.stderr
    assert answers["readyz"] == [503, {"ready": False, "code": "database_unavailable"}]
    assert (answers["metrics"][0], answers["metrics"][1]["code"]) == (503, "storage_failed")


def test_who_looks_after_its_health_is_not_sent_elsewhere(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    client = Client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/metrics").status_code == 301


# --- Figures ------------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_the_rows_say_what_is_live_and_what_waits(
    live: Deployment, token: Callable[..., dict[str, str]], django_assert_max_num_queries: Any
) -> None:
    client = Client(headers=token(Right.READ_METRICS))
    start_campaign(actor=OLIVIER)
    with django_assert_max_num_queries(14):  # the token's, and those of the figures
        found = samples(client.get("/metrics").content.decode())
    version = live.version
    assert found["future_skills_database_up",] == 1
    assert found["future_skills_live_info", str(live.pk), version.manifest_sha256[:12], version.name] == 1
    assert found["future_skills_live_since_timestamp_seconds",] == pytest.approx(live.started_at.timestamp())
    assert found["future_skills_live_age_seconds",] > 0
    assert found["future_skills_suspended",] == 0
    assert found["future_skills_campaigns", "waiting"] == Campaign.objects.count() == 1
    assert found["future_skills_tasks", "waiting"] == DBTaskResult.objects.count() == 1
    assert 0 < found["future_skills_tasks_oldest_waiting_age_seconds",] < 60
    assert ("future_skills_log_newest_line_age_seconds",) not in found, "the log is empty"
    DBTaskResult.objects.update(status="FAILED")
    Campaign.objects.update(started_at=live.started_at)
    found = samples(client.get("/metrics").content.decode())
    assert (found["future_skills_tasks", "waiting"], found["future_skills_tasks", "failed"]) == (0, 1)
    assert (found["future_skills_campaigns", "waiting"], found["future_skills_campaigns", "interrupted"]) == (0, 1)


@pytest.mark.django_db
def test_a_reader_reads_on_while_the_database_is_gone_and_a_stranger_does_not(
    token: Callable[..., dict[str, str]],
) -> None:
    known, other = Client(headers=token(Right.READ_METRICS)), Client(headers=token(Right.READ_METRICS))
    known.get("/metrics")
    with connection.execute_wrapper(database_is_gone):
        found = samples(known.get("/metrics").content.decode())
        assert other.get("/metrics").status_code == 503
    assert found["future_skills_database_up",] == 0
    assert not [name for name, *_ in found if name.startswith("future_skills_live")]
    assert found["future_skills_http_requests_total", "GET", "/metrics", "200"] >= 1


@pytest.mark.django_db
def test_prometheus_chooses_the_format(token: Callable[..., dict[str, str]]) -> None:
    client = Client(headers=token(Right.READ_METRICS))
    assert client.get("/metrics").headers["Content-Type"].startswith("text/plain; version=")
    openmetrics = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text")
    assert openmetrics.content.endswith(b"# EOF\n")


@pytest.mark.django_db
def test_no_visitor_can_make_a_series(token: Callable[..., dict[str, str]]) -> None:
    client = Client(headers=token(Right.READ_METRICS))
    for word in ("BREW", "X" * 50):
        client.generic(word, f"/nowhere-{word}/")
    client.get("/static/css/nothing.css")
    text = client.get("/metrics").content.decode()
    assert "BREW" not in text
    assert "nowhere" not in text
    assert samples(text)["future_skills_http_requests_total", "OTHER", "unknown", "404"] >= 2


COUNT_AND_DIE = """
import os, signal, sys, django
django.setup()
from pathlib import Path
from config.metrics import count_request, count_together, exposition
folder = Path(sys.argv[1])
for _ in range(5):
    if os.fork() == 0:
        count_together(folder)
        for _ in range(10):
            count_request(method="GET", route="/", status=200, seconds=0.003)
        os.kill(os.getpid(), signal.SIGKILL)
    os.wait()
count_together(folder)
count_request(method="GET", route="/", status=200, seconds=0.003)
print(exposition("", ask=False)[0].decode())
"""


def test_what_dead_processes_counted_still_counts_and_their_files_do_not_pile_up(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    done = start(tmp_path, "-c", COUNT_AND_DIE, str(folder), DJANGO_SETTINGS_MODULE="config.settings")
    found = samples(done.stdout)
    assert found["future_skills_http_requests_total", "GET", "/", "200"] == 51, done.stderr
    assert found["future_skills_http_request_seconds_bucket", "0.005", "GET", "/"] == 51
    assert found["future_skills_http_request_seconds_bucket", "0.0025", "GET", "/"] == 0
    assert sorted(path.name for path in folder.iterdir()) == ["0.lock", "counter_0.db", "histogram_0.db"]


# --- The log ------------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_request_has_one_line_that_says_who_asked_for_what_and_no_secret(
    live: Deployment, token: Callable[..., dict[str, str]], log: Callable[[], list[dict[str, Any]]]
) -> None:
    headers = token(Right.READ)
    client = Client(headers={"x-request-id": "order-66.a_b"} | headers)
    client.cookies["sessionid"] = "cookie-secret"
    response = client.post("/api/v1/predictions", {"rows": [PAIR]}, content_type="application/json")
    assert (response.status_code, response.headers["X-Request-ID"]) == (200, "order-66.a_b")
    (line,) = [line for line in log() if line["logger"] == "future_skills.requests"]
    assert line["time"].endswith("Z")
    assert 0 < line.pop("ms") < 60_000
    assert {name: line[name] for name in ("level", "request_id", "method", "route", "status", "user")} == {
        "level": "INFO",
        "request_id": "order-66.a_b",
        "method": "POST",
        "route": "/api/v1/predictions",
        "status": 200,
        "user": "olivier",
    }
    client.get("/api/v1/predictions?role=query-secret")
    client.post("/login/", {"username": "olivier", "password": "typed-secret"})
    text = json.dumps(log(), ensure_ascii=False)
    assert text.count("future_skills.requests") == 3
    for secret in (
        headers["authorization"].removeprefix("Bearer "),
        "cookie-secret",
        "query-secret",
        "typed-secret",
        *PAIR.values(),
    ):
        assert secret not in text


@pytest.mark.django_db
def test_a_fault_leaves_its_trace_with_the_identifier_of_its_request(
    login: Callable[..., Client], log: Callable[[], list[dict[str, Any]]], token: Callable[..., dict[str, str]]
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    client = login("operator")
    client.raise_request_exception = False
    with connection.execute_wrapper(broken):
        response = client.get("/versions/")
    assert response.status_code == 500
    fault, request = [line for line in log() if line["level"] == "ERROR"]
    assert "ZeroDivisionError" in fault["trace"]
    assert fault["logger"] == "django.request"
    assert fault["request_id"] == request["request_id"] == response.headers["X-Request-ID"]
    assert (request["route"], request["status"]) == ("/versions/", 500)
    found = samples(Client(headers=token(Right.READ_METRICS)).get("/metrics").content.decode())
    assert found["future_skills_faults_total", "ZeroDivisionError"] >= 1


@pytest.mark.parametrize("given_id", ["", "a b", "x" * 129, "é", 'a"}\n{"level": "INFO'])
def test_an_identifier_that_is_none_is_replaced(given_id: str, log: Callable[[], list[dict[str, Any]]]) -> None:
    client, made = Client(), set()
    for _ in range(2):
        made.add(client.get("/healthz", HTTP_X_REQUEST_ID=given_id).headers["X-Request-ID"])
    assert len(made) == 2
    assert given_id not in made
    assert {line["request_id"] for line in log()} == made
    assert REQUEST_ID.get() == ""


@given(st.text(alphabet=st.characters(), max_size=30), st.text(max_size=10))
def test_no_words_break_a_line(message: str, fact: str) -> None:
    record = logging.makeLogRecord({"name": "any", "msg": "%s", "args": (message,), "facts": {"user": fact}})
    line = JsonLines().format(record)
    assert "\n" not in line
    line.encode()
    assert json.loads(line)["user"] == fact


def test_people_may_read_it_as_text() -> None:
    record = logging.makeLogRecord({"name": "any", "levelname": "INFO", "msg": "request", "request_id": "7f"})
    record.facts = {"method": "GET", "route": "/", "status": 200}
    assert TextLines().format(record).endswith(" INFO any [7f] request method=GET route=/ status=200")


@pytest.mark.parametrize("name", ["FUTURE_SKILLS_LOG_FORMAT", "FUTURE_SKILLS_LOG_LEVEL"])
def test_a_log_that_nobody_can_write_is_refused_at_start(tmp_path: Path, name: str) -> None:
    done = start(tmp_path, "manage.py", "check", **{name: "loud"})
    assert (done.returncode, done.stderr.startswith(f"{name} must be ")) == (1, True), done.stderr


# --- A real server ------------------------------------------------------------------------------------------------------
READER = """
from apps.accounts.rights import Right
from apps.accounts.services import create_token
from tests.apps.registry.promotion import OLIVIER
print(create_token(actor=OLIVIER, username="olivier", name="prometheus", scopes=[Right.READ_METRICS])[1])
"""


def scrape(port: int, token: str) -> Samples:
    """What a server says on a connection of its own: whichever worker takes it."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as asking:
        asking.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
        return samples(asking.getresponse().read().decode())


def test_whichever_worker_is_asked_it_answers_for_all(installation: Installation) -> None:
    bench: Bench = installation.bench
    secret = bench.run("manage.py", "shell", "--no-imports", "-c", READER).stdout.strip()
    key = "future_skills_http_requests_total", "POST", "/api/v1/predictions", "200"
    with serving(bench) as server:
        assert server.ask("POST", "versions/v1/deploy", installation.token, {})[0] == 201
        statuses: list[int] = []
        while statuses.count(200) < 40:
            assert len(statuses) < 400
            statuses.append(server.ask("POST", "predictions", installation.token, installation.question)[0])
        found = [scrape(server.port, secret) for _ in range(4)]
        said = server.log.read_text()
    assert [one[key] for one in found] == [40] * 4
    assert [one["future_skills_log_lag_seconds_count", "committed"] for one in found] == [40] * 4
    files = {path.name for path in (bench.folder / "var" / "metrics").glob("counter_*.db")}
    assert files == {"counter_0.db", "counter_1.db"}
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    asked = [line for line in lines if line.get("route") == "/api/v1/predictions"]
    assert len(asked) == len(statuses)
    assert len({line["request_id"] for line in asked}) == len(statuses)
    assert {line["user"] for line in asked} == {"olivier"}
    assert secret not in said
    assert installation.token not in said
