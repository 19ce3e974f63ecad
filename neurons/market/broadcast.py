"""Streams of a stand-in exchange: one connection each, its topics, and the candles pushed to it as the clock goes.

Every connection has three tasks (hear, watch the clock, send) that end together. What waits to be sent is bounded: a
reader that does not keep up is dropped, and so is one that takes a message longer than the deadline.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from neurons.market.dialects.speech import Heard, Line, Shelf, Stream
from neurons.market.faults import Faults
from neurons.ports import Clock

BEATS_PER_STEP: Final = 10
"""How often in a candle's life its running state is pushed."""
SHORTEST_BEAT_S: Final = 0.1
"""Wall time: on a clock so fast that beats would be shorter, only finished candles and new ones are pushed."""
MOST_WAITING: Final = 256
MOST_TOPICS: Final = 64
LARGEST_MESSAGE_BYTES: Final = 16_384
SEND_WITHIN_S: Final = 5.0
PROBE_EVERY_S: Final = 15.0
"""Wall time between protocol pings: a peer that does not answer one in half of that is gone."""
_GOODBYE_S: Final = 0.3
"""How long a closing connection waits for the other side's close frame."""
_MOST_CATCHING_UP: Final = 1_000
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class Broadcast:
    """One stream connection from its upgrade to its end: `await Broadcast(...).run(request)`."""

    def __init__(self, stream: Stream, shelf_now: Callable[[], Shelf], clock: Clock, faults: Faults) -> None:
        """shelf_now: what the venue shows at this moment, with the faults of streams."""
        self._stream, self._shelf_now, self._clock, self._faults = stream, shelf_now, clock, faults
        self._line = Line("/")
        self._waiting: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._last_pushed: dict[str, int] = {}
        self._socket = web.WebSocketResponse(
            max_msg_size=LARGEST_MESSAGE_BYTES, heartbeat=PROBE_EVERY_S, timeout=_GOODBYE_S
        )
        self._request: web.BaseRequest | None = None
        self._over = asyncio.Event()
        self._parting = b""

    async def run(self, request: web.Request, opening: Heard) -> web.StreamResponse:
        """Serves until the client goes, is dropped, or `end` is called."""
        self._request = request
        self._line = Line(request.path)
        try:
            await self._socket.prepare(request)
        except ConnectionError:
            # The client left while it was being answered: aiohttp takes an answer that cannot be sent, but no stream
            # that never began.
            return web.Response(status=400)
        self._take(opening)
        tasks = [asyncio.create_task(work()) for work in (self._hear, self._watch, self._send, self._over.wait)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(SEND_WITHIN_S):
                    await self._socket.close(code=WSCloseCode.GOING_AWAY, message=self._parting)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, ConnectionError | TimeoutError):
                raise result
        return self._socket

    def end(self, parting: bytes) -> None:
        """Closes in order; `parting` is the reason in the close frame."""
        self._parting = parting
        self._over.set()

    def suffer(self, faults: Faults) -> None:
        """From now on, with these faults."""
        self._faults = faults
        if faults.reset:
            break_off(self._request)
        elif faults.disconnect:
            self.end(b"")

    async def _hear(self) -> None:
        async for message in self._socket:
            if message.type != WSMsgType.TEXT:
                return
            if not self._faults.hang:
                self._take(self._stream.hear(message.data, self._line, self._shelf_now()))

    def _take(self, heard: Heard) -> None:
        """Answers, and begins and ends topics; a new topic's first message follows its answer."""
        for reply in heard.replies:
            self._say(reply)
        topics = (self._line.topics | set(heard.begun)) - set(heard.ended)
        if len(topics) > MOST_TOPICS:
            self.end(b"too many topics")
            return
        self._line = Line(self._line.path, frozenset(topics), self._line.sent)
        for ended in heard.ended:
            self._last_pushed.pop(ended, None)
        for begun in heard.begun:
            self._push(begun, self._shelf_now())

    async def _watch(self) -> None:
        """Pushes at every beat of the clock; beats lie on the candles' grid."""
        while True:
            step_ms = self._shelf_now().step_ms
            is_slow_enough = self._clock.wall_seconds(step_ms // BEATS_PER_STEP) >= SHORTEST_BEAT_S
            beat_ms = step_ms // BEATS_PER_STEP if is_slow_enough else step_ms
            await self._clock.sleep_until((self._clock.now_ms() // beat_ms + 1) * beat_ms)
            for topic in sorted(self._line.topics):
                self._push(topic, self._shelf_now())

    def _push(self, topic: str, shelf: Shelf) -> None:
        """Candles that finished since the last push of this topic, each by itself, then the one that runs now."""
        end_ms = shelf.now_ms + 1
        newest = shelf.last(end_ms, 1)
        if not newest:
            return
        running_ms = newest[-1].candle.open_time_ms
        since_ms = self._last_pushed.get(topic)
        is_first = since_ms is None
        if since_ms is None:
            self._say(self._stream.say(topic, shelf.last(end_ms, self._stream.snapshot), self._line, shelf, True))
        else:
            for shown in shelf.first(min(since_ms, running_ms), end_ms, _MOST_CATCHING_UP):
                self._say(self._stream.say(topic, [shown], self._line, shelf, is_first))
        self._last_pushed[topic] = running_ms

    def _say(self, text: str) -> None:
        if self._faults.hang:
            return
        self._line = Line(self._line.path, self._line.topics, self._line.sent + 1)
        try:
            self._waiting.put_nowait(text[: len(text) // 2] if self._faults.malformed else text)
        except asyncio.QueueFull:
            self.end(b"too slow")

    async def _send(self) -> None:
        while True:
            text = await self._waiting.get()
            if self._faults.latency_ms:
                await asyncio.sleep(self._faults.latency_ms / 1_000)
            async with asyncio.timeout(SEND_WITHIN_S):
                await self._socket.send_str(text)


def break_off(request: web.BaseRequest | None) -> None:
    """Breaks the connection under a request off, without a word: a reset, not an end."""
    if request is None or request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    request.transport.abort()
