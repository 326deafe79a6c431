"""A reviewer labels in Excel: out, filled in, and back in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.utils import translation
from openpyxl.worksheet.worksheet import Worksheet

from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.accounts.services import create_token
from apps.registry.models import ModelVersion, SampleItem, SampleLabel, ValidationSample
from apps.registry.sample_workbook import read_answers, sample_workbook
from apps.registry.samples import tasks
from apps.registry.services.samples import Given, draw_sample, label_item
from future_skills.errors import DataFileError, InvalidValuesError, UsageError
from tests.apps.registry.promotion import CLAIRE, DOMINIQUE, DRISS, hire, refusal_of

pytestmark = pytest.mark.django_db

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sample(registered: list[ModelVersion], person: Callable[..., Any]) -> ValidationSample:
    """Twenty rows of v1."""
    hire(person)
    return draw_sample(actor=DOMINIQUE, version="v1", size=20)


@pytest.fixture
def path(sample: ValidationSample, tmp_path: Path) -> Path:
    """The workbook, in French."""
    with translation.override("fr"):
        sample_workbook(sample, tasks(sample.items.all(), "")).save(tmp_path / "echantillon.xlsx")
    return tmp_path / "echantillon.xlsx"


@pytest.fixture
def as_claire(settings: Any, sample: ValidationSample) -> None:
    """Commands are Claire's, by a token of hers."""
    owner = Actor("claire", "login")
    token = create_token(actor=owner, username="claire", name="essai", scopes=[Right.READ, Right.LABEL], days=9)
    settings.FUTURE_SKILLS_TOKEN = token[1]


def rows_sheet(path: Path) -> tuple[Any, Worksheet, dict[str, int]]:
    book = openpyxl.load_workbook(path)
    sheet = next(one for one in book.worksheets if one["A1"].value in {"Ligne", "Row"})
    places = {cell.value: cell.column for cell in sheet[1]}
    return book, sheet, places


def fill(path: Path, answers: dict[int, tuple[str | None, str | None]]) -> None:
    """Write answers and comments on lines of the workbook (the first row is on line 2)."""
    book, sheet, places = rows_sheet(path)
    for line, (answer, comment) in answers.items():
        sheet.cell(line, places["Besoin, selon vous"]).value = answer
        sheet.cell(line, places["Commentaire"]).value = comment
    book.save(path)


# --- Out ----------------------------------------------------------------------------------------------------------------
def test_the_workbook_has_the_definitions_and_one_line_for_each_row(sample: ValidationSample, path: Path) -> None:
    book, sheet, places = rows_sheet(path)
    assert sheet.max_row == 21
    first = sample.items.get(position=1)
    assert sheet.cell(2, places["Ligne"]).value == f"E{sample.pk}-1"
    assert first.skill in [cell.value for cell in sheet[2]]
    assert first.role in [cell.value for cell in sheet[2]]
    texts = [cell.value for row in book.worksheets[0].iter_rows() for cell in row]
    assert sample.definitions["fr"]["HIGH"] in texts


def test_the_answers_are_chosen_from_a_list(path: Path) -> None:
    _, sheet, places = rows_sheet(path)
    (validation,) = sheet.data_validations.dataValidation
    assert validation.type == "list"
    answers = validation.formula1.strip('"').split(",")
    assert answers[:3] == ["Faible", "Moyen", "Élevé"]
    assert len(answers) == 4
    letter = openpyxl.utils.get_column_letter(places["Besoin, selon vous"])
    assert str(validation.sqref) == f"{letter}2:{letter}21"


def test_the_workbook_speaks_english_too(sample: ValidationSample, tmp_path: Path) -> None:
    with translation.override("en"):
        sample_workbook(sample, tasks(sample.items.all(), "")).save(tmp_path / "sample.xlsx")
    book, sheet, places = rows_sheet(tmp_path / "sample.xlsx")
    assert book.sheetnames == ["Definitions", "To label"]
    assert {"Row", "Need, in your opinion", "Comment", "Internal usage"} <= places.keys()
    assert sheet.data_validations.dataValidation[0].formula1 == '"Low,Medium,High,I do not know"'


def test_the_workbook_hides_the_prediction(sample: ValidationSample, tmp_path: Path) -> None:
    SampleItem.objects.update(stratum="SECRET", predicted="HIGH", probabilities={"HIGH": 0.123456789}, facts={})
    sample_workbook(sample, tasks(sample.items.all(), "claire")).save(tmp_path / "blind.xlsx")
    _, sheet, _ = rows_sheet(tmp_path / "blind.xlsx")
    texts = [str(cell.value) for row in sheet.iter_rows(min_row=2) for cell in row]
    for secret in ("SECRET", "0.123456789", "HIGH", "High", "Élevé"):
        assert not any(secret in text for text in texts)


def test_a_name_that_looks_like_a_formula_stays_a_name(sample: ValidationSample, tmp_path: Path) -> None:
    SampleItem.objects.filter(position=1).update(role="=cmd|calc")
    sample_workbook(sample, tasks(sample.items.all(), "")).save(tmp_path / "names.xlsx")
    _, sheet, _ = rows_sheet(tmp_path / "names.xlsx")
    (cell,) = (cell for cell in sheet[2] if cell.value == "=cmd|calc")
    assert cell.data_type == "s"


# --- In -----------------------------------------------------------------------------------------------------------------
def test_answers_come_back_whatever_the_order_of_the_lines(sample: ValidationSample, path: Path) -> None:
    fill(path, {2: ("Faible", None), 3: ("  élevé ", "À revoir."), 4: ("HIGH", None), 5: ("Je ne sais pas", None)})
    book, sheet, _ = rows_sheet(path)
    sheet.delete_rows(10, 5)
    sheet.insert_cols(1)
    book.save(path)
    assert read_answers(path, sample) == [
        Given(1, "LOW"),
        Given(2, "HIGH", "À revoir."),
        Given(3, "HIGH"),
        Given(4, "UNKNOWN"),
    ]


def test_wrong_cells_are_named_by_line_column_and_value(sample: ValidationSample, path: Path) -> None:
    fill(
        path,
        {2: ("Peut-être", None), 3: (None, "Sans réponse."), 4: ("Faible", "x" * 10_001), 5: ("Faible", None)},
    )
    book, sheet, _ = rows_sheet(path)
    sheet["A5"] = sheet["A4"].value
    sheet["A7"], sheet["A8"] = "ligne 7", f"E{sample.pk}-21"
    sheet.cell(7, sheet.max_column).value = sheet.cell(8, sheet.max_column).value = "?"
    book.save(path)
    with pytest.raises(InvalidValuesError) as refused:
        read_answers(path, sample)
    found = {(defect.line, defect.column) for defect in refused.value.defects}
    assert {(2, "Besoin, selon vous"), (3, "Besoin, selon vous"), (4, "Commentaire")} <= found
    assert {(5, "Ligne"), (7, "Ligne"), (8, "Ligne")} <= found
    assert "Peut-être" in str(refused.value)


def test_the_workbook_of_another_sample_is_refused(sample: ValidationSample, path: Path) -> None:
    fill(path, {2: ("Faible", None)})
    newer = draw_sample(actor=DOMINIQUE, version="v1", size=20, seed=2)
    with pytest.raises(DataFileError, match=rf"no\. {sample.pk}.*no\. {newer.pk}"):
        read_answers(path, newer)


def test_what_is_no_workbook_of_a_sample_is_refused(sample: ValidationSample, path: Path, tmp_path: Path) -> None:
    for name, content in {"text.xlsx": b"hello", "cut.xlsx": path.read_bytes()[:3_000]}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataFileError, match=name):
            read_answers(tmp_path / name, sample)
    other = openpyxl.Workbook()
    other.save(tmp_path / "other.xlsx")
    with pytest.raises(DataFileError, match=r"other\.xlsx"):
        read_answers(tmp_path / "other.xlsx", sample)
    with pytest.raises(DataFileError, match="no such file"):
        read_answers(tmp_path / "absent.xlsx", sample)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UsageError):
        read_answers(tmp_path / "notes.txt", sample)


# --- In a terminal ------------------------------------------------------------------------------------------------------
def test_a_reviewer_exports_fills_in_and_imports_twice_without_harm(
    sample: ValidationSample, as_claire: None, run: Run, tmp_path: Path
) -> None:
    label_item(actor=CLAIRE, version="v1", position=2, level="MEDIUM", comment="Déjà dit.")
    path = tmp_path / "claire.xlsx"
    code, _, _ = run("registry", "sample", "v1", "--export", str(path))
    assert code == 0
    _, sheet, places = rows_sheet(path)
    assert sheet.cell(3, places["Commentaire"]).value == "Déjà dit."
    fill(path, {2: ("Élevé", None), 4: ("Faible", "Plus personne ne s’en sert.")})
    code, output, _ = run("registry", "sample", "v1", "--import", str(path), "--json")
    assert code == 0
    assert (json.loads(output)["recorded"], json.loads(output)["unchanged"]) == (2, 1)
    code, output, _ = run("registry", "sample", "v1", "--import", str(path), "--json")
    assert (json.loads(output)["recorded"], json.loads(output)["unchanged"]) == (0, 3)
    assert SampleLabel.objects.count() == 3
    assert set(SampleLabel.objects.values_list("reviewer", flat=True)) == {"claire"}


def test_one_wrong_cell_and_nothing_is_written(sample: ValidationSample, as_claire: None, run: Run, path: Path) -> None:
    fill(path, {2: ("Élevé", None), 3: ("Plutôt oui", None)})
    code, _, message = run("registry", "sample", "v1", "--import", str(path))
    assert code == 1
    assert "Plutôt oui" in message
    assert not SampleLabel.objects.exists()


def test_an_import_needs_a_proof_of_who_labels(sample: ValidationSample, run: Run, path: Path) -> None:
    fill(path, {2: ("Élevé", None)})
    code, output, _ = run("registry", "sample", "v1", "--import", str(path), "--as", "claire", "--json")
    assert (code, refusal_of(output)["code"]) == (1, "proof_required")


def test_a_workbook_is_not_written_over(sample: ValidationSample, run: Run, path: Path) -> None:
    before = path.read_bytes()
    code, _, _ = run("registry", "sample", "v1", "--export", str(path))
    assert (code, path.read_bytes()) == (1, before)
    assert run("registry", "sample", "v1", "--export", str(path), "--force")[0] == 0
    assert run("registry", "sample", "v1", "--export", str(path.with_suffix(".csv")))[0] == 1


def test_a_data_scientist_exports_every_row_and_a_second_reviewer_their_own(
    sample: ValidationSample, run: Run, settings: Any, tmp_path: Path
) -> None:
    for item in sample.items.all():
        label_item(actor=CLAIRE, version="v1", position=item.position, level="LOW", comment="SECRET")
    code, output, _ = run("registry", "sample", "v1", "--export", str(tmp_path / "all.xlsx"), "--json")
    assert (code, json.loads(output)["rows"]) == (0, 20)
    _, sheet, _ = rows_sheet(tmp_path / "all.xlsx")
    assert not any("SECRET" in str(cell.value) for row in sheet.iter_rows() for cell in row)
    owner = Actor(DRISS.name, "login")
    token = create_token(actor=owner, username="driss", name="essai", scopes=[Right.READ, Right.LABEL], days=9)
    settings.FUTURE_SKILLS_TOKEN = token[1]
    code, output, _ = run("registry", "sample", "v1", "--export", str(tmp_path / "own.xlsx"), "--json")
    assert (code, json.loads(output)["rows"]) == (0, 5)


def test_the_last_workbook_completes_the_sample_and_the_command_shows_the_result(
    sample: ValidationSample, as_claire: None, run: Run, path: Path
) -> None:
    for item in sample.items.filter(labels_needed=2):
        label_item(actor=DRISS, version="v1", position=item.position, level="LOW", comment="Avis de Driss.")
    fill(path, dict.fromkeys(range(2, 22), ("Élevé", None)))
    code, output, _ = run("registry", "sample", "v1", "--import", str(path), "--json")
    assert (code, json.loads(output)["complete"]) == (0, True)
    code, output, _ = run("registry", "sample", "v1")
    assert code == 0
    assert "Avis de Driss." in output
    code, output, _ = run("registry", "sample", "v1", "--json")
    document = json.loads(output)
    assert (code, document["complete"], document["result"]["labelled"]) == (0, True, 20)
    assert sum(stratum["drawn"] for stratum in document["strata"]) == 20
