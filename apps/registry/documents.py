"""The registry in JSON: one shape of each thing, for ``--json`` of the commands and for the API."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from apps.registry.live import open_suspension, timeline
from apps.registry.models import (
    Approval,
    ApprovalWithdrawal,
    Deployment,
    GateOverride,
    GateReport,
    LevelDefinitions,
    ModelVersion,
    Retraction,
    SigningKey,
    Suspension,
    ValidationSample,
    VersionNote,
    WorksCouncilRecord,
)
from apps.registry.sample_words import question
from apps.registry.samples import Task, active_definitions, progress_of, samples_drawn
from apps.registry.selectors import VersionRow
from apps.registry.services.samples import Labelled
from apps.registry.standing import Standing, stages_of
from future_skills.comparison import Comparison
from future_skills.engine_choice import EngineChoice
from future_skills.errors import NothingLiveError
from future_skills.formatting import Language
from future_skills.gate_text import check_text, headline
from future_skills.gates import Check
from future_skills.lifecycle import Stage
from future_skills.manifest import Metrics

LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")
StageCode = Literal["candidate", "gate_passed", "approved", "live", "retired", "rejected", "retracted"]


class Document(BaseModel):
    """A thing as JSON; what it does not declare cannot leak into it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return self.model_dump(mode="json")


# --- Versions -------------------------------------------------------------------------------------------------------------
class VersionLine(Document):
    """A version as a line of the history. Metrics that could not be computed are null."""

    version: str
    stage: StageCode
    date: datetime
    dataset: str
    dataset_sha256: str
    samples: int
    test_period: str | None
    algorithm: str
    feature_set: str
    n_estimators: int | None
    accuracy: float
    f1_weighted: float
    f1_macro: float
    persistence_f1_macro: float | None
    persistence_rows: int | None = Field(description="test rows on which “same as today” stands")
    same_rows_f1_macro: float | None = Field(
        description="the version's macro F1 on the rows of “same as today”, where these are not all the test rows"
    )
    emergence_lift: float | None
    precision_at_200: float | None
    registered_by: str
    retracted: str | None = Field(description="the reason, where the version must not be used any more")

    @classmethod
    def of(cls, row: VersionRow, stage: Stage) -> Self:
        """From a row of the table."""
        return cls(
            version=row.name,
            stage=stage.value,
            date=row.trained_at,
            dataset=row.dataset,
            dataset_sha256=row.test.dataset,
            samples=row.rows,
            test_period=row.test.period,
            algorithm=row.algorithm,
            feature_set=row.feature_set,
            n_estimators=row.n_estimators,
            accuracy=row.accuracy,
            f1_weighted=row.f1_weighted,
            f1_macro=row.f1_macro,
            persistence_f1_macro=row.persistence_f1_macro,
            persistence_rows=row.persistence_rows,
            same_rows_f1_macro=row.same_rows_f1_macro,
            emergence_lift=row.lift,
            precision_at_200=row.precision_at_200,
            registered_by=row.registered_by,
            retracted=row.retracted,
        )


class VersionList(Document):
    """A page of versions, and how many there are in all."""

    total: int
    versions: list[VersionLine]

    @classmethod
    def of(cls, rows: Sequence[VersionRow], total: int) -> Self:
        """From rows of the table, in a constant number of queries."""
        stages = stages_of(row.key for row in rows)
        return cls(total=total, versions=[VersionLine.of(row, stages[row.key]) for row in rows])


class Note(Document):
    """A dated, named line about a version."""

    at: datetime
    by: str
    text: str

    @classmethod
    def of(cls, note: VersionNote) -> Self:
        """From its row."""
        return cls(at=note.created_at, by=note.created_by, text=note.text)


class Retracted(Document):
    """Who said that a version must not be used any more, when and why."""

    at: datetime
    by: str
    reason: str

    @classmethod
    def of(cls, retraction: Retraction) -> Self:
        """From its row."""
        return cls(at=retraction.created_at, by=retraction.created_by, reason=retraction.reason)


class VersionDocument(Document):
    """Everything about a version."""

    version: str
    stage: StageCode
    registered_at: datetime
    registered_by: str
    manifest_sha256: str
    model_sha256: str
    key_id: str | None = Field(description="the key that signed it; null: registered before versions were signed")
    dataset_kept: bool
    engine: EngineChoice | None = Field(description="how it is run; null: not measured when it was registered")
    notes: list[Note]
    retracted: Retracted | None
    manifest: dict[str, Any] = Field(description="as docs/manifest.schema.json says")

    @classmethod
    def of(cls, version: ModelVersion) -> Self:
        """From its row and what hangs on it."""
        retraction, engine = getattr(version, "retraction", None), version.measured_engine
        return cls(
            version=version.name,
            stage=stages_of([version.pk])[version.pk].value,
            registered_at=version.registered_at,
            registered_by=version.registered_by,
            manifest_sha256=version.manifest_sha256,
            model_sha256=version.model_sha256,
            key_id=version.signature["key_id"] if version.signature else None,
            dataset_kept=version.dataset_id is not None,
            engine=engine and engine.words,
            notes=[Note.of(note) for note in version.notes.all()],
            retracted=None if retraction is None else Retracted.of(retraction),
            manifest=version.manifest,
        )


class KeyDocument(Document):
    """A key that signs versions, or did. A ``.sig`` names its key by ``key_id``."""

    key_id: str = Field(description="sha256 of the public key")
    public_key: str = Field(description="Ed25519, 32 bytes in hexadecimal")
    created_at: datetime
    created_by: str
    retired_at: datetime | None = Field(description="null: it is in use")
    retired_by: str | None
    private_key_here: bool = Field(description="whether its private half is on the machine that answers")

    @classmethod
    def of(cls, key: SigningKey, *, here: bool) -> Self:
        """From its row, and whether its private half is here."""
        return cls(
            key_id=key.key_id,
            public_key=key.public_key,
            created_at=key.created_at,
            created_by=key.created_by,
            retired_at=key.retired_at,
            retired_by=key.retired_by or None,
            private_key_here=here,
        )


class KeyList(Document):
    """Every key, newest first."""

    keys: list[KeyDocument]


# --- Two versions ---------------------------------------------------------------------------------------------------------
class DifferenceDocument(Document):
    """A paired difference, challenger minus reference, and its 90 % interval."""

    metric: str
    reference: float
    challenger: float
    difference: float
    low: float
    high: float


class ComparisonDocument(Document):
    """Two versions on the test rows that they share.

    Where there is none, ``reason`` says why, and ``command`` what scores both on the same rows.
    """

    reference: str
    challenger: str
    rows: int
    seen: dict[str, int | None] = Field(
        description="of each version, how many of the other's test rows it trained on; null: nobody knows"
    )
    reason: str | None
    command: str | None
    differences: list[DifferenceDocument]
    reference_only_right: int
    challenger_only_right: int
    mcnemar_p: float | None
    reference_metrics: Metrics | None
    challenger_metrics: Metrics | None

    @classmethod
    def of(cls, comparison: Comparison) -> Self:
        """From the library's words."""
        return cls.model_validate(comparison.to_dict())


# --- What is live ---------------------------------------------------------------------------------------------------------
class DeploymentDocument(Document):
    """A version in production, from one moment to another."""

    id: int = Field(description="give it back as “seen” with the next deployment")
    version: str
    model_sha256: str
    kind: Literal["deploy", "rollback", "pin"] = Field(description="pin: by FUTURE_SKILLS_MODEL_VERSION")
    live: bool
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    previous: str | None = Field(description="the version that was live before")
    reason: str
    report_sha256: str | None = Field(description="the gate report it stands on; null for a rollback")

    @classmethod
    def of(cls, deployment: Deployment) -> Self:
        """From its row, with what ``live.timeline`` reads along."""
        return cls(
            id=deployment.pk,
            version=deployment.version.name,
            model_sha256=deployment.version.model_sha256,
            kind=deployment.kind,
            live=deployment.live,
            started_at=deployment.started_at,
            started_by=deployment.started_by,
            ended_at=deployment.ended_at,
            previous=deployment.previous.version.name if deployment.previous else None,
            reason=deployment.reason,
            report_sha256=deployment.report.sha256 if deployment.report else None,
        )


class DeploymentList(Document):
    """A page of deployments, newest first, and how many there are in all."""

    total: int
    deployments: list[DeploymentDocument]


class SuspensionDocument(Document):
    """Predictions were suspended, from one moment to another."""

    reason: str
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    ended_by: str | None

    @classmethod
    def of(cls, suspension: Suspension) -> Self:
        """From its row."""
        return cls(
            reason=suspension.reason,
            started_at=suspension.started_at,
            started_by=suspension.started_by,
            ended_at=suspension.ended_at,
            ended_by=suspension.ended_by or None,
        )


class LiveDocument(Document):
    """What answers predictions now; nothing does while ``suspension`` is not null."""

    deployment: DeploymentDocument
    suspension: SuspensionDocument | None


def live_document() -> LiveDocument:
    """What answers predictions now.

    Raises:
        NothingLiveError: no version is in production.
    """
    deployment, suspension = timeline().filter(live=True).first(), open_suspension()
    if deployment is None:
        raise NothingLiveError
    return LiveDocument(
        deployment=DeploymentDocument.of(deployment),
        suspension=None if suspension is None else SuspensionDocument.of(suspension),
    )


# --- People ---------------------------------------------------------------------------------------------------------------
class Decision(Document):
    """What a team decided of a version: of one gate report, and of the very artifact it is about."""

    version: str
    team: Literal["data", "drh"]
    decision: Literal["approve", "reject"]
    comment: str
    at: datetime
    by: str
    report_sha256: str
    model_sha256: str

    @classmethod
    def of(cls, approval: Approval) -> Self:
        """From its row."""
        return cls(
            version=approval.version.name,
            team=approval.team,
            decision=approval.decision,
            comment=approval.comment,
            at=approval.created_at,
            by=approval.created_by,
            report_sha256=approval.report_sha256,
            model_sha256=approval.model_sha256,
        )


class Withdrawal(Document):
    """A decision taken back by the person who took it."""

    decision: Decision
    reason: str
    at: datetime
    by: str

    @classmethod
    def of(cls, withdrawal: ApprovalWithdrawal) -> Self:
        """From its row."""
        return cls(
            decision=Decision.of(withdrawal.approval),
            reason=withdrawal.reason,
            at=withdrawal.created_at,
            by=withdrawal.created_by,
        )


class WorksCouncilDocument(Document):
    """Information or consultation of the works council; ``version`` is null for the system as a whole."""

    version: str | None
    state: Literal["not_required", "informed", "consulted", "opinion_given"]
    held_on: date
    reason: str
    document: str
    at: datetime
    by: str

    @classmethod
    def of(cls, record: WorksCouncilRecord) -> Self:
        """From its row."""
        return cls(
            version=record.version.name if record.version else None,
            state=record.state,
            held_on=record.held_on,
            reason=record.reason,
            document=record.document,
            at=record.created_at,
            by=record.created_by,
        )


# --- The gate -------------------------------------------------------------------------------------------------------------
class CheckDocument(Document):
    """One criterion: what was observed, what was required, the verdict, and why, in both languages."""

    key: str
    lock: Literal["written", "second", "people", "target"]
    verdict: Literal["promotable", "inconclusive", "refused", "waiting"]
    observed: float | int | str | None
    required: float | int | str | None
    facts: dict[str, float | int | str | None]
    name: dict[Literal["fr", "en"], str]
    reason: dict[Literal["fr", "en"], str]

    @classmethod
    def of(cls, check: Check) -> Self:
        """From the library's words."""
        texts = {language: check_text(check, language) for language in LANGUAGES}
        return cls(
            key=check.key,
            lock=check.lock,
            verdict=check.verdict.value,
            observed=check.observed,
            required=check.required,
            facts=check.facts,
            name={language: text.name for language, text in texts.items()},
            reason={language: text.reason for language, text in texts.items()},
        )


class OverrideDocument(Document):
    """A person lifts the second lock of a report for a while."""

    reason: str
    risk: str
    at: datetime
    by: str
    expires_at: datetime
    report_sha256: str

    @classmethod
    def of(cls, override: GateOverride) -> Self:
        """From its row."""
        return cls(
            reason=override.reason,
            risk=override.risk,
            at=override.created_at,
            by=override.created_by,
            expires_at=override.expires_at,
            report_sha256=override.report.sha256,
        )


class ReportDocument(Document):
    """A frozen gate report. ``sha256`` is that of ``content``'s canonical JSON; approvals bind to it."""

    sha256: str
    made_at: datetime
    made_by: str
    verdict: Literal["promotable", "inconclusive", "refused", "waiting"]
    content: dict[str, Any]

    @classmethod
    def of(cls, report: GateReport) -> Self:
        """From its row."""
        return cls(
            sha256=report.sha256,
            made_at=report.created_at,
            made_by=report.created_by,
            verdict=report.verdict,
            content=report.content,
        )


class GateDocument(Document):
    """Where a version stands: the verdict, every check, the present report and what people decided of it."""

    version: str
    stage: StageCode
    verdict: Literal["promotable", "inconclusive", "refused", "waiting"] = Field(description="of everything")
    evidence_verdict: Literal["promotable", "inconclusive", "refused", "waiting"] = Field(
        description="without what people decide"
    )
    sentence: dict[Literal["fr", "en"], str]
    checks: list[CheckDocument]
    report: ReportDocument | None = Field(description="null where there is none, or what it stood on has changed")
    decisions: list[Decision]
    override: OverrideDocument | None

    @classmethod
    def of(cls, standing: Standing) -> Self:
        """From what the rows say."""
        name = standing.version.name
        return cls(
            version=name,
            stage=standing.stage.value,
            verdict=standing.verdict.value,
            evidence_verdict=standing.evidence_verdict.value,
            sentence={
                language: headline(name, standing.verdict, standing.failing(), language) for language in LANGUAGES
            },
            checks=[CheckDocument.of(check) for check in standing.checks],
            report=None if standing.report is None else ReportDocument.of(standing.report),
            decisions=[Decision.of(decision) for decision in standing.decisions.values()],
            override=None if standing.override is None else OverrideDocument.of(standing.override),
        )


# --- The validation sample ------------------------------------------------------------------------------------------------
class SampleDocument(Document):
    """The validation sample of a version: how far it is and, once it is complete, what it says."""

    sample: int = Field(description="its number; give it back with every label")
    version: str
    model_sha256: str
    size: int
    seed: int
    at: datetime
    by: str
    samples_drawn: int = Field(description="how many samples were drawn for the version; the newest counts")
    periods: dict[str, str | None] = Field(description="test, latest: the period of each half")
    missing: Literal["", "no_facts", "latest_is_tested"] = Field(description="why there is no latest half")
    definitions: dict[str, dict[str, str]] = Field(description="what the levels mean, by language")
    given: int = Field(description="opinions given, of those needed")
    needed: int
    reviewers: dict[str, int] = Field(description="who labelled, and how many rows each")
    complete: bool
    completed_at: datetime | None
    strata: list[dict[str, Any]] | None = Field(description="null until it is complete: labels are given blind")
    result: dict[str, Any] | None = Field(description="null until it is complete")
    result_sha256: str | None

    @classmethod
    def of(cls, sample: ValidationSample) -> Self:
        """From its row; nothing of the predictions before it is complete."""
        progress, complete = progress_of(sample), sample.completed_at is not None
        return cls(
            sample=sample.pk,
            version=sample.version.name,
            model_sha256=sample.model_sha256,
            size=sample.size,
            seed=sample.seed,
            at=sample.created_at,
            by=sample.created_by,
            samples_drawn=samples_drawn(sample.version),
            periods=sample.drawn["periods"],
            missing=sample.drawn["missing"],
            definitions=sample.definitions,
            given=progress.given,
            needed=progress.needed,
            reviewers=dict(progress.reviewers),
            complete=complete,
            completed_at=sample.completed_at,
            strata=sample.drawn["strata"] if complete else None,
            result=sample.result,
            result_sha256=sample.result_sha256 or None,
        )


class TaskDocument(Document):
    """A row as a reviewer sees it: what was known at its period, and the reviewer's own answer."""

    position: int
    role: str
    skill: str
    period: str | None
    question: str
    facts: dict[str, Any] = Field(description="of the row's own period; “history”: of earlier ones, newest first")
    level: Literal["LOW", "MEDIUM", "HIGH", "UNKNOWN"] | None
    comment: str

    @classmethod
    def of(cls, task: Task, sample: ValidationSample) -> Self:
        """From the reads, which know nothing of the prediction."""
        return cls(
            position=task.position,
            role=task.role,
            skill=task.skill,
            period=task.period or None,
            question=question(sample, task.period),
            facts=dict(task.facts),
            level=task.level,
            comment=task.comment,
        )


class TaskList(Document):
    """The next rows that wait for a reviewer."""

    sample: int
    version: str
    done: int = Field(description="rows that you labelled")
    left: int = Field(description="rows that wait for you")
    tasks: list[TaskDocument]


class LabelledDocument(Document):
    """What became of answers."""

    sample: int
    version: str
    recorded: int = Field(description="new, or other than before")
    unchanged: int
    complete: bool

    @classmethod
    def of(cls, labelled: Labelled) -> Self:
        """From the verb's words."""
        return cls(
            sample=labelled.sample.pk,
            version=labelled.sample.version.name,
            recorded=labelled.recorded,
            unchanged=labelled.unchanged,
            complete=labelled.sample.completed_at is not None,
        )


class DefinitionsDocument(Document):
    """What the levels mean to a sample drawn now; ``at`` and ``by`` are null for those of the repository."""

    sha256: str
    definitions: dict[str, dict[str, str]]
    at: datetime | None
    by: str | None


def definitions_document() -> DefinitionsDocument:
    """The definitions in force."""
    definitions, newest = active_definitions(), LevelDefinitions.objects.first()
    return DefinitionsDocument(
        sha256=definitions.sha256,
        definitions=definitions.model_dump(),
        at=newest.created_at if newest else None,
        by=newest.created_by if newest else None,
    )
