"""Samplers: always so many finite scenarios in order, moved and stretched as lags are, and right where it is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects import samplers
from mining_objects.samplers import default_sampler
from protocol.errors import TooLittleHistory
from protocol.rules.scenarios import MAX_ABS_VALUE, SCENARIOS

Sampler = Callable[[np.ndarray], np.ndarray]


def chance() -> np.random.Generator:
    return np.random.default_rng(11)


def minutes(count: int) -> np.ndarray:
    return 1_700_000_000.0 - 60.0 * np.arange(count)


def by_default(delay: float) -> Sampler:
    return lambda lags: default_sampler(lags, minutes(len(lags)), delay)


OF_LAGS: dict[str, Sampler] = {
    "default, 70 s": by_default(70),
    "default, 3555 s": by_default(3555),
    "independent_bootstrap": lambda lags: samplers.independent_bootstrap(lags, chance()),
    "differenced_bootstrap": lambda lags: samplers.differenced_bootstrap(lags, chance(), steps=3),
    "exponential_bootstrap": lambda lags: samplers.exponential_bootstrap(lags, chance(), steps=2),
    "kernel_sample": lambda lags: samplers.kernel_sample(lags, chance()),
    "recent_quantiles": samplers.recent_quantiles,
    "recent_atoms": samplers.recent_atoms,
    "difference_quantiles": lambda lags: samplers.difference_quantiles(lags, 5),
    "recent_normal_sample": samplers.recent_normal_sample,
    "conformal_sample": lambda lags: samplers.conformal_sample(float(np.asarray(lags)[0]), lags),
    "snapped": lambda lags: samplers.snapped(samplers.recent_quantiles(lags), lags),
}
WITHIN_WHAT_WAS_SEEN = ("independent_bootstrap", "recent_quantiles", "recent_atoms", "snapped")
NUMBERS = st.one_of(
    st.floats(-MAX_ABS_VALUE, MAX_ABS_VALUE),
    st.floats(-1e3, 1e3),
    st.integers(-3, 3).map(float),
    st.sampled_from([0.0, -0.0, 5e-324, 1e300, -1e300]),
)
LAGS = st.lists(NUMBERS, min_size=1, max_size=60)


@pytest.mark.parametrize("name", OF_LAGS)
@settings(max_examples=100, deadline=None)
@given(LAGS)
def test_there_are_always_225_finite_scenarios_in_order(name, lags):
    with np.errstate(under="ignore"):
        drawn = OF_LAGS[name](np.array(lags))

    assert (SCENARIOS,) == drawn.shape
    assert np.float64 == drawn.dtype
    assert (np.abs(drawn) <= MAX_ABS_VALUE).all()
    assert (np.diff(drawn) >= 0).all()


@pytest.mark.parametrize("name", WITHIN_WHAT_WAS_SEEN)
@settings(max_examples=50, deadline=None)
@given(LAGS)
def test_what_only_repeats_the_past_stays_within_it(name, lags):
    drawn = OF_LAGS[name](np.array(lags))

    assert min(lags) <= drawn[0]
    assert drawn[-1] <= max(lags)


@pytest.mark.parametrize("name", [name for name in OF_LAGS if name != "conformal_sample"])
@pytest.mark.parametrize("count", [1, 2, 3, 700])
def test_lags_that_are_all_equal_give_that_value_and_no_spread(name, count):
    np.testing.assert_array_equal(np.full(SCENARIOS, 7.25), OF_LAGS[name](np.full(count, 7.25)))


@pytest.mark.parametrize("name", OF_LAGS)
@pytest.mark.parametrize("series", ["walk", "noise", "ticks", "dice"])
def test_scenarios_move_and_stretch_with_the_lags(name, series):
    rng = np.random.default_rng(12)
    lags = {
        "walk": np.cumsum(rng.standard_normal(500)),
        "noise": rng.standard_normal(500),
        "ticks": np.cumsum(rng.integers(-2, 3, 500)).astype(np.float64),
        "dice": rng.integers(1, 7, 500).astype(np.float64),
    }[series]
    plain, moved = OF_LAGS[name](lags), OF_LAGS[name](500.0 + 1e3 * lags)
    shift = 1_000.0 if name == "conformal_sample" else 500.0

    np.testing.assert_allclose(shift + 1e3 * plain, moved, atol=1e-4)


@pytest.mark.parametrize("num", [1, 2, 1_000])
@pytest.mark.parametrize(
    "sampler",
    [
        lambda lags, num: default_sampler(lags, minutes(len(lags)), 310, num=num),
        lambda lags, num: samplers.exponential_bootstrap(lags, chance(), num=num),
        lambda lags, num: samplers.kernel_sample(lags, chance(), num=num),
        lambda lags, num: samplers.difference_quantiles(lags, 5, num=num),
        lambda lags, num: samplers.student_t_sample(0.0, 1.0, 4.0, num=num),
        lambda lags, num: samplers.normal_sample(0.0, 1.0, num=num),
    ],
)
def test_as_many_scenarios_come_as_are_asked_for(num, sampler):
    assert num == len(sampler(np.cumsum(np.random.default_rng(13).standard_normal(300)), num))


@pytest.mark.parametrize("bad", [[float("nan"), 1.0], [float("inf")], [1e301], [[1.0, 2.0]]])
def test_lags_that_are_no_finite_numbers_are_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        default_sampler(bad, [0.0], 70)


def test_without_a_lag_nothing_can_be_said():
    with pytest.raises(TooLittleHistory):
        default_sampler([], [], 70)


def crps(scenarios: np.ndarray, outcome: float) -> float:
    m = len(scenarios)
    return float(np.abs(scenarios - outcome).mean() - (np.arange(1 - m, m, 2) * scenarios).sum() / m**2)


def mean_loss(series: np.ndarray, sampler: Sampler, steps: int, lags: int = 500, every: int = 23) -> float:
    ends = range(lags, len(series) - steps, every)
    return float(np.mean([crps(sampler(series[e - lags : e][::-1]), series[e - 1 + steps]) for e in ends]))


@pytest.mark.parametrize(("delay", "steps"), [(70, 2), (910, 16)])
def test_on_a_gaussian_walk_the_default_loses_hardly_more_than_the_true_law(delay, steps):
    series = np.cumsum(np.random.default_rng(14).standard_normal(15_000))
    truth = mean_loss(series, lambda lags: samplers.normal_sample(lags[0], np.sqrt(steps)), steps)

    assert mean_loss(series, by_default(delay), steps) < 1.02 * truth


def test_on_noise_about_a_level_the_default_loses_hardly_more_than_the_true_law():
    series = 100.0 + np.random.default_rng(15).standard_normal(15_000)
    truth = mean_loss(series, lambda _: samplers.normal_sample(100.0, 1.0), 2)

    assert mean_loss(series, by_default(70), 2) < 1.01 * truth


def test_dice_are_forecast_as_dice():
    dice = np.random.default_rng(16).integers(1, 7, 1_000)
    faces, counts = np.unique(by_default(70)(dice), return_counts=True)

    assert [1.0, 2.0, 3.0, 4.0, 5.0, 6.0] == faces.tolist()
    assert counts.min() > 0.1 * SCENARIOS


def test_a_switch_that_seldom_turns_is_expected_to_stay_and_less_surely_later():
    switch = np.repeat(np.arange(20) % 2, 25).astype(np.float64)
    soon, later = by_default(60)(switch), by_default(600)(switch)

    assert switch[0] == np.median(soon)
    assert 0.9 < np.mean(soon == switch[0])
    assert np.mean(later == switch[0]) < np.mean(soon == switch[0])


def test_a_price_that_walks_in_ticks_is_forecast_in_ticks():
    lags = 20.0 + 0.25 * np.cumsum(np.random.default_rng(17).integers(-2, 3, 900))
    drawn = by_default(3555)(lags)

    assert 10 < len(set(drawn.tolist()))
    np.testing.assert_array_equal(drawn, np.rint(4 * drawn) / 4)


def test_a_later_horizon_a_slower_stream_and_an_older_value_are_each_answered_as_more_or_fewer_steps():
    lags = np.cumsum(np.random.default_rng(18).standard_normal(800))
    spread = {delay: np.ptp(by_default(delay)(lags)) for delay in (70, 310, 910, 3555)}
    hourly = default_sampler(lags, 60.0 * minutes(800), 3555)

    assert sorted(spread.values()) == list(spread.values())
    np.testing.assert_array_equal(by_default(60)(lags), hourly)
    np.testing.assert_array_equal(by_default(130)(lags), default_sampler(lags, minutes(800), 70, age=60.0))


def test_only_the_newest_thousand_lags_count():
    lags = np.cumsum(np.random.default_rng(19).standard_normal(1_500))
    changed = np.concatenate([lags[:1_000], lags[1_000:] + 50.0])

    np.testing.assert_array_equal(by_default(310)(lags), by_default(310)(changed))


def test_a_bootstrap_of_differences_adds_what_the_series_did_and_not_its_mirror_image():
    rising = np.arange(100.0)[::-1]

    np.testing.assert_array_equal(np.full(SCENARIOS, 102.0), samplers.differenced_bootstrap(rising, chance(), steps=3))


def test_newer_lags_are_drawn_oftener_by_the_decay():
    lags = np.repeat([1.0, 0.0], 100)

    assert (
        pytest.approx(0.622, abs=0.03) == samplers.independent_bootstrap(lags, chance(), num=5_000, decay=0.005).mean()
    )
    assert pytest.approx(0.622, abs=0.01) == samplers.recent_atoms(lags, num=1_000, decay=0.005).mean()


def test_saying_that_lags_wander_not_is_believed():
    walk = np.cumsum(np.random.default_rng(20).standard_normal(400))

    np.testing.assert_array_equal(
        samplers.independent_bootstrap(walk, chance()), samplers.exponential_bootstrap(walk, chance(), as_process=False)
    )
    np.testing.assert_array_equal(
        samplers.differenced_bootstrap(walk, chance()), samplers.exponential_bootstrap(walk, chance(), as_process=True)
    )


def test_any_law_with_an_inverse_becomes_its_quantiles_and_one_that_answers_nonsense_is_refused():
    np.testing.assert_allclose((np.arange(4) + 0.5) / 2, samplers.quantile_sample(lambda p: 2 * p, num=4))
    with pytest.raises(ValueError, match="finite quantiles"):
        samplers.quantile_sample(lambda p: np.full(len(p), np.nan))


def test_moments_are_what_was_asked_for_and_scenarios_without_spread_keep_none():
    drawn = samplers.normal_sample(3.0, 2.0)

    assert pytest.approx((10.0, 0.5)) == _moments(samplers.moved_and_scaled(drawn, mean=10.0, deviation=0.5))
    assert pytest.approx((3.0, drawn.std())) == _moments(samplers.moved_and_scaled(drawn))
    assert (5.0, 0.0) == _moments(samplers.moved_and_scaled([1.0, 1.0], mean=5.0, deviation=9.0))


def _moments(drawn: np.ndarray) -> tuple[float, float]:
    return float(drawn.mean()), float(drawn.std())
