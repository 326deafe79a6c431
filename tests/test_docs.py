"""What is written agrees with what is there: settings, commands, options, rules, schema, links."""

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
import yaml

from future_skills.baselines import RULES_TEXT
from future_skills.dataset import read_dataset
from future_skills.history import HISTORY_MEANINGS
from future_skills.manifest import manifest_schema
from future_skills.schema import BASE_FEATURES, SNAPSHOT_COLUMNS
from future_skills.training import Recipe, train

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "ml" / "MLOPS_GUIDE.md").read_text(encoding="utf-8")
SKIPPED = {".venv", "var", "node_modules", ".git", ".pytest_cache", ".ruff_cache", ".mypy_cache"}
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not SKIPPED.intersection(path.relative_to(ROOT).parts)
    and "vendor" not in path.parts
    and (path.parent.name != "ml" or path.name == "MLOPS_GUIDE.md")
    and "evaluation" not in path.relative_to(ROOT).parts
)


def one_line(text: str) -> str:
    """The text with ordinary single spaces."""
    return " ".join(text.replace("\u00a0", " ").replace("\u202f", " ").split())


def sources(*patterns: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for pattern in patterns for path in sorted(ROOT.glob(pattern)))


def named(word: str) -> bool:
    """Whether the guide names a word as code."""
    return re.search(rf"`[^`\n]*(?<![\w-]){re.escape(word)}(?![\w-])[^`\n]*`", GUIDE) is not None


def test_every_setting_is_in_the_guide() -> None:
    read = re.findall(
        r"(?:env|env_bool|env_int|environ\.get)\(\s*\"([A-Z_]+)\"",
        (ROOT / "config" / "settings.py").read_text(encoding="utf-8"),
    )
    assert len(read) >= 10
    assert [name for name in read if not named(name)] == []


def test_every_command_and_verb_is_in_the_guide() -> None:
    commands = [path.stem for path in ROOT.glob("apps/*/management/commands/*.py") if not path.stem.startswith("_")]
    scripts = [path.name for path in ROOT.glob("ml/*.py")]
    verbs = re.findall(r"\bVerb\(\s*\"([a-z-]+)\"", sources("apps/registry/management/verbs/*.py"))
    assert len(commands) >= 5
    assert len(verbs) >= 9
    assert [name for name in (*commands, *scripts, *verbs) if not named(name)] == []


def test_every_option_is_in_the_guide() -> None:
    options = re.findall(
        r"\"(--[a-z][a-z-]+)\"",
        sources(
            "apps/*/management/commands/*.py", "apps/*/management/verbs/*.py", "apps/accounts/commands.py", "ml/*.py"
        ),
    )
    makemessages = {"--keyword", "--no-fuzzy-matching"}
    assert len(options) >= 25
    assert sorted({name for name in options if not named(name)} - makemessages) == []


def test_the_rules_baseline_is_written_out() -> None:
    assert one_line(RULES_TEXT["fr"]) in one_line(GUIDE)


def test_every_column_is_in_the_guide() -> None:
    names = (*BASE_FEATURES, *SNAPSHOT_COLUMNS, *HISTORY_MEANINGS)
    assert [name for name in names if not named(name)] == []
    for name, (_, meaning) in HISTORY_MEANINGS.items():
        assert one_line(f"- `{name}` : {meaning}") in one_line(GUIDE)


def test_the_published_schema_is_that_of_the_code(tmp_path: Path) -> None:
    published = json.loads((ROOT / "docs" / "manifest.schema.json").read_text(encoding="utf-8"))
    assert published == manifest_schema(), "write it again: see CONTRIBUTING.md"
    jsonschema.Draft202012Validator.check_schema(published)

    panel = ROOT / "examples" / "stack_overflow" / "so_survey_panel.parquet"
    version = train(
        read_dataset(panel, period_column="year", label_period_column="year_next"),
        version="v1",
        output=tmp_path / "future_skills_model_v1.pkl",
        author="nadia",
        clock=lambda: datetime(2026, 3, 4, tzinfo=UTC),
        recipe=Recipe(params={"n_estimators": 5}),
    )
    manifest = json.loads(version.paths.manifest.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(published)
    validator.validate(manifest)
    assert validator.is_valid({**manifest, "surprise": 1}) is False


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        assert path.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", one_line(head).lower()).replace(" ", "-") for head in heads}
            assert anchor in anchors, target


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    notes = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert re.findall(r"\]\(([0-9][^)]+)\)", index) == notes
    numbers = [name.partition("-")[0] for name in notes]
    assert len(numbers) == len(set(numbers))


def test_the_readme_names_every_make_target_that_people_use() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r'@echo "make (\w+) ', (ROOT / "Makefile").read_text(encoding="utf-8"))
    both = readme + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert {"setup", "demo", "test", "check"} <= set(targets)
    assert [name for name in targets if f"make {name}" not in both] == []


def test_extras_of_the_readme_are_those_of_the_package() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    paragraph = one_line((ROOT / "README.md").read_text(encoding="utf-8")).partition("**Extras**")[2].partition("##")[0]
    assert [name for name in extras if f"`{name}`" not in paragraph] == []


def test_hooks_before_a_commit_download_nothing() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repository["repo"] for repository in hooks["repos"]} == {"local"}
    assert all(
        hook["language"] == "system" and hook["entry"].startswith(".venv/bin/")
        for repository in hooks["repos"]
        for hook in repository["hooks"]
    )


def test_vendored_files_have_their_licence_and_a_line_in_the_notice() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for folder in (ROOT / "static" / "vendor").iterdir():
        assert any(path.name.startswith("LICENSE") for path in folder.iterdir()), folder.name
        assert folder.name in notice


def test_no_document_knows_the_machine_it_was_written_on() -> None:
    for document in (*DOCUMENTS, ROOT / "Makefile", ROOT / "NOTICE", ROOT / ".importlinter"):
        text = document.read_text(encoding="utf-8")
        assert not re.search(r"(?<![\w/])/(work|home|root|tmp|Users)/", text), document.name
