"""Promotion driven in any order by anybody, with and without the right, against a small model in memory.

The model knows nothing of statistics: what the evidence says of a version is taken from its report. Everything else it
knows by itself: who may do what, which report is the present one, whose decisions hold, what is live.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.audit.services import verify_chain
from apps.registry import models as rows
from apps.registry.services.approvals import approve, reject, withdraw
from apps.registry.services.datasets import export_dataset
from apps.registry.services.deployments import deploy_version, resume, roll_back, suspend
from apps.registry.services.gate import evaluate_gate, override_gate
from apps.registry.services.keys import create_key
from apps.registry.services.samples import Given, draw_sample, label_items
from apps.registry.services.versions import register_version, retract_version
from apps.registry.standing import stages_of
from future_skills.errors import (
    FutureSkillsError,
    NotAllowedError,
    NothingLiveError,
    NotPromotableError,
    OwnWorkError,
    ProofRequiredError,
    SampleClosedError,
    SampleNotFoundError,
    UsageError,
    VersionExistsError,
)
from future_skills.errors import PermissionDeniedError as Denied
from future_skills.lifecycle import Stage
from tests.apps.registry.promotion import (
    CLAIRE,
    DOMINIQUE,
    DRISS,
    EASY,
    HARD,
    NADIA,
    OLIVIER,
    ROLES,
    hire,
    put_in_force,
    twin,
)

Refusal = type[FutureSkillsError] | None

# --- What the model knows -----------------------------------------------------------------------------------------------
MAY = {
    "register": "data_scientist",
    "evaluate": "data_scientist",
    "label": "drh_reviewer",
    "data": "data_scientist",
    "drh": "drh_reviewer",
    "deploy": "operator",
    "override": "administrator",
    "policy": "administrator",
}
PROVED = {"label", "data", "drh", "override", "policy"}
Team = Literal["data", "drh"]
TEAMS: tuple[Team, ...] = ("data", "drh")
POLICIES = (EASY, {**EASY, "second_lock": {**EASY["second_lock"], "confidence": 0.9}}, HARD)
"""Under the second one the second lock of a first version is inconclusive: there is something to lift. None meets the third."""


@dataclass
class Report:
    """What a report stands on, and what it says."""

    champion: str | None
    policy: int
    sample: tuple[int, bool] | None
    verdict: str
    written: str
    lifted: bool = False
    deployed: bool = False
    decisions: dict[str, tuple[str, str] | None] = field(default_factory=dict)
    """Team -> its newest decision and whose it is; None where that one was taken back."""


@dataclass
class Sample:
    """Which halves each reviewer labelled."""

    said: dict[str, set[int]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return set().union(*self.said.values()) == {0, 1}


@dataclass
class Version:
    """A version, as the model remembers it."""

    authors: set[str]
    samples: list[Sample] = field(default_factory=list)
    report: Report | None = None
    retracted: bool = False


class World:
    """The model: versions, the policy in force, what was deployed, whether predictions are suspended."""

    def __init__(self) -> None:
        self.versions: dict[str, Version] = {}
        self.policy = 0
        self.deployments: list[tuple[str, str]] = []
        self.suspended = False
        self.events = 0

    @property
    def live(self) -> str | None:
        return self.deployments[-1][0] if self.deployments else None

    def champion(self, name: str) -> str | None:
        if name != self.live:
            return self.live
        return next((other for other, _ in reversed(self.deployments) if other != name), None)

    def way_back(self) -> str | None:
        """Deployments put a version there; rollbacks go back to what was there before it was put."""
        put = max(
            place for place, (name, kind) in enumerate(self.deployments) if name == self.live and kind == "deploy"
        )
        earlier = (name for name, _ in reversed(self.deployments[:put]) if name != self.live)
        return next((name for name in earlier if not self.versions[name].retracted), None)

    def sample(self, name: str) -> tuple[int, bool] | None:
        samples = self.versions[name].samples
        return (len(samples), samples[-1].complete) if samples else None

    def report(self, name: str) -> Report | None:
        """The present one."""
        report = self.versions[name].report
        now = (self.champion(name), self.policy, self.sample(name))
        return report if report and (report.champion, report.policy, report.sample) == now else None

    def evidence(self, name: str) -> str:
        report = self.report(name)
        if report is None:
            return "waiting"
        return report.written if report.lifted else report.verdict

    def decision(self, name: str, team: str) -> tuple[str, str] | None:
        report = self.report(name)
        return report.decisions.get(team) if report else None

    def approved(self, name: str) -> bool:
        decisions = [self.decision(name, team) for team in TEAMS]
        return self.evidence(name) == "promotable" and all(one and one[0] == "approve" for one in decisions)

    def stage(self, name: str) -> Stage:
        decisions = [self.decision(name, team) for team in TEAMS]
        if self.versions[name].retracted:
            return Stage.RETRACTED
        if name == self.live:
            return Stage.LIVE
        if any(name == other for other, _ in self.deployments):
            return Stage.RETIRED
        if self.evidence(name) == "refused" or any(one and one[0] == "reject" for one in decisions):
            return Stage.REJECTED
        if self.approved(name):
            return Stage.APPROVED
        return Stage.GATE_PASSED if self.evidence(name) == "promotable" else Stage.CANDIDATE

    def closed(self, name: str) -> bool:
        """Whether the version is neither judged nor replaced: it is live, or gone."""
        return self.stage(name) in {Stage.LIVE, Stage.RETRACTED}


def barred(actor: Actor, what: str) -> Refusal:
    """Why the actor has not the right, or None."""
    if MAY[what] not in ROLES[Actor(actor.name, "login")]:
        return Denied
    return ProofRequiredError if what in PROVED and not actor.proved else None


def barred_or(actor: Actor, what: str, *reasons: tuple[bool, Refusal]) -> Refusal:
    """The right comes before everything else; then the first refusal that applies."""
    return barred(actor, what) or next((refusal for applies, refusal in reasons if applies), None)


# --- The machine --------------------------------------------------------------------------------------------------------
EXAMPLES, STEPS = int(os.environ.get("FAULTS", "8")), 30
"""More of them with FAULTS=200 (``make faults``)."""

NAMES = ("v1", "v2", "v3", "v4")
FACTS = (
    rows.ModelVersion,
    rows.ValidationSample,
    rows.SampleLabel,
    rows.GatePolicyChoice,
    rows.GateReport,
    rows.GateOverride,
    rows.Approval,
    rows.ApprovalWithdrawal,
    rows.Deployment,
    rows.Suspension,
    rows.Retraction,
)


def counts() -> tuple[int, ...]:
    """How many rows there are of every fact."""
    return tuple(table.objects.count() for table in FACTS)


names = st.sampled_from(NAMES)
teams = st.sampled_from(TEAMS)


@st.composite
def somebody(draw: st.DrawFn, *what: str) -> Actor:
    """Mostly somebody who may, of those that the model names; else anybody, of whom one time in three only the name is said."""
    if draw(st.integers(0, 3)):
        return draw(st.sampled_from([one for one in ROLES if any(MAY[right] in ROLES[one] for right in what)]))
    actor = draw(st.sampled_from(list(ROLES)))
    return Actor(actor.name, "declared") if draw(st.integers(0, 2)) == 0 else actor


class Promotion(RuleBasedStateMachine):
    """Each rule asks the model first, then does it."""

    def __init__(self, office: Path) -> None:
        super().__init__()
        self.office = office
        self.world = World()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.world.events = AuditEvent.objects.count()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    def known(self, name: str) -> Version:
        """The version; registered by nadia where it is not yet, for most acts need one."""
        if name not in self.world.versions:
            self.register(actor=NADIA, name=name)
        return self.world.versions[name]

    def does(self, act: Callable[[], Any], *, refusal: Refusal, events: tuple[str, ...]) -> Any:
        """Accepted with exactly these events, or refused without a trace: as the model says."""
        before = counts()
        if refusal is not None:
            with pytest.raises(refusal):
                act()
            assert (AuditEvent.objects.count(), counts()) == (self.world.events, before)
            return None
        done = act()
        written = AuditEvent.objects.order_by("sequence").values_list("action", flat=True)[self.world.events :]
        assert tuple(written) == tuple(f"registry.{event}" for event in events)
        self.world.events += len(events)
        return done

    # --- Versions
    @rule(actor=somebody("register"), name=names)
    def register(self, actor: Actor, name: str) -> None:
        taken = name in self.world.versions
        refusal = barred_or(actor, "register", (taken, VersionExistsError))
        path = self.office / f"future_skills_model_{name}.pkl"
        if self.does(lambda: register_version(actor=actor, path=path), refusal=refusal, events=("register_version",)):
            self.world.versions[name] = Version({actor.name, "camille" if name == "v4" else "nadia"})

    @precondition(lambda self: self.world.live)
    @rule(actor=somebody("register"), name=names)
    def retract(self, actor: Actor, name: str) -> None:
        version = self.known(name)
        refusal = barred_or(
            actor, "register", (name == self.world.live, NotAllowedError), (version.retracted, UsageError)
        )
        act = lambda: retract_version(actor=actor, version=name, reason="Erreur.")  # noqa: E731
        if self.does(act, refusal=refusal, events=("retract",)):
            version.retracted = True

    # --- Evidence
    @rule(actor=somebody("evaluate"), name=names)
    def draw(self, actor: Actor, name: str) -> None:
        version = self.known(name)
        if version.samples and not version.samples[-1].complete:
            return  # drawing is slow, and chance would do little else
        refusal = barred_or(actor, "evaluate", (version.retracted, NotAllowedError))
        act = lambda: draw_sample(actor=actor, version=name, size=12, seed=len(version.samples))  # noqa: E731
        if self.does(act, refusal=refusal, events=("draw_sample",)):
            version.samples.append(Sample())

    @rule(actor=somebody("label"), name=names, halves=st.sampled_from([{0}, {1}, {0, 1}]))
    def label(self, actor: Actor, name: str, halves: set[int]) -> None:
        version = self.known(name)
        sample = version.samples[-1] if version.samples else None
        refusal = barred_or(
            actor,
            "label",
            (actor.name in version.authors, OwnWorkError),
            (sample is None, SampleNotFoundError),
            (sample is not None and sample.complete, SampleClosedError),
        )
        items = rows.SampleItem.objects.filter(sample=rows.ValidationSample.objects.filter(version__name=name).first())
        answers = [Given(one.position, one.predicted) for one in items if one.position % 2 in halves]
        said = sample.said.get(actor.name, set()) if sample else set()
        new = Sample({**sample.said, actor.name: said | halves}) if sample else Sample()
        events = (("label",) if halves - said else ()) + (("complete_sample",) if sample and new.complete else ())
        act = lambda: label_items(actor=actor, version=name, answers=answers)  # noqa: E731
        if self.does(act, refusal=refusal, events=events):
            version.samples[-1] = new

    @rule(actor=somebody("evaluate"), name=names)
    def gate(self, actor: Actor, name: str) -> None:
        version, world = self.known(name), self.world
        refusal = barred_or(actor, "evaluate", (version.retracted, NotAllowedError))
        events = () if world.report(name) else ("gate",)
        standing = self.does(lambda: evaluate_gate(actor=actor, version=name), refusal=refusal, events=events)
        if standing and events:
            found = standing.report
            version.report = Report(
                world.champion(name), world.policy, world.sample(name), found.verdict, found.written_verdict
            )

    @precondition(lambda self: self.world.live)
    @rule(actor=somebody("policy"), other=st.sampled_from(range(len(POLICIES))))
    def change_policy(self, actor: Actor, other: int) -> None:
        refusal = barred_or(actor, "policy", (other == self.world.policy, UsageError))
        self.does(
            lambda: put_in_force(self.office, POLICIES[other], actor=actor), refusal=refusal, events=("set_policy",)
        )
        if refusal is None:
            self.world.policy = other

    # --- Decisions
    @rule(actor=somebody(*TEAMS), name=names, team=teams, how=st.sampled_from(["approve", "approve", "reject"]))
    def decide(self, actor: Actor, name: str, team: Team, how: str) -> None:
        version, world = self.known(name), self.world
        report = world.report(name)
        standing = {other: one for other in TEAMS if (one := world.decision(name, other)) and one[0] == "approve"}
        refusal = barred_or(
            actor,
            team,
            (world.closed(name), NotAllowedError),
            (actor.name in version.authors, OwnWorkError),
            (report is None, NotAllowedError),
            (how == "approve" and world.evidence(name) != "promotable", NotPromotableError),
            (how == "approve" and team in standing, UsageError),
            (how == "approve" and any(by == actor.name for _, by in standing.values()), OwnWorkError),
        )
        verb = approve if how == "approve" else reject
        act = lambda: verb(actor=actor, version=name, team=rows.Approval.Team(team), comment="Relu.")  # noqa: E731
        if self.does(act, refusal=refusal, events=(how,)):
            assert report is not None
            report.decisions[team] = (how, actor.name)

    @rule(actor=somebody(*TEAMS), name=names, team=teams)
    def withdraw(self, actor: Actor, name: str, team: Team) -> None:
        self.known(name)
        report, decision = self.world.report(name), self.world.decision(name, team)
        own = decision is not None and decision[1] == actor.name
        refusal = barred_or(
            actor,
            team,
            (self.world.closed(name), NotAllowedError),
            (not own, NotAllowedError),
            (report is not None and report.deployed, NotAllowedError),
        )
        act = lambda: withdraw(actor=actor, version=name, team=rows.Approval.Team(team), reason="Revu.")  # noqa: E731
        if self.does(act, refusal=refusal, events=("withdraw",)):
            assert report is not None
            report.decisions[team] = None

    @rule(actor=somebody("override"), name=names)
    def override(self, actor: Actor, name: str) -> None:
        version, report = self.known(name), self.world.report(name)
        refusal = barred_or(
            actor,
            "override",
            (self.world.closed(name), NotAllowedError),
            (actor.name in version.authors, OwnWorkError),
            (report is None or report.lifted or report.verdict == report.written, NotAllowedError),
            (report is not None and report.written == "refused", NotAllowedError),
        )
        act = lambda: override_gate(actor=actor, version=name, reason="Essai.", risk="Erreurs.", days=3)  # noqa: E731
        if self.does(act, refusal=refusal, events=("override",)):
            assert report is not None
            report.lifted = True

    # --- Production
    @rule(actor=somebody("deploy"), name=names)
    def deploy(self, actor: Actor, name: str) -> None:
        self.known(name)
        report = self.world.report(name)
        refusal = barred_or(
            actor,
            "deploy",
            (self.world.closed(name), NotAllowedError),
            (not self.world.approved(name), NotPromotableError),
        )
        done = self.does(lambda: deploy_version(actor=actor, version=name), refusal=refusal, events=("deploy",))
        if done:
            assert report is not None
            report.deployed = True
            require_two_people(done)
            self.world.deployments.append((name, "deploy"))

    @rule(actor=somebody("deploy"), name=st.none() | names)
    def roll_back(self, actor: Actor, name: str | None) -> None:
        if name is not None:
            self.known(name)
        to = (name or self.world.way_back()) if self.world.live else None
        refusal = barred_or(
            actor,
            "deploy",
            (self.world.live is None, NothingLiveError),
            (to is None or self.world.stage(to) is not Stage.RETIRED, NotAllowedError),
        )
        act = lambda: roll_back(actor=actor, to=name, reason="Retour.")  # noqa: E731
        if self.does(act, refusal=refusal, events=("rollback",)):
            assert to is not None
            self.world.deployments.append((to, "rollback"))

    @rule(actor=somebody("deploy"))
    def suspend(self, actor: Actor) -> None:
        refusal = barred_or(
            actor, "deploy", (self.world.live is None, NothingLiveError), (self.world.suspended, UsageError)
        )
        if self.does(lambda: suspend(actor=actor, reason="Incident."), refusal=refusal, events=("suspend",)):
            self.world.suspended = True

    @rule(actor=somebody("deploy"))
    def resume(self, actor: Actor) -> None:
        refusal = barred_or(actor, "deploy", (not self.world.suspended, UsageError))
        if self.does(lambda: resume(actor=actor), refusal=refusal, events=("resume",)):
            self.world.suspended = False

    # --- By the book
    @initialize(starts=st.lists(st.tuples(names, st.integers(1, 6)), max_size=3))
    def begin(self, starts: list[tuple[str, int]]) -> None:
        """In the middle of things."""
        for name, steps in starts:
            self.go_on(name, steps)

    @rule(name=names)
    def go_to_the_end(self, name: str) -> None:
        self.go_on(name, 6)

    @rule(name=names, steps=st.integers(1, 6))
    def go_on(self, name: str, steps: int) -> None:
        """The next steps of a version on its way, by the right people: chance alone seldom deploys."""
        for _ in range(steps):
            version, world = self.known(name), self.world
            if not version.samples:
                self.draw(NADIA, name)
            elif not version.samples[-1].complete:
                self.label(DRISS, name, {0, 1})
            elif world.report(name) is None:
                self.gate(DOMINIQUE, name)
            elif world.decision(name, "data") is None:
                self.decide(DOMINIQUE, name, "data", "approve")
            elif world.decision(name, "drh") is None:
                self.decide(CLAIRE, name, "drh", "approve")
            else:
                self.deploy(OLIVIER, name)

    # --- What always holds
    @invariant()
    def what_is_live_is_what_the_model_says(self) -> None:
        live = rows.Deployment.objects.filter(live=True).values_list("version__name", flat=True)
        assert list(live) == ([self.world.live] if self.world.live else [])
        assert rows.Deployment.objects.count() == len(self.world.deployments)
        assert rows.Suspension.objects.filter(open=True).count() == int(self.world.suspended)

    @invariant()
    def stages_are_what_the_model_says(self) -> None:
        names = dict(rows.ModelVersion.objects.values_list("id", "name"))
        found = {names[key]: stage for key, stage in stages_of(names).items()}
        assert found == {name: self.world.stage(name) for name in self.world.versions}

    @invariant()
    def the_audit_log_is_whole(self) -> None:
        assert verify_chain() == self.world.events


def require_two_people(deployment: rows.Deployment) -> None:
    """Nothing goes live without both teams' word, of two people of whom neither is the author: asked of the rows alone."""
    said = rows.Approval.objects.filter(report=deployment.report, withdrawal=None).order_by("id")
    newest = {one.team: one for one in said}
    assert {one.decision for one in newest.values()} == {"approve"}
    assert len({one.created_by for one in newest.values()}) == len(newest) == 2
    assert deployment.version.authors.isdisjoint(one.created_by for one in newest.values())


@pytest.fixture
def bench(facts: Any, pairs: Path, person: Callable[..., Any], analyst: Actor) -> Path:
    """Facts, dataset, people, a key and a policy; four pairs, none of which is registered."""
    create_key(actor=analyst)
    export_dataset(actor=analyst, output=pairs / "future_skills_dataset.csv")
    twin(pairs, "v1", "v3")
    twin(pairs, "v1", "v4", author="camille")
    hire(person)
    put_in_force(pairs, EASY)
    return pairs


def test_in_any_order_by_anybody_only_what_is_right_happens(bench: Path) -> None:
    run_state_machine_as_test(
        lambda: Promotion(bench),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
