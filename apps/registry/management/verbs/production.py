"""Verbs on what answers predictions: deploy, rollback, suspend, resume, live, history."""

from argparse import ArgumentParser
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from rich.table import Table

from apps.accounts.actors import Actor
from apps.registry import live
from apps.registry.documents import DeploymentDocument, DeploymentList, SuspensionDocument, live_document
from apps.registry.management.verbs.base import Verb, whole_number
from apps.registry.models import Deployment
from apps.registry.services.deployments import deploy_version, resume, roll_back, suspend
from apps.registry.words import moment
from future_skills.errors import NothingLiveError

if TYPE_CHECKING:
    from apps.registry.management.commands.registry import Command


def _deploy(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    _say_deployed(command, deploy_version(actor=actor, version=options["version"], reason=options["reason"]))


def _deploy_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("version")
    parser.add_argument("--reason", default="", help="why, in words")


def _rollback(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    _say_deployed(command, roll_back(actor=actor, to=options["to"], reason=options["reason"]))


def _rollback_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--to", metavar="VERSION", help="which one (default: the one before the live one)")
    parser.add_argument("--reason", required=True, help="why, in words")


def _say_deployed(command: "Command", deployment: Deployment) -> None:
    command.answer(DeploymentDocument.of(deployment).to_dict())
    before = deployment.previous.version.name if deployment.previous else None
    command.say(
        _("{version} is in production; {before} was before.").format(version=deployment.version.name, before=before)
        if before
        else _("{version} is in production, the first one.").format(version=deployment.version.name)
    )


def _suspend(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    suspension = suspend(actor=actor, reason=options["reason"])
    command.answer(SuspensionDocument.of(suspension).to_dict())
    command.say(_("Predictions are suspended. Answer again: manage.py registry resume"))


def _suspend_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, help="why, in words: whoever asks for a prediction reads it")


def _resume(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    command.answer(SuspensionDocument.of(resume(actor=actor, reason=options["reason"])).to_dict())
    command.say(_("Predictions are answered again."))


def _resume_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--reason", default="", help="why, in words")


def _live(command: "Command", _actor: Actor, options: dict[str, Any]) -> None:
    at: datetime | None = options["at"]
    if at is None:
        document = live_document()
        command.answer(document.to_dict())
        found = document.deployment
        command.say(_line(found.version, found.started_at, found.started_by, found.kind))
        if document.suspension is not None:
            command.say(
                _("Predictions have been suspended by {name} since {since}: {reason}").format(
                    name=document.suspension.started_by,
                    since=moment(document.suspension.started_at),
                    reason=document.suspension.reason,
                )
            )
        return
    then = live.deployment_at(timezone.make_aware(at) if timezone.is_naive(at) else at)
    if then is None:
        raise NothingLiveError
    command.answer(DeploymentDocument.of(then).to_dict())
    command.say(_line(then.version.name, then.started_at, then.started_by, then.kind))


def _line(version: str, since: datetime, name: str, kind: str) -> str:
    if kind == Deployment.Kind.PIN:
        return _("{version} since {since}, pinned by the settings").format(version=version, since=moment(since))
    return _("{version} since {since}, by {name}").format(version=version, since=moment(since), name=name)


def _live_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--at", type=datetime.fromisoformat, metavar="YYYY-MM-DDTHH:MM", help="what was live then (default: now)"
    )


def _history(command: "Command", _actor: Actor, options: dict[str, Any]) -> None:
    timeline = live.timeline()
    rows = timeline[options["offset"] : options["offset"] + options["limit"]]
    found = DeploymentList(total=timeline.count(), deployments=[DeploymentDocument.of(row) for row in rows])
    command.answer(found.to_dict())
    if not found.total:
        command.say(NothingLiveError().explain(_))
        return
    table = Table()
    for heading in (_("version"), _("from"), _("to"), _("by"), _("how"), _("before it"), _("reason")):
        table.add_column(heading)
    for one in found.deployments:
        ended = moment(one.ended_at) if one.ended_at else _("now")
        table.add_row(
            one.version, moment(one.started_at), ended, one.started_by, one.kind, one.previous or "—", one.reason
        )
    command.show_table(table)


def _history_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--limit", type=whole_number, default=100, help="how many at most (default: %(default)s)")
    parser.add_argument("--offset", type=whole_number, default=0, help="how many to pass over (default: %(default)s)")


VERBS: Final = (
    Verb("deploy", "put a version into production", _deploy, _deploy_arguments),
    Verb("rollback", "put back a version that was live before", _rollback, _rollback_arguments),
    Verb("suspend", "stop answering predictions", _suspend, _suspend_arguments),
    Verb("resume", "answer predictions again", _resume, _resume_arguments),
    Verb("live", "what is in production, now or at a moment", _live, _live_arguments),
    Verb("history", "what was in production, newest first", _history, _history_arguments),
)
