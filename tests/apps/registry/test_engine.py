"""How a version is run: measured when a command registers it, kept beside it, told, and used."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.registry.models import ModelVersion, VersionEngine
from apps.registry.services.datasets import export_dataset
from apps.registry.services.engines import measure_version_engine
from apps.registry.services.versions import register_version
from apps.serving.reader import open_predictor
from future_skills.artifact import MODEL_SUFFIX
from future_skills.engine_choice import EngineChoice
from future_skills.manifest import read_manifest
from tests.apps.registry.test_soundness import rewritten

pytestmark = pytest.mark.django_db

Run = Callable[..., tuple[int, str, str]]


def test_registering_measures_the_engine_on_all_test_rows_and_tells(
    facts: object, pairs: Path, analyst: Actor, run: Run, login: Callable[..., Client]
) -> None:
    export_dataset(actor=analyst, output=pairs / "future_skills_dataset.csv")
    code, out, err = run("registry", "register", str(pairs / "future_skills_model_v2.pkl"), "--json")
    assert (code, err) == (0, "")
    engine = VersionEngine.objects.get(version__name="v2")
    choice = engine.words
    assert (choice.compiled, choice.reason, choice.differing, choice.largest_difference) == (True, "", 0, 0.0)
    assert choice.rows == read_manifest(pairs / "future_skills_model_v2.json").split.test_rows
    assert choice.one_row_us is not None
    assert EngineChoice.model_validate(json.loads(out)["engine"]) == choice
    event = AuditEvent.objects.get(action="registry.measure_engine")
    assert (event.object_id, event.details) == ("v2", {"compiled": True, "reason": "", "rows": choice.rows})

    code, out, _err = run("registry", "show", "v2")
    sentence = f"one row in {choice.one_row_us / 1000:.2f}".replace(".", ",")
    assert sentence in out.replace("une ligne en", "one row in")
    page = login("data_scientist").get("/versions/v2/", headers={"accept-language": "en"})
    assert f"same levels on all {choice.rows} rows compared" in page.content.decode()


def test_a_version_whose_dataset_was_not_kept_is_measured_on_its_stored_cases(
    db: None, pairs: Path, analyst: Actor
) -> None:
    register_version(actor=analyst, path=pairs / "future_skills_model_v1.pkl")
    engine = measure_version_engine(actor=analyst, version="v1")
    assert engine is not None
    assert (engine.words.compiled, engine.words.rows) == (True, 32)
    assert measure_version_engine(actor=analyst, version="v1") == engine  # once
    assert AuditEvent.objects.filter(action="registry.measure_engine").count() == 1


def test_what_was_measured_is_how_the_version_is_opened(registered: list[ModelVersion], analyst: Actor) -> None:
    version = registered[0]
    opened = open_predictor(version)
    assert (opened.choice.compiled, opened.choice.rows, opened.choice.one_row_us) == (True, 32, None)
    refused = EngineChoice(compiled=False, reason="levels_differ", rows=200, differing=3)
    VersionEngine.objects.create(
        version=version, choice=refused.model_dump(mode="json"), measured_at=version.registered_at, measured_by="nadia"
    )
    assert open_predictor(ModelVersion.objects.get(pk=version.pk)).choice == refused


def test_a_version_that_cannot_be_opened_here_is_registered_and_has_no_engine(
    db: None, pairs: Path, run: Run, login: Callable[..., Client]
) -> None:
    path = rewritten(pairs, MODEL_SUFFIX, b"not a pickle")
    code, out, _err = run("registry", "register", str(path), "--json")
    assert (code, json.loads(out)["engine"]) == (0, None)
    assert not VersionEngine.objects.exists()
    page = login("data_scientist").get(f"/versions/{json.loads(out)['version']}/")
    assert page.status_code == 200


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (EngineChoice(compiled=False, reason="not_compilable", part="SVC"), "cannot be compiled: SVC"),
        (EngineChoice(compiled=False, reason="no_rows"), "no rows to compare"),
        (EngineChoice(compiled=False, reason="levels_differ", rows=1000, differing=3), "another level to 3 of 1"),
        (
            EngineChoice(compiled=False, reason="probabilities_differ", rows=9, largest_difference=2e-3),
            "up to 0.002000",
        ),
        (EngineChoice(compiled=False, reason="slower", one_row_us=900, scikit_learn_us=700), "not faster: 0.90 ms"),
    ],
)
def test_the_page_says_why_a_version_is_run_by_scikit_learn(
    registered: list[ModelVersion], login: Callable[..., Client], choice: EngineChoice, words: str
) -> None:
    version = registered[0]
    VersionEngine.objects.create(
        version=version, choice=choice.model_dump(mode="json"), measured_at=version.registered_at, measured_by="nadia"
    )
    page = login("data_scientist").get("/versions/v1/", headers={"accept-language": "en"})
    assert words in page.content.decode()
