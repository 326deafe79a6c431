"""The guide's commands, word for word and in order, on an installation of their own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "ml" / "MLOPS_GUIDE.md"
README = ROOT / "README.md"
CHECKOUT = ("apps", "config", "examples", "future_skills", "locale", "manage.py", "static", "templates")


def blocks(document: Path, language: str) -> list[str]:
    """The code blocks of a language, in order."""
    text = document.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout, where every default place is inside the copy."""
    for name in CHECKOUT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name)
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "ml").mkdir()
    for script in (ROOT / "ml").glob("*.py"):
        shutil.copy(script, tmp_path / "ml" / script.name)
    return tmp_path


def run(words: list[str], folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("FUTURE_SKILLS_")
        and name not in {"DATABASE_URL", "PYTHONPATH", "DJANGO_SETTINGS_MODULE"}
    }
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        words, cwd=folder, env=environment, input=script, capture_output=True, text=True, check=False, timeout=900
    )


def test_every_command_of_the_guide_works_in_order_and_so_do_the_notebooks(checkout: Path) -> None:
    bash = blocks(GUIDE, "bash")
    assert len(bash) >= 10
    done = run(["bash", "-euxo", "pipefail", "-s"], checkout, "\n".join(bash))
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"

    page = (checkout / "ml" / "MODEL_REGISTRY.md").read_text(encoding="utf-8")
    for version in ("v1", "v2", "v3", "v4", "enquete-1"):
        assert f"\n| {version} |" in page
    assert "Relu avec la DRH" in page
    assert "Essai trop court" in page
    rules = (checkout / "essai" / "future_skills_dataset_rules.csv").read_text(encoding="utf-8")
    assert "règle, pas modèle" in rules
    assert (checkout / "ml" / "evaluation" / "evaluation.md").is_file()

    for document, trial in ((GUIDE, "essai-1"), (README, "trial-1")):
        (notebook,) = blocks(document, "python")
        used = run([sys.executable, "-W", "error", "-"], checkout, notebook)
        assert used.returncode == 0, used.stderr[-3000:]
        assert trial in used.stdout
