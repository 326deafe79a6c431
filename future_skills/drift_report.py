"""What a comparison of a window with its reference found: a tree that can be kept as JSON and read again."""

from collections.abc import Sequence
from typing import Any, Literal

from future_skills.drift_profile import Level
from future_skills.manifest import Part, Share
from future_skills.monitoring_policy import AlarmKind, Persistence, Severity, StatisticName

Verdict = Literal["quiet", "drift", "insufficient_sample", "market_signal"]

Reason = Literal[
    "small",  # every effect is at most its threshold
    "chance",  # an effect is above its threshold, and such a sample may have one without drift
    "usual",  # an effect is above both, and periods of the reference are as far from one another
    "beyond",  # an effect is above all three
    "few_units_now",
    "few_units_before",
    "no_value",
    "one_value_per_period",
    "names",  # names have no distribution: those not known are listed, and few
    "unseen_names",  # they are listed, and many
]

ListedKind = Literal["unseen", "out_of_range", "missing"]


class Statistic(Part):
    """One measure of how far apart two distributions are.

    Attributes:
        name: see ``drift_null``.
        effect: how far.
        threshold: of the policy.
        usual: how far at most a period of the reference is from its other periods; 0 where it has one.
        null_quantile: how far apart samples of these sizes are without drift, but for the chance that Holm's procedure leaves
            this test.
        chance: of such an effect without drift.
        adjusted_chance: the same after Holm's procedure over all tests of the window.
        alarm: above the threshold and what is usual, with an adjusted chance of at most the alarm rate; the PSI of a number
            only where the distance has such a chance too.
    """

    name: StatisticName
    effect: float
    threshold: float
    usual: float
    null_quantile: float
    chance: Share
    adjusted_chance: Share
    alarm: bool


class Bin(Part):
    """One bar of a distribution, then and now.

    Attributes:
        low, high: ends of a number's bin, the high one inside; None for a category.
        category: of a category's bin; None where it is a number's, or the pooled one.
        before: share of the reference's units.
        now: share of the window's.
    """

    low: float | None = None
    high: float | None = None
    category: str | None = None
    before: Share
    now: Share


class FeatureDrift(Part):
    """One feature, or what the version said.

    Attributes:
        feature: column name.
        kind: of its reference, see ``drift_profile``.
        level: at which it varies.
        verdict: what is to be thought of it.
        reason: why.
        units: independent facts of the reference and of the window: roles, skills, pairs …
        independent: the same once clusters are taken into account; what the verdict stands on.
        statistics: none where there is no comparison.
        bins: distributions then and now; none where there is no comparison.
        means: of a number, then and now.
        standard_deviation: of a number, in the reference.
    """

    feature: str
    kind: Literal["numeric", "categorical", "name", "market"]
    level: Level
    verdict: Verdict
    reason: Reason
    units: tuple[float, float] = (0.0, 0.0)
    independent: tuple[float, float] = (0.0, 0.0)
    statistics: tuple[Statistic, ...] = ()
    bins: tuple[Bin, ...] = ()
    means: tuple[float, float] | None = None
    standard_deviation: float | None = None


class Example(Part):
    """A value, as text, and the rows that have it; of a missing value, the role."""

    text: str
    rows: int


class Listed(Part):
    """Values that the reference does not know, or that are not there: always told, alarming when there are many.

    Attributes:
        kind: which of the three.
        feature: column name.
        rows: that have one.
        share: of all rows.
        distinct: different unseen names; 0 for the other kinds.
        expected: share to expect without drift: what the reference's newest period brought, or misses.
        threshold: share above which it alarms; ``expected`` and the policy's share.
        chance: of so many, were the true share the threshold.
        adjusted_chance: after Holm's procedure.
        alarm: above the threshold, and with an adjusted chance of at most the alarm rate.
        examples: those with most rows first.
        with_known: for unseen names, feature -> how many of these rows have a value of it that the reference knows.
    """

    kind: ListedKind
    feature: str
    rows: int
    share: Share
    distinct: int
    expected: Share
    threshold: float
    chance: Share
    adjusted_chance: Share
    alarm: bool
    examples: tuple[Example, ...]
    with_known: dict[str, int]


class MarketSignal(Part):
    """A feature with one value per period.

    Attributes:
        feature: column name.
        seen: period -> value, of the reference.
        now: period -> value, of the window.
        outside: whether a value of now lies beyond all those seen, or is a text that was not.
    """

    feature: str
    seen: dict[str, float | str | None]
    now: dict[str, float | str | None]
    outside: bool


class TrendShift(Part):
    """A skill whose trend_score moved since the newest period of the reference.

    Attributes:
        skill: its name.
        before, now: its trend_score.
        roles: that have it in the window.
        examples: some of them.
    """

    skill: str
    before: float
    now: float
    roles: int
    examples: tuple[str, ...]


class Alarm(Part):
    """What alarms in one window. ``severity`` is the policy's; kind and feature name it over windows."""

    kind: AlarmKind
    feature: str
    severity: Severity


class DriftReport(Part):
    """One window compared with the reference of a version.

    Attributes:
        reference_sha256: of the ``ReferenceProfile``.
        policy_sha256: of the ``MonitoringPolicy``.
        reference_periods: periods of the reference, in order.
        periods: of the window, in order.
        rows: of the window.
        roles, skills: different ones in the window.
        same_pairs: pairs whose values then and now were compared, where the window holds those that somebody asked about; None
            where it was compared with the whole reference.
        features: one for each feature, in the reference's order.
        listed: unseen, out of range and missing values; those that are there.
        signals: features with one value per period.
        trend_shifts: the largest first.
        alarms: what is above threshold and chance; not yet asked to persist.
    """

    format: Literal[1] = 1
    reference_sha256: str
    policy_sha256: str
    reference_periods: tuple[str, ...]
    periods: tuple[str, ...]
    rows: int
    roles: int
    skills: int
    same_pairs: int | None = None
    features: tuple[FeatureDrift, ...]
    listed: tuple[Listed, ...]
    signals: tuple[MarketSignal, ...]
    trend_shifts: tuple[TrendShift, ...]
    alarms: tuple[Alarm, ...]

    def feature(self, name: str) -> FeatureDrift:
        """What was found of one feature.

        Raises:
            KeyError: the reference has no such feature.
        """
        for one in self.features:
            if one.feature == name:
                return one
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, document: Any) -> "DriftReport":
        """What ``to_dict`` gave, also after a way through JSON."""
        return cls.model_validate(document)


def persisting(reports: Sequence[DriftReport], persistence: Persistence) -> tuple[Alarm, ...]:
    """The alarms that stand in enough of the last windows.

    Args:
        reports: of successive windows against one reference, oldest first.
        persistence: in how many of how many.

    Returns:
        Each as the newest of these windows that has it tells it; in order of kind and feature.
    """
    recent = reports[-persistence.windows :]
    newest = {(alarm.kind, alarm.feature): alarm for report in recent for alarm in report.alarms}
    times = [(alarm.kind, alarm.feature) for report in recent for alarm in report.alarms]
    return tuple(newest[key] for key in sorted(newest) if times.count(key) >= persistence.alarms)
