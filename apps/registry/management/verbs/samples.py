"""Verbs on the validation sample: sample, definitions."""

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from rich.table import Table

from apps.accounts.actors import Actor
from apps.accounts.commands import WAITING, named
from apps.accounts.rights import Right, rights_of
from apps.registry.documents import LabelledDocument, SampleDocument, definitions_document
from apps.registry.management.verbs.base import Verb, whole_number
from apps.registry.models import ValidationSample
from apps.registry.pages import LEVEL_NAMES, language
from apps.registry.policies import active_policy
from apps.registry.sample_words import disagreements, level_rows, origin_notes, result_notes, result_sentence
from apps.registry.sample_workbook import read_answers, sample_workbook
from apps.registry.samples import progress_of, require_sample, samples_drawn, steps, tasks
from apps.registry.selectors import find_version
from apps.registry.services.samples import SEED, SIZE, Labelled, draw_sample, label_items, set_definitions
from apps.registry.words import moment
from future_skills import schema
from future_skills.errors import UsageError, translatable
from future_skills.files import written_whole
from future_skills.level_definitions import read_definitions

if TYPE_CHECKING:
    from apps.registry.management.commands.registry import Command


# --- The sample ---------------------------------------------------------------------------------------------------------
def _sample(command: "Command", actor: Actor, options: dict[str, Any]) -> int | None:
    name = options["version"]
    drawing = options["size"] is not None or options["seed"] is not None
    if sum((drawing, options["export"] is not None, options["import_"] is not None)) > 1:
        raise UsageError(translatable("Draw, export or import a sample: one at a time."))
    if drawing:
        return _draw(command, actor, name, options)
    sample = require_sample(find_version(name))
    if options["export"] is not None:
        return _export(command, actor, sample, options["export"], force=options["force"])
    if options["import_"] is not None:
        answers = read_answers(options["import_"], sample)
        _say_labelled(command, label_items(actor=actor, version=name, answers=answers, sample=sample.pk))
        return None
    command.answer(SampleDocument.of(sample).to_dict())
    return _show_result(command, sample) if sample.result else _show_progress(command, sample)


def _sample_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("version")
    parser.add_argument("--size", type=whole_number, help=f"draw a sample of so many rows (default: {SIZE})")
    parser.add_argument("--seed", type=whole_number, help=f"seed of the draw (default: {SEED})")
    parser.add_argument("--export", type=Path, metavar="FILE.xlsx", help="write the workbook a reviewer fills in")
    parser.add_argument("--force", action="store_true", help="replace the workbook if it exists")
    parser.add_argument(
        "--import",
        type=Path,
        dest="import_",
        metavar="FILE.xlsx",
        help="record the answers of a workbook in the name of the person of FUTURE_SKILLS_TOKEN",
    )


def _draw(command: "Command", actor: Actor, name: str, options: dict[str, Any]) -> None:
    size = SIZE if options["size"] is None else options["size"]
    seed = SEED if options["seed"] is None else options["seed"]
    sample = draw_sample(actor=actor, version=name, size=size, seed=seed)
    command.answer(SampleDocument.of(sample).to_dict())
    command.say(
        _("{size} rows drawn for {version} (seed {seed}): sample no. {sample}.").format(
            size=sample.size, version=name, seed=seed, sample=sample.pk
        )
    )
    for note in origin_notes(sample):
        command.say(note)
    minimum = active_policy().sample.minimum_size
    if sample.size < minimum:
        command.say(
            _("The policy asks for {minimum} rows at least: the gate will not conclude on these.").format(
                minimum=minimum
            )
        )
    command.say(
        _(
            "Reviewers label it on their page “What waits for me”, or in a workbook: registry sample {version} --export FILE.xlsx"
        ).format(version=name)
    )


def _export(command: "Command", actor: Actor, sample: ValidationSample, path: Path, *, force: bool) -> None:
    """A reviewer's own rows, with what they said already; every row for somebody else, who passes the workbook on."""
    if path.suffix.lower() != ".xlsx":
        raise UsageError(translatable("{path}: the name must end in .xlsx."), path=str(path))
    items, reviewer = sample.items.all(), ""
    if Right.LABEL in rights_of(actor):
        reviewer = actor.name
        items = items.filter(pk__in=[step.item for step in steps(sample, reviewer)])
    rows = tasks(items, reviewer)
    try:
        with written_whole(path, exclusive=not force) as whole:
            sample_workbook(sample, rows).save(whole)
    except FileExistsError as error:
        raise UsageError(
            translatable("{path} exists already."),
            hint=translatable("Choose another name, or replace it with --force."),
            path=str(path),
        ) from error
    command.answer({"sample": sample.pk, "version": sample.version.name, "output": str(path), "rows": len(rows)})
    command.say(_("{path}: {rows} rows to label.").format(path=path, rows=len(rows)))


def _say_labelled(command: "Command", labelled: Labelled) -> None:
    command.answer(LabelledDocument.of(labelled).to_dict())
    command.say(
        _("Answers recorded: {recorded}; unchanged: {unchanged}.").format(
            recorded=labelled.recorded, unchanged=labelled.unchanged
        )
    )
    if labelled.sample.result:
        command.say(_("The sample is complete.") + " " + result_sentence(labelled.sample))


def _show_progress(command: "Command", sample: ValidationSample) -> int:
    progress = progress_of(sample)
    command.say(
        _("Sample no. {sample} of {version}: {given} opinions out of {needed}.").format(
            sample=sample.pk, version=sample.version.name, given=progress.given, needed=progress.needed
        )
    )
    for reviewer, rows in progress.reviewers.items():
        command.say(_("  {reviewer}: {rows} rows").format(reviewer=reviewer, rows=rows))
    for note in origin_notes(sample):
        command.say(note)
    return WAITING


def _show_result(command: "Command", sample: ValidationSample) -> None:
    command.say(result_sentence(sample))
    for line in result_notes(sample, samples_drawn(sample.version)):
        command.say(f"  {line}")
    command.show_table(_levels_table(sample))
    for row in disagreements(sample.result or {}):
        command.say(
            _("Row {position}: {skill} × {role}, {period}; the model says {level}").format(
                position=row.position,
                skill=row.skill,
                role=row.role,
                period=row.period,
                level=LEVEL_NAMES[row.predicted],
            )
        )
        for label in row.labels:
            command.say("    " + ": ".join(filter(None, (label["reviewer"], label["name"], label["comment"]))))


def _levels_table(sample: ValidationSample) -> Table:
    table = Table(title=_("Agreement by predicted level"))
    table.add_column(_("The model says"))
    for heading in (_("Rows"), _("Agreed"), _("Agreement")):
        table.add_column(heading, justify="right")
    for row in level_rows(sample.result or {}):
        table.add_row(str(row.name), row.rows, row.agreed, row.estimate)
    return table


# --- Definitions --------------------------------------------------------------------------------------------------------
def _definitions(command: "Command", actor: Actor, options: dict[str, Any]) -> None:
    if options["set"] is not None:
        set_definitions(actor=actor, definitions=read_definitions(options["set"]))
    document = definitions_document()
    command.answer(document.to_dict())
    for line in _definition_lines(document.definitions[language()]):
        command.say(line)
    if document.at is not None:
        command.say(_("Since {moment}, by {name}.").format(moment=moment(document.at), name=document.by))


def _definition_lines(words: dict[str, str]) -> Iterator[str]:
    for level in schema.LEVELS:
        yield named(LEVEL_NAMES[level], words[level])


def _definitions_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--set", type=Path, metavar="FILE.yaml", help="put these definitions in force")


VERBS: Final = (
    Verb("sample", "the rows people label blind: draw, export, import, result", _sample, _sample_arguments),
    Verb("definitions", "what the need levels mean to those who label", _definitions, _definitions_arguments),
)
