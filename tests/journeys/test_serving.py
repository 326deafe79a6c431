"""A real server with two workers: switches under load, and the pin of the settings."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from future_skills.dataset import read_dataset
from future_skills.simulation import CompanyParameters, simulate_company
from future_skills.training import Recipe, train
from tests.journeys.conftest import ROOT, Bench

LEVELS = ("LOW", "MEDIUM", "HIGH")

SWITCHES = int(os.environ.get("SWITCHES", "5"))
"""Times that v2 is deployed and rolled back under requests; ``make faults`` asks for more."""

CLIENTS = int(os.environ.get("CLIENTS", "4"))
"""Connections that ask meanwhile."""

RECIPES = {
    "v1": Recipe(params={"n_estimators": 15}),
    "v2": Recipe(feature_set="history", algorithm="random_forest", params={"n_estimators": 15}),
}
"""Two versions, the second of which is better and reads histories."""

NOTICED_WITHIN = 2.0
"""Seconds after which every process must answer with the version that is live."""


# --- A server, and somebody who asks ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Server:
    """A server that is running.

    Attributes:
        port: where it listens.
        log: what it has said.
        pid: number of its first process; those that answer are its children.
    """

    port: int
    log: Path
    pid: int

    def ask(self, method: str, address: str, token: str, body: Any = None) -> tuple[int, Any]:
        """One request on a connection of its own: status and document."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            return request(connection, method, address, token, body)


def request(
    connection: http.client.HTTPConnection, method: str, address: str, token: str, body: Any = None
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request(method, f"/api/v1/{address}", None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


@contextmanager
def serving(bench: Bench, **settings: str) -> Iterator[Server]:
    """``make serve`` with two workers, under other settings."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = bench.folder / "server.log"
    words = ["--interface", "wsgi", "--port", str(port), "--workers", "2", "--blocking-threads", "4"]
    words += ["--workers-kill-timeout", "30"]  # a worker that is told to stop while it starts does not hear it
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "granian", *words, "--no-access-log", "config.wsgi:application"],
            cwd=ROOT,
            env={"FUTURE_SKILLS_REQUESTS_PER_MINUTE": "1000000", **bench.environment, **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(port, log, process.pid)
    try:
        until = time.monotonic() + 120
        while not answers(server):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=60)


def answers(server: Server) -> bool:
    try:
        return server.ask("GET", "openapi.json", "")[0] == 200
    except OSError:
        return False


# --- An installation with two versions that may go into production ------------------------------------------------------
@dataclass(frozen=True)
class Installation:
    """Attributes: the bench; the operator's token; the pair that is asked for; version -> what it says of the pair."""

    bench: Bench
    token: str
    pair: dict[str, str]
    said: dict[str, dict[str, float]]

    @property
    def question(self) -> dict[str, Any]:
        return {"rows": [self.pair]}


def shell(bench: Bench, code: str) -> str:
    """What a process of the installation prints; Django is set up there."""
    return bench.run(
        "manage.py", "shell", "--no-imports", "-c", f"from tests.journeys import test_serving; {code}"
    ).stdout


@pytest.fixture
def installation(new_bench: Callable[[], Bench]) -> Installation:
    bench = new_bench()
    return Installation(bench, **json.loads(shell(bench, "test_serving.make_installation()")))


def make_installation() -> None:
    """In the process of ``shell``: facts, two versions, v1 promoted; prints the fields of ``Installation`` as JSON."""
    from django.conf import settings
    from django.contrib.auth.models import Group, User

    from apps.accounts.rights import Right
    from apps.accounts.services import create_token
    from apps.registry.services.datasets import export_dataset
    from apps.registry.services.versions import register_version
    from apps.serving.predictions import try_version
    from apps.workforce.services import store_snapshots
    from tests.apps.registry.promotion import EASY, NADIA, OLIVIER, approved, hire, put_in_force

    def person(username: str, *roles: str) -> None:
        User.objects.create(username=username, password="!").groups.set(Group.objects.filter(name__in=roles))

    hire(person)
    company = simulate_company(seed=7, parameters=CompanyParameters(roles=8, skills=25, quarters=10)).snapshots
    store_snapshots(actor=NADIA, batches=[company], source="small company")
    dataset = read_dataset(export_dataset(actor=NADIA, output=settings.ML_DIR / "future_skills_dataset.csv").path)
    for version, recipe in RECIPES.items():
        path = settings.ML_DIR / f"future_skills_model_{version}.pkl"
        train(dataset, version=version, output=path, author="nadia", clock=lambda: datetime.now(UTC), recipe=recipe)
        register_version(actor=NADIA, path=path)
    put_in_force(settings.ML_DIR, EASY)
    approved("v1")
    pair = company.filter(period=company["period"].max()).select("job_role_name", "skill_name").row(0, named=True)
    said = {version: try_version(version, [pair])[0].answers[0].said.prediction.probabilities for version in RECIPES}
    scopes = [Right.READ, Right.DEPLOY]
    _token, secret = create_token(actor=OLIVIER, username="olivier", name="a journey", scopes=scopes)
    print(json.dumps({"token": secret, "pair": pair, "said": said}))


def print_log() -> None:
    """In the process of ``shell``: identifier of each line of the log -> version and probabilities, as JSON."""
    from apps.serving.models import Prediction

    lines = Prediction.objects.values_list("id", "version", "probabilities")
    print(json.dumps({str(key): [version, [said[level] for level in LEVELS]] for key, version, said in lines}))


# --- Switches under load ------------------------------------------------------------------------------------------------
@dataclass
class Client:
    """Somebody who asks again and again.

    Attributes:
        answered: (moment the request began, moment it was answered, version that answered), in order.
        failed: what was not an answer, or not that version's answer.
        logged: identifier of each answer -> version and probabilities that it had.
    """

    server: Server
    installation: Installation
    stop: threading.Event
    answered: list[tuple[float, float, str]] = field(default_factory=list)
    failed: list[Any] = field(default_factory=list)
    logged: dict[str, list[Any]] = field(default_factory=dict)

    def run(self) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)) as connection:
            self._ask_with(connection)

    def _ask_with(self, connection: http.client.HTTPConnection) -> None:
        while not self.stop.is_set():
            began = time.monotonic()
            try:
                status, answer = request(
                    connection, "POST", "predictions", self.installation.token, self.installation.question
                )
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection.close()
                continue
            if status != 200:
                self.failed.append((status, answer))
                continue
            version, shares = answer["model_version"], answer["predictions"][0]["probabilities"]
            if shares != pytest.approx(self.installation.said[version], abs=1e-12):
                self.failed.append((version, shares))
            self.answered.append((began, time.monotonic(), version))
            self.logged[answer["predictions"][0]["id"]] = [version, [shares[level] for level in LEVELS]]


@dataclass(frozen=True)
class Switch:
    """A deployment or a rollback: when it was asked for, when the server said that it was done, what was live then."""

    asked: float
    done: float
    version: str


def test_a_switch_reaches_every_process_within_two_seconds_and_no_request_fails(installation: Installation) -> None:
    bench, token = installation.bench, installation.token
    with serving(bench) as server:
        assert server.ask("POST", "predictions", token, installation.question)[1]["code"] == "nothing_live"
        assert server.ask("POST", "versions/v1/deploy", token, {})[0] == 201
        shell(bench, "from tests.apps.registry.promotion import approved; approved('v2')")
        stop = threading.Event()
        clients = [Client(server, installation, stop) for _ in range(CLIENTS)]
        threads = [threading.Thread(target=client.run) for client in clients]
        switches = [Switch(0.0, time.monotonic(), "v1")]
        for thread in threads:
            thread.start()
        time.sleep(NOTICED_WITHIN + 1)
        try:
            for _ in range(SWITCHES):
                for address, version in (("versions/v2/deploy", "v2"), ("rollback", "v1")):
                    asked = time.monotonic()
                    status, answer = server.ask("POST", address, token, {"reason": "an exercise"})
                    assert (status, answer["version"]) == (201, version), answer
                    switches.append(Switch(asked, time.monotonic(), version))
                    time.sleep(NOTICED_WITHIN + 1)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        live = server.ask("GET", "deployments?limit=1", token)[1]
        logged = json.loads(shell(bench, "test_serving.print_log()"))
    assert [failure for client in clients for failure in client.failed] == []
    assert logged == {key: said for client in clients for key, said in client.logged.items()}
    assert live["total"] == 1 + 2 * SWITCHES
    answered = [one for client in clients for one in client.answered]
    for now, after in zip(switches, [*switches[1:], Switch(float("inf"), 0.0, "")], strict=True):
        meanwhile = {
            version for began, ended, version in answered if began >= now.done + NOTICED_WITHIN and ended < after.asked
        }
        assert meanwhile == {now.version}


# --- The pin ------------------------------------------------------------------------------------------------------------
def test_editing_the_pin_and_restarting_serves_that_version_once(installation: Installation) -> None:
    bench, token = installation.bench, installation.token
    pin = {
        "FUTURE_SKILLS_MODEL_VERSION": "v1",
        "FUTURE_SKILLS_MODEL_PATH": str(bench.ml / "future_skills_model_v1.pkl"),
    }
    with serving(bench, **pin) as server:
        status, answer = server.ask("POST", "predictions", token, installation.question)
        assert (status, answer["model_version"]) == (200, "v1"), server.log.read_text()
        live = server.ask("GET", "deployments", token)[1]
        assert (live["total"], live["deployments"][0]["kind"]) == (1, "pin")
        assert server.log.read_text().count("the settings pin it") == 1

    pin["FUTURE_SKILLS_MODEL_PATH"] = str(bench.ml / "future_skills_model_v2.pkl")
    with serving(bench, **pin) as server:
        assert "(future_skills.E004)" in server.log.read_text()
        assert server.ask("POST", "predictions", token, installation.question)[1]["model_version"] == "v1"
        assert server.ask("GET", "deployments", token)[1]["total"] == 1
    checked = replace(bench, environment={**bench.environment, **pin}).run("manage.py", "check", code=1)
    assert "future_skills.E004" in checked.stderr
