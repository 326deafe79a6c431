"""What a person does with ``manage.py import_snapshots``."""

import csv
import gzip
import io
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import translation

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.audit.services import verify_chain
from apps.workforce.models import JobRole, Skill, SkillSnapshot
from apps.workforce.selectors import observed_periods, snapshots_frame
from apps.workforce.services import ImportCounts, import_snapshots, store_snapshots
from future_skills import schema
from future_skills.errors import DataError
from tests.apps.workforce.facts import GOOD_ROW, csv_text, database, row

pytestmark = pytest.mark.django_db

ANALYST = Actor("analyst", "declared")


def imported(*paths: Path, options: tuple[str, ...] = ()) -> dict[str, Any]:
    """The JSON document of an import."""
    output = io.StringIO()
    call_command("import_snapshots", *map(str, paths), "--json", *options, stdout=output)
    document: dict[str, Any] = json.loads(output.getvalue())
    return document


def counts(document: dict[str, Any]) -> tuple[int, ...]:
    """created, updated, unchanged, duplicates, rejected."""
    return tuple(document[name] for name in ("created", "updated", "unchanged", "duplicates", "rejected"))


def the_snapshot() -> dict[str, Any]:
    return snapshots_frame().row(0, named=True)


def test_a_row_is_stored_as_it_is_written(write):
    document = imported(write(csv_text(row())))
    assert document["read"] == 1
    assert counts(document) == (1, 0, 0, 0, 0)
    assert document["periods"] == ["2024-03"]
    numbers = {name: float(GOOD_ROW[name]) for name in schema.NUMERIC_FEATURES}
    assert the_snapshot() == {**GOOD_ROW, **numbers}


def test_importing_the_same_file_again_changes_nothing_but_the_log(write):
    path = write(csv_text(row(), row(skill_name="SQL")))
    imported(path)
    before = database()
    assert counts(imported(path)) == (0, 0, 2, 0, 0)
    after = database()
    assert {name for name in after if after[name] != before[name]} == {"audit.AuditEvent", "audit.AuditHead"}


def test_a_corrected_file_updates_only_what_changed(write):
    imported(write(csv_text(row(), row(skill_name="SQL"))))
    corrected = csv_text(row(trend_score="0.75", observed_need_level=""), row(skill_name="SQL"), row(skill_name="R"))
    assert counts(imported(write(corrected))) == (1, 1, 1, 0, 0)
    python = snapshots_frame().filter(pl.col("skill_name") == "Python").row(0, named=True)
    assert (python["trend_score"], python["observed_need_level"]) == (0.75, None)


def test_the_act_is_in_the_audit_log_with_the_hash_of_the_file(write):
    path = write(csv_text(row()))
    imported(path, options=("--as", "claire"))
    event = AuditEvent.objects.get()
    assert (event.actor, event.actor_source, event.action) == ("claire", "declared", "workforce.import_snapshots")
    assert event.details["created"] == 1
    assert event.details["files"][0]["name"] == "releve.csv"
    assert len(event.details["files"][0]["sha256"]) == 64
    assert verify_chain() == 1


def test_a_blank_cell_is_missing(write):
    blank = dict.fromkeys([*schema.NUMERIC_FEATURES, "observed_need_level", "job_role_code"], "")
    imported(write(csv_text(row(**blank))))
    stored = the_snapshot()
    assert all(stored[name] is None for name in [*schema.NUMERIC_FEATURES, "observed_need_level"])
    assert stored["job_role_code"] == "Data engineer"  # the role is known by its name


@pytest.mark.parametrize("missing", ["job_role_code", "observed_need_level"])
def test_a_file_may_lack_the_optional_columns(write, missing):
    columns = tuple(column for column in schema.SNAPSHOT_COLUMNS if column != missing)
    assert counts(imported(write(csv_text(row(), columns=columns)))) == (1, 0, 0, 0, 0)


def test_a_file_without_observed_levels_says_that_they_are_unknown(write):
    text = csv_text(row(), columns=schema.SNAPSHOT_COLUMNS[:-1])
    assert "unknown" in imported(write(text))["files"][0]["notes"][0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_accents_are_read_in_every_usual_encoding(write, encoding):
    text = csv_text(row(job_role_name="Chargée d'études", job_department="Systèmes"))
    document = imported(write(text.encode(encoding)))
    assert the_snapshot()["job_role_name"] == "Chargée d'études"
    said = "Windows-1252" in "".join(document["files"][0]["notes"])
    assert said == (encoding in {"cp1252", "latin-1"})


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_separators_and_line_endings_are_found(write, delimiter, ending):
    text = csv_text(row(), row(skill_name="SQL; T-SQL, tab"), delimiter=delimiter).replace("\n", ending)
    assert counts(imported(write(text))) == (2, 0, 0, 0, 0)


def test_a_french_excel_csv_is_read(write):
    text = (
        "sep=;\r\n"
        "Période (AAAA-MM);Métier;Département;Compétence;Catégorie de compétence;Tendance;USAGE INTERNE;"
        "Demandes de formation;indice de rarete;Difficulté de recrutement (0 à 1);Salaire moyen (k€);"
        "Indicateur économique;Niveau de besoin observé;Remarque\r\n"
        "2025-03;Acheteuse;Achats;Négociation;Relations;0,62;0,4;1 204,5;0,55;;48,125;-7,3;Élevé;à revoir\r\n"
        ";;;;;;;;;;;;;\r\n"
        "2025-03;Acheteuse;Achats;Espagnol;Langues;,5;+0,4;12 000;1e-1;0;1\u00a0204,5;7;faible;\r\n"
    ).replace(";,5;", ";0,5;")
    document = imported(write(text.encode("cp1252")))
    assert counts(document) == (2, 0, 0, 0, 0)
    assert any("Remarque" in note for note in document["files"][0]["notes"])
    first, second = snapshots_frame().sort("skill_category", descending=True).iter_rows(named=True)
    assert [first[name] for name in schema.NUMERIC_FEATURES] == [0.62, 0.4, 1204.5, 0.55, None, 48.125, -7.3]
    assert [second[name] for name in schema.NUMERIC_FEATURES] == [0.5, 0.4, 12000.0, 0.1, 0.0, 1204.5, 7.0]
    assert (first["observed_need_level"], second["observed_need_level"]) == ("HIGH", "LOW")


@pytest.mark.parametrize(
    ("word", "level"),
    [("LOW", "LOW"), ("Medium", "MEDIUM"), ("high", "HIGH"), ("Faible", "LOW"), ("MOYEN", "MEDIUM"), ("eleve", "HIGH")],
)
def test_levels_are_read_in_both_languages(write, word, level):
    imported(write(csv_text(row(observed_need_level=word))))
    assert the_snapshot()["observed_need_level"] == level


def test_names_that_look_the_same_are_the_same_and_case_is_kept(write):
    text = csv_text(
        row(skill_name="Qualité"),
        row(skill_name=" Qualite\u0301 "),  # the accent as a character of its own, and spaces around
        row(skill_name="qualité"),
        row(skill_name="Gestion\u00a0de  projet"),
    )
    assert counts(imported(write(text))) == (3, 0, 0, 1, 0)
    assert set(Skill.objects.values_list("name", flat=True)) == {"Qualité", "qualité", "Gestion de projet"}


def test_rows_that_repeat_each_other_are_one_row_within_a_file_and_across_files(write):
    first, second = (
        write(csv_text(row(), row()), "first.csv"),
        write(csv_text(row(), row(skill_name="R")), "second.csv"),
    )
    document = imported(first, second)
    assert document["read"] == 4
    assert counts(document) == (2, 0, 0, 2, 0)


def test_rows_that_repeat_each_other_across_batches_are_found(write, monkeypatch):
    monkeypatch.setattr("future_skills.snapshot_file.BATCH_ROWS", 2)
    rows = [row(skill_name=f"Skill {number}") for number in range(5)]
    assert counts(imported(write(csv_text(*rows, rows[0])))) == (5, 0, 0, 1, 0)


def test_their_headings_can_be_named_with_map(write):
    text = csv_text(row()).replace("skill_name", "Competency (EN)").replace("period", "mois")
    document = imported(write(text), options=("--map", "competency (en)=skill_name", "--map", "mois=period"))
    assert counts(document) == (1, 0, 0, 0, 0)


def test_packed_csv_is_read(write):
    assert counts(imported(write(gzip.compress(csv_text(row()).encode()), "releve.csv.gz"))) == (1, 0, 0, 0, 0)


def test_parquet_is_read_whatever_the_width_of_its_numbers(write):
    content = io.BytesIO()
    numbers = {name: float(GOOD_ROW[name]) for name in schema.NUMERIC_FEATURES}
    pl.DataFrame([{**GOOD_ROW, **numbers}]).with_columns(
        pl.col("training_requests").cast(pl.Int32),
        pl.col("trend_score").cast(pl.Float32),
        pl.lit(None).alias("scarcity_index"),
        pl.col("skill_name").cast(pl.Categorical),
        pl.lit(datetime(2024, 3, 31)).alias("period"),  # noqa: DTZ001 — as pandas writes it
    ).write_parquet(content)
    imported(write(content.getvalue(), "releve.parquet"))
    assert the_snapshot() == {**GOOD_ROW, **numbers, "scarcity_index": None}


def excel(write: Any, *rows: list[Any]) -> Path:
    book = openpyxl.Workbook()
    for cells in rows:
        book.active.append(cells)
    content = io.BytesIO()
    book.save(content)
    path: Path = write(content.getvalue(), "releve.xlsx")
    return path


def test_excel_dates_numbers_and_percentages_are_read(write):
    values = {**GOOD_ROW, "period": datetime(2024, 3, 31), "skill_name": 365, "trend_score": "0,5"}  # noqa: DTZ001
    imported(excel(write, list(GOOD_ROW), [], list(values.values())))
    stored = the_snapshot()
    assert (stored["period"], stored["skill_name"], stored["trend_score"]) == ("2024-03", "365", 0.5)


def test_two_rows_of_excel_that_are_blank_are_not_rows(write):
    document = imported(excel(write, list(GOOD_ROW), [], [None, " "], list(GOOD_ROW.values())))
    assert document["read"] == 1


def test_rejects_hold_the_bad_rows_with_their_place_and_the_good_ones_are_stored(write, tmp_path, capsys):
    text = csv_text(
        row(),
        row(skill_name="SQL", trend_score="7", avg_salary_k="n/a"),
        row(skill_name="R", period="mars"),
        row(skill_name="C"),
        row(skill_name="C", trend_score="0.1"),
    )
    rejects = tmp_path / "rejects.csv"
    document = imported(write(text + "2024-03,short\n"), options=("--rejects", str(rejects)))
    assert document["read"] == 6
    assert counts(document) == (1, 0, 0, 0, 5)
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    places = [(line["file"], line["line"], line["column"], line["value"]) for line in rows]
    assert places == [
        ("releve.csv", "3", "trend_score", "7"),
        ("releve.csv", "4", "period", "mars"),
        ("releve.csv", "7", "", "2024-03,short"),
        ("releve.csv", "5", "trend_score", "0.5"),
        ("releve.csv", "6", "trend_score", "0.1"),
    ]
    assert "avg_salary_k (n/a)" in rows[0]["reason"]
    assert rows[0]["skill_name"] == "SQL"
    assert AuditEvent.objects.get().details["rejected"] == 5


def test_a_corrected_rejects_file_can_be_imported(write, tmp_path):
    rejects = tmp_path / "rejects.csv"
    imported(write(csv_text(row(), row(skill_name="R", trend_score="7"))), options=("--rejects", str(rejects)))
    rejects.write_text(rejects.read_text().replace(",7,12", ",0.7,12").replace("R,Languages,7", "R,Languages,0.7"))
    assert counts(imported(rejects)) == (1, 0, 0, 0, 0)


def test_a_french_spreadsheet_opens_the_rejects_and_runs_no_formula_of_theirs(write, tmp_path):
    rejects = tmp_path / "rejects.csv"
    bad = row(skill_name="=HYPERLINK(1)", job_role_name="@Chef", economic_indicator="-0.4", trend_score="7")
    with translation.override("fr"):
        imported(write(csv_text(row(), bad)), options=("--rejects", str(rejects)))
    text = rejects.read_bytes().decode()
    assert text.startswith("\ufefffile;line;column;value;reason;period;")
    (line,) = csv.DictReader(text.removeprefix("\ufeff").splitlines(), delimiter=";")
    assert (line["skill_name"], line["job_role_name"]) == ("'=HYPERLINK(1)", "'@Chef")
    # corrected, and imported as it is: the apostrophe is the spreadsheet's, not a part of the name
    rejects.write_text(text.replace(";7;", ";0,7;"), encoding="utf-8")
    assert counts(imported(rejects))[0] == 1
    stored = SkillSnapshot.objects.get(skill__name="=HYPERLINK(1)")
    assert (stored.job_role.name, stored.economic_indicator, stored.trend_score) == ("@Chef", -0.4, 0.7)


def test_when_every_row_is_rejected_nothing_is_stored_and_the_exit_code_is_1(write, tmp_path):
    rejects = tmp_path / "rejects.csv"
    before = database()
    with pytest.raises(SystemExit) as end:
        imported(write(csv_text(row(trend_score="7"))), options=("--rejects", str(rejects)))
    assert end.value.code == 1
    assert database() == before
    assert len(rejects.read_text().splitlines()) == 2


def test_rows_of_a_role_that_contradicts_the_database_go_to_the_rejects(write, tmp_path):
    imported(write(csv_text(row())))
    text = csv_text(row(job_role_code="SI-099", skill_name="SQL"), row(job_role_code="A", job_role_name="Baker"))
    rejects = tmp_path / "rejects.csv"
    assert counts(imported(write(text), options=("--rejects", str(rejects)))) == (1, 0, 0, 0, 1)
    assert "SI-014" in rejects.read_text()


@pytest.mark.parametrize("place", ["releve.csv", ".", "nowhere/rejects.csv"])
def test_rejects_that_could_not_be_written_at_the_end_are_refused_at_the_start(write, tmp_path, place):
    path = write(csv_text(row(), row(skill_name="R", trend_score="7")))
    before = database()
    with pytest.raises(CommandError):
        imported(path, options=("--rejects", str(tmp_path / place)))
    assert database() == before
    assert [each.name for each in tmp_path.iterdir()] == ["releve.csv"]


def test_a_role_takes_the_name_and_department_of_its_latest_period(write):
    imported(write(csv_text(row(period="2024-06", job_role_name="Data and AI engineer", job_department="Data"))))
    imported(write(csv_text(row(period="2024-03"))))  # an older name, imported later
    assert list(JobRole.objects.values_list("code", "name", "department")) == [
        ("SI-014", "Data and AI engineer", "Data")
    ]
    assert snapshots_frame()["job_department"].to_list() == ["IT", "Data"]
    imported(write(csv_text(row(period="2024-09", job_role_name="AI engineer", skill_category="AI"))))
    assert JobRole.objects.get().name == "AI engineer"
    assert Skill.objects.get().category == "AI"


def test_a_role_known_by_its_name_receives_its_code(write):
    imported(write(csv_text(row(job_role_code=""))))
    imported(write(csv_text(row(period="2024-06"))))
    assert JobRole.objects.get().code == "SI-014"
    assert counts(imported(write(csv_text(row(job_role_code=""))))) == (0, 0, 1, 0, 0)


def test_text_output_says_what_was_done_and_there_is_no_bar_without_a_terminal(write, capsys):
    call_command("import_snapshots", str(write(csv_text(row()))))
    captured = capsys.readouterr()
    assert "created: 1" in captured.out
    assert captured.err == ""


def test_a_bar_is_shown_on_a_terminal(write, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    call_command("import_snapshots", str(write(csv_text(row()))))
    assert "storing" in capsys.readouterr().err


def test_progress_goes_from_reading_to_storing(write):
    told: list[tuple[str, float]] = []
    import_snapshots(
        actor=ANALYST, paths=[write(csv_text(row()))], on_progress=lambda stage, share: told.append((stage, share))
    )
    assert told == [("read", 1.0), ("store", 1.0)]


def frame(*rows: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows).with_columns(pl.col(schema.NUMERIC_FEATURES).cast(pl.Float64))


def test_store_snapshots_writes_every_batch_in_one_act():
    batches = [frame(row()), frame(row(period="2024-06"), row(period="2024-06", skill_name="R"))]
    result = store_snapshots(actor=ANALYST, batches=batches, source="demo")
    assert result == ImportCounts(created=3)
    assert store_snapshots(actor=ANALYST, batches=batches, source="demo") == ImportCounts(unchanged=3)
    assert [event.action for event in AuditEvent.objects.all()] == ["workforce.store_snapshots"] * 2


def test_store_snapshots_refuses_two_rows_for_one_pair_and_stores_nothing():
    before = database()
    with pytest.raises(DataError):
        store_snapshots(actor=ANALYST, batches=[frame(row(skill_name="R")), frame(row(), row())], source="demo")
    assert database() == before


def test_snapshots_frame_keeps_what_was_known_at_a_period():
    store_snapshots(actor=ANALYST, batches=[frame(row(), row(period="2024-06"), row(period="2025-01"))], source="demo")
    assert snapshots_frame(as_of="2024-06")["period"].to_list() == ["2024-03", "2024-06"]
    assert snapshots_frame().columns == list(schema.SNAPSHOT_COLUMNS)
    assert observed_periods() == ["2024-03", "2024-06", "2025-01"]


def test_snapshots_frame_of_an_empty_database_has_its_columns():
    assert snapshots_frame().schema == frame(row()).clear().select(schema.SNAPSHOT_COLUMNS).schema


@pytest.mark.parametrize(
    ("field", "value"),
    [("period", "2024-13"), ("period", "24-01"), ("observed_need_level", "?"), ("trend_score", 1.01)],
)
def test_the_database_itself_refuses_what_is_out_of_range(write, field, value):
    imported(write(csv_text(row())))
    with pytest.raises(IntegrityError), transaction.atomic():
        SkillSnapshot.objects.update(**{field: value})
