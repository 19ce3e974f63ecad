"""A miner's own view of the market: recent complete candles of each series, refreshed when a forecast needs them.

One venue is enough here: answers are log-returns from the agreed close, so a venue's level does not matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from mining_objects.base_mining_model import Window
from neurons.ports import Candle, PriceVenue, VenueUnavailable
from protocol.errors import TooLittleHistory
from protocol.units import PRICE_SCALE

PAGE: Final = 1_000
SPARE_STEPS: Final = 12
"""Held beyond the lookback: a gap just where the window begins must not make it too short."""


class WindowFeed(Protocol):
    """Where a forecast's windows come from."""

    async def window(self, *, until_ms: int) -> Window:
        """Complete candles that end at or before `until_ms`. Raises VenueUnavailable or TooLittleHistory."""
        ...

    async def aclose(self) -> None: ...


class CandleFeed:
    """The last `lookback` candles of one series, from the first of its venues that answers."""

    def __init__(self, series: str, venues: Sequence[PriceVenue], *, step_ms: int, lookback: int) -> None:
        if not venues:
            raise ValueError(f"{series}: a feed needs at least one venue")
        self.series, self._venues, self._step_ms, self._lookback = series, tuple(venues), step_ms, lookback
        self._candles: dict[int, Candle] = {}
        self._refreshing = asyncio.Lock()

    async def window(self, *, until_ms: int) -> Window:
        """Complete candles that end at or before `until_ms`, as many as the model looks back, on a gapless grid.

        Missing candles are rows of NaN. Raises VenueUnavailable when no venue answers and nothing newer is held than
        two steps before `until_ms`, and TooLittleHistory when there is no candle at all.
        """
        async with self._refreshing:
            newest = max(self._candles, default=None)
            if newest is None or newest + 2 * self._step_ms <= until_ms:
                await self._refresh(until_ms)
        kept = [c for t, c in sorted(self._candles.items()) if t + self._step_ms <= until_ms]
        if not kept:
            raise TooLittleHistory(f"{self.series}: no candle ends at or before {until_ms}", series=self.series)
        columns = {
            name: np.array([getattr(c, f"{name}_e8") for c in kept], dtype=np.float64) / PRICE_SCALE
            for name in ("open", "high", "low", "close")
        }
        columns["volume"] = np.array([c.volume for c in kept], dtype=np.float64)
        times = np.array([c.open_time_ms for c in kept], dtype=np.int64)
        return Window.on_grid(self.series, self._step_ms, times, columns)

    async def _refresh(self, until_ms: int) -> None:
        """Fetches what is missing, a page at a time, from the venues in order until one answers."""
        reasons: list[str] = []
        for venue in self._venues:
            try:
                await self._fetch(venue, until_ms)
            except VenueUnavailable as error:
                reasons.append(f"{venue.name}: {error}")
                continue
            break
        else:
            newest = max(self._candles, default=0)
            if newest + 3 * self._step_ms <= until_ms:
                raise VenueUnavailable(f"{self.series}: no venue answers ({'; '.join(reasons)})", series=self.series)
        oldest_kept = until_ms - (self._lookback + SPARE_STEPS) * self._step_ms
        self._candles = {t: c for t, c in self._candles.items() if t >= oldest_kept}

    async def _fetch(self, venue: PriceVenue, until_ms: int) -> None:
        """Page after page until nothing newer comes: a page may be short of its limit and yet not be the last."""
        since = max(self._candles, default=until_ms - (self._lookback + SPARE_STEPS) * self._step_ms)
        since -= since % self._step_ms
        while since + self._step_ms <= until_ms:
            page = (await venue.closed_candles(since_ms=since, limit=PAGE)).candles
            if not page or page[-1].open_time_ms < since:
                return
            self._candles.update((candle.open_time_ms, candle) for candle in page)
            since = page[-1].open_time_ms + self._step_ms

    async def aclose(self) -> None:
        """Lets the venues go."""
        for venue in self._venues:
            await venue.aclose()
