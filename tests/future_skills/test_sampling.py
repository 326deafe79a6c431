"""Which rows people look at, and what their answers say of the model."""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from future_skills import schema
from future_skills.agreement import LabelledItem, Opinion, effective_size, sample_result
from future_skills.errors import DefinitionsError, NotEnoughDataError, UsageError
from future_skills.level_definitions import default_definitions, parse_definitions, read_definitions
from future_skills.sample_facts import FACTS_NOW, HISTORY_PERIODS, pair_facts
from future_skills.sampling import UNKNOWN, Draw, allocate, draw

LOW, MEDIUM, HIGH = schema.LEVELS


def population(rows: int, *, seed: int = 0, period: str = "2024-02", roles: int = 20) -> pl.DataFrame:
    """Predictions of as many pairs, about 7 in 10 LOW and 1 in 14 HIGH."""
    probabilities = np.random.default_rng(seed).dirichlet([3.0, 1.4, 0.6], rows)
    return pl.DataFrame(
        {
            "row": np.arange(rows),
            schema.PERIOD: [period] * rows,
            schema.ROLE: [f"role {place % roles}" for place in range(rows)],
            schema.SKILL: [f"skill {place // roles}" for place in range(rows)],
            "predicted": [schema.LEVELS[rank] for rank in probabilities.argmax(axis=1)],
            "low": probabilities[:, 0],
            "medium": probabilities[:, 1],
            "high": probabilities[:, 2],
        }
    )


@pytest.fixture(scope="module")
def tested() -> pl.DataFrame:
    return population(4_000, seed=1)


@pytest.fixture(scope="module")
def latest() -> pl.DataFrame:
    return population(3_000, seed=2, period="2025-08")


def drawn(tested: pl.DataFrame, latest: pl.DataFrame, *, size: int = 60, seed: int = 1, share: float = 0.25) -> Draw:
    return draw({"test": tested, "latest": latest}, size=size, seed=seed, second_reviewer_share=share)


# --- Drawn --------------------------------------------------------------------------------------------------------------
def test_half_comes_from_the_test_rows_and_half_from_the_latest_snapshot(tested, latest) -> None:
    items = drawn(tested, latest, size=61).items
    assert items["origin"].value_counts().sort("origin").rows() == [("latest", 30), ("test", 31)]
    assert items["position"].to_list() == list(range(1, 62))


def test_every_level_is_looked_at_sure_or_not_and_the_rare_ones_more_often_than_their_share(tested, latest) -> None:
    strata = drawn(tested, latest).strata
    assert len(strata) == 12
    assert min(stratum.drawn for stratum in strata) >= 1
    assert sum(stratum.population for stratum in strata) == 7_000
    high = [stratum for stratum in strata if stratum.level == HIGH]
    assert sum(one.drawn for one in high) / 60 > 2 * sum(one.population for one in high) / 7_000
    unsure = [stratum for stratum in strata if stratum.certainty == "unsure"]
    assert sum(one.population for one in unsure) / 7_000 == pytest.approx(1 / 3, abs=0.01)
    assert sum(one.drawn for one in unsure) / 60 > 0.4


def test_unsure_is_the_third_of_a_level_with_the_smallest_margins(tested, latest) -> None:
    items = draw({"test": tested}, size=2_000, seed=1, second_reviewer_share=0).items
    ordered = items.select(pl.concat_list("low", "medium", "high").list.sort(descending=True)).to_series()
    items = items.with_columns(margin=ordered.list.get(0) - ordered.list.get(1))
    for level in schema.LEVELS:
        of_level = items.filter(pl.col("predicted") == level)
        unsure = of_level.filter(pl.col("stratum").str.ends_with(" unsure"))["margin"]
        assert unsure.max() < of_level.filter(pl.col("stratum").str.ends_with(" sure"))["margin"].min()


def test_rows_are_allocated_as_by_hand() -> None:
    # Priorities after one row each: sqrt(N)/sqrt(2) = 7.07 and 2.83 x 1.5 = 4.24; then 4.08 for the first's third row.
    counts = {(LOW, "sure"): 100, (HIGH, "sure"): 16}
    assert allocate(counts, 3) == {(LOW, "sure"): 2, (HIGH, "sure"): 1}
    assert allocate(counts, 4) == {(LOW, "sure"): 2, (HIGH, "sure"): 2}
    assert allocate(counts, 5) == {(LOW, "sure"): 3, (HIGH, "sure"): 2}
    assert allocate(counts, 1_000) == counts


@given(
    counts=st.dictionaries(
        st.tuples(st.sampled_from(schema.LEVELS), st.sampled_from(["sure", "unsure"])),
        st.integers(1, 500),
        min_size=1,
    ),
    size=st.integers(6, 300),
)
def test_an_allocation_gives_what_was_asked_and_no_more_than_there_is(counts, size: int) -> None:
    found = allocate(counts, size)
    assert sum(found.values()) == min(size, sum(counts.values()))
    assert all(1 <= found[stratum] <= counts[stratum] for stratum in counts)


def test_the_same_seed_gives_the_same_sample_whatever_the_order_of_the_rows(tested, latest) -> None:
    once = drawn(tested, latest)
    again = drawn(tested.sample(fraction=1, shuffle=True, seed=5), latest.sample(fraction=1, shuffle=True, seed=6))
    assert once.items.equals(again.items)
    assert once.strata == again.strata
    assert not once.items.select("row").equals(drawn(tested, latest, seed=2).items.select("row"))


def test_a_place_in_the_list_says_nothing_of_the_prediction(tested, latest) -> None:
    places = {level: [] for level in schema.LEVELS}
    for seed in range(30):
        for position, level in (
            drawn(tested.head(500), latest.head(500), seed=seed).items.select("position", "predicted").iter_rows()
        ):
            places[level].append(position)
    for found in places.values():
        spread = 60 / math.sqrt(12 * len(found))
        assert abs(np.mean(found) - 30.5) < 4 * spread


def test_no_pair_is_in_both_halves(tested, latest) -> None:
    small = latest.head(60).with_columns(pl.col("row") + 0)
    for seed in range(20):
        items = drawn(tested.head(60), small, size=40, seed=seed).items
        assert not items.select(schema.ROLE, schema.SKILL).is_duplicated().any()


@pytest.mark.parametrize(("share", "twice"), [(0.0, 0), (0.25, 15), (0.251, 16), (1.0, 60)])
def test_a_share_of_the_rows_needs_two_reviewers(tested, latest, share: float, twice: int) -> None:
    needed = drawn(tested, latest, share=share).items["labels_needed"]
    assert needed.is_in([1, 2]).all()
    assert (needed == 2).sum() == twice


def test_a_model_without_probabilities_has_one_stratum_a_level(tested) -> None:
    plain = tested.drop("low", "medium", "high")
    found = draw({"test": plain}, size=60, seed=1, second_reviewer_share=0.25)
    assert [stratum.name for stratum in found.strata] == ["LOW unknown", "MEDIUM unknown", "HIGH unknown"]
    assert found.items["weight"].sum() == pytest.approx(1)


def test_where_there_are_fewer_rows_all_are_taken_and_the_other_half_gives_more(tested, latest) -> None:
    items = drawn(tested, latest.tail(7)).items
    assert items["origin"].value_counts().sort("origin").rows() == [("latest", 7), ("test", 53)]
    assert len(draw({"test": tested.head(30)}, size=60, seed=1, second_reviewer_share=0).items) == 30


def test_a_size_or_a_seed_out_of_range_is_refused(tested) -> None:
    for size, seed in ((11, 1), (2_001, 1), (60, -1), (60, 2**31)):
        with pytest.raises(UsageError):
            draw({"test": tested}, size=size, seed=seed, second_reviewer_share=0.25)
    with pytest.raises(NotEnoughDataError):
        draw({"test": tested.clear()}, size=60, seed=1, second_reviewer_share=0.25)


# --- Weights ------------------------------------------------------------------------------------------------------------
@settings(deadline=None, max_examples=25)
@given(
    size=st.integers(12, 200),
    seed=st.integers(0, 2**31 - 1),
    rows=st.tuples(st.integers(12, 300), st.integers(0, 300)),
)
def test_weights_are_the_inverse_of_the_chance_to_be_drawn_and_sum_to_one(size: int, seed: int, rows) -> None:
    found = drawn(population(rows[0], seed=3), population(rows[1], seed=4), size=size, seed=seed)
    assert found.items["weight"].sum() == pytest.approx(1)
    assert found.items["weight"].min() > 0
    for origin in ("test", "latest"):
        strata = [stratum for stratum in found.strata if stratum.origin == origin and stratum.drawn]
        share = (found.items["origin"] == origin).mean()
        population_rows = sum(stratum.population for stratum in strata)
        for stratum in strata:
            expected = share * stratum.population / population_rows
            assert stratum.weight * stratum.drawn == pytest.approx(expected)


def test_the_weighted_mean_is_unbiased_over_draws() -> None:
    """400 draws: the mean of the estimates is the truth of the two populations, though HIGH is drawn far too often."""
    rng = np.random.default_rng(9)
    chance = {LOW: 0.95, MEDIUM: 0.75, HIGH: 0.45}
    halves = {}
    for origin, rows in (("test", 400), ("latest", 300)):
        predictions = population(rows, seed=rows)
        agreed = [bool(rng.random() < chance[level]) for level in predictions["predicted"]]
        halves[origin] = predictions.with_columns(agreed=pl.Series(agreed))
    truth = np.mean([halves[origin]["agreed"].mean() for origin in halves])
    estimates, plain = [], []
    for seed in range(400):
        items = draw(halves, size=40, seed=seed, second_reviewer_share=0).items
        estimates.append((items["weight"] * items["agreed"]).sum())
        plain.append(items["agreed"].mean())
    error = np.std(estimates) / math.sqrt(len(estimates))
    assert abs(np.mean(estimates) - truth) < 3.5 * error
    assert abs(np.mean(plain) - truth) > 10 * error


# --- What the answers say -----------------------------------------------------------------------------------------------
def item(
    position: int, predicted: str, weight: float, *said: tuple[str, str] | str, origin: str = "test"
) -> LabelledItem:
    """A row; what was said as ``("claire", HIGH)``, or a level said by claire."""
    opinions = [one if isinstance(one, tuple) else ("claire", one) for one in said]
    return LabelledItem(
        position=position,
        origin=origin,  # type: ignore[arg-type]
        role="Analyste",
        skill="Python",
        period="2024-02",
        predicted=predicted,
        weight=weight,
        opinions=tuple(Opinion(name, level, f"{name}: {level}") for name, level in opinions),
    )


@pytest.fixture
def labelled() -> list[LabelledItem]:
    """Five rows: agreed; agreed by one of two; not agreed; nobody knows; agreed by the one who knows."""
    return [
        item(1, LOW, 0.4, LOW),
        item(2, HIGH, 0.2, ("claire", HIGH), ("driss", MEDIUM)),
        item(3, MEDIUM, 0.2, LOW, origin="latest"),
        item(4, HIGH, 0.1, UNKNOWN, origin="latest"),
        item(5, LOW, 0.1, ("claire", UNKNOWN), ("driss", LOW), origin="latest"),
    ]


def test_agreement_as_by_hand(labelled: list[LabelledItem]) -> None:
    result = sample_result(labelled, confidence=0.90)
    assert (result["size"], result["labelled"], result["unknown"]) == (5, 4, 1)
    agreement = result["agreement"]
    assert agreement["estimate"] == pytest.approx((0.4 + 0.1 + 0.1) / 0.9, abs=1e-6)
    n = 0.9**2 / (0.4**2 + 0.2**2 + 0.2**2 + 0.1**2)
    assert agreement["n_effective"] == pytest.approx(n, abs=1e-6)
    # Wilson's ends are the shares from which the observed one is z standard errors away.
    z = NormalDist().inv_cdf(0.95)
    for end in (agreement["low"], agreement["high"]):
        assert abs(agreement["estimate"] - end) == pytest.approx(z * math.sqrt(end * (1 - end) / n), abs=1e-5)
    assert result["by_origin"]["test"]["estimate"] == pytest.approx(0.5 / 0.6, abs=1e-6)
    assert result["by_origin"]["latest"]["estimate"] == pytest.approx(0.1 / 0.3, abs=1e-6)
    assert {level: (one["predicted"], one["agreed"]) for level, one in result["by_level"].items()} == {
        LOW: (2, 2.0),
        MEDIUM: (1, 0.0),
        HIGH: (1, 0.5),
    }


def test_the_kappa_is_that_of_the_opinions_with_their_weights(labelled: list[LabelledItem]) -> None:
    model, people, weights = [0, 2, 2, 1, 0], [0, 2, 1, 0, 0], [0.4, 0.1, 0.1, 0.2, 0.1]
    expected = cohen_kappa_score(model, people, weights="quadratic", sample_weight=weights)
    assert sample_result(labelled, confidence=0.90)["kappa"] == pytest.approx(expected, abs=1e-6)


def test_reviewers_are_compared_on_the_rows_that_two_of_them_know(labelled: list[LabelledItem]) -> None:
    reviewers = sample_result(labelled, confidence=0.90)["reviewers"]
    assert (reviewers["pairs"], reviewers["agreement"]) == (1, 0.0)
    more = [
        *labelled,
        item(6, LOW, 0.1, ("claire", LOW), ("driss", LOW)),
        item(7, LOW, 0.1, ("claire", LOW), ("driss", MEDIUM), ("emma", LOW)),
    ]
    reviewers = sample_result(more, confidence=0.90)["reviewers"]
    assert reviewers["pairs"] == 5
    assert reviewers["agreement"] == pytest.approx(2 / 5)
    assert 0 < reviewers["low"] < 2 / 5 < reviewers["high"] < 1
    # Pairs both ways: (H,M) (L,L) (L,M) (L,L) (M,L). d² observed: 3 x 1 / 5; margins L .6, M .3, H .1 give .9 expected.
    assert reviewers["kappa"] == pytest.approx(1 - 0.6 / 0.9, abs=1e-6)


def test_disagreements_are_listed_with_every_opinion_and_its_comment(labelled: list[LabelledItem]) -> None:
    disagreements = sample_result(labelled, confidence=0.90)["disagreements"]
    assert [one["position"] for one in disagreements] == [2, 3]
    assert disagreements[0]["predicted"] == HIGH
    assert disagreements[0]["labels"] == [
        {"reviewer": "claire", "level": HIGH, "comment": "claire: HIGH"},
        {"reviewer": "driss", "level": MEDIUM, "comment": "driss: MEDIUM"},
    ]


def test_where_nobody_knows_anything_there_is_no_agreement() -> None:
    result = sample_result([item(1, LOW, 0.5, UNKNOWN), item(2, HIGH, 0.5, UNKNOWN)], confidence=0.90)
    assert (result["labelled"], result["unknown"]) == (0, 2)
    assert result["agreement"] is None
    assert result["kappa"] is None
    assert result["by_level"][LOW] == {
        "predicted": 0,
        "agreed": 0.0,
        "estimate": None,
        "low": 0.0,
        "high": 1.0,
        "n_effective": 0.0,
    }


def test_one_level_everywhere_has_no_kappa() -> None:
    result = sample_result([item(1, LOW, 0.5, LOW), item(2, LOW, 0.5, ("a", LOW), ("b", LOW))], confidence=0.90)
    assert result["agreement"]["estimate"] == 1.0
    assert result["agreement"]["high"] == 1.0
    assert result["kappa"] is None
    assert result["reviewers"]["kappa"] is None


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=50))
def test_rows_of_unequal_weight_are_worth_fewer(weights: list[float]) -> None:
    n = effective_size(weights)
    assert 1 - 1e-9 <= n <= len(weights) + 1e-9
    assert effective_size([1.0] * len(weights)) == pytest.approx(len(weights))


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """250 draws of 60 rows whose agreement depends on the level: at least 87 % of the 90 % intervals hold the truth."""
    rng = np.random.default_rng(4)
    chance = {LOW: 0.92, MEDIUM: 0.75, HIGH: 0.6}
    halves = {}
    for origin, rows in (("test", 900), ("latest", 600)):
        predictions = population(rows, seed=rows)
        said = [
            level if rng.random() < chance[level] else MEDIUM if level != MEDIUM else LOW
            for level in predictions["predicted"]
        ]
        halves[origin] = predictions.with_columns(said=pl.Series(said))
    truth = np.mean([(one["said"] == one["predicted"]).mean() for one in halves.values()])
    held = 0
    for seed in range(250):
        lines = draw(halves, size=60, seed=seed, second_reviewer_share=0).items
        items = [
            item(position, predicted, weight, said, origin=origin)
            for position, predicted, weight, said, origin in lines.select(
                "position", "predicted", "weight", "said", "origin"
            ).iter_rows()
        ]
        agreement = sample_result(items, confidence=0.90)["agreement"]
        held += agreement["low"] <= truth <= agreement["high"]
    assert held / 250 >= 0.87


# --- What reviewers know ------------------------------------------------------------------------------------------------
def facts_row(period: str, level: str | None, usage: float) -> dict[str, Any]:
    return {
        schema.PERIOD: period,
        schema.ROLE: "Analyste",
        schema.SKILL: "Python",
        schema.DEPARTMENT: "Données",
        schema.CATEGORY: "Langages",
        schema.CURRENT_LEVEL: level,
        **dict.fromkeys(schema.NUMERIC_FEATURES, 0.5),
        "internal_usage": usage,
        schema.LABEL: HIGH,
    }


def test_a_reviewer_sees_the_row_s_period_and_earlier_ones_never_what_came_later() -> None:
    past = pl.DataFrame(
        [
            facts_row("2021-01", LOW, 0.1),
            facts_row("2022-01", None, 0.2),
            facts_row("2023-01", MEDIUM, 0.3),
            facts_row("2024-01", HIGH, 0.99),
            facts_row("2022-06", MEDIUM, 0.98) | {schema.SKILL: "Cobol"},
        ]
    )
    now = past.filter(pl.col(schema.PERIOD) == "2023-01")
    (facts,) = pair_facts(now, past)
    assert set(facts) == {*FACTS_NOW, "history"}
    assert facts[schema.CURRENT_LEVEL] == MEDIUM
    assert [(one[schema.PERIOD], one[schema.CURRENT_LEVEL]) for one in facts["history"]] == [
        ("2022-01", None),
        ("2021-01", LOW),
    ]
    assert "0.99" not in str(facts)
    assert "HIGH" not in str(facts)


def test_a_long_history_is_cut_to_its_latest_periods() -> None:
    past = pl.DataFrame([facts_row(f"{year}-01", LOW, 0.1) for year in range(2000, 2020)])
    (facts,) = pair_facts(past.tail(1), past)
    assert [one[schema.PERIOD] for one in facts["history"]] == [f"{2018 - back}-01" for back in range(HISTORY_PERIODS)]


def test_a_row_without_a_period_has_no_history() -> None:
    row = pl.DataFrame([facts_row("2023-01", LOW, float("nan"))]).with_columns(pl.lit(None, pl.String).alias("period"))
    (facts,) = pair_facts(row, pl.DataFrame([facts_row("2021-01", LOW, 0.1)]))
    assert facts["history"] == []
    assert facts["internal_usage"] is None


# --- Definitions --------------------------------------------------------------------------------------------------------
def test_the_repository_defines_every_level_in_both_languages() -> None:
    found = default_definitions()
    texts = [getattr(words, level) for words in (found.fr, found.en) for level in schema.LEVELS]
    assert len(set(texts)) == 6
    assert parse_definitions(found.model_dump()).sha256 == found.sha256


def test_a_definition_that_is_missing_empty_or_unknown_is_named(tmp_path) -> None:
    content = default_definitions().model_dump()
    for place, change in {
        "fr.HIGH": content | {"fr": {LOW: "a", MEDIUM: "b"}},
        "en.LOW": content | {"en": content["en"] | {LOW: "  "}},
        "fr.MEDIUM": content | {"fr": content["fr"] | {MEDIUM: "x" * 2_001}},
        "en.HIGH": content | {"en": content["en"] | {HIGH: "a\x07b"}},
        "de": content | {"de": {}},
    }.items():
        with pytest.raises(DefinitionsError, match=place):
            parse_definitions(change)
    (tmp_path / "definitions.yaml").write_text("fr: [", encoding="utf-8")
    for name in ("definitions.yaml", "absent.yaml"):
        with pytest.raises(DefinitionsError, match=name):
            read_definitions(tmp_path / name)
