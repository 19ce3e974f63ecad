"""Laws of what comes: each told the truth of its own kind of series, and none of another's."""

from __future__ import annotations

import numpy as np
import pytest

from mining_objects.laws import evenly_spaced
from mining_objects.walk_law import (
    deviation_ahead,
    noise_ahead,
    running_variances,
    states_ahead,
    tail_degrees,
    walk_ahead,
)

LEVELS = evenly_spaced(225)


def ranks(law, series: np.ndarray, steps: int, lags: int = 400, every: int = 7) -> np.ndarray:
    """Where each outcome fell among its scenarios, 0..1; the series is in units of which laws make nothing."""
    found = []
    for end in range(lags, len(series) - steps, every):
        seen = series[end - lags : end]
        found.append(np.mean(seen[-1] + law(seen - seen[-1], steps, LEVELS) < series[end - 1 + steps]))
    return np.array(found)


def within(found: np.ndarray, share: float) -> float:
    return float(np.mean(np.abs(found - 0.5) < share / 2))


@pytest.mark.parametrize("steps", [1, 6, 20])
@pytest.mark.parametrize("degrees", [5.0, 100.0])
def test_a_walks_law_covers_as_many_outcomes_as_it_says(steps, degrees):
    found = ranks(walk_ahead, np.cumsum(np.random.default_rng(5).standard_t(degrees, 12_000)), steps)

    assert pytest.approx(0.5, abs=0.07) == within(found, 0.5)
    assert pytest.approx(0.9, abs=0.03) == within(found, 0.9)
    assert pytest.approx(0.5, abs=0.05) == found.mean()


def test_a_walk_that_was_wild_just_now_is_given_more_room_and_less_so_far_ahead():
    calm = np.random.default_rng(6).standard_normal(600)
    wild = calm.copy()
    wild[-30:] *= 5.0

    def times_wider(steps: int) -> float:
        return float(
            np.ptp(walk_ahead(np.cumsum(wild), steps, LEVELS)) / np.ptp(walk_ahead(np.cumsum(calm), steps, LEVELS))
        )

    assert 2.0 < times_wider(200) < times_wider(1) < 5.0


def test_one_move_after_a_long_calm_does_not_blow_up_the_law():
    moves = np.concatenate([np.zeros(900), [1.0], 0.01 * np.random.default_rng(21).standard_normal(99)])
    series = np.cumsum(moves)

    assert np.abs(walk_ahead(series - series[-1], 16, LEVELS)).max() < 5.0


def test_a_counter_goes_on_counting():
    ahead = walk_ahead(-np.arange(200.0)[::-1], 30, LEVELS)

    np.testing.assert_allclose(30.0, ahead, atol=1e-9)


def test_a_walk_without_surplus_is_given_no_drift():
    series = np.cumsum(np.random.default_rng(7).standard_normal(500) + 0.05)

    assert abs(np.median(walk_ahead(series - series[-1], 50, LEVELS))) < 1.0


def test_moves_that_are_mostly_small_and_sometimes_far_up_keep_their_side():
    chance = np.random.default_rng(8)
    moves = np.where(chance.random(1_000) < 0.05, 10.0, -0.5) + 0.1 * chance.standard_normal(1_000)
    series = np.cumsum(moves - moves.mean())
    ahead = walk_ahead(series - series[-1], 1, LEVELS)

    assert np.median(ahead) < 0.0
    assert ahead.max() > 3 * -ahead.min()


def test_the_deviation_of_a_steady_walk_grows_with_the_root_of_the_steps():
    variances = running_variances(np.ones(300))

    np.testing.assert_allclose(np.sqrt([1.0, 7.0, 60.0]), [deviation_ahead(variances, k)[-1] for k in (1, 7, 60)])


@pytest.mark.parametrize(("degrees", "low", "high"), [(6.0, 4.5, 9.0), (1e6, 40.0, 200.0)])
def test_tails_are_those_of_the_moves(degrees, low, high):
    assert low < tail_degrees(np.random.default_rng(9).standard_t(degrees, 5_000)) <= high


def test_no_move_and_no_surprise_leave_six_degrees():
    assert 6.0 == tail_degrees(np.zeros(0))


@pytest.mark.parametrize("steps", [1, 10])
@pytest.mark.parametrize("keeps", [0.0, 0.9])
def test_noises_law_covers_as_many_outcomes_as_it_says_and_leans_on_the_newest_as_far_as_it_keeps(steps, keeps):
    shocks = np.random.default_rng(10).standard_normal(12_000)
    series = np.zeros(len(shocks))
    for t in range(1, len(shocks)):
        series[t] = keeps * series[t - 1] + shocks[t]
    found = ranks(noise_ahead, series, steps)
    leaning = noise_ahead(series[:1_000], steps, LEVELS).mean() - series[:1_000].mean()

    assert pytest.approx(0.5, abs=0.05) == within(found, 0.5)
    assert pytest.approx(0.9, abs=0.03) == within(found, 0.9)
    assert pytest.approx(keeps**steps * (series[999] - series[:1_000].mean()), abs=0.3) == leaning


def test_a_chain_that_stays_is_expected_to_stay_and_one_that_turns_to_turn():
    stays = np.repeat([0.0, 1.0], 50)
    turns = np.tile([0.0, 1.0], 50)

    assert states_ahead(stays, 1)[stays == 1.0].sum() > 10 * states_ahead(stays, 1)[stays == 0.0].sum() / 2
    assert states_ahead(turns, 1)[turns == 0.0].sum() > states_ahead(turns, 1)[turns == 1.0].sum()
    assert states_ahead(turns, 2)[turns == 1.0].sum() > states_ahead(turns, 2)[turns == 0.0].sum()
