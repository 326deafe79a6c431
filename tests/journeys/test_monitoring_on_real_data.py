"""Production watched on the real periods as they came; every figure is computed a second time, in another way.

The version is tested on 2024-02: its training knows nothing later, and its test figures are retrospective. 2024-11 and
2025-02 are imported after it went into production.
"""

import math
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.monitoring.models import Window
from apps.monitoring.references import reference_of
from apps.monitoring.services.monitor import monitor
from apps.registry.models import ModelVersion
from apps.registry.services.datasets import register_dataset_file
from apps.registry.services.versions import register_version
from apps.serving import predictions
from apps.serving.campaigns.services import start_campaign
from apps.serving.campaigns.work import work_on
from apps.workforce.services import store_snapshots
from future_skills import schema
from future_skills.dataset import build_dataset, read_dataset, write_dataset
from future_skills.training import Recipe, train
from tests.apps.registry import factories
from tests.apps.serving.conftest import fresh_process

__all__ = ["fresh_process"]

pytestmark = pytest.mark.django_db

FIRST, SECOND, THIRD = "2024-02", "2024-11", "2025-02"
NADIA, OLIVIER = Actor("nadia", "login"), Actor("olivier", "login")
ONET = Path(__file__).parents[2] / "examples" / "onet" / "onet_snapshots.parquet"
PAIR = [schema.ROLE, schema.SKILL]


@pytest.fixture(scope="module")
def facts() -> pl.DataFrame:
    return pl.read_parquet(ONET)


@pytest.fixture(scope="module")
def pair_files(facts: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the dataset of all that is known, and a version tested on 2024-02."""
    folder = tmp_path_factory.mktemp("onet")
    write_dataset(build_dataset(facts), folder / "future_skills_dataset.csv")
    train(
        read_dataset(folder / "future_skills_dataset.csv"),
        version="v1",
        output=folder / "future_skills_model_v1.pkl",
        author="nadia",
        clock=timezone.now,
        recipe=Recipe(feature_set="history", params={"n_estimators": 30}, test_period=FIRST),
    )
    return folder


@pytest.fixture
def watched(
    facts: pl.DataFrame, pair_files: Path, person: Callable[..., Any]
) -> tuple[ModelVersion, dict[str, Window]]:
    """Production from 2024-02 to 2025-02, looked at after each campaign: the version, period -> window."""
    person("nadia", "data_scientist")
    person("olivier", "operator")
    store_snapshots(actor=NADIA, batches=[facts.filter(pl.col(schema.PERIOD) <= FIRST)], source="until 2024-02")
    path = pair_files / "future_skills_dataset.csv"
    register_dataset_file(actor=NADIA, path=path, dataset=read_dataset(path))
    version = register_version(actor=NADIA, path=pair_files / "future_skills_model_v1.pkl")
    factories.deployment(version, kind="rollback", reason="Essai.")
    windows = {}
    for period in (FIRST, SECOND, THIRD):
        if period != FIRST:
            store_snapshots(actor=NADIA, batches=[facts.filter(pl.col(schema.PERIOD) == period)], source=period)
        campaign = work_on(start_campaign(actor=OLIVIER, period=period, enqueue=False).campaign.pk)
        monitor(actor=OLIVIER)
        windows[period] = Window.objects.get(campaign=campaign)
    return version, windows


def test_every_figure_is_that_of_an_independent_computation(
    watched: tuple[ModelVersion, dict[str, Window]], facts: pl.DataFrame
) -> None:
    version, windows = watched
    answers = {period: _answers(window) for period, window in windows.items()}

    # what it stands on: training that knew nothing later than 2024-02, and the snapshot of 2024-02
    assert reference_of(version).newest_period == FIRST
    assert max(reference_of(version).words.periods) == FIRST

    # 2024-02: its levels were observed in 2025-02
    known = _newest(windows[FIRST]).words
    later = _levels(facts, THIRD)
    roles = {role for role, _skill in later}
    right = [level == later.get(pair, "LOW") for pair, level in answers[FIRST].items() if pair[0] in roles]
    assert known.counts.labelled == len(right)
    assert known.measured is not None
    assert known.measured.metrics.accuracy == pytest.approx(sum(right) / len(right), abs=1e-12)
    assert known.label_periods == (THIRD,)
    today = _levels(facts, FIRST)
    persists = [today[pair] == later.get(pair, "LOW") for pair in answers[FIRST] if pair[0] in roles and pair in today]
    assert known.measured.persistence is not None
    assert known.measured.persistence.accuracy == pytest.approx(sum(persists) / len(persists), abs=1e-12)

    # 2024-11: only a part of the way, against 2025-02, and said to be provisional
    so_far = _newest(windows[SECOND]).words
    assert so_far.measured is None
    assert so_far.provisional is not None
    right = [level == later.get(pair, "LOW") for pair, level in answers[SECOND].items() if pair[0] in roles]
    assert so_far.provisional.metrics.accuracy == pytest.approx(sum(right) / len(right), abs=1e-12)

    # 2025-02: nothing observed later
    waits = _newest(windows[THIRD]).words
    assert (waits.measured, waits.provisional, waits.reason) == (None, None, "waiting")

    # the estimate of 2024-02 was made before, and holds what happened
    guess = windows[FIRST].performances.order_by("pk")[0].estimated
    assert guess.low is not None
    assert guess.high is not None
    assert guess.low <= known.measured.metrics.accuracy <= guess.high

    # what is listed, counted again
    for period in (SECOND, THIRD):
        report = windows[period].findings.get().words
        new = facts.filter(pl.col(schema.PERIOD) == period)
        seen = set(facts.filter(pl.col(schema.PERIOD).is_in(report.reference_periods))[schema.SKILL])
        unseen = [skill for skill in new[schema.SKILL] if skill not in seen]
        listed = {(one.kind, one.feature): one for one in report.listed}
        found = listed.get(("unseen", schema.SKILL))
        assert (found.rows if found else 0, found.distinct if found else 0) == (len(unseen), len(set(unseen)))
        signal = next(one for one in report.signals if one.feature == "economic_indicator")
        assert list(signal.now.values()) == [new["economic_indicator"][0]]

    # how far the levels that it says have moved: Jensen-Shannon distance, base 2, of two counts
    for period in (SECOND, THIRD):
        said = windows[period].findings.get().words.feature("level")
        distance = next(one.effect for one in said.statistics if one.name == "jensen_shannon")
        by_hand = _jensen_shannon(Counter(answers[FIRST].values()), Counter(answers[period].values()))
        assert distance == pytest.approx(by_hand, abs=1e-6)


def test_a_slice_of_the_log_alarms_for_what_the_campaign_alarms_for(
    watched: tuple[ModelVersion, dict[str, Window]],
    facts: pl.DataFrame,
    fresh_process: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pairs drawn at random hold common skills more often than rare ones: that is no drift."""
    _version, windows = watched
    now = facts.filter(pl.col(schema.PERIOD) == THIRD).select(PAIR)
    sizes = {3: 1_000, 2: 5_000}  # days ago -> pairs asked about
    for days, size in sizes.items():
        moment = timezone.now() - timedelta(days=days)
        with monkeypatch.context() as earlier:
            earlier.setattr(predictions.timezone, "now", lambda moment=moment: moment)
            predictions.predict(now.sample(size, seed=days).to_dicts(), actor=OLIVIER)
    slices = [window.findings.get().words for window in monitor(actor=OLIVIER, kinds=["day"]).windows]
    assert [report.rows for report in slices] == list(sizes.values())
    assert windows[THIRD].findings.get().words.alarms
    for report in slices:
        assert report.alarms == windows[THIRD].findings.get().words.alarms


def _answers(window: Window) -> dict[tuple[str, str], str]:
    from apps.registry.store import campaign_path

    assert window.campaign is not None
    rows = pl.read_parquet(campaign_path(window.campaign.result_sha256), columns=[*PAIR, "level"])
    return {(role, skill): level for role, skill, level in rows.iter_rows()}


def _levels(facts: pl.DataFrame, period: str) -> dict[tuple[str, str], str]:
    rows = facts.filter(pl.col(schema.PERIOD) == period, pl.col(schema.OBSERVED_LEVEL).is_not_null())
    return {(role, skill): level for role, skill, level in rows.select(*PAIR, schema.OBSERVED_LEVEL).iter_rows()}


def _newest(window: Window) -> Any:
    return window.performances.order_by("-pk")[0]


def _jensen_shannon(one: Counter[str], other: Counter[str]) -> float:
    levels = sorted({*one, *other})
    p, q = (np.array([counts[level] for level in levels]) / sum(counts.values()) for counts in (one, other))
    middle = (p + q) / 2

    def entropy(shares: Any) -> float:
        return -sum(share * math.log2(share) for share in shares if share > 0)

    return math.sqrt(max(entropy(middle) - (entropy(p) + entropy(q)) / 2, 0.0))
