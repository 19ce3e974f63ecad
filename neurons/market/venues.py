"""Live venues: candles of an exchange through ccxt's async client.

One adapter for every exchange: what differs is the exchange's name and how it names a market. The base URL can
be pointed at another server (a stand-in exchange in tests and the demo); the path of each endpoint stays.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from neurons.market.candles import check_page, price_from_text
from neurons.market.ccxt_light import load_exchange
from neurons.market.problems import VenueProblem, unavailable
from neurons.ports import Candle, CandlePage, VenueUnavailable
from protocol.errors import InvalidSetting
from protocol.units import HOUR_MS, MINUTE_MS, UnixMs

MOST_CANDLES: Final = 999
"""Candles in one page: the exchange gives 1000, and the last one only bears witness."""
_LARGEST_REPLY_BYTES: Final = 16_000_000
_TIMEFRAMES: Final = {MINUTE_MS: "1m", 5 * MINUTE_MS: "5m", 15 * MINUTE_MS: "15m", HOUR_MS: "1h"}
_SPOT_IDS: Final[Mapping[str, str]] = {"binance": "{base}{quote}", "binanceus": "{base}{quote}"}
"""How an exchange writes a spot market: knowing it spares the download of all its markets."""


class TooLargeReply(aiohttp.ClientPayloadError):
    """A reply that would not end."""


@dataclass(slots=True)
class _Reply:
    """What one question learns of the reply that came last, beside what ccxt reads from it."""

    sha256: bytes = b""


_REPLY: Final[ContextVar[_Reply | None]] = ContextVar("reply", default=None)
"""The running question's; ccxt hands no response back, and reads it in the task that asked."""


class _BoundedResponse(aiohttp.ClientResponse):
    """A response that is read up to a limit, so that a venue cannot fill our memory within one deadline."""

    async def read(self) -> bytes:
        if self._body is None:
            chunks = bytearray()
            async for chunk in self.content.iter_any():
                chunks += chunk
                if len(chunks) > _LARGEST_REPLY_BYTES:
                    self.close()
                    raise TooLargeReply(f"a reply of more than {_LARGEST_REPLY_BYTES} bytes")
            self._body = bytes(chunks)
            reply = _REPLY.get()
            if reply is not None:
                reply.sha256 = hashlib.sha256(self._body).digest()
        return self._body


class LiveVenue:
    """A PriceVenue at an exchange, or at a server that speaks like one. Close it with `aclose`."""

    def __init__(
        self,
        name: str,
        *,
        exchange: str = "binance",
        symbol: str = "BTC/USDT",
        base_url: str | None = None,
        step_ms: int = 5 * MINUTE_MS,
        timeout_s: float = 10.0,
    ) -> None:
        """name: what we call the venue.  exchange: ccxt's id.  symbol: BASE/QUOTE.  base_url: scheme, host and port to
        ask instead of the exchange's own; no rate limit is kept against it.  timeout_s: wall time after which a call
        is given up and its connection dropped.

        Raises InvalidSetting for an exchange ccxt does not have, a symbol without quote, a step without name.
        """
        base, slash, quote = symbol.partition("/")
        if not (base and slash and quote):
            raise InvalidSetting(f"a symbol is written BASE/QUOTE, not {symbol!r}", setting="symbol")
        if step_ms not in _TIMEFRAMES:
            raise InvalidSetting(f"no exchange has candles of {step_ms} ms", setting="step_ms")
        self._name, self._symbol, self._base_url = name, symbol, base_url
        self._step_ms, self._timeout_s = step_ms, timeout_s
        self._market_id = _SPOT_IDS.get(exchange, "").format(base=base, quote=quote)
        self._exchange_class = load_exchange(exchange)
        self._base, self._quote = base, quote
        self._exchange: Any = None
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    @property
    def name(self) -> str:
        return self._name

    async def closed_candles(self, *, since_ms: int, limit: int) -> CandlePage:
        """As PriceVenue. A candle counts as closed when the exchange lists a later one, which is its witness.

        Raises VenueUnavailable, within the timeout whatever the exchange does.
        """
        if self._closed:
            raise unavailable(self.name, VenueProblem.UNREACHABLE, "closed")
        wanted = min(limit, MOST_CANDLES)
        reply = _Reply()
        _REPLY.set(reply)
        try:
            async with asyncio.timeout(self._timeout_s):
                rows = await self._fetch(since_ms, wanted + 1)
        except TimeoutError as error:
            detail = f"no answer within {self._timeout_s} s"
            raise unavailable(self.name, VenueProblem.TIMEOUT, detail) from error
        candles = [candle_from_row(self.name, row) for row in rows]
        check_page(self.name, candles, since_ms=since_ms, step_ms=self._step_ms)
        if len(candles) > wanted + 1:
            raise unavailable(self.name, VenueProblem.MALFORMED, f"{len(candles)} candles, asked for {wanted + 1}")
        return CandlePage(tuple(candles[:-1]), "rest", reply.sha256)

    async def aclose(self) -> None:
        self._closed = True
        exchange, session = self._exchange, self._session
        self._exchange = self._session = None
        if exchange is not None:
            exchange.session = None
        if session is not None:
            await session.close()

    async def _fetch(self, since_ms: int, count: int) -> Sequence[Any]:
        """Rows as ccxt gives them: time, then open, high, low, close and volume as the exchange wrote them."""
        exchange = self._exchange if self._exchange is not None else self._open()
        errors = _ccxt_errors()
        try:
            if exchange.markets is None:
                await exchange.load_markets()
            timeframe = _TIMEFRAMES[self._step_ms]
            rows = await exchange.fetch_ohlcv(self._symbol, timeframe, since=since_ms, limit=count)
        except errors.BaseError as error:
            raise self._translated(error, errors) from error
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            # ccxt reads replies without checking them: what a malformed one makes it raise is the venue's fault.
            raise unavailable(self.name, VenueProblem.MALFORMED, f"{type(error).__name__}: {error}") from error
        if not isinstance(rows, list):
            raise unavailable(self.name, VenueProblem.MALFORMED, f"no list of candles but {type(rows).__name__}")
        return rows

    def _open(self) -> Any:
        """ccxt's client on a session of ours; where the market's id is known, none need be downloaded."""
        connector = aiohttp.TCPConnector(ssl=_verified_tls())
        self._session = aiohttp.ClientSession(connector=connector, response_class=_BoundedResponse)
        exchange = _strict(self._exchange_class)(
            {
                "session": self._session,
                # Not used: the session's connector verifies. ccxt would otherwise build a context per exchange.
                "ssl_context": False,
                "timeout": int(self._timeout_s * 1_000),
                "enableRateLimit": self._base_url is None,
                "options": {"fetchMarkets": {"types": ["spot"]}},
            }
        )
        exchange.number = str
        if self._base_url is not None:
            exchange.urls["api"] = pointed_at(exchange.urls["api"], self._base_url)
        if self._market_id:
            exchange.set_markets([_spot_market(self._market_id, self._base, self._quote)])
        self._exchange = exchange
        return exchange

    def _translated(self, error: Exception, errors: ModuleType) -> VenueUnavailable:
        """ccxt's error as ours: which problem it names."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, TooLargeReply):
                return unavailable(self.name, VenueProblem.TOO_LARGE, str(cause))
            cause = cause.__cause__
        table: list[tuple[str, VenueProblem]] = [
            ("RequestTimeout", VenueProblem.TIMEOUT),
            ("BadSymbol", VenueProblem.WRONG_SYMBOL),
            ("DDoSProtection", VenueProblem.REFUSED),
            ("BadResponse", VenueProblem.MALFORMED),
            ("ExchangeNotAvailable", VenueProblem.UNREACHABLE),
            ("BadRequest", VenueProblem.REFUSED),
        ]
        for kind, problem in table:
            if isinstance(error, getattr(errors, kind)):
                return unavailable(self.name, problem, str(error))
        return unavailable(self.name, VenueProblem.HTTP_STATUS, str(error))


def _strict(exchange_class: type[Any]) -> type[Any]:
    """The exchange class, except that a reply which is no JSON is an error.

    ccxt takes such a reply as text and reads it as an empty list of candles: a broken venue would look like a calm one.
    """

    def handle_errors(self: Any, status: int, reason: str, *rest: Any) -> Any:
        parsed = rest[4]
        if status < 400 and parsed is None:
            raise _ccxt_errors().BadResponse(f"{self.id} answered {status} {reason} without JSON")
        return exchange_class.handle_errors(self, status, reason, *rest)

    return type(exchange_class.__name__, (exchange_class,), {"handle_errors": handle_errors})


def candle_from_row(venue: str, row: object) -> Candle:
    """One of ccxt's rows with the numbers still as text. Raises VenueUnavailable (MALFORMED or BAD_PRICE)."""
    if not isinstance(row, list) or len(row) < 6 or type(row[0]) is not int:
        raise unavailable(venue, VenueProblem.MALFORMED, f"not a candle: {row!r}")
    try:
        opened, high, low, close = (price_from_text(str(text)) for text in row[1:5])
        volume = float(str(row[5]))
    except ValueError as error:
        raise unavailable(venue, VenueProblem.BAD_PRICE, f"in the candle at {row[0]}: {error}") from error
    if not 0.0 <= volume < 1e18:
        raise unavailable(venue, VenueProblem.BAD_PRICE, f"volume {volume} in the candle at {row[0]}")
    return Candle(UnixMs(row[0]), opened, high, low, close, volume)


def pointed_at(urls: Any, base_url: str) -> Any:
    """The same tree of endpoint URLs with scheme, host and port of `base_url`; paths stay."""
    if isinstance(urls, dict):
        return {key: pointed_at(value, base_url) for key, value in urls.items()}
    target, url = urlsplit(base_url), urlsplit(str(urls))
    return urlunsplit((target.scheme, target.netloc, url.path, url.query, ""))


def _spot_market(market_id: str, base: str, quote: str) -> dict[str, Any]:
    """ccxt's description of a spot market, as far as asking for candles needs it."""
    kinds = {"swap": False, "future": False, "option": False, "contract": False, "linear": None, "inverse": None}
    names = {"base": base, "quote": quote, "baseId": base, "quoteId": quote}
    return {
        "id": market_id,
        "symbol": f"{base}/{quote}",
        "type": "spot",
        "spot": True,
        "active": True,
        **names,
        **kinds,
    }


@cache
def _verified_tls() -> ssl.SSLContext:
    """One TLS context for all venues, with the roots that ccxt would use: a context weighs a megabyte."""
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _ccxt_errors() -> ModuleType:
    from ccxt.base import errors

    return errors  # type: ignore[no-any-return]
