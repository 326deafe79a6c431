"""Register, note, retract, reproduce: the verbs on versions, and the command that calls them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.conf import settings
from django.utils import translation

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.audit.services import verify_chain
from apps.registry import pages
from apps.registry.models import Dataset, ModelVersion, Retraction
from apps.registry.selectors import registry_summary
from apps.registry.services import page
from apps.registry.services.datasets import register_dataset_file
from apps.registry.services.reproduction import reproduce_version
from apps.registry.services.versions import (
    add_note,
    register_version,
    require_new_version,
    retract_version,
)
from apps.registry.store import dataset_path, version_paths
from future_skills import schema
from future_skills.artifact import load_version
from future_skills.dataset import read_dataset, write_dataset
from future_skills.errors import (
    ArtifactHashMismatchError,
    ArtifactMissingError,
    ManifestError,
    NotAllowedError,
    NotReproducibleError,
    UsageError,
    VersionExistsError,
    VersionNotFoundError,
)
from future_skills.training import Recipe, train
from tests.apps.registry import promotion

Run = Callable[..., tuple[int, str, str]]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_version_is_kept_traceable_and_audited(registered: list[ModelVersion]) -> None:
    v1, v2 = registered
    assert v1.dataset is not None
    assert (v2.parent, v2.dataset) == (v1, v1.dataset)
    assert load_version(version_paths(v2).model).manifest == v2.words
    assert v2.accuracy == v2.words.metrics.accuracy
    event = AuditEvent.objects.get(action="registry.register_version", object_id="v2")
    assert event.details["manifest_sha256"] == v2.manifest_sha256
    assert verify_chain() == AuditEvent.objects.count()


def test_a_name_is_used_once(registered: list[ModelVersion], pairs: Path, analyst: Actor) -> None:
    with pytest.raises(VersionExistsError, match="v1"):
        register_version(actor=analyst, path=pairs / "future_skills_model_v1.pkl")
    retract_version(actor=analyst, version="v1", reason="wrong labels")
    with pytest.raises(VersionExistsError):
        require_new_version("v1")


@pytest.mark.django_db
@pytest.mark.parametrize("suffix", [".pkl", ".profile.json", ".rows.parquet", ".cases.json", ".background.parquet"])
def test_a_changed_file_is_refused_and_no_row_is_written(pairs: Path, analyst: Actor, suffix: str) -> None:
    path = pairs / f"future_skills_model_v1{suffix}"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ArtifactHashMismatchError, match=path.name):
        register_version(actor=analyst, path=pairs / "future_skills_model_v1.pkl")
    assert ModelVersion.objects.count() == 0
    assert not (settings.ARTIFACTS_DIR / "versions").exists()


@pytest.mark.django_db
def test_a_pair_without_its_manifest_is_refused(pairs: Path, analyst: Actor) -> None:
    (pairs / "future_skills_model_v1.json").unlink()
    with pytest.raises(ArtifactMissingError, match=r"v1\.json"):
        register_version(actor=analyst, path=pairs / "future_skills_model_v1.pkl")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("metrics.accuracy", 0.99),
        ("metrics.per_class.HIGH.precision", 1.0),
        ("metrics.confusion_matrix", [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ("metrics.emergence.precision_at_200", 0.95),
        ("baselines.persistence.f1_macro", 0.1),
        ("baselines.persistence", None),
        ("split.train_rows", 1_000_000),
    ],
)
def test_an_embellished_manifest_is_refused(pairs: Path, analyst: Actor, place: str, value: Any) -> None:
    path = pairs / "future_skills_model_v1.json"
    words = json.loads(path.read_text())
    *parents, last = place.split(".")
    part = words
    for name in parents:
        part = part[name]
    part[last] = value
    path.write_text(json.dumps(words))
    with pytest.raises(ManifestError, match=f"does not tell the truth: {place}"):
        register_version(actor=analyst, path=path)
    assert ModelVersion.objects.count() == 0
    assert not (settings.ARTIFACTS_DIR / "versions").exists()


def test_a_note_is_dated_named_and_audited(registered: list[ModelVersion], analyst: Actor) -> None:
    note = add_note(actor=analyst, version="v1", text="  Libellés revus avec la DRH.  ")
    assert (note.text, note.created_by) == ("Libellés revus avec la DRH.", "nadia")
    assert AuditEvent.objects.get(action="registry.note").details == {"text": note.text}
    with pytest.raises(UsageError, match="needs a text"):
        add_note(actor=analyst, version="v1", text="  ")
    with pytest.raises(VersionNotFoundError, match="v1"):
        add_note(actor=analyst, version="v9", text="hello")


def test_a_version_is_retracted_once_with_a_reason(registered: list[ModelVersion], analyst: Actor) -> None:
    retract_version(actor=analyst, version="v2", reason="wrong labels")
    with pytest.raises(UsageError, match="nadia"):
        retract_version(actor=analyst, version="v2", reason="again")
    with pytest.raises(UsageError, match="reason"):
        retract_version(actor=analyst, version="v1", reason="")


def test_what_is_in_production_cannot_be_retracted(
    registered: list[ModelVersion], person: Callable[..., Any], tmp_path: Path
) -> None:
    promotion.hire(person)
    promotion.put_in_force(tmp_path, promotion.EASY)
    promotion.deployed("v1")
    with pytest.raises(NotAllowedError, match="v1 is in production"):
        retract_version(actor=promotion.NADIA, version="v1", reason="wrong labels")
    assert not Retraction.objects.exists()
    retract_version(actor=promotion.NADIA, version="v2", reason="wrong labels")


def test_training_again_from_the_kept_dataset_is_identical(registered: list[ModelVersion], analyst: Actor) -> None:
    result = reproduce_version(actor=analyst, version="v2", on_step=lambda _step: None)
    assert result.identical
    assert result.differences == {}
    assert AuditEvent.objects.get(action="registry.reproduce").details["identical"] is True


def test_what_differs_is_named(registered: list[ModelVersion], analyst: Actor) -> None:
    version = registered[0]
    version.manifest["metrics"]["accuracy"] = 0.5
    version.save()
    result = reproduce_version(actor=analyst, version="v1", on_step=lambda _step: None)
    assert list(result.differences) == ["metrics.accuracy"]


def test_a_version_whose_dataset_was_not_kept_cannot_be_reproduced(
    registered: list[ModelVersion], analyst: Actor
) -> None:
    assert registered[0].dataset is not None
    dataset_path(registered[0].dataset).unlink()
    with pytest.raises(NotReproducibleError, match="gone"):
        reproduce_version(actor=analyst, version="v1", on_step=lambda _step: None)
    ModelVersion.objects.update(dataset=None)
    with pytest.raises(NotReproducibleError, match="not kept"):
        reproduce_version(actor=analyst, version="v1", on_step=lambda _step: None)


def test_the_page_follows_every_change(
    registered: list[ModelVersion], analyst: Actor, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        add_note(actor=analyst, version="v1", text="Libellés revus.")
    text = page.registry_page_path().read_text()
    assert "Libellés revus." in text
    assert "nadia" in text


def test_a_folder_that_cannot_be_written_never_fails_the_act(
    registered: list[ModelVersion],
    analyst: Actor,
    settings: Any,
    tmp_path: Path,
    django_capture_on_commit_callbacks: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "a_file").write_text("not a folder")
    settings.ML_DIR = tmp_path / "a_file"
    with django_capture_on_commit_callbacks(execute=True):
        add_note(actor=analyst, version="v1", text="kept all the same")
    assert registered[0].notes.count() == 1
    assert "could not be written" in caplog.text


def test_list_and_show_and_compare_in_json(registered: list[ModelVersion], run: Run) -> None:
    code, out, _ = run("registry", "list", "--json")
    listed = json.loads(out)
    assert (code, listed["total"], [row["version"] for row in listed["versions"]]) == (0, 2, ["v2", "v1"])
    code, out, _ = run("registry", "show", "v2", "--json")
    shown = json.loads(out)
    assert (code, shown["manifest"]["version"], shown["dataset_kept"]) == (0, "v2", True)
    code, out, _ = run("registry", "compare", "v1", "v2", "--json")
    compared = json.loads(out)
    assert (code, compared["rows"]) == (0, registered[0].words.metrics.rows)


def test_people_read_tables(registered: list[ModelVersion], run: Run) -> None:
    for words in (("list",), ("show", "v1"), ("compare", "v1", "v2"), ("diagnose", "v2"), ("render",)):
        code, out, _ = run("registry", *words)
        assert code == 0
        assert "v2" in out or "v1" in out or "MODEL_REGISTRY.md" in out


def test_versions_tested_on_other_rows_are_told_apart_with_the_command_that_scores_both(
    registered: list[ModelVersion], pairs: Path, analyst: Actor, run: Run
) -> None:
    earlier = read_dataset(pairs / "future_skills_dataset.csv").periods[-2]
    train(
        pairs / "future_skills_dataset.csv",
        version="v0",
        output=pairs / "v0.pkl",
        author="nadia",
        clock=lambda: NOON,
        recipe=Recipe(params={"n_estimators": 3}, split="time", test_period=earlier),
    )
    register_version(actor=analyst, path=pairs / "v0.pkl")
    code, out, _ = run("registry", "compare", "v0", "v1")
    assert code == 1
    assert "v1 et v0 ne peuvent pas être comparées ligne à ligne" in out
    assert earlier in out
    assert "python ml/evaluate_future_skills_models.py --versions v0 v1" in out
    assert "90" not in out  # no empty table of intervals
    code, out, _ = run("registry", "compare", "v0", "v1", "--json")
    assert (code, json.loads(out)["command"][-5:]) == (1, "v0 v1")
    code, out, _ = run("registry", "compare", "v1", "v2", "--json")
    assert (code, json.loads(out)["command"]) == (0, None)


@pytest.mark.django_db
def test_what_stands_on_fewer_rows_is_said_wherever_it_is_shown(pairs: Path, analyst: Actor, run: Run) -> None:
    frame = pl.read_csv(pairs / "future_skills_dataset.csv", infer_schema=False).with_columns(
        pl.when(pl.int_range(pl.len()) % 4 > 0).then(schema.CURRENT_LEVEL).alias(schema.CURRENT_LEVEL)
    )
    write_dataset(frame, pairs / "fewer.csv")
    dataset, recipe, output = read_dataset(pairs / "fewer.csv"), Recipe(params={"n_estimators": 5}), pairs / "v9.pkl"
    words = train(dataset, version="v9", output=output, author="nadia", clock=lambda: NOON, recipe=recipe).manifest
    register_dataset_file(actor=analyst, path=pairs / "fewer.csv", dataset=dataset)
    register_version(actor=analyst, path=output)
    persistence = words.baselines.persistence
    assert persistence is not None
    same_rows = persistence.model_on_same_rows
    assert same_rows is not None
    assert persistence.rows < words.metrics.rows
    (line,) = json.loads(run("registry", "list", "--json")[1])["versions"]
    assert (line["persistence_rows"], line["same_rows_f1_macro"]) == (persistence.rows, same_rows.f1_macro)
    _, out, _ = run("registry", "list")
    assert f"{persistence.f1_macro:.4f}‡" in out
    _, out, _ = run("registry", "show", "v9")
    assert f"{same_rows.accuracy:.4f}" in out
    with translation.override("en"):
        sentence = pages.table_sentence(registry_summary())
    assert f"on the {persistence.rows} test rows whose level now is known, it has {same_rows.f1_macro:.3f}" in sentence
    assert "on the same rows" not in sentence


@pytest.mark.django_db
def test_an_empty_registry_says_what_to_do(run: Run) -> None:
    code, out, _ = run("registry", "list")
    assert code == 0
    assert "train_future_skills_model.py" in out


@pytest.mark.django_db
@pytest.mark.parametrize("verb", ["show", "diagnose", "reproduce"])
def test_a_version_that_does_not_exist_is_refused_in_one_shape(run: Run, verb: str) -> None:
    code, out, err = run("registry", verb, "v7", "--json")
    assert code == 1
    assert json.loads(out)["error"]["code"] == "version_not_found"
    assert "v7" in err


@pytest.mark.django_db
def test_register_and_retract_from_the_command(run: Run, pairs: Path) -> None:
    code, _, _ = run("registry", "register", str(pairs / "future_skills_model_v1.pkl"), "--as", "nadia")
    assert code == 0
    assert ModelVersion.objects.get().registered_by == "nadia"
    code, out, _ = run("registry", "retract", "v1", "--reason", "wrong labels", "--json")
    assert (code, json.loads(out)["reason"]) == (0, "wrong labels")
    code, out, _ = run("registry", "list", "--json")
    assert json.loads(out)["versions"][0]["retracted"] == "wrong labels"


@pytest.mark.django_db
def test_a_dataset_that_changed_since_it_was_read_is_not_registered(pairs: Path, analyst: Actor) -> None:
    path = pairs / "future_skills_dataset.csv"
    dataset = read_dataset(path)
    path.write_text(path.read_text().replace("LOW", "HIGH", 1))
    with pytest.raises(ArtifactHashMismatchError, match="future_skills_dataset"):
        register_dataset_file(actor=analyst, path=path, dataset=dataset)
    assert Dataset.objects.count() == 0
    assert not list(settings.ARTIFACTS_DIR.glob("datasets/*"))
