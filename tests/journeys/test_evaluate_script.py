"""``python ml/evaluate_future_skills_models.py``, as a data scientist runs it."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from future_skills.dataset import build_dataset, read_dataset, write_dataset
from future_skills.simulation import CompanyParameters, simulate_company
from future_skills.training import Recipe, train

ROOT = Path(__file__).resolve().parents[2]
Result = subprocess.CompletedProcess[str]


class Bench:
    """A checkout's scripts with a database, an artifact store and a ml/ folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.ml = folder / "ml"
        self.ml.mkdir(parents=True)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "FUTURE_SKILLS_"))},
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "FUTURE_SKILLS_VAR": str(folder / "var"),
            "FUTURE_SKILLS_ML": str(self.ml),
            "FUTURE_SKILLS_LANGUAGE": "en",
            "FUTURE_SKILLS_ACTOR": "nadia",
        }

    def run(self, *words: str | Path) -> Result:
        command = [sys.executable, *map(str, words)]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=300
        )

    def evaluate(self, *words: str | Path) -> Result:
        return self.run("ml/evaluate_future_skills_models.py", *words)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Two registered versions and their dataset."""
    bench = Bench(tmp_path_factory.mktemp("installation"))
    facts = simulate_company(seed=7, parameters=CompanyParameters(roles=8, skills=25, quarters=10)).snapshots
    write_dataset(build_dataset(facts), bench.ml / "future_skills_dataset.csv")
    dataset = read_dataset(bench.ml / "future_skills_dataset.csv")
    migrated = bench.run("manage.py", "migrate", "--verbosity", "0")
    assert migrated.returncode == 0, migrated.stderr
    for day, (version, feature_set) in enumerate({"v1": "base", "v2": "history"}.items(), start=1):
        recipe = Recipe(feature_set=feature_set, params={"n_estimators": 6})  # type: ignore[arg-type]
        path = bench.ml / f"future_skills_model_{version}.pkl"
        train(
            dataset,
            version=version,
            output=path,
            author="nadia",
            clock=lambda day=day: datetime(2026, 3, day, tzinfo=UTC),  # type: ignore[misc]
            recipe=recipe,
        )
        registered = bench.run("manage.py", "registry", "register", path)
        assert registered.returncode == 0, registered.stderr
    return bench


def test_every_registered_version_is_evaluated_and_the_report_is_written(bench: Bench) -> None:
    result = bench.evaluate("--language", "en")
    assert result.returncode == 0, result.stderr
    folder = bench.ml / "evaluation"
    written = {path.name for path in folder.iterdir()}
    assert {"evaluation.md", "evaluation.json", "metrics.svg", "emergence.svg", "confusion_v2.svg"} <= written
    for name in written:
        assert str(folder / name) in result.stdout
    for word in ("Best macro F1", "v1", "v2", "same as today", "rules", "majority", "McNemar"):
        assert word in result.stdout
    assert "score a version" in result.stderr
    document = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    manifest = json.loads((bench.ml / "future_skills_model_v2.json").read_text(encoding="utf-8"))
    metrics = {one["version"]: one["metrics"] for one in document["versions"]}
    assert metrics["v2"]["f1_macro"] == manifest["metrics"]["f1_macro"]


def test_json_is_one_document_and_nothing_else(bench: Bench, tmp_path: Path) -> None:
    result = bench.evaluate("--json", "--versions", "v2", "--output-dir", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["ranking"] == ["v2"]
    assert document["bootstrap"]["draws"] == 2_000
    assert all(Path(path).is_file() for path in document["files"])


def test_files_are_evaluated_without_the_registry(bench: Bench, tmp_path: Path) -> None:
    result = bench.evaluate(
        "--no-register",
        "--versions",
        bench.ml / "future_skills_model_v1.pkl",
        "--output-dir",
        tmp_path,
        "--language",
        "fr",
    )
    assert result.returncode == 0, result.stderr
    assert "Meilleur F1 macro : v1" in result.stdout
    assert (tmp_path / "evaluation.md").read_text(encoding="utf-8").startswith("# Évaluation des versions")


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        (["--versions", "v9"], "There is no version v9", "version_not_found"),
        (["--dataset", "absent.csv"], "absent.csv: no such file", "data_file_unreadable"),
        (["--test-period", "1999-01"], "no labelled row of period 1999-01", "usage"),
        (["--output-dir", "README.md"], "a folder is needed", "usage"),
    ],
)
def test_a_refusal_is_in_words_and_writes_nothing(
    bench: Bench, tmp_path: Path, words: list[str], message: str, code: str
) -> None:
    place = [] if "--output-dir" in words else ["--output-dir", str(tmp_path / "out")]
    (tmp_path / "README.md").write_text("a file")
    words = [str(tmp_path / "README.md") if word == "README.md" else word for word in words]
    result = bench.evaluate(*words, *place, "--json")
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert json.loads(result.stdout)["error"]["code"] == code
    assert not (tmp_path / "out").exists()


def test_wrong_usage_is_exit_code_2(bench: Bench) -> None:
    assert bench.evaluate("--language", "de").returncode == 2
    assert bench.evaluate("--no-register").returncode == 2


def test_a_changed_model_is_not_opened(bench: Bench, tmp_path: Path) -> None:
    for path in bench.ml.glob("future_skills_model_v1.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "future_skills_model_v1.pkl").open("ab") as file:
        file.write(b"x")
    result = bench.evaluate("--no-register", "--versions", tmp_path / "future_skills_model_v1.pkl", "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["error"]["code"] == "artifact_hash_mismatch"
