"""The broadcasts about open streams: each value that came, and what each horizon paid for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar, Final

from protocol.messages.checks import positive, rows, sized, text
from protocol.messages.header import Purpose
from protocol.messages.streams import Percentile, value_text
from protocol.units import HOTKEY_BYTES, Hotkey, Micros, UnixMs

ALL_STREAMS: Final = "streams"
"""The topic of everything that happens on any stream of a validator."""
POINTS: Final = "points"


def stream_topic(name: str) -> str:
    """The topic of one stream: names may be longer than topics, so it is 16 hex digits of the name's SHA-256."""
    return f"{ALL_STREAMS}/{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def points_topic(owner: Hotkey) -> str:
    """The topic of one key's points: the first key of its line, by its first 16 hex digits."""
    return f"{POINTS}/{owner.hex()[:16]}"


@dataclass(frozen=True, slots=True)
class StreamNews:
    """Broadcast: a stream took a value. Topics `streams` and the stream's own.

    value: the UTF-8 bytes of its text.  percentiles: where it fell, by horizon.
    """

    PURPOSE: ClassVar = Purpose.BROADCAST
    name: str
    owner: Hotkey
    incarnation: int
    sequence: int
    at_ms: UnixMs
    value: bytes
    budget_micros: Micros
    percentiles: tuple[Percentile, ...] = ()

    def __post_init__(self) -> None:
        text("name", self.name)
        value_text("value", self.value)


@dataclass(frozen=True, slots=True)
class Moved:
    """What a settlement did to one owner's points."""

    owner: Hotkey
    amount_micros: Micros


@dataclass(frozen=True, slots=True)
class SettlementNews:
    """Broadcast: a horizon met a value. Topics as of `StreamNews`. Of more than 1,000 owners there are several.

    delay: seconds.  rule: a name of `rules/pot.py`.  moved: those whose points moved.
    """

    PURPOSE: ClassVar = Purpose.BROADCAST
    name: str
    incarnation: int
    sequence: int
    delay: int
    at_ms: UnixMs
    value: float
    rule: str
    budget_micros: Micros
    moved: tuple[Moved, ...]

    def __post_init__(self) -> None:
        text("name", self.name)
        positive("delay", self.delay)
        rows("moved", self.moved)


@dataclass(frozen=True, slots=True)
class BalanceNews:
    """Broadcast: a key's points moved, by settlements, a creation or a transfer. Topic `points/` and 16 hex digits."""

    PURPOSE: ClassVar = Purpose.BROADCAST
    owner: Hotkey
    at_ms: UnixMs
    balance_micros: Micros

    def __post_init__(self) -> None:
        sized("owner", self.owner, HOTKEY_BYTES)
