"""The one place where open streams change: acts wait their turn, and what one turn decides becomes durable together.

    act --> waits --> decided and applied, one after the other --> one commit --> replies, then news
                                                                       |
                           not stored: refused, and the book is what the store has kept

So one flush of the disk serves many acts, and nobody is told of what may yet be lost. Who only reads may see an act
some milliseconds before it is durable.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from neurons.answering import Told
from neurons.ports import Clock, Store, StoreUnavailable
from neurons.records import Change, joined
from neurons.stream_records import NO_STREAM_CHANGE, StreamChange, joined_streams
from neurons.telemetry import StoreFailed, Telemetry
from neurons.validating.streams.rows import Kept, rows_of, taken_back
from neurons.validating.streams.telling import balance_news, news_of
from protocol.errors import AuguryError, KeyEnded, Overloaded
from protocol.messages import Message
from protocol.rules.stream_book.book import StreamBook
from protocol.rules.stream_book.effects import Effects
from protocol.rules.succession import Succession, origin
from protocol.units import SECOND_MS, Digest, Hotkey, UnixMs, short

MOST_WAITING: Final = 1_024
MOST_A_TURN: Final = 64
RETRY_MS: Final = SECOND_MS


@dataclass(frozen=True, slots=True)
class Decided:
    """What an act does, what it is answered, and the rows that are stored beside those of its effects."""

    effects: Effects
    reply: Message
    rows: StreamChange = NO_STREAM_CHANGE


Decide = Callable[["StreamKeeper", UnixMs], Decided]
"""Decides an act at an instant. Raises Rejected or Ignored; nothing has changed then."""


@dataclass(frozen=True, slots=True, eq=False)
class _Act:
    decide: Decide
    told: Told
    arrived_ms: UnixMs
    evidence: Digest
    answer: asyncio.Future[Message]

    def refuse(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


@dataclass
class StreamKeeper:
    """The book of open streams, the names and the successions of keys. Use `book` to read; `act` alone changes it."""

    store: Store
    clock: Clock
    telemetry: Telemetry
    publish: Callable[[str, Message], None]
    kept: Kept
    _waiting: deque[_Act] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def book(self) -> StreamBook:
        return self.kept.book

    @property
    def nonces(self) -> Mapping[Hotkey, bytes]:
        """By the first key of a line: with which nonce it has its memorable name."""
        return self.kept.nonces

    @property
    def successions(self) -> Mapping[Hotkey, Succession]:
        return self.kept.successions

    def owner_of(self, hotkey: Hotkey) -> Hotkey:
        """Under whom a key acts: the first key of its line."""
        return origin(self.successions, hotkey)

    def require_standing(self, hotkey: Hotkey) -> None:
        """Raises KeyEnded (nobody's) for a key that was handed over or revoked, also while its act waited."""
        if hotkey in self.successions:
            raise KeyEnded(f"key {short(hotkey)} was handed over or revoked", sender=hotkey)

    def now_ms(self) -> UnixMs:
        """The instant of a reading: never before what was applied last."""
        return max(self.clock.now_ms(), self.book.newest_ms)

    async def act(self, decide: Decide, told: Told, *, arrived_ms: UnixMs, evidence: Digest) -> Message:
        """The reply to an act, once everything of it is durable.

        evidence: digest of the signed envelope.  Raises what `decide` raises, Overloaded when too many acts wait, and
        StoreUnavailable when the turn could not be stored: as if it had not come.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise Overloaded(f"{MOST_WAITING} acts on open streams wait already; ask again later", limit=MOST_WAITING)
        act = _Act(decide, told, arrived_ms, evidence, asyncio.get_running_loop().create_future())
        self._waiting.append(act)
        self._wake.set()
        return await act.answer

    async def run(self) -> None:
        """Takes turns until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._turn([self._waiting.popleft() for _ in range(min(MOST_A_TURN, len(self._waiting)))])

    async def _turn(self, acts: list[_Act]) -> None:
        decided: list[tuple[_Act, Decided]] = []
        changes: list[Change] = []
        for act in acts:
            if act.answer.done():
                continue  # who asked has gone before its turn came
            try:
                one = act.decide(self, max(act.arrived_ms, self.book.newest_ms))
                changes.append(self._change(act, one))
            except Exception as error:  # noqa: BLE001 - whatever it is, whoever asked hears it, and nothing has changed
                act.refuse(error)
                continue
            decided.append((act, one))
            self._apply(one)
            await asyncio.sleep(0)  # others may read between two acts
        if not changes:
            return
        try:
            await self.store.apply(joined(changes))
        except AuguryError as error:
            self.telemetry.record(StoreFailed(reason=error.public))
            for act, _ in decided:
                act.refuse(error)
            await self._take_back()
            return
        for act, one in decided:
            if not act.answer.done():
                act.answer.set_result(one.reply)
        for _, one in decided:
            for topic, message in news_of(one.effects):
                self.publish(topic, message)
        for topic, message in balance_news((one.effects for _, one in decided), self.book.tallies):
            self.publish(topic, message)

    def _change(self, act: _Act, decided: Decided) -> Change:
        rows = rows_of(decided.effects, self.book.state, evidence=act.evidence)
        return replace(
            act.told(decided.reply),
            transactions=decided.effects.transactions,
            open_streams=joined_streams((rows, decided.rows)),
        )

    def _apply(self, decided: Decided) -> None:
        self.book.apply(decided.effects)
        names = {row.hotkey: row.nonce for row in decided.rows.names}
        ended = {succession.before: succession for succession in decided.rows.successions}
        if names or ended:
            self.kept = replace(self.kept, nonces={**self.nonces, **names}, successions={**self.successions, **ended})

    async def _take_back(self) -> None:
        """Reads the book again, as soon as the store lets it: what was decided in vain is forgotten."""
        limits = self.book.state.limits
        while True:
            try:
                self.kept = await taken_back(self.store, limits)
                return
            except StoreUnavailable as error:
                self.telemetry.record(StoreFailed(reason=error.public))
                await self.clock.sleep_until(self.clock.now_ms() + RETRY_MS)
