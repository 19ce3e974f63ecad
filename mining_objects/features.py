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
from protocol.units import DAY_MS

DAY_STEPS: Final = 288
SPANS: Final = (3, 12, 36, 72, 144, 576, 2016)
"""Spans in candles over which realised volatility is compared with the last day's."""
WARM_UP: Final = max(SPANS)
"""Candles before a row that its features look at; earlier rows of the matrix are zero."""
HARMONICS: Final = 3

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


def scale_of(returns: Floats) -> Floats:
    """Shape (n,): root mean square log-return of the last day up to each row, at least 1e-8; NaN before a day."""
    return _root(rolling_mean(returns**2, DAY_STEPS))


def _root(mean_square: Floats) -> Floats:
    scale: Floats = np.sqrt(np.maximum(mean_square, _TINY**2))
    return scale


def compute_features(window: Window, *, last: int | None = None) -> NDArray[np.float32]:
    """Shape (n, len(NAMES)), finite, within +-8: row t depends on rows <= t alone.

    last: only so many rows at the end are wanted; they are the same numbers, sooner.
    Rows of missing candles show 0 where the candle itself is described, and go on with the past elsewhere.
    """
    n = len(window)
    since = 0 if last is None else max(0, n - last)
    returns, close = window.log_returns(), hold_last(window.close)
    squares, volumes = running_sums(returns**2), running_sums(window.volume)
    daily_square, *means = means_of_last(squares, (DAY_STEPS, *SPANS), since=since)
    scale = _root(daily_square)
    daily_volume, hourly_volume = means_of_last(volumes, (DAY_STEPS, 12), since=since)
    absolute = rolling_mean(np.abs(returns), DAY_STEPS, since=since)
    opened, high, low, closed, volume = (
        column[since:] for column in (window.open, window.high, window.low, window.close, window.volume)
    )
    held, near = close[since:], close[max(0, since - BOLLINGER_SPAN + 1) :]
    columns = [
        returns[since:] / scale,
        log_ratio((high - low) / closed, scale),
        (closed - opened) / opened / scale,
        *log_ratio(np.stack([volume, hourly_volume]), daily_volume),
        log_ratio(absolute, scale),
        *(0.5 * log_ratio(np.stack(means), scale**2, floor=1e-3)),
        (rsi(close)[since:] - 50.0) / 25.0,
        macd(close).histogram[since:] / held / scale,
        band_position(near, bollinger(near))[len(near) - len(held) :],
        *clock_waves(window.open_time_ms[since:] + window.step_ms),
    ]
    matrix = np.stack(columns, axis=1).clip(-_LARGEST, _LARGEST).astype(np.float32)
    matrix[np.isnan(matrix)] = 0.0
    matrix[: max(0, WARM_UP - since)] = 0.0
    return matrix


def clock_waves(at_ms: NDArray[np.int64]) -> list[Floats]:
    """sin and cos of the first three harmonics of the day and of the week (UTC, from Thursday) at these instants."""
    turns = [2.0 * np.pi * (at_ms % period) / period for period in (DAY_MS, 7 * DAY_MS)]
    angles = np.stack([harmonic * turn for turn in turns for harmonic in range(1, HARMONICS + 1)])
    return [wave for pair in zip(np.sin(angles), np.cos(angles), strict=True) for wave in pair]


def log_ratio(values: Floats, reference: Floats, floor: float = 1e-2) -> Floats:
    """ln of values / reference, never below ln(floor); NaN where either is missing or the reference is 0.

    values: shape (..., n).  reference: shape (n,).
    """
    ratio = np.full(values.shape, np.nan)
    np.divide(values, reference, out=ratio, where=reference > 0)
    logarithm: Floats = np.log(np.maximum(ratio, floor))
    return logarithm
