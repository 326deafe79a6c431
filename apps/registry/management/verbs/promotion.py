"""Verbs on the gate and on what people decide: gate, policy, override, approve, reject, withdraw, works-council."""

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from rich.table import Table

from apps.accounts.actors import Actor
from apps.accounts.commands import REFUSED, WAITING
from apps.registry.documents import Decision, GateDocument, OverrideDocument, Withdrawal, WorksCouncilDocument
from apps.registry.management.verbs.base import Verb
from apps.registry.models import Approval, WorksCouncilRecord
from apps.registry.policies import active_policy
from apps.registry.selectors import find_version
from apps.registry.services.approvals import approve, reject, withdraw
from apps.registry.services.diagnosis import diagnose_version
from apps.registry.services.gate import evaluate_gate, override_gate, verify_report
from apps.registry.services.policies import set_policy
from apps.registry.services.works_council import record_works_council
from apps.registry.standing import Standing, standing_of
from apps.registry.words import moment
from future_skills.formatting import language_of
from future_skills.gate_text import LOCKS, chance_sentence, check_text, headline, uses_sentence, verdict_text
from future_skills.gates import Lock, Verdict
from future_skills.policy import policy_sha256

if TYPE_CHECKING:
    from apps.registry.management.commands.registry import Command

EXIT_CODES: Final = {
    Verdict.PROMOTABLE: None,
    Verdict.REFUSED: REFUSED,
    Verdict.INCONCLUSIVE: WAITING,
    Verdict.WAITING: WAITING,
}


# --- The gate -----------------------------------------------------------------------------------------------------------
def _gate(command: "Command", actor: Actor, options: dict[str, Any]) -> int | None:
    if options["verify"]:
        return _verify(command, options["version"])
    standing = evaluate_gate(actor=actor, version=options["version"])
    command.answer(GateDocument.of(standing).to_dict())
    _print_standing(command, standing)
    return EXIT_CODES[standing.verdict]


def _gate_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("version")
    parser.add_argument(
        "--verify", action="store_true", help="compute the kept report again: identical, or what differs"
    )


def _verify(command: "Command", version: str) -> int | None:
    found = verify_report(version)
    command.answer(
        {
            "version": version,
            "report_sha256": found.report.sha256,
            "identical": found.identical,
            "intact": found.intact,
            "differences": {place: {"kept": kept, "now": now} for place, (kept, now) in found.differences.items()},
        }
    )
    if found.identical:
        command.say(
            _("Report {sha256} of {version}: identical.").format(sha256=found.report.sha256[:12], version=version)
        )
        return None
    if not found.intact:
        command.say(_("The kept report no longer has its hash: it was changed after it was written."))
    for place, (kept, now) in found.differences.items():
        command.say(_("{place}: {kept} in the report, {now} now").format(place=place, kept=kept, now=now))
    command.stderr.write(_("{version}: not identical.").format(version=version))
    return REFUSED


def _print_standing(command: "Command", standing: Standing) -> None:
    language, name = language_of(get_language()), standing.version.name
    command.say(
        f"{verdict_text(standing.verdict, language)} — {headline(name, standing.verdict, standing.failing(), language)}"
    )
    locks: tuple[Lock, ...] = ("written", "second", "people", "target")
    for lock in locks:
        checks = [check for check in standing.checks if check.lock == lock]
        if not checks:
            continue
        table = Table(title=LOCKS[language][lock], title_justify="left")
        for heading in ("", _("criterion"), _("observed"), _("required"), _("reason")):
            table.add_column(heading)
        for check in checks:
            text = check_text(check, language)
            sign = verdict_text(check.verdict, language)
            table.add_row(sign if lock != "target" else sign[0], text.name, text.observed, text.required, text.reason)
        command.show_table(table)
    if standing.override is not None:
        command.say(
            _("{name} lifted the second lock until {until}: {reason}").format(
                name=standing.override.created_by,
                until=moment(standing.override.expires_at),
                reason=standing.override.reason,
            )
        )
    if standing.evidence is not None and standing.report is not None:
        for sentence in (chance_sentence(standing.evidence, language), uses_sentence(standing.evidence, language)):
            if sentence:
                command.say(sentence)
        command.say(
            _("Report {sha256}, made by {name} on {at}.").format(
                sha256=standing.report.sha256, name=standing.report.created_by, at=moment(standing.report.created_at)
            )
        )
    if standing.verdict is Verdict.REFUSED and not command.as_json:
        command.say()
        command.say(diagnose_version(name).to_text(language=language))
    command.say(_("Next: {command}").format(command=next_step(standing)))


def next_step(standing: Standing) -> str:
    """The command that brings a version further."""
    name, verdict = standing.version.name, standing.verdict
    if verdict is Verdict.PROMOTABLE:
        return f"manage.py registry deploy {name}"
    if verdict is Verdict.REFUSED:
        history = "" if standing.version.words.feature_set == "history" else " --features history"
        return f"python ml/train_future_skills_model.py --version … --parent {name}{history}"
    keys = {check.kind: check for check in standing.failing()}
    if "sample" in keys:
        drawn = keys["sample"].facts["state"] != "none"
        return f"manage.py registry sample {name}" + ("" if drawn else " --size 60 --seed 1")
    if verdict is Verdict.INCONCLUSIVE:
        return f"manage.py registry override {name} --reason … --risk … --days 30"
    if "approval" in keys:
        return f"manage.py registry approve {name} --team {keys['approval'].facts['team']}"
    return f"manage.py registry works-council --state informed --reason … --for {name}"


# --- Policy and override ------------------------------------------------------------------------------------------------
def _policy(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    if options["set"] is not None or options["default"]:
        policy = set_policy(actor=actor, path=options["set"], reason=options["reason"])
        command.say(_("This policy is in force; reports made under another one are out of date."))
    else:
        policy = active_policy()
    document = policy.model_dump(mode="json")
    command.answer({"sha256": policy_sha256(policy), "policy": document})
    command.say(f"sha256 {policy_sha256(policy)}")
    for line in _flat(document):
        command.say(line)


def _flat(document: dict[str, Any], prefix: str = "") -> list[str]:
    lines: list[str] = []
    for key, value in document.items():
        lines += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"  {prefix}{key} = {value}"]
    return lines


def _policy_arguments(parser: ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--set", type=Path, metavar="FILE.yaml", help="put this policy in force")
    which.add_argument("--default", action="store_true", help="go back to future_skills/gate_policy.yaml")
    parser.add_argument("--reason", default="", help="why, in words (with --set and --default)")


def _override(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    override = override_gate(
        actor=actor,
        version=options["version"],
        reason=options["reason"],
        risk=options["risk"],
        days=options["days"],
        report_sha256=options["report"],
    )
    command.answer(OverrideDocument.of(override).to_dict())
    command.say(
        _("The second lock of {version} is lifted until {until}.").format(
            version=options["version"], until=moment(override.expires_at)
        )
    )


def _override_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("version")
    parser.add_argument("--reason", required=True, help="why, in words")
    parser.add_argument("--risk", required=True, help="which risk is accepted, in words")
    parser.add_argument("--days", type=int, default=30, help="for how long (default: %(default)s)")
    _report_argument(parser)


def _report_argument(parser: ArgumentParser) -> None:
    parser.add_argument("--report", metavar="SHA256", help="the report that was read (default: the present one)")


# --- Approvals ----------------------------------------------------------------------------------------------------------
def _approve(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    approval = approve(
        actor=actor,
        version=options["version"],
        team=Approval.Team(options["team"]),
        comment=options["comment"],
        report_sha256=options["report"],
    )
    command.answer(Decision.of(approval).to_dict())
    command.say(
        _("{name} approved {version} (report {sha256}).").format(
            name=actor.name, version=options["version"], sha256=approval.report_sha256[:12]
        )
    )
    standing = standing_of(find_version(options["version"]))
    command.say(_("Next: {command}").format(command=next_step(standing)))


def _reject(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    rejection = reject(
        actor=actor,
        version=options["version"],
        team=Approval.Team(options["team"]),
        comment=options["comment"],
        report_sha256=options["report"],
    )
    command.answer(Decision.of(rejection).to_dict())
    command.say(_("{name} rejected {version}.").format(name=actor.name, version=options["version"]))


def _withdraw(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    withdrawal = withdraw(
        actor=actor, version=options["version"], team=Approval.Team(options["team"]), reason=options["reason"]
    )
    command.answer(Withdrawal.of(withdrawal).to_dict())
    command.say(_("{name} took back the decision on {version}.").format(name=actor.name, version=options["version"]))


def _team_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("version")
    parser.add_argument("--team", required=True, choices=Approval.Team.values, help="in whose name")


def _approve_arguments(parser: ArgumentParser) -> None:
    _team_arguments(parser)
    parser.add_argument("--comment", default="", help="in words")
    _report_argument(parser)


def _reject_arguments(parser: ArgumentParser) -> None:
    _team_arguments(parser)
    parser.add_argument("--comment", required=True, help="why, in words")
    _report_argument(parser)


def _withdraw_arguments(parser: ArgumentParser) -> None:
    _team_arguments(parser)
    parser.add_argument("--reason", required=True, help="why, in words")


# --- Works council ------------------------------------------------------------------------------------------------------
def _works_council(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    written = record_works_council(
        actor=actor,
        state=WorksCouncilRecord.State(options["state"]),
        held_on=options["held_on"] or timezone.localdate(),
        reason=options["reason"],
        document=options["document"],
        version=options["for_version"],
    )
    command.answer(WorksCouncilDocument.of(written).to_dict())
    command.say(_("Recorded, for {what}.").format(what=options["for_version"] or _("the system as a whole")))


def _works_council_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--state", required=True, choices=WorksCouncilRecord.State.values, help="what was done")
    parser.add_argument("--reason", required=True, help="why it is not required, or what was said, in words")
    parser.add_argument(
        "--on", dest="held_on", type=date.fromisoformat, metavar="YYYY-MM-DD", help="the day (default: today)"
    )
    parser.add_argument("--document", default="", help="reference of the minutes")
    parser.add_argument("--for", dest="for_version", metavar="VERSION", help="confirm it for a version")


VERBS: Final = (
    Verb("gate", "the promotion criteria of a version, one by one", _gate, _gate_arguments),
    Verb("policy", "the gate policy in force, or another one", _policy, _policy_arguments),
    Verb("override", "lift the second lock of a version for a while", _override, _override_arguments),
    Verb("approve", "approve a version in the name of a team", _approve, _approve_arguments),
    Verb("reject", "reject a version in the name of a team", _reject, _reject_arguments),
    Verb("withdraw", "take your decision on a version back", _withdraw, _withdraw_arguments),
    Verb(
        "works-council", "record the information or consultation of the CSE", _works_council, _works_council_arguments
    ),
)
