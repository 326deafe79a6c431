"""The two scripts of ``ml/``: parse, call, print. The rest of the architecture is in ``.importlinter``."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted((ROOT / "ml").glob("*.py"))
ALLOWED = {"argparse", "pathlib", "signal", "sys", "future_skills"}  # signal: Ctrl-C while libraries load


def test_there_are_two_scripts() -> None:
    assert [path.name for path in SCRIPTS] == ["evaluate_future_skills_models.py", "train_future_skills_model.py"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_imports_the_library_and_one_wiring_module(script: Path) -> None:
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= ALLOWED
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            assert (node.module or "").partition(".")[0] in ALLOWED or (node.module == "config" and names == {"bench"})


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_holds_no_class(script: Path) -> None:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    assert [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)] == []
