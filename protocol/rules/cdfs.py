"""What a pool of scenarios says about the next value: its distribution at chosen points, and its quantiles.

    empirical_cdf       the share of all scenarios at or below x; its quantile is the smallest scenario that reaches p
    SmoothCdf           straight lines through the middles of the ranks: strictly rising, exactly invertible
    cdf_2021, cdf_2023  the original's two forms, in its floats

All of it is for readers: floats, from one pool in one order of operations, and nothing settles by them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocol.errors import InvalidRequest, NotFound
from protocol.rules.percentiles import UNKNOWN_2021, own_percentiles, tickets_beside, zmean_percentile

DEFAULT_POINTS: Final = 50
PER_SIDE_2021: Final = 5
NEAR_A_HALF_2021: Final = 1e-6
NOBODY_2023: Final = ((-1000.0, 10000.0), (0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Cdf:
    """A distribution at chosen points: y[k] is the probability of a value of at most x[k]. Both rise together."""

    x: tuple[float, ...]
    y: tuple[float, ...]


def empirical_cdf(scenarios: NDArray[np.float64], values: Sequence[float] | None = None) -> Cdf:
    """The share of scenarios at or below each value, in ascending order of the values.

    scenarios: any shape, n >= 1 finite numbers.  values: where to look; 50 quantiles of the pool when None.
    Raises NotFound when there is no scenario, InvalidRequest (the reader's fault) for a value that is no finite number.
    """
    pool = _sorted_pool(scenarios)
    wanted = _checked(evenly_spaced_percentiles(DEFAULT_POINTS) if values is None else values, "values")
    points = np.unique(_smallest_reaching(pool, wanted)) if values is None else np.sort(wanted)
    shares = np.searchsorted(pool, points, side="right") / pool.size
    return Cdf(tuple(points.tolist()), tuple(shares.tolist()))


def empirical_quantiles(scenarios: NDArray[np.float64], ps: Sequence[float]) -> list[float]:
    """The smallest scenario x with at least a share p of all at or below it, for each 0 < p <= 1.

    The definition 1 of Hyndman & Fan (1996), the inverse of `empirical_cdf`.
    Raises NotFound when there is no scenario, InvalidRequest (the reader's fault) for a p outside these bounds.
    """
    pool, wanted = _sorted_pool(scenarios), _checked(ps, "ps")
    if not ((wanted > 0) & (wanted <= 1)).all():
        raise InvalidRequest("a share lies above 0 and up to 1", field="ps", limit=1)
    return [float(one) for one in _smallest_reaching(pool, wanted)]


def _smallest_reaching(pool: NDArray[np.float64], ps: NDArray[np.float64]) -> NDArray[np.float64]:
    reached = np.arange(1, pool.size + 1) / pool.size
    return pool[np.searchsorted(reached, ps, side="left")]


@dataclass(frozen=True, slots=True)
class SmoothCdf:
    """A continuous distribution through a pool: straight lines between the middles of the ranks of different scenarios.

    Scenario k of n, counted from 0, stands for (k + 1/2) / n, the definition 5 of Hyndman & Fan (1996), and equal ones
    for their mean; the first and the last line go on until 0 and 1. So it rises strictly from `x[0]` to `x[-1]`, and
    `quantile` is the inverse of `share`. A pool of one number is that number: 0 before, 1/2 at it, 1 behind.
    """

    x: NDArray[np.float64]
    """Knots, strictly ascending, shape (k,)."""
    y: NDArray[np.float64]
    """Shares at the knots, strictly ascending from 0 to 1 (1/2 alone where all scenarios are equal)."""

    @classmethod
    def of(cls, scenarios: NDArray[np.float64]) -> SmoothCdf:
        """The distribution of a pool: any shape, n >= 1 finite numbers. Raises NotFound when there is no scenario."""
        pool = _sorted_pool(scenarios)
        x, counts = np.unique(pool, return_counts=True)
        y = (np.cumsum(counts) - counts / 2) / pool.size
        if x.size == 1:
            return cls(x, y)
        first = x[0] - (x[1] - x[0]) * (y[0] / (y[1] - y[0]))
        last = x[-1] + (x[-1] - x[-2]) * ((1 - y[-1]) / (y[-1] - y[-2]))
        ends = ([first] if first < x[0] else []), ([last] if last > x[-1] else [])
        return cls(
            np.concatenate((ends[0], x, ends[1])), np.concatenate(([0.0] * len(ends[0]), y, [1.0] * len(ends[1])))
        )

    def share(self, values: ArrayLike) -> NDArray[np.float64]:
        """The probability of at most each value. Raises InvalidRequest (the reader's fault) unless all are finite."""
        wanted = _checked(values, "values")
        if self.x.size == 1:
            return np.where(wanted == self.x[0], 0.5, (wanted > self.x[0]).astype(np.float64))
        return np.interp(wanted, self.x, self.y, left=0.0, right=1.0)

    def quantile(self, ps: ArrayLike) -> NDArray[np.float64]:
        """The value that stays below each share, 0 <= p <= 1. Raises InvalidRequest (the reader's fault) beyond."""
        wanted = _checked(ps, "ps")
        if not ((wanted >= 0) & (wanted <= 1)).all():
            raise InvalidRequest("a share lies within 0 and 1", field="ps", limit=1)
        return np.interp(wanted, self.y, self.x)

    def median(self) -> float:
        """The value that is as likely passed as not."""
        return float(self.quantile(0.5))

    def interval(self, probability: float) -> tuple[float, float]:
        """The central interval that holds the value with this probability, 0 to 1."""
        low, high = self.quantile([(1 - probability) / 2, (1 + probability) / 2]).tolist()
        return low, high


def evenly_spaced_percentiles(num: int) -> list[float]:
    """`num` shares from 1/(2 num) to 1 - 1/(2 num): for 225 the grid that a submission's ranks stand for."""
    grid: list[float] = np.linspace(start=1 / (2 * num), stop=1 - 1 / (2 * num), num=num).tolist()
    return grid


def cdf_2021(
    owners: Sequence[str],
    scenarios: NDArray[np.float64],
    values: Sequence[float],
    *,
    included: Iterable[str] = (),
) -> Cdf:
    """The original's distribution until 2022, bit for bit on one machine: percentiles as at a settlement, made to rise.

    owners: the keys' text, which breaks ties.  scenarios: shape (owners, m), a sorted row an owner.  values: where to
    look, ascending.  included: who counts, the ten best of the horizon's leaderboard; everybody when there is none.
    At each value up to 5 scenarios a side within h = min(0.1, max(5/n, 1e-5)) max(1, largest abs value) are looked at.
    Where fewer owners are near than are included, the others are taken to say E / (1 + E), E = exp(8 (p - 1/2)). Points
    where nothing is known, or p is a half, drop out. y is the mean of the running maximum from the left and the running
    minimum from the right.
    """
    if not scenarios.size:
        return Cdf((), ())
    order = sorted(range(len(owners)), key=owners.__getitem__)
    ranked, counted = scenarios[order], frozenset(included)
    counts = np.array([not counted or owners[row] in counted for row in order])
    h = min(0.1, max(5.0 / scenarios.size, 0.00001)) * max([abs(value) for value in values] + [1.0])
    points, found = [], []
    for value in values:
        above, below = tickets_beside(ranked, value, reach=h, per_side=PER_SIDE_2021)
        known = own_percentiles((ticket for ticket in (*below, *above) if counts[ticket.owner]), scenarios.shape[1])
        p = _filled_2021(known, missing=len(counted) - len(known))
        if abs(p - UNKNOWN_2021) > NEAR_A_HALF_2021:
            points.append(value)
            found.append(p)
    if not found:
        return Cdf((), ())
    from_the_left = np.maximum.accumulate(found)
    from_the_right = np.minimum.accumulate(found[::-1])[::-1]
    return Cdf(tuple(points), tuple((0.5 * (from_the_left + from_the_right)).tolist()))


def _filled_2021(known: list[float], *, missing: int) -> float:
    """The mean percentile, with those who are not near taken to be further out on the side of those who are."""
    p = zmean_percentile(known)
    if known and missing > 0 and abs(p - UNKNOWN_2021) > NEAR_A_HALF_2021:
        e = math.exp(8.0 * (p - 0.5))
        return zmean_percentile(known + [e / (e + 1)] * missing)
    return p


def cdf_2023(scenarios: NDArray[np.float64], values: Sequence[float] | None = None) -> Cdf:
    """The original's distribution since 2022: the share of all predictions at or below x, summed one by one.

    scenarios: any shape, the current predictions.  values: where to look; None looks at every ceil(n/50)-th prediction
    but never at the last. Nobody: x = (-1000, 10000), y = (0, 1), as it says.
    """
    pool = np.sort(scenarios, axis=None)
    if not pool.size:
        return Cdf(*NOBODY_2023)
    points = pool[0 : -1 : math.ceil(pool.size / DEFAULT_POINTS)] if values is None else np.sort(np.asarray(values))
    summed = np.concatenate(([0.0], np.cumsum(np.full(pool.size, 1 / pool.size))))
    shares = summed[np.searchsorted(pool, points, side="right")]
    return Cdf(tuple(points.tolist()), tuple(shares.tolist()))


def _sorted_pool(scenarios: NDArray[np.float64]) -> NDArray[np.float64]:
    if not scenarios.size:
        raise NotFound("nobody predicts this horizon")
    return np.sort(scenarios, axis=None)


def _checked(numbers: ArrayLike, field: str) -> NDArray[np.float64]:
    checked = np.asarray(numbers, dtype=np.float64)
    if not np.isfinite(checked).all():
        raise InvalidRequest("want finite numbers", field=field)
    return checked
