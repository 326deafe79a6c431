"""HR facts -> a dataset, its card and its row."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.audit.services import verify_chain
from apps.registry.models import Dataset
from apps.registry.services.datasets import export_dataset
from apps.registry.store import dataset_path
from apps.workforce.services import store_snapshots
from future_skills import schema
from future_skills.dataset import DATASET_COLUMNS, build_dataset
from future_skills.files import sha256_of_file

Run = Callable[..., tuple[int, str, str]]


def test_the_export_is_what_the_library_builds_from_the_same_facts(
    facts: pl.DataFrame, tmp_path: Path, analyst: Actor
) -> None:
    result = export_dataset(actor=analyst, output=tmp_path / "d.csv")
    written = pl.read_csv(result.path, infer_schema=False)
    assert tuple(written.columns) == DATASET_COLUMNS
    assert result.path.read_text() == build_dataset(facts).write_csv()


def test_it_is_registered_kept_and_described(facts: pl.DataFrame, tmp_path: Path, analyst: Actor) -> None:
    result = export_dataset(actor=analyst, output=tmp_path / "d.csv")
    sha256 = sha256_of_file(result.path)
    assert result.dataset.sha256 == sha256
    assert sha256_of_file(dataset_path(result.dataset)) == sha256
    card = json.loads(result.card_path.read_text())
    assert (card["sha256"], card["rows"]) == (sha256, result.dataset.rows)
    assert card["labels"]["horizon_months"] == 12
    event = AuditEvent.objects.get(action="registry.register_dataset")
    assert (event.actor, event.object_id) == ("nadia", sha256)


def test_the_same_facts_give_the_same_bytes_and_one_row(facts: pl.DataFrame, tmp_path: Path, analyst: Actor) -> None:
    first = export_dataset(actor=analyst, output=tmp_path / "a.csv")
    again = export_dataset(actor=analyst, output=tmp_path / "b.csv")
    assert first.path.read_bytes() == again.path.read_bytes()
    assert (first.created, again.created) == (True, False)
    assert Dataset.objects.count() == 1
    assert verify_chain() == AuditEvent.objects.count()


def test_as_of_uses_only_what_was_known_then(facts: pl.DataFrame, tmp_path: Path, analyst: Actor) -> None:
    as_of = sorted(facts[schema.PERIOD].unique())[6]
    result = export_dataset(actor=analyst, output=tmp_path / "d.parquet", as_of=as_of)
    expected = build_dataset(facts.filter(pl.col(schema.PERIOD) <= as_of))
    assert pl.read_parquet(result.path).equals(expected)


@pytest.mark.parametrize("words", [("--as-of", "2026-13"), ("--horizon-months", "0"), ("--output", "d.txt")])
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    facts: pl.DataFrame, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run("export_future_skills_dataset", *words)
    assert code == 1
    assert words[1] in err or "120" in err
    assert out == ""
    assert Dataset.objects.count() == 0
    assert not list(tmp_path.glob("**/*.csv"))


@pytest.mark.django_db
def test_one_period_says_from_when_on_and_lets_the_rules_answer(
    small_company: pl.DataFrame, run: Run, tmp_path: Path, analyst: Actor
) -> None:
    first = small_company.filter(pl.col(schema.PERIOD) == small_company[schema.PERIOD].min())
    store_snapshots(actor=analyst, batches=[first], source="one period")
    code, _, err = run("export_future_skills_dataset", "--output", str(tmp_path / "d.csv"))
    assert code == 1
    assert "2024-03" in err
    rules = pl.read_csv(tmp_path / "d_rules.csv")
    assert len(rules) == len(first)
    assert rules["source"].unique().to_list() == ["règle, pas modèle"]
    assert not (tmp_path / "d.csv").exists()


@pytest.mark.django_db
def test_an_empty_database_is_told_to_import(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("export_future_skills_dataset", "--output", str(tmp_path / "d.csv"), "--json")
    assert code == 1
    error = json.loads(out)["error"]
    assert error["code"] == "data_not_enough"
    assert "import_snapshots" in error["message"]


def test_json_is_one_document_with_the_card(facts: pl.DataFrame, run: Run, tmp_path: Path) -> None:
    code, out, _ = run("export_future_skills_dataset", "--output", str(tmp_path / "d.csv"), "--json")
    document = json.loads(out)
    assert code == 0
    assert document["rows"] == len(build_dataset(facts))
