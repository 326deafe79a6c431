"""What every test shares: folders of its own, and one small cast."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


@pytest.fixture(autouse=True)
def own_folders(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Artifacts and generated files of a test go to its own folder, never to the checkout's."""
    if "settings" in request.fixturenames or "db" in request.fixturenames or "transactional_db" in request.fixturenames:
        settings = request.getfixturevalue("settings")
        settings.ARTIFACTS_DIR = tmp_path / "artifacts"
        settings.ML_DIR = tmp_path / "ml"
