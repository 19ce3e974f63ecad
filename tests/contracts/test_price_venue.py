"""What every PriceVenue keeps to: in memory, and live against each exchange's stand-in, with guard and without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import numpy as np
import pytest

from neurons.clock import HandClock
from neurons.market.candles import CandleArrays
from neurons.market.dialects.known import DIALECTS
from neurons.market.generated import GeneratedMarket, MarketShape
from neurons.market.recorded import RecordedSource
from neurons.market.server import PriceServer
from neurons.market.sources import CandleSource, MemoryVenue
from neurons.market.venues import LiveVenue
from neurons.ports import Candle, PriceVenue, VenueUnavailable
from protocol.units import MINUTE_MS

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


Opener = Callable[[CandleSource, HandClock], AbstractAsyncContextManager[PriceVenue]]


def at_exchange(dialect: str) -> Opener:
    """A live venue at the exchange's stand-in."""

    @asynccontextmanager
    async def opener(source: CandleSource, clock: HandClock) -> AsyncIterator[PriceVenue]:
        async with PriceServer(source, clock, dialect=dialect) as server:
            venue = LiveVenue(dialect, exchange=dialect, base_url=server.url, clock=clock)
            yield venue
            await venue.aclose()

    return opener


Opened = Callable[[Callable[[PriceVenue, CandleSource, HandClock], Awaitable[None]]], None]
LIVE = {dialect: at_exchange(dialect) for dialect in DIALECTS}
KINDS: dict[str, tuple[Callable[[], CandleSource], Opener]] = {
    "recorded": (recorded_source, in_memory),
    "generated": (generated_source, in_memory),
    **{f"recorded, {name}": (recorded_source, opener) for name, opener in LIVE.items()},
    "generated, binance": (generated_source, LIVE["binance"]),
}


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest) -> Opened:
    """Runs a check against an open venue whose clock stands at START_MS + 200 steps."""
    make_source, opener = KINDS[request.param]
    source = make_source()

    def run(check: Callable[[PriceVenue, CandleSource, HandClock], Awaitable[None]]) -> None:
        async def main() -> None:
            clock = HandClock(START_MS + 200 * STEP_MS)
            async with opener(source, clock) as venue:
                await check(venue, source, clock)

        asyncio.run(main())

    return run


def test_candles_come_oldest_first_from_the_instant_asked_for_and_exactly_as_they_are(opened):
    async def check(venue: PriceVenue, source: CandleSource, _: HandClock) -> None:
        since = START_MS + 60 * STEP_MS
        expected = tuple(source.candles(since, START_MS + 120 * STEP_MS).candles()[:30])
        assert expected == (await venue.closed_candles(since_ms=since, limit=30)).candles

    opened(check)


def test_a_candle_is_shown_once_a_later_one_has_opened_and_not_a_millisecond_earlier(opened):
    async def check(venue: PriceVenue, source: CandleSource, clock: HandClock) -> None:
        end = START_MS + 150 * STEP_MS
        since = end - 3 * STEP_MS
        clock.at_ms = end - 1
        before = await venue.closed_candles(since_ms=since, limit=9)
        assert source.candles(since, end - STEP_MS).candles() == list(before.candles)
        clock.at_ms = end
        after = await venue.closed_candles(since_ms=since, limit=9)
        assert source.candles(since, end).candles() == list(after.candles)

    opened(check)


def test_gaps_stay_gaps_and_a_page_never_begins_behind_a_candle_that_is_there(opened):
    async def check(venue: PriceVenue, source: CandleSource, clock: HandClock) -> None:
        for since in range(37, 46):
            page = (await venue.closed_candles(since_ms=START_MS + since * STEP_MS, limit=6)).candles
            assert source.candles(START_MS + since * STEP_MS, clock.now_ms()).candles()[: len(page)] == list(page)
            assert 1 <= len(page) <= 6

    opened(check)


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
