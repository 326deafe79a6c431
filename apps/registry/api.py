"""The registry in the API: parse, call one selector or one service, answer with a document."""

from datetime import date, datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from ninja import Query, Router
from pydantic import BaseModel, ConfigDict, Field

from apps.accounts.access import login_actor, needs
from apps.accounts.rights import Right
from apps.registry import live, samples, selectors
from apps.registry.documents import (
    ComparisonDocument,
    Decision,
    DefinitionsDocument,
    DeploymentDocument,
    DeploymentList,
    GateDocument,
    LabelledDocument,
    LiveDocument,
    Note,
    OverrideDocument,
    Retracted,
    SampleDocument,
    SuspensionDocument,
    TaskDocument,
    TaskList,
    VersionDocument,
    VersionList,
    Withdrawal,
    WorksCouncilDocument,
    definitions_document,
    live_document,
)
from apps.registry.models import Approval, WorksCouncilRecord
from apps.registry.services import approvals, deployments, versions, works_council
from apps.registry.services import samples as samples_verbs
from apps.registry.services.comparison import compare_versions
from apps.registry.services.gate import evaluate_gate, override_gate
from apps.registry.standing import standing_of
from apps.registry.words import LONGEST_TEXT
from future_skills import sampling
from future_skills.level_definitions import parse_definitions

Limit = Annotated[int, Query(ge=1, le=500, description="how many at most")]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000, description="how many to pass over")]
Sort = Annotated[str, Query(pattern=rf"^-?({'|'.join(selectors.SORTS)})$", description="with “-” in front: descending")]
Filter = Annotated[str, Query(max_length=100, description="part of a name, a dataset or an author")]

Words = Annotated[str, Field(max_length=LONGEST_TEXT)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
VersionName = Annotated[str, Field(min_length=1, max_length=64)]


class Body(BaseModel):
    """What a verb is told; an unknown name is a mistake."""

    model_config = ConfigDict(extra="forbid")


# --- Versions -------------------------------------------------------------------------------------------------------------
versions_router = Router(tags=["versions"])


@versions_router.get("/versions", response=VersionList, summary=_("List versions"))
@needs(Right.READ)
def list_versions(
    request: HttpRequest, q: Filter = "", sort: Sort = selectors.DEFAULT_SORT, limit: Limit = 100, offset: Offset = 0
) -> VersionList:
    """A page of versions, the one trained last first."""
    rows, total = selectors.find_versions(text=q.strip(), sort=sort, limit=limit, offset=offset)
    return VersionList.of(rows, total)


@versions_router.get("/versions/{name}", response=VersionDocument, summary=_("Read a version"))
@needs(Right.READ)
def show_version(request: HttpRequest, name: str) -> VersionDocument:
    """A version: what it is, what it was made of, what it is worth."""
    return VersionDocument.of(selectors.find_version(name))


@versions_router.get("/compare", response=ComparisonDocument, summary=_("Compare two versions on the same rows"))
@needs(Right.READ)
def compare(request: HttpRequest, reference: VersionName, challenger: VersionName) -> ComparisonDocument:
    """Paired differences on the test rows that both share, with 90 % intervals."""
    return ComparisonDocument.of(compare_versions(reference, challenger))


class NoteBody(Body):
    text: Words


@versions_router.post("/versions/{name}/notes", response={201: Note}, summary=_("Add a note to a version"))
@needs(Right.REGISTER)
def add_note(request: HttpRequest, name: str, body: NoteBody) -> Note:
    """A dated line in your name."""
    return Note.of(versions.add_note(actor=login_actor(request), version=name, text=body.text))


class ReasonBody(Body):
    reason: Words


@versions_router.post(
    "/versions/{name}/retract", response={201: Retracted}, summary=_("Say that a version must not be used any more")
)
@needs(Right.REGISTER)
def retract(request: HttpRequest, name: str, body: ReasonBody) -> Retracted:
    """Its files stay, and its name is never used again."""
    return Retracted.of(versions.retract_version(actor=login_actor(request), version=name, reason=body.reason))


# --- Promotion ------------------------------------------------------------------------------------------------------------
promotion_router = Router(tags=["promotion"])


@promotion_router.get("/versions/{name}/gate", response=GateDocument, summary=_("Read the criteria of a version"))
@needs(Right.READ)
def show_gate(request: HttpRequest, name: str) -> GateDocument:
    """Where the version stands now; nothing is computed, and `report` is null where it is not up to date."""
    return GateDocument.of(standing_of(selectors.find_version(name)))


@promotion_router.post("/versions/{name}/gate", response=GateDocument, summary=_("Evaluate the criteria of a version"))
@needs(Right.EVALUATE)
def evaluate(request: HttpRequest, name: str) -> GateDocument:
    """Makes the frozen report; one that is up to date is kept as it is."""
    return GateDocument.of(evaluate_gate(actor=login_actor(request), version=name))


class OverrideBody(Body):
    reason: Words
    risk: Words = Field(description="which risk is accepted")
    days: Annotated[int, Field(ge=1, le=366)]
    report_sha256: Sha256 | None = Field(None, description="the gate report that you read; by default the present one")


@promotion_router.post(
    "/versions/{name}/override", response={201: OverrideDocument}, summary=_("Lift the second lock for a while")
)
@needs(Right.OVERRIDE)
def override(request: HttpRequest, name: str, body: OverrideBody) -> OverrideDocument:
    """Never the written rule, never by the author."""
    return OverrideDocument.of(
        override_gate(
            actor=login_actor(request),
            version=name,
            reason=body.reason,
            risk=body.risk,
            days=body.days,
            report_sha256=body.report_sha256,
        )
    )


class ApproveBody(Body):
    team: Approval.Team
    comment: Words = ""
    report_sha256: Sha256 | None = Field(None, description="the gate report that you read; by default the present one")


class RejectBody(Body):
    team: Approval.Team
    comment: Words
    report_sha256: Sha256 | None = Field(None, description="the gate report that you read; by default the present one")


class WithdrawBody(Body):
    team: Approval.Team
    reason: Words


@promotion_router.post(
    "/versions/{name}/approve", response={201: Decision}, summary=_("Approve a version in the name of a team")
)
@needs(*approvals.RIGHTS.values())
def approve(request: HttpRequest, name: str, body: ApproveBody) -> Decision:
    """Binds to the gate report and to the artifact's hash; falls when either changes."""
    return Decision.of(
        approvals.approve(
            actor=login_actor(request),
            version=name,
            team=body.team,
            comment=body.comment,
            report_sha256=body.report_sha256,
        )
    )


@promotion_router.post(
    "/versions/{name}/reject", response={201: Decision}, summary=_("Reject a version in the name of a team")
)
@needs(*approvals.RIGHTS.values())
def reject(request: HttpRequest, name: str, body: RejectBody) -> Decision:
    """Its present report is refused until new evidence comes."""
    return Decision.of(
        approvals.reject(
            actor=login_actor(request),
            version=name,
            team=body.team,
            comment=body.comment,
            report_sha256=body.report_sha256,
        )
    )


@promotion_router.post(
    "/versions/{name}/withdraw", response={201: Withdrawal}, summary=_("Take your decision on a version back")
)
@needs(*approvals.RIGHTS.values())
def withdraw(request: HttpRequest, name: str, body: WithdrawBody) -> Withdrawal:
    """As long as no deployment stands on it."""
    return Withdrawal.of(
        approvals.withdraw(actor=login_actor(request), version=name, team=body.team, reason=body.reason)
    )


class WorksCouncilBody(Body):
    state: WorksCouncilRecord.State
    held_on: date
    reason: Words
    document: Annotated[str, Field(max_length=500)] = ""
    version: VersionName | None = Field(None, description="by default: the system as a whole")


@promotion_router.post(
    "/works-council",
    response={201: WorksCouncilDocument},
    summary=_("Record the information or consultation of the works council"),
)
@needs(Right.CONSULT)
def record_works_council(request: HttpRequest, body: WorksCouncilBody) -> WorksCouncilDocument:
    """For the system once, confirmed for each version."""
    return WorksCouncilDocument.of(
        works_council.record_works_council(
            actor=login_actor(request),
            state=body.state,
            held_on=body.held_on,
            reason=body.reason,
            document=body.document,
            version=body.version,
        )
    )


# --- Production -----------------------------------------------------------------------------------------------------------
production_router = Router(tags=["production"])


@production_router.get("/live", response=LiveDocument, summary=_("What answers predictions now"))
@needs(Right.READ)
def show_live(request: HttpRequest) -> LiveDocument:
    """The open deployment; 503 `nothing_live` where no version was ever deployed."""
    return live_document()


@production_router.get("/deployments", response=DeploymentList, summary=_("The history of what was in production"))
@needs(Right.READ)
def list_deployments(
    request: HttpRequest,
    at: Annotated[datetime | None, Query(description="only what was live at that moment")] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> DeploymentList:
    """Newest first; a moment without a time zone is one of the server's."""
    found = live.timeline()
    if at is not None:
        moment = timezone.make_aware(at) if timezone.is_naive(at) else at
        then = live.deployment_at(moment)
        found = found.filter(pk=then.pk if then else None)
    rows = found[offset : offset + limit]
    return DeploymentList(total=found.count(), deployments=[DeploymentDocument.of(row) for row in rows])


class DeployBody(Body):
    reason: Words = ""
    seen: int | None = Field(None, ge=0, description="“id” of what was live when you decided (0: nothing)")


class RollbackBody(Body):
    reason: Words
    to: VersionName | None = Field(None, description="by default: the last other version that was live")
    seen: int | None = Field(None, ge=0, description="“id” of what was live when you decided")


class ResumeBody(Body):
    reason: Words = ""


@production_router.post(
    "/versions/{name}/deploy", response={201: DeploymentDocument}, summary=_("Put a version into production")
)
@needs(Right.DEPLOY)
def deploy(request: HttpRequest, name: str, body: DeployBody) -> DeploymentDocument:
    """Every criterion met, both approvals given, every file checked; otherwise what is live stays live."""
    return DeploymentDocument.of(
        deployments.deploy_version(actor=login_actor(request), version=name, reason=body.reason, seen=body.seen)
    )


@production_router.post(
    "/rollback", response={201: DeploymentDocument}, summary=_("Put back a version that was live before")
)
@needs(Right.DEPLOY)
def roll_back(request: HttpRequest, body: RollbackBody) -> DeploymentDocument:
    """No new approvals are needed."""
    return DeploymentDocument.of(
        deployments.roll_back(actor=login_actor(request), reason=body.reason, to=body.to, seen=body.seen)
    )


@production_router.post("/suspend", response={201: SuspensionDocument}, summary=_("Stop answering predictions"))
@needs(Right.SUSPEND)
def suspend(request: HttpRequest, body: ReasonBody) -> SuspensionDocument:
    """Until somebody resumes; what is deployed stays deployed."""
    return SuspensionDocument.of(deployments.suspend(actor=login_actor(request), reason=body.reason))


@production_router.post("/resume", response=SuspensionDocument, summary=_("Answer predictions again"))
@needs(Right.SUSPEND)
def resume(request: HttpRequest, body: ResumeBody) -> SuspensionDocument:
    """The suspension that ends."""
    return SuspensionDocument.of(deployments.resume(actor=login_actor(request), reason=body.reason))


# --- The validation sample ------------------------------------------------------------------------------------------------
samples_router = Router(tags=["validation sample"])


class DrawBody(Body):
    size: int = Field(samples_verbs.SIZE, ge=sampling.SMALLEST_SIZE, le=sampling.LARGEST_SIZE)
    seed: int = Field(samples_verbs.SEED, ge=0, le=sampling.LARGEST_SEED)


class LabelBody(Body):
    level: Literal["LOW", "MEDIUM", "HIGH", "UNKNOWN"]
    comment: Words = ""
    sample: int | None = Field(None, ge=0, description="number of the sample you looked at; by default the newest")


class DefinitionsBody(Body):
    fr: dict[str, str]
    en: dict[str, str]


@samples_router.get(
    "/versions/{name}/sample", response=SampleDocument, summary=_("Read the validation sample of a version")
)
@needs(Right.READ)
def show_sample(request: HttpRequest, name: str) -> SampleDocument:
    """How far it is; once it is complete, what it says."""
    return SampleDocument.of(samples.require_sample(selectors.find_version(name)))


@samples_router.post("/versions/{name}/sample", response={201: SampleDocument}, summary=_("Draw a validation sample"))
@needs(Right.EVALUATE)
def draw_sample(request: HttpRequest, name: str, body: DrawBody) -> SampleDocument:
    """The newest one counts; how many were drawn is shown with the result."""
    return SampleDocument.of(
        samples_verbs.draw_sample(actor=login_actor(request), version=name, size=body.size, seed=body.seed)
    )


@samples_router.get(
    "/versions/{name}/sample/rows", response=TaskList, summary=_("Read the next rows that wait for your label")
)
@needs(Right.LABEL)
def list_rows(
    request: HttpRequest, name: str, limit: Annotated[int, Query(ge=1, le=100, description="how many at most")] = 10
) -> TaskList:
    """What was known at the row's period, never the prediction nor what others said."""
    sample, reviewer = samples.require_sample(selectors.find_version(name)), login_actor(request).name
    way = [] if sample.completed_at else samples.steps(sample, reviewer)
    waiting = [step.item for step in way if not step.done]
    rows = samples.tasks(sample.items.filter(pk__in=waiting[:limit]), reviewer)
    return TaskList(
        sample=sample.pk,
        version=name,
        done=len(way) - len(waiting),
        left=len(waiting),
        tasks=[TaskDocument.of(row, sample) for row in rows],
    )


@samples_router.post(
    "/versions/{name}/sample/rows/{position}/label",
    response={201: LabelledDocument},
    summary=_("Label a row of the validation sample"),
)
@needs(Right.LABEL)
def label_row(request: HttpRequest, name: str, position: int, body: LabelBody) -> LabelledDocument:
    """In your own name; of several answers the newest counts, until the sample is complete."""
    return LabelledDocument.of(
        samples_verbs.label_item(
            actor=login_actor(request),
            version=name,
            position=position,
            level=body.level,
            comment=body.comment,
            sample=body.sample,
        )
    )


@samples_router.get("/definitions", response=DefinitionsDocument, summary=_("Read the definitions of the levels"))
@needs(Right.READ)
def show_definitions(request: HttpRequest) -> DefinitionsDocument:
    """Those that a sample drawn now is labelled with."""
    return definitions_document()


@samples_router.post(
    "/definitions", response={201: DefinitionsDocument}, summary=_("Put other definitions of the levels in force")
)
@needs(Right.DEFINE_LEVELS)
def set_definitions(request: HttpRequest, body: DefinitionsBody) -> DefinitionsDocument:
    """From the next sample on; samples that were drawn keep theirs."""
    samples_verbs.set_definitions(actor=login_actor(request), definitions=parse_definitions(body.model_dump()))
    return definitions_document()
