"""What a crawler knows of the network's streams: who publishes what, and the newest numbers. Pure: news in, tables out.

    StreamNews ──hear──►  KnownStreams  ◄──list── StreamSummary        lags of a stream that is wanted ◄──read── LagLine

A stream's lags are read once and then grow by what is pushed. Whatever may have been missed (the watch was opened, or a
list shows a newer value than the one that was heard) has them read again before they are used.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocol.errors import InvalidRequest
from protocol.messages import LagLine, StreamNews, StreamSummary
from protocol.rules.stream_names import is_derived_name
from protocol.rules.stream_values import LAGS_KEPT, SMALL_VALUE_BYTES, ValueKind, read_value
from protocol.units import SECOND_MS, Hotkey, Micros, UnixMs


class NumberLag(NamedTuple):
    """A number that came."""

    sequence: int
    at_ms: UnixMs
    value: float


class Lagged(NamedTuple):
    """A stream's lags as `sample` gets them: newest first, shape (n,), read-only; times in epoch seconds."""

    values: NDArray[np.float64]
    times: NDArray[np.float64]


@dataclass(slots=True)
class KnownStream:
    """One incarnation of a stream.

    sequence: of its newest value.  heard: how many values we have heard of.  received_ms: when we heard of the newest,
    by our clock; None before the first.  newest: the newest number that was pushed.
    lags: of a stream whose lags are wanted, oldest first; whole up to `sequence` unless `is_missing`.
    """

    name: str
    owner: Hotkey
    incarnation: int
    sequence: int
    budget_micros: Micros
    heard: int = 0
    received_ms: int | None = None
    newest: float | None = None
    is_wanted: bool = False
    is_missing: bool = True
    lags: deque[NumberLag] = field(default_factory=lambda: deque(maxlen=LAGS_KEPT))

    @property
    def is_derived(self) -> bool:
        return is_derived_name(self.name)

    def fill(self, lines: Iterable[LagLine]) -> None:
        """Takes lags as they were read, newest first, in one go with what was pushed meanwhile."""
        known = {lag.sequence: lag for lag in self.lags}
        for line in lines:
            number = number_in(line.value)
            if number is not None:
                known[line.sequence] = NumberLag(line.sequence, line.at_ms, number)
            self.sequence = max(self.sequence, line.sequence)
        self.lags = deque((known[sequence] for sequence in sorted(known)), maxlen=LAGS_KEPT)
        self.is_missing = False

    def let_go(self) -> None:
        """Its lags are wanted no longer."""
        self.lags.clear()
        self.is_wanted, self.is_missing = False, True

    def lagged(self) -> Lagged:
        """The lags as arrays."""
        newest_first = list(reversed(self.lags))
        values = np.array([lag.value for lag in newest_first], dtype=np.float64)
        times = np.array([lag.at_ms / SECOND_MS for lag in newest_first], dtype=np.float64)
        values.flags.writeable = times.flags.writeable = False
        return Lagged(values, times)


@dataclass
class KnownStreams:
    """By name. fresh_ms: a value in a list that is younger than this is one that has just come.

    passed_over: how many news were of streams beyond `most`.
    """

    most: int
    fresh_ms: int
    by_name: dict[str, KnownStream] = field(default_factory=dict)
    passed_over: int = 0

    def hear(self, news: StreamNews, *, now_ms: int) -> KnownStream | None:
        """The stream that took a number which nobody had told us yet; None where there is none.

        A value that is no number only moves the stream's sequence on.
        """
        known = self.by_name.get(news.name)
        if known is not None and (news.incarnation, news.sequence) <= (known.incarnation, known.sequence):
            return None
        if known is None or news.incarnation > known.incarnation:
            if known is None and len(self.by_name) >= self.most:
                self.passed_over += 1
                return None
            known = self._begin(news)
        known.sequence, known.budget_micros = news.sequence, news.budget_micros
        number = number_in(news.value)
        if number is None:
            return None
        if known.is_wanted:
            known.lags.append(NumberLag(news.sequence, news.at_ms, number))
        known.heard += 1
        known.received_ms, known.newest = now_ms, number
        return known

    def list(self, summaries: Iterable[StreamSummary], *, asked_ms: int) -> list[str]:
        """Takes a list of all live streams; returns those that are not among them any more.

        asked_ms: when it was asked for; a stream that was heard since then stays.
        """
        listed = set()
        for summary in summaries:
            listed.add(summary.name)
            self._take(summary, asked_ms)
        gone = [
            name
            for name, known in self.by_name.items()
            if name not in listed and (known.received_ms is None or known.received_ms < asked_ms)
        ]
        for name in gone:
            del self.by_name[name]
        return gone

    def doubt(self) -> None:
        """Values may have been missed: every stream's lags are read again before they are used."""
        for known in self.by_name.values():
            known.is_missing = True

    def _begin(self, told: StreamNews | StreamSummary) -> KnownStream:
        """A stream that nobody told us of yet, or a new incarnation of one: the count of what was heard goes on."""
        before = self.by_name.get(told.name)
        heard = 0 if before is None else before.heard
        begun = KnownStream(told.name, told.owner, told.incarnation, told.sequence, told.budget_micros, heard)
        self.by_name[told.name] = begun
        return begun

    def _take(self, summary: StreamSummary, asked_ms: int) -> None:
        known = self.by_name.get(summary.name)
        if known is not None and (summary.incarnation, summary.sequence) <= (known.incarnation, known.sequence):
            return
        if known is None or summary.incarnation > known.incarnation:
            if known is None and len(self.by_name) >= self.most:
                return
            known = self._begin(summary)
        known.sequence, known.budget_micros, known.is_missing = summary.sequence, summary.budget_micros, True
        if summary.value_at_ms > asked_ms - self.fresh_ms:
            known.heard += 1
            known.received_ms = asked_ms


_MOST_CHARACTERS: Final = SMALL_VALUE_BYTES
"""A number in more characters than this is not read: a text of 100 kB may be pushed each second."""


def number_in(value: bytes) -> float | None:
    """The number that a published text is; None for any other value, and for what no validator takes."""
    if len(value) > _MOST_CHARACTERS:
        return None
    try:
        read = read_value(value.decode())
    except InvalidRequest:
        return None
    return read.numbers[0] if read.kind is ValueKind.SCALAR else None
