"""A drift report in plain words, in both languages."""

import string
from typing import Any, get_args

import pytest

from future_skills import drift_text, schema
from future_skills.drift_profile import PREDICTED
from future_skills.drift_report import (
    Bin,
    DriftReport,
    Example,
    FeatureDrift,
    Listed,
    MarketSignal,
    Reason,
    Statistic,
    TrendShift,
    Verdict,
)
from future_skills.drift_text import (
    NEXT_STEPS,
    VERDICTS,
    feature_sentence,
    headline,
    listed_sentences,
    shift_sentence,
    signal_sentence,
)
from future_skills.monitoring_policy import AlarmKind


def statistic(effect: float = 0.5) -> Statistic:
    return Statistic(
        name="wasserstein",
        effect=effect,
        threshold=0.1,
        usual=0.2,
        null_quantile=0.15,
        chance=0.0001,
        adjusted_chance=0.004,
        alarm=True,
    )


def feature(**changes: Any) -> FeatureDrift:
    told: dict[str, Any] = {
        "feature": "avg_salary_k",
        "kind": "numeric",
        "level": "role",
        "verdict": "drift",
        "reason": "beyond",
        "units": (923, 1204),
        "independent": (923, 1204),
        "statistics": (statistic(),),
        "means": (84.8, 102.25),
    }
    return FeatureDrift(**told | changes)


def unseen(name: str) -> Listed:
    return Listed(
        kind="unseen",
        feature=name,
        rows=1_025,
        share=0.0312,
        distinct=22,
        expected=0.0,
        threshold=0.01,
        chance=0.5,
        adjusted_chance=1.0,
        alarm=False,
        examples=(Example(text="Oracle Cloud", rows=4), Example(text="Elekta", rows=1)),
        with_known={schema.CATEGORY: 24, schema.ROLE: 25, schema.DEPARTMENT: 23, schema.SKILL: 21},
    )


def test_a_drift_is_told_with_what_it_was_and_what_chance_does() -> None:
    assert feature_sentence(feature(), "en") == (
        "Average salary has drifted: 102.25 on average instead of 84.80 (0.500 standard deviations; at most 0.150 by chance "
        "on 1,204 job roles)."
    )
    assert "102,25" in feature_sentence(feature(), "fr")


def test_a_category_is_told_by_the_share_that_moved_most() -> None:
    bins = (Bin(category="LOW", before=0.5, now=0.38), Bin(category="HIGH", before=0.5, now=0.62))
    told = feature(feature=PREDICTED, kind="categorical", level="pair", means=None, bins=bins)
    assert "Level announced has drifted: “Low” is 38.0% of them instead of 50.0%" in feature_sentence(told, "en")
    pooled = feature(feature=PREDICTED, means=None, bins=(Bin(before=0.1, now=0.4), *bins))
    assert "“the others together”" in feature_sentence(pooled, "en")


@pytest.mark.parametrize("reason", [reason for reason in get_args(Reason) if reason != "beyond"])
def test_every_other_reason_has_a_sentence(reason: Reason) -> None:
    sentence = feature_sentence(feature(reason=reason), "en")
    assert sentence.startswith("Average salary: ")
    assert "{" not in sentence
    assert feature_sentence(feature(reason=reason, statistics=()), "en") if reason not in {"chance", "usual"} else True


def test_of_a_new_skill_it_is_said_what_the_model_can_tell() -> None:
    sentences = listed_sentences(unseen(schema.SKILL), "en")
    assert sentences[0] == (
        "1,025 rows (3.12%) have one of 22 skills that the version has never seen: Oracle Cloud (4 ×), Elekta (1 ×)."
    )
    assert "its category for 24 of these rows, the job role for 25" in sentences[1]
    assert "its department for 23 of these rows and the skills for 21" in listed_sentences(unseen(schema.ROLE), "en")[1]
    assert len(listed_sentences(unseen(schema.CATEGORY), "en")) == 1


def test_signals_and_shifts_are_told_beside_what_was_seen() -> None:
    signal = MarketSignal(feature="economic_indicator", seen={"2024-02": 3.9}, now={"2025-02": 4.1}, outside=True)
    sentence = signal_sentence(signal, "en").replace("\u00a0", " ")
    assert sentence.startswith("Economic indicator: 4.10 (February 2025), beyond all that the version has seen (3.90")
    shift = TrendShift(skill="Python", before=0.5, now=0.71, roles=7, examples=("Analyst", "Developer"))
    assert shift_sentence(shift, "en") == "Python: trend up from 0.50 to 0.71, in 7 job roles (Analyst, Developer, …)."


def test_the_headline_counts_the_alarms() -> None:
    report = DriftReport(
        reference_sha256="0" * 64,
        policy_sha256="0" * 64,
        reference_periods=("2024-02",),
        periods=("2024-11",),
        rows=32_605,
        roles=923,
        skills=8_763,
        features=(),
        listed=(),
        signals=(),
        trend_shifts=(),
        alarms=(),
    )
    assert headline(report, "en") == "No alarm on 32,605 rows (923 job roles, 8,763 skills)."


def test_every_verdict_has_a_label_and_every_alarm_says_what_to_do_next() -> None:
    assert set(VERDICTS) == set(get_args(Verdict))
    assert set(NEXT_STEPS) == set(get_args(AlarmKind))
    assert all(len(step) > 40 for step in NEXT_STEPS.values())


def test_a_translation_may_fill_the_same_placeholders() -> None:
    asked: list[str] = []

    def translate(text: str) -> str:
        asked.append(text)
        return text

    feature_sentence(feature(), "fr", translate)
    listed_sentences(unseen(schema.SKILL), "fr", translate)
    assert drift_text.FACTS["role"] in asked
    assert all(list(string.Formatter().parse(text)) for text in asked)
