"""What differs between exchanges when they are asked for candles, and ccxt's client of one of them on our own session.

One table row an exchange, no code of its own: how it writes a market, and how many candles one reply holds. An
exchange that has no row works too; it is asked for its markets first.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp

from neurons.market.replies import RUNNING, NotedResponse, staying
from neurons.market.resolver import ThreadPerName

_PARTING_S: Final = 0.5
"""Wall time that a peer has to take a WebSocket's closing."""
_MOST_MESSAGES: Final = 3_000
_STRETCH_S: Final = 10.0
"""More messages of a WebSocket than this in so much wall time end its connection: reading them would starve the other
venues, and ccxt keeps what it reads. An exchange pushes a market's candle a few times a second."""
_LEAST_CAPACITY: Final = 100
"""Candles in a reply of an exchange of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How an exchange answers questions about candles."""

    market_id: Callable[[str, str], str]
    """How it writes the spot market of a base and a quote; empty where only its own list tells."""
    capacity: int | None = None
    """The most candles in one reply; None asks ccxt."""
    old_capacity: int | None = None
    """The same of its endpoint for old candles, where it has one."""
    windowed: bool = True
    """Whether it can be asked for what lies between two instants. Otherwise it sends the last `capacity` there are."""


def _unknown(base: str, quote: str) -> str:
    return ""


def _joined(separator: str) -> Callable[[str, str], str]:
    return lambda base, quote: f"{base}{separator}{quote}"


_KRAKEN_NAMES: Final = {"BTC": "XBT", "DOGE": "XDG"}
_KRAKEN_OLD: Final = frozenset({"XBT", "ETH", "LTC", "XRP", "XLM", "XMR", "ZEC", "ETC"})


def kraken_pair(base: str, quote: str) -> str:
    """Kraken's name of the pair in a reply, where it follows from the two: it wrote its first coins X..., money Z....

    Empty for pairs that follow neither of its two habits, so that its list is asked.
    """
    coin = _KRAKEN_NAMES.get(base, base)
    if coin in _KRAKEN_OLD and quote in {"USD", "EUR"}:
        return f"X{coin}Z{quote}"
    if quote in {"USDT", "USDC"} and coin in {"XBT", "ETH"}:
        return f"{coin}{quote}"
    return {"USDTUSD": "USDTZUSD", "USDCUSD": "USDCUSD", "SOLUSD": "SOLUSD"}.get(f"{coin}{quote}", "")


_ANY: Final = Habits(_unknown)
_HABITS: Final[Mapping[str, Habits]] = {
    "binance": Habits(_joined(""), 1_000),
    "binanceus": Habits(_joined(""), 1_000),
    "bybit": Habits(_joined(""), 1_000),
    "coinbase": Habits(_joined("-"), 300),
    "kraken": Habits(kraken_pair, 720, windowed=False),
    "okx": Habits(_joined("-"), 300, old_capacity=100),
}


def habits_of(exchange: str) -> Habits:
    return _HABITS.get(exchange, _ANY)


def capacity_of(exchange: Any, habits: Habits) -> int:
    """The most candles in one reply, where the table does not say by what ccxt knows."""
    if habits.capacity is not None:
        return habits.capacity
    spot = exchange.features.get("spot") or exchange.features.get("default") or {}
    return int((spot.get("fetchOHLCV") or {}).get("limit") or _LEAST_CAPACITY)


def open_exchange(
    exchange_class: type[Any], *, base: str, quote: str, market_id: str, base_url: str | None, timeout_s: float
) -> Any:
    """ccxt's client on a session of ours; where the market's id is known, none need be downloaded.

    Needs a running loop. Close it with `close_exchange`.
    """
    connector = aiohttp.TCPConnector(ssl=_verified_tls(), resolver=ThreadPerName())
    session = aiohttp.ClientSession(
        connector=connector, response_class=NotedResponse, headers=_login(base_url), trace_configs=[staying()]
    )
    exchange = _strict(exchange_class)(
        {
            "session": session,
            # Not used: the session's connector verifies. ccxt would otherwise build a context per exchange.
            "ssl_context": False,
            "timeout": int(timeout_s * 1_000),
            "enableRateLimit": base_url is None,
            "newUpdates": False,
            "options": {"OHLCVLimit": 10} | ({} if ":" in quote else {"fetchMarkets": {"types": ["spot"]}}),
        }
    )
    exchange.number = str
    exchange.safe_float = exchange.safe_string
    exchange.has["fetchCurrencies"] = False
    if base_url is not None:
        exchange.urls["api"] = pointed_at(exchange.urls["api"], base_url)
    if market_id:
        exchange.set_markets([_spot_market(market_id, base, quote)])
    return exchange


async def close_exchange(exchange: Any) -> None:
    """Ends its connections; a WebSocket's in order where the peer takes its closing within a moment."""
    session, exchange.session = exchange.session, None
    leaving = asyncio.create_task(exchange.close_ws_clients(), name=f"close {exchange.id}")
    await asyncio.wait({leaving}, timeout=_PARTING_S)
    if session is not None:
        await session.close()
    await leaving


async def load_market(exchange: Any, symbol: str) -> None:
    """Asks the exchange for its markets and keeps the one: the others weigh megabytes. Raises what ccxt raises."""
    await exchange.load_markets()
    exchange.set_markets([exchange.market(symbol)])


def ccxt_errors() -> ModuleType:
    """The module of ccxt's errors, once an exchange was loaded."""
    from ccxt.base import errors

    return errors  # type: ignore[no-any-return]


def _strict(exchange_class: type[Any]) -> type[Any]:
    """The exchange class, with three habits of ccxt's taken away that would let a broken venue look like a calm one.

    A reply that is no JSON is an error, not an empty list. A reply about another market is an error, not an empty list
    or, worse, a full one. Numbers stay as they were written, in replies and in what a WebSocket pushes.
    """

    def on_json_response(self: Any, body: str) -> Any:
        return json.loads(body, parse_float=str)

    def handle_errors(self: Any, status: int, reason: str, url: str, *rest: Any) -> Any:
        parsed = rest[3]
        note = RUNNING.get()
        if note is not None:
            note.parsed = parsed
        if status < 400 and parsed is None:
            raise ccxt_errors().BadResponse(f"{self.id} answered {status} {reason} without JSON")
        handled = exchange_class.handle_errors(self, status, reason, url, *rest)
        if status < 400:
            _check_market(self, url, parsed)
        return handled

    def client(self: Any, url: str) -> Any:
        found = exchange_class.client(self, url)
        if not hasattr(found, "pace"):
            found.pace = _Pace()
            found.handle_text_or_binary_message = lambda frame: _read_frame(found, frame)
        return found

    overridden = {"on_json_response": on_json_response, "handle_errors": handle_errors, "client": client}
    return type(exchange_class.__name__, (exchange_class,), overridden)


def _check_market(exchange: Any, url: str, parsed: Any) -> None:
    """Raises ccxt's BadSymbol for candles that are said to be another market's, where the exchange says whose."""
    result = parsed.get("result") if isinstance(parsed, dict) else None
    if not isinstance(result, dict) or not exchange.ids or len(exchange.ids) != 1:
        return
    (wanted,) = exchange.ids
    if urlsplit(url).path.endswith("/OHLC"):
        named = set(result) - {"last"}
    elif isinstance(result.get("list"), list) and "symbol" in result:
        named = {str(result["symbol"])}
    else:
        return
    if named and named != {wanted}:
        raise ccxt_errors().BadSymbol(f"{exchange.id} answered with {sorted(named)}, asked for {wanted}")


@dataclass(slots=True)
class _Pace:
    """How many messages a connection has brought in the stretch of wall time that runs."""

    began_s: float = float("-inf")
    heard: int = 0

    def bears_another(self) -> bool:
        """Counts a message. False when it is one too many."""
        now_s = time.monotonic()
        if now_s - self.began_s > _STRETCH_S:
            self.began_s, self.heard = now_s, 0
        self.heard += 1
        return self.heard <= _MOST_MESSAGES


def _read_frame(client: Any, frame: Any) -> None:
    """Hands one WebSocket message on, its numbers as text. One that cannot be read, and a flood of them, ends the
    connection; what comes before it has closed is not looked at."""
    if client.error is not None:
        return
    if not client.pace.bears_another():
        client.on_error(ccxt_errors().BadResponse(f"more than {_MOST_MESSAGES} messages in {_STRETCH_S:.0f} s"))
        return
    try:
        text = frame.decode() if isinstance(frame, bytes) else frame
        message = json.loads(text, parse_float=str) if text[:1] in {"{", "["} else text
        client.on_message_callback(client, message)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        client.on_error(ccxt_errors().BadResponse(f"a message that cannot be read: {type(error).__name__}"))
    except ccxt_errors().BaseError as error:
        client.on_error(error)


def pointed_at(urls: Any, base_url: str) -> Any:
    """The same tree of endpoint URLs with scheme, host and port of `base_url`; paths stay, WebSockets stay such.

    A login in `base_url` is left out: it goes into a header, where no error text shows it.
    """
    if isinstance(urls, dict):
        return {key: pointed_at(value, base_url) for key, value in urls.items()}
    target, url = urlsplit(base_url), urlsplit(str(urls))
    scheme = {"http": "ws", "https": "wss"}[target.scheme] if url.scheme in {"ws", "wss"} else target.scheme
    return urlunsplit((scheme, target.netloc.rpartition("@")[2], url.path, url.query, ""))


def listed(parsed: object, *, depth: int = 3) -> int | None:
    """How many entries the list of candles in a reply has, read or not; None where there is no list at all.

    ccxt drops entries that are no candles, and takes a reply without a list for one without candles.
    """
    if isinstance(parsed, list):
        return len(parsed)
    if not isinstance(parsed, dict) or depth == 0:
        return None
    found = (listed(value, depth=depth - 1) for key, value in parsed.items() if key != "error")
    return next((count for count in found if count is not None), None)


def _login(base_url: str | None) -> dict[str, str]:
    """The header for the login in an address, where there is one."""
    told = urlsplit(base_url or "")
    if told.username is None:
        return {}
    login = f"{unquote(told.username)}:{unquote(told.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}


def _spot_market(market_id: str, base: str, quote: str) -> dict[str, Any]:
    """ccxt's description of a spot market, as far as asking for candles needs it."""
    kinds = {"swap": False, "future": False, "option": False, "contract": False, "linear": None, "inverse": None}
    names = {"base": base, "quote": quote, "baseId": base, "quoteId": quote}
    return {
        "id": market_id,
        "lowercaseId": market_id.lower(),
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
