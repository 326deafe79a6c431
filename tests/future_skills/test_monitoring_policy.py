"""The monitoring policy: the repository's file, its hash, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from future_skills.errors import PolicyError
from future_skills.monitoring_policy import default_monitoring_policy, parse_monitoring_policy


@pytest.fixture
def content() -> dict[str, Any]:
    return default_monitoring_policy().model_dump(mode="json")


def test_the_default_policy_has_the_thresholds_that_were_decided() -> None:
    drift = default_monitoring_policy().drift
    assert [drift.thresholds.of(name) for name in ("wasserstein", "jensen_shannon", "share_shift", "psi")] == [
        0.1,
        0.06,
        0.05,
        0.03,
    ]
    assert (drift.alarm_rate, drift.minimum_units) == (0.005, 100)
    assert (drift.persistence.alarms, drift.persistence.windows) == (2, 3)


def test_the_same_numbers_have_the_same_hash(content: dict[str, Any]) -> None:
    reordered = parse_monitoring_policy(dict(reversed(content.items())))
    assert reordered.sha256 == default_monitoring_policy().sha256
    content["drift"]["thresholds"]["psi"] = 0.04
    assert parse_monitoring_policy(content).sha256 != default_monitoring_policy().sha256


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda p: p["drift"].update(draws=10), "drift.draws"),
        (lambda p: p["drift"]["persistence"].update(alarms=4), "drift.persistence"),
        (lambda p: p["drift"]["shares"].update(unseen=2), "drift.shares.unseen"),
        (lambda p: p["retraining"].update(when="every_months"), "retraining"),
        (lambda p: p["retraining"].update(months=6), "retraining"),
        (lambda p: p["severity"].update(unseen="loud"), "severity.unseen"),
        (lambda p: p.update(more=1), "more"),
    ],
)
def test_a_policy_that_is_none_is_refused_by_its_first_wrong_key(
    content: dict[str, Any], change: Callable[[dict[str, Any]], None], place: str
) -> None:
    change(content)
    with pytest.raises(PolicyError) as refusal:
        parse_monitoring_policy(content, path="ours.yaml")
    assert refusal.value.details["problem"].startswith(f"{place}: ")
    assert "ours.yaml is not a monitoring policy" in str(refusal.value)
