"""A stream book that is played by hand: keys with names, values and scenarios, and every effect written down."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from protocol.params import StreamLimits
from protocol.rules.stream_book.book import StreamBook
from protocol.rules.stream_book.effects import Effects
from protocol.rules.stream_book.submitting import Submission
from protocol.rules.streams import NETWORK_LIMITS
from protocol.units import Hotkey, UnixMs

T = UnixMs(1_763_800_000_000)
"""When a game begins."""
S = 1_000


def key(name: str) -> Hotkey:
    """A hotkey that nobody has the secret of."""
    return Hotkey(hashlib.sha256(name.encode()).digest())


def about(centre: float, width: float = 1.0, *, seed: int = 0) -> np.ndarray:
    """225 scenarios about a centre."""
    return centre + width * np.random.default_rng(seed).standard_normal(225)


@dataclass
class StreamPlay:
    """at_ms: the game's clock, moved by hand. history: every effect that was applied, in order."""

    limits: StreamLimits = NETWORK_LIMITS
    at_ms: UnixMs = T
    history: list[Effects] = field(default_factory=list)
    sequence: int = 0

    def __post_init__(self) -> None:
        self.book = StreamBook(self.limits)

    def do(self, effects: Effects) -> Effects:
        self.book.apply(effects)
        self.history.append(effects)
        return effects

    def wait(self, seconds: float) -> UnixMs:
        self.at_ms = UnixMs(self.at_ms + round(seconds * S))
        return self.at_ms

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence

    def named(self, *names: str, letters: int = 13) -> list[Hotkey]:
        keys = [key(name) for name in names]
        for one in keys:
            self.do(self.book.recognise(one, letters, now_ms=self.at_ms))
        return keys

    def value(self, name: str, owner: Hotkey, value: object, **more: object) -> Effects:
        sequence = self.next_sequence()
        return self.do(self.book.publish(name, owner, sequence=sequence, value=str(value), now_ms=self.at_ms, **more))

    def submit(self, owner: Hotkey, name: str, delay: int, values: object) -> Effects:
        return self.submit_all(owner, [Submission(name, delay, values)])

    def submit_all(self, owner: Hotkey, submissions: list[Submission]) -> Effects:
        sequence = self.next_sequence()
        return self.do(self.book.submit(submissions, owner, sequence=sequence, now_ms=self.at_ms))

    def replayed(self) -> StreamBook:
        """A book made of nothing but what was written down."""
        book = StreamBook(self.limits)
        for effects in self.history:
            book.apply(effects)
        return book
