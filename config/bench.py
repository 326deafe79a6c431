"""The one wiring module of the ``ml/`` scripts: where things are, who acts, how it is printed, and the registry's verbs.

Importing it sets nothing up. ``registry()`` sets Django up and gives the verbs; with ``--no-register`` it is not called,
and the scripts use the library alone (its messages are then in English).
"""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from apps.accounts.actors import Actor, command_actor
from apps.accounts.refusals import reader_gone, storage_refusal

try:
    from config import settings
except ImproperlyConfigured as error:
    sys.exit(str(error))
from future_skills.artifact import LoadedVersion
from future_skills.errors import FutureSkillsError, UsageError, translatable
from future_skills.evaluation_text import TextTable
from future_skills.manifest import Manifest, Metrics
from future_skills.split_notes import explain_note
from future_skills.text import json_text
from future_skills.training import Parameter

ML_DIR: Path = settings.ML_DIR
"""Where the scripts read and write by default."""

_state: dict[str, Callable[[str], str]] = {"translate": str}


def registry() -> ModuleType:
    """The registry's verbs (``config.registry_verbs``), Django set up."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        verbs = importlib.import_module("config.registry_verbs")
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    _state["translate"] = verbs.translate
    return verbs


def loaded_versions(names: list[str] | None = None) -> list[LoadedVersion]:
    """Registered versions, files checked and opened; all those not retracted by default, oldest first."""
    verbs = registry()
    verbs.require(actor(None), verbs.Right.READ)
    versions: list[LoadedVersion] = verbs.loaded_versions(names)
    return versions


def actor(declared: str | None) -> Actor:
    """Who acts: the person of FUTURE_SKILLS_TOKEN, else ``--as``, FUTURE_SKILLS_ACTOR, the user of the operating system."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if settings.FUTURE_SKILLS_TOKEN:
        registry()  # a token is a row, checked even where nothing is registered
    return command_actor(declared)


def clock() -> datetime:
    """Now."""
    return datetime.now(UTC)


def parameters(given: list[str], *, n_estimators: int | None = None) -> dict[str, Parameter]:
    """``k=v`` words as hyperparameters; a value is JSON (20, 0.5, true, null) or else text.

    Raises:
        UsageError: no ``=``, or a name given twice with different values.
    """
    params: dict[str, Parameter] = {} if n_estimators is None else {"n_estimators": n_estimators}
    for word in given:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise UsageError(translatable("--param takes name=value, not “{word}”."), word=word[:80])
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        if isinstance(value, list | dict):
            raise UsageError(translatable("--param takes name=value, not “{word}”."), word=word[:80])
        if name in params and params[name] != value:
            raise UsageError(
                translatable("The hyperparameter {name} is given twice, with different values."), name=name
            )
        params[name] = value
    return params


@contextmanager
def steps(*, silent: bool, total: int | None = None) -> Iterator[Callable[[str], None]]:
    """A progress bar on stderr: the step under way in the reader's language, how many are done, the time since the start.

    Where stderr is no terminal, one plain line a step; with ``silent``, nothing.

    Args:
        silent: print nothing.
        total: how many steps are expected; None where it is not known.
    """
    console = Console(stderr=True)
    if silent or not console.is_terminal:

        def tell(step: str) -> None:
            if not silent:
                print(f"… {_state['translate'](step)}", file=sys.stderr, flush=True)

        yield tell
        return
    count = () if total is None else (MofNCompleteColumn(),)
    columns = (SpinnerColumn(), BarColumn(), *count, TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("…", total=total, completed=-1)
        yield lambda step: progress.update(task, description=_state["translate"](step), advance=1)


REFUSALS = (FutureSkillsError, OSError, DatabaseError)
"""What a script turns into words and exit code 1; anything else is a fault of the product, and shows its trace."""


def refuse(error: FutureSkillsError | OSError | DatabaseError, *, as_json: bool) -> int:
    """Print a refusal: words on stderr, and its JSON shape on stdout. Returns the exit code."""
    if not isinstance(error, FutureSkillsError):
        error = storage_refusal(error)
    message = error.explain(_state["translate"])
    if as_json:
        print_json({"error": {"code": error.code, "message": message, "details": error.details}})
    print(message, file=sys.stderr)
    return 1


def run(main: Callable[[], int]) -> int:
    """The exit code of a script; a reader who leaves early (``… | head``) is no failure of it."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        return reader_gone()
    return code


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    print(json_text(document))


def _console() -> Console:
    """Stdout as wide as the terminal; wide enough for a table where it is a file or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def print_version(version: LoadedVersion, *, registered: bool) -> None:
    """What a new version is worth, beside "same as today", and where its files are."""
    translate, manifest, console = _state["translate"], version.manifest, _console()
    console.print(_worth(manifest, translate))
    for reason in (*manifest.baselines.reasons.items(), *manifest.metrics.reasons.items()):
        console.print(f"{reason[0]}: {translate(reason[1])}")
    if manifest.split.note:
        console.print(explain_note(manifest.split.note, translate))
    console.print(
        translate(translatable("Trained in {seconds} s on {rows} rows.")).format(
            seconds=round(manifest.duration_s), rows=manifest.split.train_rows
        )
    )
    for path in (version.paths.model, version.paths.manifest):
        console.print(f"  {path}", soft_wrap=True)
    words = translatable(
        "HIGH: precision of that level. Lift and at 200: emergence, which needs will rise (see ml/MLOPS_GUIDE.md)."
    )
    console.print(translate(words))
    done, left = (
        translatable("Registered."),
        translatable("Not registered (manage.py registry register FILE.pkl does it)."),
    )
    console.print(translate(done if registered else left))


def _worth(manifest: Manifest, translate: Callable[[str], str]) -> Table:
    """The metrics of a version and of its baselines, each on how many rows; the version also on those of persistence."""
    title = translatable("{version} — {algorithm}, {rows} test rows")
    table = Table(
        title=translate(title).format(
            version=manifest.version, algorithm=manifest.algorithm, rows=manifest.metrics.rows
        )
    )
    table.add_column("", no_wrap=True)
    for name in (
        translatable("Accuracy"),
        translatable("F1 weighted"),
        translatable("F1 macro"),
        translatable("prec. HIGH"),
        translatable("Lift"),
        translatable("At 200"),
        translatable("Rows"),
    ):
        table.add_column(translate(name), justify="right", no_wrap=True)
    persistence = manifest.baselines.persistence
    rows: list[tuple[str, Metrics | None]] = [
        (manifest.version, manifest.metrics),
        (translate(translatable("{version}, level now known")), persistence and persistence.model_on_same_rows),
        (translate(translatable("same as today")), persistence),
        (translate(translatable("rules")), manifest.baselines.rules),
        (translate(translatable("majority")), manifest.baselines.majority),
    ]
    for name, metrics in rows:
        if metrics is None:
            continue
        emergence = metrics.emergence
        table.add_row(
            name.format(version=manifest.version),
            f"{metrics.accuracy:.4f}",
            f"{metrics.f1_weighted:.4f}",
            f"{metrics.f1_macro:.4f}",
            f"{metrics.per_class['HIGH'].precision:.3f}",
            "—" if emergence is None or emergence.lift is None else f"{emergence.lift:.1f}",
            "—" if emergence is None or emergence.precision_at_200 is None else f"{emergence.precision_at_200:.3f}",
            str(metrics.rows),
        )
    return table


def print_report(paragraphs: Iterable[str], tables: Iterable[TextTable], files: Iterable[Path]) -> None:
    """Paragraphs, tables, and the files written; ``**…**`` is shown in bold."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    for paragraph in paragraphs:
        console.print(paragraph.replace("**", ""), markup=False, highlight=False)
    for table in tables:
        shown = Table(title=table.title, title_justify="left")
        for place, heading in enumerate(table.columns):
            shown.add_column(heading, justify="left" if place < table.left else "right")
        for row in table.rows:
            shown.add_row(*(Text(cell.strip("*"), style="bold" if cell.startswith("**") else "") for cell in row))
        console.print(shown)
    for path in files:
        console.print(f"  {path}", soft_wrap=True, markup=False, highlight=False)


class JsonErrorParser(argparse.ArgumentParser):
    """A command line whose mistakes are JSON too when ``--json`` is among its words."""

    def error(self, message: str) -> NoReturn:
        """Print the mistake and leave with exit code 2."""
        if "--json" in sys.argv:
            print_json({"error": {"code": "usage", "message": message, "details": {}}})
        super().error(message)
