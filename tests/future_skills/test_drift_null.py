"""The statistics of drift, their distribution without drift, and Holm's procedure, beside independent computations."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2, wasserstein_distance

from future_skills.drift_null import Bins, adjusted, effects, null_distributions, size

COUNTS = st.lists(st.integers(0, 500), min_size=3, max_size=12).filter(lambda counts: sum(counts) > 0)


def numeric(edges: list[float]) -> Bins:
    widths = tuple(np.diff(edges).tolist())
    return Bins((1 / len(widths),) * len(widths), widths, tuple(range(len(widths))))


def test_the_distance_of_two_numbers_is_that_of_values_spread_over_their_bins() -> None:
    rng = np.random.default_rng(1)
    edges = np.sort(rng.normal(size=9))
    before, now = rng.integers(1, 50, (2, 8)).astype(float)
    spread = np.concatenate([np.linspace(low, high, 2_001)[:-1] for low, high in pairwise(edges)])
    exact = wasserstein_distance(spread, spread, np.repeat(before, 2_000), np.repeat(now, 2_000))
    assert effects(numeric(edges.tolist()), before, now)["wasserstein"] == pytest.approx(exact, abs=1e-3)


def test_a_shift_out_of_the_range_counts_with_its_distance() -> None:
    inside = effects(numeric([0, 1, 2]), np.array([5.0, 5.0]), np.array([0.0, 10.0]))["wasserstein"]
    outside = effects(numeric([0, 1, 2]), np.array([5.0, 5.0]), np.array([0.0, 10.0]), beyond=3.0)["wasserstein"]
    assert outside == pytest.approx(inside + 3)


@given(COUNTS, st.data())
def test_the_distance_of_categories_is_scipy_s_and_symmetric(before: list[int], data: st.DataObject) -> None:
    now = data.draw(st.lists(st.integers(0, 500), min_size=len(before), max_size=len(before)).filter(any))
    p, q = np.array(before, float), np.array(now, float)
    bins = Bins(tuple(p / p.sum()))
    found = effects(bins, p, q)
    assert found["jensen_shannon"] == pytest.approx(np.nan_to_num(jensenshannon(p, q, base=2)), abs=1e-7)
    assert found["share_shift"] == pytest.approx(max(abs(p / p.sum() - q / q.sum())))
    assert effects(bins, q, p)["psi"] == pytest.approx(found["psi"])
    assert found["psi"] >= 0


def test_equal_samples_are_not_apart() -> None:
    counts = np.array([3.0, 0.0, 9.0])
    assert set(effects(numeric([0, 1, 2, 5]), counts, counts).values()) == {0.0}
    assert set(effects(Bins((0.25, 0.0, 0.75)), counts, counts).values()) == {0.0}


def test_the_psi_of_a_number_counts_the_coarse_bins() -> None:
    bins = Bins((0.25,) * 4, (1.0,) * 4, (0, 2))
    assert effects(bins, np.array([9.0, 1, 5, 5]), np.array([1.0, 9, 5, 5]))["psi"] == 0


def test_without_drift_the_psi_is_a_chi_square_and_its_tail_is_no_lighter() -> None:
    shares, units = (0.2,) * 5, 2_000
    psi = null_distributions(Bins(shares), units, units, 4_000)["psi"]
    scale = 2 / units  # PSI is about chi-square (K - 1) x (1/n + 1/m)
    for chance in (0.5, 0.05, 0.01):
        assert psi.quantile(chance) == pytest.approx(scale * chi2.isf(chance, 4), rel=0.1)
    for chance in (1e-4, 1e-6):
        assert 0.93 < psi.quantile(chance) / (scale * chi2.isf(chance, 4)) < 1.3


@pytest.mark.parametrize("name", ["jensen_shannon", "share_shift", "psi"])
def test_chance_and_quantile_are_each_other_s_inverse(name: str) -> None:
    null = null_distributions(Bins((0.5, 0.3, 0.2)), 1_000, 400, 2_000)[name]  # type: ignore[index]
    for chance in (0.3, 0.05, 1e-3, 1e-5):
        assert null.chance(null.quantile(chance)) == pytest.approx(chance, rel=0.08)  # counts make steps


def test_more_units_are_closer_by_chance() -> None:
    small, large = (null_distributions(Bins((0.5, 0.5)), n, n, 2_000)["jensen_shannon"] for n in (100, 10_000))
    assert large.quantile(0.01) < small.quantile(0.01) / 5


@pytest.mark.parametrize(("units", "kept"), [(7.9, 7), (99, 99), (149, 140), (9_230, 9_200), (1_000_000, 1_000_000)])
def test_sizes_are_rounded_down_to_two_figures(units: float, kept: int) -> None:
    assert size(units) == kept


def test_holm_s_procedure_on_a_worked_example() -> None:
    assert adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), max_size=30))
def test_adjusted_chances_keep_their_order_and_are_no_smaller(chances: list[float]) -> None:
    found = adjusted(chances)
    assert all(after >= before for before, after in zip(chances, found, strict=True))
    order = sorted(range(len(chances)), key=chances.__getitem__)
    assert [found[place] for place in order] == sorted(found)
