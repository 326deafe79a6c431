"""The gate policy: the repository's file, another file, and what is refused."""

from pathlib import Path

import pytest
import yaml

from future_skills.errors import PolicyError
from future_skills.policy import default_policy, parse_policy, policy_sha256, read_policy


@pytest.fixture
def content() -> dict:  # type: ignore[type-arg]
    return default_policy().model_dump(mode="json")


def write(path: Path, content: object) -> Path:
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_the_default_policy_is_the_written_rule_and_the_margins_of_the_second_lock() -> None:
    policy = default_policy()
    assert (policy.written_rule.f1_weighted_gain, policy.written_rule.minimum_precision) == (0.02, 0.60)
    assert (policy.second_lock.confidence, policy.second_lock.draws, policy.second_lock.anchor_months) == (
        0.9,
        2000,
        12,
    )
    margins = policy.second_lock.margins
    assert (margins.accuracy, margins.f1_weighted, margins.f1_macro) == (0.02, 0.02, 0.02)
    assert (margins.severe_error_rate, margins.brier, margins.calibration_error) == (0.005, 0.02, 0.03)


def test_the_same_numbers_have_the_same_hash_whatever_the_file_looks_like(content: dict, tmp_path: Path) -> None:  # type: ignore[type-arg]
    reordered = write(tmp_path / "policy.yaml", dict(reversed(content.items())))
    assert policy_sha256(read_policy(reordered)) == policy_sha256(default_policy())
    content["second_lock"]["margins"]["accuracy"] = 0.01
    assert policy_sha256(parse_policy(content)) != policy_sha256(default_policy())


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda p: p["second_lock"].update(draws=10), "second_lock.draws"),
        (lambda p: p["second_lock"].update(confidence=1), "second_lock.confidence"),
        (lambda p: p["second_lock"]["margins"].update(accuracy=-0.01), "second_lock.margins.accuracy"),
        (lambda p: p["sample"].update(minimum_agreement=60), "sample.minimum_agreement"),
        (lambda p: p["works_council"].update(minimum="asked"), "works_council.minimum"),
        (lambda p: p.update(written_rules={}), "written_rules"),
        (lambda p: p.pop("override"), "override"),
        (lambda p: p["written_rule"].update(minimum_precision=float("nan")), "written_rule.minimum_precision"),
    ],
)
def test_a_policy_that_is_none_is_refused_by_its_first_wrong_key(content: dict, change, place: str) -> None:  # type: ignore[no-untyped-def,type-arg]
    change(content)
    with pytest.raises(PolicyError) as refusal:
        parse_policy(content, path="ours.yaml")
    assert refusal.value.details["problem"].startswith(f"{place}: ")
    assert "ours.yaml" in str(refusal.value)


@pytest.mark.parametrize("text", [b"", b"- a list", b"a: [", b"\xff\xfe", b"!!python/object/apply:os.getcwd []"])
def test_a_file_that_is_no_policy_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(text)
    with pytest.raises(PolicyError, match=r"policy\.yaml"):
        read_policy(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="No such file"):
        read_policy(tmp_path / "none.yaml")
