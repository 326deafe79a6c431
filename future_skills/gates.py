"""Promotion criteria: what a check is, how verdicts combine, and the frozen report they stand in.

These words stand apart from what computes them (``evidence``), so that pages, lists and commands can speak of a verdict
without loading scikit-learn. The sentences people read are in ``gate_text``.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from future_skills.manifest import Metrics, Part, Sha256
from future_skills.policy import GatePolicy, SamplePolicy, WorksCouncilPolicy, canonical_json


class Verdict(StrEnum):
    """What a check, or all of them together, says."""

    PROMOTABLE = "promotable"
    INCONCLUSIVE = "inconclusive"
    REFUSED = "refused"
    WAITING = "waiting"


_BINDING: Final = (Verdict.REFUSED, Verdict.INCONCLUSIVE, Verdict.WAITING, Verdict.PROMOTABLE)
"""Of several verdicts, the first of these that is there counts."""

Lock = Literal["written", "second", "people", "target"]
"""Whose check it is: the written rule, the statistical second lock, what people decide, a target (which blocks nothing)."""

Value = float | int | str | None


class Check(Part):
    """One criterion, what was observed and what was required.

    Attributes:
        key: names the criterion and, after a dot, what it is about: ``precision.HIGH``, ``not_worse.accuracy.v1``.
        lock: see ``Lock``.
        verdict: of this check; for a target, PROMOTABLE is "met" and REFUSED "not met".
        observed: what was observed; None where it could not be.
        required: what ``observed`` is compared with.
        facts: everything else that the sentence says.
    """

    key: str
    lock: Lock
    verdict: Verdict
    observed: Value = None
    required: Value = None
    facts: dict[str, Value] = {}

    @property
    def kind(self) -> str:
        """The criterion, without what it is about."""
        return self.key.partition(".")[0]


def combined(checks: Iterable[Check], *, second_lock: bool = True) -> Verdict:
    """The verdict of several checks: refused beats inconclusive, which beats waiting; targets do not count.

    Args:
        checks: any number; none is PROMOTABLE.
        second_lock: whether the checks of the second lock count; a person may have lifted it.
    """
    left_out = {"target"} if second_lock else {"target", "second"}
    found = {check.verdict for check in checks if check.lock not in left_out}
    return next((verdict for verdict in _BINDING if verdict in found), Verdict.PROMOTABLE)


def failing(checks: Iterable[Check], *, second_lock: bool = True) -> tuple[Check, ...]:
    """The checks that keep a version from production, the most binding first."""
    left_out = {"target"} if second_lock else {"target", "second"}
    kept = [c for c in checks if c.lock not in left_out and c.verdict is not Verdict.PROMOTABLE]
    return tuple(sorted(kept, key=lambda check: _BINDING.index(check.verdict)))


# --- The manual validation sample ---------------------------------------------------------------------------------------
class Agreement(Part):
    """A share of rows on which two agree, with its Wilson interval on ``n_effective`` rows."""

    estimate: Annotated[float, Field(ge=0, le=1)]
    low: Annotated[float, Field(ge=0, le=1)]
    high: Annotated[float, Field(ge=0, le=1)]
    n_effective: Annotated[float, Field(gt=0)]


class SampleFacts(Part):
    """What the report says of the sample; ``agreement`` is None while it is open, or where nobody could judge a row.

    Attributes:
        sample: its number.
        drawn: how many samples were drawn for the version, this one included: drawing again until one pleases shows.
        size: rows drawn.
        complete: whether every row has its labels.
        labelled: rows whose need at least one reviewer could judge; 0 while it is open.
        result_sha256: of the whole result; None while it is open.
    """

    sample: int
    drawn: int
    size: int
    complete: bool
    labelled: int = 0
    agreement: Agreement | None = None
    result_sha256: Sha256 | None = None


def sample_check(sample: SampleFacts | None, policy: SamplePolicy) -> Check:
    """Whether people who did not see the predictions agree with them enough (the written rule's manual validation)."""
    verdict = Verdict.WAITING
    facts: dict[str, Value] = {"minimum_size": policy.minimum_size, "state": "none"}
    if sample is not None:
        facts |= {"state": "open", "drawn": sample.drawn, "size": sample.size, "labelled": sample.labelled}
    if sample is not None and sample.complete:
        verdict, facts["state"] = Verdict.INCONCLUSIVE, "too_small"
        if sample.agreement is not None and sample.labelled >= policy.minimum_size:
            enough = sample.agreement.low >= policy.minimum_agreement
            verdict = Verdict.PROMOTABLE if enough else Verdict.INCONCLUSIVE
            facts |= {"state": "complete", "low": sample.agreement.low, "high": sample.agreement.high}
    agreement = sample.agreement.estimate if sample and sample.agreement else None
    return Check(
        key="sample",
        lock="written",
        verdict=verdict,
        observed=agreement,
        required=policy.minimum_agreement,
        facts=facts,
    )


def report_check() -> Check:
    """What stands in the place of the evidence where there is no present report."""
    return Check(key="report", lock="written", verdict=Verdict.WAITING)


# --- What people decide -------------------------------------------------------------------------------------------------
def approval_check(team: str, *, decision: str | None, by: str | None) -> Check:
    """Whether a team approved: ``team`` is data or drh, ``decision`` approve, reject or None."""
    verdicts = {"approve": Verdict.PROMOTABLE, "reject": Verdict.REFUSED, None: Verdict.WAITING}
    return Check(
        key=f"approval.{team}",
        lock="people",
        verdict=verdicts[decision],
        observed=decision,
        required="approve",
        facts={"team": team, "by": by},
    )


_COUNCIL_STEPS: Final = ("informed", "consulted", "opinion_given")


def works_council_check(
    policy: WorksCouncilPolicy, *, system: str | None, version: str | None, document: str | None = None
) -> Check:
    """Whether the works council was informed or consulted as the policy asks: of the system, confirmed for the version.

    Args:
        policy: what is asked, and whether it blocks.
        system: state recorded for the system as a whole; None where nothing is.
        version: state recorded for the version; None where nothing is.
        document: reference of the newest record.
    """
    states = enough_council(policy.minimum)
    enough = system in states and version in states
    return Check(
        key="works_council",
        lock="people" if policy.blocks else "target",
        verdict=Verdict.PROMOTABLE if enough else Verdict.WAITING,
        observed=version,
        required=policy.minimum,
        facts={"system": system, "document": document, "blocks": int(policy.blocks)},
    )


def enough_council(minimum: str) -> frozenset[str]:
    """The states that are enough where ``minimum`` is asked for."""
    return frozenset({"not_required", *_COUNCIL_STEPS[_COUNCIL_STEPS.index(minimum) :]})


# --- The report ---------------------------------------------------------------------------------------------------------
Reference = Literal["champion", "anchor", "persistence"]


class Interval(Part):
    """A value and its two-sided interval (two-way bootstrap); the ends are None where it could not be computed."""

    value: float | None
    low: float | None
    high: float | None


class ReferenceFacts(Part):
    """A version, or "same as today", that the version is compared with on the same rows.

    Attributes:
        name: of the version, or ``persistence``.
        model_sha256: of the version's artifact; None for a baseline.
        rows: rows compared; for persistence those whose level now is known.
        seen: rows of the test that it trained on; None where its training rows are not known.
        metrics: on those rows; None where it could not be scored.
        refusal: why it could not be scored, in English; None where it was.
        differences: metric -> version minus reference.
        reference_only_right: rows that only the reference gets right.
        version_only_right: rows that only the version gets right.
        mcnemar_p: mid-p on these two counts.
        chance: share of the draws in which the version's accuracy is not worse than the margin.
        rows_needed: test rows that 80 % power at equality would take, clusters included; None where it cannot be told.
    """

    name: str
    model_sha256: Sha256 | None = None
    rows: int = 0
    seen: int | None = 0
    metrics: Metrics | None = None
    refusal: str | None = None
    differences: dict[str, Interval] = {}
    reference_only_right: int = 0
    version_only_right: int = 0
    mcnemar_p: float | None = None
    chance: float | None = None
    rows_needed: int | None = None


class TestRowsFacts(Part):
    """The frozen rows everything is measured on: the version's test rows.

    Attributes:
        sha256: of their hashes, sorted: the same rows, the same value.
        kind: how they were chosen (``manifest.Split``).
        period: their period; None where the split is not by time.
        rows: how many.
        roles: how many roles they hold.
        skills: how many skills.
        uses: how many reports were made on these very rows before this one, for any version.
    """

    __test__ = False

    sha256: Sha256
    kind: str
    period: str | None
    rows: int
    roles: int
    skills: int
    uses: int


class Evidence(Part):
    """The frozen evidence about a version: approvals bind to its hash, and anybody can compute it again."""

    format: Literal[1] = 1
    version: str
    model_sha256: Sha256
    manifest_sha256: Sha256
    dataset_sha256: Sha256
    policy_sha256: Sha256
    policy: GatePolicy
    test: TestRowsFacts
    metrics: Metrics
    intervals: dict[str, Interval]
    seen: int | None
    references: dict[Reference, ReferenceFacts]
    sample: SampleFacts | None
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """Of both locks together; what people decide is not in it."""
        return combined(self.checks)

    @property
    def written_verdict(self) -> Verdict:
        """Without the second lock: what counts where a person lifted it."""
        return combined(self.checks, second_lock=False)

    def document(self) -> dict[str, Any]:
        """As it is kept: JSON."""
        return self.model_dump(mode="json")


def evidence_sha256(document: dict[str, Any]) -> str:
    """Sha256 (hexadecimal) of a report's canonical JSON."""
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()
