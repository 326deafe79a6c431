"""Both locks on made-up test rows: what passes, what is refused, what cannot be told, each for its own reason."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from future_skills import schema
from future_skills.artifact import LoadedVersion
from future_skills.bootstrap import SEED
from future_skills.dataset import build_dataset, read_dataset, write_dataset
from future_skills.evidence import Case, Contender, frozen_rows, judge, rows_needed, rows_sha256, seen_rows
from future_skills.gate_text import chance_sentence, check_text, uses_sentence
from future_skills.gates import Check, Evidence, Verdict, evidence_sha256
from future_skills.intervals import wilson
from future_skills.policy import default_policy
from future_skills.training import Recipe, train

LEVELS = np.array(schema.LEVELS)


@pytest.fixture(scope="module")
def version(
    company: pl.DataFrame, clock: Callable[[], object], tmp_path_factory: pytest.TempPathFactory
) -> LoadedVersion:
    folder = tmp_path_factory.mktemp("evidence")
    write_dataset(build_dataset(company), folder / "dataset.csv")
    return train(
        read_dataset(folder / "dataset.csv"),
        version="v1",
        output=folder / "m.pkl",
        author="nadia",
        clock=clock,  # type: ignore[arg-type]
        recipe=Recipe(params={"n_estimators": 10}),
    )


def probabilities(levels: np.ndarray, sure: float = 0.9) -> np.ndarray:  # type: ignore[type-arg]
    spread = np.full((len(levels), 3), (1 - sure) / 2)
    spread[np.arange(len(levels)), levels] = sure
    return spread


def rows_of(truth: np.ndarray, current: np.ndarray, predicted: np.ndarray, *, roles: int = 20) -> pl.DataFrame:  # type: ignore[type-arg]
    """A rows file: a grid of roles and skills, all of them test rows, and one training row of another hash."""
    n = len(truth)
    chance = probabilities(predicted)
    test = pl.DataFrame(
        {
            "row": np.arange(n),
            "row_hash": pl.Series(np.arange(n), dtype=pl.UInt64),
            "part": "test",
            schema.ROLE: [f"role {k % roles}" for k in range(n)],
            schema.SKILL: [f"skill {k // roles}" for k in range(n)],
            schema.LABEL: LEVELS[truth],
            schema.CURRENT_LEVEL: LEVELS[current],
            "predicted": LEVELS[predicted],
            "low": chance[:, 0],
            "medium": chance[:, 1],
            "high": chance[:, 2],
        }
    )
    train_row = test.head(1).with_columns(
        pl.lit("train").alias("part"),
        pl.lit(n, dtype=pl.UInt64).alias("row_hash"),
        pl.lit(n).cast(pl.Int64).alias("row"),
    )
    return pl.concat([test, train_row])


def wrong(levels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:  # type: ignore[type-arg]
    """The levels, some of them one step off."""
    off = rng.random(len(levels)) < share
    return np.where(off, np.where(levels == 1, rng.choice([0, 2], len(levels)), 1), levels)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(1).choice(3, 2000, p=[0.5, 0.3, 0.2])


@pytest.fixture(scope="module")
def good(truth: np.ndarray) -> pl.DataFrame:  # type: ignore[type-arg]
    """Right 9 times out of 10, where "same as today" is right 8 times out of 10."""
    rng = np.random.default_rng(2)
    return rows_of(truth, wrong(truth, 0.2, rng), wrong(truth, 0.1, rng))


def case(version: LoadedVersion, rows: pl.DataFrame, **changes: object) -> Case:
    policy = default_policy()
    fast = policy.model_copy(update={"second_lock": policy.second_lock.model_copy(update={"draws": 400})})
    return replace(
        Case(manifest=version.manifest, manifest_sha256="0" * 64, rows=rows, policy=fast),
        **changes,  # type: ignore[arg-type]
    )


def contender(rows: pl.DataFrame, test: pl.DataFrame, *, name: str = "v0", seen: int | None = 0) -> Contender:
    del test
    return Contender(name, "1" * 64, frozen_rows(rows), seen)


def found(evidence: Evidence, key: str) -> Check:
    return next(check for check in evidence.checks if check.key == key)


def test_a_good_first_version_only_waits_for_its_sample(version: LoadedVersion, good: pl.DataFrame) -> None:
    evidence = judge(case(version, good))
    assert evidence.verdict is Verdict.WAITING
    waiting = [check.key for check in evidence.checks if check.verdict is Verdict.WAITING]
    assert waiting == ["sample"]
    assert found(evidence, "previous").facts["first"] == 1
    assert "champion" not in evidence.references
    assert found(evidence, "emergence").verdict is Verdict.PROMOTABLE
    assert evidence.seen == 0


def test_the_same_case_gives_the_same_report_to_the_byte(version: LoadedVersion, good: pl.DataFrame) -> None:
    first, second = judge(case(version, good)).document(), judge(case(version, good)).document()
    assert evidence_sha256(first) == evidence_sha256(second)
    assert Evidence.model_validate(first).document() == first


def test_a_version_clearly_worse_than_today_is_refused_with_its_reason(
    version: LoadedVersion,
    truth: np.ndarray,  # type: ignore[type-arg]
) -> None:
    rng = np.random.default_rng(3)
    evidence = judge(case(version, rows_of(truth, wrong(truth, 0.02, rng), wrong(truth, 0.14, rng))))
    assert evidence.verdict is Verdict.REFUSED
    refused = found(evidence, "not_worse.f1_macro.persistence")
    assert refused.verdict is Verdict.REFUSED
    assert refused.facts["high"] < refused.required  # type: ignore[operator]
    assert "comme aujourd’hui" in check_text(refused, "fr").name
    assert evidence.written_verdict is Verdict.WAITING  # only the second lock sees it


def test_a_worse_version_than_the_live_one_fails_the_written_rule_to_the_letter(
    version: LoadedVersion,
    truth: np.ndarray,  # type: ignore[type-arg]
    good: pl.DataFrame,
) -> None:
    worse = rows_of(truth, ranks_of(good, schema.CURRENT_LEVEL), wrong(truth, 0.13, np.random.default_rng(4)))
    evidence = judge(case(version, worse, champion=contender(good, worse)))
    previous = found(evidence, "previous")
    champion = evidence.references["champion"]
    assert champion.metrics is not None
    assert previous.observed == evidence.metrics.accuracy < champion.metrics.accuracy == previous.required
    assert previous.verdict is Verdict.REFUSED
    assert champion.differences["accuracy"].value == pytest.approx(previous.observed - champion.metrics.accuracy)  # type: ignore[operator]
    assert 0 <= champion.chance <= 1  # type: ignore[operator]
    assert "chances sur 100" in chance_sentence(evidence, "fr")
    assert "out of 100" in chance_sentence(evidence, "en")


def test_a_gain_of_weighted_f1_above_two_hundredths_passes_where_accuracy_alone_would_not(
    version: LoadedVersion, good: pl.DataFrame
) -> None:
    test = frozen_rows(good)
    always_low = test.with_columns(
        pl.lit("LOW").alias("predicted"), low=pl.lit(0.9), medium=pl.lit(0.05), high=pl.lit(0.05)
    )
    evidence = judge(case(version, good, champion=Contender("v0", "1" * 64, always_low, 0)))
    previous = found(evidence, "previous")
    assert previous.facts["gain"] > 0.02  # type: ignore[operator]
    assert previous.verdict is Verdict.PROMOTABLE


def test_the_same_model_twice_is_not_worse_than_itself(version: LoadedVersion, good: pl.DataFrame) -> None:
    evidence = judge(case(version, good, champion=contender(good, good)))
    champion = evidence.references["champion"]
    assert champion.differences["accuracy"].value == 0
    assert (champion.reference_only_right, champion.version_only_right) == (0, 0)
    assert champion.rows_needed is None
    paired = [
        check for check in evidence.checks if check.key.startswith("not_worse.") and check.key.endswith(".champion")
    ]
    assert {check.verdict for check in paired} == {Verdict.PROMOTABLE}
    assert {check.facts["metric"] for check in paired} == {
        "accuracy",
        "f1_weighted",
        "f1_macro",
        "severe_error_rate",
        "brier",
        "calibration_error",
        "emergence",
    }


@pytest.mark.parametrize(("seen", "names"), [(7, "v0: 7"), (None, None)])
def test_a_champion_that_saw_the_test_rows_makes_it_inconclusive_and_is_named(
    version: LoadedVersion, good: pl.DataFrame, seen: int | None, names: str | None
) -> None:
    evidence = judge(case(version, good, champion=contender(good, good, seen=seen)))
    unseen = found(evidence, "unseen_rows")
    assert unseen.verdict is Verdict.INCONCLUSIVE
    assert unseen.facts["names"] == names
    assert unseen.facts["unknown"] == (None if seen else "v0")


def test_a_champion_that_cannot_be_scored_is_said_and_not_passed_over(
    version: LoadedVersion, good: pl.DataFrame
) -> None:
    champion = Contender("v0", "1" * 64, None, 0, "The rows lack features the model needs: x.")
    evidence = judge(case(version, good, champion=champion))
    assert found(evidence, "comparable.champion").verdict is Verdict.INCONCLUSIVE
    previous = found(evidence, "previous")
    assert previous.verdict is Verdict.INCONCLUSIVE
    assert "lack features" in check_text(previous, "fr").reason


def test_a_level_rarely_predicted_is_inconclusive_not_passed(
    version: LoadedVersion,
    truth: np.ndarray,  # type: ignore[type-arg]
) -> None:
    rng = np.random.default_rng(5)
    predicted = np.where(truth == 2, 1, truth)
    places = np.flatnonzero(truth == 2)[:29]
    predicted[places] = 2
    evidence = judge(case(version, rows_of(truth, wrong(truth, 0.3, rng), predicted)))
    floor = found(evidence, "floor.HIGH")
    assert (floor.observed, floor.facts["predicted"]) == (1.0, 29)
    assert floor.verdict is Verdict.INCONCLUSIVE
    assert "29 prédictions seulement" in check_text(floor, "fr").reason


def test_a_level_never_predicted_cannot_be_measured(
    version: LoadedVersion,
    truth: np.ndarray,  # type: ignore[type-arg]
) -> None:
    predicted = np.where(truth == 2, 1, truth)
    evidence = judge(case(version, rows_of(truth, truth, predicted)))
    assert found(evidence, "precision.HIGH").verdict is Verdict.INCONCLUSIVE
    assert found(evidence, "floor.HIGH").observed is None


def test_a_precision_under_sixty_percent_is_refused_to_the_letter(
    version: LoadedVersion,
    truth: np.ndarray,  # type: ignore[type-arg]
) -> None:
    predicted = truth.copy()
    predicted[np.flatnonzero(truth == 0)[: int(0.8 * (truth == 2).sum())]] = 2
    evidence = judge(case(version, rows_of(truth, truth, predicted)))
    precision = found(evidence, "precision.HIGH")
    assert precision.observed == pytest.approx(1 / 1.8, abs=0.002)
    assert precision.verdict is Verdict.REFUSED
    assert evidence.written_verdict is Verdict.REFUSED


def test_where_the_level_now_is_unknown_same_as_today_cannot_be_compared(
    version: LoadedVersion, good: pl.DataFrame
) -> None:
    unknown = good.with_columns(pl.lit(None, dtype=pl.String).alias(schema.CURRENT_LEVEL))
    evidence = judge(case(version, unknown))
    assert found(evidence, "comparable.persistence").verdict is Verdict.INCONCLUSIVE
    assert found(evidence, "emergence").verdict is Verdict.INCONCLUSIVE


def test_rows_that_are_not_later_than_training_prove_nothing_of_the_future(
    version: LoadedVersion, good: pl.DataFrame
) -> None:
    split = version.manifest.split.model_copy(update={"kind": "stratified", "test_period": None})
    evidence = judge(case(version, good, manifest=version.manifest.model_copy(update={"split": split})))
    assert found(evidence, "later_rows").verdict is Verdict.INCONCLUSIVE


def test_rows_that_resemble_each_other_count_for_less(
    version: LoadedVersion,
    truth: np.ndarray,  # type: ignore[type-arg]
) -> None:
    """Errors that come skill by skill widen the interval of the floor; errors that come one by one do not."""
    rng = np.random.default_rng(6)
    by_skill = rng.random(100)[np.arange(2000) // 20] < 0.2
    one_by_one = rng.random(2000) < 0.2
    effective = []
    for off in (by_skill, one_by_one):
        predicted = np.where(off, (truth + 1) % 3, truth)
        effective.append(
            found(judge(case(version, rows_of(truth, truth, predicted))), "floor.LOW").facts["n_effective"]
        )
    assert effective[0] < effective[1] / 2  # type: ignore[operator]


def test_how_often_the_rows_served_is_told(version: LoadedVersion, good: pl.DataFrame) -> None:
    evidence = judge(case(version, good, uses=2))
    assert "3e fois" in uses_sentence(evidence, "fr")
    assert "3rd time" in uses_sentence(evidence, "en")


def test_every_check_is_told_in_both_languages(version: LoadedVersion, good: pl.DataFrame) -> None:
    evidence = judge(case(version, good, champion=contender(good, good), anchor=contender(good, good, name="v00")))
    for check in evidence.checks:
        for language in ("fr", "en"):
            text = check_text(check, language)  # type: ignore[arg-type]
            assert all((text.name, text.observed, text.required, text.reason)), check.key
            assert "{" not in text.reason + text.name


def test_a_training_row_among_test_rows_is_counted_by_its_hash(good: pl.DataFrame) -> None:
    test = frozen_rows(good)
    assert seen_rows(good, test) == 0
    leak = pl.concat([good, test.head(3).with_columns(pl.lit("train").alias("part"))])
    assert seen_rows(leak, test) == 3
    assert rows_sha256(test) == rows_sha256(test.reverse())
    assert rows_sha256(test) != rows_sha256(test.head(10))


@pytest.mark.parametrize(("discordant", "rows"), [(0.05, 773), (0.10, 1546), (0.15, 2319)])
def test_rows_needed_are_those_of_the_textbook(discordant: float, rows: int) -> None:
    independent = discordant / 1000
    needed = rows_needed(discordant=discordant, rows=1000, clustered_variance=independent, margin=0.02, confidence=0.9)
    assert needed == pytest.approx(rows, abs=1)
    doubled = rows_needed(
        discordant=discordant, rows=1000, clustered_variance=2 * independent, margin=0.02, confidence=0.9
    )
    assert doubled == pytest.approx(2 * rows, abs=2)


def test_wilson_is_the_textbook_interval() -> None:
    assert wilson(0.8, 100, confidence=0.95) == pytest.approx((0.7112, 0.8666), abs=1e-4)
    assert wilson(1.0, 10, confidence=0.95) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(0.0, 10, confidence=0.95)[0] == 0.0


def ranks_of(rows: pl.DataFrame, column: str) -> np.ndarray:  # type: ignore[type-arg]
    names = frozen_rows(rows)[column].to_list()
    return np.array([schema.LEVEL_RANK[name] for name in names])


def test_the_seed_of_the_draws_is_fixed() -> None:
    assert SEED == 20_251


def test_the_folder_of_the_library_holds_its_policy() -> None:
    assert (Path(__file__).parents[2] / "future_skills" / "gate_policy.yaml").is_file()
