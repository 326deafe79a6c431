"""What every test shares: folders of its own, and one small cast."""

import os
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


@pytest.fixture(autouse=True)
def own_folders(settings: Any, tmp_path: Path) -> None:
    """Artifacts and generated files of a test go to its own folder, never to the checkout's."""
    settings.ARTIFACTS_DIR = tmp_path / "artifacts"
    settings.ML_DIR = tmp_path / "ml"
