"""A version's files: whole or not there, checked before they are opened."""

import errno
import io
import json
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import joblib
import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sk
from sklearn.ensemble import GradientBoostingClassifier

from future_skills import artifact, schema
from future_skills.artifact import (
    LoadedVersion,
    VersionPaths,
    check_cases,
    load_version,
    read_cases,
    read_rows,
    require_absent,
    require_own_names,
)
from future_skills.dataset import Dataset, build_dataset, read_dataset, write_dataset
from future_skills.errors import (
    ArtifactExistsError,
    ArtifactHashMismatchError,
    ArtifactMissingError,
    ArtifactTypeRefusedError,
    ArtifactUnreadableError,
    ManifestError,
    SignatureInvalidError,
    SignatureMissingError,
    SmokeFailedError,
    UsageError,
)
from future_skills.files import sha256_of_bytes, sha256_of_file, written_whole
from future_skills.manifest import Manifest, manifest_text, parse_manifest, read_manifest
from future_skills.metrics import model_scores
from future_skills.signing import PrivateKey, signature_text
from future_skills.split import split_rows
from future_skills.training import Recipe, fit_and_measure, train

Clock = Callable[[], datetime]


@pytest.fixture(scope="module")
def dataset(company: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("dataset") / "dataset.csv"
    write_dataset(build_dataset(company), path)
    return read_dataset(path)


@pytest.fixture(scope="module")
def trained(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> LoadedVersion:
    return train(
        dataset,
        version="v1",
        output=tmp_path_factory.mktemp("trained") / "future_skills_model_v1.pkl",
        author="nadia",
        clock=clock,
        recipe=Recipe(feature_set="history", params={"n_estimators": 10}),
    )


@pytest.fixture
def version(trained: LoadedVersion, tmp_path: Path) -> LoadedVersion:
    """A trained version whose files a test may spoil."""
    folder = shutil.copytree(trained.paths.model.parent, tmp_path / "models")
    return replace(trained, paths=VersionPaths(Path(folder) / trained.paths.model.name))


def test_the_pair_is_written_and_opens_again(version: LoadedVersion, dataset: Dataset) -> None:
    names = sorted(path.name for path in version.paths.model.parent.glob("future_skills_model_v1*"))
    assert names == [
        "future_skills_model_v1.background.parquet",
        "future_skills_model_v1.cases.json",
        "future_skills_model_v1.json",
        "future_skills_model_v1.pkl",
        "future_skills_model_v1.profile.json",
        "future_skills_model_v1.rows.parquet",
    ]
    opened = load_version(version.paths.model)
    assert opened.manifest == version.manifest
    rows = dataset.frame.select(version.manifest.features.columns)
    assert np.array_equal(opened.model.predict_proba(rows), version.model.predict_proba(rows))


def test_the_pickle_is_a_plain_scikit_learn_estimator_for_pandas_and_polars(
    version: LoadedVersion, dataset: Dataset
) -> None:
    model = joblib.load(version.paths.model)
    rows = dataset.frame.select(version.manifest.features.columns)
    assert np.array_equal(model.predict_proba(rows), model.predict_proba(rows.to_pandas()))
    assert sorted(model.classes_) == sorted(schema.LEVELS)


def test_unknown_names_and_missing_values_are_answered(version: LoadedVersion, dataset: Dataset) -> None:
    rows = dataset.frame.select(version.manifest.features.columns).head(3)
    strange = rows.with_columns(
        pl.lit("never seen").alias(schema.SKILL), pl.lit(None, dtype=pl.Float64).alias("trend_score")
    )
    probabilities = version.model.predict_proba(strange)
    assert np.isfinite(probabilities).all()
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_the_metrics_are_those_of_an_independent_computation(version: LoadedVersion, dataset: Dataset) -> None:
    test = dataset.frame.filter(split_rows(dataset).test)
    model = joblib.load(version.paths.model)
    probabilities = model.predict_proba(test.select(version.manifest.features.columns))
    predicted = model.classes_[probabilities.argmax(axis=1)]
    truth = test[schema.LABEL].to_numpy().astype(str)
    stated = version.manifest.metrics
    by_class = dict(zip(model.classes_, probabilities.T, strict=True))
    happened = np.column_stack([truth == level for level in schema.LEVELS]).astype(float)
    in_order = np.column_stack([by_class[level] for level in schema.LEVELS])
    assert stated.accuracy == pytest.approx((truth == predicted).mean(), abs=1e-9)
    assert stated.f1_weighted == pytest.approx(sk.f1_score(truth, predicted, average="weighted"), abs=1e-9)
    assert stated.f1_macro == pytest.approx(sk.f1_score(truth, predicted, average="macro"), abs=1e-9)
    assert stated.brier == pytest.approx(((in_order - happened) ** 2).sum(axis=1).mean(), abs=1e-9)
    assert stated.log_loss == pytest.approx(sk.log_loss(truth, probabilities, labels=model.classes_), abs=1e-9)
    not_high = (test[schema.CURRENT_LEVEL] != "HIGH").to_numpy()
    average_precision = sk.average_precision_score(truth[not_high] == "HIGH", by_class["HIGH"][not_high])
    assert stated.emergence is not None
    assert stated.emergence.average_precision == pytest.approx(average_precision, abs=1e-9)
    persistence = version.manifest.baselines.persistence
    assert persistence is not None
    assert persistence.accuracy == pytest.approx((test[schema.CURRENT_LEVEL].to_numpy() == truth).mean(), abs=1e-9)


def test_training_again_gives_the_same_metrics_and_predictions(version: LoadedVersion, dataset: Dataset) -> None:
    again = fit_and_measure(dataset, Recipe.of(version.manifest))
    assert again.metrics == version.manifest.metrics
    assert again.baselines == version.manifest.baselines
    assert again.rows.equals(version.rows())


def test_the_manifest_begins_with_what_matters_and_stays_short(version: LoadedVersion) -> None:
    text = version.paths.manifest.read_text()
    assert list(json.loads(text))[:3] == ["version", "metrics", "baselines"]
    assert text.count("\n") < 300
    assert parse_manifest(text, path="m.json") == version.manifest
    assert manifest_text(version.manifest) == text


@pytest.mark.parametrize("suffix", [".pkl", ".profile.json", ".rows.parquet", ".cases.json", ".background.parquet"])
def test_one_flipped_byte_is_found_before_anything_is_opened(
    version: LoadedVersion, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = version.paths.beside(suffix)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(artifact, "open_pickle", lambda *_, **__: pytest.fail("opened before it was checked"))
    with pytest.raises(ArtifactHashMismatchError, match=path.name):
        load_version(version.paths.model)


@pytest.mark.parametrize("content", [b"", b"garbage", b"x\x9czzzz", pickle.dumps({"a": 1})])
def test_a_file_that_is_no_model_is_refused_in_words(version: LoadedVersion, content: bytes) -> None:
    swap(version, ".pkl", content)
    with pytest.raises(ArtifactUnreadableError, match=r"\.pkl"):
        load_version(version.paths.model)


def test_rows_that_are_none_are_refused_in_words(version: LoadedVersion) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(other := io.BytesIO())
    for content in (b"garbage", other.getvalue()):
        manifest = swap(version, ".rows.parquet", content)
        with pytest.raises(ArtifactUnreadableError, match=r"\.rows\.parquet"):
            read_rows(manifest, version.paths)


def swap(version: LoadedVersion, suffix: str, content: bytes) -> Manifest:
    """Put other content in the place of a file, and its hash in the manifest."""
    version.paths.beside(suffix).write_bytes(content)
    files = tuple(
        entry.model_copy(update={"sha256": sha256_of_bytes(content)}) if entry.name.endswith(suffix) else entry
        for entry in version.manifest.files
    )
    manifest = version.manifest.model_copy(update={"files": files})
    version.paths.manifest.write_text(manifest_text(manifest))
    return manifest


def test_an_absent_file_is_named(version: LoadedVersion) -> None:
    version.paths.model.unlink()
    with pytest.raises(ArtifactMissingError, match=r"v1\.pkl"):
        load_version(version.paths.manifest)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": "v1"', '{"version": "../v1"}'])
def test_a_manifest_that_is_none_is_refused_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(ManifestError, match=r"m\.json"):
        read_manifest(tmp_path / "m.json")


@pytest.mark.parametrize("moment", ["2026-01-01T00:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_manifest_of_no_real_moment_is_refused(version: LoadedVersion, moment: str) -> None:
    document = json.loads(manifest_text(version.manifest))
    with pytest.raises(ManifestError, match="created_at"):
        parse_manifest(json.dumps({**document, "created_at": moment}), path="m.json")


def test_a_manifest_that_leaves_a_level_out_is_refused(version: LoadedVersion) -> None:
    document = json.loads(manifest_text(version.manifest))
    del document["metrics"]["per_class"]["HIGH"]
    with pytest.raises(ManifestError, match="per_class"):
        parse_manifest(json.dumps(document), path="m.json")


def test_a_version_is_written_once(version: LoadedVersion, dataset: Dataset, clock: Clock) -> None:
    before = version.paths.model.read_bytes()
    with pytest.raises(ArtifactExistsError, match="exists already"):
        train(dataset, version="v1", output=version.paths.model, author="nadia", clock=clock)
    assert version.paths.model.read_bytes() == before


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_failure_while_writing_leaves_nothing_behind(
    dataset: Dataset, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    folder = tmp_path / "models"
    link = os.link
    calls = []

    def failing(source: Path, target: Path) -> None:
        calls.append(target.name)
        if len(calls) == 3:
            raise failure
        link(source, target)

    monkeypatch.setattr(os, "link", failing)
    with pytest.raises(type(failure)):
        train(
            dataset,
            version="v9",
            output=folder / "future_skills_model_v9.pkl",
            author="nadia",
            clock=clock,
            recipe=Recipe(params={"n_estimators": 5}),
        )
    assert len(calls) == 3
    assert list(folder.iterdir()) == []


def test_what_a_killed_process_left_is_taken_away(tmp_path: Path) -> None:
    paths = VersionPaths(tmp_path / "future_skills_model_v3.pkl")
    leftover = tmp_path / ".future_skills_model_v3.pkl.1234.tmp"
    leftover.write_bytes(b"half")
    paths.model.hardlink_to(leftover)  # it was killed after it put the model in its place, and before the manifest
    require_absent(paths)
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_else_made_or_is_writing_stays(tmp_path: Path) -> None:
    paths = VersionPaths(tmp_path / "future_skills_model_v3.pkl")
    with written_whole(paths.model) as temporary:
        temporary.write_bytes(b"being written")
        require_absent(paths)
        assert temporary.exists()
    (tmp_path / ".future_skills_model_v3.pkl.1234.tmp").write_bytes(b"half")
    with pytest.raises(ArtifactExistsError):
        require_absent(paths)
    assert [path.name for path in tmp_path.iterdir()] == ["future_skills_model_v3.pkl"]


def test_a_manifest_that_is_not_the_registered_one_is_not_opened(
    version: LoadedVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered = sha256_of_file(version.paths.manifest)
    load_version(version.paths.model, manifest_sha256=registered)
    version.paths.manifest.write_text(version.paths.manifest.read_text() + "\n")
    monkeypatch.setattr(artifact, "open_pickle", lambda *_, **__: pytest.fail("opened before it was checked"))
    with pytest.raises(ArtifactHashMismatchError, match=version.paths.manifest.name):
        load_version(version.paths.model, manifest_sha256=registered)


# --- Who vouches for it ---------------------------------------------------------------------------------------------------
def signed(version: LoadedVersion, key: PrivateKey) -> dict[str, str]:
    """Put a signature beside the pair; the key that is trusted."""
    version.paths.signature.write_text(signature_text(key.sign(sha256_of_file(version.paths.manifest))))
    return {key.key_id: key.public_key}


def test_a_version_that_one_of_the_keys_signed_opens(version: LoadedVersion) -> None:
    other = PrivateKey.generate()
    keys = signed(version, PrivateKey.generate()) | {other.key_id: other.public_key}
    assert load_version(version.paths.model, public_keys=keys).manifest == version.manifest


def test_where_a_signature_is_asked_for_nothing_opens_without_one(
    version: LoadedVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact, "open_pickle", lambda *_, **__: pytest.fail("opened before it was checked"))
    keys = signed(version, PrivateKey.generate())
    with pytest.raises(SignatureInvalidError, match=r"v1\.sig"):
        load_version(version.paths.model, public_keys={})
    version.paths.manifest.write_text(version.paths.manifest.read_text().replace("nadia", "mallory"))
    with pytest.raises(SignatureInvalidError, match="signs another version"):
        load_version(version.paths.model, public_keys=keys)
    version.paths.signature.write_text("{}")
    with pytest.raises(SignatureInvalidError, match="is not a signature"):
        load_version(version.paths.model, public_keys=keys)
    version.paths.signature.unlink()
    with pytest.raises(SignatureMissingError, match=r"v1\.sig"):
        load_version(version.paths.model, public_keys=keys)


def test_a_model_of_other_types_opens_where_they_are_allowed(version: LoadedVersion) -> None:
    boosted = GradientBoostingClassifier(n_estimators=1).fit(np.arange(9.0)[:, None], ["LOW", "MEDIUM", "HIGH"] * 3)
    swap(version, ".pkl", pickle.dumps(boosted))
    with pytest.raises(ArtifactTypeRefusedError, match="GradientBoostingClassifier") as refusal:
        load_version(version.paths.model)
    allowed = refusal.value.details["types"].split(", ")
    assert isinstance(load_version(version.paths.model, allowed_types=allowed).model, GradientBoostingClassifier)


def test_a_manifest_names_the_files_of_its_own_pair_alone(version: LoadedVersion) -> None:
    require_own_names(version.manifest, version.paths)
    for name in ("notes.txt", version.paths.signature.name, version.paths.manifest.name, "future_skills_model_v2.pkl"):
        entry = version.manifest.files[0].model_copy(update={"name": name})
        manifest = version.manifest.model_copy(update={"files": (*version.manifest.files, entry)})
        with pytest.raises(ManifestError, match=name):
            require_own_names(manifest, version.paths)
    with pytest.raises(ManifestError, match=r"\.pkl"):
        require_own_names(version.manifest.model_copy(update={"files": ()}), version.paths)


# --- What it says ---------------------------------------------------------------------------------------------------------
def test_a_version_keeps_test_rows_of_every_level_and_answers_them_again(
    version: LoadedVersion, dataset: Dataset
) -> None:
    cases = read_cases(version.manifest, version.paths)
    assert len(cases.rows) == artifact.CASES
    assert set(dataset.frame[list(cases.rows)][schema.LABEL]) == set(schema.LEVELS)
    assert split_rows(dataset).test[list(cases.rows)].all()
    assert np.array_equal(
        cases.probabilities,
        model_scores(version.model, dataset.frame[list(cases.rows)]).probabilities,
    )
    check_cases(load_version(version.paths.model))


def test_a_model_that_changed_its_mind_is_refused_with_the_row(version: LoadedVersion) -> None:
    cases = read_cases(version.manifest, version.paths)
    content = json.loads(version.paths.beside(".cases.json").read_text())
    content[3]["probabilities"]["LOW"] += 2e-9
    manifest = swap(version, ".cases.json", json.dumps(content).encode())
    with pytest.raises(SmokeFailedError) as refusal:
        check_cases(replace(version, manifest=manifest))
    assert refusal.value.details["row"] == cases.rows[3]
    assert refusal.value.details["difference"] == pytest.approx(2e-9, rel=1e-3)
    content[3]["probabilities"]["LOW"] -= 1.5e-9
    check_cases(replace(version, manifest=swap(version, ".cases.json", json.dumps(content).encode())))


def test_a_model_that_cannot_answer_its_cases_is_refused(version: LoadedVersion) -> None:
    del version.model.encoder_.codes_
    with pytest.raises(SmokeFailedError, match="v1 cannot answer its stored test cases"):
        check_cases(version)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"[1]", b'[{"row": 1}]', b"\xff"])
def test_cases_that_are_none_are_refused_in_words(version: LoadedVersion, content: bytes) -> None:
    manifest = swap(version, ".cases.json", content)
    with pytest.raises(ArtifactUnreadableError, match=r"\.cases\.json"):
        read_cases(manifest, version.paths)


def test_texts_and_names_that_no_file_could_hold_are_refused(
    version: LoadedVersion, dataset: Dataset, tmp_path: Path, clock: Clock
) -> None:
    for words in ({"notes": "\udcff"}, {"changes": "\x1b[31m"}, {"parent": "a b"}):
        with pytest.raises(UsageError):
            train(dataset, version="v2", output=tmp_path / "m.pkl", author="nadia", clock=clock, **words)
    for name in ("\udcff.pkl", "a\nb.pkl"):
        with pytest.raises(UsageError, match="file name"):
            train(dataset, version="v2", output=tmp_path / name, author="nadia", clock=clock)


@pytest.mark.parametrize(
    ("algorithm", "params", "message"),
    [
        ("random_forest", {"n_estimators": 1_000_000_000}, "at most 10000"),
        ("hist_gradient_boosting", {"learning_rate": 1e308}, "cannot learn from these rows"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_parameters_that_make_no_model_are_refused(
    dataset: Dataset, algorithm: str, params: dict[str, float], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        fit_and_measure(dataset, Recipe(algorithm=algorithm, params=params))


@pytest.mark.parametrize("name", ["", "-v1", ".v1", "v 1", "v1/../v2", "v" * 65, "v1\n"])
def test_a_name_that_cannot_be_a_versions_is_refused(dataset: Dataset, tmp_path: Path, clock: Clock, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a version"):
        train(dataset, version=name, output=tmp_path / "m.pkl", author="nadia", clock=clock)


def test_a_model_file_ends_with_pkl(dataset: Dataset, tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(UsageError, match=r"\.pkl"):
        train(dataset, version="v1", output=tmp_path / "m.joblib", author="nadia", clock=clock)
