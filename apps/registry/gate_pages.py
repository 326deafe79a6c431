"""What the pages of the gate say: criteria as a checklist, what each team decided, what the reader may do, the policy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.rights import Right
from apps.registry.live import champions
from apps.registry.models import Approval, GateReport, WorksCouncilRecord
from apps.registry.pages import language
from apps.registry.samples import newest_sample
from apps.registry.services.approvals import RIGHTS, require_decision, require_withdrawal
from apps.registry.services.gate import require_liftable
from apps.registry.standing import Standing
from future_skills import charts
from future_skills import formatting as fmt
from future_skills.errors import FutureSkillsError
from future_skills.gate_text import COUNCIL, LOCKS, TEAMS, check_text
from future_skills.gates import Check, Lock, Verdict
from future_skills.lifecycle import ALLOWED, Act
from future_skills.policy import GatePolicy, WorksCouncilPolicy, policy_sha256

Text = str | Promise


# --- The checklist ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Criterion:
    """A check as the page shows it; ``drawing`` is its interval, where it has one."""

    verdict: Verdict
    name: str
    observed: str
    required: str
    reason: str
    drawing: SafeString | str


@dataclass(frozen=True, slots=True)
class LockPart:
    """The criteria of one lock; ``count`` says how many are met. Those for information block nothing."""

    key: Lock
    title: str
    count: str
    criteria: tuple[Criterion, ...]

    @property
    def blocks(self) -> bool:
        """Whether they keep a version from production."""
        return self.key != "target"


def checklist(checks: Sequence[Check]) -> list[LockPart]:
    """The checks by lock: first what the version must meet, then what is for information, then what people decide."""
    locks: tuple[Lock, ...] = ("written", "second", "target", "people")
    return [_lock_part(lock, own) for lock in locks if (own := [check for check in checks if check.lock == lock])]


def _lock_part(lock: Lock, checks: Sequence[Check]) -> LockPart:
    met = sum(check.verdict is Verdict.PROMOTABLE for check in checks)
    count = ngettext("{met} of {count} is met", "{met} of {count} are met", met).format(met=met, count=len(checks))
    return LockPart(lock, LOCKS[language()][lock], count, tuple(_criterion(check) for check in checks))


def _criterion(check: Check) -> Criterion:
    text = check_text(check, language())
    return Criterion(check.verdict, text.name, text.observed, text.required, text.reason, _drawing(check))


SHARE_AXIS: Final = (0.0, 1.0)
MARGIN_AXIS: Final = (-4.0, 4.0)
"""Differences are drawn in margins, more to the right being better: all of them have their margin at the same place."""


def _drawing(check: Check) -> SafeString | str:
    """The interval of a check, what it required as a line; nothing where it has none."""
    ends = [check.facts.get("low"), check.observed, check.facts.get("high"), check.required]
    if not all(isinstance(end, int | float) for end in ends):
        return ""
    low, value, high, required = (float(end) for end in ends)  # type: ignore[arg-type]  # the line above
    if check.kind != "not_worse":
        return _svg(charts.strip(low, value, high, axis=SHARE_AXIS, required=required))
    if not required:
        return ""
    low, value, high = sorted(end / -required for end in (low, value, high))
    return _svg(charts.strip(low, value, high, axis=MARGIN_AXIS, required=-1, zero=0))


def _svg(drawn: str) -> SafeString:
    """An SVG of numbers alone, as it is."""
    return mark_safe(drawn)  # noqa: S308


def outdated_sentence(report: GateReport, policy: GatePolicy) -> str:
    """What the report stood on that is no longer so."""
    version = report.version
    changed = []
    if report.champion_id != champions().of(version.pk):
        changed.append(gettext("the version it is compared with"))
    if report.policy_sha256 != policy_sha256(policy):
        changed.append(gettext("the gate policy"))
    sample = newest_sample(version)
    if (report.sample_id, report.sample_result_sha256) != (
        sample.pk if sample else None,
        sample.result_sha256 if sample else "",
    ):
        changed.append(gettext("the validation sample"))
    return gettext("The report of {day} no longer counts, nor what was decided on it: {changed} changed since.").format(
        day=fmt.moment(timezone.localtime(report.created_at), language()), changed=", ".join(changed)
    )


# --- What the reader may do ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Refused:
    """A form that was refused: which one, why, and what was typed in it. By default none was."""

    form: str = ""
    error: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where the form is on the page of a gate."""
        team = self.typed.get("team", "")
        return {"override": "lift", "evaluate": ""}.get(self.form, f"team-{team}" if team else "")

    def of(self, team: str) -> bool:
        """Whether it speaks for that team."""
        return self.typed.get("team") == team


@dataclass(frozen=True, slots=True)
class TeamPart:
    """A team, what it decided, and what the reader may do in its name.

    Attributes:
        team: data or drh.
        name: the team inside a sentence.
        decision: its decision on the present report, or None.
        speaks: whether the reader may speak for it.
        approves: whether the reader may approve now.
        rejects: whether the reader may reject now.
        withdraws: whether the decision is the reader's, who may take it back before deciding otherwise.
        why_not: why the reader, who speaks for the team, may not approve.
        refused: why the form that was sent was refused, or nothing.
        typed: what was typed in it.
    """

    team: str
    name: str
    decision: Approval | None
    speaks: bool
    approves: bool
    rejects: bool
    withdraws: bool
    why_not: str
    refused: str
    typed: str


def team_parts(standing: Standing, name: str, rights: frozenset[Right], refused: Refused) -> list[TeamPart]:
    """Both teams, as somebody of that name and these rights sees them."""
    parts = []
    for team in Approval.Team:
        decision, speaks = standing.decisions.get(team.value), RIGHTS[team] in rights
        withdraws = speaks and not _refusal(lambda t=team: require_withdrawal(name=name, standing=standing, team=t))
        why_not = _refusal(_deciding(standing, name, team, Approval.Decision.APPROVE))
        rejected = decision is not None and decision.decision == Approval.Decision.REJECT
        rejects = not rejected and not _refusal(_deciding(standing, name, team, Approval.Decision.REJECT))
        if rejects and standing.evidence_verdict is not Verdict.PROMOTABLE:
            why_not = gettext("There is nothing to approve yet: the criteria above come first.")
        own = refused if refused.of(team.value) else Refused()
        parts.append(
            TeamPart(
                team=team.value,
                name=TEAMS[language()][team.value],
                decision=decision,
                speaks=speaks,
                approves=speaks and not withdraws and not why_not,
                rejects=speaks and not withdraws and rejects,
                withdraws=withdraws,
                why_not=why_not if speaks and not decision and standing.stage in ALLOWED[Act.APPROVE] else "",
                refused=own.error,
                typed=own.typed.get("reason") or own.typed.get("comment", ""),
            )
        )
    return parts


def _deciding(
    standing: Standing, name: str, team: Approval.Team, decision: Approval.Decision
) -> Callable[[], GateReport]:
    return lambda: require_decision(name=name, standing=standing, team=team, decision=decision)


def _refusal(asked: Callable[[], object]) -> str:
    """Why the rules refuse something, in words; nothing where they do not."""
    try:
        asked()
    except FutureSkillsError as error:
        return error.explain(gettext)
    return ""


@dataclass(frozen=True, slots=True)
class Offers:
    """What the reader may do with the version besides speaking for a team."""

    evaluates: bool
    lifts: bool
    deploys: bool

    @property
    def any(self) -> bool:
        """Whether there is anything."""
        return self.evaluates or self.lifts or self.deploys


def offers(standing: Standing, name: str, rights: frozenset[Right]) -> Offers:
    """As the rules and the reader's rights have it now."""
    return Offers(
        evaluates=Right.EVALUATE in rights and standing.report is None and standing.stage in ALLOWED[Act.EVALUATE],
        lifts=Right.OVERRIDE in rights and not _refusal(lambda: require_liftable(name=name, standing=standing)),
        deploys=Right.DEPLOY in rights and standing.may_be_deployed,
    )


# --- Works council ------------------------------------------------------------------------------------------------------
def council_state(state: str | None) -> str:
    """What was done with the works council, in words."""
    return COUNCIL[language()][state]


def council_parts(standing: Standing) -> list[tuple[str, WorksCouncilRecord | None, str]]:
    """What was done for the system and for the version: of what, the newest record, its state in words."""
    whats = (gettext("The system"), standing.version.name)
    pairs = zip(whats, standing.council, strict=True)
    return [(what, record, council_state(record.state if record else None)) for what, record in pairs]


def council_sentence(system: WorksCouncilRecord | None) -> str:
    """What the works council was told of the system as a whole."""
    if system is None:
        return gettext("Nothing is recorded yet of the works council, for the system as a whole.")
    return gettext("Of the system as a whole: {state}, on {day}.").format(
        state=council_state(system.state), day=fmt.day(system.held_on, language())
    )


def council_policy(policy: WorksCouncilPolicy) -> str:
    """What the policy asks of the works council, and whether a version waits for it."""
    template = (
        gettext("The policy in force waits for it: at least “{state}”, for the system and for each version.")
        if policy.blocks
        else gettext("The policy in force shows it and does not wait for it; it asks for at least “{state}”.")
    )
    return template.format(state=council_state(policy.minimum))


# --- Policy -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Rule:
    """A number of the policy: its name, its value, and what it means."""

    name: Text
    value: str
    meaning: Text


def policy_parts(policy: GatePolicy) -> list[tuple[Text, list[Rule]]]:
    """Every number of the policy, by part."""
    written, second, sample = policy.written_rule, policy.second_lock, policy.sample
    return [
        (
            LOCKS[language()]["written"],
            [
                Rule(
                    _("Weighted F1 that makes up for a lower accuracy"),
                    _more(_score(written.f1_weighted_gain)),
                    _("gained over the previous version, on the same rows"),
                ),
                Rule(
                    _("Precision of every level"),
                    _least(_percent(written.minimum_precision)),
                    _("when the version says a level, how often it must be right"),
                ),
            ],
        ),
        (
            LOCKS[language()]["second"],
            [
                Rule(
                    _("Confidence of the intervals"),
                    _percent(second.confidence),
                    _("two-sided: half of the rest is the risk of promoting a version worse than the margin"),
                ),
                Rule(_("Draws"), _whole(second.draws), _("roles and skills drawn again, for the intervals")),
                Rule(
                    _("Predictions of a level"),
                    _least(_whole(second.minimum_predictions)),
                    _("with fewer, nothing is concluded of its precision"),
                ),
                Rule(
                    _("How far back the best version is looked for"),
                    gettext("{count} months").format(count=_whole(second.anchor_months)),
                    _("so that small losses do not add up, promotion after promotion"),
                ),
            ],
        ),
        (_("Margins: how much worse is still “not worse”"), [_margin(*one) for one in second.margins]),
        (
            _("Manual validation sample"),
            [
                Rule(_("Rows that somebody could judge"), _least(_whole(sample.minimum_size)), ""),
                Rule(
                    _("Agreement, lower end of its interval"),
                    _least(_percent(sample.minimum_agreement)),
                    _("between the model and the people who label without seeing its answers"),
                ),
                Rule(_("Rows that a second person labels"), _percent(sample.second_reviewer_share), ""),
                Rule(_("Confidence of the interval"), _percent(sample.confidence), ""),
            ],
        ),
        (
            _("Exceptions and consultation"),
            [
                Rule(
                    _("A person may lift the second lock for"),
                    gettext("{count} days at most").format(count=_whole(policy.override.longest_days)),
                    _("never the written rule"),
                ),
                Rule(
                    _("Works council, at least"),
                    council_state(policy.works_council.minimum),
                    _("a version waits for it") if policy.works_council.blocks else _("shown, blocks nothing"),
                ),
            ],
        ),
    ]


def _margin(metric: str, margin: float) -> Rule:
    points = metric in {"accuracy", "severe_error_rate"}
    value = fmt.signed_points(margin, language()).lstrip("+") if points else _score(margin)
    return Rule(charts.LABELS[language()].metric(metric), value, "")


def _percent(share: float) -> str:
    return fmt.percent(share, language(), 0)


def _score(value: float) -> str:
    return fmt.decimal(value, language(), 2)


def _whole(count: int) -> str:
    return fmt.integer(count, language())


def _least(text: str) -> str:
    return f"≥\u00a0{text}"


def _more(text: str) -> str:
    return f">\u00a0{text}"


# --- What waits for me --------------------------------------------------------------------------------------------------
def waiting_sentence(count: int | None) -> str:
    """How many decisions wait for the reader; None: the reader decides nothing here."""
    if count is None:
        return gettext("Your roles decide nothing here: nothing waits for you.")
    if not count:
        return gettext("Nothing waits for you.")
    return ngettext("{count} decision waits for you.", "{count} decisions wait for you.", count).format(
        count=fmt.integer(count, language())
    )
