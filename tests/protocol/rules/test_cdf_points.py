import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import InvalidRequest
from protocol.rules.cdf_points import (
    discrete_cdf,
    discrete_pdf,
    discrete_points_2021,
    is_discrete,
    is_process,
    percentile_abscissa,
    points_from_lags,
    quantize,
    sign_changes,
)
from protocol.rules.cdfs import Cdf

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "cdf_points.json").read_text())
lags = st.lists(st.floats(-1e5, 1e5) | st.integers(-4, 4).map(float), min_size=1, max_size=80)


@pytest.mark.parametrize("vector", VECTORS["lags"], ids=lambda vector: f"{len(vector['lagged_values'])} lags")
def test_what_the_original_sees_in_lags_is_seen_again(vector):
    lagged_values = vector["lagged_values"]

    assert vector["sign_changes"] == sign_changes(lagged_values)
    assert vector["is_process"] == is_process(lagged_values)
    assert vector["is_discrete"] == is_discrete(lagged_values, 10)
    assert vector["quantized"] == quantize(lagged_values, 10)
    assert vector["points"] == discrete_points_2021(lagged_values, 10)


@pytest.mark.parametrize("vector", VECTORS["atoms"], ids=lambda vector: f"{len(vector['y'])} atoms")
def test_the_probabilities_of_atoms_are_the_original_s(vector):
    assert vector["pdf"] == pytest.approx(discrete_pdf(vector["y"]), abs=1e-15)


@pytest.mark.parametrize("vector", VECTORS["steps"], ids=lambda vector: f"{len(vector['y'])} atoms")
def test_the_steps_of_atoms_are_the_original_s(vector):
    found = discrete_cdf(Cdf(tuple(vector["x"]), tuple(vector["y"])))

    assert vector["steps_x"] == list(found.x)
    assert vector["steps_y"] == pytest.approx(list(found.y), abs=1e-15)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9))
@settings(max_examples=50, deadline=None)
def test_the_probabilities_of_atoms_come_back_from_shares_that_count_half_of_each(weights):
    pdf = np.array(weights) / sum(weights)

    assert pdf.tolist() == pytest.approx(discrete_pdf((np.cumsum(pdf) - pdf / 2).tolist()))


@given(lags, st.integers(1, 30))
@settings(max_examples=100, deadline=None)
def test_points_are_at_most_so_many_and_rise(lagged_values, num):
    points = points_from_lags(lagged_values, num)

    assert 1 <= len(points) <= num
    assert sorted(set(points)) == points


def test_a_stream_of_few_values_is_looked_at_on_them_and_a_wandering_one_around_its_newest():
    walk = np.cumsum(np.random.default_rng(1).normal(size=400)) + 500
    noise = np.random.default_rng(2).normal(size=400)

    assert [-1.0, 0.0, 2.0] == points_from_lags([2.0, -1, 0, -1, 2], 25)
    around = np.array(points_from_lags(walk[::-1].tolist(), 25))
    assert abs(np.median(around) - walk[-1]) < 0.3
    assert 3 < np.ptp(around) < 6
    assert 3 < np.ptp(points_from_lags(noise.tolist(), 25)) < 6


def test_a_z_stream_is_looked_at_from_its_first_to_its_ninety_ninth_percent():
    points = percentile_abscissa()

    assert [-2.3263478740408408, 0.0, 2.3263478740408408] == pytest.approx([points[0], points[12], points[24]])


@pytest.mark.parametrize(
    "refused",
    [lambda: points_from_lags([], 5), lambda: points_from_lags([1.0], 0), lambda: quantize([1.0], 0),
     lambda: discrete_cdf(Cdf((1.0,), (0.5,)))],
)  # fmt: skip
def test_what_has_no_points_is_refused(refused):
    with pytest.raises(InvalidRequest):
        refused()
