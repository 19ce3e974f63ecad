"""A validator's open streams without a validator: one book, read by its own readings, news to whoever watches.

What a crawler asks and does comes here without signatures and without a store; faults are switched on by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from neurons.client import News, StreamWriter
from neurons.peers_file import ListedValidator
from neurons.ports import PeerUnreachable
from neurons.stream_records import DaySumRow, SettlementRow
from neurons.validating.streams.keeping import StreamKeeper
from neurons.validating.streams.readings import StreamReadings
from neurons.validating.streams.rows import Kept
from neurons.validating.streams.telling import news_of
from protocol.messages import ALL_STREAMS, RefusedPart
from protocol.params import MAIN
from protocol.rules.stream_book.book import StreamBook
from protocol.rules.stream_book.effects import Effects
from protocol.rules.stream_book.submitting import Submission
from protocol.rules.stream_names import horizon_name
from protocol.units import Hotkey, UnixMs
from tests.support.stream_play import key
from tests.support.virtual_time import VirtualClock
from tests.support.world import quiet_telemetry, signing_key

ENDED = object()


@dataclass
class StreamMarket:
    """away: nobody answers.  calls: how often each thing was asked or done, by name."""

    limits: object = MAIN.streams
    away: bool = False
    calls: dict[str, int] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    """How many horizons each batch of scenarios had."""
    watchers: list[asyncio.Queue] = field(default_factory=list)
    settled: list[SettlementRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = VirtualClock()
        self.book = StreamBook(self.limits)
        keeper = StreamKeeper(self, self.clock, quiet_telemetry(self.clock), lambda *_: None, Kept(self.book, {}, {}))
        self.readings = StreamReadings(keeper, self)
        self._sequence = 0

    def now_ms(self) -> UnixMs:
        return max(self.clock.now_ms(), self.book.newest_ms)

    def next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    def named(self, owner: Hotkey, letters: int = 13) -> Hotkey:
        self.apply(self.book.recognise(owner, letters, now_ms=self.now_ms()))
        return owner

    def publish(self, name: str, value: object, owner: str = "publisher", **more: object) -> Effects:
        now_ms = self.now_ms()
        return self.apply(
            self.book.publish(name, key(owner), sequence=self.next_sequence(), value=str(value), now_ms=now_ms, **more)
        )

    def apply(self, effects: Effects) -> Effects:
        self.book.apply(effects)
        for one in effects.settled:
            sponsor = Hotkey(bytes.fromhex(one.sponsor))
            self.settled.append(
                SettlementRow(one.name, one.incarnation, one.sequence, one.delay, sponsor, one.at_ms, one.settlement)
            )
        for topic, message in news_of(effects):
            if topic == ALL_STREAMS:
                self.tell(message)
        return effects

    def tell(self, message: object) -> None:
        """News to everybody who watches, true or not."""
        for queue in self.watchers:
            queue.put_nowait(News(ALL_STREAMS, self.next_sequence(), self.now_ms(), message, b""))

    def break_watches(self) -> None:
        for queue in self.watchers:
            queue.put_nowait(ENDED)

    async def settled_of(
        self, owner: Hotkey, *, before_ms: int | None = None, limit: int = 100
    ) -> tuple[list[SettlementRow], list[DaySumRow]]:
        """As a store tells them; nothing is let go here."""
        found = [row for row in reversed(self.settled) if owner.hex() in row.settlement.owners]
        return found[:limit], []


class MarketWriter(StreamWriter):
    """The writer of one key at a market: what it asks is answered by the book, at once."""

    def __init__(self, market: StreamMarket, name: str, *, letters: int = 13) -> None:
        self.market = market
        signing = signing_key(name)
        super().__init__(ListedValidator(Hotkey(bytes(32)), "market:1"), signing, clock=market.clock, wire=self)
        market.named(signing.hotkey, letters)

    async def aclose(self) -> None:
        """The market stays."""

    def _called(self, what: str) -> None:
        self.market.calls[what] = self.market.calls.get(what, 0) + 1
        if self.market.away:
            raise PeerUnreachable("market:1: refused", reason="refused")

    async def _told(self, question, wanted):
        self._called(type(question).__name__)
        return (await self.market.readings.answer(question, self.hotkey)).answer

    async def submit(self, forecasts):
        self._called("submit")
        if not forecasts:
            return ()
        self.market.batches.append(len(forecasts))
        return self._spoken([Submission(*horizon, values) for horizon, values in forecasts.items()])

    async def cancel(self, horizons):
        self._called("cancel")
        return self._spoken([Submission(*horizon, None) for horizon in horizons])

    def _spoken(self, submissions: list[Submission]) -> tuple[RefusedPart, ...]:
        market = self.market
        sequence = market.next_sequence()
        effects = market.apply(market.book.submit(submissions, self.hotkey, sequence=sequence, now_ms=market.now_ms()))
        return tuple(RefusedPart(horizon_name(one.name, one.delay), one.code, one.message) for one in effects.refused)

    async def watch(self, *topics: str, silence_ms: int = 0) -> AsyncIterator[News]:
        self._called("watch")
        queue: asyncio.Queue = asyncio.Queue()
        self.market.watchers.append(queue)
        try:
            while (news := await queue.get()) is not ENDED:
                yield news
        finally:
            self.market.watchers.remove(queue)
