"""A `Publisher` whose validator is a stream book, and readings made up in advance: what tests of polls play with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neurons.ports import PeerUnreachable
from protocol.keys import SigningKey
from protocol.messages import NO_ROUND, StreamActReply
from protocol.receipts import sign_receipt
from protocol.rules.stream_book.publishing import Offer
from protocol.units import MINUTE_MS
from tests.support.stream_play import StreamPlay
from tests.support.virtual_time import START_MS, VirtualClock, run_virtual
from tests.support.world import signing_key

NAME = "cop.json"


@dataclass
class BookPublisher:
    """A `Publisher` whose validator is a stream book. away: the network is down."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    key: SigningKey = field(default_factory=lambda: signing_key("publisher"))
    away: bool = False
    touched: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    published: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    flags: list[tuple[bool, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.play = StreamPlay(at_ms=START_MS)
        self.play.do(self.play.book.recognise(self.key.hotkey, 13, now_ms=START_MS))

    async def publish(self, name, value, *, budget=1.0, rule="", with_percentiles=False):
        return self._publish({name: value}, {name: budget}, rule, (with_percentiles, False))

    async def publish_set(self, values, *, budgets=None, with_percentiles=True, with_copulas=True):
        return self._publish(values, budgets or {}, "", (with_percentiles, with_copulas))

    async def touch(self, *names):
        self._require_there()
        now = self.clock.now_ms()
        for name in names:
            self.play.do(self.play.book.touch(name, self.key.hotkey, now_ms=now))
        self.touched.append((now, names))
        return self._reply()

    def _publish(self, values: Mapping[str, str], budgets: Mapping[str, float], rule: str, flags) -> StreamActReply:
        self._require_there()
        now = self.clock.now_ms()
        offers = [
            Offer(name, text, round(1_000_000 * budgets.get(name, 1.0)), rule or None) for name, text in values.items()
        ]
        percentiles, copulas = flags
        effects = self.play.book.publish_set(
            offers,
            self.key.hotkey,
            sequence=now,
            now_ms=now,
            with_percentiles=percentiles,
            with_copulas=copulas,
        )
        self.play.do(effects)
        self.published.append((now, dict(values)))
        self.flags.append(flags)
        return self._reply()

    def _require_there(self) -> None:
        if self.away:
            raise PeerUnreachable("validator:1: unavailable: connection refused", reason="unavailable")

    def _reply(self) -> StreamActReply:
        now = self.clock.now_ms()
        return StreamActReply(
            sign_receipt("submit", NO_ROUND, self.key.hotkey, evidence=b"", received_at_ms=now, key=self.key)
        )


def played(scenario) -> None:
    """Plays a scenario with a publisher in virtual time."""

    async def main() -> None:
        await scenario(BookPublisher())

    run_virtual(main())


def minutes_of(published) -> list[float]:
    return [(at_ms - START_MS) / MINUTE_MS for at_ms, _ in published]


class Feed:
    """A function that returns, or raises, one thing after another, and the last one for ever."""

    def __init__(self, *readings: object) -> None:
        self.readings, self.calls = list(readings), 0

    def __call__(self) -> object:
        reading = self.readings[min(self.calls, len(self.readings) - 1)]
        self.calls += 1
        if isinstance(reading, Exception):
            raise reading
        return reading
