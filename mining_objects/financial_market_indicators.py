"""Indicators traders know by name, each strictly causal: row t uses candles <= t only.

All take arrays of shape (n,), float64, oldest first, without NaN except at the start, and return arrays of shape (n,)
that are NaN until enough rows lie behind. Prices are in any unit; RSI is 0..100. TA-Lib gives the same numbers.
"""

from __future__ import annotations

from math import isnan
from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mining_objects.causal import Floats, recursive_sum

BOLLINGER_SPAN: Final = 20
"""Closes that a row of Bollinger's bands is made of, unless told otherwise."""
_ROWS_AT_ONCE: Final = 4_096
"""Rows whose bands are computed together, so that they stay in the cache."""


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
    np.negative(change, out=change)
    moved = _smooth(np.maximum(change, 0.0, out=change), span, 1.0 / span)
    moved += gain
    out = np.full(len(closes), np.nan)
    out[1:][moved == 0] = 0.5
    np.divide(gain, moved, out=out[1:], where=moved > 0)
    out *= 100.0
    return out


def macd(closes: Floats, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Moving average convergence / divergence: the gap between two EMAs, and that gap's own EMA.

    TA-Lib starts the fast average as late as the slow one; past the first hundred rows or so the numbers are the same.
    Source: G. Appel, The Moving Average Convergence-Divergence Method (1979).
    """
    line = ema(closes, fast) - ema(closes, slow)
    smoothed = np.full(len(closes), np.nan)
    smoothed[slow - 1 :] = ema(line[slow - 1 :], signal)
    return Macd(line, smoothed, line - smoothed)


def bollinger(closes: Floats, span: int = BOLLINGER_SPAN, width: float = 2.0) -> Bands:
    """Mean of the last span closes, and that mean plus and minus width population standard deviations of them.

    Source: J. Bollinger, Bollinger on Bollinger Bands (2001), chapter 7.
    """
    middle, spread = np.full((2, len(closes)), np.nan)
    for start in range(0, len(closes) - span + 1, _ROWS_AT_ONCE):
        last = sliding_window_view(closes[start : start + _ROWS_AT_ONCE + span - 1], span)
        rows = slice(start + span - 1, start + span - 1 + len(last))
        middle[rows] = mean = np.add.reduce(last, axis=1) / span
        apart = last - mean[:, None]
        apart *= apart
        spread[rows] = np.sqrt(np.add.reduce(apart, axis=1) / span)
    spread *= width
    return Bands(middle - spread, middle, middle + spread)


def band_position(closes: Floats, bands: Bands) -> Floats:
    """-1 on the lower Bollinger band, 0 in the middle, 1 on the upper; 0 where the bands coincide."""
    width = bands.upper - bands.middle
    position = np.where(np.isnan(width), np.nan, 0.0)
    np.divide(closes - bands.middle, width, out=position, where=width > 0)
    return position


def true_range(high: Floats, low: Floats, closes: Floats) -> Floats:
    """The largest of high - low, |high - close before| and |low - close before|; price units, NaN in the first row.

    Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978), chapter III.
    """
    out = np.full(len(closes), np.nan)
    before = closes[:-1]
    out[1:] = np.maximum(high[1:], before) - np.minimum(low[1:], before)
    return out


def atr(high: Floats, low: Floats, closes: Floats, span: int = 14) -> Floats:
    """Average true range: Wilder's average of the true range; price units. Source: as true_range."""
    return _smooth(true_range(high, low, closes), span, 1.0 / span)


def obv(closes: Floats, volume: Floats) -> Floats:
    """On-balance volume: the first row's volume, plus each later row's when the close rose, minus when it fell.

    Its level depends on where the rows begin; only differences mean anything. Source: J. Granville, New Key to Stock
    Market Profits (1963).
    """
    out = np.full(len(closes), np.nan)
    start = _first_number(closes)
    signed = volume[start:].copy()
    signed[1:] *= np.sign(np.diff(closes[start:]))
    out[start:] = np.cumsum(signed)
    return out


def _smooth(values: Floats, span: int, rate: float) -> Floats:
    """s_t = rate * v_t + (1 - rate) * s_(t-1), started from the mean of the first span numbers, at the last of them."""
    start = _first_number(values)
    first = start + span - 1
    out = np.empty(len(values))
    out[:first] = np.nan
    if len(values) <= first:
        return out
    inputs = values[first:] * rate
    inputs[0] = np.add.reduce(values[start : first + 1]) / span
    recursive_sum(inputs, 1.0 - rate, out=out[first:])
    return out


def _first_number(values: Floats) -> int:
    """The row of the first number; 0 where there is none."""
    return int(np.argmin(np.isnan(values))) if len(values) and isnan(values[0]) else 0
