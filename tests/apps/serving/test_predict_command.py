"""``manage.py predict``: the live version answers; a version that is named is tried, and never counts as production."""

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from django.utils import translation

from apps.accounts.actors import Actor
from apps.registry.models import Deployment, ModelVersion
from apps.registry.services.deployments import roll_back, suspend
from apps.registry.services.versions import retract_version
from apps.registry.store import version_paths
from apps.serving import predictions
from apps.serving.reader import LiveReader
from tests.apps.registry.promotion import OLIVIER

pytestmark = pytest.mark.django_db

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def operator_at_a_terminal(settings: Any, cast: None) -> Any:
    settings.FUTURE_SKILLS_ACTOR = "olivier"
    with translation.override("en"):
        yield


@pytest.fixture
def words(facts: pl.DataFrame) -> tuple[str, ...]:
    """The pair that is asked for."""
    row = facts.filter(period=facts["period"].max()).row(0, named=True)
    return ("--role", row["job_role_name"], "--skill", row["skill_name"])


def test_the_live_version_answers_and_a_switch_is_seen(
    run: Run, deploy: Callable[[str], Deployment], words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = deploy("v1")
    code, out, _ = run("predict", *words)
    assert code == 0
    assert "v1, in production" in out
    assert f"{words[1]} × {words[3]}" in out
    assert "Need expected: " in out

    monkeypatch.setattr(predictions, "LIVE", LiveReader())  # every command is a process of its own
    second = deploy("v2")
    document = json.loads(run("predict", *words, "--json")[1])
    assert (document["model_version"], document["deployment"]) == ("v2", second.pk)
    monkeypatch.setattr(predictions, "LIVE", LiveReader())
    roll_back(actor=OLIVIER, reason="v2 disappoints")
    assert json.loads(run("predict", *words, "--json")[1])["model_version"] == "v1"
    assert deployment.pk != second.pk


def test_a_candidate_is_tried_and_marked_as_such(
    run: Run, registered: list[ModelVersion], words: tuple[str, ...]
) -> None:
    code, out, _ = run("predict", *words, "--version", "v2")
    assert code == 0
    assert "v2, tried outside production (it is: candidate)" in out
    document = json.loads(run("predict", *words, "--version", "v2", "--json")[1])
    assert (document["model_version"], document["deployment"]) == ("v2", None)
    assert run("predict", *words)[0] == 1


def test_the_live_version_tried_by_name_does_not_count_as_production_either(
    run: Run, deploy: Callable[[str], Deployment], words: tuple[str, ...]
) -> None:
    deploy("v1")
    suspend(actor=OLIVIER, reason="an audit")
    code, _, refusal = run("predict", *words)
    assert code == 1
    assert "an audit" in refusal
    document = json.loads(run("predict", *words, "--version", "v1", "--json")[1])
    assert document["deployment"] is None


def test_a_value_that_is_set_takes_the_place_of_the_snapshots(
    run: Run, registered: list[ModelVersion], words: tuple[str, ...]
) -> None:
    given = ("--set", "trend_score=0.9", "--set", "avg_salary_k=", "--set", "skill_category=Nobody's")
    document = json.loads(run("predict", *words, "--version", "v1", "--json", *given)[1])
    warnings = document["predictions"][0]["warnings"]
    assert {"code": "unknown_category", "column": "skill_category"} in [
        {"code": one["code"], "column": one["details"].get("column")} for one in warnings
    ]
    assert (
        "! skill_category: v1 never saw “Nobody's” in training." in run("predict", *words, "--version", "v1", *given)[1]
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("trend=1", "Did you mean trend_score?"),
        ("trend_score", "write NAME=VALUE"),
        ("need_memory=1", "write NAME=VALUE"),
        ("trend_score=0,5", "not a number (write 0.82)"),
        ("trend_score=nan", "not a finite number"),
        ("job_role_name=x", "write NAME=VALUE"),
    ],
)
def test_a_value_that_cannot_be_set_is_refused(
    run: Run, registered: list[ModelVersion], words: tuple[str, ...], given: str, said: str
) -> None:
    code, out, refusal = run("predict", *words, "--version", "v1", "--set", given)
    assert code == 1
    assert said in refusal
    assert out == ""


def test_a_name_with_a_slip_is_told_which_names_are_like_it(
    run: Run, registered: list[ModelVersion], words: tuple[str, ...]
) -> None:
    code, _, refusal = run("predict", "--role", words[1] + "s", "--skill", words[3], "--version", "v1")
    assert code == 1
    assert f"Did you mean “{words[1]}”" in refusal
    document = json.loads(run("predict", "--role", "?", "--skill", "?", "--version", "v1", "--json")[1])
    assert document["error"]["code"] == "pair_unknown"


def test_a_retracted_version_is_not_even_tried(
    run: Run, registered: list[ModelVersion], words: tuple[str, ...], analyst: Actor
) -> None:
    retract_version(actor=Actor("nadia", "login"), version="v1", reason="wrong dataset")
    document = json.loads(run("predict", *words, "--version", "v1", "--json")[1])
    assert document["error"]["code"] == "not_allowed"
    assert json.loads(run("predict", *words, "--version", "v9", "--json")[1])["error"]["code"] == "version_not_found"


def test_a_spoiled_file_is_refused_live_or_not(
    run: Run, deploy: Callable[[str], Deployment], words: tuple[str, ...]
) -> None:
    path = version_paths(deploy("v1").version).model
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    for more in ((), ("--version", "v1")):
        document = json.loads(run("predict", *words, *more, "--json")[1])
        assert document["error"]["code"] == "artifact_hash_mismatch"
        assert document["error"]["details"]["path"] == str(path)


def test_nothing_live_says_how_to_deploy(run: Run, registered: list[ModelVersion], words: tuple[str, ...]) -> None:
    code, _, refusal = run("predict", *words)
    assert code == 1
    assert "manage.py registry deploy" in refusal
