"""The monitoring policy: when production has drifted or lost accuracy, and what follows. Data, versioned, hashed."""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from future_skills.errors import PolicyError, translatable
from future_skills.files import sha256_of_bytes
from future_skills.manifest import Part, Share
from future_skills.policy import Confidence, canonical_json, first_mistake, read_yaml

StatisticName = Literal["wasserstein", "jensen_shannon", "share_shift", "psi"]
AlarmKind = Literal["data_drift", "prediction_drift", "confidence_shift", "unseen", "out_of_range", "missing"]
"""What an alarm of a drift report may be about."""

Severity = Literal["info", "warning", "critical"]
Effect = Annotated[float, Field(gt=0, le=10)]


class Thresholds(Part):
    """Effects below which nothing is alarming.

    Attributes:
        wasserstein: distance of two numeric distributions over the reference's standard deviation.
        jensen_shannon: distance of two categorical distributions, base 2, 0 to 1.
        share_shift: largest move of one category's share, 0 to 1.
        psi: population stability index, in nats.
    """

    wasserstein: Effect
    jensen_shannon: Effect
    share_shift: Effect
    psi: Effect

    def of(self, statistic: StatisticName) -> float:
        """The threshold of one statistic."""
        return float(getattr(self, statistic))


class Persistence(Part):
    """An alarm is raised once it stands in ``alarms`` of the last ``windows`` windows."""

    alarms: Annotated[int, Field(ge=1, le=24)]
    windows: Annotated[int, Field(ge=1, le=24)]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.alarms > self.windows:
            raise ValueError("more alarms than windows")
        return self


class AlarmingShares(Part):
    """Shares of the rows above which what is always listed alarms too."""

    unseen: Share
    out_of_range: Share
    missing: Share


class DriftPolicy(Part):
    """How two distributions are compared (docs/decisions/0018).

    Attributes:
        thresholds: smallest effects that matter.
        draws: of the distribution without drift.
        alarm_rate: chance that a window without drift alarms, all its tests together; Holm's procedure shares it out.
        minimum_units: independent units, of the window and of the reference; with fewer nothing is said.
        persistence: over windows.
        shares: see ``AlarmingShares``.
    """

    thresholds: Thresholds
    draws: Annotated[int, Field(ge=1_000, le=100_000)]
    alarm_rate: Annotated[float, Field(gt=0, le=0.1)]
    minimum_units: Annotated[int, Field(ge=30, le=1_000_000)]
    persistence: Persistence
    shares: AlarmingShares


class PerformancePolicy(Part):
    """Accuracy once labels arrive.

    Attributes:
        confidence: of intervals, two-sided.
        consecutive_windows: in a row below the declared interval that make a fall.
        minimum_rows: labelled rows without which no figure is given.
    """

    confidence: Confidence
    consecutive_windows: Annotated[int, Field(ge=1, le=24)]
    minimum_rows: Annotated[int, Field(ge=30, le=1_000_000)]


class SeverityPolicy(Part):
    """How much each kind of alert matters."""

    data_drift: Severity
    prediction_drift: Severity
    confidence_shift: Severity
    unseen: Severity
    out_of_range: Severity
    missing: Severity
    market_signal: Severity
    performance_fall: Severity


class RetrainingPolicy(Part):
    """When a retraining is asked for; ``months`` goes with ``every_months``."""

    when: Literal["manual", "on_drift", "every_months"]
    months: Annotated[int, Field(ge=1, le=120)] | None

    @model_validator(mode="after")
    def _months_where_needed(self) -> Self:
        if (self.when == "every_months") != (self.months is not None):
            raise ValueError("months goes with every_months, and only with it")
        return self


class MonitoringPolicy(Part):
    """See ``monitoring_policy.yaml``."""

    format: Literal[1]
    drift: DriftPolicy
    performance: PerformancePolicy
    severity: SeverityPolicy
    retraining: RetrainingPolicy

    @property
    def sha256(self) -> str:
        """Of the canonical JSON (hexadecimal): the same numbers, the same hash."""
        return sha256_of_bytes(canonical_json(self.model_dump(mode="json")).encode())


@lru_cache(maxsize=1)
def default_monitoring_policy() -> MonitoringPolicy:
    """The policy of the repository."""
    place = files("future_skills") / "monitoring_policy.yaml"
    return parse_monitoring_policy(yaml.safe_load(place.read_text(encoding="utf-8")), path="monitoring_policy.yaml")


def parse_monitoring_policy(content: Any, *, path: str = "policy") -> MonitoringPolicy:
    """The policy that ``content`` (mappings and numbers) describes.

    Raises:
        PolicyError: it is none; names the first key that is wrong.
    """
    try:
        return MonitoringPolicy.model_validate(content)
    except ValidationError as error:
        raise PolicyError(
            translatable("{path} is not a monitoring policy: {problem}."),
            hint=translatable("Begin with a copy of future_skills/monitoring_policy.yaml."),
            path=path,
            problem=first_mistake(error),
        ) from error


def read_monitoring_policy(path: Path) -> MonitoringPolicy:
    """Read a policy from a YAML file.

    Raises:
        PolicyError: it cannot be read, is no YAML, or is no policy; names the first key that is wrong.
    """
    return parse_monitoring_policy(read_yaml(path), path=str(path))
