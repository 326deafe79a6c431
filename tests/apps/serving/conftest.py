"""The small company with its two versions, and their whole way into production."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.test import Client

from apps.accounts.rights import Right
from apps.accounts.services import create_token
from apps.registry.models import Deployment, ModelVersion
from apps.registry.services.deployments import deploy_version
from apps.registry.standing import Standing
from apps.serving import facts as serving_facts
from apps.serving import predictions, reader
from apps.serving.overrides.selectors import OVERRIDES
from future_skills.dataset import build_dataset, read_dataset, write_dataset
from future_skills.training import Recipe, train
from tests.apps.registry import factories
from tests.apps.registry.conftest import facts, pairs, registered, small_company
from tests.apps.registry.promotion import EASY, OLIVIER, approved, hire, put_in_force

__all__ = ["facts", "pairs", "registered", "small_company"]


RECIPES = {
    "v1": Recipe(params={"n_estimators": 15}),
    "v2": Recipe(feature_set="history", algorithm="random_forest", params={"n_estimators": 15}),
}
"""Two versions of which the second is the better one, so that both can go into production, one after the other."""


@pytest.fixture(scope="session")
def trained_pairs(small_company: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the dataset and both versions, made once."""
    folder = tmp_path_factory.mktemp("trained")
    write_dataset(build_dataset(small_company), folder / "future_skills_dataset.csv")
    dataset = read_dataset(folder / "future_skills_dataset.csv")
    for day, (version, recipe) in enumerate(RECIPES.items(), start=1):
        train(
            dataset,
            version=version,
            output=folder / f"future_skills_model_{version}.pkl",
            author="nadia",
            clock=lambda day=day: datetime(2026, 3, day, 9, 5, tzinfo=UTC),  # type: ignore[misc]
            recipe=recipe,
        )
    return folder


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process knows of the rows, forgotten: a test's rows are taken back at its end."""
    live, known = reader.LiveReader(), serving_facts.FactsReader()
    monkeypatch.setattr(predictions, "LIVE", live)
    monkeypatch.setattr(predictions, "FACTS", known)
    monkeypatch.setattr(OVERRIDES, "_known", None)


@pytest.fixture
def cast(person: Callable[..., Any]) -> None:
    """Everybody who takes part in a promotion has an account."""
    hire(person)


@pytest.fixture
def promote(registered: list[ModelVersion], cast: None, tmp_path: Path) -> Callable[[str], Standing]:
    """``promote("v2")``: sample, labels, report and both approvals; all that is left to do is to deploy it."""
    put_in_force(tmp_path, EASY)
    return approved


@pytest.fixture
def deploy(promote: Callable[[str], Standing]) -> Callable[[str], Deployment]:
    """``deploy("v2")``: the whole way, into production."""

    def into_production(version: str) -> Deployment:
        promote(version)
        return deploy_version(actor=OLIVIER, version=version)

    return into_production


@pytest.fixture
def live(registered: list[ModelVersion], cast: None) -> Deployment:
    """v1 in production, without the way there."""
    return factories.deployment(registered[0], kind="rollback", reason="Essai.")


@pytest.fixture
def token(cast: None) -> Callable[..., dict[str, str]]:
    """``token(Right.READ)``: the headers of the operator's token of these rights."""

    def headers(*scopes: Right) -> dict[str, str]:
        _token, secret = create_token(actor=OLIVIER, username="olivier", name="essai", scopes=scopes)
        return {"authorization": f"Bearer {secret}"}

    return headers


@pytest.fixture
def ask(token: Callable[..., dict[str, str]]) -> Callable[..., Any]:
    """``ask("GET", "live")``: the answer of the API to somebody who may read."""
    client, own = Client(), token(Right.READ)

    def answer(method: str, address: str, body: Any = None, *, language: str = "en", **changes: Any) -> Any:
        given = {} if body is None else {"data": body, "content_type": "application/json"}
        headers = {"accept-language": language} | own
        return client.generic(method, f"/api/v1/{address}", headers=headers, **(given | changes))

    return answer
