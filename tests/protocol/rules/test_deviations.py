import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.rules.baselines import gaussian_walk_quantiles_nano
from protocol.rules.deviations import (
    DEVIATION_LIMIT,
    QUANTILES_PPM,
    ensemble_deviations,
    ensemble_quantiles_nano,
    path_deviations,
    seen_later,
)

SIGMA = 900_000_000  # 0.0009 a step, in pico


def test_a_path_one_standard_deviation_up_deviates_by_ten_thousand_everywhere():
    path = np.rint(900_000 * np.sqrt(np.arange(1, 101))).astype(np.int64)

    assert np.abs(path_deviations(path, sigma_pico=SIGMA).astype(int) - 10_000).max() <= 1


def test_the_price_that_stays_does_not_deviate():
    assert not path_deviations(np.zeros(100, dtype=np.int64), sigma_pico=SIGMA).any()


def test_the_largest_answer_on_the_smallest_sigma_is_clipped_and_nothing_overflows():
    up = np.full(100, 2 * 10**9, dtype=np.int64)

    assert {DEVIATION_LIMIT} == set(path_deviations(up, sigma_pico=1).ravel().tolist())
    assert {-DEVIATION_LIMIT} == set(path_deviations(-up, sigma_pico=1).ravel().tolist())


@given(st.integers(64, 300), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_quantiles_are_numpys_of_the_same_definition(members, seed):
    paths = np.random.default_rng(seed).integers(-(10**9), 10**9, (members, 3))
    expected = np.quantile(paths, [p / 10**6 for p in QUANTILES_PPM], axis=0, method="hazen")

    assert np.abs(expected - ensemble_quantiles_nano(paths)).max() <= 1.001


def test_an_ensemble_of_the_baselines_own_quantiles_hardly_deviates():
    evenly = gaussian_walk_quantiles_nano(SIGMA, 100, [round((j + 0.5) * 10**6 / 250) for j in range(250)])
    baseline = gaussian_walk_quantiles_nano(SIGMA, 100, QUANTILES_PPM)

    deviations = ensemble_deviations(evenly, baseline_quantiles_nano=baseline, sigma_pico=SIGMA)
    assert (100, 10) == deviations.shape
    assert 20 >= np.abs(deviations).max()


def test_an_earlier_path_about_the_same_future_looks_the_same_when_anchored_again():
    closes = np.cumsum(np.random.default_rng(3).normal(0, 900_000, 112)).astype(np.int64)
    earlier, now = closes[:100], closes[12:] - closes[11]
    moved = seen_later(path_deviations(earlier, sigma_pico=SIGMA), lag_steps=12)

    assert (88, 1) == moved.shape
    assert 4 >= np.abs(moved.astype(int) - path_deviations(now, sigma_pico=SIGMA)[:88]).max()


def test_an_earlier_ensembles_quantiles_are_shifted_to_the_same_targets():
    deviations = np.arange(100 * 10, dtype=np.int16).reshape(100, 10)

    assert deviations[6:].tolist() == seen_later(deviations, lag_steps=6).tolist()


def test_a_sigma_of_zero_is_refused():
    with pytest.raises(ValueError, match="sigma"):
        path_deviations(np.zeros(100, dtype=np.int64), sigma_pico=0)
