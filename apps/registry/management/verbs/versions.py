"""Verbs on versions: list, show, compare, note, render, reproduce, diagnose, register, retract."""

from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.commands import REFUSED
from apps.registry.management.verbs.base import Verb, positional, whole_number
from apps.registry.selectors import find_version
from apps.registry.services.comparison import compare_versions
from apps.registry.services.diagnosis import diagnose_version
from apps.registry.services.engines import measure_version_engine
from apps.registry.services.page import render_registry_page
from apps.registry.services.reproduction import reproduce_version
from apps.registry.services.versions import add_note, register_version, retract_version
from apps.registry.terminal import (
    comparison_lines,
    comparison_table,
    list_versions,
    version_document,
    version_lines,
    versions_table,
)

if TYPE_CHECKING:
    from apps.registry.management.commands.registry import Command


def _list(command: "Command", _actor: Actor, options: dict[str, Any]) -> None:
    document = list_versions(limit=options["limit"], offset=options["offset"])
    command.answer(document)
    if not document["total"]:
        command.say(_("No version is registered yet. Train one: python ml/train_future_skills_model.py --version v1"))
        return
    command.show_table(versions_table(document["versions"]))
    if len(document["versions"]) < document["total"]:
        command.say(
            _("{shown} of {total} versions; --offset shows the others.").format(
                shown=len(document["versions"]), total=document["total"]
            )
        )


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--limit", type=whole_number, default=100, help="how many at most (default: %(default)s)")
    parser.add_argument("--offset", type=whole_number, default=0, help="how many to pass over (default: %(default)s)")


def _show(command: "Command", _actor: Actor, options: dict[str, Any]) -> None:
    version = find_version(options["version"])
    command.answer(version_document(version))
    for line in version_lines(version):
        command.say(line)


def _compare(command: "Command", _actor: Actor, options: dict[str, Any]) -> int | None:
    comparison = compare_versions(options["reference"], options["challenger"])
    command.answer(comparison.to_dict())
    for line in comparison_lines(comparison):
        command.say(line)
    if comparison.command is not None:
        return REFUSED
    command.show_table(comparison_table(comparison))
    return None


def _note(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    note = add_note(actor=actor, version=options["version"], text=options["text"])
    command.answer({"version": options["version"], "text": note.text, "by": note.created_by, "at": note.created_at})
    command.say(_("Noted on {version} by {name}.").format(version=options["version"], name=note.created_by))


def _render(command: "Command", _actor: Actor, _options: dict[str, Any]) -> None:
    path = render_registry_page()
    command.answer({"path": str(path)})
    command.say(_("{path} written.").format(path=path))


def _reproduce(command: "Command", actor: Actor, options: dict[str, Any]) -> int | None:
    result = reproduce_version(
        actor=actor, version=options["version"], on_step=lambda step: command.stderr.write(f"… {_(step)}")
    )
    command.answer(
        {
            "version": result.version,
            "identical": result.identical,
            "differences": {name: {"then": then, "now": now} for name, (then, now) in result.differences.items()},
            "environment": {name: {"then": then, "now": now} for name, (then, now) in result.environment.items()},
        }
    )
    for name, (then, now) in result.environment.items():
        command.say(_("{name} was {then} then and is {now} now.").format(name=name, then=then, now=now))
    if result.identical:
        command.say(
            _("{version}: identical (metrics, baselines and every prediction of the test rows).").format(
                version=result.version
            )
        )
        return None
    for name, (then, now) in result.differences.items():
        command.say(_("{name}: {then} then, {now} now").format(name=name, then=then, now=now))
    command.stderr.write(_("{version}: not identical.").format(version=result.version))
    return REFUSED


def _diagnose(command: "Command", _actor: Actor, options: dict[str, Any]) -> None:
    diagnosis = diagnose_version(options["version"])
    command.answer(diagnosis.to_dict())
    command.say(diagnosis.to_text(language=(get_language() or "fr")[:2]))


def _register(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    version = register_version(actor=actor, path=Path(options["file"]))
    measure_version_engine(actor=actor, version=version.name)
    command.answer(version_document(version))
    command.say(_("{version} is registered.").format(version=version.name))


def _retract(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    retraction = retract_version(actor=actor, version=options["version"], reason=options["reason"])
    command.answer(
        {
            "version": options["version"],
            "reason": retraction.reason,
            "by": retraction.created_by,
            "at": timezone.localtime(retraction.created_at),
        }
    )
    command.say(_("{version} is retracted; its number is never used again.").format(version=options["version"]))


def _retract_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("version")
    parser.add_argument("--reason", required=True, help="why, in words")


VERBS: Final = (
    Verb("list", "all versions, newest first", _list, _list_arguments),
    Verb("show", "one version", _show, positional("version")),
    Verb("compare", "two versions on the test rows they share", _compare, positional("reference", "challenger")),
    Verb("note", "add a dated line to a version", _note, positional("version", "text")),
    Verb("render", "write ml/MODEL_REGISTRY.md again", _render),
    Verb("reproduce", "train again from the kept dataset, and compare", _reproduce, positional("version")),
    Verb("diagnose", "what to look at when a version disappoints", _diagnose, positional("version")),
    Verb("register", "take in a pair trained with --no-register", _register, positional("file")),
    Verb("retract", "say that a version must not be used any more", _retract, _retract_arguments),
)
