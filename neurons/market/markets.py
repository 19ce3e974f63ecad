"""The Market port (`neurons/ports.py`): a series' closes as stored rows, from live venues or from sources in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from neurons.market.calendars import TradingCalendar
from neurons.market.evidence import history_of, no_history, row_of
from neurons.market.feed import agreed_closes
from neurons.market.health import VenueHealth
from neurons.market.rates import RateBook, Rates
from neurons.market.settling import AgreedClose, SettleRules
from neurons.market.sources import CandleSource
from neurons.market.watch import MarketWatch, WatchSettings
from neurons.ports import Clock, PriceVenue
from neurons.records import CloseRow
from protocol.params import NetworkParams

_QUEUED_CLOSES: Final = 64
_FAR_MS: Final = 2**52


class WatchedMarket:
    """Live closes. An async context manager: it owns the watcher's tasks, and closes the venues when it ends."""

    def __init__(
        self,
        series: str,
        venues: Sequence[PriceVenue],
        clock: Clock,
        params: NetworkParams,
        *,
        earlier: Sequence[CloseRow] = (),
        calendar: TradingCalendar | None = None,
        rates: Mapping[str, Rates] | None = None,
        settings: WatchSettings | None = None,
    ) -> None:
        """earlier: the last stored closes with all their revisions, by time and revision; `closes_remembered` of them
        tell about the venues what a node that never stopped would know. Their evidence is let go once it was read.
        calendar: when the series trades, always unless given.  rates: venue -> what converts its quote into the
        series', for those that need it.
        """
        self._series, self._venues, self._clock, self._params = series, venues, clock, params
        self._earlier, self._settings, self._rates = earlier, settings, rates
        self._rules = SettleRules.of(params, calendar)
        self.book = RateBook(row for row in earlier if row.revision == 0)
        self._tasks = asyncio.TaskGroup()
        self._watching: asyncio.Task[None] | None = None
        self._health: Mapping[str, VenueHealth] = {}

    @property
    def health(self) -> Mapping[str, VenueHealth]:
        """Each venue's counters by name; empty before `closes` is first asked."""
        return self._health

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watching is not None:
            self._watching.cancel()
        try:
            await self._tasks.__aexit__(kind, error, trace)
        finally:
            for venue in self._venues:
                await venue.aclose()

    async def closes(self, *, since_ms: int) -> AsyncGenerator[CloseRow, None]:
        """As the Market port. Asked once in a market's life. Raises RuntimeError (ours) when asked again."""
        if self._watching is not None:
            raise RuntimeError(f"the closes of {self._series} are already being handed out")
        watch = MarketWatch(
            self._venues,
            self._clock,
            self._rules,
            next_close_ms=self._rules.next_close_ms(since_ms),
            history=no_history(self._params),
            rates=self._rates,
            reach_ms=corrections_reach_ms(self._params),
            settings=self._settings,
        )
        instants = sorted({row.close_at_ms for row in self._earlier if row.close_at_ms <= since_ms})
        remembered = set(instants[-closes_remembered(self._params) :])
        watch.remember(row for row in self._earlier if row.close_at_ms in remembered)
        self._earlier = ()
        self._health = watch.health
        settled: asyncio.Queue[AgreedClose] = asyncio.Queue(_QUEUED_CLOSES)
        self._watching = self._tasks.create_task(watch.run(settled.put), name=f"market {self._series}")
        while True:
            close = await settled.get()
            if close.revision == 0:
                self.book.put(close.close_at_ms, close.close_e8)
            yield row_of(close, series=self._series, agreed_at_ms=self._clock.now_ms())


class SourceMarket:
    """Closes of recorded or generated venues, each when its time has come on the clock: for scenarios and demos."""

    def __init__(
        self,
        series: str,
        sources: Mapping[str, CandleSource],
        clock: Clock,
        params: NetworkParams,
        *,
        earlier: Sequence[CloseRow] = (),
        calendar: TradingCalendar | None = None,
    ) -> None:
        self._series, self._sources, self._clock, self._params = series, sources, clock, params
        self._earlier, self._rules = earlier, SettleRules.of(params, calendar)

    async def closes(self, *, since_ms: int) -> AsyncGenerator[CloseRow, None]:
        """As the Market port. A recording that ends goes on as missing closes."""
        rules = self._rules
        history = history_of((row for row in self._earlier if row.close_at_ms <= since_ms), self._params)
        from_ms = rules.next_close_ms(since_ms)
        for close in agreed_closes(self._sources, rules, from_ms=from_ms, to_ms=_FAR_MS, history=history):
            await self._clock.sleep_until(close.close_at_ms + rules.settle_delay_ms)
            yield row_of(close, series=self._series, agreed_at_ms=self._clock.now_ms())


def corrections_reach_ms(params: NetworkParams) -> int:
    """How far back corrections are looked for: over the dispute window, and as long again to keep them as disputes."""
    return 2 * params.time.dispute_window_ms


def closes_remembered(params: NetworkParams) -> int:
    """How many of the stored closes a market must be told when it starts again: all that can still be corrected, and
    two windows before them, from which the venues are known as they were then."""
    return corrections_reach_ms(params) // params.time.step_ms + 2 * params.truth.basis_window_steps
