"""What every PriceVenue keeps to, tried on recorded and generated candles in memory and through ccxt over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest

from neurons.market.candles import CandleArrays
from neurons.market.generated import GeneratedMarket, MarketShape
from neurons.market.recorded import RecordedSource
from neurons.market.server import PriceServer
from neurons.market.sources import CandleSource, MemoryVenue
from neurons.market.venues import LiveVenue
from neurons.ports import Candle, PriceVenue, VenueUnavailable
from protocol.units import MINUTE_MS
from tests.support.hand_clock import HandClock

STEP_MS = 5 * MINUTE_MS
START_MS = 1_750_000_200_000
GAP = range(40, 44)

assert START_MS % STEP_MS == 0


def recorded_source() -> CandleSource:
    """300 candles with the four of GAP missing; every number differs from every other."""
    index = np.array([i for i in range(300) if i not in GAP], dtype=np.int64)
    close = 6_000_000_000_000 + index * 1_234_567
    prices = np.stack([close - 300, close + 700, close - 900, close])
    return RecordedSource("recorded", CandleArrays(START_MS + index * STEP_MS, prices, 1.5 + index))


def generated_source() -> CandleSource:
    return GeneratedMarket(MarketShape(seed=11, origin_ms=START_MS)).sources()[0]


@asynccontextmanager
async def in_memory(source: CandleSource, clock: HandClock) -> AsyncIterator[PriceVenue]:
    venue = MemoryVenue("memory", source, clock)
    yield venue
    await venue.aclose()


@asynccontextmanager
async def over_http(source: CandleSource, clock: HandClock) -> AsyncIterator[PriceVenue]:
    async with PriceServer(source, clock) as server:
        venue = LiveVenue("http", base_url=server.url)
        yield venue
        await venue.aclose()


Opened = Callable[[Callable[[PriceVenue, CandleSource, HandClock], Awaitable[None]]], None]


@pytest.fixture(params=["recorded", "generated", "recorded over http", "generated over http"])
def opened(request: pytest.FixtureRequest) -> Opened:
    """Runs a check against an open venue whose clock stands at START_MS + 200 steps."""
    source = recorded_source() if request.param.startswith("recorded") else generated_source()
    opener = over_http if request.param.endswith("http") else in_memory

    def run(check: Callable[[PriceVenue, CandleSource, HandClock], Awaitable[None]]) -> None:
        async def main() -> None:
            clock = HandClock(START_MS + 200 * STEP_MS)
            async with opener(source, clock) as venue:
                await check(venue, source, clock)

        asyncio.run(main())

    return run


def test_candles_come_oldest_first_from_the_instant_asked_for_and_exactly_as_they_are(opened):
    async def check(venue: PriceVenue, source: CandleSource, _: HandClock) -> None:
        since = START_MS + 20 * STEP_MS
        expected = source.candles(since, START_MS + 80 * STEP_MS).candles()[:30]
        assert expected == list((await venue.closed_candles(since_ms=since, limit=30)).candles)

    opened(check)


def test_a_candle_is_shown_once_a_later_one_has_opened_and_not_a_millisecond_earlier(opened):
    async def check(venue: PriceVenue, source: CandleSource, clock: HandClock) -> None:
        end = START_MS + 150 * STEP_MS
        since = end - 3 * STEP_MS
        clock.at_ms = end - 1
        assert source.candles(since, end - STEP_MS).candles() == list(
            (await venue.closed_candles(since_ms=since, limit=9)).candles
        )
        clock.at_ms = end
        assert source.candles(since, end).candles() == list(
            (await venue.closed_candles(since_ms=since, limit=9)).candles
        )

    opened(check)


def test_a_candle_without_a_later_one_is_not_shown_however_late_it_is():
    async def main() -> None:
        source = recorded_source()
        clock = HandClock(START_MS + 5_000 * STEP_MS)
        for opener in (in_memory, over_http):
            async with opener(source, clock) as venue:
                shown = (await venue.closed_candles(since_ms=START_MS + 295 * STEP_MS, limit=50)).candles
                assert [295, 296, 297, 298] == [(c.open_time_ms - START_MS) // STEP_MS for c in shown]

    asyncio.run(main())


def test_gaps_stay_gaps():
    async def main() -> None:
        clock = HandClock(START_MS + 200 * STEP_MS)
        for opener in (in_memory, over_http):
            async with opener(recorded_source(), clock) as venue:
                for since in (38, 39):
                    shown = (await venue.closed_candles(since_ms=START_MS + since * STEP_MS, limit=6)).candles
                    steps = [(c.open_time_ms - START_MS) // STEP_MS for c in shown]
                    assert [i for i in range(since, 60) if i not in GAP][:6] == steps
                shown = (await venue.closed_candles(since_ms=START_MS + GAP[0] * STEP_MS, limit=1)).candles
                assert [START_MS + (GAP[-1] + 1) * STEP_MS] == [c.open_time_ms for c in shown]

    asyncio.run(main())


def test_pages_put_together_are_the_whole_series(opened):
    async def check(venue: PriceVenue, source: CandleSource, clock: HandClock) -> None:
        paged: list[Candle] = []
        since = START_MS
        while page := (await venue.closed_candles(since_ms=since, limit=37)).candles:
            assert len(page) <= 37
            paged += page
            since = page[-1].open_time_ms + STEP_MS
        assert source.candles(START_MS, clock.now_ms()).candles() == paged

    opened(check)


def test_the_future_is_empty(opened):
    async def check(venue: PriceVenue, _: CandleSource, clock: HandClock) -> None:
        assert [] == list((await venue.closed_candles(since_ms=clock.now_ms() + STEP_MS, limit=10)).candles)

    opened(check)


def test_a_closed_venue_says_that_it_is_unavailable(opened):
    async def check(venue: PriceVenue, _: CandleSource, __: HandClock) -> None:
        await venue.closed_candles(since_ms=START_MS, limit=1)
        await venue.aclose()
        with pytest.raises(VenueUnavailable, match=venue.name):
            await venue.closed_candles(since_ms=START_MS, limit=1)

    opened(check)
