"""The rows that a node keeps of open streams, and the bag of them that becomes durable with a `Change`.

As everywhere (`neurons/records.py`), writing the same row twice changes nothing:

- insert-once rows keep the FIRST row of a key (values, words, settlements, successions, notices, evidence);
- upsert rows keep the LAST row of a key (streams, names, links, subscriptions, letters).

What settlements add up to, the sums of days, is kept by the store itself, in the commit that first keeps a settlement:
a retry adds nothing. Points move by transactions in the unit of points, as all that is booked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import chain
from operator import attrgetter
from typing import Final

from protocol.rules.pot import Settlement
from protocol.rules.stream_edges import Link, Subscription
from protocol.rules.stream_records import Notice
from protocol.rules.streams import Stream
from protocol.rules.succession import Succession
from protocol.units import Digest, Hotkey, Micros, UnixMs


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A name and what is kept of it, also while it is free. Key: the stream's name. Upsert.

    rule: by which its pots are settled.
    """

    stream: Stream
    rule: str


@dataclass(frozen=True, slots=True)
class StreamValueRow:
    """A value as it was published. Key: name, incarnation, sequence. First one stays.

    has_lags: whether it is kept as a lag or as a history record.  evidence: digest of the signed envelope that brought
    it; None for a derived stream's.
    """

    name: str
    incarnation: int
    sequence: int
    at_ms: UnixMs
    text: str
    has_lags: bool
    evidence: Digest | None = None


@dataclass(frozen=True, slots=True)
class WordRow:
    """What an owner said for one horizon: scenarios, or none any more. Key: all but cancels, scenarios and evidence.

    First one stays.  received_at_ms: the arrival, which quarantine counts from.  speaker: who said it for the owner, as
    `stream_book` names them.  scenarios: float64 little-endian, ascending; empty when it cancels.
    evidence: digest of the signed envelope; None for what a validator said by itself.
    """

    name: str
    incarnation: int
    delay: int
    owner: Hotkey
    received_at_ms: UnixMs
    sequence: int
    speaker: str
    cancels: bool
    scenarios: bytes
    evidence: Digest | None = None


@dataclass(frozen=True, slots=True)
class SettlementRow:
    """One horizon met one value. Key: name, incarnation, sequence, delay. First one stays, and is added to its day.

    sponsor: the stream's owner then.  The settlement's owners are hotkeys in hex.
    """

    name: str
    incarnation: int
    sequence: int
    delay: int
    sponsor: Hotkey
    at_ms: UnixMs
    settlement: Settlement


NOTHING: Final = Micros(0)


@dataclass(frozen=True, slots=True)
class DaySumRow:
    """What one owner earned on one horizon in one day (UTC): every board is a sum of these. Not written, only read.

    day: at_ms // 86,400,000.  moved_micros: the same without signs, for volumes.
    folded: how many of these settlements are not kept one by one any more; folded_micros: what of the amount is theirs.
    """

    name: str
    delay: int
    sponsor: Hotkey
    owner: Hotkey
    day: int
    amount_micros: Micros
    moved_micros: Micros
    folded: int = 0
    folded_micros: Micros = NOTHING


@dataclass(frozen=True, slots=True)
class NameRow:
    """The nonce with which a hotkey has its memorable name. Key: hotkey. Upsert. letters: its difficulty."""

    hotkey: Hotkey
    nonce: bytes
    letters: int


@dataclass(frozen=True, slots=True)
class LinkRow:
    """Key: the link. Upsert. standing: False once it was taken back, or either stream is gone."""

    link: Link
    standing: bool


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """Key: the subscription. Upsert. standing: as of a link."""

    subscription: Subscription
    standing: bool


@dataclass(frozen=True, slots=True)
class LetterRow:
    """A sender's newest value in a stream's mailbox. Key: mailbox, incarnation (the mailbox's), sender. Upsert."""

    mailbox: str
    incarnation: int
    sender: str
    text: str
    at_ms: UnixMs


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One line of a key's log. Key: all of it."""

    hotkey: Hotkey
    notice: Notice


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """A signed envelope as it came. Key: sha256. First one stays, until `kept_until_ms`."""

    sha256: Digest
    hotkey: Hotkey
    received_at_ms: UnixMs
    kept_until_ms: UnixMs
    raw: bytes


@dataclass(frozen=True, slots=True)
class StreamChange:
    """Rows of open streams that become durable together, with the rest of their `Change`."""

    streams: tuple[StreamRow, ...] = ()
    values: tuple[StreamValueRow, ...] = ()
    words: tuple[WordRow, ...] = ()
    settlements: tuple[SettlementRow, ...] = ()
    names: tuple[NameRow, ...] = ()
    successions: tuple[Succession, ...] = ()
    links: tuple[LinkRow, ...] = ()
    subscriptions: tuple[SubscriptionRow, ...] = ()
    letters: tuple[LetterRow, ...] = ()
    notices: tuple[NoticeRow, ...] = ()
    evidence: tuple[EvidenceRow, ...] = ()

    def __bool__(self) -> bool:
        return self is not NO_STREAM_CHANGE and any(_ROWS_OF(self))


NO_STREAM_CHANGE: Final = StreamChange()
_ROWS_OF: Final = attrgetter(*(field.name for field in fields(StreamChange)))


def joined_streams(changes: Iterable[StreamChange]) -> StreamChange:
    """Several changes as one, the rows of each table in their order."""
    return StreamChange(*(tuple(chain.from_iterable(column)) for column in zip(*map(_ROWS_OF, changes), strict=True)))
