"""Why a pair was answered so: the version's reasons, and the similar roles behind them."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from apps.serving.answers import Answer, Said
from apps.serving.facts import Facts, Row
from apps.serving.reason_documents import ReasonsDocument
from apps.serving.reasons import MOST_EXPLAINED, AnswerReasons, explain
from apps.serving.similar import IN_NEED, NEAREST, similar_roles
from future_skills import Predictor, schema
from future_skills.errors import UsageError
from future_skills.reasons_text import changes_text, reasons_text


@pytest.fixture(scope="module")
def known(small_company: pl.DataFrame) -> Facts:
    return Facts(small_company)


@pytest.fixture(scope="module")
def predictor(trained_pairs: Path) -> Predictor:
    return Predictor.load(trained_pairs / "future_skills_model_v2.pkl")


@pytest.fixture(scope="module")
def latest(small_company: pl.DataFrame) -> pl.DataFrame:
    """The newest relevé."""
    return small_company.filter(pl.col(schema.PERIOD) == small_company[schema.PERIOD].max())


def answers(predictor: Predictor, known: Facts, rows: Sequence[Row]) -> list[Answer]:
    completed = known.complete(rows, columns=predictor.columns)
    return [
        Answer(
            said=Said(role=role, skill=skill, period=period, inputs=inputs, prediction=prediction, abstained=False),
            id=None,
            override=None,
        )
        for (role, skill), period, inputs, prediction in zip(
            completed.pairs,
            completed.periods,
            completed.inputs(predictor.columns),
            predictor.predict(completed.values),
            strict=True,
        )
    ]


def pairs_of(frame: pl.DataFrame) -> list[Row]:
    return frame.select(schema.ROLE, schema.SKILL).to_dicts()


def test_every_answer_has_reasons_that_add_up_to_it(predictor: Predictor, known: Facts, latest: pl.DataFrame) -> None:
    asked = answers(predictor, known, pairs_of(latest.head(12)))
    for answer, why in zip(asked, explain(predictor, known, asked), strict=True):
        said = answer.said.prediction
        assert why.reasons.level == said.level
        assert dict(why.reasons.probabilities) == pytest.approx(dict(said.probabilities or {}), abs=1e-12)
        for level in schema.LEVELS:
            total = sum(one.effects[level] for one in why.reasons.contributions)
            difference = why.reasons.probabilities[level] - why.reasons.average[level]
            assert total + why.reasons.caution[level] == pytest.approx(difference, abs=1e-9)


def test_values_that_were_given_are_those_that_are_explained(
    predictor: Predictor, known: Facts, latest: pl.DataFrame
) -> None:
    (row,) = pairs_of(latest.head(1))
    asked = answers(predictor, known, [{**row, "trend_score": 1, "avg_salary_k": None}])
    (why,) = explain(predictor, known, asked)
    values = {one.feature: one.value for one in why.reasons.contributions}
    assert (values["trend_score"], values["avg_salary_k"]) == (1.0, None)


def test_similar_roles_are_those_that_list_the_skill_at_the_period_of_the_pair(
    known: Facts, latest: pl.DataFrame
) -> None:
    listing = latest.group_by(schema.SKILL).len().sort("len", schema.SKILL)[-1, schema.SKILL]
    levels = dict(latest.filter(pl.col(schema.SKILL) == listing).select(schema.ROLE, schema.OBSERVED_LEVEL).iter_rows())
    role, period = min(levels), latest[0, schema.PERIOD]
    similar = similar_roles(known, role=role, skill=listing, period=period)
    assert {one.role: one.level for one in similar.nearest} == {
        name: level for name, level in levels.items() if name != role
    }
    assert [one.similarity for one in similar.nearest] == sorted(
        (one.similarity for one in similar.nearest), reverse=True
    )
    assert similar.count_in_need == sum(level == "HIGH" for name, level in levels.items() if name != role)
    assert {one.level for one in similar.in_need} <= {"HIGH"}
    assert len(similar.nearest) <= NEAREST
    assert len(similar.in_need) <= IN_NEED


def test_a_pair_that_no_snapshot_has_has_nobody_behind_it(predictor: Predictor, known: Facts) -> None:
    row = {schema.ROLE: "Nouveau métier", schema.SKILL: "Nouvelle compétence"} | dict.fromkeys(schema.NUMERIC_FEATURES)
    asked = answers(predictor, known, [row | {"skill_category": None, "job_department": None}])
    (why,) = explain(predictor, known, asked)
    assert (why.similar.period, why.similar.nearest, why.similar.in_need) == (None, (), ())
    assert ReasonsDocument.of(why).text["fr"].similar == "Aucun métier proche ne liste la compétence."


def test_reasons_are_told_in_both_languages_in_one_document(
    predictor: Predictor, known: Facts, latest: pl.DataFrame
) -> None:
    found: list[AnswerReasons] = list(explain(predictor, known, answers(predictor, known, pairs_of(latest.head(30)))))
    for why in found:
        document = ReasonsDocument.of(why).to_dict()
        for language in ("fr", "en"):
            text = document["text"][language]
            assert text["level"] == reasons_text(why.reasons, language)
            assert text["changes"] == changes_text(why.reasons, language)
            assert (text["high"] is None) == (why.reasons.level == "HIGH")
        assert [one["feature"] for one in document["contributions"]] == [
            one.feature for one in why.reasons.contributions
        ]
        assert {one["role"] for one in document["similar"]["nearest"]} == {one.role for one in why.similar.nearest}
    assert {why.reasons.level == "HIGH" for why in found} == {True, False}


def test_too_many_rows_are_not_explained_at_once(predictor: Predictor, known: Facts, latest: pl.DataFrame) -> None:
    asked = answers(predictor, known, pairs_of(latest.head(1))) * (MOST_EXPLAINED + 1)
    with pytest.raises(UsageError, match="Reasons are given for 100 rows at a time, not 101"):
        explain(predictor, known, asked)


def test_roles_are_compared_once_for_a_period(known: Facts, latest: pl.DataFrame) -> None:
    period = latest[0, schema.PERIOD]
    assert known.neighbours(period) is known.neighbours(period)
