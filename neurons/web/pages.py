"""The table of pages, and what stands between them and HTTP: limits, deadlines, one answer to every error."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from neurons.telemetry import Event, PageRefused, PageServed
from neurons.web import acting, owning, reading, shapes
from neurons.web.asking import MAX_BODY_BYTES, read_request
from neurons.web.parts import GatewayParts, Page
from neurons.web.problems import COME_AGAIN, COME_AGAIN_S, http_status, is_own_fault
from protocol.errors import AuguryError, Expired, NotFound, Overloaded

Record = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Route:
    """One page at one address. refusals_are_403: a refusal is always 403, which the clients go on after."""

    method: str
    path: str
    page: Page
    refusals_are_403: bool = False

    @property
    def title(self) -> str:
        """What logs call it: nothing of what anybody asked for."""
        return f"{self.method} {self.path}"


ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/config.json", reading.config),
    Route("GET", "/live/{subject}", reading.live),
    Route("GET", "/lagged/{subject}", reading.lagged),
    Route("GET", "/cdf/{subject}", reading.cdf),
    Route("GET", "/sponsors", reading.sponsors),
    Route("GET", "/budgets", reading.budgets),
    Route("GET", "/volumes", reading.volumes),
    Route("GET", "/prizes", reading.prizes),
    Route("GET", "/overall", reading.overall),
    Route("GET", "/leaderboards/{subject}", reading.leaderboard),
    Route("GET", "/monthly", reading.monthly),
    Route("GET", "/previous", reading.previous),
    Route("GET", "/links/{subject}", reading.links),
    Route("GET", "/subscriptions/{subject}", reading.subscriptions),
    Route("GET", "/subscribers/{subject}", reading.subscribers),
    Route("GET", "/messages/{subject}", acting.messages),
    Route("GET", "/predictions/{subject}", owning.predictions),
    Route("GET", "/samples/{subject}", owning.samples),
    *(Route("GET", f"/{title}/{{subject}}", page) for title, page in owning.PAGES.items()),
    Route("PUT", "/live/{subject}", acting.publish),
    Route("PUT", "/live/", acting.publish),
    Route("PATCH", "/live/{subject}", acting.touch),
    Route("DELETE", "/live/{subject}", acting.delete),
    Route("PUT", "/copula/", acting.publish_set),
    Route("PUT", "/submit/{subject}", acting.submit, refusals_are_403=True),
    Route("DELETE", "/submit/{subject}", acting.cancel, refusals_are_403=True),
    Route("PUT", "/balance/{subject}", acting.transfer),
    Route("PUT", "/links/{subject}", acting.link),
    Route("DELETE", "/links/{subject}", acting.unlink),
    Route("PUT", "/subscriptions/{subject}", acting.subscribe),
    Route("DELETE", "/subscriptions/{subject}", acting.unsubscribe),
    Route("DELETE", "/errors/{subject}", acting.not_offered),
    Route("DELETE", "/warnings/{subject}", acting.not_offered),
    Route("DELETE", "/performance/{subject}", acting.not_offered),
    Route("*", "/repository/{subject}", acting.not_offered),
    Route("*", "/email/{subject}", acting.not_offered),
    Route("*", "/state/{subject}", acting.not_offered),
    Route("*", "/donations/{subject}", acting.not_offered),
)


class Pages:
    """All pages over one gateway's parts: so many requests at once, each so long."""

    def __init__(self, parts: GatewayParts, record: Record, *, at_once: int, timeout_s: float) -> None:
        self._parts, self._record = parts, record
        self._at_once, self._timeout_s = at_once, timeout_s
        self._under_way = 0

    @property
    def under_way(self) -> int:
        """Requests that are being answered."""
        return self._under_way

    def application(self) -> web.Application:
        """What aiohttp serves."""
        served = web.Application(client_max_size=MAX_BODY_BYTES)
        for route in ROUTES:
            served.router.add_route(route.method, route.path, self._handler(route))
        served.router.add_route("GET", "/", _front_page)
        served.router.add_route("*", "/{anywhere:.*}", self._handler(Route("*", "elsewhere", _nowhere)))
        return served

    def _handler(self, route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            started = time.monotonic()
            try:
                told = await self._told(route, request)
            except AuguryError as error:
                status = http_status(error, refusals_are_403=route.refusals_are_403)
                reason = error.public if is_own_fault(error) else ""
                self._record(PageRefused(page=route.title, code=error.code, status=status, reason=reason))
                return _response(shapes.error(error), status)
            self._record(PageServed(page=route.title, seconds=time.monotonic() - started))
            return _response(told, 200)

        return answer

    async def _told(self, route: Route, request: web.Request) -> shapes.Json:
        """Raises Overloaded and Expired (nobody's) beside what the page raises."""
        if self._under_way >= self._at_once:
            raise Overloaded(f"{self._at_once} requests are under way; come again", limit=self._at_once)
        self._under_way += 1
        try:
            async with asyncio.timeout(self._timeout_s):
                return await route.page(self._parts, await read_request(request))
        except TimeoutError:
            raise Expired(f"not answered within {self._timeout_s:g} s", limit=self._timeout_s) from None
        finally:
            self._under_way -= 1


def _response(told: shapes.Json, status: int) -> web.Response:
    again = {"Retry-After": str(COME_AGAIN_S)} if status in COME_AGAIN else {}
    text = json.dumps(told, allow_nan=False)
    return web.Response(text=text, status=status, content_type="application/json", headers=again)


async def _nowhere(_: GatewayParts, __: object) -> shapes.Json:
    raise NotFound("there is no page of this address and method; docs/gateway.md lists them")


async def _front_page(request: web.Request) -> web.Response:
    """For whoever opens the address in a browser: what this is, and how a client comes here."""
    address = f"{request.scheme}://{request.host}"
    return web.Response(text=FRONT_PAGE.format(address=address))


FRONT_PAGE: Final = """An Augury web gateway: it speaks as the microprediction API did, to one validator.

    from microconventions import url_conventions
    url_conventions.CONFIG_URL = "{address}/config.json"
    url_conventions.API_URL = "{address}"

    from microprediction import MicroReader
    reader = MicroReader(base_url="{address}")
    print(reader.get_stream_names())

Streams: {address}/budgets    owners: {address}/sponsors    best: {address}/overall
"""
