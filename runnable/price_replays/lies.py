"""Lies told by a recorded venue: made up, and labelled so wherever they are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from neurons.market.candles import CandleArrays
from neurons.market.recorded import RecordedSource
from protocol.units import DAY_MS, HOUR_MS

SEED: Final = 2
_JUMPS: Final = (0.5, 0.97, 1.0, 1.001, 1.05)
_CLIMB_PER_STEP: Final = 0.5e-4


def jumping(candles: CandleArrays) -> CandleArrays:
    """Each close times one of five factors at random, from half the price to 5% above it."""
    return _scaled(candles, np.random.default_rng(SEED).choice(_JUMPS, len(candles)))


def climbing(candles: CandleArrays) -> CandleArrays:
    """Half a basis point further up with every candle, ahead of any basis that is learnt of it."""
    return _scaled(candles, 1 + _CLIMB_PER_STEP * np.arange(len(candles)))


def frozen(candles: CandleArrays) -> CandleArrays:
    """From 06:00 to 18:00 UTC the candle of 06:00, again and again, with another volume each time."""
    times = candles.open_time_ms
    stuck = (times % DAY_MS >= 6 * HOUR_MS) & (times % DAY_MS < 18 * HOUR_MS)
    shown = np.searchsorted(times, np.where(stuck, times - times % DAY_MS + 6 * HOUR_MS, times))
    return CandleArrays(times, candles.prices_e8[:, shown], candles.volume + np.arange(len(candles)))


LIES: Final[Mapping[str, Callable[[CandleArrays], CandleArrays]]] = {
    "jumping": jumping,
    "climbing": climbing,
    "frozen": frozen,
}
MEANINGS: Final[Mapping[str, str]] = {
    "jumping": "each close times 0.5, 0.97, 1, 1.001 or 1.05 at random",
    "climbing": "half a basis point further up with every candle",
    "frozen": "from 06:00 to 18:00 each day the candle of 06:00, with another volume each time",
}


def lying(source: RecordedSource, lie: str) -> RecordedSource:
    """The recorded venue, telling a lie of that name."""
    candles = LIES[lie](source.candles(0, 2**62))
    return RecordedSource(f"{source.label}, MADE UP: {lie}", candles, step_ms=source.step_ms)


def _scaled(candles: CandleArrays, factors: np.ndarray) -> CandleArrays:
    prices = np.rint(candles.prices_e8 * factors).astype(np.int64)
    return CandleArrays(candles.open_time_ms, prices, candles.volume)
