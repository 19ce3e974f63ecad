"""What is said about open streams: the answer to each question of `stream_questions`, in a `StreamReadReply`.

An answer holds at most 1,000 rows, and no more than fit a body.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from protocol.errors import Malformed
from protocol.messages.checks import finite, rows
from protocol.messages.header import Purpose
from protocol.messages.streams import value_text
from protocol.units import Hotkey, Micros, UnixMs


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """A stream, as anyone may see it."""

    name: str
    owner: Hotkey
    state: str
    incarnation: int
    created_at_ms: UnixMs
    value_at_ms: UnixMs
    alive_until_ms: UnixMs
    sequence: int
    budget_micros: Micros
    rule: str
    """By which its pots are settled."""


@dataclass(frozen=True, slots=True)
class StreamsAnswer:
    """In the order of names."""

    streams: tuple[StreamSummary, ...]

    def __post_init__(self) -> None:
        rows("streams", self.streams)


@dataclass(frozen=True, slots=True)
class LagLine:
    """A value that came. value: the UTF-8 bytes of its text, as it was published."""

    at_ms: UnixMs
    sequence: int
    value: bytes

    def __post_init__(self) -> None:
        value_text("value", self.value)


@dataclass(frozen=True, slots=True)
class LagsAnswer:
    """The newest first."""

    lags: tuple[LagLine, ...]

    def __post_init__(self) -> None:
        rows("lags", self.lags)


@dataclass(frozen=True, slots=True)
class CdfAnswer:
    """Probability by value, both ascending, from so many owners' scenarios."""

    owners: int
    values: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        finite("values", self.values)
        finite("probabilities", self.probabilities)
        if len(self.values) != len(self.probabilities):
            raise Malformed("want a probability for each value", field="probabilities")


@dataclass(frozen=True, slots=True)
class BoardLine:
    """One place of a leaderboard. name: the key's memorable name, as a board shows it."""

    owner: Hotkey
    score_micros: Micros
    name: str


@dataclass(frozen=True, slots=True)
class BoardAnswer:
    """The best first."""

    places: tuple[BoardLine, ...]

    def __post_init__(self) -> None:
        rows("places", self.places)


@dataclass(frozen=True, slots=True)
class BalanceAnswer:
    """level_micros: below it the key is bankrupt.  difficulty: letters of its memorable name, 0 without one."""

    balance_micros: Micros
    level_micros: Micros
    difficulty: int
    name: str


@dataclass(frozen=True, slots=True)
class TransactionLine:
    """One settlement of one key, field by field as `StreamTransaction` of `rules/stream_records.py`."""

    settlement_time_ms: UnixMs
    amount_micros: Micros
    budget_micros: Micros
    rule: str
    stream: str
    delay: int
    value: float
    window: float
    mass: float
    density: float
    average: float
    submissions_count: int
    submissions_close: int
    stream_owner: str


@dataclass(frozen=True, slots=True)
class TransactionDay:
    """What a day's settlements of one horizon moved for one key, of those that are not kept one by one any more.

    day: UTC, epoch days.  settlements: how many they were; later ones of the day may be kept yet.
    stream_owner: the stream's owner then, as a hotkey in hex.
    """

    day: int
    stream: str
    delay: int
    amount_micros: Micros
    settlements: int
    stream_owner: str


@dataclass(frozen=True, slots=True)
class TransactionsAnswer:
    """The newest first. days: what is not among the transactions any more, as sums."""

    transactions: tuple[TransactionLine, ...]
    days: tuple[TransactionDay, ...] = ()

    def __post_init__(self) -> None:
        rows("transactions", self.transactions)
        rows("days", self.days)


@dataclass(frozen=True, slots=True)
class PerformanceLine:
    """What a key earned on one horizon, such as "70::cop.json"."""

    horizon: str
    amount_micros: Micros


@dataclass(frozen=True, slots=True)
class PerformanceAnswer:
    """The best first."""

    horizons: tuple[PerformanceLine, ...]

    def __post_init__(self) -> None:
        rows("horizons", self.horizons)


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One line of a key's log. about: what the operation was about, as text."""

    operation: str
    at_ms: UnixMs
    about: str


@dataclass(frozen=True, slots=True)
class NoticesAnswer:
    """The newest first."""

    notices: tuple[NoticeLine, ...]

    def __post_init__(self) -> None:
        rows("notices", self.notices)


@dataclass(frozen=True, slots=True)
class LetterLine:
    """A sender's newest value. value: the UTF-8 bytes of its text."""

    sender: str
    value: bytes

    def __post_init__(self) -> None:
        value_text("value", self.value)


@dataclass(frozen=True, slots=True)
class MailboxAnswer:
    """In the order of senders."""

    letters: tuple[LetterLine, ...]

    def __post_init__(self) -> None:
        rows("letters", self.letters)


@dataclass(frozen=True, slots=True)
class LinkLine:
    """A link. delay: seconds."""

    name: str
    delay: int
    target: str


@dataclass(frozen=True, slots=True)
class LinksAnswer:
    """Those from the stream, then those to it."""

    links: tuple[LinkLine, ...]

    def __post_init__(self) -> None:
        rows("links", self.links)


@dataclass(frozen=True, slots=True)
class SubscriptionsAnswer:
    """In alphabetical order."""

    sources: tuple[str, ...]
    subscribers: tuple[str, ...]

    def __post_init__(self) -> None:
        rows("sources", self.sources)
        rows("subscribers", self.subscribers)


@dataclass(frozen=True, slots=True)
class VolumesAnswer:
    """Everything that moved on a horizon, without signs: the most first."""

    horizons: tuple[PerformanceLine, ...]

    def __post_init__(self) -> None:
        rows("horizons", self.horizons)


@dataclass(frozen=True, slots=True)
class TakingPartAnswer:
    """In alphabetical order of the streams' names, then by delay."""

    horizons: tuple[str, ...]

    def __post_init__(self) -> None:
        rows("horizons", self.horizons)


@dataclass(frozen=True, slots=True)
class PredictionLine:
    """One owner's scenarios, ascending, and when they came."""

    owner: Hotkey
    received_at_ms: UnixMs
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        finite("values", self.values)


@dataclass(frozen=True, slots=True)
class PredictionsAnswer:
    """By owner."""

    predictions: tuple[PredictionLine, ...]

    def __post_init__(self) -> None:
        rows("predictions", self.predictions)


StreamAnswer = (
    StreamsAnswer | LagsAnswer | CdfAnswer | BoardAnswer | BalanceAnswer | TransactionsAnswer | PerformanceAnswer
    | NoticesAnswer | MailboxAnswer | LinksAnswer | SubscriptionsAnswer | VolumesAnswer | TakingPartAnswer
    | PredictionsAnswer
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StreamReadReply:
    """The answer, as the validator knew it at that instant."""

    PURPOSE: ClassVar = Purpose.STREAM_READ_REPLY
    as_of_ms: UnixMs
    answer: StreamAnswer
