import json
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import InvalidRequest, NotFound
from protocol.rules.cdfs import (
    Cdf,
    SmoothCdf,
    cdf_2021,
    cdf_2023,
    empirical_cdf,
    empirical_quantiles,
    evenly_spaced_percentiles,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "cdfs.json").read_text())
NOBODY = np.empty((0, 225))
numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
pools = st.lists(numbers | st.integers(-3, 3).map(float), min_size=1, max_size=60).map(np.array)
shares = st.floats(0.001, 0.999)


@pytest.mark.parametrize("vector", VECTORS["cdf_2021"], ids=lambda vector: f"{len(vector['owners'])} owners")
def test_the_original_s_first_form_is_followed_to_its_last_digits(vector):
    found = cdf_2021(
        vector["owners"], np.array(vector["scenarios"]), vector["values"], included=vector["included"]
    )  # fmt: skip

    assert tuple(vector["x"]) == found.x
    assert vector["y"] == pytest.approx(list(found.y), abs=1e-15)


@pytest.mark.parametrize("vector", VECTORS["cdf_2023"], ids=lambda vector: f"{len(vector['owners'])} owners")
def test_the_original_s_second_form_is_followed_to_its_last_digits(vector):
    found = cdf_2023(np.array(vector["scenarios"]), vector["values"])

    assert tuple(vector["x"]) == found.x
    assert vector["y"] == pytest.approx(list(found.y), abs=1e-15)


@given(pools, st.lists(numbers, min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_every_form_rises_from_at_least_0_to_at_most_1(pool, values):
    owners, rows = [f"{n:02x}" for n in range(pool.size)], np.sort(pool)[:, None]
    old = cdf_2021(owners, rows, sorted(values))
    for found in (old, cdf_2023(pool, values), empirical_cdf(pool, values), empirical_cdf(pool), cdf_2023(pool)):
        assert list(found.x) == sorted(found.x)
        assert all(before <= after for before, after in pairwise(found.y))
        assert all(-1e-9 <= y <= 1 + 1e-9 for y in found.y)


@given(pools, numbers, st.floats(0.001, 1))
@settings(max_examples=200, deadline=None)
def test_an_empirical_quantile_is_the_first_scenario_that_reaches_its_share(pool, value, p):
    (quantile,) = empirical_quantiles(pool, [p])

    assert p <= empirical_cdf(pool, [quantile]).y[0] + 1e-12
    assert all(share < p for share in empirical_cdf(pool, pool[pool < quantile]).y)
    (share,) = empirical_cdf(pool, [value]).y
    assert np.count_nonzero(pool <= value) / pool.size == share


def test_half_of_four_is_reached_by_the_second():
    assert [2.0, 3.0, 4.0] == empirical_quantiles(np.array([4.0, 3, 2, 1]), [0.5, 0.51, 1.0])


@given(pools, shares, shares)
@settings(max_examples=200, deadline=None)
def test_a_smooth_quantile_is_the_inverse_of_the_share_and_rises(pool, p, q):
    smooth = SmoothCdf.of(pool)
    low, high = (float(smooth.quantile(one)) for one in sorted((p, q)))

    assert low <= high
    if smooth.x.size > 1 and np.diff(smooth.x).min() > 1e-6:
        assert p == pytest.approx(float(smooth.share(smooth.quantile(p))), abs=1e-6)


@given(pools, numbers)
@settings(max_examples=200, deadline=None)
def test_a_smooth_share_rises_strictly_inside_and_reaches_0_and_1_outside(pool, value):
    smooth = SmoothCdf.of(pool)
    width = float(np.ptp(pool)) + 1.0
    assert [0, 1] == smooth.share([pool.min() - width, pool.max() + width]).tolist()
    assert (np.diff(smooth.y) > 0).all()
    assert (np.diff(smooth.x) > 0).all()
    assert 0 <= float(smooth.share(value)) <= 1


def test_the_quantiles_of_a_submission_come_back_as_they_were_sent():
    sent = np.array([NormalDist(3, 2).inv_cdf(p) for p in evenly_spaced_percentiles(225)])
    smooth = SmoothCdf.of(sent)

    assert sent.tolist() == pytest.approx(smooth.quantile(evenly_spaced_percentiles(225)).tolist())
    assert 3.0 == pytest.approx(smooth.median())
    low, high = smooth.interval(0.9)
    assert [3 - 2 * 1.6448536, 3 + 2 * 1.6448536] == pytest.approx([low, high], abs=2e-3)


def test_a_crowd_s_smooth_quantiles_come_near_those_of_its_law():
    crowd = np.random.default_rng(5).normal(size=(400, 225))

    for p in (0.01, 0.25, 0.5, 0.9):
        assert NormalDist().inv_cdf(p) == pytest.approx(float(SmoothCdf.of(crowd).quantile(p)), abs=0.02)


def test_a_pool_of_one_number_is_that_number():
    smooth = SmoothCdf.of(np.full((3, 225), 7.0))

    assert [0.0, 0.5, 1.0] == smooth.share([6.9, 7.0, 7.1]).tolist()
    assert (7.0, (7.0, 7.0)) == (smooth.median(), smooth.interval(0.8))
    assert Cdf((7.0,), (1.0,)) == empirical_cdf(np.full((3, 225), 7.0))


def test_the_grid_of_a_submission_runs_from_1_450th_to_449_450ths():
    grid = evenly_spaced_percentiles(225)

    assert [1 / 450, 449 / 450, 225] == [grid[0], grid[-1], len(grid)]


def test_where_nobody_predicts_the_old_forms_say_so_their_way_and_the_new_ones_by_name():
    assert Cdf((), ()) == cdf_2021([], NOBODY, [0.0])
    assert Cdf((-1000.0, 10000.0), (0.0, 1.0)) == cdf_2023(NOBODY)
    for refused in (empirical_cdf, SmoothCdf.of, lambda pool: empirical_quantiles(pool, [0.5])):
        with pytest.raises(NotFound):
            refused(NOBODY)


def test_points_where_the_old_form_knows_nothing_drop_out():
    pool = np.array([[0.0, 0.001, 0.002]])

    assert (0.001,) == cdf_2021(["a"], pool, [-5.0, 0.001, 5.0]).x
    assert () == cdf_2021(["a"], pool, [-5.0, 5.0]).x
    assert () == cdf_2021(["a"], pool, [0.002], included=["b"]).x


@pytest.mark.parametrize("p", [0.0, 1.0001, -0.1, float("nan")])
def test_a_share_that_there_is_not_is_refused(p):
    with pytest.raises(InvalidRequest):
        empirical_quantiles(np.array([1.0]), [p])
    if p != 0:
        with pytest.raises(InvalidRequest):
            SmoothCdf.of(np.array([1.0, 2.0])).quantile(p)


def test_a_point_that_is_no_number_is_refused():
    with pytest.raises(InvalidRequest):
        empirical_cdf(np.array([1.0]), [float("inf")])
    with pytest.raises(InvalidRequest):
        SmoothCdf.of(np.array([1.0])).share(float("nan"))
