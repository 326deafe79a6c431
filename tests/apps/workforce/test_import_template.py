"""What a person does with ``manage.py import_template``."""

import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.management import CommandError, call_command
from openpyxl.worksheet.worksheet import Worksheet

from apps.workforce.selectors import snapshots_frame
from apps.workforce.template_workbook import COLUMNS, HELP_SHEET, LISTS_SHEET
from future_skills import schema
from future_skills.snapshot_readers import DATA_SHEET
from tests.apps.workforce.facts import csv_text, database, row

pytestmark = pytest.mark.django_db


def template(tmp_path: Path, *options: str) -> Path:
    path = tmp_path / "releve.xlsx"
    call_command("import_template", "--output", str(path), *options)
    return path


def validations(sheet: Worksheet) -> dict[str, Any]:
    """Column letter -> its validation."""
    return {str(each.sqref).split("2:")[0]: each for each in sheet.data_validations.dataValidation}


def test_every_column_has_a_heading_a_definition_a_unit_an_example_and_a_check(tmp_path):
    book = openpyxl.load_workbook(template(tmp_path))
    sheet, explanations = book[DATA_SHEET], book[HELP_SHEET]
    headings = [cell.value for cell in sheet[1]]
    assert len(headings) == len(schema.SNAPSHOT_COLUMNS)
    assert len(validations(sheet)) == len(headings)
    for validation in validations(sheet).values():
        assert validation.prompt
        assert len(validation.prompt) <= 255
        assert len(validation.promptTitle) <= 32
        assert len(validation.error or "") <= 255
    lines = {cells[0]: cells[1:] for cells in explanations.iter_rows(values_only=True) if cells[0] in headings}
    assert list(lines) == headings
    assert all(value not in {None, ""} for cells in lines.values() for value in cells[:4])


def test_the_headings_stay_in_view_and_the_sheet_to_fill_in_is_shown_first(tmp_path):
    book = openpyxl.load_workbook(template(tmp_path))
    assert book.sheetnames == [DATA_SHEET, HELP_SHEET, LISTS_SHEET]
    assert book.active.title == DATA_SHEET
    assert book[DATA_SHEET].freeze_panes == "A2"


def test_levels_are_chosen_from_a_list_and_shares_between_0_and_1(tmp_path):
    checks = validations(openpyxl.load_workbook(template(tmp_path))[DATA_SHEET])
    assert checks["N"].formula1 == '"Faible,Moyen,Élevé"'
    assert (checks["G"].type, checks["G"].formula1, checks["G"].formula2) == ("decimal", "0", "1")


def test_names_already_stored_are_offered_but_new_ones_stay_allowed(tmp_path):
    source = tmp_path / "releve.csv"
    source.write_text(csv_text(row(skill_name="=SUM(A1)"), row(skill_name="SQL")))
    call_command("import_snapshots", str(source))
    book = openpyxl.load_workbook(template(tmp_path))
    skills, lists = validations(book[DATA_SHEET])["E"], book[LISTS_SHEET]
    column = next(cell.column_letter for cell in lists[1] if cell.value == "Compétence")
    place = f"'{LISTS_SHEET}'!${column}$2"
    assert skills.formula1 == f"OFFSET({place},0,0,MAX(1,COUNTA({place}:${column}$1003)),1)"
    assert not skills.showErrorMessage
    assert [cell.value for cell in lists[column] if cell.value] == ["Compétence", "=SUM(A1)", "SQL"]
    assert all(cell.data_type != "f" for cell in lists[column])


def test_on_a_new_installation_too_every_column_has_its_list_or_its_range(tmp_path):
    book = openpyxl.load_workbook(template(tmp_path))
    checks = validations(book[DATA_SHEET])
    kinds = {heading.value: checks[heading.column_letter].type for heading in book[DATA_SHEET][1]}
    chosen = [heading for heading, kind in kinds.items() if kind == "list"]
    assert {kind for heading, kind in kinds.items() if heading not in chosen} == {"decimal"}
    # the lists are filled in by the department itself, under the same headings
    assert [cell.value for cell in book[LISTS_SHEET][1]] == [one for one in chosen if one != "Niveau de besoin observé"]


def test_an_untouched_template_is_refused_in_words(tmp_path):
    before = database()
    with pytest.raises(CommandError, match="no row") as refusal:
        call_command("import_snapshots", str(template(tmp_path)))
    assert refusal.value.returncode == 1
    assert database() == before


def test_a_filled_in_template_is_imported_as_it_is(tmp_path):
    path = template(tmp_path)
    book = openpyxl.load_workbook(path)
    book[DATA_SHEET].append([about.example for about in COLUMNS.values()])
    book.save(path)
    output = io.StringIO()
    call_command("import_snapshots", str(path), "--json", stdout=output)
    document = json.loads(output.getvalue())
    assert document["created"] == 1
    assert document["files"][0]["notes"] == []
    stored = snapshots_frame().row(0, named=True)
    assert (stored["job_role_code"], stored["observed_need_level"], stored["avg_salary_k"]) == ("SI-014", "HIGH", 48.5)


def test_a_file_that_exists_is_kept_unless_forced(tmp_path):
    path = template(tmp_path)
    path.write_text("my work")
    with pytest.raises(CommandError, match="exists already") as refusal:
        template(tmp_path)
    assert refusal.value.returncode == 1
    assert path.read_text() == "my work"
    template(tmp_path, "--force")
    assert openpyxl.load_workbook(path).sheetnames[0] == DATA_SHEET


def test_a_name_that_excel_would_not_open_is_refused(tmp_path):
    with pytest.raises(CommandError, match=r"\.xlsx"):
        call_command("import_template", "--output", str(tmp_path / "releve.csv"))
    assert not list(tmp_path.glob("releve*"))


def test_json_names_the_file_and_its_columns(tmp_path):
    output = io.StringIO()
    call_command("import_template", "--output", str(tmp_path / "releve.xlsx"), "--json", stdout=output)
    assert json.loads(output.getvalue())["columns"] == list(COLUMNS)
