"""The gate policy: the numbers that a version is judged by. Data, versioned, kept with every report."""

import hashlib
import json
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError

from future_skills.errors import PolicyError
from future_skills.manifest import Part, Share

WorksCouncilState = Literal["informed", "consulted", "opinion_given"]
Confidence = Annotated[float, Field(ge=0.5, lt=1)]
Margin = Annotated[float, Field(ge=0, le=0.5)]


class WrittenRule(Part):
    """The rule of the written registry, to the letter.

    Attributes:
        f1_weighted_gain: a version of lower accuracy passes if its weighted F1 gains more than this.
        minimum_precision: of every level.
    """

    f1_weighted_gain: Share
    minimum_precision: Share


class Margins(Part):
    """How much worse is still "not worse", on the scale of each metric."""

    accuracy: Margin
    f1_weighted: Margin
    f1_macro: Margin
    severe_error_rate: Margin
    brier: Margin
    calibration_error: Margin
    emergence: Margin


class SecondLock(Part):
    """The statistical second lock (docs/decisions/0008).

    Attributes:
        confidence: of two-sided intervals; half of the rest is the risk of promoting a version worse than the margin.
        draws: of the two-way bootstrap.
        minimum_predictions: of a level; with fewer, its precision is inconclusive.
        anchor_months: how far back the best version that was live is looked for.
        margins: of non-inferiority.
    """

    confidence: Confidence
    draws: Annotated[int, Field(ge=200, le=100_000)]
    minimum_predictions: Annotated[int, Field(ge=1)]
    anchor_months: Annotated[int, Field(ge=0, le=120)]
    margins: Margins


class SamplePolicy(Part):
    """The manual validation sample.

    Attributes:
        minimum_size: rows whose need at least one reviewer could judge.
        minimum_agreement: what the lower end of the agreement's interval must reach.
        second_reviewer_share: share of the rows that a second person labels.
        confidence: of the interval, two-sided.
    """

    minimum_size: Annotated[int, Field(ge=1, le=10_000)]
    minimum_agreement: Share
    second_reviewer_share: Share
    confidence: Confidence


class OverridePolicy(Part):
    """``longest_days``: for how long a person may lift the second lock at most."""

    longest_days: Annotated[int, Field(ge=1, le=366)]


class WorksCouncilPolicy(Part):
    """``blocks``: whether a version needs ``minimum`` (or "not required", with the reason) to go into production."""

    blocks: bool
    minimum: WorksCouncilState


class GatePolicy(Part):
    """See ``gate_policy.yaml``, the policy in force unless another was set."""

    format: Literal[1]
    written_rule: WrittenRule
    second_lock: SecondLock
    sample: SamplePolicy
    override: OverridePolicy
    works_council: WorksCouncilPolicy


@lru_cache(maxsize=1)
def default_policy() -> GatePolicy:
    """The policy of the repository, ``future_skills/gate_policy.yaml``."""
    place = files("future_skills") / "gate_policy.yaml"
    return parse_policy(yaml.safe_load(place.read_text(encoding="utf-8")), path="gate_policy.yaml")


def read_policy(path: Path) -> GatePolicy:
    """Read a policy from a YAML file.

    Raises:
        PolicyError: it cannot be read, is no YAML, or is no policy; names the first key that is wrong.
    """
    return parse_policy(read_yaml(path), path=str(path))


def read_yaml(path: Path) -> Any:
    """What a policy file says, not yet looked at.

    Raises:
        PolicyError: it cannot be read, or is no YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(path=str(path), problem=error.strerror or "it cannot be read") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise PolicyError(path=str(path), problem=" ".join(str(error).split())) from error


def parse_policy(content: Any, *, path: str = "policy") -> GatePolicy:
    """The policy that ``content`` (mappings and numbers) describes.

    Args:
        content: as YAML or JSON gives it.
        path: where it comes from, for messages.

    Raises:
        PolicyError: it is none; names the first key that is wrong.
    """
    try:
        return GatePolicy.model_validate(content)
    except ValidationError as error:
        raise PolicyError(path=path, problem=first_mistake(error)) from error


def first_mistake(error: ValidationError) -> str:
    """The first key of a policy that is wrong, and why."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "policy"
    return f"{place}: {first['msg']}"


def policy_sha256(policy: GatePolicy) -> str:
    """Sha256 (hexadecimal) of the policy's canonical JSON: the same numbers, the same hash."""
    return hashlib.sha256(canonical_json(policy.model_dump(mode="json")).encode()).hexdigest()


def canonical_json(document: Any) -> str:
    """One text for equal documents: keys sorted, no blanks, no NaN."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
