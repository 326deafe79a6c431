"""What every command says of a mistake, in words and in JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def manage(folder: Path, *words: str | bytes, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``manage.py`` on an installation of its own, empty and never migrated."""
    places = {
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "FUTURE_SKILLS_VAR": str(folder / "var"),
        "FUTURE_SKILLS_ML": str(folder / "ml"),
        "FUTURE_SKILLS_LANGUAGE": "en",
        "PYTHONIOENCODING": "utf-8:strict",
    }
    command = [sys.executable, ROOT / "manage.py", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | places | environment)


@pytest.mark.parametrize(
    "words",
    [
        ("registry",),
        ("registry", "frob"),
        ("registry", "list", "--limit", "-1"),
        ("registry", "list", "--offset", "9" * 30),
        ("registry", "retract", "v1"),
        ("import_snapshots", "x.csv", "--map", "no-equals-sign"),
        ("import_template", b"\xff"),
    ],
)
def test_wrong_usage_is_one_json_document_too(tmp_path: Path, words: tuple[str | bytes, ...]) -> None:
    answer = manage(tmp_path, *words, "--json")
    assert answer.returncode == 2
    assert json.loads(answer.stdout)["error"]["code"] == "usage"


def test_tables_that_are_not_made_yet_are_refused_with_the_command_that_makes_them(tmp_path: Path) -> None:
    answer = manage(tmp_path, "registry", "list", "--json")
    assert answer.returncode == 1
    assert "manage.py migrate" in json.loads(answer.stdout)["error"]["message"]


def test_bytes_that_are_no_text_are_escaped_in_json(tmp_path: Path) -> None:
    assert manage(tmp_path, "migrate", "--verbosity", "0").returncode == 0
    answer = manage(tmp_path, "export_future_skills_dataset", "--json", "--output", b"\xff.csv")
    assert answer.returncode == 1
    assert "\\udcff.csv" in json.loads(answer.stdout)["error"]["message"]


def test_a_setting_that_makes_no_sense_is_refused_without_a_trace(tmp_path: Path) -> None:
    answer = manage(tmp_path, "registry", "list", DATABASE_URL="foo://x")
    assert answer.returncode == 1
    assert answer.stderr.startswith("DATABASE_URL")
