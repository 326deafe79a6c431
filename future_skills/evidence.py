"""The evidence for or against a version: both locks, computed on its own test rows.

The written rule is taken to the letter; the second lock asks the statistical questions it leaves out (docs/decisions/0008).
Everything is paired: the version, the one that is live ("champion"), the best one of the last months ("anchor") and
"same as today" are scored on the same rows, and drawn together by the two-way bootstrap of ``bootstrap``.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import norm

from future_skills import schema
from future_skills.bootstrap import (
    EMERGENCE,
    LEVEL_METRICS,
    PRECISIONS,
    PROBABILITY_METRICS,
    SEED,
    Replicates,
    mcnemar_mid_p,
)
from future_skills.evaluation import TestRows, metric_value, rows_scores
from future_skills.gates import (
    Check,
    Evidence,
    Interval,
    Reference,
    ReferenceFacts,
    SampleFacts,
    TestRowsFacts,
    Verdict,
    sample_check,
)
from future_skills.intervals import wilson
from future_skills.manifest import Manifest, Metrics
from future_skills.metrics import Scores, measure
from future_skills.policy import GatePolicy, policy_sha256
from future_skills.targets import targets

SMALLER_IS_BETTER: Final = frozenset({"severe_error_rate", *PROBABILITY_METRICS})
PAIRED: Final = (*LEVEL_METRICS, *PROBABILITY_METRICS, EMERGENCE)
"""What a version must not be worse in, each with its margin."""

POWER: Final = 0.80

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Contender:
    """A version that the judged one is compared with.

    Attributes:
        name: the version.
        model_sha256: of its artifact.
        answers: what it says of the judged version's test rows: ``row_hash`` and the columns of a rows file; None where it
            cannot be scored on them.
        seen: how many of those rows it trained on; None where its training rows are not known.
        refusal: why it cannot be scored, or None.
    """

    name: str
    model_sha256: str
    answers: pl.DataFrame | None
    seen: int | None
    refusal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything a verdict stands on.

    Attributes:
        manifest: of the judged version.
        manifest_sha256: of its file.
        rows: its rows file (``training.rows_frame``).
        policy: what it is judged by.
        champion: the previous version; None for the first one.
        anchor: the best version of the last months, where it is another one than the champion.
        sample: the newest manual validation sample; None where none was drawn.
        uses: how many reports were made on these very test rows before.
    """

    manifest: Manifest
    manifest_sha256: str
    rows: pl.DataFrame
    policy: GatePolicy
    champion: Contender | None = None
    anchor: Contender | None = None
    sample: SampleFacts | None = None
    uses: int = 0


def frozen_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """The test part of a rows file, each identity once, in the order of the dataset."""
    return rows.filter(pl.col("part") == "test").unique("row_hash", keep="first").sort("row")


def seen_rows(rows: pl.DataFrame, test: pl.DataFrame) -> int:
    """How many test rows (of any version) are among the training rows of a rows file."""
    return len(test.join(rows.filter(pl.col("part") == "train"), on="row_hash", how="semi"))


def rows_sha256(test: pl.DataFrame) -> str:
    """Sha256 of the sorted hashes of test rows: the same rows, the same value."""
    return hashlib.sha256(np.sort(test["row_hash"].to_numpy()).astype("<u8").tobytes()).hexdigest()


def judge(case: Case) -> Evidence:
    """The evidence about a version. The same case gives the same evidence."""
    test = frozen_rows(case.rows)
    rows = TestRows.of(test)
    trial = _Trial.of(case, test, rows)
    references = {name: trial.facts(entry) for name, entry in trial.entries.items()}
    seen = seen_rows(case.rows, test) if case.manifest.split.train_rows_known else None
    described = TestRowsFacts(
        sha256=rows_sha256(test),
        kind=case.manifest.split.kind,
        period=case.manifest.split.test_period,
        rows=len(test),
        roles=int(rows.roles.max()) + 1,
        skills=int(rows.skills.max()) + 1,
        uses=case.uses,
    )
    checks = (
        *_written(trial, references, case),
        *_second(trial, references, seen, case),
        *_targets(trial.metrics),
    )
    return Evidence(
        version=case.manifest.version,
        model_sha256=case.manifest.file(".pkl").sha256,
        manifest_sha256=case.manifest_sha256,
        dataset_sha256=case.manifest.dataset.sha256,
        policy_sha256=policy_sha256(case.policy),
        policy=case.policy,
        test=described,
        metrics=trial.metrics,
        intervals={metric: trial.own(metric) for metric in (*PAIRED, *PRECISIONS.values())},
        seen=seen,
        references=references,
        sample=case.sample,
        checks=checks,
    )


# --- Everybody on the same rows, drawn together -----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Entry:
    """A reference on its rows: ``kept`` of the test rows; ``drawn`` holds the version at 0 and the reference at ``place``."""

    name: str
    model_sha256: str | None = None
    seen: int | None = 0
    refusal: str | None = None
    scores: Scores | None = None
    kept: Bools = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    drawn: Replicates | None = None
    place: int = 1


@dataclass(frozen=True, slots=True)
class _Trial:
    """The version and its references, measured and drawn."""

    rows: TestRows
    scores: Scores
    metrics: Metrics
    drawn: Replicates
    entries: Mapping[Reference, _Entry]
    policy: GatePolicy

    @classmethod
    def of(cls, case: Case, test: pl.DataFrame, rows: TestRows) -> "_Trial":
        scores = rows_scores(test)
        everything = np.ones(len(test), dtype=np.bool_)
        versions = {name: (one, _aligned(one, test)) for name, one in _contenders(case)}
        together = [scores, *(said for _, said in versions.values() if said is not None)]
        drawn = _draws(rows, together, case.policy)
        entries: dict[Reference, _Entry] = {}
        place = 0
        for name, (one, said) in versions.items():
            place += said is not None
            entries[name] = _Entry(
                one.name, one.model_sha256, one.seen, one.refusal, said, everything, drawn if said else None, place
            )
        entries["persistence"] = _persistence(rows, scores, case.policy)
        return cls(rows, scores, measure(rows.truth, scores, rows.current), drawn, entries, case.policy)

    def own(self, metric: str) -> Interval:
        """The version's own value of a metric, with its interval."""
        ends = self.drawn.own_interval(metric, 0, confidence=self.policy.second_lock.confidence)
        return _interval(_value(self.metrics, metric), ends)

    def facts(self, entry: _Entry) -> ReferenceFacts:
        """What the report says of a reference."""
        if entry.scores is None or entry.drawn is None:
            return ReferenceFacts(
                name=entry.name, model_sha256=entry.model_sha256, seen=entry.seen, refusal=entry.refusal
            )
        rows, mine = self.rows.where(entry.kept), _kept(self.scores, entry.kept)
        theirs = _kept(entry.scores, entry.kept)
        my_metrics, metrics = measure(rows.truth, mine, rows.current), measure(rows.truth, theirs, rows.current)
        right, other = mine.predicted == rows.truth, theirs.predicted == rows.truth
        worse, better = int(np.sum(other & ~right)), int(np.sum(right & ~other))
        lost = entry.drawn.differences("accuracy", 0, entry.place)
        margin = self.policy.second_lock.margins.accuracy
        return ReferenceFacts(
            name=entry.name,
            model_sha256=entry.model_sha256,
            rows=len(rows.truth),
            seen=entry.seen,
            metrics=metrics,
            differences={
                metric: _interval(
                    _minus(_value(my_metrics, metric), _value(metrics, metric)),
                    entry.drawn.interval(metric, 0, entry.place, confidence=self.policy.second_lock.confidence),
                )
                for metric in PAIRED
            },
            reference_only_right=worse,
            version_only_right=better,
            mcnemar_p=mcnemar_mid_p(worse, better),
            chance=float(np.mean(lost > -margin)) if len(lost) else None,
            rows_needed=rows_needed(
                discordant=(worse + better) / len(rows.truth),
                rows=len(rows.truth),
                clustered_variance=float(lost.var()) if len(lost) else 0.0,
                margin=margin,
                confidence=self.policy.second_lock.confidence,
            ),
        )


def _contenders(case: Case) -> Iterator[tuple[Reference, Contender]]:
    if case.champion is not None:
        yield "champion", case.champion
    if case.anchor is not None:
        yield "anchor", case.anchor


def _aligned(contender: Contender, test: pl.DataFrame) -> Scores | None:
    """The contender's answers in the order of the test rows; None where it has none."""
    if contender.answers is None:
        return None
    answers = contender.answers.unique("row_hash", keep="first")
    return rows_scores(test.select("row_hash").join(answers, on="row_hash", how="left", maintain_order="left"))


def _persistence(rows: TestRows, scores: Scores, policy: GatePolicy) -> _Entry:
    """What "same as today" says, on the rows whose level now is known: drawn apart, for these may be fewer."""
    known = rows.current >= 0
    if not known.any():
        return _Entry("persistence", refusal="the level now is known for no test row")
    today = Scores(np.where(known, rows.current, 0), None)
    part = [_kept(scores, known), _kept(today, known)]
    return _Entry("persistence", scores=today, kept=known, drawn=_draws(rows.where(known), part, policy))


def _draws(rows: TestRows, scores: Sequence[Scores], policy: GatePolicy) -> Replicates:
    """Every model drawn together; the metrics of probabilities where all of them give some."""
    ranked = all(one.probabilities is not None for one in scores)
    return rows.replicates(scores, draws=policy.second_lock.draws, seed=SEED, probability_metrics=ranked)


def _kept(scores: Scores, kept: Bools) -> Scores:
    probabilities = scores.probabilities
    return Scores(scores.predicted[kept], None if probabilities is None else probabilities[kept])


def rows_needed(
    *, discordant: float, rows: int, clustered_variance: float, margin: float, confidence: float
) -> int | None:
    """Test rows for 80 % power to show non-inferiority of an equal version, clusters included.

    n = (z(confidence) + z(power))² x discordant / margin², times the design effect: the clustered variance of the difference
    over discordant / rows, the one of independent rows (Liu, Hsueh, Hsieh and Chen 2002, *Tests for equivalence or
    non-inferiority for paired binary data*, Statistics in Medicine 21, 231-245).

    Args:
        discordant: share of rows that only one of the two gets right.
        rows: how many rows there are.
        clustered_variance: of the paired difference of accuracy, from the two-way bootstrap.
        margin: of non-inferiority.
        confidence: of the two-sided interval.

    Returns:
        None where nothing differs, or the margin is zero.
    """
    if discordant == 0 or margin == 0:
        return None
    reach = norm.ppf((1 + confidence) / 2) + norm.ppf(POWER)
    effect = max(1.0, clustered_variance / (discordant / rows))
    return int(np.ceil(reach**2 * discordant / margin**2 * effect))


# --- The written rule -------------------------------------------------------------------------------------------------------
def _written(trial: _Trial, references: Mapping[Reference, ReferenceFacts], case: Case) -> Iterator[Check]:
    yield _better_than_previous(trial, references, case)
    for level, words in trial.metrics.per_class.items():
        predicted = int(np.sum(trial.scores.predicted == schema.LEVEL_RANK[level]))
        required = case.policy.written_rule.minimum_precision
        verdict = Verdict.PROMOTABLE if words.precision >= required else Verdict.REFUSED
        yield Check(
            key=f"precision.{level}",
            lock="written",
            verdict=verdict if predicted else Verdict.INCONCLUSIVE,
            observed=words.precision if predicted else None,
            required=required,
            facts={"level": level, "predicted": predicted},
        )
    yield sample_check(case.sample, case.policy.sample)


def _better_than_previous(trial: _Trial, references: Mapping[Reference, ReferenceFacts], case: Case) -> Check:
    """Accuracy >= the previous version's, or weighted F1 gain above the rule's; the first version meets the baselines."""
    needed = case.policy.written_rule.f1_weighted_gain
    champion = references.get("champion")
    if champion is not None:
        name, other = champion.name, champion.metrics
    else:
        baselines = case.manifest.baselines
        name, other = max(
            (("rules", baselines.rules), ("majority", baselines.majority)),
            key=lambda pair: pair[1].accuracy if pair[1] else -1,
        )
    facts = {"reference": name, "first": int(champion is None), "gain_required": needed, "rows": len(trial.rows.truth)}
    if other is None:
        refusal = champion.refusal if champion else None
        return Check(
            key="previous",
            lock="written",
            verdict=Verdict.INCONCLUSIVE,
            facts={**facts, "gain": None, "refusal": refusal},
        )
    gain = trial.metrics.f1_weighted - other.f1_weighted
    met = trial.metrics.accuracy >= other.accuracy or gain > needed
    return Check(
        key="previous",
        lock="written",
        verdict=Verdict.PROMOTABLE if met else Verdict.REFUSED,
        observed=trial.metrics.accuracy,
        required=other.accuracy,
        facts={**facts, "gain": gain},
    )


# --- The second lock --------------------------------------------------------------------------------------------------------
def _second(
    trial: _Trial, references: Mapping[Reference, ReferenceFacts], seen: int | None, case: Case
) -> Iterator[Check]:
    yield _later(case.manifest)
    yield _unseen(references, seen, case.manifest)
    for reference, facts in references.items():
        yield from _not_worse(reference, facts, case.policy)
    if "champion" not in references:
        yield _better_than_chance(trial)
    for level in schema.LEVELS:
        yield _floor(trial, level, case.policy)


def _later(manifest: Manifest) -> Check:
    """Whether the test rows are later than the training rows, as what is predicted will be."""
    later = manifest.split.kind == "time"
    return Check(
        key="later_rows",
        lock="second",
        verdict=Verdict.PROMOTABLE if later else Verdict.INCONCLUSIVE,
        observed=manifest.split.test_period or manifest.split.kind,
        required="time",
    )


def _unseen(references: Mapping[Reference, ReferenceFacts], seen: int | None, manifest: Manifest) -> Check:
    """Whether nobody trained on the test rows: counted by row hashes, and named."""
    counts = {manifest.version: seen} | {r.name: r.seen for r in references.values()}
    unknown = sorted(name for name, count in counts.items() if count is None)
    most = max(count or 0 for count in counts.values())
    return Check(
        key="unseen_rows",
        lock="second",
        verdict=Verdict.INCONCLUSIVE if most or unknown else Verdict.PROMOTABLE,
        observed=most,
        required=0,
        facts={
            "names": ", ".join(f"{name}: {count}" for name, count in counts.items() if count) or None,
            "unknown": ", ".join(unknown) or None,
        },
    )


def _not_worse(reference: Reference, facts: ReferenceFacts, policy: GatePolicy) -> Iterator[Check]:
    """Non-inferiority in every metric: the interval of the paired difference against minus the margin."""
    if facts.metrics is None:
        yield Check(
            key=f"comparable.{reference}",
            lock="second",
            verdict=Verdict.INCONCLUSIVE,
            facts={"reference": reference, "name": facts.name, "refusal": facts.refusal},
        )
        return
    for metric in PAIRED:
        difference = facts.differences[metric]
        if reference == "persistence" and (metric == EMERGENCE or difference.value is None):
            continue  # it ranks nothing and gives no probabilities
        margin: float = getattr(policy.second_lock.margins, metric)
        yield Check(
            key=f"not_worse.{metric}.{reference}",
            lock="second",
            verdict=_non_inferior(difference, margin, smaller=metric in SMALLER_IS_BETTER),
            observed=difference.value,
            required=margin if metric in SMALLER_IS_BETTER else -margin,
            facts={
                "metric": metric,
                "reference": reference,
                "name": facts.name,
                "low": difference.low,
                "high": difference.high,
                "rows": facts.rows,
                "chance": facts.chance if metric == "accuracy" else None,
                "rows_needed": facts.rows_needed if metric == "accuracy" else None,
            },
        )


def _non_inferior(difference: Interval, margin: float, *, smaller: bool) -> Verdict:
    if difference.low is None or difference.high is None:
        return Verdict.INCONCLUSIVE
    low, high = (-difference.high, -difference.low) if smaller else (difference.low, difference.high)
    if low > -margin:
        return Verdict.PROMOTABLE
    return Verdict.REFUSED if high < -margin else Verdict.INCONCLUSIVE


def _better_than_chance(trial: _Trial) -> Check:
    """For a first version: whether what it ranks highest becomes HIGH more often than what is drawn by chance."""
    emergence, interval = trial.metrics.emergence, trial.own(EMERGENCE)
    base = emergence.base_rate if emergence else None
    verdict = Verdict.INCONCLUSIVE
    if base is not None and interval.low is not None and interval.high is not None:
        if interval.low > base:
            verdict = Verdict.PROMOTABLE
        elif interval.high < base:
            verdict = Verdict.REFUSED
    return Check(
        key="emergence",
        lock="second",
        verdict=verdict,
        observed=interval.value,
        required=base,
        facts={
            "low": interval.low,
            "high": interval.high,
            "emerged": emergence.emerged if emergence else None,
            "lift": emergence.lift if emergence else None,
        },
    )


def _floor(trial: _Trial, level: str, policy: GatePolicy) -> Check:
    """The written floor of precision, by the lower end of an interval that knows the clusters.

    Wilson's interval on n / design effect predictions; the design effect is the variance of the precision in the two-way
    bootstrap over that of independent rows.
    """
    predicted = trial.scores.predicted == schema.LEVEL_RANK[level]
    n, required = int(predicted.sum()), policy.written_rule.minimum_precision
    facts: dict[str, float | int | str | None] = {
        "level": level,
        "predicted": n,
        "minimum": policy.second_lock.minimum_predictions,
    }
    if n == 0:
        return Check(key=f"floor.{level}", lock="second", verdict=Verdict.INCONCLUSIVE, required=required, facts=facts)
    right = float(np.mean(trial.rows.truth[predicted] == trial.scores.predicted[predicted]))
    draws = trial.drawn.values[PRECISIONS[level]][0]
    independent = right * (1 - right) / n
    effect = max(1.0, float(np.nanvar(draws)) / independent) if independent else 1.0
    low, high = wilson(right, n / effect, confidence=policy.second_lock.confidence)
    verdict = Verdict.INCONCLUSIVE
    if high < required:
        verdict = Verdict.REFUSED
    elif low >= required and n >= policy.second_lock.minimum_predictions:
        verdict = Verdict.PROMOTABLE
    return Check(
        key=f"floor.{level}",
        lock="second",
        verdict=verdict,
        observed=right,
        required=required,
        facts={**facts, "low": low, "high": high, "n_effective": n / effect},
    )


def _targets(metrics: Metrics) -> Iterator[Check]:
    for target in targets(metrics):
        yield Check(
            key=f"target.{target.measure}" + (f".{target.level}" if target.level else ""),
            lock="target",
            verdict=Verdict.PROMOTABLE if target.met else Verdict.REFUSED,
            observed=target.observed,
            required=target.required,
            facts={"measure": target.measure, "level": target.level},
        )


# --- Values -----------------------------------------------------------------------------------------------------------------
def _value(metrics: Metrics, metric: str) -> float | None:
    for level, name in PRECISIONS.items():
        if metric == name:
            return metrics.per_class[level].precision  # type: ignore[index]  # the three levels are its keys
    if metric in PROBABILITY_METRICS:
        found: float | None = getattr(metrics, metric)
        return found
    return metric_value(metrics, metric)


def _minus(mine: float | None, theirs: float | None) -> float | None:
    return None if mine is None or theirs is None else mine - theirs


def _interval(value: float | None, ends: tuple[float, float] | None) -> Interval:
    """Plus zero: no database keeps minus zero."""
    if value is None or ends is None:
        return Interval(value=value, low=None, high=None)
    return Interval(value=value + 0.0, low=ends[0] + 0.0, high=ends[1] + 0.0)
