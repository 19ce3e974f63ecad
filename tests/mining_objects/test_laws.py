"""Quantiles of laws: against exact ones, in order, and within what was given."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects.laws import evenly_spaced, recency_weights, student_t_quantile, weighted_atoms, weighted_quantile
from protocol.rules.normal_law import normal_quantile_nano
from protocol.rules.student_t import t_quantile_nano

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


@pytest.mark.parametrize("degrees", [2, 3, 6, 30, 200])
def test_student_quantiles_are_those_that_the_rules_compute_exactly(degrees):
    exact = [t_quantile_nano(degrees, ppm) / 1e9 for ppm in (600_000, 900_000, 990_000, 999_000)]

    np.testing.assert_allclose(exact, student_t_quantile([0.6, 0.9, 0.99, 0.999], degrees), atol=1e-5, rtol=1e-5)


def test_one_degree_is_cauchys_law_and_a_million_are_the_normal_one():
    levels = np.array([0.02, 0.3, 0.5, 0.9])
    normal = [normal_quantile_nano(round(1_000 * level), 1_000) / 1e9 for level in levels]

    np.testing.assert_allclose(np.tan(math.pi * (levels - 0.5)), student_t_quantile(levels, 1.0), atol=1e-9)
    np.testing.assert_allclose(normal, student_t_quantile(levels, 1e9), atol=1e-5)


def test_less_than_one_degree_is_refused():
    with pytest.raises(ValueError, match="degree"):
        student_t_quantile([0.5], 0.5)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_equal_weights_give_hazens_quantiles(values):
    numbers = np.array(values)

    np.testing.assert_allclose(
        np.quantile(numbers, evenly_spaced(25), method="hazen"),
        weighted_quantile(numbers, np.ones(len(numbers)), evenly_spaced(25)),
        atol=1e-6,
    )


@settings(max_examples=100, deadline=None)
@given(VALUES, st.floats(0.0, 3.0))
def test_weighted_quantiles_stay_within_the_numbers_and_atoms_are_among_them(values, decay):
    numbers, weights = np.array(values), recency_weights(len(values), decay)
    smooth = weighted_quantile(numbers, weights, evenly_spaced(50))
    atoms = weighted_atoms(numbers, weights, evenly_spaced(50))

    assert numbers.min() <= smooth.min() <= smooth.max() <= numbers.max()
    assert (np.diff(smooth) >= 0).all()
    assert set(atoms.tolist()) <= set(values)


def test_an_atom_gets_its_share_of_the_levels():
    atoms = weighted_atoms(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 6.0]), evenly_spaced(100))

    assert [10, 30, 60] == [int((atoms == value).sum()) for value in (1.0, 2.0, 3.0)]


def test_a_weight_falls_by_the_decay_and_a_negative_decay_is_refused():
    weights = recency_weights(3, math.log(2))

    np.testing.assert_allclose([4 / 7, 2 / 7, 1 / 7], weights)
    with pytest.raises(ValueError, match="decay"):
        recency_weights(3, -0.1)
