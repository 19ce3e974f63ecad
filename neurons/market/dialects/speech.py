"""What a dialect is: how one exchange is asked for candles and how it says them, over HTTP and over a stream.

A dialect decides nothing about prices or time. A `Shelf` holds what the venue shows at an instant; the dialect reads
a question, takes candles from the shelf and writes them as its exchange does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from neurons.ports import Candle


@dataclass(frozen=True, slots=True)
class Listing:
    """One spot market, by the codes of its two currencies as ccxt writes them ("BTC", "USDT")."""

    base: str
    quote: str


@dataclass(frozen=True, slots=True)
class ShownCandle:
    """A candle as a venue shows it. While it runs, all prices are its opening price and its volume is zero."""

    candle: Candle
    is_final: bool
    junk: str = ""
    """Text written in place of the closing price (a fault); empty: none."""


class Shelf(Protocol):
    """What a venue shows of its one market at one instant of its own clock."""

    @property
    def listing(self) -> Listing:
        """The market that can be asked for."""
        ...

    @property
    def named(self) -> Listing:
        """The market that replies name: another one only where a fault says so."""
        ...

    @property
    def step_ms(self) -> int: ...

    @property
    def now_ms(self) -> int:
        """The venue's own clock."""
        ...

    def first(self, from_ms: int, to_ms: int, count: int) -> list[ShownCandle]:
        """The first `count` candles that open in [from_ms, to_ms) and have opened by now, oldest first."""
        ...

    def last(self, to_ms: int, count: int) -> list[ShownCandle]:
        """The last `count` candles that open before `to_ms` and have opened by now, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Ask:
    """A GET request: its path and its query, decoded."""

    path: str
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: a body (JSON, or HTML where it begins with "<") and the HTTP status."""

    text: str
    status: int = 200


class Refusal(Exception):
    """The exchange's own no to a question: its reply, ready to send."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Line:
    """One stream connection as a dialect sees it: where it was opened, what it listens to, how much was said."""

    path: str
    topics: frozenset[str] = frozenset()
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """What a client's message leads to: texts to answer at once, topics to begin and to end."""

    replies: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """The candle stream of an exchange. Topics are the exchange's own words for "candles of this market and step"."""

    opens: Callable[[Ask, Shelf], Heard | None]
    """What a new connection at this path begins with; None where the exchange has no stream there."""
    hear: Callable[[str, Line, Shelf], Heard]
    """What a client's text means. Never raises: nonsense has an answer, too."""
    say: Callable[[str, list[ShownCandle], Line, Shelf, bool], str]
    """(topic, candles, line, shelf, is_first): one message; is_first is the first one of its topic on this line."""
    snapshot: int = 1
    """Candles in a topic's first message, the running one included."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one exchange speaks."""

    name: str
    answer: Callable[[Ask, Shelf], Reply]
    """Answers a request. Raises Refusal."""
    trouble: Callable[[int], str]
    """The body that this exchange (or what stands before it) sends with an HTTP status of trouble."""
    stream: Stream | None
    """None: the exchange streams no candles."""
