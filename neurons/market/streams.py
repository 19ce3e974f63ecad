"""A live venue with a stream beside it: candles as the exchange pushes them, REST for everything else.

The stream spares questions; it is never the only word. It is believed once REST has confirmed a candle of it, is held
against REST again and again, and when it is silent, behind, broken or contradicted, REST answers.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from aiohttp import ClientError

from neurons.market.candles import check_page
from neurons.market.ccxt_light import load_exchange
from neurons.market.exchanges import ccxt_errors, close_exchange, load_market
from neurons.market.finality import MOST_SKEW_MS, SETTLE_DELAY_MS
from neurons.market.guard import full_jitter_ms
from neurons.market.problems import VenueProblem, unavailable, without_secrets
from neurons.market.stream_buffer import StreamBuffer
from neurons.market.venues import TIMEFRAMES, LiveVenue, candle_from_row
from neurons.ports import CandlePage, Clock, Entropy, VenueUnavailable
from protocol.errors import InvalidSetting
from protocol.units import HOUR_MS, MINUTE_MS, SECOND_MS

_ROWS: Final = 5
"""Candles looked at with each push: the one that runs and those before it that may have ended unseen."""
_LONGEST_ERROR: Final = 200


class StreamState(StrEnum):
    """What the stream is doing."""

    IDLE = "idle"
    """Nobody has asked yet."""
    NONE = "none"
    """The exchange pushes no candles: REST alone."""
    CONNECTING = "connecting"
    LIVE = "live"
    WAITING = "waiting"
    """It broke off and will be opened again."""


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """The stream as telemetry sees it."""

    state: StreamState = StreamState.IDLE
    pushes: int = 0
    broken: int = 0
    """Connections that ended."""
    answered: int = 0
    """Questions that it answered in REST's place."""
    contradicted: int = 0
    """Times that REST said otherwise."""
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class StreamRules:
    """How far a stream is trusted, in ms of the node's clock."""

    check_every_ms: int = 15 * MINUTE_MS
    """A stream is held against REST this often; when REST does not answer, it is believed as long again, not more."""
    check_again_ms: int = MINUTE_MS
    """When REST did not answer a check."""
    distrust_ms: int = HOUR_MS
    """How long a contradicted stream counts for nothing."""
    first_wait_ms: int = SECOND_MS
    longest_wait_ms: int = 5 * MINUTE_MS
    """Bounds of the jittered wait before a broken stream is opened again."""
    least_idle_s: float = 10.0
    """Wall time without a push that is always borne; beyond it a step and the settle delay of the clock are."""


class StreamedVenue:
    """A PriceVenue that answers from its stream where that suffices. The stream begins with the first question."""

    def __init__(self, venue: LiveVenue, clock: Clock, entropy: Entropy, rules: StreamRules | None = None) -> None:
        self._venue, self._clock, self._entropy, self._rules = venue, clock, entropy, rules or StreamRules()
        self._buffer = StreamBuffer(venue.step_ms)
        self._health = StreamHealth()
        self._task: asyncio.Task[None] | None = None
        self._check_at_ms = self._believed_until_ms = self._distrusted_until_ms = 0
        self._shown_end_ms = 0

    @property
    def name(self) -> str:
        return self._venue.name

    @property
    def stream(self) -> StreamHealth:
        return self._health

    @property
    def newest_pushed_end_ms(self) -> int:
        """End of the newest candle that the stream has shown to be final; 0 before the first."""
        return self._buffer.newest_end_ms

    async def closed_candles(self, *, since_ms: int, limit: int) -> CandlePage:
        """As PriceVenue; a page from the stream has no digest, because no reply carried it."""
        self._follow_on()
        now_ms = self._clock.now_ms()
        pushed = self._pushed(since_ms, limit, now_ms)
        if pushed is not None and now_ms < self._check_at_ms:
            return pushed
        try:
            page = await self._venue.closed_candles(since_ms=since_ms, limit=limit)
        except VenueUnavailable:
            pushed = self._pushed(since_ms, limit, self._clock.now_ms())
            if pushed is None:
                raise
            self._check_at_ms = self._clock.now_ms() + self._rules.check_again_ms
            return pushed
        self._hold_against(page, since_ms)
        return page

    async def aclose(self) -> None:
        """Ends the stream, then the venue."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._venue.aclose()

    def _pushed(self, since_ms: int, limit: int, now_ms: int) -> CandlePage | None:
        """The stream's answer, where it covers the question, is behind neither time nor REST, and is believed now."""
        step_ms = self._venue.step_ms
        ended_ms = now_ms - now_ms % step_ms
        due_ms = ended_ms if now_ms - ended_ms >= SETTLE_DELAY_MS else ended_ms - step_ms
        if self._buffer.newest_end_ms < max(due_ms, self._shown_end_ms) or now_ms >= self._believed_until_ms:
            return None
        candles = self._buffer.first(since_ms=since_ms, limit=limit)
        if candles is None:
            return None
        self._health = replace(self._health, answered=self._health.answered + 1)
        return CandlePage(candles, "stream")

    def _hold_against(self, page: CandlePage, since_ms: int) -> None:
        """Compares what REST gave with what was pushed: REST is right."""
        now_ms = self._clock.now_ms()
        if page.candles:
            self._shown_end_ms = max(self._shown_end_ms, page.candles[-1].open_time_ms + self._venue.step_ms)
        agreed = self._buffer.join(page.candles, since_ms=since_ms)
        if agreed is None:
            self._health = replace(self._health, contradicted=self._health.contradicted + 1)
            self._believed_until_ms, self._distrusted_until_ms = 0, now_ms + self._rules.distrust_ms
        elif agreed > 0 and now_ms >= self._distrusted_until_ms:
            self._check_at_ms = now_ms + self._rules.check_every_ms
            self._believed_until_ms = now_ms + 2 * self._rules.check_every_ms

    def _follow_on(self) -> None:
        """Begins the stream's task once; what it could not bear is raised here, to whoever asks."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name=f"stream {self.name}")
        elif self._task.done() and not self._task.cancelled():
            self._task.result()

    async def _follow(self) -> None:
        """One connection after the other, until cancelled or the exchange turns out to push no candles."""
        attempt = 0
        while True:
            pushes = self._health.pushes
            try:
                if not await self._one_connection():
                    self._health = replace(self._health, state=StreamState.NONE)
                    return
            except _broken() as error:
                told = without_secrets(f"{type(error).__name__}: {error}")[:_LONGEST_ERROR]
                self._health = replace(
                    self._health, state=StreamState.WAITING, broken=self._health.broken + 1, last_error=told
                )
            self._buffer.lose_connection()
            attempt = 1 if self._health.pushes > pushes else attempt + 1
            wait_ms = full_jitter_ms(
                self._entropy, attempt, first_ms=self._rules.first_wait_ms, longest_ms=self._rules.longest_wait_ms
            )
            await self._clock.sleep_until(self._clock.now_ms() + wait_ms)

    async def _one_connection(self) -> bool:
        """Takes pushes until the connection ends, which raises. Returns False when the exchange pushes no candles."""
        self._health = replace(self._health, state=StreamState.CONNECTING)
        try:
            exchange_class = load_exchange(self._venue.exchange_id, streaming=True)
        except InvalidSetting:  # ccxt streams nothing of this exchange, which REST serves all the same
            return False
        exchange = self._venue.open_client(exchange_class)
        try:
            if exchange.has.get("watchOHLCV") is not True:
                return False
            if exchange.markets is None:
                async with asyncio.timeout(self._venue.timeout_s):
                    await load_market(exchange, self._venue.symbol)
            await self._take_pushes(exchange)
        finally:
            await close_exchange(exchange)
        return True

    async def _take_pushes(self, exchange: Any) -> None:
        """Raises when nothing comes for too long, and when ccxt has quietly connected anew: pushes may be missing."""
        step_ms = self._venue.step_ms
        idle_s = max(self._rules.least_idle_s, self._clock.wall_seconds(step_ms + SETTLE_DELAY_MS))
        connection: Any = None
        while True:
            async with asyncio.timeout(idle_s):
                rows = await exchange.watch_ohlcv(self._venue.symbol, TIMEFRAMES[step_ms], None, _ROWS)
            now_connected = next(iter(exchange.clients.values()), None)
            if now_connected is None or connection not in {None, now_connected}:
                raise unavailable(self.name, VenueProblem.UNREACHABLE, "the stream's connection changed")
            connection = now_connected
            self._take(rows)
            self._health = replace(self._health, state=StreamState.LIVE, pushes=self._health.pushes + 1)

    def _take(self, rows: Any) -> None:
        """Checks the pushed candles as a page is checked. Raises VenueUnavailable."""
        candles = [candle_from_row(self.name, row) for row in rows]
        if not candles:
            return
        check_page(self.name, candles, since_ms=candles[0].open_time_ms, step_ms=self._venue.step_ms)
        ahead_ms = candles[-1].open_time_ms - self._clock.now_ms()
        if ahead_ms > MOST_SKEW_MS and self._clock.wall_seconds(ahead_ms) > self._venue.timeout_s:
            raise unavailable(self.name, VenueProblem.IN_THE_FUTURE, f"a candle was pushed {ahead_ms} ms too early")
        for candle in candles:
            self._buffer.push(candle)


def _broken() -> tuple[type[BaseException], ...]:
    """What ends one connection of a stream and not the stream: the world's errors, and ccxt's at a strange message."""
    strange = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
    return (ccxt_errors().BaseError, VenueUnavailable, ClientError, OSError, TimeoutError, *strange)
