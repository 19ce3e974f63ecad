"""Streamed venues against each stand-in that pushes candles: what the stream answers, and when REST does instead."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import pytest
from aiohttp import web

from neurons.market.candles import CandleArrays
from neurons.market.faults import Faults
from neurons.market.problems import VenueProblem, problem_of
from neurons.market.recorded import RecordedSource
from neurons.market.server import PriceServer
from neurons.market.streams import StreamedVenue, StreamState
from neurons.market.venues import LiveVenue
from neurons.ports import Candle, CandlePage, VenueUnavailable
from protocol.units import MINUTE_MS, SECOND_MS
from tests.support.stepped_clock import SteppedClock, until
from tests.support.world import SeededEntropy

STEP_MS = 5 * MINUTE_MS
START_MS = 1_750_000_200_000
PUSHING = ("binance", "bybit", "kraken", "okx")
SETTLED_MS = 31 * SECOND_MS


def source() -> RecordedSource:
    """Prices with more digits than a float64 holds, so that one rounding anywhere shows."""
    index = np.arange(200, dtype=np.int64)
    close = 90_000_000_000_000_001 + index * 1_234_567
    prices = np.stack([close - 300, close + 700, close - 900, close])
    return RecordedSource("recorded", CandleArrays(START_MS + index * STEP_MS, prices, 1.5 + index))


@dataclass
class Scene:
    server: PriceServer
    clock: SteppedClock
    venue: StreamedVenue

    @property
    def now_step(self) -> int:
        return (self.clock.at_ms - START_MS) // STEP_MS

    def truth(self, since: int) -> tuple[Candle, ...]:
        """What is final now."""
        ended_ms = self.clock.at_ms - self.clock.at_ms % STEP_MS
        return tuple(source().candles(START_MS + since * STEP_MS, ended_ms).candles())

    async def ask(self, steps: int = 2) -> CandlePage:
        """As the watcher asks: from a few steps before the newest close."""
        return await self.venue.closed_candles(since_ms=START_MS + (self.now_step - steps) * STEP_MS, limit=50)

    async def step(self, *, pushed: bool = True) -> None:
        """The clock goes to the next close; with `pushed`, until the stream has shown it. Then the settle delay."""
        self.clock.move_to(START_MS + (self.now_step + 1) * STEP_MS)
        if pushed:
            seen = self.venue.stream.pushes
            await until(lambda: self.venue.newest_pushed_end_ms == self.clock.at_ms or self.broke(seen))
        self.clock.move_to(self.clock.at_ms + SETTLED_MS)

    def broke(self, seen: int) -> bool:
        return self.venue.stream.state is StreamState.WAITING and self.venue.stream.pushes == seen

    async def rest_alone(self) -> None:
        """A question that reaches further back than the stream, so that REST answers."""
        page = await self.venue.closed_candles(since_ms=START_MS, limit=500)
        assert "rest" == page.origin

    async def proven(self) -> None:
        """A stream that is live and that REST has confirmed."""
        await self.ask()
        await until(lambda: self.venue.stream.state is StreamState.LIVE)
        await self.step()
        assert "rest" == (await self.ask()).origin


def play(check: Callable[[Scene], Awaitable[None]], dialect: str = "binance", *, timeout_s: float = 10.0) -> None:
    @asynccontextmanager
    async def scene() -> AsyncIterator[Scene]:
        clock = SteppedClock(START_MS + 100 * STEP_MS)
        async with PriceServer(source(), clock, dialect=dialect) as server:
            live = LiveVenue(dialect, exchange=dialect, base_url=server.url, clock=clock, timeout_s=timeout_s)
            venue = StreamedVenue(live, clock, SeededEntropy(1))
            yield Scene(server, clock, venue)
            await venue.aclose()

    async def main() -> None:
        async with scene() as opened:
            await check(opened)

    asyncio.run(main())


@pytest.mark.parametrize("dialect", PUSHING)
def test_a_proven_stream_answers_with_the_very_integers_of_rest_and_asks_rest_nothing(dialect):
    async def check(scene: Scene) -> None:
        await scene.proven()
        asked = scene.server.requests
        for _ in range(2):
            await scene.step()
            page = await scene.ask()
            assert ("stream", scene.truth(scene.now_step - 2)) == (page.origin, page.candles)
            assert b"" == page.raw_sha256
        assert asked == scene.server.requests

    play(check, dialect)


@pytest.mark.parametrize("dialect", PUSHING)
def test_the_first_answers_are_rests_until_rest_has_confirmed_a_candle_of_the_stream(dialect):
    async def check(scene: Scene) -> None:
        page = await scene.ask()
        assert ("rest", 32) == (page.origin, len(page.raw_sha256))
        await scene.proven()

    play(check, dialect)


def test_who_looks_back_for_corrections_hears_rest_and_no_memory_of_what_was_pushed():
    async def check(scene: Scene) -> None:
        await scene.proven()
        assert "rest" == (await scene.ask(40)).origin
        await scene.step()
        assert "stream" == (await scene.ask()).origin
        assert "rest" == (await scene.ask(40)).origin

    play(check)


def test_a_flood_of_messages_ends_its_connection_and_rest_goes_on():
    async def flood(request: web.BaseRequest) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(3_001):
                await socket.send_str('{"stream": "another", "data": {}}')
        async for _ in socket:
            pass
        return socket

    async def main() -> str:
        runner = web.ServerRunner(web.Server(flood))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        clock = SteppedClock(START_MS)
        live = LiveVenue("flooding", base_url=f"http://127.0.0.1:{runner.addresses[0][1]}", clock=clock)
        venue = StreamedVenue(live, clock, SeededEntropy(1))
        try:
            with contextlib.suppress(VenueUnavailable):
                await venue.closed_candles(since_ms=START_MS, limit=1)
            await until(lambda: venue.stream.broken == 1)
            return venue.stream.last_error
        finally:
            await venue.aclose()
            await runner.cleanup()

    assert "more than 3000 messages in 10 s" in asyncio.run(main())


def test_an_exchange_that_pushes_no_candles_is_asked_over_rest():
    async def check(scene: Scene) -> None:
        await scene.ask()
        await until(lambda: scene.venue.stream.state is StreamState.NONE)
        await scene.step(pushed=False)
        assert "rest" == (await scene.ask()).origin

    play(check, "coinbase")


@pytest.mark.parametrize("dialect", PUSHING)
def test_a_stream_that_falls_silent_holds_nothing_up(dialect):
    async def check(scene: Scene) -> None:
        await scene.proven()
        scene.server.stream_faults = Faults(hang=True)
        await scene.step(pushed=False)
        page = await scene.ask()
        assert ("rest", scene.truth(scene.now_step - 2)) == (page.origin, page.candles)

    play(check, dialect)


@pytest.mark.parametrize("dialect", PUSHING)
@pytest.mark.parametrize("fault", [Faults(reset=True), Faults(disconnect=True), Faults(malformed=True)], ids=str)
def test_a_stream_that_breaks_is_opened_again_and_what_it_missed_comes_from_rest(dialect, fault):
    async def check(scene: Scene) -> None:
        await scene.proven()
        scene.server.stream_faults = fault
        scene.clock.move_to(scene.clock.at_ms + STEP_MS // 10)
        await until(lambda: scene.venue.stream.state is StreamState.WAITING)
        scene.server.stream_faults = Faults()
        for _ in range(2):
            await scene.step(pushed=False)
        assert ("rest", scene.truth(scene.now_step - 2)) == ((page := await scene.ask()).origin, page.candles)

        def reopened() -> bool:
            scene.clock.move_to(scene.clock.at_ms + 1)
            return scene.venue.stream.state is StreamState.LIVE

        await until(reopened)
        await scene.step()
        page = await scene.ask(steps=4)
        assert ("rest", scene.truth(scene.now_step - 4)) == (page.origin, page.candles)
        await scene.step()
        page = await scene.ask(steps=4)
        assert ("stream", scene.truth(scene.now_step - 4)) == (page.origin, page.candles)

    play(check, dialect)


@pytest.mark.parametrize("dialect", PUSHING)
def test_a_candle_whose_last_push_was_missed_is_not_final_because_the_next_connection_shows_the_next_one(dialect):
    """The stand-in shows a running candle at its opening price: taken for final, its close would be wrong."""

    async def check(scene: Scene) -> None:
        await scene.proven()
        scene.clock.move_to(scene.clock.at_ms + STEP_MS // 10)
        scene.server.stream_faults = Faults(disconnect=True)
        await until(lambda: scene.venue.stream.state is StreamState.WAITING)
        scene.server.stream_faults = Faults()
        broken_in = scene.now_step
        scene.clock.move_to(START_MS + (scene.now_step + 1) * STEP_MS)
        await until(lambda: scene.venue.stream.state is StreamState.LIVE)
        for _ in range(3):
            await scene.step()
            page = await scene.ask(steps=scene.now_step - broken_in)
            assert scene.truth(broken_in) == page.candles
        assert 0 == scene.venue.stream.contradicted

    play(check, dialect)


def test_a_stream_never_takes_back_a_candle_that_rest_has_shown():
    """Right after a close REST may be ahead of a slow stream; both are in time."""

    async def check(scene: Scene) -> None:
        await scene.proven()
        await scene.step()
        scene.server.stream_faults = Faults(hang=True)
        scene.clock.move_to(START_MS + (scene.now_step + 1) * STEP_MS)
        assert "stream" == (await scene.ask()).origin
        scene.clock.move_to(scene.clock.at_ms + 14 * SECOND_MS)
        await scene.rest_alone()
        assert scene.truth(scene.now_step - 2) == (await scene.ask()).candles

    play(check)


def test_a_stream_that_lies_from_the_start_is_never_believed():
    async def check(scene: Scene) -> None:
        scene.server.stream_faults = Faults(lie_bp=50)
        await scene.ask()
        await until(lambda: scene.venue.stream.state is StreamState.LIVE)
        for _ in range(4):
            await scene.step()
            page = await scene.ask()
            assert ("rest", scene.truth(scene.now_step - 2)) == (page.origin, page.candles)
        assert scene.venue.stream.contradicted >= 1

    play(check)


def test_a_stream_that_begins_to_lie_is_found_out_by_the_next_check_and_not_believed_for_an_hour():
    async def check(scene: Scene) -> None:
        await scene.proven()
        scene.server.stream_faults = Faults(lie_bp=50)
        origins = []
        for _ in range(14):
            await scene.step()
            origins.append((await scene.ask()).origin)
        believed = origins.index("rest")
        assert believed <= 3
        assert {"rest"} == set(origins[believed : believed + 11])
        assert scene.venue.stream.contradicted >= 1

    play(check)


def test_while_rest_does_not_answer_a_proven_stream_does_for_half_an_hour_and_then_trouble_is_told():
    async def check(scene: Scene) -> None:
        await scene.proven()
        scene.server.rest_faults = Faults(status=503)
        for _ in range(5):
            await scene.step()
            assert "stream" == (await scene.ask()).origin
        await scene.step()
        with pytest.raises(VenueUnavailable) as caught:
            await scene.ask()
        assert VenueProblem.SERVER_ERROR == problem_of(caught.value)

    play(check)


def test_a_venue_closed_while_its_stream_connects_leaves_no_task_behind():
    async def main() -> list[str]:
        clock = SteppedClock(START_MS)
        async with PriceServer(source(), clock) as server:
            venue = StreamedVenue(LiveVenue("v", base_url=server.url, clock=clock), clock, SeededEntropy(1))
            await venue.closed_candles(since_ms=START_MS, limit=1)
            await venue.aclose()
        await asyncio.sleep(0)
        return [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert [] == asyncio.run(main())


def test_a_venue_whose_stream_does_not_answer_its_closing_is_closed_at_once():
    """A peer that says nothing more would hold up an orderly close for ten seconds, five of them a node's stop."""

    async def main() -> None:
        clock, gone, opened = SteppedClock(START_MS), asyncio.Event(), asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = b"".join([line async for line in reader_lines(reader)])
            if b"Sec-WebSocket-Key: " not in head:  # REST, which hangs
                await gone.wait()
                writer.close()
                return
            opened.set()
            key = head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r")[0]
            accepted = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            agreed = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            writer.write(agreed + b"Sec-WebSocket-Accept: " + accepted + b"\r\n\r\n")
            await gone.wait()
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        live = LiveVenue("v", base_url=url, clock=clock, timeout_s=0.2)
        venue = StreamedVenue(live, clock, SeededEntropy(1))
        with pytest.raises(VenueUnavailable):
            await venue.closed_candles(since_ms=START_MS, limit=1)
        await opened.wait()
        async with asyncio.timeout(3):
            await venue.aclose()
        gone.set()
        server.close()

    asyncio.run(main())


async def reader_lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The lines of a request's head."""
    while (line := await reader.readline()).strip():
        yield line


def test_five_streaming_exchanges_are_loaded_without_the_rest_of_ccxt():
    program = (
        "import sys\n"
        "from neurons.market.ccxt_light import load_exchange\n"
        "for name in ('binance', 'bybit', 'coinbase', 'kraken', 'okx'): load_exchange(name, streaming=True)\n"
        "print(sorted(m for m in sys.modules if m.startswith('ccxt.pro.')), 'ccxt.kucoin' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    pro = [f"ccxt.pro.{name}" for name in ("binance", "bybit", "coinbase", "kraken", "okx")]
    assert f"{pro} False" == done.stdout.strip()
