"""A pickle from elsewhere: scanned, refused, or taken in by an administrator who answers for it."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import polars as pl
import pytest
from django.conf import settings
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.accounts.services import create_token
from apps.audit.models import AuditEvent
from apps.audit.services import verify_chain
from apps.registry.models import Dataset, ModelVersion
from apps.registry.services import imports
from apps.registry.services.comparison import compare_versions
from apps.registry.services.imports import ScoredOn, import_version
from apps.registry.services.page import registry_page_text
from apps.registry.services.reproduction import reproduce_version
from apps.registry.services.soundness import require_sound
from apps.registry.store import open_version
from future_skills import schema
from future_skills.dataset import read_dataset
from future_skills.errors import (
    ArtifactExistsError,
    ArtifactHashMismatchError,
    ArtifactMissingError,
    ArtifactTypeRefusedError,
    DataFileError,
    ForeignModelError,
    NotReproducibleError,
    PermissionDeniedError,
    ProofRequiredError,
    SmokeFailedError,
    UsageError,
    VersionExistsError,
)
from future_skills.files import sha256_of_file
from tests.apps.registry.promotion import ADELE, AUDE, NADIA, hire

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.django_db

REASON = "Modèle de l’équipe de Lyon, revu par nous en mars."


class Hostile:
    """Pickles as a shell command."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


@pytest.fixture(autouse=True)
def people(person: Callable[..., Any]) -> None:
    """Everybody has an account."""
    hire(person)


@pytest.fixture
def theirs(pairs: Path, tmp_path: Path) -> Path:
    """A pipeline of another team, pickled, with no manifest."""
    return written(tmp_path / "lyon.pkl", pairs, RandomForestClassifier(10, random_state=0))


def written(path: Path, pairs: Path, classifier: Any) -> Path:
    dataset = read_dataset(pairs / "future_skills_dataset.csv")
    names = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("names", names, list(schema.CATEGORICAL_FEATURES))], remainder=SimpleImputer())
    rows = dataset.frame.select(schema.BASE_FEATURES).to_pandas()
    joblib.dump(make_pipeline(columns, classifier).fit(rows, dataset.levels), path)
    return path


def take(path: Path, pairs: Path, *, actor: Actor = ADELE, **changes: Any) -> ModelVersion:
    words = {
        "version": "v9",
        "scored_on": ScoredOn(path=pairs / "future_skills_dataset.csv"),
        "reason": REASON,
        "on_step": lambda _step: None,
    }
    return import_version(actor=actor, path=path, **(words | changes))


# --- Taken in -------------------------------------------------------------------------------------------------------------
def test_an_administrator_takes_in_a_model_with_a_reason(theirs: Path, pairs: Path) -> None:
    version = take(theirs, pairs)
    require_sound(version)
    manifest = version.words
    assert (manifest.author, version.registered_by, manifest.algorithm) == ("adele", "adele", "RandomForestClassifier")
    assert manifest.notes == f"{REASON}\nlyon.pkl, sha256 {sha256_of_file(theirs)}"
    assert (manifest.split.train_rows_known, manifest.profile) == (False, {})
    assert version.dataset == Dataset.objects.get()
    assert manifest.dataset.sha256 == version.dataset.sha256
    names = sorted(path.name for path in settings.ML_DIR.glob("future_skills_model_v9*"))
    assert names == [
        f"future_skills_model_v9{suffix}" for suffix in (".cases.json", ".json", ".pkl", ".rows.parquet", ".sig")
    ]


def test_the_act_is_in_the_audit_with_who_what_and_why(theirs: Path, pairs: Path) -> None:
    version = take(theirs, pairs)
    event = AuditEvent.objects.get(action="registry.import_version")
    assert (event.actor, event.object_id) == ("adele", "v9")
    assert (event.details["reason"], event.details["file_sha256"]) == (REASON, sha256_of_file(theirs))
    assert "sklearn.ensemble._forest.RandomForestClassifier" in event.details["types"]
    assert event.details["manifest_sha256"] == version.manifest_sha256
    assert verify_chain() == AuditEvent.objects.count()


def test_it_answers_as_it_did_where_it_was_made(theirs: Path, pairs: Path) -> None:
    version = take(theirs, pairs)
    rows = read_dataset(pairs / "future_skills_dataset.csv").frame.select(schema.BASE_FEATURES)
    before = joblib.load(theirs).predict_proba(rows)
    assert (open_version(version).model.predict_proba(rows) == before).all()


def test_a_registered_dataset_may_say_what_it_is_worth(
    theirs: Path, pairs: Path, registered: list[ModelVersion]
) -> None:
    dataset = registered[0].dataset
    version = take(theirs, pairs, scored_on=ScoredOn(sha256=dataset.sha256[:12]))
    assert (version.dataset, version.words.dataset.name) == (dataset, dataset.name)
    found = compare_versions("v1", "v9")
    assert found.rows == version.words.split.test_rows
    assert found.seen == {"v1": 0, "v9": None}
    assert "entraînée ailleurs, sur des lignes inconnues" in registry_page_text()


def test_a_period_may_be_chosen(theirs: Path, pairs: Path) -> None:
    periods = read_dataset(pairs / "future_skills_dataset.csv").periods
    scored_on = ScoredOn(path=pairs / "future_skills_dataset.csv", test_period=periods[-2])
    assert take(theirs, pairs, scored_on=scored_on).words.split.test_period == periods[-2]


def test_how_it_was_trained_cannot_be_reproduced(theirs: Path, pairs: Path) -> None:
    take(theirs, pairs)
    with pytest.raises(NotReproducibleError, match="v9 was trained elsewhere"):
        reproduce_version(actor=NADIA, version="v9", on_step=lambda _step: None)


# --- Refused --------------------------------------------------------------------------------------------------------------
def test_without_a_reason_it_is_scanned_and_refused_its_types_named(theirs: Path, pairs: Path) -> None:
    for actor in (ADELE, NADIA):
        with pytest.raises(ForeignModelError, match=r"RandomForestClassifier") as refusal:
            take(theirs, pairs, actor=actor, reason="  ")
        assert "registry import" in str(refusal.value)
    assert ModelVersion.objects.count() == Dataset.objects.count() == 0
    assert not list(settings.ML_DIR.glob("future_skills_model_v9*"))


def test_a_reason_is_not_enough_without_the_right(theirs: Path, pairs: Path) -> None:
    with pytest.raises(PermissionDeniedError):
        take(theirs, pairs, actor=NADIA)
    with pytest.raises(ProofRequiredError):
        take(theirs, pairs, actor=Actor("adele", "declared"), version="v8")
    with pytest.raises(PermissionDeniedError):
        take(theirs, pairs, actor=AUDE, reason="")
    assert ModelVersion.objects.count() == 0


@pytest.mark.parametrize("write", [pickle.dumps, None])
def test_a_hostile_file_is_refused_whoever_asks_and_nothing_runs(
    pairs: Path, tmp_path: Path, write: Callable[[Any], bytes] | None
) -> None:
    path, marker = tmp_path / "lyon.pkl", tmp_path / "it-ran"
    content = {"model": [Hostile(marker)]}
    if write is None:
        joblib.dump(content, path, compress=3)
    else:
        path.write_bytes(write(content))
    for actor, reason in ((ADELE, REASON), (ADELE, ""), (NADIA, "")):
        with pytest.raises(ArtifactTypeRefusedError, match=r"posix\.system"):
            take(path, pairs, actor=actor, reason=reason)
    assert not marker.exists()


def test_types_that_the_server_does_not_know_are_allowed_by_its_settings_only(
    pairs: Path, tmp_path: Path, settings: Any
) -> None:
    path = written(tmp_path / "lyon.pkl", pairs, GradientBoostingClassifier(n_estimators=2, random_state=0))
    with pytest.raises(ArtifactTypeRefusedError, match="GradientBoostingClassifier") as refusal:
        take(path, pairs)
    assert "FUTURE_SKILLS_ALLOWED_TYPES" in str(refusal.value)
    settings.FUTURE_SKILLS_ALLOWED_TYPES = refusal.value.details["types"].split(", ")
    version = take(path, pairs)
    require_sound(version)
    settings.FUTURE_SKILLS_ALLOWED_TYPES = []
    with pytest.raises(ArtifactTypeRefusedError, match="GradientBoostingClassifier"):
        open_version(version)


def test_a_file_that_cannot_become_a_version_is_refused_in_words(pairs: Path, tmp_path: Path) -> None:
    path = tmp_path / "lyon.pkl"
    with pytest.raises(ArtifactMissingError, match=r"lyon\.pkl"):
        take(path, pairs)
    for content, message in ((b"", "cannot be opened here"), (pickle.dumps([1, 2]), "holds list")):
        path.write_bytes(content)
        with pytest.raises(ForeignModelError, match=message):
            take(path, pairs)
    assert ModelVersion.objects.count() == 0


def test_what_is_missing_or_makes_no_sense_is_said(theirs: Path, pairs: Path, registered: list[ModelVersion]) -> None:
    for changes in ({"version": None}, {"version": ""}, {"scored_on": None}):
        with pytest.raises(UsageError, match="--version"):
            take(theirs, pairs, **changes)
    with pytest.raises(UsageError, match="cannot name a version"):
        take(theirs, pairs, version="v 9")
    with pytest.raises(VersionExistsError, match="v1"):
        take(theirs, pairs, version="v1")
    with pytest.raises(DataFileError):
        take(theirs, pairs, scored_on=ScoredOn(path=pairs / "nothing.csv"))
    for sha256 in ("ffffffff", "12", "%", "Z" * 64):
        with pytest.raises(UsageError, match="No single registered dataset"):
            take(theirs, pairs, scored_on=ScoredOn(sha256=sha256))
    (settings.ML_DIR / "future_skills_model_v9.pkl").write_bytes(b"somebody's")
    with pytest.raises(ArtifactExistsError, match=r"v9\.pkl"):
        take(theirs, pairs)


def test_a_registered_dataset_that_was_changed_says_nothing(
    theirs: Path, pairs: Path, registered: list[ModelVersion]
) -> None:
    from apps.registry.store import dataset_path

    dataset = registered[0].dataset
    path = dataset_path(dataset)
    path.write_text(path.read_text().replace("LOW", "HIGH", 1))
    with pytest.raises(ArtifactHashMismatchError, match=r"dataset\.csv"):
        take(theirs, pairs, scored_on=ScoredOn(sha256=dataset.sha256))


def test_a_failure_on_the_way_leaves_nothing(theirs: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_loaded: Any) -> None:
        raise SmokeFailedError(version="v9", row=1, difference=0.5, said="LOW", stored="HIGH")

    monkeypatch.setattr(imports, "check_cases", refuse)
    with pytest.raises(SmokeFailedError):
        take(theirs, pairs)
    assert not list(settings.ML_DIR.glob("*v9*"))
    assert ModelVersion.objects.count() == 0


# --- The command ----------------------------------------------------------------------------------------------------------
def test_a_data_scientist_has_a_file_scanned_from_a_terminal(run: Run, theirs: Path) -> None:
    code, out, _ = run("registry", "import", str(theirs), "--as", "nadia", "--json")
    error = json.loads(out)["error"]
    assert (code, error["code"]) == (1, "foreign_model")
    assert "sklearn.pipeline.Pipeline" in error["details"]["types"]
    assert ModelVersion.objects.count() == 0


def test_an_administrator_imports_from_a_terminal(run: Run, theirs: Path, pairs: Path, settings: Any) -> None:
    token = create_token(actor=ADELE, username="adele", name="essai", scopes=(Right.READ, Right.ADMINISTER), days=1)
    settings.FUTURE_SKILLS_TOKEN = token[1]
    words = ("registry", "import", str(theirs), "--version", "v9", "--reason", REASON)
    own = pairs / "own.csv"
    frame = pl.read_csv(pairs / "future_skills_dataset.csv", infer_schema=False)
    frame.rename({"period": "when", "label_period": "then"}).write_csv(own)
    columns = ("--period-column", "when", "--label-period-column", "then")
    code, out, err = run(*words, "--dataset", str(own), *columns, "--json")
    assert code == 0, err
    document = json.loads(out)
    assert (document["version"], document["registered_by"]) == ("v9", "adele")
    assert document["manifest"]["dataset"]["period_column"] == "when"
    code, out, _ = run("registry", "show", "v9")
    assert (code, "v9" in out) == (0, True)
    code, _, err = run(*words, "--dataset", str(own), *columns)
    assert (code, "v9" in err) == (1, True)


def test_it_is_said_in_words_that_it_is_imported(run: Run, theirs: Path, pairs: Path, settings: Any) -> None:
    token = create_token(actor=ADELE, username="adele", name="essai", scopes=(Right.READ, Right.ADMINISTER), days=1)
    settings.FUTURE_SKILLS_TOKEN = token[1]
    words = ("--version", "v9", "--dataset", str(pairs / "future_skills_dataset.csv"), "--reason", REASON)
    code, out, err = run("registry", "import", str(theirs), *words)
    assert (code, "v9" in out) == (0, True), err
    assert "mesure sur ses lignes de test" in err
