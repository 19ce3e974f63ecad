"""Indicators against TA-Lib and against slow, plain loops that follow the books; and that none looks ahead."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from mining_objects.financial_market_indicators import atr, band_position, bollinger, ema, macd, obv, rsi, true_range
from tests.support.windows import walk_window

CLOSES = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(5).standard_normal(300)))


def _slow_ema(values, span):
    out = [np.nan] * (span - 1) + [sum(values[:span]) / span]
    for value in values[span:]:
        out.append(out[-1] + 2 / (span + 1) * (value - out[-1]))
    return out


def _slow_rsi(closes, span):
    changes = [b - a for a, b in pairwise(closes)]
    gain = sum(max(c, 0) for c in changes[:span]) / span
    loss = sum(max(-c, 0) for c in changes[:span]) / span
    out = [np.nan] * span + [100 - 100 / (1 + gain / loss)]
    for change in changes[span:]:
        gain = (gain * (span - 1) + max(change, 0)) / span
        loss = (loss * (span - 1) + max(-change, 0)) / span
        out.append(100 - 100 / (1 + gain / loss))
    return out


def test_ema_equals_the_plain_recursion():
    np.testing.assert_allclose(_slow_ema(CLOSES.tolist(), 9), ema(CLOSES, 9), rtol=1e-12)


def test_rsi_equals_wilders_recursion():
    np.testing.assert_allclose(_slow_rsi(CLOSES.tolist(), 14), rsi(CLOSES, 14), rtol=1e-9)


def test_rsi_is_50_where_nothing_moves_and_100_where_all_rises():
    assert 50.0 == rsi(np.full(30, 7.0))[-1]
    assert 100.0 == rsi(np.arange(1.0, 31.0))[-1]


def test_macd_is_the_difference_of_two_emas_and_its_own_ema():
    line = np.array(_slow_ema(CLOSES.tolist(), 12)) - np.array(_slow_ema(CLOSES.tolist(), 26))
    signal = np.concatenate([[np.nan] * 25, _slow_ema(line[25:].tolist(), 9)])
    got = macd(CLOSES)

    np.testing.assert_allclose(line, got.line, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(signal, got.signal, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(line - signal, got.histogram, rtol=1e-9, atol=1e-9)


def test_bollinger_bands_lie_two_population_deviations_around_the_mean():
    got = bollinger(CLOSES)
    for t in range(19, len(CLOSES)):
        last = CLOSES[t - 19 : t + 1]
        spread = 2 * (sum((v - last.mean()) ** 2 for v in last) / 20) ** 0.5
        np.testing.assert_allclose(
            [last.mean() - spread, last.mean(), last.mean() + spread],
            [got.lower[t], got.middle[t], got.upper[t]],
            rtol=1e-12,
        )
    assert np.isnan(got.middle[:19]).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-5, 1e-3, 0.02]), st.integers(400, 3_000))
def test_every_indicator_equals_that_of_ta_lib(seed, sigma, rows):
    # TA-Lib's bands are running sums of squares: once a price has fallen to a millionth, theirs are the wrong ones.
    candles = walk_window(rows, seed=seed, sigma=sigma)
    high, low, close, volume = candles.high, candles.low, candles.close, candles.volume
    upper, middle, lower = talib.BBANDS(close, timeperiod=20, nbdevup=2.0, nbdevdn=2.0)

    def compare(expected, actual, unit):
        np.testing.assert_allclose(expected / unit, actual / unit, rtol=1e-8, atol=1e-8)

    compare(talib.EMA(close, timeperiod=9), ema(close, 9), close)
    compare(talib.RSI(close, timeperiod=14), rsi(close, 14), 100.0)
    compare(talib.ATR(high, low, close, timeperiod=14), atr(high, low, close, 14), close)
    compare(talib.TRANGE(high, low, close), true_range(high, low, close), close)
    compare(talib.OBV(close, volume), obv(close, volume), volume.sum())
    # TA-Lib starts MACD's fast average as late as its slow one.
    for expected, actual in zip(talib.MACD(close, 12, 26, 9), macd(close), strict=True):
        compare(expected[300:], actual[300:], close[300:])
    compare(middle, bollinger(close).middle, close)
    compare(upper, bollinger(close).upper, close)
    compare(lower, bollinger(close).lower, close)


@pytest.mark.parametrize("span", [1, 5, 8, 9, 20, 50, 130, 257])
def test_bands_are_summed_to_the_bit_as_numpy_sums(span):
    views = sliding_window_view(CLOSES, span)
    bands = bollinger(CLOSES, span, width=1.0)

    np.testing.assert_array_equal(views.mean(axis=1), bands.middle[span - 1 :])
    np.testing.assert_array_equal(views.mean(axis=1) + views.std(axis=1), bands.upper[span - 1 :])


@pytest.mark.parametrize("missing", [1, 7, 100])
def test_rows_missing_at_the_start_are_as_if_they_were_not_there(missing):
    late = np.concatenate([np.full(missing, np.nan), CLOSES])
    whole = (ema(CLOSES, 9), rsi(CLOSES), *macd(CLOSES), *bollinger(CLOSES), atr(CLOSES + 1, CLOSES - 1, CLOSES))
    after = (ema(late, 9), rsi(late), *macd(late), *bollinger(late), atr(late + 1, late - 1, late))

    for expected, actual in zip(whole, after, strict=True):
        assert np.isnan(actual[:missing]).all()
        np.testing.assert_array_equal(expected, actual[missing:])


def test_a_close_on_its_bands_is_minus_one_and_one_and_nothing_moves_means_zero():
    bands = bollinger(CLOSES)

    for expected, closes in ((-1.0, bands.lower), (0.0, bands.middle), (1.0, bands.upper)):
        np.testing.assert_allclose(expected, band_position(closes, bands)[19:], atol=1e-9)
    still = np.full(30, 7.0)
    assert [0.0] * 11 == band_position(still, bollinger(still))[19:].tolist()
    assert np.isnan(band_position(still, bollinger(still))[:19]).all()


def test_volume_before_the_first_close_is_no_part_of_obv():
    closes = np.array([np.nan, np.nan, 5.0, 6.0, 6.0, 4.0])

    np.testing.assert_array_equal([np.nan, np.nan, 3.0, 7.0, 7.0, 1.0], obv(closes, np.arange(1.0, 7.0)))


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_too_few_closes_give_nan_and_no_error(rows):
    for values in (ema(CLOSES[:rows], 9), rsi(CLOSES[:rows]), *macd(CLOSES[:rows]), *bollinger(CLOSES[:rows])):
        assert rows == len(values)
        assert np.isnan(values).all()


@pytest.mark.parametrize("cut", [40, 123, 299])
def test_no_indicator_looks_ahead(cut):
    changed = CLOSES.copy()
    changed[cut:] *= 3.0

    for before, after in zip(
        (ema(CLOSES, 9), rsi(CLOSES), *macd(CLOSES), *bollinger(CLOSES), obv(CLOSES, CLOSES)),
        (ema(changed, 9), rsi(changed), *macd(changed), *bollinger(changed), obv(changed, changed)),
        strict=True,
    ):
        np.testing.assert_array_equal(before[:cut], after[:cut])
