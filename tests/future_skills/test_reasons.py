"""Why a version answers what it answers: contributions, what would change the level, and the words for both."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from future_skills import Recipe, read_dataset, schema, train
from future_skills.artifact import BACKGROUND_SUFFIX, LoadedVersion, load_version
from future_skills.background import ROWS, draw_background, learned_apart, read_background
from future_skills.dataset import build_dataset, write_dataset
from future_skills.errors import ArtifactHashMismatchError, ReasonsUnavailableError
from future_skills.history import HISTORY_FEATURES, SCORES
from future_skills.pipeline import NeedLevelModel, build_model
from future_skills.reasons import Background, Change, Contribution, Explainer, Reasons
from future_skills.reasons_text import FEATURE_NAMES, changes_text, reasons_text, similar_text, value_text
from tests.future_skills.test_shapley import by_every_order

NAMES = (schema.ROLE, schema.SKILL)
NUMBERS = ("trend_score", "internal_usage")
GRID = {name: np.linspace(0, 1, 11) for name in NUMBERS}


def made_up_rows(count: int, *, levels: tuple[str | None, ...]) -> pl.DataFrame:
    """Rows of two names, two numbers, a current level and the four scores of need, some of them missing; and labels."""
    rng = np.random.default_rng(3)
    level = rng.choice(len(levels), count)
    numbers = {name: rng.random(count).round(2) for name in (*NUMBERS, *SCORES)}
    frame = pl.DataFrame(
        {
            schema.ROLE: [f"Rôle {place}" for place in rng.integers(0, 4, count)],
            schema.SKILL: [f"Compétence {place}" for place in rng.integers(0, 6, count)],
            schema.CURRENT_LEVEL: pl.Series([levels[place] for place in level], dtype=pl.String),
            **numbers,
        }
    )
    signal = (
        level + 2 * numbers["trend_score"] + numbers[SCORES[0]] - numbers["internal_usage"] + rng.normal(0, 0.3, count)
    )
    frame = frame.with_columns(
        pl.Series(schema.LABEL, np.array(schema.LEVELS)[np.clip(signal, 0, 2.9).astype(int)]),
        pl.when(pl.Series(rng.random(count) < 0.1)).then(None).otherwise("trend_score").alias("trend_score"),
        *(pl.when(pl.Series(rng.random(count) < 0.1)).then(None).otherwise(name).alias(name) for name in SCORES),
    )
    unscored = pl.Series(np.arange(count) % 6 == 0)
    return frame.with_columns(pl.when(unscored).then(None).otherwise(name).alias(name) for name in SCORES)


def fitted(algorithm: str, rows: pl.DataFrame, columns: tuple[tuple[str, ...], tuple[str, ...]], **params: Any) -> Any:
    model = build_model(algorithm=algorithm, categorical=columns[0], numeric=columns[1], params=params)
    return model.fit(rows, rows[schema.LABEL].to_numpy().astype(str))


def explainer(model: Any, rows: pl.DataFrame) -> Explainer:
    background = draw_background(model, rows.select(list(model.feature_names_in_)), random_state=1)
    return Explainer(model, background, tried=GRID, version="v9")


# --- Two small models: one forest of all rows, one blend for each current level ------------------------------------------
FOREST_ROWS = made_up_rows(150, levels=schema.LEVELS)
BLEND_ROWS = made_up_rows(500, levels=(*schema.LEVELS, None))


@pytest.fixture(scope="module")
def forest() -> Any:
    return fitted("random_forest", FOREST_ROWS, (NAMES, NUMBERS), n_estimators=5, class_weight="balanced")


@pytest.fixture(scope="module")
def blend() -> Any:
    columns = ((schema.CURRENT_LEVEL,), (*NUMBERS, *SCORES))
    params = {"n_estimators": 5, "min_samples_leaf": 5, "min_rows": 60, "change_odds": 2.0}
    return fitted("blend_by_level", BLEND_ROWS, columns, **params)


@pytest.fixture(scope="module")
def blend_explainer(blend: Any) -> Explainer:
    return explainer(blend, BLEND_ROWS)


maybe_number = st.sampled_from([None, 0.0, 0.21, 0.5, 0.83, 7.5])


def mixed(background: pl.DataFrame, row: Mapping[str, Any], names: list[str]) -> pl.DataFrame:
    """The background rows, with the row's own values of some columns."""
    return background.with_columns(pl.lit(row[name], dtype=background.schema[name]).alias(name) for name in names)


def effects(reasons: Reasons, names: list[str]) -> np.ndarray:
    by_name = {one.feature: one for one in reasons.contributions}
    return np.array([[by_name[name].effects[level] for level in schema.LEVELS] for name in names])


def sums_to_the_answer(reasons: Reasons) -> None:
    for level in schema.LEVELS:
        total = sum(one.effects[level] for one in reasons.contributions) + reasons.caution[level]
        assert total == pytest.approx(reasons.probabilities[level] - reasons.average[level], abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(
    role=st.sampled_from([None, "Rôle 1", "Rôle inconnu"]),
    skill=st.sampled_from([None, "Compétence 2", "Compétence inconnue"]),
    trend=maybe_number,
    usage=maybe_number,
)
def test_contributions_of_a_forest_are_those_of_every_order_of_its_features(
    forest: Any, role: str | None, skill: str | None, trend: float | None, usage: float | None
) -> None:
    row = {schema.ROLE: role, schema.SKILL: skill, "trend_score": trend, "internal_usage": usage}
    rows = FOREST_ROWS.select(*NAMES, *NUMBERS)
    background = draw_background(forest, rows, random_state=1)
    features = [*NAMES, *NUMBERS]
    asked = pl.DataFrame([row], schema=rows.schema)

    def worth(arrived: frozenset[int]) -> Any:
        return in_order(forest, mixed(background, row, [features[player] for player in arrived])).mean(axis=0)

    (reasons,) = explainer(forest, rows).explain(asked)
    assert effects(reasons, features) == pytest.approx(by_every_order(worth, 4), abs=1e-9)
    assert list(reasons.probabilities.values()) == pytest.approx(in_order(forest, asked)[0], abs=1e-12)
    assert reasons.level == forest.predict(asked)[0]
    assert reasons.background == Background(ROWS, same_level=False, level=None)
    assert {one.feature: one.value for one in reasons.contributions} == row
    assert set(reasons.caution.values()) == {0.0}
    sums_to_the_answer(reasons)


def in_order(model: NeedLevelModel, rows: pl.DataFrame) -> np.ndarray:
    """Probabilities of LOW, MEDIUM and HIGH."""
    return model.predict_proba(rows)[:, [list(model.classes_).index(level) for level in schema.LEVELS]]


@settings(max_examples=20, deadline=None)
@given(
    level=st.sampled_from([*schema.LEVELS, None]),
    numbers=st.lists(maybe_number, min_size=2, max_size=2),
    scores=st.one_of(st.just([None] * 4), st.lists(maybe_number, min_size=4, max_size=4)),
)
def test_contributions_of_a_blend_are_those_of_every_order_among_pairs_of_the_same_level(
    blend: Any, blend_explainer: Explainer, level: str | None, numbers: list[float | None], scores: list[float | None]
) -> None:
    features = [*NUMBERS, *SCORES]
    row = dict(zip(features, [*numbers, *scores], strict=True)) | {schema.CURRENT_LEVEL: level}
    columns = list(blend.feature_names_in_)
    background = draw_background(blend, BLEND_ROWS.select(columns), random_state=1)
    background = background.filter(pl.col(schema.CURRENT_LEVEL).eq_missing(pl.lit(level, dtype=pl.String)))
    estimator, code = blend.estimator_, schema.LEVEL_RANK.get(level or "", -1)
    places = [list(blend.classes_).index(name) for name in schema.LEVELS]

    def worth(arrived: frozenset[int]) -> Any:
        matrix = blend.encoder_.transform(mixed(background, row, [features[player] for player in arrived]))
        said = estimator.blended(estimator.forests_[code].predict_proba(matrix), matrix, code)
        return said[:, places].mean(axis=0)

    asked = pl.DataFrame([row], schema={name: BLEND_ROWS.schema[name] for name in columns})
    (reasons,) = blend_explainer.explain(asked)
    assert effects(reasons, features) == pytest.approx(by_every_order(worth, 6), abs=1e-9)
    assert list(reasons.probabilities.values()) == pytest.approx(in_order(blend, asked)[0], abs=1e-12)
    assert list(reasons.average.values()) == pytest.approx(in_order(blend, background).mean(axis=0), abs=1e-12)
    assert reasons.background == Background(len(background), same_level=True, level=level)
    assert len(reasons.contributions) == len(features)
    sums_to_the_answer(reasons)


def test_the_rule_that_keeps_todays_level_has_a_share_of_its_own(blend: Any, blend_explainer: Explainer) -> None:
    asked = BLEND_ROWS.select(list(blend.feature_names_in_))
    kept = [reasons for reasons in blend_explainer.explain(asked) if reasons.caution[reasons.level] > 0.05]
    assert kept, "no row of which today's level is kept in doubt"
    for reasons in kept:
        assert sum(reasons.caution.values()) == pytest.approx(0.0, abs=1e-9)
        assert "La prudence du modèle" in reasons_text(reasons, "fr")


def test_a_level_that_no_training_row_had_is_compared_with_rows_of_the_others() -> None:
    rows = made_up_rows(300, levels=(schema.LOW, schema.HIGH))
    columns = ((schema.CURRENT_LEVEL,), (*NUMBERS, *SCORES))
    model = fitted("blend_by_level", rows, columns, n_estimators=4, min_samples_leaf=5, min_rows=60)
    asked = (
        rows.select(list(model.feature_names_in_))
        .head(1)
        .with_columns(pl.lit(None, pl.String).alias("current_need_level"))
    )
    (reasons,) = explainer(model, rows).explain(asked)
    assert reasons.background == Background(ROWS, same_level=True, level=None)
    assert list(reasons.probabilities.values()) == pytest.approx(in_order(model, asked)[0], abs=1e-12)
    sums_to_the_answer(reasons)
    assert "niveau actuel est inconnu" in reasons_text(reasons, "fr")


def test_where_no_history_is_known_the_level_is_a_feature_like_another() -> None:
    rows = made_up_rows(150, levels=(None, None, None, schema.HIGH))
    columns = ((*NAMES, schema.CURRENT_LEVEL), (*NUMBERS, *SCORES))
    model = fitted("blend_by_level", rows, columns, n_estimators=4)
    assert not learned_apart(model)
    (reasons,) = explainer(model, rows).explain(rows.head(1))
    assert schema.CURRENT_LEVEL in {one.feature for one in reasons.contributions}
    assert not reasons.background.same_level
    sums_to_the_answer(reasons)


# --- What would change the level ----------------------------------------------------------------------------------------
def test_the_nearest_value_that_changes_the_level_is_found_and_nothing_nearer_does(forest: Any) -> None:
    asked = FOREST_ROWS.select(*NAMES, *NUMBERS).drop_nulls().head(40)
    explained = explainer(forest, FOREST_ROWS).explain(asked)
    changed = 0
    for place, reasons in enumerate(explained):
        found = {change.feature: change for change in reasons.changes}
        for name, tried in GRID.items():
            now = asked[place, name]
            others = pl.concat([asked[place].with_columns(pl.lit(float(value)).alias(name)) for value in tried])
            levels = forest.predict(others)
            different = [value for value, level in zip(tried, levels, strict=True) if level != reasons.level]
            assert (name in found) == bool(different)
            if different:
                changed += 1
                nearest = min(abs(value - now) for value in different)
                assert abs(found[name].needed - now) == pytest.approx(nearest)
                assert found[name].level == levels[list(tried).index(found[name].needed)]
                assert found[name].value == now
        steps = [abs(change.needed - asked[place, change.feature]) for change in reasons.changes]
        assert steps == pytest.approx(sorted(steps))
    assert changed


def test_of_a_missing_value_the_values_nearest_the_middle_are_told_first(forest: Any) -> None:
    asked = FOREST_ROWS.select(*NAMES, *NUMBERS).with_columns(pl.lit(None, pl.Float64).alias("trend_score"))
    changes = [change for one in explainer(forest, FOREST_ROWS).explain(asked) for change in one.changes]
    changes = [change for change in changes if change.feature == "trend_score"]
    assert changes
    assert {change.value for change in changes} == {None}


# --- Files --------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def folder(company: pl.DataFrame, clock: Callable[[], datetime], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of the small company: a forest of the base features, a blend with histories."""
    folder = tmp_path_factory.mktemp("explained")
    write_dataset(build_dataset(company), folder / "dataset.csv")
    dataset = read_dataset(folder / "dataset.csv")
    for name, recipe in {
        "base": Recipe(params={"n_estimators": 5}),
        "history": Recipe(feature_set="history", params={"n_estimators": 5}),
    }.items():
        train(dataset, version=name, output=folder / f"{name}.pkl", author="nadia", clock=clock, recipe=recipe)
    return folder


@pytest.fixture(scope="module")
def base(folder: Path) -> LoadedVersion:
    return load_version(folder / "base.pkl")


def test_a_version_keeps_its_background_rows_and_always_the_same_ones(base: LoadedVersion, folder: Path) -> None:
    kept = read_background(base.manifest, base.paths)
    assert kept.columns == list(base.manifest.features.columns)
    rows = read_dataset(folder / "dataset.csv").frame
    trained = base.rows().filter(pl.col("part") == "train")["row"].to_list()
    training = rows[trained].select(kept.columns)
    assert kept.equals(draw_background(base.model, training, random_state=42))
    assert len(kept.join(training, on=kept.columns, how="semi", nulls_equal=True)) == ROWS


def test_a_version_that_learned_levels_apart_keeps_rows_of_each(folder: Path) -> None:
    version = load_version(folder / "history.pkl")
    levels = read_background(version.manifest, version.paths)[schema.CURRENT_LEVEL].value_counts()
    assert learned_apart(version.model)
    assert set(levels["count"]) == {ROWS}


@pytest.mark.parametrize("name", ["base", "history"])
def test_every_row_of_a_trained_version_is_explained_to_the_last_digit(name: str, folder: Path) -> None:
    version = load_version(folder / f"{name}.pkl")
    columns = list(version.manifest.features.columns)
    rows = read_background(version.manifest, version.paths).select(columns).head(8)
    said = in_order(version.model, rows)
    for place, reasons in enumerate(Explainer.of(version).explain(rows)):
        assert list(reasons.probabilities.values()) == pytest.approx(said[place], abs=1e-12)
        sums_to_the_answer(reasons)
        assert json.loads(json.dumps(reasons.document(), allow_nan=False))["level"] == reasons.level
        for language in ("fr", "en"):
            assert reasons_text(reasons, language)
            assert changes_text(reasons, language)


def test_a_version_without_background_rows_says_so(base: LoadedVersion) -> None:
    files = tuple(entry for entry in base.manifest.files if not entry.name.endswith(BACKGROUND_SUFFIX))
    old = replace(base, manifest=base.manifest.model_copy(update={"files": files}))
    with pytest.raises(ReasonsUnavailableError, match="base kept no training rows") as refusal:
        Explainer.of(old)
    assert refusal.value.code == "reasons_unavailable"


def test_a_model_that_is_no_forest_says_so() -> None:
    boosted = fitted("hist_gradient_boosting", FOREST_ROWS, (NAMES, NUMBERS), max_iter=2)
    with pytest.raises(ReasonsUnavailableError, match="v9 is a hist_gradient_boosting"):
        explainer(boosted, FOREST_ROWS)


def test_background_rows_that_were_changed_are_refused(folder: Path, tmp_path: Path) -> None:
    for path in folder.glob("base.*"):
        shutil.copy(path, tmp_path)
    version = load_version(tmp_path / "base.pkl")
    version.paths.beside(BACKGROUND_SUFFIX).write_bytes(b"other rows")
    with pytest.raises(ArtifactHashMismatchError):
        Explainer.of(version)


# --- Words --------------------------------------------------------------------------------------------------------------
def told(**changes: Any) -> Reasons:
    """Reasons of a pair that is announced HIGH."""

    def contribution(feature: str, value: Any, effect: float) -> Contribution:
        return Contribution(feature, value, {"LOW": 0.0, "MEDIUM": -effect, "HIGH": effect})

    reasons = Reasons(
        level="HIGH",
        probabilities={"LOW": 0.05, "MEDIUM": 0.13, "HIGH": 0.82},
        average={"LOW": 0.15, "MEDIUM": 0.5, "HIGH": 0.35},
        background=Background(20, same_level=True, level="MEDIUM"),
        contributions=(
            contribution("similar_roles_need", 0.712, 0.31),
            contribution("trend_score", 0.4, -0.05),
            contribution("internal_usage", 0.82, 0.02),
            contribution("months_since_last_need", None, 0.19),
            contribution("avg_salary_k", 45.0, 0.001),
        ),
        caution={"LOW": 0.0, "MEDIUM": 0.0, "HIGH": 0.0},
        changes=(Change("training_requests", 12.0, 3.0, "MEDIUM"),),
        tried=("training_requests", "trend_score"),
    )
    return replace(reasons, **changes)


def test_an_answer_is_explained_in_french_as_people_write_it() -> None:
    assert reasons_text(told(), "fr") == (
        "Niveau annoncé\u00a0: Élevé (82,0\u202f%\u202f; 35,0\u202f% en moyenne parmi les couples aujourd’hui au niveau Moyen). "
        "Le modèle s’appuie surtout sur «\u00a0besoin dans les métiers proches\u00a0: 71,2\u202f%\u00a0» (+31,0\u202fpt), "
        "«\u00a0dernier besoin élevé\u00a0: jamais\u00a0» (+19,0\u202fpt) et «\u00a0usage interne\u00a0: 82\u202f%\u00a0» "
        "(+2,0\u202fpt). En sens contraire\u00a0: «\u00a0tendance\u00a0: 0,40\u00a0» (−5,0\u202fpt)."
    )
    assert changes_text(told(), "fr") == (
        "Toutes choses égales par ailleurs, le modèle annoncerait un autre niveau avec\u00a0: demandes de formation à 3 au lieu "
        "de 12 (Moyen)."
    )


def test_an_answer_is_explained_in_english() -> None:
    assert reasons_text(told(), "en") == (
        "Level announced: High (82.0%; 35.0% on average among pairs at the level Medium today). The model relies mostly on "
        "“need in similar job roles: 71.2%” (+31.0 pt), “last in need: never” (+19.0 pt) and “internal usage: 82%” (+2.0 pt). "
        "The other way: “trend score: 0.40” (−5.0 pt)."
    )
    assert changes_text(told(changes=()), "en") == (
        "None of the 2 figures changes the level announced by itself, over the range seen in training."
    )
    assert changes_text(told(changes=(), tried=()), "en") == ""


def test_the_chance_of_another_level_is_explained_too() -> None:
    text = reasons_text(told(), "fr", about="MEDIUM")
    assert text.startswith("Probabilité du niveau Moyen\u00a0: 13,0\u202f% (50,0\u202f% en moyenne")
    assert "s’appuie surtout sur «\u00a0tendance\u00a0: 0,40\u00a0» (+5,0\u202fpt)" in text
    assert (
        "En sens contraire\u00a0: «\u00a0besoin dans les métiers proches\u00a0: 71,2\u202f%\u00a0» (−31,0\u202fpt) et"
        in text
    )


def test_an_answer_that_nothing_explains_says_so() -> None:
    quiet = tuple(replace(one, effects=dict.fromkeys(schema.LEVELS, 0.0)) for one in told().contributions)
    assert reasons_text(told(contributions=quiet), "fr").endswith(
        "Aucune donnée ne change nettement cette probabilité."
    )
    against = told(contributions=told().contributions[1:2], background=Background(20, same_level=False, level=None))
    assert reasons_text(against, "fr").endswith(
        "en moyenne sur les lignes d’entraînement). Ce qui, pour le modèle, éloigne de ce niveau\u00a0: "
        "«\u00a0tendance\u00a0: 0,40\u00a0» (−5,0\u202fpt)."
    )


def test_every_feature_has_a_name_in_both_languages() -> None:
    for names in FEATURE_NAMES.values():
        assert set(names) == {*schema.BASE_FEATURES, schema.CURRENT_LEVEL, *HISTORY_FEATURES}
        assert len(set(names.values())) == len(names)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("job_role_name", "Comptable", "Comptable"),
        ("current_need_level", "HIGH", "Élevé"),
        ("internal_usage", None, "inconnu"),
        ("training_requests", 1204.0, "1\u202f204"),
        ("avg_salary_k", 45.0, "45,0\u00a0k"),
        ("months_since_first_listed", 26.0, "26\u00a0mois"),
        ("months_since_last_need", 0.0, "aujourd’hui"),
        ("months_since_last_need", 12.0, "il y a 12\u00a0mois"),
        ("previous_level_rank", 1.0, "Moyen"),
        ("share_of_roles_in_need", 0.25, "25,0\u202f%"),
        ("skill_need_momentum", -0.021, "−2,1\u202fpt par an"),
        ("companion_skills_need", 1.01, "1,01"),
        ("similar_need_rank_in_role", 0.0, "déjà en besoin"),
        ("similar_need_rank_in_role", 3.0, "3"),
    ],
)
def test_values_are_written_as_people_write_them(name: str, value: Any, text: str) -> None:
    assert value_text(name, value, "fr") == text


def test_similar_roles_are_counted_in_words() -> None:
    assert similar_text(10, 7, "fr") == (
        "Parmi les 10 métiers les plus proches qui listent la compétence, 7 en ont besoin aujourd’hui."
    )
    assert similar_text(10, 1, "fr").endswith("qui listent la compétence, un seul en a besoin aujourd’hui.")
    assert similar_text(10, 0, "en").endswith("that list the skill, none needs it today.")
    assert similar_text(1, 1, "en") == "Only one similar job role lists the skill, and needs it today."
    assert similar_text(1, 0, "fr") == "Un seul métier proche liste la compétence, et il n’en a pas besoin aujourd’hui."
    assert similar_text(0, 0, "en") == "No similar job role lists the skill."
