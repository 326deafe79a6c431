"""The procedure of the written registry, word for word, on the simulated company: from the export to v2 in production.

Real processes, the policy of the repository, nothing loosened. ``--features history`` alone is added to the words of
training: without it, as v1 shows here, a version does not meet the criteria.
"""

import dataclasses
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from future_skills.files import sha256_of_file
from future_skills.policy import default_policy, policy_sha256
from tests.journeys.conftest import ROOT, Bench

TRAIN = "ml/train_future_skills_model.py"
EVALUATE = "ml/evaluate_future_skills_models.py"
REGISTRY = ("manage.py", "registry")


class Office:
    """The people of the demonstration at their terminals."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.tokens = bench.folder / "people.env"
        bench.run("manage.py", "create_demo_people", "--tokens", str(self.tokens))
        self.secrets = dict(line.split("=", 1) for line in self.tokens.read_text().split())

    def at(self, **environment: str) -> Bench:
        return dataclasses.replace(self.bench, environment={**self.bench.environment, **environment})

    def __call__(self, name: str) -> Bench:
        """The terminal of one of them, whose own token is set."""
        return self.at(FUTURE_SKILLS_TOKEN=self.secrets[f"TOKEN_{name.upper()}"])


@contextmanager
def served(bench: Bench) -> Iterator[str]:
    """A server as ``make serve`` starts it, until the end; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    words += ["--blocking-threads", "8", "--workers-kill-timeout", "30", "--no-access-log"]
    with (bench.folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [Path(sys.executable).parent / "granian", *words, "config.wsgi:application"],
            cwd=ROOT,
            env=dict(bench.environment),
            stdout=log,
            stderr=log,
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=60)


def ask(address: str, token: str) -> tuple[int, Any]:
    """POST /api/v1/predictions for one pair, once the server answers: status and document."""
    row = {"job_role_name": "Technicien de maintenance industrielle", "skill_name": "Norme ISO 14001"}
    request = Request(
        f"{address}/api/v1/predictions",
        data=json.dumps({"rows": [row]}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    deadline = time.monotonic() + 120
    while True:
        try:
            with urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except HTTPError as refusal:
            with refusal:
                return refusal.code, json.load(refusal)
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def checks(gate: Any) -> dict[str, str]:
    return {check["key"]: check["verdict"] for check in gate["checks"]}


def test_v2_goes_live_by_the_written_procedure(new_bench: Callable[[], Bench]) -> None:
    office = Office(new_bench())
    camille, ml = office("camille"), office.bench.ml
    camille.run("manage.py", "load_demo_company")

    # 1. Export the dataset.
    exported = camille.json("manage.py", "export_future_skills_dataset")

    # 2. Train the new version; the base features are not enough, and stay out whatever the settings say.
    camille.run(TRAIN, "--version", "v1")
    held = camille.json(*REGISTRY, "gate", "v1", code=3)
    assert held["verdict"] == "inconclusive"
    assert {checks(held)[f"not_worse.{metric}.persistence"] for metric in ("accuracy", "f1_macro")} == {"inconclusive"}
    model = ml / "future_skills_model_v2.pkl"
    camille.run(*(TRAIN, "--version", "v2", "--features", "history", "--n-estimators", "300", "--output", str(model)))

    # 3. Check the .json.
    manifest = json.loads((ml / "future_skills_model_v2.json").read_text())
    assert (manifest["version"], manifest["author"]) == ("v2", "camille")
    assert manifest["dataset"]["sha256"] == exported["sha256"] == sha256_of_file(ml / "future_skills_dataset.csv")
    assert manifest["hyperparameters"]["n_estimators"] == 300
    assert next(file["sha256"] for file in manifest["files"] if file["name"] == model.name) == sha256_of_file(model)
    assert {"accuracy", "f1_weighted", "per_class", "confusion_matrix"} <= manifest["metrics"].keys()

    # 4. Evaluate.
    assert "v2" in json.dumps(camille.json(EVALUATE))

    # 5. The criteria, which wait for the validation sample, then for people.
    first = camille.json(*REGISTRY, "gate", "v2", code=3)
    assert {key for key, verdict in checks(first).items() if verdict == "waiting"} == {
        "sample",
        "approval.data",
        "approval.drh",
        "works_council",  # shown; by default it blocks nothing
    }
    camille.run(*REGISTRY, "sample", "v2", "--size", "60", "--seed", "1")
    office.bench.run("examples/play_reviewers.py", "v2", "--tokens", str(office.tokens))
    second = camille.json(*REGISTRY, "gate", "v2", code=3)
    assert second["evidence_verdict"] == "promotable"
    assert second["report"]["sha256"] != first["report"]["sha256"]

    # 6. Both teams approve; neither the author, nor a name that is only said.
    for words, code in (
        ((office("camille"), "data"), "own_work"),
        ((office.at(FUTURE_SKILLS_ACTOR="dominique"), "data"), "proof_required"),
        ((office("dominique"), "drh"), "permission_denied"),
    ):
        terminal, team = words
        refused = terminal.json(*REGISTRY, "approve", "v2", "--team", team, code=1)
        assert refused["error"]["code"] == code
    report = ("--report", second["report"]["sha256"])
    office("dominique").run(*REGISTRY, "approve", "v2", "--team", "data", "--comment", "Relu.", *report)
    office("claire").run(*REGISTRY, "approve", "v2", "--team", "drh", *report)
    last = camille.json(*REGISTRY, "gate", "v2")
    assert (last["verdict"], last["report"]["sha256"], last["override"]) == ("promotable", report[1], None)
    assert camille.json(*REGISTRY, "policy")["sha256"] == policy_sha256(default_policy())

    # 7. Edit the settings, restart: v2 answers.
    token = office.secrets["TOKEN_OLIVIER"]
    settings = {"FUTURE_SKILLS_ACTOR": "", "FUTURE_SKILLS_MODEL_VERSION": "v1"}
    with served(office.at(**settings)) as address:
        status, refusal = ask(address, token)
    assert (status, refusal["code"]) == (503, "nothing_live")
    assert "future_skills.E005" in (office.bench.folder / "server.log").read_text()
    settings |= {"FUTURE_SKILLS_MODEL_VERSION": "v2", "FUTURE_SKILLS_MODEL_PATH": str(model)}
    office.at(**settings).run("manage.py", "check")
    with served(office.at(**settings)) as address:
        status, answer = ask(address, token)
    assert (status, answer["model_version"]) == (200, "v2")

    live = office("olivier").json(*REGISTRY, "live")["deployment"]
    assert (live["version"], live["kind"], live["previous"]) == ("v2", "pin", None)
    assert "v2" in (ml / "MODEL_REGISTRY.md").read_text()
    office("aude").run("manage.py", "verify_audit_log")
