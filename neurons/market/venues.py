"""Live venues: candles of an exchange through ccxt's async client.

One adapter for every exchange: what differs stands in a table (`exchanges.py`). The base URL can be pointed at another
server (a stand-in exchange in tests and the demo); the path of each endpoint stays.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from neurons.market.candles import check_page, price_from_text
from neurons.market.ccxt_light import load_exchange
from neurons.market.exchanges import (
    capacity_of,
    ccxt_errors,
    close_exchange,
    habits_of,
    listed,
    load_market,
    open_exchange,
)
from neurons.market.finality import SETTLE_DELAY_MS, believed_clock, final_candles
from neurons.market.problems import VenueProblem, unavailable
from neurons.market.replies import RUNNING, Reply, SentElsewhere, TooLargeReply
from neurons.ports import Candle, CandlePage, Clock, VenueUnavailable
from protocol.errors import InvalidSetting
from protocol.units import HOUR_MS, MINUTE_MS, UnixMs

TIMEFRAMES: Final = {MINUTE_MS: "1m", 5 * MINUTE_MS: "5m", 15 * MINUTE_MS: "15m", 30 * MINUTE_MS: "30m", HOUR_MS: "1h"}
_MOST_EMPTY_WINDOWS: Final = 12
"""How many windows without a candle one question steps over: four days of 5-minute candles at the narrowest."""
_RECENT_CANDLES: Final = 1_400
"""Candles older than this are asked of an exchange's endpoint for old ones, where it has one."""


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
        settle_delay_ms: int = SETTLE_DELAY_MS,
        clock: Clock | None = None,
    ) -> None:
        """name: what we call the venue.  exchange: ccxt's id.  symbol: BASE/QUOTE, or ccxt's BASE/QUOTE:SETTLE of a
        perpetual.  base_url: scheme, host and port to
        ask instead of the exchange's own; no rate limit is kept against it.  timeout_s: wall time after which a call
        is given up and its connection dropped.  settle_delay_ms: see `finality`.  clock: ours; when given, a venue
        whose clock is far from it is refused.

        Raises InvalidSetting for an exchange ccxt does not have, a symbol without quote, a step without name.
        """
        base, slash, quote = symbol.partition("/")
        if not (base and slash and quote):
            raise InvalidSetting(f"a symbol is written BASE/QUOTE, not {symbol!r}", setting="symbol")
        if step_ms not in TIMEFRAMES:
            raise InvalidSetting(f"no exchange has candles of {step_ms} ms", setting="step_ms")
        self._name, self.symbol, self._base_url = name, symbol, base_url
        self.step_ms, self.timeout_s, self._settle_delay_ms, self._clock = step_ms, timeout_s, settle_delay_ms, clock
        self.exchange_id = exchange
        self._habits = habits_of(exchange)
        self._exchange_class = load_exchange(exchange)
        self._exchange: Any = None
        self._closed = False

    @property
    def name(self) -> str:
        return self._name

    async def closed_candles(self, *, since_ms: int, limit: int) -> CandlePage:
        """As PriceVenue: the first final candles from `since_ms` on (see `finality`), over any gap, never later ones.

        Raises VenueUnavailable, within the timeout whatever the exchange or ccxt does.
        """
        if self._closed:
            raise unavailable(self.name, VenueProblem.UNREACHABLE, "closed")
        reply = Reply()
        RUNNING.set(reply)
        asking = asyncio.create_task(self._ask(since_ms, limit, reply), name=f"ask {self.name}")
        asking.add_done_callback(_outcome_is_heard)
        try:
            # Not `asyncio.timeout`: that frees us only when what was cancelled heeds it.
            done, _ = await asyncio.wait({asking}, timeout=self.timeout_s)
        finally:
            asking.cancel()
        if not done:
            raise unavailable(self.name, VenueProblem.TIMEOUT, f"no answer within {self.timeout_s} s")
        return CandlePage(asking.result(), "rest", reply.sha256)

    async def aclose(self) -> None:
        self._closed = True
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await close_exchange(exchange)

    async def _ask(self, since_ms: int, limit: int, reply: Reply) -> tuple[Candle, ...]:
        """One window of candles after the other, until one has some or lies ahead of the venue's clock.

        The candle at `since_ms` alone is not enough: whoever asks from the last one on would hear of it for ever.
        """
        if self._exchange is None:
            self._exchange = self.open_client(self._exchange_class)
        exchange = self._exchange
        capacity = self._capacity(exchange, since_ms)
        from_ms, count, found = since_ms, min(limit + 1, capacity), list[Candle]()
        for _ in range(_MOST_EMPTY_WINDOWS):
            rows = await self._fetch(exchange, from_ms, count, reply)
            candles = [candle_from_row(self.name, row) for row in rows]
            check_page(self.name, candles, since_ms=from_ms, step_ms=self.step_ms)
            full = count if self._habits.windowed else capacity
            if len(candles) >= full and candles[0].open_time_ms > from_ms:
                told = f"it holds {len(candles)} candles from {candles[0].open_time_ms} on, not from {from_ms}"
                raise unavailable(self.name, VenueProblem.NO_HISTORY, told, keeps_from_ms=candles[0].open_time_ms)
            if len(candles) > full and self._habits.windowed:
                raise unavailable(self.name, VenueProblem.MALFORMED, f"{len(candles)} candles, asked for {full}")
            now_ms = believed_clock(self.name, reply.date_ms, self._clock, latency_s=self.timeout_s)
            from_ms += count * self.step_ms
            found += candles
            if not self._habits.windowed or from_ms > now_ms or (found and found[-1].open_time_ms > since_ms):
                break
            count = capacity
        if found or from_ms > now_ms or not self._habits.windowed:
            return final_candles(
                found, venue_now_ms=now_ms, step_ms=self.step_ms, settle_delay_ms=self._settle_delay_ms
            )[:limit]
        told = f"no candle opens in [{since_ms}, {from_ms})"
        raise unavailable(self.name, VenueProblem.NO_HISTORY, told, keeps_from_ms=from_ms)

    def _capacity(self, exchange: Any, since_ms: int) -> int:
        """The most candles in one reply about what began at `since_ms`."""
        old = self._habits.old_capacity
        return old if old is not None and self._is_old(since_ms) else capacity_of(exchange, self._habits)

    def _is_old(self, since_ms: int) -> bool:
        now_ms = self._clock.now_ms() if self._clock is not None else time.time_ns() // 1_000_000
        return since_ms < now_ms - _RECENT_CANDLES * self.step_ms

    async def _fetch(self, exchange: Any, from_ms: int, count: int, reply: Reply) -> list[Any]:
        """Rows as ccxt gives them: time, then open, high, low, close and volume as the exchange wrote them."""
        errors = ccxt_errors()
        window: dict[str, Any] = {}
        if self._habits.windowed:
            window = {"limit": count, "params": {"until": from_ms + count * self.step_ms - 1}}
        if self._habits.old_capacity is not None:
            window["params"]["type"] = "HistoryCandles" if self._is_old(from_ms) else "Candles"
        try:
            if exchange.markets is None:
                await load_market(exchange, self.symbol)
            rows = await exchange.fetch_ohlcv(self.symbol, TIMEFRAMES[self.step_ms], since=from_ms, **window)
        except errors.BaseError as error:
            raise self._translated(error, reply) from error
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            # ccxt reads replies without checking them: what a malformed one makes it raise is the venue's fault.
            raise unavailable(self.name, VenueProblem.MALFORMED, f"{type(error).__name__}: {error}") from error
        if not isinstance(rows, list):
            raise unavailable(self.name, VenueProblem.MALFORMED, f"no list of candles but {type(rows).__name__}")
        count_told = listed(reply.parsed)
        if not rows and (count_told is None or (count_told > 0 and self._habits.windowed)):
            raise unavailable(self.name, VenueProblem.MALFORMED, f"{count_told or 'no list of'} candles, none readable")
        return rows

    def open_client(self, exchange_class: type[Any]) -> Any:
        """A client of ccxt's for this market; `close_exchange` ends it. Needs a running loop."""
        base, _, quote = self.symbol.partition("/")
        return open_exchange(
            exchange_class,
            base=base,
            quote=quote,
            market_id="" if ":" in quote else self._habits.market_id(base, quote),
            base_url=self._base_url,
            timeout_s=self.timeout_s,
        )

    def _translated(self, error: Exception, reply: Reply) -> VenueUnavailable:
        """ccxt's error as ours: which problem it names. The status speaks before the words."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, TooLargeReply):
                return unavailable(self.name, VenueProblem.TOO_LARGE, str(cause))
            if isinstance(cause, SentElsewhere):
                return unavailable(self.name, VenueProblem.HTTP_STATUS, str(cause))
            cause = cause.__cause__
        problem = _problem_of_status(reply.status) or _problem_of_kind(error)
        return unavailable(self.name, problem, str(error), retry_after_ms=reply.retry_after_ms)


def _outcome_is_heard(asked: asyncio.Task[tuple[Candle, ...]]) -> None:
    """How a question ends that was given up concerns nobody; asyncio would complain of it."""
    if not asked.cancelled():
        asked.exception()


def _problem_of_status(status: int | None) -> VenueProblem | None:
    """What an HTTP status says by itself."""
    if status is None:
        return None
    if status in {418, 429}:
        return VenueProblem.RATE_LIMITED
    if status in {403, 451}:
        return VenueProblem.GEO_BLOCKED
    return VenueProblem.SERVER_ERROR if status >= 500 else None


def _problem_of_kind(error: Exception) -> VenueProblem:
    """What one of ccxt's errors says where the status was fine."""
    errors = ccxt_errors()
    table: list[tuple[str, VenueProblem]] = [
        ("RequestTimeout", VenueProblem.TIMEOUT),
        ("BadSymbol", VenueProblem.WRONG_SYMBOL),
        ("DDoSProtection", VenueProblem.RATE_LIMITED),
        ("BadResponse", VenueProblem.MALFORMED),
        ("OnMaintenance", VenueProblem.SERVER_ERROR),
        ("ExchangeNotAvailable", VenueProblem.UNREACHABLE),
        ("BadRequest", VenueProblem.REFUSED),
    ]
    for kind, problem in table:
        if isinstance(error, getattr(errors, kind)):
            return problem
    return VenueProblem.HTTP_STATUS


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
