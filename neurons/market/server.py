"""A stand-in exchange: candles of one market over HTTP and WebSocket, as one exchange writes them, as of a clock's now.

Unmodified exchange clients work against it. It serves only what exists at the clock's now, with the running
candle at the end as the real exchange does, and misbehaves on demand (`faults`).
"""

from __future__ import annotations

import asyncio
import json
from email.utils import formatdate
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from neurons.market.broadcast import Broadcast, break_off
from neurons.market.dialects.known import DIALECTS
from neurons.market.dialects.speech import Ask, Listing, Refusal, Reply
from neurons.market.dialects.writing import MINUTES
from neurons.market.faults import Faults, faults_from
from neurons.market.shelf import SourceShelf
from neurons.market.sources import CandleSource
from neurons.ports import Clock
from protocol.errors import InvalidSetting
from protocol.units import SECOND_MS

_LARGEST_REQUEST_BYTES: Final = 4_096
MOST_STREAMS: Final = 64


class PriceServer:
    """One venue as an HTTP server: an async context manager that listens from enter to exit."""

    def __init__(
        self,
        source: CandleSource,
        clock: Clock,
        *,
        dialect: str = "binance",
        base: str = "BTC",
        quote: str = "USDT",
        host: str = "127.0.0.1",
        port: int = 0,
        controllable: bool = False,
    ) -> None:
        """dialect: whose formats, by ccxt's name of the exchange.  port 0 takes a free one (see `url`).
        controllable: adds PUT /control/faults, and /rest and /stream below it for one side; they take Faults as JSON.

        Raises InvalidSetting for a dialect there is not, and for candles of a length that exchanges do not have.
        """
        if dialect not in DIALECTS:
            raise InvalidSetting(f"no dialect {dialect!r}; there are: {', '.join(sorted(DIALECTS))}", setting="dialect")
        if source.step_ms not in MINUTES:
            raise InvalidSetting(f"no exchange has candles of {source.step_ms} ms", setting="step_ms")
        self._source, self._clock, self._dialect = source, clock, DIALECTS[dialect]
        self._listing = Listing(base, quote)
        self._host, self._port = host, port
        self._controllable = controllable
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()
        self._broadcasts: set[Broadcast] = set()
        self._rest_faults = self._stream_faults = Faults()
        self.requests = 0

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    @property
    def streams(self) -> int:
        """How many stream connections are open."""
        return len(self._broadcasts)

    @property
    def faults(self) -> Faults:
        """What is wrong over HTTP; setting it spoils both HTTP and streams."""
        return self._rest_faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.rest_faults = faults
        self.stream_faults = faults

    @property
    def rest_faults(self) -> Faults:
        return self._rest_faults

    @rest_faults.setter
    def rest_faults(self, faults: Faults) -> None:
        self._rest_faults = faults

    @property
    def stream_faults(self) -> Faults:
        return self._stream_faults

    @stream_faults.setter
    def stream_faults(self, faults: Faults) -> None:
        self._stream_faults = faults
        for broadcast in list(self._broadcasts):
            broadcast.suffer(faults)

    async def __aenter__(self) -> Self:
        """Listens. Raises InvalidSetting when the port is taken or the host is not ours."""
        app = web.Application(client_max_size=_LARGEST_REQUEST_BYTES)
        app.on_response_prepare.append(self._date)
        if self._controllable:
            for side in ("", "/rest", "/stream"):
                app.router.add_put(f"/control/faults{side}", self._set_faults)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._stopping = asyncio.Event()
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self._port)
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise InvalidSetting(
                f"cannot listen on {self._host}:{self._port}: {error.strerror or error}", setting="port"
            ) from error
        self._runner = runner
        self._port = int(runner.addresses[0][1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for broadcast in list(self._broadcasts):
            broadcast.end(b"the venue stops")
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method != "GET":
            return _response(Reply(self._dialect.trouble(404), 404))
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._stream(request)
        self.requests += 1
        faults = self._rest_faults
        refused = await self._misbehave(request, faults)
        if refused is not None:
            return refused
        try:
            reply = self._dialect.answer(Ask(request.path, dict(request.query)), self._shelf(faults))
        except Refusal as refusal:
            return _response(refusal.reply)
        return _response(Reply(reply.text[: len(reply.text) // 2]) if faults.malformed else reply)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        refused = await self._misbehave(request, self._stream_faults)
        if refused is not None:
            return refused
        stream = self._dialect.stream
        shelf = self._shelf(self._stream_faults)
        opening = None if stream is None else stream.opens(Ask(request.path, dict(request.query)), shelf)
        if stream is None or opening is None:
            return _response(Reply(self._dialect.trouble(404), 404))
        if len(self._broadcasts) >= MOST_STREAMS:
            return _response(Reply(self._dialect.trouble(503), 503))
        broadcast = Broadcast(stream, lambda: self._shelf(self._stream_faults), self._clock, self._stream_faults)
        self._broadcasts.add(broadcast)
        try:
            return await broadcast.run(request, opening)
        finally:
            self._broadcasts.discard(broadcast)

    async def _misbehave(self, request: web.Request, faults: Faults) -> web.Response | None:
        """Waits, hangs, breaks off or refuses as the faults say; None when the request is to be answered."""
        is_stream = request.headers.get("Upgrade", "") != ""
        if faults.hang and not is_stream:
            await self._stopping.wait()
        if faults.latency_ms:
            await asyncio.sleep(faults.latency_ms / 1_000)
        if faults.reset:
            break_off(request)
        if faults.disconnect and request.transport is not None:
            request.transport.close()
        if not faults.status:
            return None
        refused = _response(Reply(self._dialect.trouble(faults.status), faults.status))
        if faults.retry_after_s:
            refused.headers["Retry-After"] = str(faults.retry_after_s)
        return refused

    async def _date(self, _: web.Request, response: web.StreamResponse) -> None:
        """Every reply is dated by the venue's own clock."""
        now_ms = self._clock.now_ms() + self._rest_faults.clock_shift_ms
        response.headers["Date"] = formatdate(now_ms / SECOND_MS, usegmt=True)

    def _shelf(self, faults: Faults) -> SourceShelf:
        return SourceShelf(self._source, self._listing, faults, at_ms=self._clock.now_ms())

    async def _set_faults(self, request: web.Request) -> web.Response:
        try:
            values = await request.json()
            if not isinstance(values, dict):
                raise InvalidSetting("faults are a JSON object", setting="faults")
            faults = faults_from(values)
        except (InvalidSetting, json.JSONDecodeError) as error:
            return _response(Reply(json.dumps({"error": str(error)}), 400))
        if not request.path.endswith("/stream"):
            self.rest_faults = faults
        if not request.path.endswith("/rest"):
            self.stream_faults = faults
        return _response(Reply("{}"))


def _response(reply: Reply) -> web.Response:
    kind = "text/html" if reply.text.startswith("<") else "application/json"
    return web.Response(text=reply.text, status=reply.status, content_type=kind)
