"""What a learning model is shown of each candle: numbers without unit, computed from that candle and earlier ones.

Every row is scaled by its own past only: sizes are divided by the root mean square return of the last day, volume
by the last day's mean. So a feature means the same at any price, and training and serving compute the same numbers.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Window
from mining_objects.causal import hold_last, mean_of_last, rolling_mean, running_sums
from mining_objects.financial_market_indicators import band_position, bollinger, macd, rsi
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
    scale: Floats = np.sqrt(np.maximum(rolling_mean(returns**2, DAY_STEPS), _TINY**2))
    return scale


def compute_features(window: Window, *, last: int | None = None) -> NDArray[np.float32]:
    """Shape (n, len(NAMES)), finite, within +-8: row t depends on rows <= t alone.

    last: only so many rows at the end are wanted; they are the same numbers, sooner.
    Rows of missing candles show 0 where the candle itself is described, and go on with the past elsewhere.
    """
    n = len(window)
    end = slice(0 if last is None else max(0, n - last), n)
    returns, close = window.log_returns(), hold_last(window.close)
    squares, volumes, scale = running_sums(returns**2), running_sums(window.volume), scale_of(returns)[end]
    daily_volume = mean_of_last(volumes, DAY_STEPS)[end]
    shown = window.rows(end.start, n)
    columns = [
        returns[end] / scale,
        log_ratio((shown.high - shown.low) / shown.close, scale),
        (shown.close - shown.open) / shown.open / scale,
        log_ratio(shown.volume, daily_volume),
        log_ratio(mean_of_last(volumes, 12)[end], daily_volume),
        log_ratio(rolling_mean(np.abs(returns), DAY_STEPS)[end], scale),
        *(0.5 * log_ratio(mean_of_last(squares, span)[end], scale**2, floor=1e-3) for span in SPANS),
        (rsi(close)[end] - 50.0) / 25.0,
        macd(close).histogram[end] / close[end] / scale,
        band_position(close, bollinger(close))[end],
        *clock_waves(shown.open_time_ms + shown.step_ms),
    ]
    matrix = np.nan_to_num(np.stack(columns, axis=1), nan=0.0).astype(np.float32)
    matrix[: max(0, WARM_UP - end.start)] = 0.0
    return np.clip(matrix, -_LARGEST, _LARGEST)


def clock_waves(at_ms: NDArray[np.int64]) -> list[Floats]:
    """sin and cos of the first three harmonics of the day and of the week (UTC, from Thursday) at these instants."""
    waves = []
    for period in (DAY_MS, 7 * DAY_MS):
        turn = 2.0 * np.pi * (at_ms % period) / period
        for harmonic in range(1, HARMONICS + 1):
            waves += [np.sin(harmonic * turn), np.cos(harmonic * turn)]
    return waves


def log_ratio(values: Floats, reference: Floats, floor: float = 1e-2) -> Floats:
    """ln of values / reference, never below ln(floor); NaN where either is missing or the reference is 0."""
    ratio = np.full(len(values), np.nan)
    np.divide(values, reference, out=ratio, where=reference > 0)
    logarithm: Floats = np.log(np.maximum(ratio, floor))
    return logarithm
