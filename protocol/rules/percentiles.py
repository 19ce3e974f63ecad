"""Where a new value fell in what was forecast: percentiles and z-scores of a stream's horizons.

The network's own percentile is a rank in the whole pool of scenarios that stand at that horizon, an exact fraction
strictly between 0 and 1; its z-score is the normal quantile of that fraction in nano, the same on every machine.
`percentile_2021` and `percentile_2023` are the original's, in its own floats: they look only at scenarios near the
value, take each owner's outermost one and average normal scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocol.rules.normal_law import normal_quantile_nano
from protocol.units import Nano

WINDOWS: Final = (1e-4, 1e-3, 1e-2)
"""Total widths of the neighbourhoods that the original zooms out through."""
PER_SIDE_2021: Final = 10
PER_SIDE_2023: Final = 50
ENOUGH_2021: Final = 10
"""So many scenarios near the value, and the original zooms out no further."""
UNKNOWN_2021: Final = 0.5
"""What the original says when nobody is near."""

_STANDARD_NORMAL: Final = NormalDist(mu=0, sigma=1.0)


class Ticket(NamedTuple):
    """One scenario of one owner: row of the owner, rank of the scenario among its own, counted from 0."""

    owner: int
    rank: int
    value: float


def percentile(scenarios: NDArray[np.float64], value: float) -> Fraction:
    """The share of a pool below a value, counted in the middle of a rank: (2 below + equal + 1) / (2 (n + 1)).

    scenarios: any shape, n finite numbers, as many of every owner. It is the middle of one of the n + 1 gaps that
    they leave, all equally likely for a value that is one more draw of the law they were drawn from: so a calibrated
    pool's percentiles are uniform, neither 0 nor 1 is ever said, and z is finite. 1/2 for an empty pool.
    """
    below = int(np.count_nonzero(scenarios < value))
    equal = int(np.count_nonzero(scenarios == value))
    return Fraction(2 * below + equal + 1, 2 * (scenarios.size + 1))


def percentiles(pools: Mapping[int, NDArray[np.float64]], value: float) -> dict[int, Fraction]:
    """A value's percentile at every delay (seconds) whose pool is not empty; a horizon nobody predicts is left out."""
    return {delay: percentile(scenarios, value) for delay, scenarios in pools.items() if scenarios.size}


def z_score_nano(percentile: Fraction) -> Nano:
    """The normal quantile of a percentile, in nano: what a `z1~` stream holds. Raises ValueError (ours) at 0 and 1."""
    return normal_quantile_nano(percentile.numerator, percentile.denominator)


def to_zscores(prctls: Iterable[float]) -> list[float]:
    """The original's z-scores of percentiles, in floats. Raises StatisticsError outside 0 < p < 1, as it does."""
    return [_STANDARD_NORMAL.inv_cdf(p) for p in prctls]


def zmean_percentile(ps: Sequence[float]) -> float:
    """The original's summary of percentiles: Phi of the mean normal score, 0.5 where there is none."""
    return _STANDARD_NORMAL.cdf(float(np.mean(to_zscores(ps)))) if ps else UNKNOWN_2021


def percentile_2021(
    owners: Sequence[str],
    scenarios: NDArray[np.float64],
    value: float,
    *,
    windows: Sequence[float] = WINDOWS,
    per_side: int = PER_SIDE_2021,
) -> float:
    """The original's percentile of a value at one horizon, bit for bit on one machine.

    owners: the keys' text, which breaks ties.  scenarios: shape (owners, m), a sorted row an owner.
    windows: total widths, ascending: each next one is looked at only while fewer than 10 scenarios are near.
    per_side: the nearest so many at or above the value, and as many at or below it.
    """
    order = sorted(range(len(owners)), key=owners.__getitem__)
    above, below = tickets_beside(scenarios[order], value, reach=0.5 * max(windows), per_side=per_side)
    near: list[Ticket] = []
    for reach in (0.5 * window for window in windows):
        if len(near) < ENOUGH_2021:
            near = [ticket for ticket in below if ticket.value >= value - reach]
            near += [ticket for ticket in above if ticket.value <= value + reach]
    return zmean_percentile(own_percentiles(near, scenarios.shape[1]))


def percentile_2023(
    owners: Sequence[str], scenarios: NDArray[np.float64], value: float, *, windows: Sequence[float] = WINDOWS
) -> float:
    """As `percentile_2021`, with up to 50 scenarios a side."""
    return percentile_2021(owners, scenarios, value, windows=windows, per_side=PER_SIDE_2023)


def own_percentiles(near: Iterable[Ticket], count: int) -> list[float]:
    """One percentile (rank + 0.5) / count an owner, of its last ticket; owners come in the order of their first."""
    return list({ticket.owner: (0.5 + float(ticket.rank)) / count for ticket in near}.values())


def tickets_beside(
    scenarios: NDArray[np.float64], value: float, *, reach: float, per_side: int
) -> tuple[list[Ticket], list[Ticket]]:
    """The nearest tickets in [value, value + reach] and in [value - reach, value], each nearest first.

    scenarios: shape (owners, m), a sorted row an owner, owners in the order of their keys' text. Of equal scenarios the
    one of lower rank, then of the earlier owner comes first upwards, and last downwards, as the original lists them. A
    scenario that equals the value is in both.
    """
    steps = np.arange(min(per_side, scenarios.shape[1]))
    first_above = np.count_nonzero(scenarios < value, axis=1)[:, None]
    last_below = np.count_nonzero(scenarios <= value, axis=1)[:, None] - 1
    return (
        _nearest(scenarios, first_above + steps, low=value, high=value + reach, limit=per_side, sign=1),
        _nearest(scenarios, last_below - steps, low=value - reach, high=value, limit=per_side, sign=-1),
    )


def _nearest(
    scenarios: NDArray[np.float64], ranks: NDArray[np.intp], *, low: float, high: float, limit: int, sign: int
) -> list[Ticket]:
    """The first of these tickets (ranks of each owner, shape (owners, k)) that lie in [low, high].

    sign: 1 orders by value, rank and owner upwards, -1 by all three downwards.
    """
    owners, columns = np.nonzero((ranks >= 0) & (ranks < scenarios.shape[1]))
    ranks = ranks[owners, columns]
    values = scenarios[owners, ranks]
    places = np.flatnonzero((values >= low) & (values <= high))
    if places.size > limit:
        keys = sign * values[places]
        places = places[keys <= np.partition(keys, limit - 1)[limit - 1]]
    order = places[np.lexsort((sign * owners[places], sign * ranks[places], sign * values[places]))[:limit]]
    return [Ticket(int(owners[place]), int(ranks[place]), float(values[place])) for place in order]


def parity_index(z_delays: Sequence[int], delay: int) -> int:
    """Which of a value's percentiles the original's `z1~` stream of this delay holds: its place among the z-delays.

    So `~3555` holds the percentile at 310 s under the rules of 2021 (z-delays 70 and 3555) and at 70 s under those of
    2023 (3555 alone). Raises ValueError (ours) for a delay that is none of them.
    """
    return z_delays.index(delay)
