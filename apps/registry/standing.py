"""Where a version stands: its present report, who decided what of it, and what is still missing. Asked of the rows, never stored.

A report is the present one while everything it stands on is: the version it was compared with, the policy, the newest
sample and its result. Decisions bind to a report's hash and to an artifact's, so they fall with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import get_language

from apps.registry.live import champions
from apps.registry.models import (
    Approval,
    Deployment,
    GateOverride,
    GateReport,
    ModelVersion,
    Retraction,
    ValidationSample,
    WorksCouncilRecord,
)
from apps.registry.policies import active_policy
from future_skills.formatting import language_of
from future_skills.gate_text import check_text
from future_skills.gates import (
    Check,
    Evidence,
    Verdict,
    approval_check,
    combined,
    failing,
    report_check,
    works_council_check,
)
from future_skills.lifecycle import ALLOWED, Act, Facts, Stage, stage_of
from future_skills.policy import GatePolicy, policy_sha256


@dataclass(frozen=True)
class Standing:
    """Where one version stands.

    Attributes:
        version: the version.
        stage: see ``future_skills.lifecycle``.
        report: the present gate report; None where there is none, or what it stood on has changed.
        outdated: the newest report, where it is not the present one any more.
        decisions: team -> its newest decision on the present report and artifact; none where that one was taken back.
        override: who lifted the second lock of the present report, while that lasts.
        council: the newest works council record of the system, and of the version.
        policy: in force now.
    """

    version: ModelVersion
    stage: Stage
    report: GateReport | None
    outdated: GateReport | None
    decisions: Mapping[str, Approval]
    override: GateOverride | None
    council: tuple[WorksCouncilRecord | None, WorksCouncilRecord | None]
    policy: GatePolicy

    @cached_property
    def evidence(self) -> Evidence | None:
        """The present report's content as typed objects."""
        return None if self.report is None else Evidence.model_validate(self.report.content)

    @cached_property
    def evidence_checks(self) -> tuple[Check, ...]:
        """The checks of the present report; where there is none, the one that says so."""
        return (report_check(),) if self.evidence is None else self.evidence.checks

    @cached_property
    def people_checks(self) -> tuple[Check, ...]:
        """What people decide: both teams, and the works council."""
        decided = [
            approval_check(
                team,
                decision=decision.decision if (decision := self.decisions.get(team)) else None,
                by=decision.created_by if decision else None,
            )
            for team in Approval.Team.values
        ]
        system, version = self.council
        council = works_council_check(
            self.policy.works_council,
            system=system.state if system else None,
            version=version.state if version else None,
            document=next((record.document for record in (version, system) if record and record.document), None),
        )
        return (*decided, council)

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every check."""
        return (*self.evidence_checks, *self.people_checks)

    @property
    def evidence_verdict(self) -> Verdict:
        """What can be approved: the verdict of the evidence alone, the second lock left out where it was lifted."""
        return combined(self.evidence_checks, second_lock=self.override is None)

    @property
    def verdict(self) -> Verdict:
        """Of everything; PROMOTABLE may go into production."""
        return combined(self.checks, second_lock=self.override is None)

    @property
    def may_be_deployed(self) -> bool:
        """Whether it may go into production now."""
        return self.stage in ALLOWED[Act.DEPLOY] and self.verdict is Verdict.PROMOTABLE

    def failing(self, *, people: bool = True) -> tuple[Check, ...]:
        """The checks that keep the version from production, or (without ``people``) from being approved."""
        return failing(self.checks if people else self.evidence_checks, second_lock=self.override is None)

    def missing(self, *, people: bool = True) -> str:
        """The names of ``failing``, in the active language."""
        language = language_of(get_language())
        return ", ".join(check_text(check, language).name for check in self.failing(people=people))


@dataclass(frozen=True, slots=True)
class Brief:
    """Where one version of many stands: as ``Standing``, without what only its own page shows."""

    stage: Stage
    report: GateReport | None
    outdated: GateReport | None
    decisions: Mapping[str, Approval]
    override: GateOverride | None


def standing_of(version: ModelVersion) -> Standing:
    """Where a version stands now, in a constant number of queries."""
    row = briefs_of([version.pk])[version.pk]
    for report in (row.report, row.outdated):
        if report is not None:
            report.version = version
    records: dict[int | None, WorksCouncilRecord] = {}
    for record in WorksCouncilRecord.objects.filter(Q(version=None) | Q(version=version)).order_by("id"):
        records[record.version_id] = record
    return Standing(
        version=version,
        stage=row.stage,
        report=row.report,
        outdated=row.outdated,
        decisions=row.decisions,
        override=row.override,
        council=(records.get(None), records.get(version.pk)),
        policy=active_policy(),
    )


def as_put_into_production(standing: Standing) -> Standing:
    """A version in production as it stood when it was put there: on its report of that day, and the decisions on it.

    What the present report of a version stands on changes with every deployment, its own included; what it went into
    production on does not.
    """
    put = Deployment.objects.filter(version=standing.version, report__isnull=False).select_related("report")
    deployment = put.order_by("-id").first()
    if deployment is None or deployment.report is None:
        return standing
    report = deployment.report
    report.version = standing.version
    lifted = GateOverride.objects.filter(report=report, created_at__lte=deployment.started_at).order_by("-id").first()
    decisions = _decisions([report]).get(report.pk, {})
    return replace(standing, report=report, outdated=None, decisions=decisions, override=lifted)


def stages_of(versions: Iterable[int]) -> dict[int, Stage]:
    """Key of each version -> its stage, in a constant number of queries."""
    return {key: brief.stage for key, brief in briefs_of(list(versions)).items()}


def briefs_of(keys: list[int]) -> dict[int, Brief]:
    """Key of each version -> where it stands, in a constant number of queries; of several, reports come without content."""
    if not keys:
        return {}
    retracted = set(Retraction.objects.filter(version__in=keys).values_list("version_id", flat=True))
    deployed = list(Deployment.objects.filter(version__in=keys).values_list("version_id", "live"))
    lived, live = {key for key, _ in deployed}, {key for key, now in deployed if now}
    newest = _newest_reports(keys)
    current = _current(newest)
    decisions = _decisions(current.values())
    overrides = _overrides(current.values())
    rows = {}
    for key in keys:
        report = current.get(key)
        decided = decisions.get(report.pk, {}) if report else {}
        override = overrides.get(report.pk) if report else None
        rows[key] = Brief(
            stage=stage_of(
                _facts(
                    report,
                    decided,
                    lifted=override is not None,
                    retracted=key in retracted,
                    live=key in live,
                    was_live=key in lived,
                )
            ),
            report=report,
            outdated=newest.get(key) if report is None else None,
            decisions=decided,
            override=override,
        )
    return rows


def _facts(
    report: GateReport | None,
    decided: Mapping[str, Approval],
    *,
    lifted: bool,
    retracted: bool,
    live: bool,
    was_live: bool,
) -> Facts:
    verdict = (report.written_verdict if lifted else report.verdict) if report else None
    said = [decision.decision for decision in decided.values()]
    return Facts(
        retracted=retracted,
        live=live,
        was_live=was_live,
        refused=verdict == Verdict.REFUSED or Approval.Decision.REJECT in said,
        passed=verdict == Verdict.PROMOTABLE,
        approved=said.count(Approval.Decision.APPROVE) == len(Approval.Team.values),
    )


def _newest_reports(keys: list[int]) -> dict[int, GateReport]:
    if len(keys) == 1:  # a third of the time that the query of several takes to be written
        return {report.version_id: report for report in GateReport.objects.filter(version=keys[0]).order_by("-id")[:1]}
    ids = GateReport.objects.filter(version__in=keys).values("version").annotate(newest=Max("id")).values("newest")
    reports = GateReport.objects.filter(id__in=ids).defer("content")
    return {report.version_id: report for report in reports}


def _current(newest: Mapping[int, GateReport]) -> dict[int, GateReport]:
    """Those of the reports that are the present ones."""
    present = set(present_reports().filter(version__in=newest).values_list("pk", flat=True)) if newest else set()
    return {key: report for key, report in newest.items() if report.pk in present}


def _decisions(reports: Iterable[GateReport]) -> dict[int, dict[str, Approval]]:
    """Report -> team -> its decision."""
    keys = [report.pk for report in reports]
    found: dict[int, dict[str, Approval]] = {}
    if not keys:  # Django takes a millisecond to write a query of nothing
        return found
    rows = present_decisions().filter(report__in=keys)
    for approval in rows.select_related("report", "version").defer("report__content", "version__manifest"):
        found.setdefault(approval.report_id, {})[approval.team] = approval
    return found


def _overrides(reports: Iterable[GateReport]) -> dict[int, GateOverride]:
    keys = [report.pk for report in reports]
    if not keys:
        return {}
    lifted = present_overrides().filter(report__in=keys)
    return {override.report_id: override for override in lifted.order_by("id")}


# --- What is present: the same rules for one version, for a page of them, and for what waits for people -----------------
def present_reports() -> QuerySet[GateReport]:
    """The newest report of each version, where its artifact, the version compared with, policy and sample are the present ones.

    Three queries, of which two are made at once.
    """
    compared = champions()
    newer = GateReport.objects.filter(version=OuterRef("version"), pk__gt=OuterRef("pk"))
    other_sample = ValidationSample.objects.filter(version=OuterRef("version"), pk__gt=Coalesce(OuterRef("sample"), 0))
    return GateReport.objects.filter(
        Q(version=compared.live, champion=compared.before) | (~Q(version=compared.live) & Q(champion=compared.live)),
        Q(sample=None) | Q(sample__result_sha256=F("sample_result_sha256")),
        ~Exists(newer),
        ~Exists(other_sample),
        model_sha256=F("version__model_sha256"),
        policy_sha256=policy_sha256(active_policy()),
    )


def present_decisions() -> QuerySet[Approval]:
    """The newest decision of each team on a report and the artifact that it is about; none where that one was taken back.

    An earlier decision never comes back: its author may have spoken for the other team since.
    """
    made = Approval.objects.filter(report_sha256=F("report__sha256"), model_sha256=F("report__model_sha256"))
    newer = made.filter(report=OuterRef("report"), team=OuterRef("team"), pk__gt=OuterRef("pk"))
    return made.filter(~Exists(newer), withdrawal=None)


def present_overrides() -> QuerySet[GateOverride]:
    """Those that lift a second lock now."""
    return GateOverride.objects.filter(expires_at__gt=timezone.now())
