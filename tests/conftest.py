"""What every test shares: folders of its own, and one small cast."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


@pytest.fixture(autouse=True)
def own_folders(settings: Any, tmp_path: Path) -> None:
    """Artifacts and generated files of a test go to its own folder, never to the checkout's."""
    settings.ARTIFACTS_DIR = tmp_path / "artifacts"
    settings.KEYS_DIR = tmp_path / "keys"
    settings.CACHE_DIR = tmp_path / "cache"
    settings.ML_DIR = tmp_path / "ml"
    settings.CAMPAIGNS_DIR = tmp_path / "campaigns"
    settings.RETRAINING_DIR = tmp_path / "retraining"


@pytest.fixture(autouse=True)
def own_language() -> None:
    """The language of the installation, whichever the last page of another test was in."""
    from django.utils import translation

    translation.deactivate()


@pytest.fixture(scope="session", autouse=True)
def tables_can_be_emptied() -> Iterator[None]:
    """After a test with transactions of its own Django empties every table, and the audit log refuses.

    Its triggers are taken off meanwhile, and only meanwhile: no test runs without them, and the product has no way around.
    """
    from django.test import TransactionTestCase

    from tests.audit_guard import unguarded

    empty = TransactionTestCase._fixture_teardown

    def empty_unguarded(case: TransactionTestCase) -> None:
        with unguarded():
            empty(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_unguarded)
        yield


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash of the product, at a hundredth of its cost."""
    from django.contrib.auth.hashers import Argon2PasswordHasher

    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 1024)
    monkeypatch.setattr(Argon2PasswordHasher, "parallelism", 1)


@pytest.fixture
def person(db: Any) -> Callable[..., Any]:
    """``person("claire", "drh_reviewer")``: an account with these roles, made once."""
    from django.contrib.auth.models import Group, User

    def make(username: str, *roles: str) -> Any:
        user, _created = User.objects.get_or_create(username=username, defaults={"password": "!"})
        user.groups.set(Group.objects.filter(name__in=roles))
        return user

    return make


@pytest.fixture
def login(person: Callable[..., Any]) -> Callable[..., Any]:
    """``login("operator")``: the browser of somebody who has these roles (``username`` names them)."""
    from django.test import Client

    def make(*roles: str, username: str = "") -> Any:
        client = Client()
        client.force_login(
            person(username or "-".join(roles) or "nobody", *roles), backend="django.contrib.auth.backends.ModelBackend"
        )
        return client

    return make
