"""The four steps of the troubleshooting, on versions whose faults are known."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from future_skills import schema
from future_skills.dataset import build_dataset, read_dataset, write_dataset
from future_skills.diagnosis import class_shift, diagnose, importance_moves, worst_errors
from future_skills.manifest import Importance, Manifest
from future_skills.training import Recipe, train

DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def manifest(company: pl.DataFrame, tmp_path: Path, clock: Callable[[], datetime]) -> Manifest:
    """A real manifest, from which the tests make others."""
    write_dataset(build_dataset(company), tmp_path / "d.csv")
    recipe = Recipe(params={"n_estimators": 3})
    dataset = read_dataset(tmp_path / "d.csv")
    return train(dataset, version="v1", output=tmp_path / "v1.pkl", author="nadia", clock=clock, recipe=recipe).manifest


def another(manifest: Manifest, name: str, *, day: int = 0, parent: str | None = None) -> Manifest:
    return manifest.model_copy(update={"version": name, "parent": parent, "created_at": DAY + timedelta(days=day)})


def rows_file(facts: list[tuple[str, str, str, str, float]], *, first_hash: int = 0) -> pl.DataFrame:
    """Test rows from (role, skill, predicted, truth, confidence)."""
    frame = pl.DataFrame(facts, schema=[schema.ROLE, schema.SKILL, "predicted", schema.LABEL, "sure"], orient="row")
    rest = (1 - pl.col("sure")) / 2
    return frame.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
        (pl.int_range(pl.len(), dtype=pl.UInt64) + first_hash).alias("row_hash"),
        pl.lit("test").alias("part"),
        schema.ROLE,
        schema.SKILL,
        pl.lit("LOW").alias(schema.CURRENT_LEVEL),
        schema.LABEL,
        "predicted",
        *[
            pl.when(pl.col("predicted") == level).then("sure").otherwise(rest).alias(level.lower())
            for level in schema.LEVELS
        ],
    )


FACTS = [
    ("Comptable", "Excel", "LOW", "HIGH", 0.95),
    ("Comptable", "Python", "MEDIUM", "HIGH", 0.55),
    ("Comptable", "Sage", "LOW", "LOW", 1.0),
    ("Acheteur", "Excel", "HIGH", "LOW", 0.80),
    ("Acheteur", "Python", "HIGH", "HIGH", 0.70),
    ("Juriste", "Word", "LOW", "MEDIUM", 0.65),
    ("Juriste", "Excel", "LOW", "MEDIUM", 0.45),
    ("Juriste", "Python", "LOW", "LOW", 0.90),
]


def test_severe_errors_come_first_by_role_skill_and_row() -> None:
    found = worst_errors(rows_file(FACTS), top=2)
    assert (found.rows, found.errors, found.severe) == (8, 5, 2)
    assert (found.low_for_high, found.high_for_low) == (1, 1)
    assert [(one.name, one.rows, one.errors, one.severe) for one in found.roles] == [
        ("Comptable", 3, 2, 1),
        ("Acheteur", 2, 1, 1),
    ]
    assert [(one.name, one.rows, one.errors, one.severe) for one in found.skills] == [
        ("Excel", 3, 3, 2),
        ("Word", 1, 1, 0),
    ]
    assert found.skills[0].rate == 1
    assert [(one.role, one.skill, one.predicted, one.truth) for one in found.worst] == [
        ("Comptable", "Excel", "LOW", "HIGH"),
        ("Acheteur", "Excel", "HIGH", "LOW"),
    ]
    assert found.worst[0].confidence == 0.95


def test_every_band_of_confidence_holds_its_lower_end() -> None:
    found = worst_errors(rows_file(FACTS), top=5)
    assert [(one.name, one.rows, one.errors) for one in found.confidence] == [
        ("0.0-0.5", 1, 1),
        ("0.5-0.6", 1, 1),
        ("0.6-0.7", 1, 1),
        ("0.7-0.8", 1, 0),
        ("0.8-0.9", 1, 1),
        ("0.9-1.0", 3, 1),
    ]
    assert sum(one.rows for one in found.confidence) == found.rows


def test_errors_of_a_rule_have_no_confidence() -> None:
    found = worst_errors(rows_file(FACTS).drop("low", "medium", "high"), top=5)
    assert found.confidence == ()
    assert {one.confidence for one in found.worst} == {None}
    assert [one.severe for one in found.worst] == [True, True, False, False, False]


def test_a_perfect_version_has_nothing_to_show(manifest: Manifest) -> None:
    right = rows_file([(role, skill, truth, truth, sure) for role, skill, _, truth, sure in FACTS])
    found = diagnose((another(manifest, "v1"), right), [])
    assert (found.errors.errors, found.errors.roles, found.errors.worst) == (0, (), ())
    assert "Aucune erreur sur 8 lignes" in found.to_text("fr")


def test_the_largest_shift_of_the_levels_is_named(manifest: Manifest) -> None:
    split = manifest.split.model_copy(update={"train_class_distribution": {"LOW": 59, "MEDIUM": 30, "HIGH": 11}})
    found = class_shift(manifest.model_copy(update={"split": split}), rows_file(FACTS))
    # test rows: 3 LOW, 2 MEDIUM, 3 HIGH
    assert found.training.rows == 100
    assert found.training.shares == pytest.approx({"LOW": 0.59, "MEDIUM": 0.30, "HIGH": 0.11})
    assert found.test.shares == pytest.approx({"LOW": 3 / 8, "MEDIUM": 2 / 8, "HIGH": 3 / 8})
    assert found.level == "HIGH"
    assert found.change == pytest.approx(3 / 8 - 0.11)
    assert found.distance == pytest.approx((abs(0.375 - 0.59) + abs(0.25 - 0.30) + abs(0.375 - 0.11)) / 2)
    assert found.current.shares["LOW"] == 1
    assert found.predicted.shares == pytest.approx({"LOW": 5 / 8, "MEDIUM": 1 / 8, "HIGH": 2 / 8})


def test_only_the_rows_that_trained_count_as_learnt(
    company: pl.DataFrame, tmp_path: Path, clock: Callable[[], datetime]
) -> None:
    write_dataset(build_dataset(company), tmp_path / "d.csv")
    # tested two periods before the last: labels that came later neither train nor test
    recipe = Recipe(params={"n_estimators": 3}, test_period="2021-06")
    loaded = train(
        tmp_path / "d.csv", version="v1", output=tmp_path / "v1.pkl", author="nadia", clock=clock, recipe=recipe
    )
    split, dataset = loaded.manifest.split, read_dataset(tmp_path / "d.csv").frame
    assert split.train_rows + split.test_rows < len(dataset)
    learnt = dataset.filter(pl.col(schema.LABEL_PERIOD) <= "2021-06")
    found = class_shift(loaded.manifest, loaded.rows().filter(pl.col("part") == "test"))
    assert found.training.rows == split.train_rows == len(learnt)
    assert found.training.shares["LOW"] == pytest.approx((learnt[schema.LABEL] == "LOW").mean())


def test_what_a_version_learnt_is_unknown_where_its_manifest_does_not_tell(manifest: Manifest) -> None:
    split = manifest.split.model_copy(update={"train_class_distribution": {}})
    found = diagnose((manifest.model_copy(update={"split": split}), rows_file(FACTS)), [])
    assert (found.classes.level, found.classes.change, found.classes.distance) == (None, None, None)
    assert "Les niveaux que v1 a appris ne sont pas connus" in found.to_text("fr")
    assert "appris (entraînement)" not in found.to_text("fr")


def test_importances_that_moved_most_come_first(manifest: Manifest) -> None:
    def with_importances(name: str, **values: float) -> Manifest:
        importances = {feature: Importance(f1_macro=value, emergence=None) for feature, value in values.items()}
        return manifest.model_copy(update={"version": name, "importances": importances})

    old = with_importances("v1", skill_name=0.4, job_role_name=0.1, avg_salary_k=0.02)
    new = with_importances("v2", skill_name=0.1, current_need_level=0.35, job_role_name=0.11)
    found = importance_moves(old, new)
    assert [(one.feature, one.parent, one.version) for one in found] == [
        ("current_need_level", None, 0.35),
        ("skill_name", 0.4, 0.1),
        ("avg_salary_k", 0.02, None),
        ("job_role_name", 0.1, 0.11),
    ]
    assert found[1].change == pytest.approx(-0.3)


def test_without_a_parent_the_step_says_so(manifest: Manifest) -> None:
    alone = diagnose((another(manifest, "v1"), rows_file(FACTS)), [])
    assert (alone.importances, alone.importances_reason) == ((), "no_parent")
    lost = diagnose((another(manifest, "v3", parent="v2"), rows_file(FACTS)), [])
    assert lost.importances_reason == "parent_unknown"
    assert "La version mère, v2, n’est pas disponible" in lost.to_text("fr")
    given = diagnose((another(manifest, "v3", parent="v2"), rows_file(FACTS)), [], parent=another(manifest, "v2"))
    assert given.importances_reason is None
    assert given.importances


def many(wrong: float, seed: int) -> pl.DataFrame:
    """600 rows, the same for every seed, of which a share is predicted wrong."""
    rng = np.random.default_rng(seed)
    truth = np.array(schema.LEVELS)[np.random.default_rng(0).integers(0, 3, 600)]
    said = np.where(rng.random(600) < wrong, np.array(schema.LEVELS)[rng.integers(0, 3, 600)], truth)
    return rows_file(
        [(f"R{i % 20}", f"S{i % 30}", str(p), str(t), 0.8) for i, (p, t) in enumerate(zip(said, truth, strict=True))]
    )


def test_the_best_earlier_version_is_the_one_to_go_back_to(manifest: Manifest) -> None:
    others = [
        (another(manifest, "v1", day=1), many(0.5, 1)),
        (another(manifest, "v2", day=2), many(0.1, 2)),
        (another(manifest, "v9", day=9), many(0.0, 3)),  # later than the version diagnosed
    ]
    found = diagnose((another(manifest, "v3", day=3, parent="v2"), many(0.6, 4)), others).way_back
    assert (found.version, found.verdict, found.reason) == ("v2", "better", None)
    assert found.comparison is not None
    assert (found.comparison.reference, found.comparison.challenger, found.comparison.rows) == ("v2", "v3", 600)


def test_going_back_to_a_worse_version_is_advised_against(manifest: Manifest) -> None:
    found = diagnose((another(manifest, "v2", day=2), many(0.1, 2)), [(another(manifest, "v1", day=1), many(0.6, 1))])
    assert (found.way_back.version, found.way_back.verdict) == ("v1", "worse")
    assert "Ne pas revenir en arrière" in found.to_text("fr")
    assert "Do not go back" in found.to_text("en")


def test_a_version_that_cannot_be_told_apart_is_no_reason_to_go_back(manifest: Manifest) -> None:
    same = many(0.3, 1)
    found = diagnose((another(manifest, "v2", day=2), same), [(another(manifest, "v1", day=1), same)])
    assert found.way_back.verdict == "inconclusive"
    assert "rien ne prouve" in found.to_text("fr")


def test_none_to_go_back_to_and_why(manifest: Manifest) -> None:
    first = diagnose((another(manifest, "v1"), rows_file(FACTS)), [])
    assert (first.way_back.version, first.way_back.reason) == (None, "no_earlier")
    apart = rows_file(FACTS, first_hash=1000)
    second = diagnose((another(manifest, "v2", day=2), rows_file(FACTS)), [(another(manifest, "v1", day=1), apart)])
    assert (second.way_back.version, second.way_back.reason) == (None, "no_shared_rows")
    assert "n’a été testée sur les mêmes lignes" in second.to_text("fr")


def test_the_diagnosis_is_json_and_plain_words_in_both_languages(manifest: Manifest) -> None:
    others = [(another(manifest, "v1", day=1), many(0.5, 1))]
    found = diagnose((another(manifest, "v2", day=2, parent="v1"), many(0.2, 2)), others, top=3)
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["way_back"]["version"] == "v1"
    assert len(document["errors"]["roles"]) == 3
    assert document["errors"]["roles"][0]["rate"] == found.errors.roles[0].rate
    french, english = found.to_text("fr"), found.to_text("en")
    for step in ("1. Les niveaux", "2. Ce sur quoi", "3. Les erreurs", "4. La version"):
        assert step in french
    for step in ("1. Need levels", "2. What the model", "3. The worst", "4. The version"):
        assert step in english
    assert "{" not in french + english
    assert "1 erreurs" not in french
