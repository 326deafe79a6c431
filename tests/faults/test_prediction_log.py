"""Kill -9 of a web worker under load: every answer that somebody received is in the log, and every request whole or not there."""

import http.client
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.conftest import TIMES, Installation
from tests.journeys.conftest import Bench
from tests.journeys.test_serving import Server, request, serving

KILLS = max(2, TIMES // 10)
CLIENTS = 6
ROWS = 3
"""Pairs asked for at a time: a request that is killed leaves all of its lines, or none."""

SEED = 20260303


@dataclass
class Asker:
    """Somebody who asks again and again, whatever happens to the connection.

    Attributes:
        received: identifier of each answer -> request, version, level, probabilities, as they were received.
        broken: how many requests were never answered.
        strange: answers that were neither.
    """

    server: Server
    token: str
    question: dict[str, Any]
    stop: threading.Event
    received: dict[str, list[Any]] = field(default_factory=dict)
    broken: int = 0
    strange: list[Any] = field(default_factory=list)

    def run(self) -> None:
        while not self.stop.is_set():
            with closing(http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)) as connection:
                self._ask_until_it_breaks(connection)

    def _ask_until_it_breaks(self, connection: http.client.HTTPConnection) -> None:
        while not self.stop.is_set():
            try:
                status, answer = request(connection, "POST", "predictions", self.token, self.question)
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                self.broken += 1
                time.sleep(0.05)
                return
            if status != 200:
                self.strange.append(answer)
                return
            for one in answer["predictions"]:
                said = [answer["request_id"], answer["model_version"], one["level"], one["probabilities"]]
                self.received[one["id"]] = said


def web_workers(server: Server) -> list[int]:
    """Numbers of the processes that answer."""
    words = ["ps", "--ppid", str(server.pid), "-o", "pid="]
    return [int(pid) for pid in subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()]


def wait_for_workers(server: Server, count: int) -> None:
    """Until so many have started in all: one that is stopped while it starts does not hear it."""
    until = time.monotonic() + 120
    while server.log.read_text().count("Started worker-") < count:
        assert time.monotonic() < until, server.log.read_text()
        time.sleep(0.1)


def test_no_answer_that_was_received_is_missing_from_the_log(installation: Installation, tmp_path: Path) -> None:
    question = {"rows": installation.call("pairs", count=ROWS)}
    chance = random.Random(SEED)
    bench = Bench(tmp_path, installation.environment | {"GRANIAN_RESPAWN_FAILED_WORKERS": "1"})
    with serving(bench, GRANIAN_RESPAWN_INTERVAL="0.1") as server:
        stop = threading.Event()
        askers = [Asker(server, installation.tokens["olivier"], question, stop) for _ in range(CLIENTS)]
        threads = [threading.Thread(target=asker.run) for asker in askers]
        for thread in threads:
            thread.start()
        try:
            wait_for_workers(server, 2)
            for kill in range(1, KILLS + 1):
                time.sleep(chance.uniform(0.2, 1.0))
                os.kill(chance.choice(web_workers(server)), signal.SIGKILL)
                wait_for_workers(server, 2 + kill)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    logged = installation.call("logged")
    received = {key: said for asker in askers for key, said in asker.received.items()}
    assert [one for asker in askers for one in asker.strange] == []
    assert len(received) > CLIENTS * ROWS * KILLS
    assert received == {key: logged[key] for key in received if key in logged}
    requests = Counter(said[0] for said in logged.values())
    assert set(requests.values()) == {ROWS}
    print(
        f"{len(received)} answers received, {len(logged)} logged, {sum(one.broken for one in askers)} requests broken"
    )
