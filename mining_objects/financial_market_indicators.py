"""Indicators traders know by name, each strictly causal: row t uses candles <= t only.

All take closes of shape (n,), float64, without NaN, oldest first, and return arrays of shape (n,) that are NaN
until enough rows lie behind. Prices are in any unit; RSI is 0..100.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mining_objects.causal import Floats, recursive_sum


class Macd(NamedTuple):
    """line = EMA(fast) - EMA(slow), signal = EMA of the line, histogram = line - signal; price units."""

    line: Floats
    signal: Floats
    histogram: Floats


class Bands(NamedTuple):
    """Bollinger's lower, middle and upper band; price units."""

    lower: Floats
    middle: Floats
    upper: Floats


def ema(values: Floats, span: int) -> Floats:
    """Exponential moving average: e_t = a * v_t + (1 - a) * e_(t-1), a = 2 / (span + 1).

    Starts from the simple mean of the first span values at row span - 1.
    Source: P. N. Haurlan, Measuring Trend Values (1968); the same start as in TA-Lib.
    """
    return _smooth(values, span, 2.0 / (span + 1.0))


def rsi(closes: Floats, span: int = 14) -> Floats:
    """Relative strength index: 100 * G / (G + L), G and L Wilder's averages of gains and of losses.

    Wilder's average: the simple mean of the first span changes, then a_t = a_(t-1) + (x_t - a_(t-1)) / span.
    50 where nothing moved. Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978), chapter VI.
    """
    change = np.diff(closes)
    gain = _smooth(np.maximum(change, 0.0), span, 1.0 / span)
    loss = _smooth(np.maximum(-change, 0.0), span, 1.0 / span)
    moved = gain + loss
    ratio = np.divide(gain, moved, out=np.full(len(change), 0.5), where=moved > 0)
    out = np.full(len(closes), np.nan)
    out[1:] = np.where(np.isnan(moved), np.nan, 100.0 * ratio)
    return out


def macd(closes: Floats, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Moving average convergence / divergence: the gap between two EMAs, and that gap's own EMA.

    Source: G. Appel, The Moving Average Convergence-Divergence Method (1979).
    """
    line = ema(closes, fast) - ema(closes, slow)
    smoothed = np.full(len(closes), np.nan)
    smoothed[slow - 1 :] = ema(line[slow - 1 :], signal)
    return Macd(line, smoothed, line - smoothed)


def bollinger(closes: Floats, span: int = 20, width: float = 2.0) -> Bands:
    """Mean of the last span closes, and that mean plus and minus width population standard deviations of them.

    Source: J. Bollinger, Bollinger on Bollinger Bands (2001), chapter 7.
    """
    middle, spread = np.full(len(closes), np.nan), np.full(len(closes), np.nan)
    if len(closes) >= span:
        views = sliding_window_view(closes, span)
        middle[span - 1 :], spread[span - 1 :] = views.mean(axis=1), views.std(axis=1)
    return Bands(middle - width * spread, middle, middle + width * spread)


def _smooth(values: Floats, span: int, rate: float) -> Floats:
    """s_t = rate * v_t + (1 - rate) * s_(t-1), started from the mean of the first span values at row span - 1."""
    out = np.full(len(values), np.nan)
    if len(values) < span:
        return out
    inputs = values[span - 1 :] * rate
    inputs[0] = values[:span].mean()
    out[span - 1 :] = recursive_sum(inputs, 1.0 - rate)
    return out
