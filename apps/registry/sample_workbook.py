"""The workbook in which a reviewer labels a sample away from the pages: written here, and read back."""

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import openpyxl
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from apps.registry.models import ValidationSample
from apps.registry.pages import LEVEL_NAMES, language
from apps.registry.sample_words import ANSWER_NAMES, FACT_MEANINGS, FACT_NAMES, choices, past_text, question
from apps.registry.samples import Task
from apps.registry.services.samples import Given
from apps.registry.words import LONGEST_TEXT
from future_skills import formatting as fmt
from future_skills import schema
from future_skills.errors import DataFileError, Defect, InvalidValuesError, UsageError, translatable
from future_skills.sampling import ANSWERS, UNKNOWN
from future_skills.snapshot_columns import normal_heading
from future_skills.snapshot_readers import all_rows, check_kind, damaged_workbook_refused, shortened
from future_skills.snapshot_values import LEVEL_WORDS, without_accents
from future_skills.text import require_text

ROW, ANSWER, COMMENT = "row", "answer", "comment"
"""The columns that are read back."""

HEADINGS: Final[Mapping[str, Mapping[fmt.Language, str]]] = {
    ROW: {"fr": "Ligne", "en": "Row"},
    ANSWER: {"fr": "Besoin, selon vous", "en": "Need, in your opinion"},
    COMMENT: {"fr": "Commentaire", "en": "Comment"},
}
"""Their headings, in either language: a workbook may be sent back to a server that speaks the other one."""

ANSWER_WORDS: Final = {**LEVEL_WORDS, "je ne sais pas": UNKNOWN, "i do not know": UNKNOWN, "unknown": UNKNOWN}
"""Accepted spellings, capitals and accents left aside."""

REFERENCE: Final = re.compile(r"E([0-9]{1,18})-([0-9]{1,6})")
"""How a row is named: number of the sample, place in it. Rows may be sorted or taken away, and are still known."""

LARGEST_WORKBOOK: Final = 50_000_000
"""Bytes of a workbook once unpacked."""

HEAD_FILL: Final = PatternFill("solid", fgColor="1F3A5F")
ANSWER_FILL: Final = PatternFill("solid", fgColor="FFF4CE")
LINE_BELOW: Final = Border(bottom=Side(style="thin", color="B8C2CC"))

_PERIOD, _PAST, _QUESTION = "period", "past", "question"
_NAMES: Final[Mapping[str, Any]] = {
    schema.SKILL: _("Skill"),
    schema.ROLE: _("Job role"),
    _PERIOD: _("Snapshot"),
    **FACT_NAMES,
    _PAST: _("Earlier snapshots"),
    _QUESTION: _("Question"),
}
_WIDTHS: Final = {
    ROW: 10,
    schema.SKILL: 28,
    schema.ROLE: 28,
    schema.CATEGORY: 22,
    schema.DEPARTMENT: 22,
    _PERIOD: 15,
    _PAST: 44,
    _QUESTION: 34,
    ANSWER: 18,
    COMMENT: 44,
}
_COLUMNS: Final = (ROW, *_NAMES, ANSWER, COMMENT)


# --- Written ------------------------------------------------------------------------------------------------------------
def sample_workbook(sample: ValidationSample, tasks: Sequence[Task]) -> Workbook:
    """The rows to label, in the active language; what the reviewer said already is filled in.

    Args:
        sample: the sample.
        tasks: the rows, as one reviewer sees them.
    """
    book = Workbook()
    rows = book.active
    if not isinstance(rows, Worksheet):
        message = "openpyxl gave no worksheet"
        raise TypeError(message)
    rows.title = gettext("To label")
    _write_headings(rows)
    for line, task in enumerate(tasks, start=2):
        _write_task(rows, line, sample, task)
    if tasks:
        rows.add_data_validation(_answers_offered(len(tasks) + 1))
    _write_help(book.create_sheet(gettext("Definitions"), 0), sample)
    book.active = 0
    return book


def _write_headings(sheet: Worksheet) -> None:
    for number, column in enumerate(_COLUMNS, start=1):
        name = HEADINGS[column][language()] if column in HEADINGS else str(_NAMES[column])
        cell = _write(sheet, 1, number, name)
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = HEAD_FILL
        cell.alignment = Alignment(wrap_text=True, vertical="center")
        sheet.column_dimensions[get_column_letter(number)].width = _WIDTHS.get(column, 14)
    sheet.row_dimensions[1].height = 32
    sheet.freeze_panes = "D2"


def _write_task(sheet: Worksheet, line: int, sample: ValidationSample, task: Task) -> None:
    for number, column in enumerate(_COLUMNS, start=1):
        cell = _write(sheet, line, number, _cell(column, sample, task))
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        cell.border = LINE_BELOW
        if column in {ANSWER, COMMENT}:
            cell.fill = ANSWER_FILL
        elif column == "internal_usage":
            cell.number_format = "0%"


def _cell(column: str, sample: ValidationSample, task: Task) -> str | float | None:
    values: dict[str, Any] = {
        ROW: f"E{sample.pk}-{task.position}",
        schema.SKILL: task.skill,
        schema.ROLE: task.role,
        _PERIOD: fmt.period(task.period or None, language()),
        _PAST: past_text(task.facts),
        _QUESTION: question(sample, task.period),
        ANSWER: str(ANSWER_NAMES[task.level]) if task.level else None,
        COMMENT: task.comment or None,
    }
    if column in values:
        value: str | float | None = values[column]
        return value
    fact = task.facts.get(column)
    return str(LEVEL_NAMES[fact]) if column == schema.CURRENT_LEVEL and fact else fact


def _write(sheet: Worksheet, line: int, column: int, value: str | float | None) -> Cell:
    cell = sheet.cell(row=line, column=column)
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"  # a name that begins with “=” is a name
    return cell  # type: ignore[return-value, unused-ignore]


def _answers_offered(last_line: int) -> DataValidation:
    offered = ",".join(str(ANSWER_NAMES[answer]) for answer in ANSWERS)
    validation = DataValidation(type="list", formula1=f'"{offered}"', allow_blank=True)
    validation.errorTitle = gettext("Value to correct")
    validation.error = gettext("Choose one of: {answers}; or leave the cell empty.").format(
        answers=offered.replace(",", ", ")
    )
    validation.showErrorMessage = True
    letter = get_column_letter(_COLUMNS.index(ANSWER) + 1)
    validation.add(f"{letter}2:{letter}{last_line}")
    return validation


def _write_help(sheet: Worksheet, sample: ValidationSample) -> None:
    """What is asked, what the answers mean, what the figures mean, how to send it back."""
    lines: list[tuple[str, str]] = [
        (gettext("Validation sample of {version}").format(version=sample.version.name), ""),
        (
            gettext("What to do"),
            gettext(
                "For each row of the sheet “To label”, read what was known and choose how much the skill will be needed. "
                "The prediction of the model is not shown, so that your opinion is your own. Rows left empty can be filled in "
                "later."
            ),
        ),
        *((str(choice.name), choice.definition) for choice in choices(sample) if choice.definition),
        (str(ANSWER_NAMES[UNKNOWN]), gettext("An honest answer: the row is then left out of the figures.")),
        *((str(FACT_NAMES[name]), str(meaning)) for name, meaning in FACT_MEANINGS.items()),
        (
            gettext("To send it back"),
            gettext(
                "On the page of the sample, or with: manage.py registry sample {version} --import FILE.xlsx"
            ).format(version=sample.version.name),
        ),
    ]
    for line, words in enumerate(lines, start=1):
        for column, text in enumerate(words, start=1):
            cell = _write(sheet, line, column, text)
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            cell.border = LINE_BELOW
            cell.font = Font(bold=column == 1, size=14 if line == 1 else 11)
    sheet.merge_cells("A1:B1")
    sheet.column_dimensions["A"].width = 28
    sheet.column_dimensions["B"].width = 100


# --- Read back ----------------------------------------------------------------------------------------------------------
def read_answers(path: Path, sample: ValidationSample, *, name: str = "") -> list[Given]:
    """The answers in a workbook: all of them, or a refusal that names every wrong cell.

    A row whose answer and comment are both empty is passed over. Any sheet may hold the rows, in any order, among other columns.

    Args:
        path: the file.
        sample: the sample it must be of.
        name: what it is called in messages; by default its path.

    Raises:
        DataFileError: it is no workbook, it has no such rows, or it is that of another sample.
        InvalidValuesError: cells that cannot be understood, each with its line, column and value.
    """
    shown = name or str(path)
    _require_workbook(path, shown)
    with damaged_workbook_refused(Path(shown)):
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        with closing(book):
            tables = [list(all_rows(sheet)) for sheet in book.worksheets]  # type: ignore[arg-type, unused-ignore]
    for table in tables:
        places = _places(table[0]) if table else None
        if places is not None:
            return _Answers(shown, sample, table, places).read()
    raise DataFileError(
        translatable("{path} has no sheet with the columns {columns}."),
        hint=translatable("Export the workbook of the sample again, and fill it in without changing its headings."),
        path=shown,
        columns=", ".join(heading[language()] for heading in HEADINGS.values()),
    )


def _require_workbook(path: Path, shown: str) -> None:
    if not path.is_file():
        raise DataFileError(translatable("{path}: no such file."), path=shown)
    if not shown.lower().endswith(".xlsx"):
        raise UsageError(translatable("{path}: the name must end in .xlsx."), path=shown)
    check_kind(path, shown=shown)
    with damaged_workbook_refused(Path(shown)), zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > LARGEST_WORKBOOK:
        raise DataFileError(
            translatable("{path} is too large: {size} MB once unpacked, and {limit} MB is the most."),
            path=shown,
            size=unpacked // 1_000_000,
            limit=LARGEST_WORKBOOK // 1_000_000,
        )


def _places(head: Sequence[Any]) -> dict[str, int] | None:
    """Where the three columns stand, or None where one of them does not."""
    written = [normal_heading(str(value)) if value is not None else "" for value in head]
    places = {
        column: next((written.index(one) for one in map(normal_heading, names.values()) if one in written), -1)
        for column, names in HEADINGS.items()
    }
    return None if -1 in places.values() else places


class _Answers:
    """The rows of one sheet, their wrong cells collected."""

    def __init__(
        self, path: str, sample: ValidationSample, table: Sequence[Sequence[Any]], places: Mapping[str, int]
    ) -> None:
        self.path = path
        self.sample = sample
        self.table = table
        self.places = places
        self.defects: list[Defect] = []

    def read(self) -> list[Given]:
        """See ``read_answers``."""
        found: dict[int, Given] = {}
        for line, reference, answer, comment in self._cells():
            position = self._position(line, reference)
            if position in found:
                self._refuse(line, ROW, reference, translatable("this row stands in an earlier line already"))
            level = self._level(line, answer)
            text = self._comment(line, comment)
            if position and level:
                found[position] = Given(position, level, text)  # type: ignore[arg-type]
        if self.defects:
            count = len(self.defects)
            raise InvalidValuesError(path=self.path, count=count, defects=self.defects[: InvalidValuesError.shown])
        return list(found.values())

    def _cells(self) -> Iterator[tuple[int, str, str, str]]:
        """Line, row, answer and comment of each line that says something."""
        for line, row in enumerate(self.table[1:], start=2):
            cells = [row[place] if place < len(row) else None for place in self.places.values()]
            reference, answer, comment = ("" if value is None else str(value).strip() for value in cells)
            if answer or comment:
                yield line, reference, answer, comment

    def _refuse(self, line: int, column: str, value: str, reason: str, **values: Any) -> None:
        heading = str(self.table[0][self.places[column]]).strip()
        self.defects.append(Defect(line, heading, shortened(value), reason, tuple(values.items())))

    def _position(self, line: int, reference: str) -> int | None:
        match = REFERENCE.fullmatch(reference)
        if match is None:
            self._refuse(
                line, ROW, reference, translatable("not the name of a row: leave this column as it was exported")
            )
            return None
        sample, position = map(int, match.groups())
        if sample != self.sample.pk:
            raise DataFileError(
                translatable(
                    "{path} is the workbook of another sample (no. {theirs}); that of {version} is no. {ours}."
                ),
                hint=translatable("Nothing was written. Export the workbook of {version} again."),
                path=self.path,
                theirs=sample,
                ours=self.sample.pk,
                version=self.sample.version.name,
            )
        if not 1 <= position <= self.sample.size:
            self._refuse(line, ROW, reference, translatable("the sample has rows 1 to {size}"), size=self.sample.size)
            return None
        return position

    def _level(self, line: int, answer: str) -> str | None:
        if not answer:
            self._refuse(line, ANSWER, answer, translatable("a comment goes with an answer: choose one"))
            return None
        level = ANSWER_WORDS.get(" ".join(without_accents(answer).split()))
        if level is None:
            offered = ", ".join(str(ANSWER_NAMES[one]) for one in ANSWERS)
            self._refuse(
                line, ANSWER, answer, translatable("not an answer; the answers are {answers}"), answers=offered
            )
        return level

    def _comment(self, line: int, comment: str) -> str:
        try:
            comment = require_text(comment)
        except UsageError:
            self._refuse(line, COMMENT, ascii(comment), translatable("it holds control characters: remove them"))
        if len(comment) > LONGEST_TEXT:
            self._refuse(line, COMMENT, comment, translatable("longer than {most} characters"), most=LONGEST_TEXT)
        return comment
