"""What is suspicious in downloaded candles: pure. Nothing is repaired; it is counted, listed and left as it came.

All distances are basis points of a log-ratio; "the day's" figures are medians over a UTC day of the grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurons.market.candles import CandleArrays, Float64s
from protocol.units import DAY_MS

SPIKE_MOVES: Final = 15.0
"""A close that sticks out by so many of the day's median moves, from both neighbours, is an outlier."""
LEAST_SPIKE_BP: Final = 20.0
APART_BP: Final = 25.0
"""Two honest venues are closer than this once the day's usual distance between them is taken off (rules.md 5)."""
_BP: Final = 1e4


@dataclass(frozen=True, slots=True)
class Hole:
    """Candles that a venue does not have: the open time of the first, and how many."""

    from_ms: int
    missing: int


@dataclass(frozen=True, slots=True)
class Outlier:
    """A close that sticks out of its two neighbours, by at least distance_bp from either."""

    open_time_ms: int
    distance_bp: float


@dataclass(frozen=True, slots=True)
class Apart:
    """A run of closes at which a venue stood away from the venues' median, and the largest distance in it."""

    from_ms: int
    candles: int
    largest_bp: float


@dataclass(frozen=True, slots=True)
class Distance:
    """A venue against the median of all venues, over the closes that it shares with another one."""

    shared: int
    median_bp: float
    low_bp: float
    """1st percentile."""
    high_bp: float
    """99th percentile."""
    largest_bp: float
    largest_at_ms: int
    apart: tuple[Apart, ...]
    """Where it was more than APART_BP from the median after the day's usual distance was taken off."""


def holes_of(candles: CandleArrays, *, from_ms: int, until_ms: int, step_ms: int) -> list[Hole]:
    """Every run of missing candles of [from_ms, until_ms), the ones before the first and after the last included."""
    times = np.concatenate(([from_ms - step_ms], candles.open_time_ms, [until_ms]))
    before = np.flatnonzero(np.diff(times) > step_ms)
    return [Hole(int(times[i]) + step_ms, int(times[i + 1] - times[i]) // step_ms - 1) for i in before.tolist()]


def outliers_of(candles: CandleArrays, *, step_ms: int) -> list[Outlier]:
    """Closes that leave both neighbours on the same side and far, as a bad print does and a market's move does not.

    Only candles with both neighbours present are judged.
    """
    times = candles.open_time_ms
    if len(times) < 3:
        return []
    log_close = np.log(candles.close_e8.astype(np.float64))
    rise, fall = log_close[1:-1] - log_close[:-2], log_close[1:-1] - log_close[2:]
    complete = (times[2:] - times[:-2]) == 2 * step_ms
    height_bp = np.where(rise * fall > 0, np.minimum(np.abs(rise), np.abs(fall)), 0.0) * _BP
    usual_bp = _by_day(np.abs(rise) * _BP, times[1:-1])
    far = complete & (height_bp > np.maximum(SPIKE_MOVES * usual_bp, LEAST_SPIKE_BP))
    return [Outlier(int(times[i + 1]), round(float(height_bp[i]), 2)) for i in np.flatnonzero(far).tolist()]


def distances_of(venues: Mapping[str, CandleArrays], *, step_ms: int) -> dict[str, Distance]:
    """Each venue against the median of those that have the candle, where at least two do; {} when none share one."""
    filled = {name: candles for name, candles in venues.items() if len(candles)}
    if len(filled) < 2:
        return {}
    first = min(int(candles.open_time_ms[0]) for candles in filled.values())
    last = max(int(candles.open_time_ms[-1]) for candles in filled.values())
    times = np.arange(first, last + step_ms, step_ms)
    logs = np.full((len(filled), len(times)), np.nan)
    for row, candles in zip(logs, filled.values(), strict=True):
        row[(candles.open_time_ms - first) // step_ms] = np.log(candles.close_e8.astype(np.float64))
    shared = (~np.isnan(logs)).sum(axis=0) >= 2
    if not shared.any():
        return {}
    times, logs = times[shared], logs[:, shared]
    middle = np.nanmedian(logs, axis=0)
    return {
        name: _distance((row - middle)[~np.isnan(row)] * _BP, times[~np.isnan(row)], step_ms)
        for name, row in zip(filled, logs, strict=True)
        if not np.isnan(row).all()
    }


def _distance(away_bp: Float64s, times: NDArray[np.int64], step_ms: int) -> Distance:
    low, middle, high = (round(float(value), 2) for value in np.percentile(away_bp, (1, 50, 99)))
    largest = int(np.argmax(np.abs(away_bp)))
    rest_bp = away_bp - _by_day(away_bp, times)
    far = np.flatnonzero(np.abs(rest_bp) > APART_BP)
    runs = np.split(far, np.flatnonzero(np.diff(times[far]) > step_ms) + 1) if len(far) else []
    apart = tuple(
        Apart(int(times[run[0]]), len(run), round(float(rest_bp[run][np.argmax(np.abs(rest_bp[run]))]), 2))
        for run in runs
    )
    return Distance(len(away_bp), middle, low, high, round(float(away_bp[largest]), 2), int(times[largest]), apart)


def _by_day(values: Float64s, times: NDArray[np.int64]) -> Float64s:
    """For each value the median of all values of its UTC day."""
    days, starts = np.unique(times // DAY_MS, return_index=True)
    medians = [np.median(part) for part in np.split(values, starts[1:])]
    spread: Float64s = np.repeat(medians, np.diff(np.append(starts, len(times))))
    return spread if len(days) else values
