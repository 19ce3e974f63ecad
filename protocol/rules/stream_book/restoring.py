"""A book taken back from what a store has kept of it, in any number of pieces.

    streams, names, edges, mailboxes --> values, older ones first --> words, in the order of receipt --> sums --> book()

It decides alike on everything from then on. What is not taken back: the replies to acts of before
(`BookState.answered`), which a node keeps beside the acts for as long as a retry may come.
"""

from __future__ import annotations

from collections.abc import Sequence

from protocol.params import StreamLimits
from protocol.rules.ledger import Account
from protocol.rules.quarantine import LIFE_MS
from protocol.rules.stream_book.book import StreamBook
from protocol.rules.stream_book.effects import EdgeChange, Said
from protocol.rules.stream_book.state import NO_VALUE, BookState, StreamRecord
from protocol.rules.stream_edges import Link, Subscription
from protocol.rules.stream_names import is_derived_name, parse_derived_name
from protocol.rules.stream_values import read_value
from protocol.rules.streams import NETWORK_LIMITS, Stream
from protocol.units import Micros, UnixMs


class Restoring:
    """A book in the making. Owners are hotkeys in hex."""

    def __init__(self, limits: StreamLimits = NETWORK_LIMITS, *, life_ms: int = LIFE_MS) -> None:
        self._state = BookState(limits, life_ms)

    def stream(self, stream: Stream, rule: str) -> None:
        """What is kept of a name, also while it is free. rule: by which its pots are settled."""
        self._state.streams[stream.name] = StreamRecord(stream, rule, NO_VALUE)
        self._lived_until(stream.value_at_ms)
        if is_derived_name(stream.name):
            for plain in parse_derived_name(stream.name).names:
                self._state.derived.setdefault(plain, set()).add(stream.name)

    def letters(self, owner: str, letters: int) -> None:
        """A key's memorable name is so long."""
        self._state.letters[owner] = letters

    def edge(self, edge: Link | Subscription) -> None:
        """A link or subscription that stands."""
        self._state.join([EdgeChange(edge, is_there=True)])

    def letter(self, mailbox: str, sender: str, text: str) -> None:
        """A sender's newest value in a stream's mailbox."""
        self._state.streams[mailbox].mailbox[sender] = text

    def value(self, name: str, incarnation: int, sequence: int, text: str, at_ms: UnixMs) -> None:
        """A value of a stream; one of an earlier incarnation is passed over."""
        record = self._standing(name, incarnation)
        if record is not None:
            record.keep(read_value(text), at_ms, sequence, longest_delay=max(self._state.limits.delays))

    def word(self, said: Said) -> None:
        """What was said for a horizon; for an earlier incarnation it is passed over."""
        self._lived_until(said.word.received_at_ms)
        if self._standing(said.name, said.incarnation) is not None:
            self._state.hear([said])

    def day(
        self, name: str, delay: int, *, sponsor: str, day: int, earned: Sequence[tuple[str, Micros]], moved_micros: int
    ) -> None:
        """What each owner earned on one horizon in one day, and how much moved there, without signs."""
        self._state.tallies.take_back(name, delay, sponsor=sponsor, day=day, earned=earned, moved_micros=moved_micros)

    def balance(self, account: Account, amount_micros: Micros) -> None:
        """What stands on an account in points."""
        self._state.tallies.balances[account] = amount_micros

    def book(self) -> StreamBook:
        """The book of all that was given. Nothing more can be given then."""
        for record in self._state.streams.values():
            for horizon in record.horizons.values():
                horizon.settle_down(record.stream.value_at_ms)
        return StreamBook.of(self._state)

    def _standing(self, name: str, incarnation: int) -> StreamRecord | None:
        record = self._state.streams[name]
        stands = not record.stream.deleted and record.stream.incarnation == incarnation
        return record if stands else None

    def _lived_until(self, at_ms: UnixMs) -> None:
        self._state.newest_ms = max(self._state.newest_ms, at_ms)
