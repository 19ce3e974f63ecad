"""Where candles come from when no exchange is asked, and a venue in memory that shows them through a clock."""

from __future__ import annotations

from typing import Final, Protocol

from neurons.market.candles import CandleArrays, joined
from neurons.market.problems import VenueProblem, unavailable
from neurons.ports import CandlePage, Clock
from protocol.units import UnixMs

_BLOCK_STEPS: Final = 2_016
"""How far a search for candles looks at a time: a week of 5-minute steps."""


class CandleSource(Protocol):
    """All finished candles of one venue and symbol, the future included: a clock decides what is shown of it."""

    @property
    def label(self) -> str:
        """What a person is told about where these prices come from; says "generated" where they are."""
        ...

    @property
    def step_ms(self) -> int: ...

    @property
    def first_ms(self) -> UnixMs:
        """No candle opens before this."""
        ...

    def candles(self, from_ms: int, to_ms: int) -> CandleArrays:
        """The candles that open in [from_ms, to_ms), gaps left out."""
        ...


def first_candles(source: CandleSource, from_ms: int, to_ms: int, count: int) -> CandleArrays:
    """The first `count` candles that open in [from_ms, to_ms): over any gap, and no more work than that takes."""
    parts: list[CandleArrays] = []
    found = 0
    start = max(from_ms, source.first_ms)
    while start < to_ms and found < count:
        stop = min(to_ms, start + max(count - found, _BLOCK_STEPS) * source.step_ms)
        part = source.candles(start, stop)
        part = part.rows(0, min(len(part), count - found))
        parts.append(part)
        found += len(part)
        start = stop
    return joined(parts)


def last_candles(source: CandleSource, to_ms: int, count: int) -> CandleArrays:
    """The last `count` candles that open before `to_ms`, oldest first."""
    parts: list[CandleArrays] = []
    found = 0
    stop = to_ms
    while stop > source.first_ms and found < count:
        start = max(source.first_ms, stop - max(count - found, _BLOCK_STEPS) * source.step_ms)
        part = source.candles(start, stop)
        part = part.rows(max(0, len(part) - (count - found)), len(part))
        parts.append(part)
        found += len(part)
        stop = start
    return joined(parts[::-1])


class MemoryVenue:
    """A PriceVenue over a source: recorded or generated candles as of a clock's now, without a socket."""

    def __init__(self, name: str, source: CandleSource, clock: Clock) -> None:
        self._name, self._source, self._clock = name, source, clock
        self._closed = False

    @property
    def name(self) -> str:
        return self._name

    async def closed_candles(self, *, since_ms: int, limit: int) -> CandlePage:
        """As PriceVenue: a candle is shown once a later one has opened (its witness), as by every venue here."""
        if self._closed:
            raise unavailable(self._name, VenueProblem.UNREACHABLE, "closed")
        listed = first_candles(self._source, since_ms, self._clock.now_ms() + 1, limit + 1)
        return CandlePage(tuple(listed.rows(0, max(0, len(listed) - 1)).candles()), "memory")

    async def aclose(self) -> None:
        self._closed = True
