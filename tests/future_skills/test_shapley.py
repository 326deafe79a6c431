"""Shapley values of a forest: what every order of arrival gives, one order after the other."""

from collections.abc import Callable
from functools import cache
from itertools import permutations
from math import factorial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from future_skills.forest import PackedForest
from future_skills.shapley import MOST_ROWS, Condition, ForestGame, subset_contributions

PLAYERS = (0, 0, 1, 2, 3, 3)
"""Player of each column: two of them have two columns."""


def by_every_order(worth: Callable[[frozenset[int]], Any], players: int) -> Any:
    """Shapley's own definition: the mean, over every order of arrival, of what each arrival changes."""
    worth = cache(worth)
    given_to = [0.0] * players
    for order in permutations(range(players)):
        arrived: frozenset[int] = frozenset()
        for player in order:
            given_to[player] = given_to[player] + worth(arrived | {player}) - worth(arrived)
            arrived |= {player}
    return np.array(given_to) / factorial(players)


@st.composite
def games(draw: st.DrawFn) -> tuple[Any, np.ndarray, np.ndarray]:
    """A small forest, the row to explain and background rows, values missing here and there."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    matrix = rng.integers(0, 4, (60, len(PLAYERS))).astype(np.float32)
    matrix[rng.random(matrix.shape) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    labels = rng.integers(0, 3, 60) if draw(st.booleans()) else (np.nan_to_num(matrix[:, 0]) > 1).astype(int)
    kind = draw(st.sampled_from([RandomForestClassifier, ExtraTreesClassifier]))
    forest = kind(3, max_depth=draw(st.sampled_from([1, 3, None])), random_state=0).fit(matrix, labels)
    return forest, matrix[0], matrix[1 : 1 + draw(st.integers(1, 5))]


@settings(max_examples=20, deadline=None)
@given(game=games())
def test_contributions_are_those_of_every_order_of_arrival(game: tuple[Any, np.ndarray, np.ndarray]) -> None:
    forest, row, background = game

    def worth(arrived: frozenset[int]) -> Any:
        bring = np.isin(PLAYERS, sorted(arrived))
        return forest.predict_proba(np.where(bring, row, background)).mean(axis=0)

    found = ForestGame(PackedForest.of(forest), background, PLAYERS).contributions(row)
    assert found == pytest.approx(by_every_order(worth, 4), abs=1e-12)
    assert found.sum(axis=0) == pytest.approx(worth(frozenset(range(4))) - worth(frozenset()), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(game=games(), data=st.data())
def test_mixtures_that_do_not_count_are_worth_nothing(
    game: tuple[Any, np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    forest, row, background = game
    roles = [
        data.draw(st.lists(st.sampled_from(["", "arrived", "absent"]), min_size=4, max_size=4)) for _ in background
    ]
    kept = [data.draw(st.booleans()) for _ in background]
    conditions = [
        Condition(1 << place, *(sum(1 << p for p in range(4) if role[p] == name) for name in ("arrived", "absent")))
        for place, role in enumerate(roles)
        if kept[place]
    ]

    def worth(arrived: frozenset[int]) -> Any:
        counts = [
            keep and all((p in arrived) == (name == "arrived") for p, name in enumerate(role) if name)
            for keep, role in zip(kept, roles, strict=True)
        ]
        bring = np.isin(PLAYERS, sorted(arrived))
        said = forest.predict_proba(np.where(bring, row, background))
        return (said * np.array(counts)[:, None]).mean(axis=0)

    packed = ForestGame(PackedForest.of(forest), background, PLAYERS)
    found = packed.contributions(row, conditions) if conditions else np.zeros((4, len(forest.classes_)))
    assert found == pytest.approx(by_every_order(worth, 4), abs=1e-12)


@given(worth=st.lists(st.floats(-1, 1), min_size=8, max_size=8))
def test_listed_subsets_give_what_every_order_of_arrival_gives(worth: list[float]) -> None:
    found = subset_contributions(np.array(worth)[:, None])[:, 0]
    expected = by_every_order(lambda arrived: worth[sum(1 << player for player in arrived)], 3)
    assert found == pytest.approx(expected, abs=1e-12)


def test_one_player_has_all_of_it() -> None:
    assert subset_contributions(np.array([[0.25, 0.75], [0.5, 0.5]])).tolist() == [[0.25, -0.25]]


@pytest.mark.parametrize("rows", [0, MOST_ROWS + 1])
def test_more_rows_than_a_set_holds_are_refused(rows: int) -> None:
    matrix = np.arange(8, dtype=np.float32).reshape(-1, 1)
    forest = PackedForest.of(RandomForestClassifier(2, random_state=0).fit(matrix, np.arange(8) % 2))
    with pytest.raises(ValueError, match=f"{rows} background rows"):
        ForestGame(forest, np.zeros((rows, 1), dtype=np.float32), [0])


def test_every_bit_of_a_set_is_used() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.random((MOST_ROWS + 1, 64)).astype(np.float32)
    forest = RandomForestClassifier(10, random_state=0).fit(matrix, rng.integers(0, 3, len(matrix)))
    game = ForestGame(PackedForest.of(forest), matrix[1:], range(64))
    difference = forest.predict_proba(matrix[:1])[0] - forest.predict_proba(matrix[1:]).mean(axis=0)
    assert game.contributions(matrix[0]).sum(axis=0) == pytest.approx(difference, abs=1e-12)
