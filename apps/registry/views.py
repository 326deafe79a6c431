"""Pages of the registry: parse, call a selector or a service, answer."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.accounts.rights import Right
from apps.registry import pages, selectors
from apps.registry.models import ModelVersion
from apps.registry.paging import asked_page, beyond
from apps.registry.selectors import VersionRow
from apps.registry.services.comparison import compare_versions
from apps.registry.standing import stages_of
from future_skills.comparison import Comparison
from future_skills.errors import FutureSkillsError, VersionNotFoundError
from future_skills.lifecycle import STAGE_NAMES, Stage
from future_skills.split_notes import explain_note

TEXT_LENGTH = 100
CSV_BATCH = 500
"""Rows of the export whose stages are asked at once."""


# --- The table of versions ------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class TableQuery:
    """What an address asks of the table; ``notices`` say what of it could not be understood."""

    text: str
    sort: str
    page: int
    notices: tuple[str, ...]

    def address(self, **changes: str | int) -> str:
        """The query string of this table with something changed; what is default is left out."""
        asked = {"q": self.text, "sort": self.sort, "page": self.page} | changes
        default = {"q": "", "sort": selectors.DEFAULT_SORT, "page": 1}
        return "?" + urlencode({key: value for key, value in asked.items() if value != default[key]})


def parse_table_query(request: HttpRequest) -> TableQuery:
    """Read ``q``, ``sort`` and ``page``; what makes no sense is replaced, and said."""
    notices = []
    text = "".join(character for character in request.GET.get("q", "") if character.isprintable()).strip()
    sort = request.GET.get("sort") or selectors.DEFAULT_SORT
    if sort.removeprefix("-") not in selectors.SORTS:
        notices.append(gettext("The table cannot be sorted by “{name}”: it is sorted by date.").format(name=sort[:40]))
        sort = selectors.DEFAULT_SORT
    page, said = asked_page(request)
    return TableQuery(text[:TEXT_LENGTH], sort, page, (*notices, *said))


@dataclass(frozen=True, slots=True)
class Column:
    """A heading of the table: where a click leads, and how the table is sorted now (``aria-sort``)."""

    name: object
    unit: object
    address: str
    state: str
    numeric: bool


_HEADINGS = (
    ("version", _("Version"), "", False),
    ("stage", _("Stage"), "", False),
    ("date", _("Date"), "", False),
    ("dataset", _("Dataset"), "", False),
    ("rows", _("Rows"), "", True),
    ("accuracy", _("Accuracy"), "%", True),
    ("f1_weighted", _("Weighted F1"), _("0 to 1"), True),
    ("f1_macro", _("Macro F1"), _("0 to 1"), True),
    ("same_as_today", _("“same as today”"), _("macro F1"), True),
    ("emergence", _("Emergence"), _("× chance"), True),
    ("top_200", _("Top 200"), _("became High, %"), True),
)


def _columns(query: TableQuery) -> list[Column]:
    return [_column(query, *heading) for heading in _HEADINGS]


def _column(query: TableQuery, key: str, name: object, unit: object, numeric: bool) -> Column:
    if key not in selectors.SORTS:
        return Column(name, unit, "", "none", numeric)
    descending = f"-{key}"
    first = descending if numeric or key == "date" else key
    turned = key if query.sort == descending else descending
    state = {key: "ascending", descending: "descending"}.get(query.sort, "none")
    target = turned if state != "none" else first
    return Column(name, unit, query.address(sort=target, page=1), state, numeric)


@needs(Right.READ)
@require_safe
def versions(request: HttpRequest) -> HttpResponse:
    """The table of versions: which exist, which is best, beside “same as today”."""
    query = parse_table_query(request)
    found = selectors.versions_page(text=query.text, sort=query.sort, page=query.page)
    summary = selectors.registry_summary()
    notices = list(query.notices)
    if found.page < query.page:
        notices.append(beyond(query.page, found.page))
    reference = summary.newest.test if summary.newest else None
    stages = stages_of(row.key for row in found.rows)
    context = {
        "query": query,
        "found": found,
        "summary": summary,
        "sentence": pages.table_sentence(summary),
        "rows": [(row, row.test != reference, stages[row.key]) for row in found.rows],
        "other_tests": any(row.test != reference for row in found.rows),
        "fewer_rows": any(row.same_rows_f1_macro is not None for row in found.rows),
        "columns": _columns(query),
        "notices": notices,
        "section": "versions",
        "previous": query.address(page=found.page - 1) if found.page > 1 else "",
        "next": query.address(page=found.page + 1) if found.page < found.pages else "",
        "export": query.address(page=1),
        "chart": pages.history_chart(summary.recent) if summary.total > 1 else "",
    }
    return render(request, "registry/versions.html", context)


@needs(Right.READ)
@require_safe
def versions_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same rows and columns as the table, all pages, as a file that a spreadsheet opens in the active language."""
    query = parse_table_query(request)
    rows = selectors.all_versions(text=query.text, sort=query.sort)
    response = StreamingHttpResponse(_csv_lines(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="versions.csv"'
    return response


class _Echo:
    """A file that gives back what is written to it, for ``csv.writer``."""

    def write(self, line: str) -> str:
        return line


def _csv_lines(rows: Iterator[VersionRow]) -> Iterator[str]:
    """French spreadsheets expect ``;`` and decimal commas, English ones ``,`` and points; both a byte-order mark."""
    french = pages.language() == "fr"
    writer = csv.writer(_Echo(), delimiter=";" if french else ",")

    def number(value: float | None) -> str:
        text = "" if value is None else repr(value)
        return text.replace(".", ",") if french else text

    yield "\ufeff"
    heads = [f"{name} ({unit})" if unit and unit != "%" else str(name) for _key, name, unit, _numeric in _HEADINGS]
    yield writer.writerow(heads)
    while batch := tuple(islice(rows, CSV_BATCH)):
        stages = stages_of(row.key for row in batch)
        for row in batch:
            yield writer.writerow(_csv_cells(row, stages[row.key], number))


def _csv_cells(row: VersionRow, stage: Stage, number: Callable[[float | None], str]) -> list[str | int]:
    dataset = f"'{row.dataset}" if row.dataset.lstrip()[:1] in "=+-@" else row.dataset
    figures = (
        row.accuracy,
        row.f1_weighted,
        row.f1_macro,
        row.persistence_f1_macro,
        row.lift,
        row.precision_at_200,
    )
    words = gettext(STAGE_NAMES[stage])
    return [row.name, words, row.trained_at.isoformat(), dataset, row.rows, *map(number, figures)]


# --- A version ------------------------------------------------------------------------------------
@needs(Right.READ)
@require_safe
def version(request: HttpRequest, name: str) -> HttpResponse:
    """A version: what it is worth beside the baselines, and what it was made of."""
    found = selectors.find_version(name)
    words = found.words
    rows = pages.target_rows(words.metrics)
    context = {
        "version": found,
        "words": words,
        "stage": stages_of([found.pk])[found.pk],
        "retraction": getattr(found, "retraction", None),
        "sentence": pages.version_sentence(words),
        "measures": pages.version_measures(words),
        "targets": rows,
        "targets_sentence": pages.targets_sentence(rows),
        "levels": pages.level_rows(words.metrics),
        "matrix": pages.matrix_rows(words.metrics),
        "matrix_chart": pages.confusion_chart(words),
        "importances": pages.importance_rows([words]),
        "importances_charts": pages.importances_charts([words]),
        "shares": pages.level_shares(words.dataset.class_distribution),
        "engine": pages.engine_sentence(found.measured_engine),
        "split": pages.SPLIT_NAMES[words.split.kind],
        "split_note": explain_note(words.split.note, gettext),
        "notes": found.notes.all(),
        "compare_with": selectors.version_before(found),
        "name_list": [found.name],
        "reproduce_command": f"python manage.py registry reproduce {found.name}",
        "show_command": f"python manage.py registry show {found.name} --json",
        "note_command": f'python manage.py registry note {found.name} "…"',
        "section": "versions",
    }
    return render(request, "registry/version.html", context)


# --- Two versions ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Choice:
    """One side of the comparison: what was typed, the version found, or why there is none."""

    typed: str
    version: ModelVersion | None
    error: str


def _choice(request: HttpRequest, side: str) -> Choice:
    typed = request.GET.get(side, "").strip()
    if not typed:
        return Choice("", None, "")
    try:
        return Choice(typed, selectors.find_version(typed), "")
    except VersionNotFoundError as error:
        return Choice(typed, None, error.explain(gettext))


@needs(Right.READ)
@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """Two versions on the same rows: which is better, in what, and what was not the same when they were made."""
    reference, challenger = _choice(request, "reference"), _choice(request, "challenger")
    context = {
        "reference": reference,
        "challenger": challenger,
        "names": selectors.version_names(),
        "section": "compare",
        "same": reference.version is not None and reference.version == challenger.version,
    }
    status = 404 if reference.error or challenger.error else 200
    if reference.version and challenger.version and not context["same"]:
        context |= _compared(reference.version, challenger.version)
    return render(request, "registry/compare.html", context, status=status)


def _compared(reference: ModelVersion, challenger: ModelVersion) -> dict[str, object]:
    ours, theirs = reference.words, challenger.words
    comparison, problem = _comparison(reference, challenger)
    return {
        "comparison": comparison,
        "problem": problem,
        "sentence": pages.comparison_sentence(comparison) if comparison else problem,
        "differences": pages.difference_rows(comparison) if comparison else [],
        "differences_chart": pages.differences_chart(comparison) if comparison and comparison.differences else "",
        "counts": pages.comparison_counts(comparison) if comparison and comparison.rows else "",
        "seen": pages.seen_sentences(comparison) if comparison else [],
        "measures": pages.compared_measures(ours, theirs, comparison),
        "changes": pages.differing(ours, theirs),
        "moves": pages.feature_moves(ours, theirs),
        "importances": pages.importance_rows([ours, theirs]),
        "importances_charts": pages.importances_charts([ours, theirs]),
        "name_list": [reference.name, challenger.name],
        "swapped": "?" + urlencode({"reference": challenger.name, "challenger": reference.name}),
    }


def _comparison(reference: ModelVersion, challenger: ModelVersion) -> tuple[Comparison | None, str]:
    """The paired comparison; or, where it is refused, the refusal in words."""
    try:
        return compare_versions(reference.name, challenger.name), ""
    except FutureSkillsError as error:
        return None, error.explain(gettext)
