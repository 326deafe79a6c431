"""What a process keeps of what a version said of pairs: the same answers, sooner, and never those of something else."""

from pathlib import Path

import polars as pl
import pytest

from apps.serving import said
from apps.serving.facts import PAIR, Facts, Row
from apps.serving.said import Sayings, SayingsReader
from future_skills import Predictor, schema
from future_skills.abstention import Abstention
from future_skills.artifact import VersionPaths, load_version
from future_skills.errors import InvalidRowsError, UnknownPairError


@pytest.fixture(scope="module")
def predictor(trained_pairs: Path) -> Predictor:
    return Predictor.load(trained_pairs / "future_skills_model_v2.pkl")


@pytest.fixture(scope="module")
def abstention(trained_pairs: Path) -> Abstention:
    path = trained_pairs / "future_skills_model_v2.pkl"
    return Abstention.of(load_version(path).manifest, VersionPaths.of(path))


@pytest.fixture
def sayings(predictor: Predictor, abstention: Abstention, small_company: pl.DataFrame) -> Sayings:
    return Sayings(predictor, abstention, Facts(small_company))


@pytest.fixture(scope="module")
def pairs(small_company: pl.DataFrame) -> list[Row]:
    return small_company.select(PAIR).unique(maintain_order=True).head(30).to_dicts()


def test_whoever_asks_again_is_told_the_same(sayings: Sayings, pairs: list[Row]) -> None:
    first = sayings.of(pairs)
    again = sayings.of([{name: f" {text} " for name, text in row.items()} for row in reversed(pairs)])
    assert [id(one) for one in again] == [id(one) for one in reversed(first)]
    alone = [Sayings(sayings.predictor, sayings.abstention, sayings.facts).of([row])[0] for row in pairs]
    assert alone == first


def test_a_row_that_gives_a_value_is_computed(sayings: Sayings, pairs: list[Row]) -> None:
    (known,) = sayings.of(pairs[:1])
    (changed,) = sayings.of([{**pairs[0], "trend_score": 0.0123}])
    assert changed.inputs["trend_score"] == 0.0123 != known.inputs["trend_score"]
    assert sayings.of(pairs[:1]) == [known]
    assert sayings.of([pairs[1], {**pairs[0], "trend_score": 0.0123}])[1] == changed


def test_a_refusal_names_the_row_as_it_was_asked(sayings: Sayings, pairs: list[Row]) -> None:
    sayings.of(pairs[:2])
    with pytest.raises(UnknownPairError) as refusal:
        sayings.of([*pairs[:2], {schema.ROLE: "inconnu", schema.SKILL: "inconnue"}])
    assert refusal.value.details["row"] == 2
    with pytest.raises(InvalidRowsError):
        sayings.of([pairs[0], {**pairs[1], "trend_score": float("nan")}])


def test_another_version_or_other_facts_begin_anew(
    predictor: Predictor, abstention: Abstention, small_company: pl.DataFrame, pairs: list[Row], trained_pairs: Path
) -> None:
    reader, facts = SayingsReader(), Facts(small_company)
    kept = reader.now(predictor, abstention, facts)
    kept.of(pairs[:1])
    assert reader.now(predictor, abstention, facts) is kept
    moved = Facts(small_company.with_columns(pl.col("trend_score") / 2))
    (before,), (after,) = kept.of(pairs[:1]), reader.now(predictor, abstention, moved).of(pairs[:1])
    assert after.inputs["trend_score"] == before.inputs["trend_score"] / 2
    other = Predictor.load(trained_pairs / "future_skills_model_v1.pkl")
    assert reader.now(other, abstention, moved).predictor is other


def test_no_more_is_kept_than_allowed(sayings: Sayings, pairs: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said, "MOST_KEPT", 10)
    for start in range(0, 30, 4):
        sayings.of(pairs[start : start + 4])
        assert len(sayings._kept) <= 10
    everything = sayings.of(pairs)
    assert len(sayings._kept) <= 10
    assert [(one.role, one.skill) for one in everything] == [tuple(row[name] for name in PAIR) for row in pairs]
