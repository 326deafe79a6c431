"""What waits for a person: versions to decide of, samples to label, versions that may go into production. Never a write.

The header of every page counts it, so it is asked in a few queries, whatever the registry holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from apps.accounts.rights import Right
from apps.registry.models import Approval, Deployment, GateReport, ValidationSample, WorksCouncilRecord
from apps.registry.policies import active_policy
from apps.registry.samples import samples_waiting_for
from apps.registry.services.approvals import RIGHTS
from apps.registry.standing import present_decisions, present_overrides, present_reports
from future_skills.gates import Verdict, enough_council


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one person, oldest first.

    Attributes:
        decisions: team that the person speaks for -> present reports that the team has not decided of, and that the person
            may decide of: not the author, and did not approve for the other team.
        samples: open samples that have a row for the person.
        deployments: present reports of versions that meet every criterion, and never went into production on them.
    """

    decisions: Mapping[str, QuerySet[GateReport]]
    samples: QuerySet[ValidationSample]
    deployments: QuerySet[GateReport]

    def count(self) -> int:
        """How many there are in all. One query for each kind that the person's rights open."""
        return sum(found.count() for found in (*self.decisions.values(), self.samples, self.deployments))


def waiting_for(name: str, rights: frozenset[Right]) -> Waiting | None:
    """What waits for somebody who has these rights; None for who decides nothing here."""
    teams = [team for team, right in RIGHTS.items() if right in rights]
    if not teams and rights.isdisjoint({Right.LABEL, Right.DEPLOY}):
        return None
    reports = _promotable_reports() if teams or Right.DEPLOY in rights else GateReport.objects.none()
    return Waiting(
        decisions={team.value: _undecided(reports, name, team) for team in teams},
        samples=samples_waiting_for(name) if Right.LABEL in rights else ValidationSample.objects.none(),
        deployments=_approved(reports) if Right.DEPLOY in rights else GateReport.objects.none(),
    )


def _promotable_reports() -> QuerySet[GateReport]:
    """Present reports whose evidence is good enough, of versions that are neither retracted nor in production."""
    lifted = present_overrides().filter(report=OuterRef("pk"))
    return (
        present_reports()
        .filter(
            Q(verdict=Verdict.PROMOTABLE) | Exists(lifted),
            ~Exists(Deployment.objects.filter(version=OuterRef("version"), live=True)),
            written_verdict=Verdict.PROMOTABLE,
            version__retraction=None,
        )
        .select_related("version")
        .defer("content", "version__manifest")
        .order_by("id")
    )


def _undecided(reports: QuerySet[GateReport], name: str, team: Approval.Team) -> QuerySet[GateReport]:
    """Those that the team has not decided of, that nobody rejected, and that the person may decide of."""
    decided = present_decisions().filter(
        Q(team=team) | Q(decision=Approval.Decision.REJECT) | Q(created_by=name), report=OuterRef("pk")
    )
    return reports.filter(~Exists(decided)).exclude(version__registered_by=name)


def _approved(reports: QuerySet[GateReport]) -> QuerySet[GateReport]:
    """Those that both teams approved, and the works council heard, where the policy waits for it; not used yet."""
    reports = reports.filter(~Exists(Deployment.objects.filter(report=OuterRef("pk"))))
    approved = present_decisions().filter(decision=Approval.Decision.APPROVE, report=OuterRef("pk"))
    for team in Approval.Team.values:
        reports = reports.filter(Exists(approved.filter(team=team)))
    council = active_policy().works_council
    if not council.blocks:
        return reports
    records = WorksCouncilRecord.objects.order_by("-id").values("state")
    enough = enough_council(council.minimum)
    return reports.annotate(
        system_heard=Subquery(records.filter(version=None)[:1]),
        version_heard=Subquery(records.filter(version=OuterRef("version"))[:1]),
    ).filter(system_heard__in=enough, version_heard__in=enough)
