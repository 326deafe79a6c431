"""When an answer says that it should not be relied upon: too little confidence, names too rare, a warning that counts."""

from typing import Any

import polars as pl
import pytest

from future_skills import schema
from future_skills.abstention import (
    Abstention,
    AnswerPolicy,
    default_answer_policy,
    parse_answer_policy,
)
from future_skills.errors import PolicyError
from future_skills.prediction import Prediction, PredictionWarning

SUPPORT = {schema.ROLE: {"known": 40, "rare": 2}, schema.SKILL: {"known": 40, "rare": 2}}


def policy(**changes: Any) -> AnswerPolicy:
    numbers = {
        "format": 1,
        "minimum_confidence": 0.5,
        "minimum_training_rows": {"job_role_name": 5, "skill_name": 5},
        "warnings": ["no_history"],
    }
    return parse_answer_policy(numbers | changes)


def said(high: float = 0.8, *codes: str) -> Prediction:
    shares = {"LOW": round(1 - high, 6) / 2, "MEDIUM": round(1 - high, 6) / 2, "HIGH": high}
    warnings = tuple(PredictionWarning(code, "", {"column": str(n)}) for n, code in enumerate(codes))  # type: ignore[arg-type]
    return Prediction("HIGH", shares, "LOW", warnings)


CASES = [
    ("known", "known", said(), False),
    ("known", "known", said(0.5), False),
    ("known", "known", said(0.499), True),
    ("rare", "known", said(), True),
    ("known", "rare", said(), True),
    ("known", "never seen", said(), True),
    (None, "known", said(), True),
    ("known", "known", said(0.8, "out_of_range"), False),
    ("known", "known", said(0.8, "out_of_range", "no_history"), True),
]


@pytest.mark.parametrize(("role", "skill", "answer", "abstains"), CASES)
def test_one_answer_abstains_for_a_reason_of_the_policy(
    role: str | None, skill: str, answer: Prediction, abstains: bool
) -> None:
    row = {schema.ROLE: role, schema.SKILL: skill}
    assert Abstention(policy(), SUPPORT).abstains(row, answer) is abstains


def test_many_answers_abstain_as_each_would_alone() -> None:
    rows = pl.DataFrame({schema.ROLE: [c[0] for c in CASES], schema.SKILL: [c[1] for c in CASES]})
    frame = pl.DataFrame(
        {
            "confidence": [c[2].confidence for c in CASES],
            "warnings": pl.Series([[w.code for w in c[2].warnings] for c in CASES], dtype=pl.List(pl.String)),
        }
    )
    flags = Abstention(policy(), SUPPORT).flags(rows, frame)
    assert flags.name == "abstained"
    assert flags.to_list() == [c[3] for c in CASES]


def test_a_name_that_the_version_does_not_read_counts_for_nothing() -> None:
    assert not Abstention(policy(), {}).abstains({schema.ROLE: "never seen", schema.SKILL: "never seen"}, said())


def test_a_policy_may_ask_for_nothing() -> None:
    nothing = policy(minimum_confidence=0, minimum_training_rows={"job_role_name": 0, "skill_name": 0}, warnings=[])
    assert not Abstention(nothing, SUPPORT).abstains({schema.ROLE: None, schema.SKILL: None}, said(0.4, "no_history"))


def test_the_policy_of_the_repository_is_one_and_has_a_hash() -> None:
    default = default_answer_policy()
    assert default.sha256 == parse_answer_policy(default.model_dump(mode="json")).sha256
    assert default.sha256 != policy(minimum_confidence=0.9).sha256


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"minimum_confidence": 2}, "minimum_confidence"),
        ({"warnings": ["anything"]}, "warnings"),
        ({"format": 2}, "format"),
        ({"more": 1}, "more"),
        ({"minimum_training_rows": {"job_role_name": -1, "skill_name": 0}}, "job_role_name"),
    ],
)
def test_what_is_no_policy_is_refused_and_the_key_is_named(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(PolicyError, match=place):
        policy(**changes)
