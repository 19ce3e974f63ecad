"""The past of one market, as features are computed from it: row t of everything depends on rows <= t alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import log
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Window
from mining_objects.causal import hold_last, means_of_last, rolling_mean, running_sums
from mining_objects.errors import BadCandles
from mining_objects.features import clock_waves, log_ratio
from mining_objects.financial_market_indicators import Bands, Macd, bollinger, macd, obv
from protocol.units import DAY_MS


class Past:
    """What features are made of. Each shared piece is computed once, when the first feature asks for it.

    For averages that need a number a row, a missing candle stands as one in which nothing was traded at the last close.
    """

    def __init__(self, window: Window, venues: Sequence[Window]) -> None:
        self.window = window
        self._venues = venues

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        return np.isnan(self.window.close)

    @cached_property
    def log_close(self) -> Floats:
        return np.log(self.window.close)

    @cached_property
    def returns(self) -> Floats:
        return self.window.log_returns()

    @cached_property
    def close(self) -> Floats:
        return hold_last(self.window.close)

    @cached_property
    def high(self) -> Floats:
        return np.where(self.missing, self.close, self.window.high)

    @cached_property
    def low(self) -> Floats:
        return np.where(self.missing, self.close, self.window.low)

    @cached_property
    def volume(self) -> Floats:
        return np.where(self.missing, 0.0, self.window.volume)

    @cached_property
    def _squares(self) -> Floats:
        return running_sums(self.returns**2)

    @cached_property
    def log_range(self) -> Floats:
        return np.log(self.window.high / self.window.low)

    @cached_property
    def macd(self) -> Macd:
        return macd(self.close)

    @cached_property
    def bands(self) -> Bands:
        return bollinger(self.close)

    @cached_property
    def ends_ms(self) -> NDArray[np.int64]:
        return self.window.open_time_ms + self.window.step_ms

    @cached_property
    def waves(self) -> list[Floats]:
        return clock_waves(self.ends_ms)

    @cached_property
    def others(self) -> Floats:
        """Shape (venues, n): ln of the other venues' closes on this grid, lowest first in each row, NaN last.

        Raises BadCandles when no other venue was given or its candles are of another grid.
        """
        if not self._venues:
            raise BadCandles(f"{self.window.series}: features across venues need another venue's candles")
        return np.sort(np.stack([np.log(closes_on_grid(other, self.window)) for other in self._venues]), axis=0)

    @cached_property
    def premium(self) -> Floats:
        """ln(close / median of the other venues' closes)."""
        known = (~np.isnan(self.others)).sum(axis=0, keepdims=True)
        low, high = np.maximum(known - 1, 0) // 2, known // 2
        sides = [np.take_along_axis(self.others, side, axis=0)[0] for side in (low, high)]
        premium: Floats = self.log_close - (sides[0] + sides[1]) / 2
        return premium

    @cached_property
    def spread(self) -> Floats:
        """ln(highest / lowest close of this and the other venues); NaN where fewer than two are known."""
        every = np.sort(np.concatenate([self.others, self.log_close[None, :]]), axis=0)
        known = (~np.isnan(every)).sum(axis=0)
        highest = np.take_along_axis(every, np.maximum(known - 1, 0)[None, :], axis=0)[0]
        return np.where(known >= 2, highest - every[0], np.nan)

    def change(self, span: int) -> Floats:
        """ln(close / close `span` rows before)."""
        out = np.full(len(self.log_close), np.nan)
        out[span:] = self.log_close[span:] - self.log_close[:-span]
        return out

    def volatility(self, span: int) -> Floats:
        """Root mean square of the known log-returns of the last `span` rows, NaN until there have been so many."""
        mean = means_of_last(self._squares, (span,))[0]
        mean[:span] = np.nan
        return np.sqrt(np.maximum(mean, 0.0))

    def parkinson(self, span: int) -> Floats:
        """A step's volatility from the ranges of `span` candles. Source: Parkinson (1980), doi:10.1086/296071."""
        return np.sqrt(np.maximum(rolling_mean(self.log_range**2, span), 0.0) / (4.0 * log(2.0)))

    def volume_ratio(self, span: int) -> Floats:
        """ln(volume / mean volume of the last `span` rows), at least ln 0.01."""
        return log_ratio(self.window.volume, rolling_mean(self.window.volume, span))

    def obv_share(self, span: int) -> Floats:
        """What on-balance volume gained in the last `span` rows over their volume; NaN where nothing traded."""
        balance, total = obv(self.close, self.volume), np.cumsum(self.volume)
        out = np.full(len(total), np.nan)
        traded = total[span:] - total[:-span]
        np.divide(balance[span:] - balance[:-span], traded, out=out[span:], where=traded > 0)
        return out

    def part_of(self, unit: Literal["M", "Y"]) -> Floats:
        """-1 where the calendar month or year begins, rising to 1 where it ends; UTC, when the candle ends."""
        at = self.ends_ms.astype("datetime64[ms]")
        begins = at.astype(f"datetime64[{unit}]")
        began, ends = begins.astype("datetime64[ms]"), (begins + 1).astype("datetime64[ms]")
        part: Floats = 2.0 * ((at - began) / (ends - began)) - 1.0
        return part

    def weekend(self) -> Floats:
        """1 when the candle ends on Saturday or Sunday (UTC), else 0."""
        weekday = (self.ends_ms // DAY_MS + 3) % 7  # the epoch began on a Thursday
        return (weekday >= 5).astype(np.float64)


def closes_on_grid(other: Window, window: Window) -> Floats:
    """Shape (len(window),): the other's closes at this window's instants, NaN where it has none.

    Raises BadCandles when their grids differ.
    """
    offset_ms = int(other.open_time_ms[0]) - int(window.open_time_ms[0])
    if other.step_ms != window.step_ms or offset_ms % window.step_ms:
        raise BadCandles(f"{other.series} is not on the {window.step_ms} ms grid of {window.series}")
    shift = offset_ms // window.step_ms
    start, stop = max(0, shift), min(len(window), shift + len(other))
    out = np.full(len(window), np.nan)
    if start < stop:
        out[start:stop] = other.close[start - shift : stop - shift]
    return out
