"""A stand-in exchange: candles of one symbol over HTTP, in Binance's formats, as of a clock's now.

Unmodified exchange clients work against it. It serves only what exists at the clock's now, with the running
candle at the end as the real exchange does, and misbehaves on demand (`faults`).
"""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from neurons.market.faults import Faults, faults_from, spoil
from neurons.market.klines import (
    KlineRefusal,
    exchange_info_json,
    kline_query,
    klines_json,
    refusal_json,
    select_klines,
)
from neurons.market.sources import CandleSource
from neurons.ports import Clock
from protocol.errors import InvalidSetting

_EMPTY_LISTING: Final = '{"timezone":"UTC","serverTime":0,"rateLimits":[],"exchangeFilters":[],"symbols":[]}'
_LARGEST_REQUEST_BYTES: Final = 4_096


class PriceServer:
    """One venue as an HTTP server: an async context manager that listens from enter to exit."""

    def __init__(
        self,
        source: CandleSource,
        clock: Clock,
        *,
        base: str = "BTC",
        quote: str = "USDT",
        host: str = "127.0.0.1",
        port: int = 0,
        controllable: bool = False,
    ) -> None:
        """port 0 takes a free one (see `url`). `controllable` adds PUT /control/faults, which takes Faults as JSON."""
        self._source, self._clock = source, clock
        self._base, self._quote = base, quote
        self._host, self._port = host, port
        self._controllable = controllable
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()
        self.faults = Faults()
        self.requests = 0

    @property
    def symbol(self) -> str:
        return self._base + self._quote

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    async def __aenter__(self) -> Self:
        """Listens. Raises InvalidSetting when the port is taken or the host is not ours."""
        app = web.Application(client_max_size=_LARGEST_REQUEST_BYTES, middlewares=[self._misbehave])
        app.router.add_get("/api/v3/klines", self._klines)
        app.router.add_get("/api/v3/time", self._time)
        app.router.add_get("/api/v3/ping", self._ping)
        app.router.add_get("/api/v3/exchangeInfo", self._exchange_info)
        for futures in ("/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo"):
            app.router.add_get(futures, self._no_futures)
        if self._controllable:
            app.router.add_put("/control/faults", self._set_faults)
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
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _now_ms(self) -> int:
        return self._clock.now_ms() - self.faults.rewind_ms

    @web.middleware
    async def _misbehave(self, request: web.Request, handler: web.Handler) -> web.StreamResponse:  # type: ignore[name-defined]
        self.requests += 1
        if request.path.startswith("/control/"):
            return await handler(request)  # type: ignore[no-any-return]
        if self.faults.hang:
            await self._stopping.wait()
        if self.faults.latency_ms:
            await asyncio.sleep(self.faults.latency_ms / 1_000)
        if self.faults.status:
            return _json("upstream trouble", status=self.faults.status)
        return await handler(request)  # type: ignore[no-any-return]

    async def _klines(self, request: web.Request) -> web.Response:
        now_ms, step_ms, faults = self._now_ms(), self._source.step_ms, self.faults
        try:
            query = kline_query(request.query, symbol=self.symbol, step_ms=step_ms)
        except KlineRefusal as refusal:
            return _json(refusal.body(), status=400)
        candles = select_klines(self._source, query, now_ms=now_ms)
        finished = sum(1 for at in candles.open_time_ms.tolist() if at + step_ms <= now_ms)
        text = klines_json(spoil(candles, faults, finished=finished), step_ms=step_ms, now_ms=now_ms)
        if faults.junk_field and finished:
            rows = json.loads(text)
            rows[finished - 1][4] = faults.junk_field
            text = json.dumps(rows)
        return _json(text[: len(text) // 2] if faults.malformed else text)

    async def _time(self, _: web.Request) -> web.Response:
        return _json(json.dumps({"serverTime": self._now_ms()}))

    async def _ping(self, _: web.Request) -> web.Response:
        return _json("{}")

    async def _exchange_info(self, request: web.Request) -> web.Response:
        if request.query.get("symbol", self.symbol) != self.symbol:
            return _json(refusal_json(-1121, "Invalid symbol."), status=400)
        return _json(exchange_info_json(symbol=self.symbol, base=self._base, quote=self._quote, now_ms=self._now_ms()))

    async def _no_futures(self, _: web.Request) -> web.Response:
        return _json(_EMPTY_LISTING)

    async def _set_faults(self, request: web.Request) -> web.Response:
        try:
            values = await request.json()
            if not isinstance(values, dict):
                raise InvalidSetting("faults are a JSON object", setting="faults")
            self.faults = faults_from(values)
        except (InvalidSetting, json.JSONDecodeError) as error:
            return _json(refusal_json(-1100, str(error)), status=400)
        return _json("{}")


def _json(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="application/json")
