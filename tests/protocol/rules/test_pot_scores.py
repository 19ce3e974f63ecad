"""CRPS and log score beside a settlement: right by the definition, to the nano, and the same whatever else is there."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.rules.pot_scores import (
    BIN_SPREADS,
    GRIDS,
    MOST_NANO,
    SPREAD_VALUES,
    best_points_nano,
    crps_nano,
    log_points_nano,
    log_scores_nano,
    recent_spread,
    worst_points_nano,
)
from protocol.units import NANO

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)


def columns(*owners):
    return np.ascontiguousarray(np.sort(np.array(owners, dtype=np.float64), axis=1).T)


def crps_by_definition(scenarios: list[float], value: float) -> Fraction:
    """Mean distance to the value less half the mean distance among the scenarios, in exact fractions."""
    xs, y, m = [Fraction(x) for x in scenarios], Fraction(value), len(scenarios)
    return sum(abs(x - y) for x in xs) / m - sum(abs(a - b) for a in xs for b in xs) / (2 * m * m)


@settings(max_examples=100, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=12), NUMBERS)
def test_crps_is_the_definitions_within_a_nano_and_the_rounding_of_its_largest_difference(scenarios, value):
    (found,) = crps_nano(columns(scenarios), value)
    exact = crps_by_definition(scenarios, value) * NANO
    largest = max(abs(x - value) for x in scenarios)
    assert abs(found - exact) <= 1 + largest * NANO * 2.0**-36


def test_crps_of_225_scenarios_that_are_the_value_is_zero():
    assert [0] == crps_nano(columns([0.1] * 225), 0.1)


def test_crps_of_a_point_is_its_distance():
    assert [NANO // 4, NANO // 2] == crps_nano(columns([0.75] * 225, [0.5] * 225), 1.0)


def test_crps_of_one_owner_does_not_depend_on_who_else_is_there():
    alone = crps_nano(columns([0.1, 0.2, 0.7]), 0.3)
    assert alone == crps_nano(columns([0.1, 0.2, 0.7], [1e12, 1e13, 1e14]), 0.3)[:1]


def test_crps_of_tiny_and_of_huge_numbers_fits_64_bits():
    assert [0, MOST_NANO] == crps_nano(columns([5e-324] * 3, [1e300] * 3), 0.0)


@pytest.mark.parametrize(
    ("spread", "lagged"),
    [
        (None, []),
        (None, [4.0]),
        (0.0, [4.0, 4.0, 4.0]),
        (2.0, [1.0, 3.0]),
        (2.0, [1.0, 3.0, 3.0, 3.0, 5.0]),
        (1.5, [0.0, 1.0, 3.0]),
        (1.0, [0.0, 1.0, 0.0, 1.0, 1000.0]),
    ],
)
def test_the_recent_spread_is_the_median_of_the_changes_that_are_not_zero(spread, lagged):
    assert spread == recent_spread(lagged)


def test_the_recent_spread_forgets_what_is_older_than_a_hundred_changes():
    newest = [float(k % 2) for k in range(SPREAD_VALUES)]
    assert recent_spread(newest) == recent_spread([*newest, *(1e6 * k for k in range(1000))])


def log_points_by_definition(scenarios, value, spread):
    points = 0.0
    for width in (spread * one for one in BIN_SPREADS):
        for shift in (0.0, width / 2):
            mine = math.floor((value - shift) / width)
            points += math.log(sum(math.floor((x - shift) / width) == mine for x in scenarios) + 0.5)
    return points


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-4000, 4000), min_size=1, max_size=30), st.integers(-4000, 4000), st.integers(0, 6))
def test_log_points_count_the_scenarios_in_the_values_bin(eighths, value, power):
    scenarios, value, spread = [one / 8 for one in eighths], value / 8, 2.0**power  # exact, whatever the order
    (found,) = log_points_nano(columns(scenarios), value, spread).tolist()
    assert abs(found / NANO - log_points_by_definition(scenarios, value, spread)) < 1e-7


def test_the_value_is_always_in_its_own_bin():
    rng = np.random.default_rng(4)
    for value in rng.standard_normal(300).round(2) * 10.0 ** rng.integers(-6, 6, 300):
        for spread in (0.1, 0.3, 1e-9, 7.0):
            assert [best_points_nano(1)] == log_points_nano(columns([value]), float(value), spread).tolist()


def test_a_value_a_hair_below_a_bins_edge_is_in_the_bin_below():
    value = 483.99999999999994  # float64 divides it by a third to exactly 1452, whose third is 484
    found = log_points_nano(columns([483.9], [484.1]), value, 1 / 3).tolist()
    assert found[0] > found[1]


def test_log_scores_run_from_zero_to_the_score_of_an_empty_bin():
    best, worst = best_points_nano(225), worst_points_nano(225)
    assert [0, -round(math.log(451) * NANO)] == log_scores_nano(np.array([best, worst]), 225)
    assert [0] == log_scores_nano(log_points_nano(columns([1.0] * 225), 1.0, 0.0), 225)


def test_the_mean_over_the_partitions_is_rounded_half_to_even():
    best = best_points_nano(225)
    assert 6 == GRIDS
    assert [0, 0, -1, -1, -2] == log_scores_nano(best - np.array([0, 3, 4, 8, 9]), 225)
