"""What an action on open streams changes, as plain data: what is stored, booked, pushed and told.

    an action --decided by--> Effects --stored, then `apply`--> the book            the same again when read back

The order inside one `Effects` carries no meaning beyond what each field says, so a store may keep each field in a table
of its own and give them back together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocol.errors import AuguryError
from protocol.rules.ledger import Transaction
from protocol.rules.pot import Settlement
from protocol.rules.quarantine import Word
from protocol.rules.stream_edges import Link, Message, Subscription
from protocol.rules.stream_records import Notice
from protocol.rules.stream_values import StreamValue
from protocol.rules.streams import Stream
from protocol.units import UnixMs

ROW_DTYPE: Final = "<f8"
"""Scenarios as bytes: float64, little-endian, ascending."""


class Speaker(StrEnum):
    """Who said a word for an owner."""

    OWNER = "owner"
    BENCHMARK = "benchmark"
    """The stream itself, for its owner (`benchmark.py`)."""
    VALIDATOR = "validator"
    """A withdrawal of who is bankrupt."""


@dataclass(frozen=True, slots=True)
class Said:
    """A word for one horizon of one incarnation of a stream; a cancellation has no scenarios.

    scenarios: float64 little-endian, ascending, as `scenarios.sorted_scenarios` has them.
    """

    name: str
    incarnation: int
    delay: int
    word: Word
    scenarios: bytes = b""
    speaker: Speaker = Speaker.OWNER

    @property
    def order(self) -> tuple[int, int]:
        """Later words of one owner come after earlier ones; of one millisecond, the numbers decide."""
        return self.word.received_at_ms, self.word.sequence

    def row(self) -> NDArray[np.float64]:
        """The scenarios as numbers, ascending, read-only."""
        return np.frombuffer(self.scenarios, dtype=ROW_DTYPE)


@dataclass(frozen=True, slots=True)
class Taken:
    """A value that a stream took, and the stream after it.

    rule: by which the stream's pots are settled, from its creation on.
    percentiles: (delay, where it fell among that horizon's judged scenarios), of a plain stream's number.
    """

    stream: Stream
    value: StreamValue
    at_ms: UnixMs
    rule: str
    percentiles: tuple[tuple[int, Fraction], ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """One horizon met one value. (name, incarnation, sequence, delay) occurs once for ever."""

    name: str
    incarnation: int
    sequence: int
    delay: int
    sponsor: str
    """The stream's owner in hex: under whose boards it counts."""
    at_ms: UnixMs
    settlement: Settlement


class EdgeChange(NamedTuple):
    """A link or a subscription that is there from now on, or is not any more."""

    edge: Link | Subscription
    is_there: bool


class Refused(NamedTuple):
    """A part of a batch that was not taken, in the words of the error that it would have raised alone."""

    name: str
    delay: int
    code: str
    message: str

    @classmethod
    def because(cls, error: AuguryError, name: str, delay: int) -> Refused:
        return cls(name, delay, error.code, error.public)


class Request(NamedTuple):
    """What an action is known again by: a retry has the same, and gets the same effects.

    slot: whose last request it replaces, of one action.  number: which of them it is.
    """

    action: str
    slot: str
    number: str


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that one action changes, together or not at all. Owners are hotkeys in hex.

    request: None for an action that may be repeated without harm.
    streams: records that changed without a value (touched, deleted).
    letters: (owner, letters of its key's animal) that became known.
    notices: (owner, line of its log).
    transactions, taken, settled, messages and notices are also what is pushed to who watches.
    """

    at_ms: UnixMs
    request: Request | None = None
    streams: tuple[Stream, ...] = ()
    taken: tuple[Taken, ...] = ()
    settled: tuple[Settled, ...] = ()
    said: tuple[Said, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    edges: tuple[EdgeChange, ...] = ()
    messages: tuple[Message, ...] = ()
    letters: tuple[tuple[str, int], ...] = ()
    notices: tuple[tuple[str, Notice], ...] = ()
    refused: tuple[Refused, ...] = ()
