"""Two versions, and all versions, on the same rows."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import joblib
import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sk

import future_skills
from future_skills import schema
from future_skills.artifact import LoadedVersion, load_version
from future_skills.dataset import Dataset, build_dataset, read_dataset, write_dataset
from future_skills.errors import NotEnoughDataError, UsageError
from future_skills.evaluation import EvaluationReport, compare, evaluate
from future_skills.evaluation_files import write_report
from future_skills.metrics import model_scores
from future_skills.simulation import CompanyParameters, simulate_company
from future_skills.training import Recipe, measure_baselines, train

DRAWS = 60

# --- Two versions -----------------------------------------------------------------------------------------------------


def rows_file(hashes: list[int], *, trained: tuple[int, ...] = (), seed: int = 0, levels: int = 0) -> pl.DataFrame:
    """A rows file: test rows with these hashes, whose facts depend on the hash alone; predictions on ``seed``."""
    rng = np.random.default_rng(seed)
    facts = [np.random.default_rng(one + 1000 * levels).integers(0, 3, 2) for one in hashes]
    raw = rng.random((len(hashes), 3)) + 0.8 * np.eye(3)[[truth for truth, _ in facts]]
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    names = np.array(schema.LEVELS)
    test = pl.DataFrame(
        {
            "row": pl.Series(range(len(hashes)), dtype=pl.UInt32),
            "row_hash": pl.Series(hashes, dtype=pl.UInt64),
            "part": "test",
            schema.ROLE: [f"Role {one % 7}" for one in hashes],
            schema.SKILL: [f"Skill {one % 11}" for one in hashes],
            schema.CURRENT_LEVEL: names[[now for _, now in facts]] if hashes else [],
            schema.LABEL: names[[truth for truth, _ in facts]] if hashes else [],
            "predicted": names[probabilities.argmax(axis=1)] if hashes else [],
            **{name.lower(): probabilities[:, rank] for rank, name in enumerate(schema.LEVELS)},
        }
    )
    train_rows = pl.DataFrame(
        {
            "row": pl.Series(range(1000, 1000 + len(trained)), dtype=pl.UInt32),
            "row_hash": pl.Series(trained, dtype=pl.UInt64),
            "part": ["train"] * len(trained),
        },
        schema={"row": pl.UInt32, "row_hash": pl.UInt64, "part": pl.String},
    )
    return pl.concat([train_rows, test], how="diagonal")


def test_versions_are_compared_on_the_rows_they_share() -> None:
    old, new = rows_file(list(range(150)), seed=1), rows_file(list(range(50, 260)), seed=2)
    found = compare(("v1", old), ("v2", new), draws=DRAWS)
    assert (found.reference, found.challenger, found.rows, found.reason) == ("v1", "v2", 100, None)
    shared = old.join(new, on="row_hash", suffix="_new").sort("row_hash")
    truth = shared[schema.LABEL].to_list()
    for side, metrics in (("predicted", found.reference_metrics), ("predicted_new", found.challenger_metrics)):
        said = shared[side].to_list()
        assert metrics is not None
        assert metrics.rows == 100
        assert metrics.accuracy == pytest.approx(sk.accuracy_score(truth, said))
        assert metrics.f1_macro == pytest.approx(sk.f1_score(truth, said, average="macro"))
    right = (shared["predicted"] == shared[schema.LABEL], shared["predicted_new"] == shared[schema.LABEL])
    assert found.reference_only_right == (right[0] & ~right[1]).sum()
    assert found.challenger_only_right == (right[1] & ~right[0]).sum()
    assert found.mcnemar_p is not None
    assert [one.metric for one in found.differences] == [
        "accuracy",
        "f1_weighted",
        "f1_macro",
        "severe_error_rate",
        "emergence",
    ]
    for one in found.differences:
        assert one.low <= one.high
        assert one.difference == one.challenger - one.reference
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_order_of_the_rows_does_not_matter() -> None:
    old, new = rows_file(list(range(90)), seed=1), rows_file(list(range(90)), seed=2)
    shuffled = old.sample(fraction=1, shuffle=True, seed=3)
    assert compare(("a", shuffled), ("b", new), draws=DRAWS) == compare(("a", old), ("b", new), draws=DRAWS)


def test_swapping_the_two_mirrors_the_differences() -> None:
    old, new = rows_file(list(range(90)), seed=1), rows_file(list(range(90)), seed=2)
    there, back = compare(("a", old), ("b", new), draws=DRAWS), compare(("b", new), ("a", old), draws=DRAWS)
    for one, other in zip(there.differences, back.differences, strict=True):
        assert one.difference == pytest.approx(-other.difference)
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert there.mcnemar_p == back.mcnemar_p


def test_a_version_is_no_different_from_itself() -> None:
    rows = rows_file(list(range(60)))
    found = compare(("v1", rows), ("same", rows), draws=DRAWS)
    assert all(one.difference == one.low == one.high == 0 for one in found.differences)
    assert found.mcnemar_p == 1
    assert not any(one.is_clear for one in found.differences)


def test_rows_that_one_trained_on_are_counted_and_left_out() -> None:
    old = rows_file(list(range(100)), seed=1)
    new = rows_file(list(range(40, 140)), trained=(*range(20), *range(500, 510)), seed=2)
    found = compare(("v1", old), ("v2", new), draws=DRAWS)
    assert found.seen == {"v1": 0, "v2": 20}
    assert found.rows == 60
    # A row that stands twice, once in each part of the same version, was seen by it too.
    twice = rows_file(list(range(40, 140)), trained=(50,), seed=2)
    assert compare(("v1", old), ("v2", twice), draws=DRAWS).rows == 59


def test_versions_that_share_no_test_row_cannot_be_compared_and_the_reason_is_said() -> None:
    old = rows_file([1, 2, 3])
    apart = compare(("v1", old), ("v2", rows_file([7, 8])), draws=DRAWS)
    assert (apart.rows, apart.differences, apart.reason) == (0, (), "no test row is shared")
    assert (apart.reference_metrics, apart.challenger_metrics, apart.mcnemar_p) == (None, None, None)
    seen = compare(("v1", old), ("v2", rows_file([7, 8], trained=(1, 2, 3))), draws=DRAWS)
    assert seen.seen == {"v1": 0, "v2": 3}
    assert seen.reason is not None
    assert "trained on rows that the other is tested on" in seen.reason


def test_a_corrected_level_is_taken_from_the_challenger() -> None:
    old, new = rows_file(list(range(80)), seed=1), rows_file(list(range(80)), seed=2, levels=1)
    found = compare(("v1", old), ("v2", new), draws=DRAWS)
    assert found.challenger_metrics is not None
    assert found.challenger_metrics.per_class["HIGH"].support == (new[schema.LABEL] == "HIGH").sum()
    assert found.reference_metrics is not None
    assert found.reference_metrics.per_class["HIGH"].support == (new[schema.LABEL] == "HIGH").sum()


def test_a_clear_difference_leaves_zero_out() -> None:
    good = rows_file(list(range(200)), seed=1)
    bad = good.with_columns(predicted=pl.lit("MEDIUM"))
    difference = compare(("good", good), ("bad", bad), draws=DRAWS).difference("accuracy")
    assert difference is not None
    assert difference.high < 0
    assert difference.is_clear


# --- All versions -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset (with and without history), and three versions: base, history, and one that saw the last period."""
    folder = tmp_path_factory.mktemp("bench")
    facts = simulate_company(seed=7, parameters=CompanyParameters(roles=8, skills=25, quarters=10)).snapshots
    frame = build_dataset(facts)
    write_dataset(frame, folder / "full.csv")
    plain = [schema.PERIOD, schema.LABEL_PERIOD, *schema.BASE_FEATURES, schema.LABEL]
    write_dataset(frame.select(plain), folder / "plain.csv")
    write_dataset(frame.select(*schema.BASE_FEATURES, schema.LABEL).unique(maintain_order=True), folder / "bare.csv")
    dataset = read_dataset(folder / "full.csv")
    recipes = {
        "v1": Recipe(params={"n_estimators": 8}),
        "v2": Recipe(feature_set="history", params={"n_estimators": 8}),
        "leaky": Recipe(split="stratified", params={"n_estimators": 8}),
    }
    for day, (version, recipe) in enumerate(recipes.items(), start=1):
        train(
            dataset,
            version=version,
            output=folder / f"{version}.pkl",
            author="nadia",
            clock=lambda day=day: datetime(2026, 3, day, tzinfo=UTC),  # type: ignore[misc]
            recipe=recipe,
        )
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> EvaluationReport:
    paths = [folder / f"{name}.pkl" for name in ("v1", "v2", "leaky")]
    return evaluate(paths, folder / "full.csv", draws=DRAWS)


def test_a_notebook_evaluates_files_in_one_call(folder: Path) -> None:
    found = future_skills.evaluate([load_version(folder / "v1.pkl")], str(folder / "full.csv"), draws=DRAWS)
    assert [one.name for one in found.versions] == ["v1"]


def test_versions_are_scored_on_the_latest_period(report: EvaluationReport, folder: Path) -> None:
    dataset = read_dataset(folder / "full.csv")
    last = dataset.frame.filter(pl.col(schema.PERIOD) == dataset.periods[-1])
    assert (report.period, report.rows) == (dataset.periods[-1], len(last))
    assert report.distribution == {level: (last[schema.LABEL] == level).sum() for level in schema.LEVELS}
    for one in report.versions:
        model = joblib.load(folder / f"{one.name}.pkl")
        said = model.classes_[model.predict_proba(last).argmax(axis=1)]
        assert one.metrics is not None
        assert one.metrics.accuracy == pytest.approx(sk.accuracy_score(last[schema.LABEL].to_list(), said), abs=1e-12)
        assert one.metrics.f1_macro == pytest.approx(
            sk.f1_score(last[schema.LABEL].to_list(), said, average="macro", labels=list(schema.LEVELS)), abs=1e-12
        )


def test_metrics_on_a_versions_own_test_rows_are_its_manifests(report: EvaluationReport) -> None:
    for one in report.versions[:2]:
        assert one.metrics == one.manifest.metrics
        assert report.baselines.rules == one.manifest.baselines.rules
        assert report.baselines.majority == one.manifest.baselines.majority


def test_a_version_that_saw_the_rows_is_marked_and_not_ranked(report: EvaluationReport) -> None:
    leaky = report.versions[2]
    assert leaky.seen > 0
    assert (leaky.rank, leaky.to_best, leaky.to_persistence) == (None, None, None)
    assert leaky.metrics is not None
    assert "leaky" not in [one.name for one in report.ranking]
    assert f"a vu {leaky.seen} lignes" in report.to_markdown("fr")
    assert f"saw {leaky.seen} rows" in report.to_markdown("en")


def test_how_many_rows_were_seen_is_counted_from_the_keys(report: EvaluationReport, folder: Path) -> None:
    rows = load_version(folder / "leaky.pkl").rows().filter(pl.col("part") == "train")["row"]
    dataset = read_dataset(folder / "full.csv").frame
    assert report.versions[2].seen == (dataset[rows.to_list()][schema.PERIOD] == report.period).sum()


def test_ranked_by_macro_f1_with_differences_to_the_best_the_one_before_and_persistence(
    report: EvaluationReport, folder: Path
) -> None:
    first, second = report.ranking
    assert first.metrics is not None
    assert second.metrics is not None
    assert first.metrics.f1_macro >= second.metrics.f1_macro
    assert (first.rank, second.rank) == (1, 2)
    assert first.to_best is None
    assert second.to_best is not None
    assert (second.to_best.reference, second.to_best.challenger) == (first.name, second.name)
    v1, v2, _ = report.versions
    assert v1.to_previous is None
    pair = [(name, load_version(folder / f"{name}.pkl").rows()) for name in ("v1", "v2")]
    alone = compare(pair[0], pair[1], draws=DRAWS, seed=report.seed)
    assert v2.to_previous is not None
    assert v2.to_previous.differences == alone.differences
    assert v2.to_previous.mcnemar_p == alone.mcnemar_p
    for one in (v1, v2):
        assert one.to_persistence is not None
        assert one.to_persistence.reference_metrics is not None
        persistence = report.baselines.persistence
        assert persistence is not None
        assert one.to_persistence.reference_metrics.f1_macro == persistence.f1_macro
        assert one.to_persistence.difference("emergence") is None
        low, high = one.intervals["f1_macro"]
        assert one.metrics is not None
        assert low < one.metrics.f1_macro < high


def test_the_emergence_curve_passes_by_the_precision_at_200(report: EvaluationReport) -> None:
    one = report.versions[0]
    assert one.metrics is not None
    assert one.metrics.emergence is not None
    points = {k: (precision, found) for k, precision, found in one.emergence_curve}
    emergence = one.metrics.emergence
    for k, (precision, found) in points.items():
        assert precision * k == pytest.approx(found * emergence.emerged)
    if emergence.precision_at_200 is not None and 200 in points:
        assert points[200][0] == pytest.approx(emergence.precision_at_200)


def test_history_that_the_file_lacks_is_derived_from_its_own_rows(folder: Path) -> None:
    found = evaluate([folder / "v2.pkl"], folder / "plain.csv", draws=DRAWS)
    (one,) = found.versions
    assert one.refusal is None
    assert one.metrics is not None
    assert 0 < found.known_rows <= found.rows
    assert one.metrics.rows == found.rows


def test_a_version_whose_features_are_missing_is_listed_with_the_reason(folder: Path) -> None:
    found = evaluate([folder / "v1.pkl", folder / "v2.pkl"], folder / "bare.csv", draws=DRAWS)
    v1, v2 = found.versions
    assert v1.metrics is not None
    assert (v2.metrics, v2.rank) == (None, None)
    assert v2.refusal is not None
    lacking = set(v2.manifest.features.columns) - set(schema.BASE_FEATURES) - {schema.CURRENT_LEVEL}
    assert lacking <= set(v2.refusal.details["columns"].split(", "))
    assert "v2 n’est pas évaluée" in found.to_markdown("fr")
    assert "v2 is not evaluated" in found.to_markdown("en")


def test_without_periods_rows_that_a_version_trained_on_are_left_out(folder: Path, tmp_path: Path) -> None:
    dataset = read_dataset(folder / "bare.csv")
    version = train(
        dataset,
        version="flat",
        output=tmp_path / "flat.pkl",
        author="nadia",
        clock=lambda: datetime(2026, 3, 9, tzinfo=UTC),
        recipe=Recipe(params={"n_estimators": 5}),
    )
    found = evaluate([version], dataset, draws=DRAWS)
    assert found.period is None
    assert found.left_out == version.manifest.split.train_rows
    assert found.rows == version.manifest.split.test_rows
    assert found.versions[0].metrics == version.manifest.metrics
    assert found.baselines.persistence is None
    assert found.known_rows == 0
    assert found.versions[0].to_persistence is None
    assert "comme aujourd’hui" in found.to_markdown("fr")
    everything = Dataset(dataset.frame.filter(version_rows(version, "train")), "seen.csv", "0" * 64)
    with pytest.raises(NotEnoughDataError, match="trained on by one of the versions: flat"):
        evaluate([version], everything, draws=DRAWS)


def version_rows(version: LoadedVersion, part: str) -> pl.Series:
    kept = version.rows().filter(pl.col("part") == part)["row"]
    size = version.manifest.dataset.rows
    return pl.Series(np.isin(np.arange(size), kept.to_numpy()))


def test_baselines_stand_on_the_rows_whose_level_now_is_known(panel_path: Path, tmp_path: Path) -> None:
    dataset = read_dataset(panel_path, period_column="year", label_period_column="year_next")
    version = train(
        dataset,
        version="panel",
        output=tmp_path / "panel.pkl",
        author="nadia",
        clock=lambda: datetime(2026, 3, 9, tzinfo=UTC),
        recipe=Recipe(params={"n_estimators": 10}),
    )
    found = evaluate([version], dataset, draws=DRAWS)
    assert (found.rows, found.known_rows) == (1_037, 672)
    (one,) = found.versions
    assert found.baselines.persistence is not None
    assert found.baselines.persistence.accuracy == pytest.approx(0.571, abs=5e-4)
    own = version.manifest.baselines.persistence
    assert own is not None
    assert one.known_metrics == own.model_on_same_rows
    assert one.to_persistence is not None
    assert one.to_persistence.rows == 672
    assert one.to_persistence.challenger_metrics == one.known_metrics
    assert "672" in found.to_markdown("en")
    training = dataset.frame.filter(pl.col(schema.PERIOD) == "2017")
    test = dataset.frame.filter(pl.col(schema.PERIOD) == "2018")
    same = measure_baselines(training, test, one_scores(version, test))
    assert found.baselines.majority == same.majority
    assert found.baselines.rules == same.rules


def one_scores(version: LoadedVersion, test: pl.DataFrame) -> Any:
    return model_scores(version.model, test)


def test_an_earlier_period_can_be_chosen(folder: Path) -> None:
    dataset = read_dataset(folder / "full.csv")
    first = evaluate([folder / "v1.pkl"], dataset, test_period=dataset.periods[0], draws=DRAWS)
    assert first.period == dataset.periods[0]
    assert first.versions[0].seen == first.rows
    assert first.baselines.majority is None
    assert "majority" in first.baselines.reasons
    assert "Aucune version ne peut être classée" in first.to_markdown("fr")
    with pytest.raises(UsageError, match=f"no labelled row of period 1999-01.*{dataset.periods[0]}"):
        evaluate([folder / "v1.pkl"], dataset, test_period="1999-01", draws=DRAWS)


def test_what_makes_no_sense_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="no version to evaluate"):
        evaluate([], folder / "full.csv")
    with pytest.raises(UsageError, match="v1 is given twice"):
        evaluate([folder / "v1.pkl", folder / "v1.pkl"], folder / "full.csv")
    with pytest.raises(UsageError, match="--test-period cannot be used"):
        evaluate([folder / "v1.pkl"], folder / "bare.csv", test_period="2024-02")


def test_the_same_call_gives_the_same_report(report: EvaluationReport, folder: Path) -> None:
    paths = [folder / f"{name}.pkl" for name in ("v1", "v2", "leaky")]
    assert evaluate(paths, folder / "full.csv", draws=DRAWS).to_dict() == report.to_dict()


# --- Files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_report_is_written_with_its_figures(report: EvaluationReport, tmp_path: Path, language: Any) -> None:
    files = write_report(report, tmp_path / "out", language=language)
    assert sorted(tmp_path.joinpath("out").iterdir()) == sorted(files)
    document = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert document["ranking"] == [one.name for one in report.ranking]
    assert document["files"] == [path.name for path in files]
    assert document["versions"][0]["metrics"]["f1_macro"] == report.versions[0].manifest.metrics.f1_macro
    text = (tmp_path / "out" / "evaluation.md").read_text(encoding="utf-8")
    figures = [path for path in files if path.suffix == ".svg"]
    assert {"metrics.svg", "calibration.svg", "importances.svg", "emergence.svg", "confusion_v1.svg"} <= {
        path.name for path in figures
    }
    for path in figures:
        assert ET.parse(path).getroot().tag.endswith("svg")
        assert f"]({path.name})" in text
    for table in re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_figures_of_an_earlier_evaluation_are_taken_away_and_other_files_stay(
    report: EvaluationReport, folder: Path, tmp_path: Path
) -> None:
    write_report(report, tmp_path, language="fr")
    (tmp_path / "notes.svg").write_text("mine")
    only = evaluate([folder / "v1.pkl"], folder / "full.csv", draws=DRAWS)
    write_report(only, tmp_path, language="fr")
    names = {path.name for path in tmp_path.iterdir()}
    assert "confusion_v2.svg" not in names
    assert {"notes.svg", "confusion_v1.svg"} <= names


def test_a_failure_leaves_the_earlier_report_as_it_was(
    report: EvaluationReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(report, tmp_path, language="fr")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    written: list[str] = []
    write_text: Callable[..., int] = Path.write_text

    def full_disk(self: Path, text: str, **options: Any) -> int:
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append(self.name)
        return write_text(self, text, **options)

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(UsageError, match="No space left on device"):
        write_report(report, tmp_path, language="en")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
