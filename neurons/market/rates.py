"""What one currency is worth in another at each instant: the agreed closes of a series that converts others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from neurons.records import CloseRow
from protocol.units import DAY_MS, PriceE8

_KEPT_MS: Final = 60 * DAY_MS
"""Longer than any validator looks back when it starts: 30 days of history and what comes before them."""


class Rates(Protocol):
    """The closes of a converting series, as whoever settles another one asks for them."""

    @property
    def newest_ms(self) -> int:
        """The newest instant whose close is settled, agreed or missing; -1 before the first."""
        ...

    def rate_e8(self, close_at_ms: int) -> PriceE8 | None:
        """The agreed close of that instant; None where it is missing or not known yet."""
        ...


class RateBook:
    """Rates over stored rows, extended as more are agreed. Keeps sixty days.

    A correction changes no rate: what was converted by it has been settled.
    """

    def __init__(self, rows: Iterable[CloseRow] = ()) -> None:
        """rows: stored closes of the series, oldest first, each in its first revision."""
        self._closes: dict[int, PriceE8 | None] = {}
        self._newest_ms = -1
        for row in rows:
            self.put(row.close_at_ms, row.close_e8)

    def put(self, close_at_ms: int, close_e8: PriceE8 | None) -> None:
        """Takes the next close, None where it is missing."""
        if close_at_ms <= self._newest_ms:
            return
        self._closes[close_at_ms] = close_e8
        self._newest_ms = close_at_ms
        while (oldest_ms := next(iter(self._closes))) < close_at_ms - _KEPT_MS:
            del self._closes[oldest_ms]

    @property
    def newest_ms(self) -> int:
        return self._newest_ms

    def rate_e8(self, close_at_ms: int) -> PriceE8 | None:
        return self._closes.get(close_at_ms)
