"""Streams of the stand-in exchange: what they push, what breaks them, and who is dropped from them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from neurons.market import broadcast
from neurons.market.faults import Faults
from neurons.market.server import PriceServer
from tests.support.stand_in import NOW_MS, RUNNING_MS, STEP_MS, client_of, stand_in
from tests.support.stepped_clock import SteppedClock, until

WITHIN_S = 20.0
TOPIC = "/ws/btcusdt@kline_5m"

Check = Callable[[PriceServer, SteppedClock, aiohttp.ClientSession], Awaitable[None]]


def streamed(check: Check, *, dialect: str = "binance", faults: Faults | None = None) -> None:
    async def main() -> None:
        clock = SteppedClock(NOW_MS)
        async with stand_in(dialect, clock) as server, aiohttp.ClientSession() as session:
            server.stream_faults = faults or Faults()
            await check(server, clock, session)

    asyncio.run(asyncio.wait_for(main(), WITHIN_S))


async def kline(socket: aiohttp.ClientWebSocketResponse) -> tuple[int, bool, str]:
    """The next kline of a Binance stream: steps from the one that ran at first, whether final, its close."""
    event = json.loads((await socket.receive()).data)["k"]
    return (event["t"] - RUNNING_MS) // STEP_MS, event["x"], event["c"]


def test_a_candle_is_pushed_as_it_runs_then_final_then_the_next_one():
    async def check(server: PriceServer, clock: SteppedClock, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(server.url + TOPIC) as socket:
            assert (0, False) == (await kline(socket))[:2]
            clock.move_to(NOW_MS + STEP_MS // broadcast.BEATS_PER_STEP)
            assert (0, False) == (await kline(socket))[:2]
            clock.move_to(RUNNING_MS + STEP_MS)
            assert (0, True) == (await kline(socket))[:2]
            assert (1, False) == (await kline(socket))[:2]

    streamed(check)


def test_a_clock_that_jumps_pushes_every_candle_between():
    async def check(server: PriceServer, clock: SteppedClock, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(server.url + TOPIC) as socket:
            await kline(socket)
            clock.move_to(RUNNING_MS + 3 * STEP_MS)
            assert [(0, True), (1, True), (2, True), (3, False)] == [(await kline(socket))[:2] for _ in range(4)]

    streamed(check)


def test_rewound_streams_go_back_and_gaps_are_passed_over():
    async def check(server: PriceServer, clock: SteppedClock, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(server.url + TOPIC) as socket:
            await kline(socket)
            server.stream_faults = Faults(rewind_ms=5 * STEP_MS)
            clock.move_to(RUNNING_MS + STEP_MS)
            assert (-4, False) == (await kline(socket))[:2]
            server.stream_faults = Faults(gap_from_ms=RUNNING_MS - 3 * STEP_MS, gap_to_ms=RUNNING_MS + STEP_MS)
            clock.move_to(RUNNING_MS + 2 * STEP_MS)
            assert [(-4, True), (1, True), (2, False)] == [(await kline(socket))[:2] for _ in range(3)]

    streamed(check)


def test_a_silent_stream_stays_open_and_speaks_again_when_it_recovers():
    async def check(server: PriceServer, clock: SteppedClock, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(server.url + TOPIC, autoping=False) as socket:
            assert 1 == server.streams
            clock.move_to(NOW_MS + STEP_MS)
            await socket.send_str('{"method":"LIST_SUBSCRIPTIONS","id":1}')
            await socket.ping()
            # The pong is the protocol's own; what came before it was taken and not answered.
            assert aiohttp.WSMsgType.PONG == (await socket.receive()).type
            server.stream_faults = Faults()
            await socket.send_str('{"method":"LIST_SUBSCRIPTIONS","id":2}')
            assert 2 == json.loads((await socket.receive()).data)["id"]

    streamed(check, faults=Faults(hang=True))


@pytest.mark.parametrize(
    ("faults", "kinds"),
    [
        (Faults(reset=True), {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}),
        (Faults(disconnect=True), {aiohttp.WSMsgType.CLOSE}),
    ],
    ids=["reset", "disconnect"],
)
def test_open_streams_break_at_once(faults, kinds):
    async def check(server: PriceServer, clock: SteppedClock, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(server.url + TOPIC, autoclose=False) as socket:
            await kline(socket)
            server.stream_faults = faults
            assert (await socket.receive()).type in kinds
            await until(lambda: server.streams == 0)

    streamed(check)


def test_garbage_is_half_of_each_message():
    async def check(server: PriceServer, clock: SteppedClock, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(server.url + TOPIC) as socket:
            text = (await socket.receive()).data
            assert text.startswith('{"e":"kline"')
            with pytest.raises(json.JSONDecodeError):
                json.loads(text)

    streamed(check, faults=Faults(malformed=True))


@pytest.mark.parametrize("faults", [Faults(status=451), Faults(reset=True), Faults(disconnect=True)], ids=str)
def test_a_stream_that_is_refused_does_not_open(faults):
    async def check(server: PriceServer, clock: SteppedClock, session: aiohttp.ClientSession) -> None:
        with pytest.raises(aiohttp.ClientError):
            await session.ws_connect(server.url + TOPIC)

    streamed(check, faults=faults)


def test_rest_goes_on_while_streams_are_broken_and_the_other_way_round():
    async def check(server: PriceServer, clock: SteppedClock, session: aiohttp.ClientSession) -> None:
        server.rest_faults, server.stream_faults = Faults(status=503), Faults()
        async with session.get(server.url + "/api/v3/ping") as response:
            assert 503 == response.status
        async with session.ws_connect(server.url + TOPIC) as socket:
            assert 0 == (await kline(socket))[0]

    streamed(check)


def test_a_reader_that_does_not_keep_up_is_dropped(monkeypatch):
    monkeypatch.setattr(broadcast, "MOST_WAITING", 4)

    async def check(server: PriceServer, clock: SteppedClock, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(server.url + TOPIC) as socket:
            await kline(socket)
            clock.move_to(NOW_MS + 50 * STEP_MS)
            messages = [message async for message in socket]  # at once: a goodbye is waited for no longer than 0.3 s
            assert len(messages) <= 5
            assert 1001 == socket.close_code
        await until(lambda: server.streams == 0)

    streamed(check)


def test_topics_and_connections_are_bounded(monkeypatch):
    monkeypatch.setattr(broadcast, "MOST_TOPICS", 0)

    async def check(server: PriceServer, clock: SteppedClock, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(server.url + TOPIC) as socket:
            assert (aiohttp.WSMsgType.CLOSE, "too many topics") == (await closing(socket))
        opened = [await session.ws_connect(server.url + "/ws") for _ in range(64)]
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await session.ws_connect(server.url + "/ws")
        for socket in opened:
            await socket.close()

    streamed(check)


async def closing(socket: aiohttp.ClientWebSocketResponse) -> tuple[Any, Any]:
    message = await socket.receive()
    return message.type, message.extra


def test_a_path_without_a_stream_and_an_exchange_without_any_refuse_the_upgrade():
    async def check(server: PriceServer, clock: SteppedClock, session: aiohttp.ClientSession) -> None:
        for path in ("/nowhere", "/"):
            with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
                await session.ws_connect(server.url + path)

    streamed(check)
    streamed(check, dialect="coinbaseexchange")


def test_coinbase_numbers_its_messages_and_begins_with_a_snapshot():
    async def check(server: PriceServer, clock: SteppedClock, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(server.url + "/") as socket:
            await socket.send_str('{"type":"subscribe","channel":"candles","product_ids":["BTC-USD"]}')
            answer, snapshot = [json.loads((await socket.receive()).data) for _ in range(2)]
            assert ("subscriptions", "candles") == (answer["channel"], snapshot["channel"])
            clock.move_to(RUNNING_MS + STEP_MS)
            updates = [json.loads((await socket.receive()).data) for _ in range(2)]
            assert [0, 1, 2, 3] == [said["sequence_num"] for said in (answer, snapshot, *updates)]
            assert 100 == len(snapshot["events"][0]["candles"])
            assert ["update", "update"] == [said["events"][0]["type"] for said in updates]

    streamed(check, dialect="coinbase")


def test_the_server_stops_at_once_with_streams_open():
    async def main() -> None:
        clock = SteppedClock(NOW_MS)
        async with stand_in("okx", clock) as server, client_of(server, "okx", streaming=True) as client:
            await client.watch_ohlcv("BTC/USDT", "5m")
            await server.__aexit__(None, None, None)
            assert 0 == server.streams

    asyncio.run(asyncio.wait_for(main(), WITHIN_S))
