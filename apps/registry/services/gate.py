"""Verbs on the gate: make the frozen report of a version, recompute it, lift its second lock.

The slow part (files, predictions, intervals) comes first and changes nothing; the report is written in one short
transaction, and only if what it stands on is still so.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record, turn
from apps.registry.live import champions, deployed_since
from apps.registry.models import GateOverride, GateReport, ModelVersion, ValidationSample
from apps.registry.policies import active_policy
from apps.registry.selectors import find_version
from apps.registry.services.page import render_after_commit
from apps.registry.standing import Standing, standing_of
from apps.registry.store import check_everywhere, dataset_path, open_version, version_rows
from apps.registry.words import required_words
from future_skills.errors import MissingFeaturesError, NotAllowedError, UsageError, translatable
from future_skills.gates import Agreement, Evidence, SampleFacts, Verdict, evidence_sha256
from future_skills.lifecycle import Act, require_allowed, require_not_author
from future_skills.policy import GatePolicy

if TYPE_CHECKING:
    import polars as pl

    from future_skills.evidence import Contender

MONTH_DAYS = 30.44
"""Mean length of a month: how far back the anchor is looked for need not be exact to the day."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a report stands on besides the version itself, as keys: equal before and after, nothing has changed."""

    champion: ModelVersion | None
    anchors: tuple[ModelVersion, ...]
    policy: GatePolicy
    sample: SampleFacts | None

    @classmethod
    def now(cls, version: ModelVersion) -> "_Standing":
        policy = active_policy()
        key = champions().of(version.pk)
        since = timezone.now() - timedelta(days=MONTH_DAYS * policy.second_lock.anchor_months)
        lived = deployed_since(since).exclude(pk__in=[version.pk, *([key] if key else [])])
        return cls(
            champion=ModelVersion.objects.get(pk=key) if key else None,
            anchors=tuple(lived.order_by("id")),
            policy=policy,
            sample=sample_facts(version),
        )


def sample_facts(version: ModelVersion, sample: int | None = None) -> SampleFacts | None:
    """What a report says of a version's sample.

    Args:
        version: the version.
        sample: key of one of its samples; None for the newest, which is the one that counts.
    """
    samples = ValidationSample.objects.filter(version=version).order_by("id")
    row = samples.filter(pk=sample).first() if sample else samples.last()
    if row is None:
        return None
    drawn = samples.filter(pk__lte=row.pk).count()
    if row.result is None:
        return SampleFacts(sample=row.pk, drawn=drawn, size=row.size, complete=False)
    agreement = row.result["agreement"]
    return SampleFacts(
        sample=row.pk,
        drawn=drawn,
        size=row.size,
        complete=True,
        labelled=row.result["labelled"],
        agreement=Agreement.model_validate(agreement) if agreement else None,
        result_sha256=row.result_sha256,
    )


@verb(Right.EVALUATE)
def evaluate_gate(*, actor: Actor, version: str) -> Standing:
    """Make the report of a version: both locks on its own test rows. A report that is up to date is kept as it is.

    Raises:
        VersionNotFoundError: no such version.
        NotAllowedError: it was retracted.
        ArtifactError: a file of the version, of the one it is compared with, or of its dataset is absent or was changed.
    """
    row = find_version(version)
    standing = standing_of(row)
    require_allowed(Act.EVALUATE, standing.stage, version=row.name)
    check_everywhere(row)
    if standing.report is not None:
        return standing
    stands_on = _Standing.now(row)
    evidence = _evidence(row, stands_on)
    with turn():
        standing = standing_of(row)
        if standing.report is not None:  # somebody else made it meanwhile
            return standing
        require_allowed(Act.EVALUATE, standing.stage, version=row.name)
        if _Standing.now(row) != stands_on:
            raise NotAllowedError(
                translatable("While {version} was evaluated, what it is judged by has changed: evaluate it again."),
                version=row.name,
                act=Act.EVALUATE.value,
                stage=standing.stage.value,
            )
        _keep(actor, row, evidence)
    return standing_of(row)


def _keep(actor: Actor, version: ModelVersion, evidence: Evidence) -> GateReport:
    document = evidence.document()
    names = {key: facts.name for key, facts in evidence.references.items() if key != "persistence"}
    named = ModelVersion.objects.in_bulk(names.values(), field_name="name")
    report = GateReport.objects.create(
        version=version,
        sha256=evidence_sha256(document),
        verdict=evidence.verdict,
        written_verdict=evidence.written_verdict,
        model_sha256=evidence.model_sha256,
        champion=named.get(names.get("champion", "")),
        anchor=named.get(names.get("anchor", "")),
        policy_sha256=evidence.policy_sha256,
        sample_id=evidence.sample.sample if evidence.sample else None,
        sample_result_sha256=(evidence.sample.result_sha256 or "") if evidence.sample else "",
        test_rows_sha256=evidence.test.sha256,
        created_at=timezone.now(),
        created_by=actor.name,
        content=document,
    )
    record(
        actor=actor,
        action="registry.gate",
        object_type="version",
        object_id=version.name,
        details={
            "report_sha256": report.sha256,
            "verdict": report.verdict,
            "model_sha256": report.model_sha256,
            "compared_with": names.get("champion"),
        },
    )
    render_after_commit()
    return report


# --- Computed again -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Verification:
    """A report, computed again from what it stands on.

    Attributes:
        report: the newest report of the version.
        differences: place in the report -> (kept, computed now); empty where they are identical.
        intact: whether the kept report still has its hash.
    """

    report: GateReport
    differences: dict[str, tuple[Any, Any]]
    intact: bool

    @property
    def identical(self) -> bool:
        """Whether nothing differs."""
        return self.intact and not self.differences


def verify_report(version: str) -> Verification:
    """Compute the newest report of a version again, with the policy, the versions and the sample it names.

    Raises:
        VersionNotFoundError: no such version, or one that the report names is gone.
        NotAllowedError: it has no report.
        ArtifactError: a file is absent or was changed.
    """
    row = find_version(version)
    report = GateReport.objects.filter(version=row).order_by("-id").first()
    if report is None:
        raise NotAllowedError(
            translatable("{version} has no gate report yet: run “manage.py registry gate {version}” first."),
            version=row.name,
            act=Act.EVALUATE.value,
            stage=standing_of(row).stage.value,
        )
    check_everywhere(row)
    kept = Evidence.model_validate(report.content)
    named = {key: find_version(facts.name) for key, facts in kept.references.items() if key != "persistence"}
    again = _evidence(
        row,
        _Standing(
            champion=named.get("champion"),
            anchors=(named["anchor"],) if "anchor" in named else (),
            policy=kept.policy,
            sample=sample_facts(row, kept.sample.sample) if kept.sample else None,
        ),
        uses=kept.test.uses,
    )
    return Verification(
        report=report,
        differences=dict(_differences(report.content, again.document())),
        intact=evidence_sha256(report.content) == report.sha256,
    )


def _differences(kept: Any, now: Any, place: str = "") -> list[tuple[str, tuple[Any, Any]]]:
    """Every leaf of two JSON documents that is not the same, by its place."""
    if isinstance(kept, dict) and isinstance(now, dict):
        names = dict.fromkeys((*kept, *now))
        return [one for name in names for one in _differences(kept.get(name), now.get(name), f"{place}.{name}")]
    if isinstance(kept, list) and isinstance(now, list) and len(kept) == len(now):
        pairs = enumerate(zip(kept, now, strict=True))
        return [one for n, (then, again) in pairs for one in _differences(then, again, f"{place}[{n}]")]
    return [] if kept == now else [(place.lstrip("."), (kept, now))]


# --- Evidence -----------------------------------------------------------------------------------------------------------
def _evidence(version: ModelVersion, stands_on: _Standing, *, uses: int | None = None) -> Evidence:
    from future_skills import evidence as rules  # noqa: PLC0415 — scikit-learn is loaded when something is judged

    manifest = version.words
    rows = version_rows(version)
    test = rules.frozen_rows(rows)
    if uses is None:
        uses = GateReport.objects.filter(test_rows_sha256=rules.rows_sha256(test)).count()
    champion = stands_on.champion and _contender(stands_on.champion, version, test)
    return rules.judge(
        rules.Case(
            manifest=manifest,
            manifest_sha256=version.manifest_sha256,
            rows=rows,
            policy=stands_on.policy,
            champion=champion,
            anchor=_best([_contender(one, version, test) for one in stands_on.anchors], test),
            sample=stands_on.sample,
            uses=uses,
        )
    )


def _contender(other: ModelVersion, version: ModelVersion, test: "pl.DataFrame") -> "Contender":
    """Another version's answers on the test rows: those it was tested on itself, else asked now of the kept dataset."""
    from future_skills import evidence as rules  # noqa: PLC0415

    check_everywhere(other, dataset=False)
    manifest = other.words
    rows = version_rows(other)
    seen = rules.seen_rows(rows, test) if manifest.split.train_rows_known else None
    answers: pl.DataFrame | None = rules.frozen_rows(rows)
    refusal = None
    if len(test.join(rules.frozen_rows(rows), on="row_hash", how="semi")) < len(test):
        answers, refusal = _asked_now(other, version, test)
    return rules.Contender(other.name, other.model_sha256, answers, seen, refusal)


def _asked_now(
    other: ModelVersion, version: ModelVersion, test: "pl.DataFrame"
) -> "tuple[pl.DataFrame | None, str | None]":
    from future_skills.dataset import read_dataset  # noqa: PLC0415
    from future_skills.evaluation import answers_on  # noqa: PLC0415

    if version.dataset is None:
        return None, "the dataset of the version is not kept"
    reference = version.words.dataset
    dataset = read_dataset(
        dataset_path(version.dataset),
        period_column=reference.period_column,
        label_period_column=reference.label_period_column,
    )
    try:
        return answers_on(open_version(other), dataset, test["row_hash"]), None
    except MissingFeaturesError as error:
        return None, error.explain()


def _best(anchors: "list[Contender]", test: "pl.DataFrame") -> "Contender | None":
    """The anchor of best accuracy on the test rows; of those that did not train on any of them, where there are such."""

    def accuracy(anchor: "Contender") -> float:
        if anchor.answers is None:
            return -math.inf
        said = test.select("row_hash", truth="future_need_level").join(anchor.answers, on="row_hash", how="left")
        right = (said["truth"] == said["predicted"]).mean()
        return float(right) if isinstance(right, float) else 0.0

    return max(anchors, key=lambda anchor: (anchor.seen == 0, accuracy(anchor)), default=None)


# --- The second lock lifted ---------------------------------------------------------------------------------------------
@verb(Right.OVERRIDE)
def override_gate(
    *, actor: Actor, version: str, reason: str, risk: str, days: int, report_sha256: str | None = None
) -> GateOverride:
    """Lift the second lock of a version's present report, for a while. The written rule is never lifted.

    Args:
        actor: who takes the risk: proved, and not the author.
        version: its name.
        reason: why, in words.
        risk: which risk is accepted, in words.
        days: for how long.
        report_sha256: the report that the person read; None: the present one.

    Raises:
        PermissionDeniedError, ProofRequiredError: no right, or no proof of who acts.
        OwnWorkError: the person is the author.
        NotAllowedError: there is no present report, it is not the one that was read, or the second lock is not what holds.
        UsageError: no reason, no risk, or days out of range.
    """
    reason = required_words(reason, translatable("An override needs a reason, of 10 000 characters at most."))
    risk = required_words(risk, translatable("Say which risk is accepted, in 10 000 characters at most."))
    longest = active_policy().override.longest_days
    if not 1 <= days <= longest:
        raise UsageError(translatable("An override lasts 1 to {longest} days."), longest=longest)
    with turn():
        row = find_version(version)
        report = require_liftable(name=actor.name, standing=standing_of(row), report_sha256=report_sha256)
        now = timezone.now()
        override = GateOverride.objects.create(
            report=report,
            reason=reason,
            risk=risk,
            expires_at=now + timedelta(days=days),
            created_at=now,
            created_by=actor.name,
        )
        record(
            actor=actor,
            action="registry.override",
            object_type="version",
            object_id=row.name,
            details={
                "report_sha256": report.sha256,
                "reason": reason,
                "risk": risk,
                "expires_at": override.expires_at.isoformat(),
            },
        )
        render_after_commit()
    return override


def require_liftable(*, name: str, standing: Standing, report_sha256: str | None = None) -> GateReport:
    """The report whose second lock a person may lift; pages ask it before they offer the button.

    Raises:
        OwnWorkError, NotAllowedError: as ``override_gate``.
    """
    version, report = standing.version, standing.report
    require_allowed(Act.OVERRIDE, standing.stage, version=version.name)
    require_not_author(name=name, authors=version.authors, version=version.name)
    if report is None or (report_sha256 is not None and report_sha256 != report.sha256):
        raise _cannot_lift(
            translatable("The gate report of {version} is not up to date: evaluate it, read it, and decide again."),
            standing,
        )
    if standing.override is not None or report.verdict == report.written_verdict:
        raise _cannot_lift(
            translatable("The second lock is not what keeps {version} from production: there is nothing to lift."),
            standing,
        )
    if report.written_verdict == Verdict.REFUSED:
        raise _cannot_lift(
            translatable("{version} does not meet the written rule, which nobody lifts."),
            standing,
        )
    return report


def _cannot_lift(template: str, standing: Standing) -> NotAllowedError:
    return NotAllowedError(template, version=standing.version.name, act=Act.OVERRIDE.value, stage=standing.stage.value)
