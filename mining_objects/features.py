"""What a learning model is shown of each candle: numbers without unit, computed from that candle and earlier ones.

Every row is scaled by its own past only: sizes are divided by the root mean square return of the last day, volume
by the last day's mean. So a feature means the same at any price, and training and serving compute the same numbers.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Window
from mining_objects.causal import hold_last, means_of_last, rolling_mean, running_sums
from mining_objects.financial_market_indicators import BOLLINGER_SPAN, band_position, bollinger, macd, rsi
from protocol.errors import TooLittleHistory
from protocol.units import DAY_MS

DAY_STEPS: Final = 288
SPANS: Final = (3, 12, 36, 72, 144, 576, 2016)
"""Spans in candles over which realised volatility is compared with the last day's."""
WARM_UP: Final = max(SPANS)
"""Candles before a row that its features look at; earlier rows of the matrix are zero."""
HARMONICS: Final = 3
MEMORY: Final = 400
"""Candles after which everything but the longer volatilities has forgotten the past, to a thousand-millionth."""

NAMES: Final = (
    "return",
    "range",
    "body",
    "volume",
    "volume_hour",
    "absolute_moves",
    *(f"volatility_{span}" for span in SPANS),
    "rsi",
    "macd_histogram",
    "bollinger_position",
    *(f"{wave}_{period}_{h}" for period in ("day", "week") for h in range(1, HARMONICS + 1) for wave in ("sin", "cos")),
)
"""The columns of the matrix, in order."""

_LARGEST: Final = 8.0
_TINY: Final = 1e-8


def scale_of(returns: Floats, *, since: int = 0) -> Floats:
    """Root mean square log-return of the last day up to each row, at least 1e-8; NaN before a day.

    since: the first row wanted: shape (n - since,).
    """
    return _root(rolling_mean(returns**2, DAY_STEPS, since=since))


def newest_scale(window: Window) -> float:
    """`scale_of` at the last row. Raises TooLittleHistory when no log-return of the last day is known."""
    returns = np.diff(np.log(window.close[-DAY_STEPS - 1 :]))
    newest = scale_of(returns, since=len(returns) - 1) if len(returns) == DAY_STEPS else np.array([np.nan])
    if np.isnan(newest[0]):
        raise TooLittleHistory(f"{window.series}: no return of the last day is known", series=window.series)
    return float(newest[0])


def _root(mean_square: Floats) -> Floats:
    scale: Floats = np.sqrt(np.maximum(mean_square, _TINY**2))
    return scale


def compute_features(window: Window, *, last: int | None = None) -> NDArray[np.float32]:
    """Shape (n, len(NAMES)), finite, within +-8: row t depends on rows <= t alone.

    last: only so many rows at the end are wanted; they are the same numbers to a millionth, sooner.
    Rows of missing candles show 0 where the candle itself is described, and go on with the past elsewhere.
    """
    n = len(window)
    since = 0 if last is None else max(0, n - last)
    near = max(0, since - MEMORY)
    returns = window.log_returns()
    daily_square, *squares = means_of_last(running_sums(returns**2), (DAY_STEPS, *SPANS), since=since)
    scale = _root(daily_square)
    daily_volume, hourly_volume = means_of_last(running_sums(window.volume[near:]), (DAY_STEPS, 12), since=since - near)
    absolute = rolling_mean(np.abs(returns[near:]), DAY_STEPS, since=since - near)
    opened, high, low, close, volume = (
        column[since:] for column in (window.open, window.high, window.low, window.close, window.volume)
    )
    held = hold_last(window.close)[near:]
    sizes = log_ratio(
        np.stack([(high - low) / close, volume, hourly_volume, absolute]),
        np.stack([scale, daily_volume, daily_volume, scale]),
    )
    columns = np.empty((len(NAMES), n - since))
    np.divide(returns[since:], scale, out=columns[0])
    columns[1] = sizes[0]
    np.divide((close - opened) / opened, scale, out=columns[2])
    columns[3:6] = sizes[1:]
    np.multiply(0.5, log_ratio(np.stack(squares), scale**2, floor=1e-3), out=columns[6:13])
    np.divide(rsi(held)[since - near :] - 50.0, 25.0, out=columns[13])
    np.divide((macd(held).histogram / held)[since - near :], scale, out=columns[14])
    columns[15] = _band_positions(held, since - near)
    columns[16:] = clock_waves(window.open_time_ms[since:] + window.step_ms)
    columns[np.isnan(columns)] = 0.0
    columns[:, : max(0, WARM_UP - since)] = 0.0
    return np.ascontiguousarray(columns.clip(-_LARGEST, _LARGEST).T, dtype=np.float32)


def _band_positions(closes: Floats, since: int) -> Floats:
    """Of the rows from `since` on."""
    begin = max(0, since - BOLLINGER_SPAN + 1)
    near = closes[begin:]
    return band_position(near, bollinger(near))[since - begin :]


def clock_waves(at_ms: NDArray[np.int64]) -> Floats:
    """sin and cos of the first three harmonics of the day and of the week (UTC, from Thursday): shape (12, n)."""
    waves = np.empty((2, HARMONICS, 2, len(at_ms)))
    harmonics = np.arange(1, HARMONICS + 1)[:, None]
    for by_harmonic, period in zip(waves, (DAY_MS, 7 * DAY_MS), strict=True):
        angles = harmonics * (2.0 * np.pi * (at_ms % period) / period)
        np.sin(angles, out=by_harmonic[:, 0])
        np.cos(angles, out=by_harmonic[:, 1])
    return waves.reshape(-1, len(at_ms))


def log_ratio(values: Floats, reference: Floats, floor: float = 1e-2) -> Floats:
    """ln of values / reference, never below ln(floor); NaN where either is missing or the reference is 0.

    values: shape (..., n).  reference: shape (n,) or that of values.
    """
    ratio = np.full(values.shape, np.nan)
    np.divide(values, reference, out=ratio, where=reference > 0)
    logarithm: Floats = np.log(np.maximum(ratio, floor))
    return logarithm
