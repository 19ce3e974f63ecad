"""Lattices: found where a series is discrete, absent where it is not, and scenarios land on their points to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects.lattices import distinct, implied_lattice

CHANCE = np.random.default_rng(3)
TICKS = 0.1 * CHANCE.integers(-40, 40, 400)


def test_a_price_with_a_tick_has_a_lattice_of_that_step():
    lattice = implied_lattice(TICKS)

    assert lattice is not None
    assert pytest.approx(0.1) == lattice.step


def test_a_continuous_series_has_no_lattice():
    assert implied_lattice(CHANCE.standard_normal(400)) is None


def test_one_value_repeated_is_no_lattice():
    assert implied_lattice(np.full(30, 4.0)) is None


def test_scenarios_beside_a_tick_become_the_tick_that_was_seen_and_ones_beyond_the_range_the_grids_next():
    lattice = implied_lattice(TICKS)
    assert lattice is not None

    np.testing.assert_array_equal(np.sort(TICKS), lattice.snap(np.sort(TICKS) + 0.04))
    assert pytest.approx(TICKS.max() + 0.5) == lattice.snap([TICKS.max() + 0.52])[0]


def test_values_without_an_even_grid_take_in_their_nearest_and_the_lower_of_two_as_near():
    lattice = implied_lattice([0.0, 1.0, 3.3, 17.45] * 5)
    assert lattice is not None

    assert 0.0 == lattice.step
    assert [0.0, 0.0, 1.0, 17.45] == lattice.snap([-5.0, 0.5, 0.6, 9e9]).tolist()


def test_numbers_that_differ_by_rounding_are_one_value():
    assert 3 == len(distinct(np.array([0.1 + 0.2, 0.3, 0.0, 5.0])))


@settings(max_examples=100, deadline=None)
@given(
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e6),
    st.lists(st.integers(0, 30), min_size=60, max_size=120),
)
def test_the_grid_follows_the_series_when_it_is_moved_and_stretched(shift, stretch, cells):
    values = np.array(cells, dtype=np.float64)
    plain, moved = implied_lattice(values), implied_lattice(shift + stretch * values)

    assert (plain is None) == (moved is None)
    if plain is not None and moved is not None:
        assert pytest.approx(stretch * plain.step, rel=1e-5) == moved.step
