"""What anyone asks about open streams: one question of a `StreamReadRequest` at a time.

Notices and mailboxes are told only to the key they belong to, which is the sender; everything else is told to anybody
whose key signs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from protocol.errors import Malformed
from protocol.messages.checks import MAX_ROWS, finite, positive, sized, text
from protocol.messages.header import Purpose
from protocol.units import HOTKEY_BYTES, Hotkey

MAX_DAYS: Final = 36_525
"""Of a board's memory: a century."""


@dataclass(frozen=True, slots=True)
class StreamsQuestion:
    """Streams by name, after one (empty: from the first)."""

    after: str = ""
    limit: int = MAX_ROWS

    def __post_init__(self) -> None:
        _check_limit(self.limit)


@dataclass(frozen=True, slots=True)
class LagsQuestion:
    """The newest values of a stream, before an instant (0: no bound)."""

    name: str
    limit: int = MAX_ROWS
    before_ms: int = 0

    def __post_init__(self) -> None:
        text("name", self.name)
        _check_limit(self.limit)


@dataclass(frozen=True, slots=True)
class CdfQuestion:
    """How the value of a stream `delay` seconds ahead is distributed.

    form: a name of `rules/cdfs.py`, empty for the default.  values: where it is asked, empty for points of its own.
    """

    name: str
    delay: int
    form: str = ""
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        text("name", self.name)
        positive("delay", self.delay)
        finite("values", self.values)


@dataclass(frozen=True, slots=True)
class BoardQuestion:
    """A leaderboard, as `rules/stream_standings.py` names them; empty or 0 counts everything.

    With a category it is a sponsor's board (sponsor: its hotkey in hex, month: "2026-11"), else that of a stream and a
    delay in seconds.
    half_life_days: after so many days an amount counts half, 0: for ever whole.  since_day: what was earned before that
    day (at_ms // 86,400,000) does not count.
    """

    stream: str = ""
    delay: int = 0
    category: str = ""
    sponsor: str = ""
    month: str = ""
    half_life_days: int = 0
    since_day: int = 0

    def __post_init__(self) -> None:
        for name in ("half_life_days", "since_day"):
            if not 0 <= getattr(self, name) <= MAX_DAYS:
                raise Malformed(f"{name} must be 0 to {MAX_DAYS}", field=name)


@dataclass(frozen=True, slots=True)
class BalanceQuestion:
    """What a key has, and how much of it it can lose."""

    owner: Hotkey

    def __post_init__(self) -> None:
        sized("owner", self.owner, HOTKEY_BYTES)


@dataclass(frozen=True, slots=True)
class TransactionsQuestion:
    """A key's settlements, the newest first, before an instant (0: no bound), and days of older ones that began before
    it; at most `limit` of either."""

    owner: Hotkey
    before_ms: int = 0
    limit: int = 50

    def __post_init__(self) -> None:
        sized("owner", self.owner, HOTKEY_BYTES)
        _check_limit(self.limit)


@dataclass(frozen=True, slots=True)
class PerformanceQuestion:
    """What a key earned on each horizon."""

    owner: Hotkey

    def __post_init__(self) -> None:
        sized("owner", self.owner, HOTKEY_BYTES)


@dataclass(frozen=True, slots=True)
class NoticesQuestion:
    """The sender's own log: "confirm", "error" or "warning"."""

    kind: str
    limit: int = MAX_ROWS

    def __post_init__(self) -> None:
        text("kind", self.kind, limit=64)
        _check_limit(self.limit)


@dataclass(frozen=True, slots=True)
class MailboxQuestion:
    """What the sender's stream was sent by those it subscribes to."""

    name: str

    def __post_init__(self) -> None:
        text("name", self.name)


@dataclass(frozen=True, slots=True)
class LinksQuestion:
    """The links that a stream has, and those that others have to it."""

    name: str

    def __post_init__(self) -> None:
        text("name", self.name)


@dataclass(frozen=True, slots=True)
class SubscriptionsQuestion:
    """What a stream subscribes to, and who subscribes to it."""

    name: str

    def __post_init__(self) -> None:
        text("name", self.name)


@dataclass(frozen=True, slots=True)
class TakingPartQuestion:
    """The horizons at which scenarios of a key stand, quarantined or not, after one (empty: from the first)."""

    owner: Hotkey
    after: str = ""

    def __post_init__(self) -> None:
        sized("owner", self.owner, HOTKEY_BYTES)


@dataclass(frozen=True, slots=True)
class PredictionsQuestion:
    """Everybody's scenarios at a horizon of the sender's stream; at one of another's, the sender's own.

    judged: those that a value would meet now; else the newest ones.  after: a hotkey, empty: from the first.
    """

    name: str
    delay: int
    judged: bool = False
    after: bytes = b""

    def __post_init__(self) -> None:
        text("name", self.name)
        positive("delay", self.delay)
        if self.after:
            sized("after", self.after, HOTKEY_BYTES)


@dataclass(frozen=True, slots=True)
class VolumesQuestion:
    """How much moved on each horizon."""

    limit: int = MAX_ROWS

    def __post_init__(self) -> None:
        _check_limit(self.limit)


StreamQuestion = (
    StreamsQuestion | LagsQuestion | CdfQuestion | BoardQuestion | BalanceQuestion | TransactionsQuestion
    | PerformanceQuestion | NoticesQuestion | MailboxQuestion | LinksQuestion | SubscriptionsQuestion | VolumesQuestion
    | TakingPartQuestion | PredictionsQuestion
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StreamReadRequest:
    """One question."""

    PURPOSE: ClassVar = Purpose.STREAM_READ
    question: StreamQuestion


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_ROWS:
        raise Malformed(f"limit must be 1 to {MAX_ROWS}, was {limit}", field="limit")
