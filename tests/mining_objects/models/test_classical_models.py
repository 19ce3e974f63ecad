"""The models that learn nothing beforehand: shapes, determinism, causality, and what each claims to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mining_objects import models
from mining_objects.base_mining_model import Window
from mining_objects.errors import UnknownModel
from mining_objects.models.ewma import clock_shape, hour_of
from mining_objects.models.ridge import continue_autoregression, fit_autoregression
from protocol.errors import InvalidSetting, TooLittleHistory
from tests.support.windows import walk_window

CLASSICAL = tuple(name for name in models.NAMES if name not in ("lstm", "tcn"))


@pytest.mark.parametrize("name", CLASSICAL)
def test_one_call_answers_every_window_in_both_shapes(name):
    windows = [walk_window(3_000, series="A"), walk_window(2_000, series="B", seed=2, gaps=(5, 700, 1_999))]
    answers = models.create(name).forecast(windows, steps=100, paths=64, seed=7, lead=1)

    for answer in answers:
        assert ((100,), np.dtype(np.float32)) == (answer.point.shape, answer.point.dtype)
        assert ((64, 100), np.dtype(np.float32)) == (answer.paths.shape, answer.paths.dtype)


@pytest.mark.parametrize("name", CLASSICAL)
def test_the_same_seed_gives_the_same_bits_whatever_else_is_in_the_batch(name):
    model, window = models.create(name), walk_window(2_000, series="A")
    alone = model.forecast([window], steps=10, paths=64, seed=7)[0]
    beside = model.forecast([walk_window(1_500, series="B", seed=2), window], steps=10, paths=64, seed=7)[1]
    other = model.forecast([window], steps=10, paths=64, seed=8)[0]

    np.testing.assert_array_equal(alone.paths, beside.paths)
    np.testing.assert_array_equal(alone.point, beside.point)
    assert not np.array_equal(alone.paths, other.paths)


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_window_in_which_nothing_moves_gives_a_finite_answer(name):
    still = walk_window(2_000, sigma=0.0)
    answer = models.create(name).forecast([still], steps=10, paths=64, seed=7)[0]

    np.testing.assert_array_equal(np.zeros((64, 10)), answer.paths)


@pytest.mark.parametrize("name", CLASSICAL)
def test_no_candle_after_the_window_changes_an_answer_and_the_newest_one_does(name):
    window = walk_window(2_300, series="A")
    model = models.create(name)

    def answer(changed_row, seen):
        shaken = {
            n: np.where(np.arange(len(window)) >= changed_row, 1.01, 1.0) * getattr(window, n)
            for n in ("open", "high", "low", "close")
        }
        return model.forecast([replace(window, **shaken).rows(0, seen)], steps=5, paths=64, seed=1, lead=1)[0].paths

    np.testing.assert_array_equal(answer(9_999, 2_250), answer(2_250, 2_250))
    assert not np.array_equal(answer(9_999, 2_251), answer(2_250, 2_251))


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_window_that_is_too_short_or_without_a_close_is_refused_by_name(name):
    model = models.create(name)
    empty = walk_window(300, gaps=tuple(range(300)))

    with pytest.raises(TooLittleHistory, match=name):
        model.forecast([walk_window(model.least - 1)], steps=5, paths=64, seed=1)
    with pytest.raises(TooLittleHistory, match="no close"):
        model.forecast([empty], steps=5, paths=64, seed=1)


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize("steps", [100, 289])
def test_a_wild_market_gives_a_finite_answer_within_the_limit(name, steps):
    wild = walk_window(9_000, sigma=5e-3, gaps=tuple(range(8_000, 8_100)))
    answer = models.create(name).forecast([wild], steps=steps, paths=64, seed=7, lead=1)[0]

    assert np.isfinite(answer.paths).all()
    assert 2.0 >= np.abs(answer.paths).max() > 1e-3


def test_flat_spreads_as_the_baseline_says():
    window = walk_window(3_000, sigma=1e-3)
    answer = models.create("flat").forecast([window], steps=100, paths=1_000, seed=7)[0]
    keep = 0.5 ** (1 / 288)
    squares = np.diff(np.log(window.close))[::-1] ** 2
    sigma = np.sqrt((squares * keep ** np.arange(len(squares))).sum() / (keep ** np.arange(len(squares))).sum())

    np.testing.assert_allclose(sigma * np.sqrt(np.arange(1, 101)), answer.paths.std(axis=0), rtol=0.06)
    assert not answer.point.any()


def test_drift_carries_half_of_the_last_days_trend_on():
    window = walk_window(400)
    trend = np.log(window.close[-1] / window.close[-289]) / 288
    answer = models.create("drift").forecast([window], steps=50, paths=0, seed=7)[0]

    np.testing.assert_allclose(0.5 * trend * np.arange(1, 51), answer.point, rtol=1e-5)


def test_ridge_finds_an_autoregression_that_is_there():
    chance, line = np.random.default_rng(4), np.zeros(8_000)
    for t in range(2, len(line)):
        line[t] = 0.5 * line[t - 1] - 0.2 * line[t - 2] + chance.standard_normal()
    weights = fit_autoregression(line, lags=2, penalty=1.0)

    np.testing.assert_allclose([-0.2, 0.5], weights, atol=0.03)
    np.testing.assert_allclose(weights @ line[-2:], continue_autoregression(line, weights, 3)[0])


def test_the_clocks_shape_is_learnt_per_hour_and_for_weekends():
    window = walk_window(30 * 288)
    hours = hour_of(window.open_time_ms)
    size = np.where(hours >= 24, 0.5, 1.0) * np.where((hours % 24 >= 13) & (hours % 24 < 17), 2.0, 1.0)
    signs = np.random.default_rng(6).choice((-1.0, 1.0), len(window))
    close = 30_000 * np.exp(np.cumsum(1e-3 * size * signs))
    clocked = Window(
        window.series, window.step_ms, window.open_time_ms, close, close, close, close, np.ones(len(close))
    )
    shape = clock_shape(clocked, weekend_trust=0.3)

    np.testing.assert_allclose(2.0, shape[15] / shape[5], rtol=0.01)
    np.testing.assert_allclose(2.0, shape[5] / shape[29], rtol=0.01)


def test_monday_is_a_working_day_and_sunday_is_not():
    monday = 1_704_067_200_000  # 2024-01-01 00:00 UTC, a Monday

    assert [0, 24 + 23] == hour_of(np.array([monday, monday - 1])).tolist()


def test_an_unknown_model_is_answered_with_the_known_names():
    with pytest.raises(UnknownModel, match=r"'lstn'.*flat, drift, .*ewma, .*lstm"):
        models.create("lstn")


def test_weights_for_a_model_that_has_none_are_refused(tmp_path):
    with pytest.raises(InvalidSetting, match="takes no weights"):
        models.create("flat", weights=tmp_path)
