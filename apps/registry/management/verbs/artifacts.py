"""Verbs on files and on who vouches for them: keys, import."""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from rich.table import Table

from apps.accounts.actors import Actor
from apps.registry.documents import KeyDocument, KeyList
from apps.registry.management.verbs.base import Verb
from apps.registry.models import SigningKey
from apps.registry.services.engines import measure_version_engine
from apps.registry.services.imports import ScoredOn, import_version
from apps.registry.services.keys import create_key, private_key_path, rotate_key, sign_version
from apps.registry.terminal import version_document

if TYPE_CHECKING:
    from apps.registry.management.commands.registry import Command


def _keys(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    if options["sign"]:
        version = sign_version(actor=actor, version=options["sign"])
        command.answer(version_document(version))
        command.say(_("{version} is signed.").format(version=version.name))
        return
    if options["rotate"]:
        key = rotate_key(actor=actor)
        command.say(_("{key} signs from now on; what older keys signed can still be checked.").format(key=key))
    elif not SigningKey.objects.exists():
        create_key(actor=actor)
    keys = list(SigningKey.objects.all())
    documents = [KeyDocument.of(key, here=private_key_path(key).is_file()) for key in keys]
    command.answer(KeyList(keys=documents).to_dict())
    command.show_table(_keys_table(documents))


def _keys_table(keys: list[KeyDocument]) -> Table:
    """The keys that signed versions, newest first."""
    table = Table(title=_("Keys that sign versions, newest first"))
    for heading in (_("Key"), _("Made"), _("By"), _("State"), _("Private half on this machine")):
        table.add_column(heading, overflow="fold")
    for key in keys:
        state = _("in use")
        if key.retired_at is not None:
            state = _("retired {date} by {name}").format(date=_day(key.retired_at), name=key.retired_by)
        table.add_row(
            key.key_id[:12],
            _day(key.created_at),
            key.created_by,
            state,
            _("yes") if key.private_key_here else "—",
        )
    return table


def _day(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d}"


def _keys_arguments(parser: ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--rotate", action="store_true", help="make a new key, and retire the one in use")
    what.add_argument(
        "--sign", metavar="VERSION", help="sign a version that has no signature, or put its lost .sig files back"
    )


def _import(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    scored_on = None
    if options["dataset"] or options["registered_dataset"]:
        scored_on = ScoredOn(
            path=options["dataset"],
            sha256=options["registered_dataset"] or "",
            test_period=options["test_period"],
            period_column=options["period_column"],
            label_period_column=options["label_period_column"],
        )
    version = import_version(
        actor=actor,
        path=options["file"],
        version=options["version"],
        scored_on=scored_on,
        reason=options["reason"],
        on_step=lambda step: command.stderr.write(f"… {_(step)}"),
    )
    measure_version_engine(actor=actor, version=version.name)
    command.answer(version_document(version))
    command.say(_("{version} is imported, registered and signed.").format(version=version.name))


def _import_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a pickle, written by joblib or by pickle")
    parser.add_argument("--version", metavar="NAME", help="its name here; never used before")
    rows = parser.add_mutually_exclusive_group()
    rows.add_argument("--dataset", type=Path, metavar="FILE", help="CSV or Parquet whose test rows it is measured on")
    rows.add_argument("--registered-dataset", metavar="SHA256", help="the same, registered already")
    parser.add_argument("--test-period", metavar="YYYY-MM", help="period to test on (default: the latest labelled one)")
    parser.add_argument("--period-column", default="period", help="name of the period's column (default: %(default)s)")
    parser.add_argument(
        "--label-period-column", default="label_period", help="name of the label period's column (default: %(default)s)"
    )
    parser.add_argument(
        "--reason", default="", help="where it comes from and why it is trusted; without one it is only scanned"
    )


VERBS: Final = (
    Verb("keys", "the keys that sign versions; made where there is none", _keys, _keys_arguments),
    Verb("import", "take in a model trained elsewhere (administrators)", _import, _import_arguments),
)
