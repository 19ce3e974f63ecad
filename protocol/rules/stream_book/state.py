"""What a validator remembers of its open streams, and the one way in which that changes: `BookState.apply`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeVar

from protocol.errors import NodeFault
from protocol.params import StreamLimits
from protocol.rules.points import bankruptcy_level_micros
from protocol.rules.quarantine import LIFE_MS
from protocol.rules.stream_book.effects import EdgeChange, Effects, Request, Said, Taken
from protocol.rules.stream_book.horizon import Horizon
from protocol.rules.stream_book.tallies import Tallies
from protocol.rules.stream_edges import Link, Links, Message, Subscription, Subscriptions, deliver
from protocol.rules.stream_names import is_derived_name, parse_derived_name
from protocol.rules.stream_values import LAGS_KEPT, HistoryRecord, Lag, StreamValue, ValueKind, history_to_keep
from protocol.rules.streams import NETWORK_LIMITS, Stream
from protocol.units import SECOND_MS, Micros, UnixMs

NO_VALUE: Final = StreamValue("", ValueKind.OTHER)
"""Of a stream that was deleted."""
ANSWERS_KEPT: Final = 1_100
"""Acts whose effects a retry gets again: more than wait at once; the reply to an earlier act is the node's to keep."""
_BEFORE_ANYTHING: Final = UnixMs(0)
_level = lru_cache(maxsize=64)(bankruptcy_level_micros)
_Edge = TypeVar("_Edge", Link, Subscription)


@dataclass
class StreamRecord:
    """One incarnation of a stream.

    rule: by which its pots are settled.  lags: newest LAST, beyond 1,000 as far as delayed values need.
    history: values that have no lags, newest last.  mailbox: sender -> its newest value.
    """

    stream: Stream
    rule: str
    value: StreamValue
    lags: deque[Lag] = field(default_factory=deque)
    history: deque[HistoryRecord] = field(default_factory=deque)
    horizons: dict[int, Horizon] = field(default_factory=dict)
    mailbox: dict[str, str] = field(default_factory=dict)

    def newest_numbers(self, count: int) -> list[float]:
        """The newest numbers among the lags, newest first; small vectors are passed over."""
        found: list[float] = []
        for lag in reversed(self.lags):
            if isinstance(lag.value, float):
                found.append(lag.value)
                if len(found) == count:
                    break
        return found

    def keep(self, value: StreamValue, at_ms: UnixMs, sequence: int, *, longest_delay: int) -> None:
        """Adds a value to the lags or the history, and lets go what `lags_to_keep` and `history_to_keep` let go."""
        self.value = value
        if not value.has_lags:
            self.history.append(HistoryRecord(value, at_ms, sequence))
            kept = history_to_keep([old.value.size_bytes for old in reversed(self.history)])
            while len(self.history) > kept:
                self.history.popleft()
            return
        numbers = value.numbers
        self.lags.append(Lag(numbers[0] if len(numbers) == 1 else numbers, at_ms, sequence))
        while len(self.lags) > LAGS_KEPT and self.lags[1].at_ms <= at_ms - longest_delay * SECOND_MS:
            self.lags.popleft()


@dataclass
class BookState:
    """Plain tables. Two states are equal when every later action would decide alike on both.

    streams: name -> what is kept of it, also when it is free again.  derived: plain name -> the derived streams that
    hold it.  links, subscriptions: by the stream that they go out of; linked, subscribed: by the one they go into or
    come from.  letters: owner -> difficulty of its key.
    answered: what a retry gets, by action and slot, the newest last.
    """

    limits: StreamLimits = NETWORK_LIMITS
    life_ms: int = LIFE_MS
    newest_ms: UnixMs = _BEFORE_ANYTHING
    streams: dict[str, StreamRecord] = field(default_factory=dict)
    derived: dict[str, set[str]] = field(default_factory=dict)
    links: dict[str, Links] = field(default_factory=dict)
    linked: dict[str, set[Link]] = field(default_factory=dict)
    subscriptions: dict[str, Subscriptions] = field(default_factory=dict)
    subscribed: dict[str, Subscriptions] = field(default_factory=dict)
    letters: dict[str, int] = field(default_factory=dict)
    tallies: Tallies = field(default_factory=Tallies)
    answered: dict[tuple[str, str], Effects] = field(default_factory=dict)

    def apply(self, effects: Effects) -> None:
        """Makes what was decided so; effects that were applied last for their request change nothing.

        Raises NodeFault (ours) for effects that are older than what was applied before.
        """
        if effects.request is not None and self.answer(effects.request) is not None:
            return
        self.check_time(effects.at_ms)
        self.newest_ms = effects.at_ms
        self._take(effects.taken)
        for stream in effects.streams:
            self.streams[stream.name].stream = stream
            if stream.deleted:
                self._empty(stream.name)
        self.hear(effects.said)
        for settled in effects.settled:
            self.tallies.count(settled)
        self.tallies.book(effects.transactions)
        self.join(effects.edges)
        self._post(effects.messages)
        self.letters.update(effects.letters)
        for taken in effects.taken:
            for horizon in self.streams[taken.stream.name].horizons.values():
                horizon.settle_down(effects.at_ms)
        if effects.request is not None:
            self._remember(effects.request, effects)

    def answer(self, request: Request) -> Effects | None:
        """What was decided when this request came before, if it was the last of its slot."""
        answered = self.answered.get((request.action, request.slot))
        return answered if answered is not None and answered.request == request else None

    def _remember(self, request: Request, effects: Effects) -> None:
        """Keeps what was decided for its retry; a batch that was refused may weigh a megabyte, so not for ever."""
        slot = request.action, request.slot
        self.answered.pop(slot, None)
        self.answered[slot] = effects
        while len(self.answered) > ANSWERS_KEPT:
            del self.answered[next(iter(self.answered))]

    def check_time(self, at_ms: UnixMs) -> None:
        """Raises NodeFault (ours) for an instant before the newest that was applied: whose clock went back waits."""
        if at_ms < self.newest_ms:
            raise NodeFault(f"the clock of the streams stands at {self.newest_ms}, {at_ms} is before it", at_ms=at_ms)

    def record(self, name: str) -> StreamRecord | None:
        return self.streams.get(name)

    def stream(self, name: str) -> Stream | None:
        """What is kept of a name; None when nobody ever used it."""
        record = self.streams.get(name)
        return None if record is None else record.stream

    def horizon(self, name: str, delay: int) -> Horizon | None:
        """None where nobody has said anything about this incarnation."""
        record = self.streams.get(name)
        return None if record is None else record.horizons.get(delay)

    def level(self, owner: str) -> Micros:
        """The balance below which an owner is bankrupt, by the letters of its key's name."""
        return _level(self.letters.get(owner, 0))

    def _take(self, values: Iterable[Taken]) -> None:
        for taken in values:
            name = taken.stream.name
            record = self.streams.get(name)
            if record is None or record.stream.incarnation != taken.stream.incarnation:
                record = self.streams[name] = StreamRecord(taken.stream, taken.rule, taken.value)
                if is_derived_name(name):
                    for plain in parse_derived_name(name).names:
                        self.derived.setdefault(plain, set()).add(name)
            record.stream = taken.stream
            record.keep(taken.value, taken.at_ms, taken.stream.sequence, longest_delay=max(self.limits.delays))

    def _empty(self, name: str) -> None:
        """Lets go what a deleted stream held; its record stays, for owner and sequence."""
        record = self.streams[name]
        self.streams[name] = StreamRecord(record.stream, record.rule, NO_VALUE)

    def edges_of(self, name: str) -> list[Link | Subscription]:
        """Every link and subscription that goes out of a stream or into it, in one order for everybody."""
        links = self.links.get(name, frozenset()) | self.linked.get(name, set())
        out, into = self.subscriptions.get(name, frozenset()), self.subscribed.get(name, frozenset())
        return [*sorted(links), *sorted(out | into)]

    def hear(self, words: Iterable[Said]) -> None:
        """Gives each word to its horizon, in the order of receipt."""
        for said in words:
            horizons = self.streams[said.name].horizons
            if said.delay not in horizons:
                horizons[said.delay] = Horizon(said.delay, count=self.limits.num_predictions, life_ms=self.life_ms)
            horizons[said.delay].take(said)

    def join(self, changes: Iterable[EdgeChange]) -> None:
        """Makes links and subscriptions, or takes them back."""
        for edge, is_there in changes:
            if isinstance(edge, Link):
                _change(self.links, edge.name, edge, is_there=is_there)
                self._point_at(edge, is_there=is_there)
            else:
                _change(self.subscriptions, edge.subscriber, edge, is_there=is_there)
                _change(self.subscribed, edge.source, edge, is_there=is_there)

    def _point_at(self, link: Link, *, is_there: bool) -> None:
        """Any number of links may point at one stream, so this table is changed in place."""
        linked = self.linked.setdefault(link.target, set())
        (linked.add if is_there else linked.discard)(link)
        if not linked:
            del self.linked[link.target]

    def _post(self, messages: Iterable[Message]) -> None:
        for message in messages:
            record = self.streams[message.mailbox]
            record.mailbox = deliver(record.mailbox, message)


def _change(table: dict[str, frozenset[_Edge]], key: str, edge: _Edge, *, is_there: bool) -> None:
    held = table.get(key, frozenset())
    changed = held | {edge} if is_there else held - {edge}
    if changed:
        table[key] = frozenset(changed)
    else:
        table.pop(key, None)
