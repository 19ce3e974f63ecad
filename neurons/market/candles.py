"""Many candles as arrays, one price from its text, and the checks that every venue's page must pass.

A candle that breaks a rule makes its whole page unusable: a venue that sends one impossible number is
not asked which of the others it meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurons.market.problems import VenueProblem, unavailable
from neurons.ports import Candle
from protocol.rules.exact import to_integer
from protocol.units import PRICE_SCALE, PriceE8, UnixMs

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]

OPEN, HIGH, LOW, CLOSE = range(4)

MAX_PRICE_E8: Final = 10**17
"""A price above a thousand million is nonsense here, and keeps every sum of prices inside int64."""
_LONGEST_PRICE_TEXT: Final = 40


@dataclass(frozen=True, slots=True, eq=False)
class CandleArrays:
    """Candles of one venue, sorted by time, gaps left out.

    open_time_ms: shape (n,), start of each candle, strictly increasing.  prices_e8: shape (4, n), the rows open,
    high, low and close in 1e-8 of the quote currency.  volume: shape (n,), base units, >= 0.
    """

    open_time_ms: Int64s
    prices_e8: Int64s
    volume: Float64s

    @property
    def open_e8(self) -> Int64s:
        return self._row(OPEN)

    @property
    def high_e8(self) -> Int64s:
        return self._row(HIGH)

    @property
    def low_e8(self) -> Int64s:
        return self._row(LOW)

    @property
    def close_e8(self) -> Int64s:
        return self._row(CLOSE)

    def _row(self, which: int) -> Int64s:
        row: Int64s = self.prices_e8[which]
        return row

    def __len__(self) -> int:
        return int(self.open_time_ms.size)

    def take(self, which: slice | NDArray[np.bool_]) -> CandleArrays:
        """The candles of a slice (as views) or where a mask of shape (n,) is true."""
        return CandleArrays(self.open_time_ms[which], self.prices_e8[:, which], self.volume[which])

    def rows(self, first: int, stop: int) -> CandleArrays:
        """Candles first <= i < stop, as views."""
        return self.take(slice(first, stop))

    def window(self, from_ms: int, to_ms: int) -> CandleArrays:
        """The candles that open in [from_ms, to_ms), as views."""
        first, stop = np.searchsorted(self.open_time_ms, (from_ms, to_ms))
        return self.rows(int(first), int(stop))

    def candle(self, index: int) -> Candle:
        opened, high, low, close = (PriceE8(price) for price in self.prices_e8[:, index].tolist())
        return Candle(UnixMs(int(self.open_time_ms[index])), opened, high, low, close, float(self.volume[index]))

    def candles(self) -> list[Candle]:
        return [self.candle(index) for index in range(len(self))]


def no_candles() -> CandleArrays:
    return CandleArrays(np.empty(0, np.int64), np.empty((4, 0), np.int64), np.empty(0, np.float64))


def joined(parts: Sequence[CandleArrays]) -> CandleArrays:
    """The parts, one after the other."""
    if not parts:
        return no_candles()
    return CandleArrays(
        np.concatenate([part.open_time_ms for part in parts]),
        np.concatenate([part.prices_e8 for part in parts], axis=1),
        np.concatenate([part.volume for part in parts]),
    )


def price_from_text(text: str) -> PriceE8:
    """The exact price a venue wrote, in 1e-8 of the quote currency (digits beyond the eighth round half to even).

    Raises ValueError for anything but a positive number below MAX_PRICE_E8.
    """
    if len(text) > _LONGEST_PRICE_TEXT:
        raise ValueError(f"a price of {len(text)} characters")
    if not text.isascii() or "_" in text:
        raise ValueError(f"not a number: {text!r}")
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"not a number: {text!r}") from error
    if not value.is_finite() or value <= 0 or value > MAX_PRICE_E8 // PRICE_SCALE:
        raise ValueError(f"not a price: {text!r}")
    price = to_integer(value, PRICE_SCALE)
    if price == 0:
        raise ValueError(f"a price below 1e-8: {text!r}")
    return PriceE8(price)


def text_of_price(price: int) -> str:
    """The price with eight digits after the point, as exchanges write it."""
    return f"{price // PRICE_SCALE}.{price % PRICE_SCALE:08d}"


def prices_from_floats(values: Float64s) -> Int64s:
    """float64 prices to 1e-8 units. Exact for numbers written with up to eight decimals and below 9e7."""
    return np.rint(values * PRICE_SCALE).astype(np.int64)


def check_page(venue: str, candles: Sequence[Candle], *, since_ms: int, step_ms: int) -> None:
    """Passes when the page is what was asked for: from `since_ms` on, on the grid, strictly rising, possible prices.

    Raises VenueUnavailable (the venue's fault) with OUT_OF_ORDER, OFF_GRID or BAD_PRICE.
    """
    earliest = since_ms
    for candle in candles:
        at = candle.open_time_ms
        if at % step_ms != 0:
            raise unavailable(venue, VenueProblem.OFF_GRID, f"a candle opens at {at}, off the {step_ms} ms grid")
        if at < earliest:
            raise unavailable(venue, VenueProblem.OUT_OF_ORDER, f"a candle opens at {at}, wanted {earliest} or later")
        if not (0 < candle.low_e8 <= min(candle.open_e8, candle.close_e8)):
            raise unavailable(venue, VenueProblem.BAD_PRICE, f"low above open or close in the candle at {at}")
        if not (max(candle.open_e8, candle.close_e8) <= candle.high_e8 <= MAX_PRICE_E8):
            raise unavailable(venue, VenueProblem.BAD_PRICE, f"high below open or close in the candle at {at}")
        earliest = at + step_ms
