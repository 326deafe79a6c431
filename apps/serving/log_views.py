"""Pages of the prediction log: what was answered, to whom, and everything it was made of."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.accounts.rights import Right
from apps.audit.words import SOURCES
from apps.registry.pages import LEVEL_NAMES
from apps.serving import logged
from apps.serving.documents import LoggedDocument
from apps.serving.logged import MOST_COUNTED, Asked
from apps.serving.models import Prediction, PredictionOverride
from apps.serving.overrides.pages import DecidedPart
from apps.serving.overrides.selectors import OVERRIDES
from future_skills import formatting, schema
from future_skills.errors import UsageError, translatable
from future_skills.prediction import Prediction as Said
from future_skills.text import csv_line

_FILTERS: Final = {
    "role": "role",
    "skill": "skill",
    "level": "level",
    "requester": "requester",
    "version": "version",
    "deployment": "deployment",
    "from": "since",
    "to": "until",
}
"""Parameter of the address -> argument of ``logged.parse_asked``."""

_CHECKED: Final = ("level", "deployment", "from", "to")
"""Those that can make no sense."""

WARNING_NAMES: Final[Mapping[str, str]] = {
    "unknown_role": translatable("a job role that the version never saw"),
    "unknown_skill": translatable("a skill that the version never saw"),
    "unknown_category": translatable("a category or a department that the version never saw"),
    "out_of_range": translatable("a value outside the range of training"),
    "no_history": translatable("a pair without a snapshot: its history is unknown"),
    "old_snapshot": translatable("a snapshot that is not of the newest period"),
}
"""Code of a warning -> in words; its sentence with the values was in the answer."""


# --- What an address asks ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class LogQuery:
    """What an address asks of the log.

    Attributes:
        typed: the filters as they were typed, by their name in the address.
        asked: the filters as they were understood.
        before: show what was answered just before that one.
        after: show what was answered just after it.
        notices: what could not be understood, in words.
    """

    typed: Mapping[str, str]
    asked: Asked
    before: UUID | None
    after: UUID | None
    notices: tuple[str, ...]

    def address(self, **changes: Any) -> str:
        """The query string of these filters, with something added; what is empty is left out."""
        return "?" + urlencode({name: value for name, value in (*self.typed.items(), *changes.items()) if value})


def parse_log_query(request: HttpRequest) -> LogQuery:
    """Read the filters and the place in the log; what makes no sense is left out, and said."""
    typed = _typed(request)
    notices = []
    for name in _CHECKED:
        try:
            _asked({name: typed[name]})
        except UsageError as error:
            notices.append(error.explain(gettext))
            typed[name] = ""
    return LogQuery(
        typed=typed,
        asked=_asked(typed),
        before=_place(request.GET.get("before", "")),
        after=_place(request.GET.get("after", "")),
        notices=tuple(notices),
    )


def _typed(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET.get(name, "").strip()[: schema.NAME_MAX_LENGTH] for name in _FILTERS}


def _asked(typed: Mapping[str, str]) -> Asked:
    """The filters as they are meant.

    Raises:
        UsageError: one of them makes no sense.
    """
    arguments: dict[str, Any] = {_FILTERS[name]: text for name, text in typed.items()}
    number = arguments.pop("deployment", "")
    if number and not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise UsageError(translatable("“{text}” is no number of a deployment."), text=number[:80])
    return logged.parse_asked(**arguments, deployment=int(number) if number else None)


def _place(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# --- The page of the log ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class LineRow:
    """A line as the page shows it.

    Attributes:
        said: what was answered, with what follows from it.
        source: how we know who asked, in words.
        of_pair: address of every line of its pair.
        of_requester: address of every line of who asked.
        decided_since: what a person decided of the pair since it was answered, and that counts now.
    """

    line: Prediction
    said: Said
    day: str
    time: str
    source: str
    of_pair: str
    of_requester: str
    decided_since: PredictionOverride | None


def _row(line: Prediction) -> LineRow:
    at, decided = timezone.localtime(line.at), OVERRIDES.now().of(line.role, line.skill)
    return LineRow(
        line=line,
        said=logged.said(line),
        day=formatting.short_day(at),
        time=f"{at:%H:%M:%S}",
        source=_source(line),
        of_pair="?" + urlencode({"role": line.role, "skill": line.skill}),
        of_requester="?" + urlencode({"requester": line.requester}),
        decided_since=decided if decided is not None and decided.pk != line.override_id else None,
    )


def _source(line: Prediction) -> str:
    words = SOURCES.get(line.requester_source)
    return gettext(words) if words else line.requester_source


def _language() -> formatting.Language:
    return formatting.language_of(get_language())


def _count_words(asked: Asked) -> str:
    """How many lines are asked for, in words."""
    count, language = logged.count_matching(asked), _language()
    if count > MOST_COUNTED:
        return gettext("more than {most} predictions").format(most=formatting.integer(MOST_COUNTED, language))
    return ngettext("{count} prediction", "{count} predictions", count).format(
        count=formatting.integer(count, language)
    )


@needs(Right.READ_PREDICTIONS)
@require_safe
def prediction_log(request: HttpRequest) -> HttpResponse:
    """Every answer that production gave, newest first."""
    query = parse_log_query(request)
    page = logged.page_of(query.asked, before=query.before, after=query.after)
    context = {
        "query": query,
        "rows": [_row(line) for line in page.lines],
        "empty": query.asked.empty and not page.lines and not page.newer and not page.older,
        "count": _count_words(query.asked),
        "filtered": not query.asked.empty,
        "months": settings.FUTURE_SKILLS_PREDICTION_RETENTION_MONTHS,
        "levels": [(level, LEVEL_NAMES[level], level == query.asked.level) for level in schema.LEVELS],
        "newer": query.address(after=page.lines[0].id) if page.newer and page.lines else "",
        "older": query.address(before=page.lines[-1].id) if page.older and page.lines else "",
        "export": query.address(),
        "notices": query.notices,
        "section": "predictions",
    }
    return render(request, "serving/log.html", context)


# --- One prediction ---------------------------------------------------------------------------------------------------------
@needs(Right.READ_PREDICTIONS)
@require_safe
def prediction(request: HttpRequest, prediction: str) -> HttpResponse:
    """One answer: what it was, who asked, which version answered, and all that the version had read."""
    line = logged.find_line(prediction)
    said = logged.said(line)
    same = list(logged.lines_of_request(line)[: logged.PAGE_SIZE + 1])
    context = {
        "line": line,
        "said": said,
        "source": _source(line),
        "shares": list((said.probabilities or {}).items()),
        "warnings": [(code, gettext(WARNING_NAMES.get(code, code))) for code in line.warnings],
        "inputs": _inputs(line.inputs),
        "same": [one for one in same if one.pk != line.pk][: logged.PAGE_SIZE - 1],
        "more": len(same) > logged.PAGE_SIZE,
        "pair": "?" + urlencode({"role": line.role, "skill": line.skill}),
        "decided": DecidedPart.of(line.role, line.skill, f"prediction={line.pk}"),
        "api": reverse("api:show_prediction", args=[line.pk]),
        "section": "predictions",
    }
    return render(request, "serving/prediction.html", context)


def _inputs(inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Column, and value as it is written; base features first, then the others."""
    known = [name for name in schema.BASE_FEATURES if name in inputs]
    return [
        (name, formatting.UNKNOWN if inputs[name] is None else _written(inputs[name]))
        for name in (*known, *(name for name in inputs if name not in known))
    ]


def _written(value: Any) -> str:
    """A value with all its decimals, in the active language."""
    if isinstance(value, str):
        return value
    text = repr(value)
    return text.replace(".", ",") if _language() == "fr" else text


# --- The export -------------------------------------------------------------------------------------------------------------
_HEADINGS: Final = {
    "id": _("Prediction"),
    "request_id": _("Request"),
    "at": _("Moment (UTC)"),
    "requester": _("Who asked"),
    "requester_source": _("Known by"),
    "job_role_name": _("Job role"),
    "skill_name": _("Skill"),
    "period": _("Period of the facts"),
    "level": _("Level"),
    "LOW": "P(LOW)",
    "MEDIUM": "P(MEDIUM)",
    "HIGH": "P(HIGH)",
    "score": _("Score"),
    "confidence": _("Confidence"),
    "emergence": _("Emergence"),
    "current_need_level": _("Level now"),
    "abstained": _("Abstained"),
    "warnings": _("Warnings"),
    "override": _("Override"),
    "model_version": _("Version"),
    "deployment": _("Deployment"),
    "inputs": _("Inputs"),
}


@needs(Right.READ_PREDICTIONS)
@require_safe
def predictions_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The lines that the filters keep, oldest first, as a file that a spreadsheet opens in the active language."""
    lines = _csv(_asked(_typed(request)), [str(heading) for heading in _HEADINGS.values()], _language())
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="predictions.csv"'
    return response


def _csv(asked: Asked, headings: list[str], language: formatting.Language) -> Iterator[str]:
    """French spreadsheets expect ``;`` and decimal commas, English ones ``,`` and points; both a byte-order mark."""
    french = language == "fr"
    delimiter = ";" if french else ","
    yield "\ufeff" + csv_line(headings, delimiter=delimiter)
    for line in logged.in_order(asked):
        cells = LoggedDocument.of(line).to_dict()
        cells |= cells.pop("probabilities") or {}
        cells["warnings"] = " ".join(cells["warnings"])
        cells["override"] = line.override and line.override.level
        cells["inputs"] = json.dumps(cells["inputs"], ensure_ascii=False)
        values = [cells.get(name) for name in _HEADINGS]
        yield csv_line(
            [repr(one).replace(".", ",") if french and isinstance(one, float) else one for one in values],
            delimiter=delimiter,
        )
