"""The day's shape: how large moves are in each slot of a working day and of a weekend day (UTC), relative to all.

A shape learnt from years of candles is sharp but may be another market's or out of date; the last four weeks' own
is this market's but rough. The models blend both, in logarithms.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Window
from protocol.units import DAY_MS

SEASON_DAYS: Final = 28
"""Whole days, four weeks, from which a window's own shape is taken."""
_EXPECTED_DAYS: Final = np.array([20.0, 8.0])
"""Working and weekend days in four weeks."""
_LEAST_SHAPE: Final = 0.1
_CUT: Final = 8.0
"""A move counts for at most this many times the mean size, so that one crash does not shape the day."""


def is_weekend(open_time_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a candle opens on Saturday or Sunday (UTC)."""
    weekend: NDArray[np.bool_] = (open_time_ms // DAY_MS + 3) % 7 >= 5  # the epoch began on a Thursday
    return weekend


def slots_of(open_time_ms: NDArray[np.int64], step_ms: int) -> NDArray[np.int64]:
    """0 up to a day's slots on Monday to Friday, as many again on Saturday and Sunday, UTC."""
    return open_time_ms % DAY_MS // step_ms + DAY_MS // step_ms * is_weekend(open_time_ms)


def shape_of(size: Floats, slot: NDArray[np.int64], slots: int, width: int, kinds: int = 2) -> tuple[Floats, Floats]:
    """Mean size in each slot over the mean of all, smoothed around the clock; and how often each slot was seen.

    What smoothing blurs, the first minutes of each hour being livelier than the rest, is put back: the smooth shape
    times that of the place within the hour.

    size: shape (n,), NaN where unknown.  slot: shape (n,), 0 .. kinds * slots - 1.  width: slots a bell of smoothing
    spans.  kinds: of days.
    Returns two arrays of shape (kinds, slots); the shape is 1 where nothing was seen, and never below 0.1.
    """
    known = ~np.isnan(size)
    at, cut = slot[known], size[known]
    cut = np.minimum(cut, _CUT * cut.mean()) if len(cut) else cut
    total: Floats = np.bincount(at, weights=cut, minlength=kinds * slots).reshape(kinds, slots).astype(np.float64)
    count: Floats = np.bincount(at, minlength=kinds * slots).reshape(kinds, slots).astype(np.float64)
    overall = total.sum() / max(1.0, count.sum())
    spread_total, spread_count = _around_the_clock(total, width), _around_the_clock(count, width)
    shape = np.ones((kinds, slots))
    np.divide(spread_total, spread_count * overall, out=shape, where=(spread_count > 1e-9) & (overall > 0.0))
    shape = np.maximum(shape, _LEAST_SHAPE)
    if overall > 0.0:
        shape *= np.tile(_within_the_hour(total, count * shape * overall, slots // 24), 24)
    return np.maximum(shape, _LEAST_SHAPE), count


def _within_the_hour(total: Floats, expected: Floats, places: int) -> Floats:
    """Shape (places,): how much larger than the smooth shape expects moves are at each place within the hour."""
    seen, awaited = (sums.reshape(-1, places).sum(axis=0) for sums in (total, expected))
    factor = np.ones(places)
    np.divide(seen, awaited, out=factor, where=awaited > 0.0)
    return factor


def season_of(window: Window, learnt: Floats, trust: tuple[float, float], *, width: int) -> Floats:
    """Shape (2 * slots,): the learnt shape blended with that of the last 28 whole days before the window's last day.

    learnt: shape (2, slots).  trust: the weight of the window's own shape on working and on weekend days when all
    28 days are there; with fewer days it shrinks in proportion.
    """
    slots = learnt.shape[1]
    today = int(window.open_time_ms[-1]) // DAY_MS * DAY_MS
    stop = int(np.searchsorted(window.open_time_ms, today))
    start = int(np.searchsorted(window.open_time_ms, today - SEASON_DAYS * DAY_MS))
    past = slice(start, stop)
    size = np.abs(window.log_returns()[past])
    own, count = shape_of(size, slots_of(window.open_time_ms[past], window.step_ms), slots, width)
    weight = np.asarray(trust) * np.minimum(1.0, count.mean(axis=1) / _EXPECTED_DAYS)
    blended: Floats = np.exp((1.0 - weight)[:, None] * np.log(learnt) + weight[:, None] * np.log(own))
    return blended.ravel()


def _around_the_clock(rows: Floats, width: int) -> Floats:
    """Each row smoothed by a bell over `width` slots, midnight joined to midnight."""
    bell = np.hanning(width + 2)[1:-1]
    half = width // 2
    wrapped = np.concatenate([rows[:, -half:], rows, rows[:, :half]], axis=1) if half else rows
    return np.stack([np.convolve(row, bell / bell.sum(), mode="valid") for row in wrapped])
