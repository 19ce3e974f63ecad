"""Kinds of hours in which a forecast may be good or bad: calm or wild, by limits fixed on the past; hour; weekday."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Window
from mining_objects.walk_forward import ask_hourly, one_volatility
from protocol.units import DAY_MS, HOUR_MS

CALM, USUAL, WILD = "calm", "usual", "wild"
REGIMES: Final = (CALM, USUAL, WILD)
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EPOCH_WEEKDAY: Final = 3
"""1970-01-01 was a Thursday."""


@dataclass(frozen=True, slots=True)
class VolatilityTerciles:
    """A third of the past's hours had a sigma below `low`, a third one above `high`: log-returns of one step."""

    low: float
    high: float

    @classmethod
    def of_past(cls, window: Window, until_ms: int, *, half_life: int, steps: int, lead: int) -> VolatilityTerciles:
        """Of every hour whose outcome was known before until_ms. Raises IndexError when there is none (ours)."""
        asked = ask_hourly(window, int(window.open_time_ms[0]), until_ms, steps=steps, lead=lead)
        low, high = np.nanquantile(one_volatility(asked, str(half_life))[:, 0], (1.0 / 3.0, 2.0 / 3.0))
        return cls(float(low), float(high))

    def regime_of(self, sigma: Floats) -> NDArray[np.int64]:
        """The place in REGIMES of each sigma, (n,): how calm the market was when it was asked, not what came after."""
        return np.digitize(sigma, (self.low, self.high)).astype(np.int64)


def hour_of(at_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """The UTC hour of each instant, 0 to 23."""
    return at_ms % DAY_MS // HOUR_MS


def weekday_of(at_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """The UTC weekday of each instant, its place in WEEKDAYS."""
    return (at_ms // DAY_MS + _EPOCH_WEEKDAY) % 7
