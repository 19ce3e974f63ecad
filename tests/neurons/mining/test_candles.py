"""A miner's candles: as many as its model looks back, whatever the venue's pages and gaps are like."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from neurons.mining.candles import CandleFeed
from neurons.ports import Candle, CandlePage, VenueUnavailable
from protocol.errors import TooLittleHistory
from protocol.units import PriceE8, UnixMs

STEP = 300_000
NOW = 5_000 * STEP


def candle(at_ms: int) -> Candle:
    price = PriceE8(at_ms // STEP * 10**8)
    return Candle(UnixMs(at_ms), price, price, price, price, 1.0)


class Venue:
    """Candles up to an instant, in pages one short of what was asked for, as an exchange with a running candle has."""

    name = "venue"

    def __init__(self, *, until_ms: int = NOW, missing: frozenset[int] = frozenset(), fails: bool = False) -> None:
        self.until_ms, self.missing, self.fails, self.calls = until_ms, missing, fails, 0

    async def closed_candles(self, *, since_ms: int, limit: int) -> CandlePage:
        self.calls += 1
        if self.fails:
            raise VenueUnavailable("the venue is away")
        times = range(since_ms, min(self.until_ms - STEP, since_ms + (limit - 2) * STEP) + 1, STEP)
        return CandlePage(tuple(candle(at) for at in times if at not in self.missing), "memory")

    async def aclose(self) -> None:
        return None


def feed(*venues: Venue, lookback: int = 2_500) -> CandleFeed:
    return CandleFeed("BTC-USD", venues, step_ms=STEP, lookback=lookback)


def test_short_pages_do_not_end_the_fetch_before_the_window_is_full() -> None:
    window = asyncio.run(feed(Venue()).window(until_ms=NOW))

    assert NOW == window.end_ms
    assert len(window) >= 2_500


def test_a_gap_where_the_window_begins_or_within_leaves_the_window_long_enough() -> None:
    first = NOW - 2_512 * STEP
    gaps = frozenset({first, first + STEP, NOW - 100 * STEP})
    window = asyncio.run(feed(Venue(missing=gaps)).window(until_ms=NOW))

    assert len(window) >= 2_500
    assert 1 == np.isnan(window.close).sum()


def test_no_candle_that_ends_later_than_asked_is_in_the_window() -> None:
    window = asyncio.run(feed(Venue()).window(until_ms=NOW - 7 * STEP))

    assert NOW - 7 * STEP == window.end_ms


def test_the_next_venue_is_asked_when_one_does_not_answer() -> None:
    window = asyncio.run(feed(Venue(fails=True), Venue()).window(until_ms=NOW))

    assert NOW == window.end_ms


def test_what_is_held_serves_while_no_venue_answers_for_a_moment_and_no_longer() -> None:
    async def scenario() -> None:
        venue = Venue()
        candles = feed(venue)
        await candles.window(until_ms=NOW)
        venue.fails = True
        assert NOW == (await candles.window(until_ms=NOW + STEP)).end_ms
        with pytest.raises(VenueUnavailable, match="no venue answers"):
            await candles.window(until_ms=NOW + 4 * STEP)

    asyncio.run(scenario())


def test_a_venue_without_candles_is_too_little_history() -> None:
    with pytest.raises(TooLittleHistory):
        asyncio.run(feed(Venue(until_ms=0)).window(until_ms=NOW))
