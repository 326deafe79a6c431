"""Whether what a version reads, and what it says, is distributed as it was: one window compared with its reference.

An alarm needs an effect that matters (the policy's threshold), that chance does not explain (Holm's procedure over all features
and statistics of the window keeps its rate of false alarms), and that the reference's own periods do not show. What the tests
are: ``drift_null``; what an independent fact is: ``drift_units``. A pure function of two descriptions of rows and a policy;
docs/decisions/0018.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import polars as pl
from scipy.special import betainc

from future_skills import schema
from future_skills.drift_null import Counts, Null, adjusted, effects, holm, null_distributions, size
from future_skills.drift_profile import (
    CONFIDENCE,
    PREDICTED,
    AnyReference,
    CategoricalReference,
    MarketReference,
    NameReference,
    NumericReference,
    ReferenceProfile,
    Sample,
    build_reference,
    comparable,
    trend_by_skill,
    values_by_period,
)
from future_skills.drift_report import (
    Alarm,
    Bin,
    DriftReport,
    Example,
    FeatureDrift,
    Listed,
    ListedKind,
    MarketSignal,
    Reason,
    Statistic,
    TrendShift,
    Verdict,
)
from future_skills.drift_units import Units, design_effect, key_codes, units_of
from future_skills.errors import NotEnoughDataError, translatable
from future_skills.monitoring_policy import AlarmKind, DriftPolicy, MonitoringPolicy, StatisticName
from future_skills.profile import LEVEL_KEYS, PAIR

EXAMPLES: Final = 5
"""Examples given of a listed finding, and of the roles that a shift touches."""

SHIFTS: Final = 10
"""Skills named whose trend_score moved."""

LEAST_SHIFT: Final = 0.05
"""Smallest move of a trend_score (0 to 1) that is named."""

_SAID: Final[dict[str, AlarmKind]] = {PREDICTED: "prediction_drift", CONFIDENCE: "confidence_shift"}


def compare(
    reference: ReferenceProfile,
    window: pl.DataFrame,
    policy: MonitoringPolicy,
    *,
    same_pairs: pl.DataFrame | None = None,
) -> DriftReport:
    """Compare the rows of a window with what a version stands on.

    Whoever asks about some pairs does not draw them at random: common skills are asked about more often, and differ from the
    others. With ``same_pairs`` the distributions are those of the same pairs, then and now; what is listed, out of the range or
    moved by the market is still told against the whole reference.

    Args:
        reference: of the version.
        window: period, role, skill and the reference's features, one row per pair or several; what the version said of them
            (``level``, ``confidence``) is compared where both have it.
        policy: thresholds, sizes and rates.
        same_pairs: the rows of the reference about pairs of the window, as ``build_reference`` takes them; may be empty. None
            for a window that holds every pair.

    Raises:
        MissingColumnsError: a feature is missing.
        NotEnoughDataError: there is no row.
    """
    asked = [one for one in reference.features if one.feature not in _SAID or one.feature in window.columns]
    window = comparable(window, (*schema.SNAPSHOT_KEY, *(one.feature for one in asked)), name="window")
    if window.is_empty():
        raise NotEnoughDataError(translatable("The window has no rows: there is nothing to compare."))
    keys = key_codes(window)
    units = {level: units_of(window, keys, level) for level in sorted({one.level for one in asked})}
    if same_pairs is None:
        comparisons = [_compared(one, window, units[one.level], reference, policy.drift) for one in asked]
    else:
        comparisons = _compared_alike(asked, window, reference, same_pairs, policy.drift)
    findings = [found for one in asked for found in _findings(one, window, units[one.level], reference, policy.drift)]
    _adjust(comparisons, findings, policy.drift)
    listed = tuple(finding.listed(policy.drift) for finding in findings if finding.rows)
    features = tuple(_feature(comparison, listed, policy.drift) for comparison in comparisons)
    return DriftReport(
        reference_sha256=reference.sha256,
        policy_sha256=policy.sha256,
        reference_periods=reference.periods,
        periods=tuple(window[schema.PERIOD].drop_nulls().unique().sort()),
        rows=window.height,
        roles=window[schema.ROLE].n_unique(),
        skills=window[schema.SKILL].n_unique(),
        same_pairs=None if same_pairs is None else same_pairs.n_unique(LEVEL_KEYS[PAIR]),
        features=features,
        listed=listed,
        signals=tuple(_signal(one, window) for one in asked if isinstance(one, MarketReference)),
        trend_shifts=_trend_shifts(reference.trend, window),
        alarms=_alarms(features, listed, policy),
    )


# --- Distributions --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Test:
    """One test of the window. ``chance`` is that of the effect without drift; the rest comes from all tests together."""

    chance: float
    adjusted: float = 1.0
    level: float = 0.0

    def rejected(self, policy: DriftPolicy) -> bool:
        """Whether chance alone does not explain the effect."""
        return self.adjusted <= policy.alarm_rate


@dataclass(slots=True)
class _Comparison:
    """A feature on its way into the report; ``tests`` is empty where nothing could be compared, and ``reason`` says why."""

    reference: AnyReference
    common: dict[str, Any]
    reason: Reason | None
    effects: Mapping[StatisticName, float]
    nulls: Mapping[StatisticName, Null]
    tests: Mapping[StatisticName, _Test]


def _compared(
    reference: AnyReference, window: pl.DataFrame, units: Units, profile: ReferenceProfile, policy: DriftPolicy
) -> _Comparison:
    """Measure one feature; all chances are still those of one test alone."""
    if isinstance(reference, MarketReference | NameReference):
        return _Comparison(reference, {}, _incomparable(reference), {}, {}, {})
    values = window[reference.feature]
    known = values.is_not_null()
    counted = float(units.weights[known.to_numpy()].sum())
    if counted == 0:
        return _Comparison(reference, {"units": (reference.units, 0.0)}, "no_value", {}, {}, {})
    sample = reference.sample(values, units.weights)
    facts = _numeric_facts(reference, sample) if isinstance(reference, NumericReference) else _bars(reference, sample)
    both = (reference.units, counted)
    effect = design_effect(reference.shares, profile.clusters.get(reference.level, {}), units.clusters, units=both)
    independent = (both[0] / effect, both[1] / effect)
    rounded = tuple(round(one, 1) for one in both), tuple(round(one, 1) for one in independent)
    common = {"units": rounded[0], "independent": rounded[1], **facts}
    if min(independent) < policy.minimum_units:
        few: Reason = "few_units_now" if independent[1] < policy.minimum_units else "few_units_before"
        return _Comparison(reference, common, few, {}, {}, {})
    sizes = size(independent[0]), size(independent[1])
    scaled = [
        counts * (n / counts.sum()) for counts, n in zip((reference.total(), sample.counts), independent, strict=True)
    ]
    bins = reference.bins()
    measured = {name: float(value) for name, value in effects(bins, *scaled, beyond=sample.beyond).items()}
    nulls = null_distributions(bins, *sizes, policy.draws)
    tests = {name: _Test(nulls[name].chance(value)) for name, value in measured.items()}
    return _Comparison(reference, common, None, measured, nulls, tests)


def _compared_alike(
    asked: Sequence[AnyReference],
    window: pl.DataFrame,
    whole: ReferenceProfile,
    same_pairs: pl.DataFrame,
    policy: DriftPolicy,
) -> list[_Comparison]:
    """Measure each feature on the pairs that both sides have."""
    alike: dict[str, AnyReference] = {}
    units: dict[str, Units] = {}
    profile = whole
    if not same_pairs.is_empty():
        levels = {one.feature: one.level for one in whole.features if one.feature not in _SAID}
        profile = build_reference(same_pairs, features=list(levels), levels=levels)
        alike = {one.feature: one for one in profile.features}
        window = window.join(same_pairs, on=LEVEL_KEYS[PAIR], how="semi")
        keys = key_codes(window)
        units = {level: units_of(window, keys, level) for level in {one.level for one in asked}}
    found: list[_Comparison] = []
    for one in asked:
        same = alike.get(one.feature)
        if same is not None and same.kind == one.kind:
            found.append(_compared(same, window, units[one.level], profile, policy))
        else:  # no row of these pairs had a value
            found.append(_Comparison(one, {}, _incomparable(one) or "few_units_before", {}, {}, {}))
    return found


def _incomparable(reference: AnyReference) -> Reason | None:
    """Why a feature has no distribution at all; None where it has one."""
    if isinstance(reference, MarketReference):
        return "one_value_per_period"
    return "names" if isinstance(reference, NameReference) else None


def _numeric_facts(reference: NumericReference, sample: Sample) -> dict[str, Any]:
    """Bars, means and deviation of a number, for the report."""
    bins = reference.bins()
    shares = (_shares(bins.psi_counts(counts)) for counts in (reference.total(), sample.counts))
    ends = pairwise(reference.edges[start] for start in (*reference.coarse(), len(reference.counts)))
    bars = tuple(
        Bin(low=low, high=high, before=before, now=now) for (low, high), before, now in zip(ends, *shares, strict=True)
    )
    return {
        "bins": bars,
        "means": (reference.mean, sample.mean),
        "standard_deviation": reference.standard_deviation,
    }


def _bars(reference: CategoricalReference, sample: Sample) -> dict[str, Any]:
    """Bars of the categories for the report; the pooled one is left out where nothing is in it."""
    shares = (_shares(counts) for counts in (reference.total(), sample.counts))
    bars = [
        Bin(category=name, before=before, now=now)
        for name, before, now in zip(reference.names, *shares, strict=True)
        if name is not None or before + now > 0
    ]
    return {"bins": tuple(bars)}


def _shares(counts: Counts) -> list[float]:
    return [float(share) for share in (counts / counts.sum()).round(9)]


# --- What is always listed ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Finding:
    """A listed finding on its way into the report."""

    kind: ListedKind
    feature: str
    rows: int
    share: float
    expected: float
    threshold: float
    test: _Test
    distinct: int
    examples: tuple[Example, ...]
    with_known: dict[str, int]

    def listed(self, policy: DriftPolicy) -> Listed:
        return Listed(
            kind=self.kind,
            feature=self.feature,
            rows=self.rows,
            share=self.share,
            distinct=self.distinct,
            expected=self.expected,
            threshold=self.threshold,
            chance=self.test.chance,
            adjusted_chance=self.test.adjusted,
            alarm=self.share > self.threshold and self.test.rejected(policy),
            examples=self.examples,
            with_known=self.with_known,
        )


def _findings(
    reference: AnyReference, window: pl.DataFrame, units: Units, profile: ReferenceProfile, policy: DriftPolicy
) -> list[_Finding]:
    """The listed findings of one feature; those without any row are tests too."""
    values = window[reference.feature]
    roles = window[schema.ROLE]
    missing = values.is_null()
    found = [_finding("missing", reference, missing, reference.missing, units, policy, named=roles)]
    if isinstance(reference, NumericReference) and reference.feature not in _SAID:
        beyond = ((values < reference.minimum) | (values > reference.maximum)).fill_null(value=False)
        expected = 2 / (reference.units + 1)  # chance that one more value is the smallest or the largest of all
        found.append(_finding("out_of_range", reference, beyond, min(1.0, expected), units, policy, named=values))
    if isinstance(reference, NameReference | CategoricalReference):
        unseen = _unseen(values, reference.counts)
        expected = reference.expected_unseen if isinstance(reference, NameReference) else 0.0
        one = _finding("unseen", reference, unseen, expected, units, policy, named=values)
        if one.rows:
            one.distinct = values.filter(unseen).n_unique()
            one.with_known = _known_otherwise(window.filter(unseen), reference.feature, profile)
        found.append(one)
    return found


def _unseen(values: pl.Series, counts: Mapping[str, float]) -> pl.Series:
    names = values.drop_nulls().unique()
    new = names.filter(~names.is_in(list(counts)))
    if new.is_empty():
        return pl.repeat(value=False, n=len(values), eager=True)
    return values.is_in(new.implode()).fill_null(value=False)


def _known_otherwise(rows: pl.DataFrame, feature: str, profile: ReferenceProfile) -> dict[str, int]:
    """Feature -> how many of the rows have a name or a category of it that the reference knows; itself left out."""
    others = [
        one
        for one in profile.features
        if isinstance(one, NameReference | CategoricalReference) and one.feature != feature and one.feature not in _SAID
    ]
    return {one.feature: int(rows[one.feature].drop_nulls().is_in(list(one.counts)).sum()) for one in others}


def _finding(
    kind: ListedKind,
    reference: AnyReference,
    concerned: pl.Series,
    expected: float,
    units: Units,
    policy: DriftPolicy,
    *,
    named: pl.Series,
) -> _Finding:
    """Count rows, and say with which chance there would be as many were the true share the threshold."""
    rows = int(concerned.sum())
    share = rows / len(concerned)
    threshold = expected + float(getattr(policy.shares, kind))
    n = units.effective_rows
    reached = share * n
    chance = 1.0 if rows == 0 or threshold >= 1 else float(betainc(reached, max(n - reached, 0.0) + 1, threshold))
    examples: tuple[Example, ...] = ()
    if rows:
        counts = named.filter(concerned).cast(pl.String).value_counts(name="rows").drop_nulls()
        commonest = counts.sort("rows", named.name, descending=[True, False]).head(EXAMPLES)
        examples = tuple(Example(text=text, rows=count) for text, count in commonest.iter_rows())
    return _Finding(
        kind=kind,
        feature=reference.feature,
        rows=rows,
        share=share,
        expected=expected,
        threshold=threshold,
        test=_Test(chance),
        distinct=0,
        examples=examples,
        with_known={},
    )


# --- All tests together ---------------------------------------------------------------------------------------------------


def _adjust(comparisons: Sequence[_Comparison], findings: Sequence[_Finding], policy: DriftPolicy) -> None:
    """Give every test its adjusted chance, and the chance that Holm's procedure leaves it."""
    tests = [test for comparison in comparisons for test in comparison.tests.values()]
    tests += [finding.test for finding in findings]
    chances = [test.chance for test in tests]
    for test, chance, factor in zip(tests, adjusted(chances), holm(chances), strict=True):
        test.adjusted = chance
        test.level = policy.alarm_rate / factor


def _feature(comparison: _Comparison, listed: Sequence[Listed], policy: DriftPolicy) -> FeatureDrift:
    usual = getattr(comparison.reference, "usual", {})
    distance = comparison.tests.get("wasserstein")
    statistics = tuple(
        Statistic(
            name=name,
            effect=effect,
            threshold=policy.thresholds.of(name),
            usual=usual.get(name, 0.0),
            null_quantile=comparison.nulls[name].quantile(comparison.tests[name].level),
            chance=comparison.tests[name].chance,
            adjusted_chance=comparison.tests[name].adjusted,
            # Values that many rows share may cross the edge of a bin by a rounding: the PSI is large, the distance is not.
            alarm=effect > max(policy.thresholds.of(name), usual.get(name, 0.0))
            and all(test.rejected(policy) for test in (comparison.tests[name], distance) if test is not None),
        )
        for name, effect in comparison.effects.items()
    )
    reference = comparison.reference
    verdict, reason = _verdict(comparison.reason, statistics, _has_unseen_alarm(reference.feature, listed))
    return FeatureDrift(
        feature=reference.feature,
        kind=reference.kind,
        level=reference.level,
        verdict=verdict,
        reason=reason,
        statistics=statistics,
        **comparison.common,
    )


def _has_unseen_alarm(feature: str, listed: Sequence[Listed]) -> bool:
    return any(one.feature == feature and one.kind == "unseen" and one.alarm for one in listed)


def _verdict(reason: Reason | None, statistics: Sequence[Statistic], unseen_alarm: bool) -> tuple[Verdict, Reason]:
    if reason == "names":
        return ("drift", "unseen_names") if unseen_alarm else ("quiet", "names")
    if reason is not None:
        return ("market_signal" if reason == "one_value_per_period" else "insufficient_sample"), reason
    if any(one.alarm for one in statistics):
        return "drift", "beyond"
    above = [one for one in statistics if one.effect > one.threshold]
    usual = any(one.null_quantile < one.effect <= one.usual for one in above)
    return "quiet", "usual" if usual else "chance" if above else "small"


def _alarms(features: Sequence[FeatureDrift], listed: Sequence[Listed], policy: MonitoringPolicy) -> tuple[Alarm, ...]:
    found: list[tuple[AlarmKind, str]] = [
        (_SAID.get(one.feature, "data_drift"), one.feature) for one in features if one.reason == "beyond"
    ]
    found += [(one.kind, one.feature) for one in listed if one.alarm]
    return tuple(Alarm(kind=kind, feature=feature, severity=getattr(policy.severity, kind)) for kind, feature in found)


# --- The market -----------------------------------------------------------------------------------------------------------


def _signal(reference: MarketReference, window: pl.DataFrame) -> MarketSignal:
    now = values_by_period(window, reference.feature)
    seen = [value for value in reference.values.values() if value is not None]
    numbers = [value for value in seen if isinstance(value, float)]
    outside = any(
        not min(numbers) <= value <= max(numbers) if numbers and isinstance(value, float) else value not in seen
        for value in now.values()
        if value is not None
    )
    return MarketSignal(feature=reference.feature, seen=reference.values, now=now, outside=bool(seen) and outside)


def _trend_shifts(before: Mapping[str, float], window: pl.DataFrame) -> tuple[TrendShift, ...]:
    """The skills whose trend_score moved most since the reference's newest period, by the window's newest.

    A move counts once for each role that it touches: a skill that a second role lists has doubled, and nobody else cares.
    """
    if not before or "trend_score" not in window.columns:
        return ()
    newest = window.filter(pl.col(schema.PERIOD) == pl.col(schema.PERIOD).max())
    now = trend_by_skill(newest)
    moved = {skill: now[skill] - before[skill] for skill in now.keys() & before.keys()}
    named = [skill for skill in moved if abs(moved[skill]) >= LEAST_SHIFT]
    touched = newest.filter(pl.col(schema.SKILL).is_in(named)).select(schema.SKILL, schema.ROLE).unique()
    roles: dict[str, list[str]] = {}
    for skill, role in touched.sort(schema.SKILL, schema.ROLE).iter_rows():
        roles.setdefault(skill, []).append(role)
    largest = sorted(named, key=lambda skill: (-abs(moved[skill]) * len(roles[skill]), skill))[:SHIFTS]
    return tuple(
        TrendShift(
            skill=skill,
            before=before[skill],
            now=now[skill],
            roles=len(roles[skill]),
            examples=tuple(roles[skill][:EXAMPLES]),
        )
        for skill in largest
    )
