"""A small company in the database, and versions trained on it."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from apps.accounts.actors import Actor
from apps.registry.models import ModelVersion
from apps.registry.services.datasets import export_dataset
from apps.registry.services.versions import register_version
from apps.workforce.services import store_snapshots
from future_skills import schema
from future_skills.dataset import build_dataset, read_dataset, write_dataset
from future_skills.simulation import CompanyParameters, simulate_company
from future_skills.training import Recipe, train
from tests.apps.registry.promotion import EASY, NADIA, hire, put_in_force, twin


@pytest.fixture(scope="session")
def small_company() -> pl.DataFrame:
    """Facts of 8 roles and 25 skills over 10 quarters."""
    parameters = CompanyParameters(roles=8, skills=25, quarters=10)
    return simulate_company(seed=7, parameters=parameters).snapshots


@pytest.fixture(scope="session")
def trained_pairs(small_company: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the dataset and two trained versions, made once."""
    folder = tmp_path_factory.mktemp("trained")
    write_dataset(build_dataset(small_company), folder / "future_skills_dataset.csv")
    dataset = read_dataset(folder / "future_skills_dataset.csv")
    for day, (version, recipe) in enumerate(
        {
            "v1": Recipe(params={"n_estimators": 15}),
            "v2": Recipe(feature_set="history", params={"n_estimators": 15}),
        }.items(),
        start=1,
    ):
        train(
            dataset,
            version=version,
            output=folder / f"future_skills_model_{version}.pkl",
            author="nadia",
            clock=lambda day=day: datetime(2026, 3, day, 9, 5, tzinfo=UTC),  # type: ignore[misc]
            recipe=recipe,
            parent="v1" if version == "v2" else None,
            changes="history" if version == "v2" else "",
        )
    return folder


@pytest.fixture
def pairs(trained_pairs: Path, tmp_path: Path) -> Path:
    """A copy of those files that a test may spoil."""
    return Path(shutil.copytree(trained_pairs, tmp_path / "ml", dirs_exist_ok=True))


@pytest.fixture
def facts(db: Any, small_company: pl.DataFrame, analyst: Actor) -> pl.DataFrame:
    """The company's facts, in the database."""
    store_snapshots(actor=analyst, batches=[small_company], source="small company")
    return small_company


@pytest.fixture
def registered(facts: pl.DataFrame, pairs: Path, analyst: Actor) -> list[ModelVersion]:
    """The dataset and both versions, registered."""
    assert facts[schema.PERIOD].n_unique() == 10
    export_dataset(actor=analyst, output=pairs / "future_skills_dataset.csv")
    return [register_version(actor=analyst, path=pairs / f"future_skills_model_{name}.pkl") for name in ("v1", "v2")]


@pytest.fixture
def office(registered: list[ModelVersion], pairs: Path, person: Callable[..., Any], tmp_path: Path) -> Path:
    """The people who decide, and a policy that v1 and v3 (its very model) meet; gives the published pairs."""
    hire(person)
    put_in_force(tmp_path, EASY)
    register_version(actor=NADIA, path=twin(pairs, "v1", "v3"))
    return pairs
