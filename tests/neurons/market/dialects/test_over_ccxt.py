"""Every dialect against the exchange's own client: unmodified ccxt, over loopback, REST and streams."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from neurons.clock import HandClock
from neurons.market.candles import price_from_text
from neurons.market.dialects.known import DIALECTS
from neurons.market.recorded import read_recording, with_stand_in
from neurons.market.server import PriceServer
from protocol.units import MINUTE_MS
from tests.support.recordings import recordings_or_skip
from tests.support.stand_in import NOW_MS, RUNNING_MS, STEP_MS, SYMBOLS, client_of, gapless_source, stand_in
from tests.support.stepped_clock import SteppedClock

STREAMING = sorted(name for name, dialect in DIALECTS.items() if dialect.stream is not None and name != "coinbase")
"""ccxt.pro has candles of all streams there are but Coinbase's."""
WITHIN_S = 20.0


def asked(dialect: str, check: Callable[[Any], Awaitable[None]]) -> None:
    async def main() -> None:
        async with stand_in(dialect, HandClock(NOW_MS)) as server, client_of(server, dialect) as client:
            await check(client)

    asyncio.run(main())


def offsets(rows: list[list[Any]]) -> list[int]:
    """How many steps each candle opens after the one that runs."""
    return [(row[0] - RUNNING_MS) // STEP_MS for row in rows]


@pytest.mark.parametrize("dialect", sorted(SYMBOLS))
def test_ccxt_loads_the_one_market_and_the_server_s_time(dialect):
    async def check(client: Any) -> None:
        assert [SYMBOLS[dialect]] == list(await client.load_markets())
        assert NOW_MS == await client.fetch_time()

    asked(dialect, check)


@pytest.mark.parametrize("dialect", sorted(SYMBOLS))
def test_ccxt_reads_the_candles_it_asks_for_to_the_last_digit(dialect):
    async def check(client: Any) -> None:
        rows = await client.fetch_ohlcv(SYMBOLS[dialect], "5m", since=RUNNING_MS - 20 * STEP_MS, limit=5)
        assert [-20, -19, -18, -17, -16] == offsets(rows)
        expected = gapless_source().candles(RUNNING_MS - 20 * STEP_MS, RUNNING_MS - 15 * STEP_MS).candles()
        wanted = [(c.open_e8, c.high_e8, c.low_e8, c.close_e8) for c in expected]
        assert wanted == [tuple(price_from_text(text) for text in row[1:5]) for row in rows]
        assert [c.volume for c in expected] == [float(row[5]) for row in rows]

    asked(dialect, check)


@pytest.mark.parametrize("dialect", sorted(SYMBOLS))
def test_the_running_candle_ends_the_page_and_tells_nothing_of_its_future(dialect):
    async def check(client: Any) -> None:
        rows = await client.fetch_ohlcv(SYMBOLS[dialect], "5m", since=RUNNING_MS - 2 * STEP_MS, limit=50)
        assert [-2, -1, 0] == offsets(rows)
        opened = gapless_source().candles(RUNNING_MS, RUNNING_MS + 1).candles()[0].open_e8
        assert [opened] * 4 == [price_from_text(text) for text in rows[-1][1:5]]
        assert 0.0 == float(rows[-1][5])

    asked(dialect, check)


@pytest.mark.parametrize(
    ("dialect", "most"), [("binance", 500), ("bybit", 200), ("coinbaseexchange", 300), ("kraken", 721), ("okx", 100)]
)
def test_a_page_without_a_start_is_the_newest_one_as_long_as_the_exchange_makes_it(dialect, most):
    async def check(client: Any) -> None:
        rows = await client.fetch_ohlcv(SYMBOLS[dialect], "5m")
        assert list(range(1 - most, 1)) == offsets(rows)

    asked(dialect, check)


def test_kraken_has_no_more_than_its_last_720_candles_wherever_one_begins():
    async def check(client: Any) -> None:
        rows = await client.fetch_ohlcv("BTC/USD", "5m", since=RUNNING_MS - 1_400 * STEP_MS)
        assert -720 == offsets(rows)[0]

    asked("kraken", check)


@pytest.mark.parametrize("dialect", STREAMING)
def test_ccxt_pro_watches_a_candle_run_finish_and_give_way_to_the_next(dialect):
    async def main() -> None:
        clock = SteppedClock(NOW_MS)
        async with stand_in(dialect, clock) as server, client_of(server, dialect, streaming=True) as client:
            rows = await client.watch_ohlcv(SYMBOLS[dialect], "5m")
            expected = gapless_source().candles(RUNNING_MS, RUNNING_MS + 3 * STEP_MS).candles()
            assert (0, expected[0].open_e8) == (offsets(rows)[-1], price_from_text(str(rows[-1][4])))
            for step in (1, 2):
                clock.move_to(clock.at_ms + STEP_MS)
                while offsets(rows)[-1] < step:
                    rows = await client.watch_ohlcv(SYMBOLS[dialect], "5m")
                closes = [price_from_text(str(row[4])) for row in rows[-2:]]
                assert [expected[step - 1].close_e8, expected[step].open_e8] == closes

    asyncio.run(asyncio.wait_for(main(), WITHIN_S))


@pytest.mark.parametrize("dialect", ["binance", "bybit", "okx"])
def test_ccxt_pro_stops_watching_where_it_can(dialect):
    async def main() -> None:
        clock = SteppedClock(NOW_MS)
        async with stand_in(dialect, clock) as server, client_of(server, dialect, streaming=True) as client:
            await client.watch_ohlcv(SYMBOLS[dialect], "5m")
            assert 1 == server.streams
            await client.un_watch_ohlcv(SYMBOLS[dialect], "5m")

    asyncio.run(asyncio.wait_for(main(), WITHIN_S))


def test_any_market_can_be_the_one_that_a_server_has():
    async def main() -> None:
        server = PriceServer(gapless_source(), HandClock(NOW_MS), dialect="kraken", base="SOL", quote="EUR")
        async with server, client_of(server, "kraken") as client:
            assert ["SOL/EUR"] == list(await client.load_markets())
            assert 3 == len(await client.fetch_ohlcv("SOL/EUR", "5m", since=RUNNING_MS - 2 * STEP_MS))

    asyncio.run(main())


@pytest.mark.recordings
def test_recorded_candles_reach_the_client_as_recorded_and_another_venue_s_where_there_are_none():
    folder = recordings_or_skip() / "candles"
    kraken = read_recording(folder / "kraken_spot_XBTUSD_5m.parquet")
    source = with_stand_in(kraken, read_recording(folder / "binance_spot_BTCUSDT_5m.parquet"))
    assert "kraken_spot_XBTUSD_5m; where it has none for long, binance_spot_BTCUSDT_5m" == source.label
    own_ms = int(kraken.candles(0, kraken.end_ms).open_time_ms[5_000])

    async def closes(at_ms: int) -> list[tuple[int, int]]:
        server = PriceServer(source, HandClock(at_ms + MINUTE_MS), dialect="kraken", base="BTC", quote="USD")
        async with server, client_of(server, "kraken") as client:
            rows = await client.fetch_ohlcv("BTC/USD", "5m", since=at_ms - 10 * STEP_MS)
            return [(row[0], price_from_text(row[4])) for row in rows[:-1]]

    for where, at_ms in (kraken, own_ms), (source, kraken.end_ms + 50 * STEP_MS):
        candles = where.candles(at_ms - 10 * STEP_MS, at_ms).candles()
        assert [(c.open_time_ms, c.close_e8) for c in candles] == asyncio.run(closes(at_ms))
