"""Whether a difference is more than luck: days resampled in blocks, and many comparisons held to one level.

Answers to neighbouring hours reach over the same candles, and a calm or wild spell lasts for days. So whole days are
drawn, in blocks of neighbouring ones, with replacement; the same draws serve every figure of a period, so that
differences are paired. Why blocks of so many days, and what an interval cannot say: docs/decisions/0076.

Sources: Kuensch (1989), doi:10.1214/aos/1176347265, and Politis & Romano (1992) (circular blocks); Hall, Horowitz &
Jing (1995), doi:10.1093/biomet/82.3.561 (a length that grows with the third root); Davison & Hinkley (1997), 2.3 (the
widening for few blocks); Holm (1979) (several comparisons).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats
from protocol.units import DAY_MS

RESAMPLES: Final = 10_000
FEWEST_DAYS: Final = 14
"""With fewer days no interval is given: three blocks resampled say nothing."""
LEVEL: Final = 0.95
_WHOLE: Final = 0.9
"""Part of the draws in which a figure must exist (a rare kind of hour may miss in some) for an interval to be given."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of a period. low, high: 95% of the draws.  p: two-sided, of the figure being 0.  None where unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None

    def excludes(self, level: float) -> bool:
        """Whether there is an interval and this number lies outside it."""
        return self.low is not None and self.high is not None and not self.low <= level <= self.high


class DayBlocks:
    """Draws of a period's days in circular blocks of neighbouring ones.

    counts: (resamples, days), how often each draw takes each day; no draws below FEWEST_DAYS.
    """

    def __init__(self, at_ms: NDArray[np.int64], *, seed: int = 1, resamples: int = RESAMPLES) -> None:
        """at_ms: (n,), the instants of the questions; days without one are passed over."""
        days, self._day = np.unique(at_ms // DAY_MS, return_inverse=True)
        self.days = len(days)
        self.block_days = block_days(self.days)
        self.has_intervals = self.days >= FEWEST_DAYS
        drawn = resamples if self.has_intervals else 0
        self.counts = _times_drawn(self.days, self.block_days, drawn, np.random.default_rng(seed))

    def ratio(self, top: Floats, bottom: Floats) -> Estimate:
        """The sum of top over the sum of bottom. top, bottom: (n,), one number a question; NaN in either leaves it out.

        A mean is a ratio to ones, a gain (other - mine) / other.
        """
        known = ~(np.isnan(top) | np.isnan(bottom))
        above, below = self._by_day(np.where(known, top, 0.0)), self._by_day(np.where(known, bottom, 0.0))
        if below.sum() == 0.0:
            return Estimate(None)
        value = float(above.sum() / below.sum())
        if not self.has_intervals:
            return Estimate(value)
        if not above.any():
            return Estimate(0.0, 0.0, 0.0, 1.0)
        sums = self.counts @ below
        drawn: Floats = (self.counts @ above)[sums > 0.0] / sums[sums > 0.0]
        if len(drawn) < _WHOLE * len(self.counts):
            return Estimate(value)
        blocks = self.days / self.block_days
        drawn = value + (drawn - value) * math.sqrt(blocks / (blocks - 1.0))
        low, high = np.quantile(drawn, ((1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0))
        tail = min(int((drawn <= 0.0).sum()), int((drawn >= 0.0).sum()))
        return Estimate(value, float(low), float(high), min(1.0, 2.0 * (tail + 1) / (len(drawn) + 1)))

    def gain(self, mine: Floats, other: Floats) -> Estimate:
        """1 - the mean of mine / the mean of other, over the questions that both have. 0.01 is 1%."""
        return self.ratio(other - mine, np.where(np.isnan(mine), np.nan, other))

    def mean(self, values: Floats) -> Estimate:
        """The mean of values, (n,), NaN left out."""
        return self.ratio(values, np.ones(len(values)))

    def _by_day(self, values: Floats) -> Floats:
        return np.asarray(np.bincount(self._day, weights=values, minlength=self.days), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two forecasts over the same questions. gain: of `first` over `second`, as part of the loss of `second`.

    adjusted_p: Holm's, over all comparisons that were made together; None where no interval could be given.
    """

    first: str
    second: str
    gain: Estimate
    adjusted_p: float | None
    is_identical: bool

    @property
    def verdict(self) -> str:
        """In plain words: no answers (in common), identical, better, worse, not significant, or too few days."""
        if self.gain.value is None:
            return "no answers"
        if self.is_identical:
            return "identical"
        if self.adjusted_p is None:
            return "too few days"
        if self.adjusted_p > 1.0 - LEVEL:
            return "not significant"
        return "better" if self.gain.value > 0.0 else "worse"


def compare(blocks: DayBlocks, pairs: Sequence[tuple[str, str]], losses: dict[str, Floats]) -> list[Comparison]:
    """The first of each pair against its second. losses: (n,) for each name, NaN where it gave no answer.

    All pairs of one call are held together by Holm's correction: the chance that even one of them is called
    different though it is not, is 5%.
    """
    gains = [blocks.gain(losses[first], losses[second]) for first, second in pairs]
    adjusted = holm([gain.p for gain in gains])
    return [
        Comparison(first, second, gain, p, bool(np.array_equal(losses[first], losses[second], equal_nan=True)))
        for (first, second), gain, p in zip(pairs, gains, adjusted, strict=True)
    ]


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Each p adjusted for all known ones: the i-th smallest of n times n - i (i from 0), never falling, at most 1."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = largest
    return adjusted


def block_days(days: int) -> int:
    """How many neighbouring days are drawn together: the third root of all, rounded up, and at least two, because
    answers reach over midnight."""
    root = 1
    while root**3 < days:
        root += 1
    return max(2, root)


def _times_drawn(days: int, length: int, resamples: int, chance: np.random.Generator) -> Floats:
    """(resamples, days): how often each day is drawn when blocks of `length` are, around the end to the beginning."""
    if resamples == 0:
        return np.zeros((0, days))
    starts = chance.integers(0, days, size=(resamples, -(-days // length)))
    taken = ((starts[:, :, None] + np.arange(length)) % days).reshape(resamples, -1)[:, :days]
    cells = np.arange(resamples)[:, None] * days + taken
    return np.bincount(cells.ravel(), minlength=resamples * days).reshape(resamples, days).astype(np.float64)
