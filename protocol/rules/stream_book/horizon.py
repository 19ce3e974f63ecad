"""One horizon of one stream: who said what, and the pool that meets the next value, kept sorted from value to value.

`quarantine.judged` says who stands in the pool; here the same follows from what became due since the last value, so
that a value costs what changed and not what stands. The pool is only a view: it follows from the words and an instant.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from operator import attrgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocol.errors import Overloaded, RateLimited, Replayed
from protocol.rules.pot import MAX_OWNERS
from protocol.rules.quarantine import LIFE_MS
from protocol.rules.scenarios import Pool
from protocol.rules.stream_book.effects import Said, Speaker
from protocol.units import SECOND_MS, UnixMs

MAX_WAITING: Final = 64
"""Words of one owner that wait out quarantine at once: a word a minute at the longest delay."""
_NEVER: Final = UnixMs(-(2**62))
_BY_ORDER: Final = attrgetter("order")


class Horizon:
    """The words of one stream and delay that some value may still be held against, and the pool as of the last value.

    Two horizons are equal when the same words stand in them.
    """

    def __init__(self, delay: int, *, count: int, life_ms: int = LIFE_MS) -> None:
        self.delay = delay
        self.words: dict[str, list[Said]] = {}
        """Owner -> its words, earlier ones first: the last one out of quarantine, and everything since."""
        self.sequences: dict[str, int] = {}
        """Owner -> the highest number that it gave a word of its own."""
        self._delay_ms, self._life_ms = delay * SECOND_MS, life_ms
        self._count = count
        self._as_of_ms = _NEVER
        self._owners: tuple[str, ...] = ()
        self._columns: NDArray[np.float64] = np.empty((count, 0))
        self._received_ms: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._waiting: deque[tuple[UnixMs, str]] = deque()
        self._changed: set[str] = set()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Horizon):
            return NotImplemented
        return (self.delay, self.words, self.sequences) == (other.delay, other.words, other.sequences)

    __hash__ = None  # type: ignore[assignment]

    def check_word(self, owner: str, sequence: int, at_ms: UnixMs) -> None:
        """Raises Replayed for a number not above the owner's last here, RateLimited for the 65th word that would wait,
        Overloaded where 10,000 others are in the pool or wait for it."""
        if sequence <= self.sequences.get(owner, 0):
            raise Replayed("this horizon has heard a later word of yours", field="sequence")
        since_ms = at_ms - self._delay_ms
        waiting = [said for said in self.words.get(owner, ()) if said.word.received_at_ms > since_ms]
        if sum(said.speaker is Speaker.OWNER for said in waiting) >= MAX_WAITING:
            raise RateLimited(f"at most {MAX_WAITING} words wait at a horizon", field="delay", limit=MAX_WAITING)
        if owner not in self.words and len(self.words) >= MAX_OWNERS:
            raise Overloaded(f"a horizon has at most {MAX_OWNERS} owners", field="delay", limit=MAX_OWNERS)

    def take(self, said: Said) -> None:
        """Adds a word, wherever it belongs among its owner's; lets go what its owner's later words have replaced."""
        owner, word = said.word.owner, said.word
        if said.speaker is Speaker.OWNER:
            self.sequences[owner] = max(word.sequence, self.sequences.get(owner, 0))
        words = self.words.setdefault(owner, [])
        insort(words, said, key=_BY_ORDER)
        self._waiting.append((word.received_at_ms, owner))
        self._prune(owner, word.received_at_ms)

    def newest(self, owner: str) -> Said | None:
        """An owner's last word, quarantined or not; None when it has none here."""
        words = self.words.get(owner)
        return words[-1] if words else None

    def current(self, at_ms: UnixMs) -> list[Said]:
        """Everybody's newest submission, quarantined or not, by owner: what a distribution is read from."""
        found = (self._standing(owner, at_ms) for owner in sorted(self.words))
        return [said for said in found if said is not None]

    def judged(self, at_ms: UnixMs) -> list[Said]:
        """Everybody's submission that a value meets at an instant, by owner."""
        due_ms = at_ms - self._delay_ms
        found = (self._standing(owner, due_ms) for owner in sorted(self.words))
        return [said for said in found if said is not None]

    def is_predicted(self, at_ms: UnixMs) -> bool:
        """Whether anybody's submission is current."""
        return any(self._standing(owner, at_ms) is not None for owner in self.words)

    def pool_at(self, at_ms: UnixMs) -> Pool:
        """Whose scenarios meet a value at an instant: those whom `quarantine.judged` names.

        The columns are the horizon's own and hold until the next call.
        """
        if at_ms < self._as_of_ms:
            self._restart()
        due_ms = at_ms - self._delay_ms
        due = set()
        while self._waiting and self._waiting[0][0] <= due_ms:
            due.add(self._waiting.popleft()[1])
        overdue = np.flatnonzero(self._received_ms <= due_ms - self._life_ms)
        due.update(self._owners[place] for place in overdue.tolist())
        if due:
            self._change({owner: self._standing(owner, due_ms) for owner in due})
        self._as_of_ms = at_ms
        return Pool(self._owners, self._columns)

    def settle_down(self, at_ms: UnixMs) -> None:
        """Lets go the words that no value from an instant on can be held against."""
        self.pool_at(at_ms)
        for owner in self._changed:
            self._prune(owner, at_ms)
        self._changed.clear()

    def _restart(self) -> None:
        """Forgets the pool, which the words can make again as of any instant that counts."""
        self._owners, self._columns = (), np.empty((self._count, 0))
        self._received_ms = np.empty(0, dtype=np.int64)
        every = sorted((said.word.received_at_ms, owner) for owner, words in self.words.items() for said in words)
        self._waiting = deque(every)

    def _standing(self, owner: str, until_ms: int) -> Said | None:
        """An owner's last word received by an instant, unless that was a cancellation or its life is over by then."""
        last = None
        for said in self.words.get(owner, ()):
            if said.word.received_at_ms > until_ms:
                break
            last = said
        is_over = last is None or last.word.cancels or last.word.received_at_ms <= until_ms - self._life_ms
        return None if is_over else last

    def _change(self, judged: dict[str, Said | None]) -> None:
        """Puts each owner's column where it belongs, or takes it out: one copy of the pool if owners came or went."""
        self._changed.update(judged)
        places = {owner: place for place, owner in enumerate(self._owners)}
        standing = {owner: said for owner, said in judged.items() if said is not None}
        if any((owner in places) != (owner in standing) for owner in judged):
            owners = tuple(sorted({*(owner for owner in self._owners if owner not in judged), *standing}))
            columns = np.empty((self._count, len(owners)))
            received_ms = np.empty(len(owners), dtype=np.int64)
            kept = [(new, places[owner]) for new, owner in enumerate(owners) if owner in places]
            if kept:
                new, old = (list(side) for side in zip(*kept, strict=True))
                columns[:, new] = self._columns[:, old]
                received_ms[new] = self._received_ms[old]
            self._owners, self._columns, self._received_ms = owners, columns, received_ms
            places = {owner: place for place, owner in enumerate(owners)}
        for owner, said in standing.items():
            self._columns[:, places[owner]] = said.row()
            self._received_ms[places[owner]] = said.word.received_at_ms

    def _prune(self, owner: str, at_ms: UnixMs) -> None:
        words = self.words.get(owner)
        if words is None:
            return
        due_ms = at_ms - self._delay_ms
        judged = self._standing(owner, due_ms)
        kept = [said for said in words if said is judged or said.word.received_at_ms > due_ms]
        if kept:
            self.words[owner] = kept
        else:
            del self.words[owner]
