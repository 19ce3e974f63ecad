"""What a stream's lags look like: whether it stands still, repeats few values, wanders, or comes back."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mining_objects.lattices import distinct

Floats = NDArray[np.float64]

UNIT_ROOT_REJECTED: Final = -3.43
"""Below this the Dickey-Fuller statistic of a random walk lies one time in a hundred.

Source: MacKinnon (2010), Critical Values for Cointegration Tests, table 2, with a constant.
"""
MOST_STATES: Final = 25
"""A series of at most so many values, each seen four times on average, is a chain of states, if it was where it is now
often enough to tell what follows: a price with few ticks that has just come to a new one wanders."""
_RETURNS: Final = 5
_VISITS: Final = 4
_MOST_DIFFERENCES: Final = 4
_ROWS_EACH: Final = 12
"""Rows asked for each coefficient of the regression."""
_TYPICAL_GAP_S: Final = 60.0


class SeriesKind(StrEnum):
    """constant: one value.  discrete: few, and often where it is now.  process: wanders.  noise: comes back."""

    CONSTANT = "constant"
    DISCRETE = "discrete"
    PROCESS = "process"
    NOISE = "noise"


def kind_of(lagged_values: ArrayLike) -> SeriesKind:
    """Which kind of series these lags (finite, newest first, at least one) are of.

    A process is what an augmented Dickey-Fuller test does not tell from a random walk at 1%. The original asked how
    often signs change, so that noise about 100, which never changes its sign, was a process to it.
    """
    values = np.asarray(lagged_values, dtype=np.float64)
    states = len(distinct(values))
    if states == 1:
        return SeriesKind.CONSTANT
    if states <= min(MOST_STATES, len(values) // _VISITS) and _returns(values) >= _RETURNS:
        return SeriesKind.DISCRETE
    return SeriesKind.NOISE if comes_back(values[::-1]) else SeriesKind.PROCESS


def _returns(values: Floats) -> int:
    """How often the series came to its newest value from another one."""
    here = np.isclose(values, values[0], rtol=0.0, atol=1e-9 * float(np.ptp(values)))
    return int(np.count_nonzero(here[:-1] & ~here[1:]))


def comes_back(chronological: Floats) -> bool:
    """Whether a series is drawn back to a level. Oldest first, at least two values, not all equal.

    With fewer than 24 values: whether they lie nearer to their median than to the value before.
    """
    if len(chronological) < 2 * _ROWS_EACH:
        moves = np.abs(np.diff(chronological)).mean()
        return bool(np.abs(chronological - np.median(chronological)).mean() < moves)
    return unit_root_statistic(chronological) < UNIT_ROOT_REJECTED


def unit_root_statistic(chronological: Floats) -> float:
    """The augmented Dickey-Fuller statistic with a constant: how surely a series, oldest first, is no random walk.

    Of d_t = a + b x_(t-1) + c_1 d_(t-1) + ... the statistic b / (standard error of b); up to four earlier differences,
    fewer in a short series. -inf where the regression leaves nothing over, 0 where the level says nothing.
    Source: Said & Dickey (1984), doi:10.1093/biomet/71.3.599.
    """
    unit = float(np.abs(chronological - chronological[-1]).max())
    x = (chronological - chronological[-1]) / unit
    d = np.diff(x)
    earlier = min(_MOST_DIFFERENCES, len(d) // _ROWS_EACH - 2)
    target = d[earlier:]
    lags = [d[earlier - j : len(d) - j] for j in range(1, earlier + 1)]
    columns = np.stack([x[earlier:-1], np.ones(len(target)), *lags], axis=1)
    inverse = np.linalg.pinv(columns.T @ columns)
    fitted = inverse @ (columns.T @ target)
    rest = target - columns @ fitted
    error = math.sqrt(max(0.0, float(rest @ rest)) / (len(target) - columns.shape[1]) * float(inverse[0, 0]))
    if error > 0:
        return float(fitted[0]) / error
    return -math.inf if fitted[0] < 0 else 0.0


def typical_gap_s(lagged_times: ArrayLike) -> float:
    """The median time in seconds between arrivals, of those with any time between; a minute where none is known.

    The original took the commonest gap rounded to whole seconds, which a feed that jitters does not have.
    """
    gaps = np.abs(np.diff(np.asarray(lagged_times, dtype=np.float64)))
    gaps = gaps[gaps > 0]
    return float(np.median(gaps)) if len(gaps) else _TYPICAL_GAP_S


def steps_ahead(lagged_times: ArrayLike, delay: float, *, age: float = 0.0) -> int:
    """Which value from the newest on is the first to come at least `delay` seconds from now: 1 is the next.

    lagged_times: epoch seconds, newest first.  age: seconds since the newest value came.
    """
    gaps = (delay + max(0.0, age)) / typical_gap_s(lagged_times)
    return max(1, math.ceil(gaps - 1e-3))
