"""Laws that learn value by value: the moments and quantiles of what they saw, and of known laws."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects.laws import evenly_spaced
from mining_objects.running_laws import (
    AnchoredLaw,
    RecentQuantiles,
    RunningLaw,
    RunningNormal,
    RunningSkewNormal,
    walk_sample,
)
from protocol.errors import TooLittleHistory

LEVELS = evenly_spaced(225)
LAWS = (RunningNormal, RecentQuantiles, RunningSkewNormal, AnchoredLaw)
VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40)


def after(law: RunningLaw, values: object) -> RunningLaw:
    for value in np.asarray(values, dtype=np.float64).tolist():
        law.update(value)
    return law


@pytest.mark.parametrize("law", LAWS)
def test_a_law_that_has_seen_nothing_has_no_quantiles(law):
    with pytest.raises(TooLittleHistory):
        law().quantile(0.5)


@pytest.mark.parametrize("law", LAWS)
@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_quantiles_are_finite_and_rise_with_the_probability(law, values):
    quantiles = after(law(), values).quantile(LEVELS)

    assert (225,) == quantiles.shape
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles) >= 0).all()


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_running_moments_are_those_of_all_values(values):
    numbers = np.array(values)
    normal, skewed = after(RunningNormal(), numbers), after(RunningSkewNormal(), numbers)

    assert pytest.approx((numbers.mean(), numbers.std()), abs=1e-6) == (normal.mean, normal.deviation)
    assert pytest.approx(((numbers - numbers.mean()) ** 3).sum(), rel=1e-6, abs=1e-2) == skewed.cube
    assert pytest.approx(((numbers - numbers.mean()) ** 2).sum(), rel=1e-6, abs=1e-6) == skewed.square


def test_with_a_half_life_an_old_value_weighs_half_as_much_as_one_so_many_values_newer():
    law = after(RunningNormal(half_life=3.0), [8.0, 0.0, 0.0, 1.0])
    weights = 0.5 ** (np.array([3, 2, 1, 0]) / 3)

    assert pytest.approx((8.0 * weights[0] + 1.0) / weights.sum()) == law.mean


def test_normal_quantiles_are_the_normal_laws():
    quantiles = after(RunningNormal(), [-1.0, 1.0]).quantile([0.025, 0.5, 0.9])

    np.testing.assert_allclose([-1.959964, 0.0, 1.281552], quantiles, atol=2e-3)


def test_only_the_newest_values_are_kept():
    law = after(RecentQuantiles(capacity=3), [100.0, 1.0, 2.0, 3.0])

    np.testing.assert_allclose([1.0, 2.0, 3.0], law.quantile([0.01, 0.5, 0.99]))


@pytest.mark.parametrize("slant", [3.0, -3.0])
def test_a_skew_normal_law_is_found_again(slant):
    chance = np.random.default_rng(1)
    hidden, own = chance.standard_normal((2, 20_000))
    delta = slant / math.hypot(1.0, slant)
    drawn = 5.0 + 2.0 * (delta * np.abs(hidden) + math.sqrt(1 - delta**2) * own)

    np.testing.assert_allclose(
        np.quantile(drawn, [0.02, 0.25, 0.5, 0.75, 0.98]),
        after(RunningSkewNormal(), drawn).quantile([0.02, 0.25, 0.5, 0.75, 0.98]),
        atol=0.08,
    )


@pytest.mark.parametrize("law", [AnchoredLaw(), AnchoredLaw(tail=2.0, shift=0.5), AnchoredLaw(tail=0.005, scale=0.1)])
def test_an_anchored_laws_density_sums_to_one_and_its_quantiles_are_those_of_draws(law):
    grid = np.linspace(-60.0, 60.0, 400_001)
    chance = np.random.default_rng(2)
    drawn = law.shift + law.scale * (chance.standard_normal(200_000) + law.tail * chance.exponential(size=200_000))
    both = np.concatenate([drawn, -drawn])
    levels = [0.02, 0.3, 0.5, 0.98]

    assert pytest.approx(1.0, abs=1e-4) == np.trapezoid(np.exp(law.log_density(grid)), grid)
    np.testing.assert_allclose(
        np.quantile(both, levels), replace(law, anchor=0.0).quantile(levels), atol=0.02 * (law.scale + law.tail)
    )


def test_an_anchor_follows_small_surprises_by_the_gain_and_large_ones_no_further_than_it_may():
    law = AnchoredLaw(gain=0.5, largest_move=2.0, anchor=0.0)
    law.update(0.01)
    near = law.anchor
    law.update(1e6)

    assert pytest.approx(0.005, rel=1e-3) == near
    assert pytest.approx(2.005, rel=1e-3) == law.anchor


def test_fitting_finds_values_likelier_and_keeps_a_law_that_none_beats():
    chance = np.random.default_rng(3)
    walk = np.cumsum(0.2 * chance.laplace(size=300)).tolist()
    first = AnchoredLaw()
    fitted = first.fitted_to(walk)

    assert fitted.log_likelihood(walk) > first.log_likelihood(walk) + 100
    assert fitted.gain > 0.8
    assert fitted.fitted_to(walk).log_likelihood(walk) >= fitted.log_likelihood(walk)
    assert AnchoredLaw(anchor=7.0) == AnchoredLaw().fitted_to([7.0, 7.0])


def test_a_walk_of_moves_has_the_mean_and_the_spread_of_their_sum():
    law = after(RunningNormal(), [0.5, 2.5])
    drawn = walk_sample(law, 10.0, 25, np.random.default_rng(4), num=2_000)

    assert pytest.approx(10.0 + 25 * 1.5, abs=1e-6) == drawn.mean()
    assert pytest.approx(5.0, rel=0.06) == drawn.std()
    assert (np.diff(drawn) >= 0).all()
