"""Pages of the validation sample: how far it is and what it says, the blind labelling, the definitions of the levels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.access import View, login_actor, needs, request_rights
from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.registry import sample_words, samples, selectors
from apps.registry.models import LevelDefinitions, ValidationSample
from apps.registry.pages import LEVEL_NAMES
from apps.registry.policies import active_policy
from apps.registry.sample_workbook import read_answers, sample_workbook
from apps.registry.services import samples as verbs
from future_skills import sampling, schema
from future_skills.errors import (
    AccessError,
    FutureSkillsError,
    SampleClosedError,
    SampleNotFoundError,
    UsageError,
    VersionNotFoundError,
    translatable,
)
from future_skills.level_definitions import LONGEST_DEFINITION, parse_definitions
from future_skills.lifecycle import require_not_author

READ_OR_POST = require_http_methods(["GET", "HEAD", "POST"])
OWN_PAGE = (AccessError, VersionNotFoundError, SampleNotFoundError)
"""Refusals that have a page of their own; any other is shown at the form that was refused."""

EXCEL: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LARGEST_UPLOAD: Final = 10_000_000
"""Bytes of a workbook that is sent back."""

LANGUAGES: Final = (("fr", "Français"), ("en", "English"))
DEFINITIONS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Refused:
    """A form that was refused: which one, why, and what was typed in it. By default none was."""

    form: str = ""
    error: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)


# --- The sample of a version --------------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def sample(request: HttpRequest, name: str) -> HttpResponse:
    """The validation sample of a version: how far it is; once it is complete, what people said."""
    return _sample_page(request, name)


def _sample_page(request: HttpRequest, name: str, refused: Refused | None = None) -> HttpResponse:
    version = selectors.find_version(name)
    found = samples.newest_sample(version)
    context = {
        "section": "versions",
        "version": version,
        "sample": found,
        "refused": refused or Refused(),
        "size": verbs.SIZE,
        "seed": verbs.SEED,
        "smallest": sampling.SMALLEST_SIZE,
        "largest": sampling.LARGEST_SIZE,
        "largest_seed": sampling.LARGEST_SEED,
        "minimum": active_policy().sample.minimum_size,
        "draw_command": f"python manage.py registry sample {name} --size {verbs.SIZE} --seed {verbs.SEED}",
    }
    if found is not None:
        context |= {"drawn": samples.samples_drawn(version), "choices": sample_words.choices(found)}
        context |= _result(found) if found.result else _progress(request, found)
    return render(request, "registry/sample.html", context, status=409 if refused else 200)


def _progress(request: HttpRequest, found: ValidationSample) -> dict[str, object]:
    reader = login_actor(request).name
    author = reader in found.version.authors
    own = Right.LABEL in request_rights(request) and not author
    way = samples.steps(found, reader) if own else []
    return {
        "progress": samples.progress_of(found),
        "done": sum(step.done for step in way),
        "left": sum(not step.done for step in way),
        "may_label": own,
        "author": author,
        "notes": sample_words.origin_notes(found),
    }


def _result(found: ValidationSample) -> dict[str, object]:
    result = found.result or {}
    return {
        "sentence": sample_words.result_sentence(found),
        "notes": sample_words.result_notes(found, samples.samples_drawn(found.version)),
        "levels": sample_words.level_rows(result),
        "origins": sample_words.origin_rows(found),
        "disagreements": sample_words.disagreements(result),
        "strata": found.drawn["strata"],
    }


def sample_form(right: Right) -> Callable[[Callable[[HttpRequest, Actor, str], str]], View]:
    """A form of the sample's page: it does what was posted, says what was done, and shows the page again.

    A refusal is shown at the form, which keeps what was typed. Anything but a POST leads to the page.
    """

    def mark(act: Callable[[HttpRequest, Actor, str], str]) -> View:
        @needs(right)
        @READ_OR_POST
        @wraps(act)
        def view(request: HttpRequest, name: str) -> HttpResponse:
            if request.method == "POST":
                try:
                    messages.success(request, act(request, login_actor(request), name))
                except OWN_PAGE:
                    raise
                except FutureSkillsError as error:
                    return _sample_page(request, name, Refused(act.__name__, error.explain(gettext), request.POST))
            return redirect("registry:sample", name)

        return view

    return mark


@sample_form(Right.EVALUATE)
def draw(request: HttpRequest, actor: Actor, name: str) -> str:
    """Draw a sample."""
    typed = {key: request.POST.get(key, "") for key in ("size", "seed")}
    size, seed = (
        int(word) if word.isascii() and word.isdecimal() and len(word) < 11 else -1 for word in typed.values()
    )
    drawn = verbs.draw_sample(actor=actor, version=name, size=size, seed=seed)
    return gettext("{size} rows are drawn: reviewers can label them.").format(size=drawn.size)


# --- The blind labelling ------------------------------------------------------------------------------------------------
@needs(Right.LABEL)
@require_safe
def next_row(request: HttpRequest, name: str) -> HttpResponse:
    """Go on where one left: the first row that waits for the reader."""
    found = _sample_to_label(request, name)
    return redirect("registry:sample", name) if found is None else _go_on(request, found, after=None)


def _sample_to_label(request: HttpRequest, name: str) -> ValidationSample | None:
    """The open sample; None where it is complete.

    Raises:
        OwnWorkError: the reader is the author of the version.
        SampleNotFoundError: none was drawn.
    """
    version = selectors.find_version(name)
    require_not_author(name=login_actor(request).name, authors=version.authors, version=name)
    found = samples.require_sample(version)
    return None if found.completed_at else found


def _go_on(request: HttpRequest, found: ValidationSample, *, after: int | None) -> HttpResponse:
    """To the next row of the reader's way that has no answer yet, from ``after`` on and then from the beginning."""
    name = found.version.name
    way = samples.steps(found, login_actor(request).name)
    start = next((place + 1 for place, step in enumerate(way) if step.position == after), 0)
    for step in [*way[start:], *way[:start]]:
        if not step.done:
            return redirect("registry:label", name, step.position)
    messages.success(request, gettext("You have labelled every row that needed you. Thank you."))
    return redirect("registry:sample", name)


@needs(Right.LABEL)
@never_cache
@READ_OR_POST
def label(request: HttpRequest, name: str, position: int) -> HttpResponse:
    """One row: what was known of it, and four answers. Neither the prediction nor what others said is anywhere on the page."""
    found = _sample_to_label(request, name)
    if found is None:
        messages.info(request, gettext("The sample is complete: its labels do not change any more."))
        return redirect("registry:sample", name)
    if request.method != "POST":
        return _label_page(request, found, position)
    typed = request.POST
    try:
        _record_answer(login_actor(request), name, position, typed)
    except SampleClosedError as error:
        messages.info(request, error.explain(gettext))
        return redirect("registry:sample", name)
    except FutureSkillsError as error:
        if isinstance(error, AccessError):
            raise
        return _label_page(request, found, position, Refused("label", error.explain(gettext), typed))
    return _go_on(request, found, after=position)


def _record_answer(actor: Actor, name: str, position: int, typed: Mapping[str, str]) -> None:
    """Record what was posted.

    Raises:
        UsageError: no answer was chosen; and whatever the verb refuses.
    """
    answer, number = typed.get("level", ""), typed.get("sample", "")
    if answer not in sampling.ANSWERS:
        raise UsageError(translatable("Choose one of the four answers."))
    verbs.label_item(
        actor=actor,
        version=name,
        position=position,
        level=answer,
        comment=typed.get("comment", ""),
        sample=int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else None,
    )


def _label_page(
    request: HttpRequest, found: ValidationSample, position: int, refused: Refused | None = None
) -> HttpResponse:
    reviewer = login_actor(request).name
    way = samples.steps(found, reviewer)
    place = next((place for place, step in enumerate(way) if step.position == position), None)
    if place is None:
        messages.info(request, gettext("This row does not need you: here is one that does."))
        return redirect("registry:next_row", found.version.name)
    (task,) = samples.tasks(found.items.filter(pk=way[place].item), reviewer)
    progress = samples.progress_of(found)
    typed = refused.typed if refused else {"level": task.level or "", "comment": task.comment}
    context = {
        "section": "decisions",
        "sample": found,
        "version": found.version,
        "task": task,
        "question": sample_words.question(found, task.period),
        "facts": sample_words.fact_rows(task.facts),
        "past": sample_words.past_rows(task.facts),
        "choices": sample_words.choices(found),
        "level": typed.get("level", ""),
        "comment": typed.get("comment", ""),
        "error": refused.error if refused else "",
        "done": sum(step.done for step in way),
        "total": len(way),
        "last": task.level is None and progress.needed - progress.given == 1,
        "previous": next((step.position for step in reversed(way[:place]) if step.done), None),
    }
    return render(request, "registry/label.html", context, status=400 if refused else 200)


# --- The same in a workbook ---------------------------------------------------------------------------------------------
@needs(Right.LABEL, Right.EVALUATE)
@require_safe
def workbook(request: HttpRequest, name: str) -> HttpResponse:
    """The rows as a workbook: a reviewer's own, with what they said already; all of them for who passes it on."""
    found, reviewer = samples.require_sample(selectors.find_version(name)), ""
    items = found.items.all()
    if Right.LABEL in request_rights(request):
        reviewer = login_actor(request).name
        items = items.filter(pk__in=[step.item for step in samples.steps(found, reviewer)])
    content = BytesIO()
    sample_workbook(found, samples.tasks(items, reviewer)).save(content)
    response = HttpResponse(content.getvalue(), content_type=EXCEL)
    response["Content-Disposition"] = f'attachment; filename="sample_{name}_{found.pk}.xlsx"'
    return response


@sample_form(Right.LABEL)
def send_workbook(request: HttpRequest, actor: Actor, name: str) -> str:
    """Record the answers of a workbook."""
    found = samples.require_sample(selectors.find_version(name))
    upload = request.FILES.get("workbook")
    if upload is None or not upload.name:
        raise UsageError(translatable("Choose the workbook that you filled in."))
    if (upload.size or 0) > LARGEST_UPLOAD:
        raise UsageError(
            translatable("{path} is too large: {limit} MB is the most."),
            path=upload.name[:80],
            limit=LARGEST_UPLOAD // 1_000_000,
        )
    with TemporaryDirectory() as folder:
        path = Path(folder, "workbook.xlsx")
        path.write_bytes(upload.read())
        answers = read_answers(path, found, name=upload.name[:80])
    labelled = verbs.label_items(actor=actor, version=name, answers=answers, sample=found.pk)
    return gettext("Answers recorded: {recorded}; unchanged: {unchanged}.").format(
        recorded=labelled.recorded, unchanged=labelled.unchanged
    )


# --- Definitions of the levels ------------------------------------------------------------------------------------------
@needs(Right.READ, post=Right.DEFINE_LEVELS)
@READ_OR_POST
def definitions(request: HttpRequest) -> HttpResponse:
    """What Faible, Moyen and Élevé mean to those who label; and a form that says it otherwise from now on."""
    if request.method != "POST":
        return _definitions_page(request)
    typed = request.POST
    words = {code: {level: typed.get(f"{code}-{level}", "") for level in schema.LEVELS} for code, _ in LANGUAGES}
    if blank := next((level for texts in words.values() for level, text in texts.items() if not text.strip()), None):
        told = gettext("{level}: say what it means, in both languages.").format(level=LEVEL_NAMES[blank])
        return _definitions_page(request, Refused("definitions", told, typed))
    try:
        verbs.set_definitions(actor=login_actor(request), definitions=parse_definitions(words))
    except FutureSkillsError as error:
        if isinstance(error, AccessError):
            raise
        return _definitions_page(request, Refused("definitions", error.explain(gettext), typed))
    messages.success(request, gettext("These definitions hold from the next sample on."))
    return redirect("registry:definitions")


def _definitions_page(request: HttpRequest, refused: Refused | None = None) -> HttpResponse:
    active = samples.active_definitions().model_dump()
    typed = refused.typed if refused else {}
    context = {
        "section": "decisions",
        "languages": [
            (
                code,
                language,
                [
                    (level, _level_name(level, code), typed.get(f"{code}-{level}", active[code][level]))
                    for level in schema.LEVELS
                ],
            )
            for code, language in LANGUAGES
        ],
        "longest": LONGEST_DEFINITION,
        "error": refused.error if refused else "",
        "written": LevelDefinitions.objects.all()[:DEFINITIONS_SHOWN],
    }
    return render(request, "registry/definitions.html", context, status=400 if refused else 200)


def _level_name(level: str, code: str) -> str:
    with translation.override(code):
        return str(LEVEL_NAMES[level])
