"""Running statistics that look only backwards: row t is computed from rows <= t, to the bit.

All take and return float64 arrays of shape (n,). NaN inputs (missing candles) carry no weight.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LARGEST_EXPONENT = 500.0
"""Growing weights are cut into blocks before they pass e**this; float64 ends at e**709."""


def recursive_sum(values: Floats, keep: float, out: Floats | None = None) -> Floats:
    """s_t = keep * s_(t-1) + values_t from s = 0, without a Python loop a row.  0 < keep < 1.

    Within a block of rows s_t = keep**t * (s_before + cumsum(values / keep**t)): sums of growing weights, whose
    newest terms are the largest, so nothing cancels.  out: where to write, as long as values.
    """
    sums = np.empty(len(values)) if out is None else out
    block = max(1, int(_LARGEST_EXPONENT / -np.log(keep)))
    growing = keep ** np.arange(1, min(block, len(values)) + 1)
    carried = 0.0
    for start in range(0, len(values), block):
        part = values[start : start + block]
        weights = growing[: len(part)]
        sums[start : start + block] = weights * (carried + np.cumsum(part / weights))
        carried = sums[start + len(part) - 1]
    return sums


def ewma(values: Floats, half_life: float) -> Floats:
    """Exponentially weighted mean of rows <= t; a row's weight halves every half_life rows; NaN rows weigh nothing.

    Normalised by the weights present, so the start is not biased towards 0. NaN until the first number.
    """
    keep = 0.5 ** (1.0 / half_life)
    present = ~np.isnan(values)
    total = recursive_sum(np.where(present, values, 0.0), keep)
    weight = recursive_sum(present.astype(np.float64), keep)
    out = np.full(len(values), np.nan)
    np.divide(total, weight, out=out, where=weight > 0)
    return out


def rolling_mean(values: Floats, span: int) -> Floats:
    """Mean of the numbers among the last `span` rows up to t; NaN until span rows lie behind, or where all are NaN."""
    return mean_of_last(running_sums(values), span)


class RunningSums(NamedTuple):
    """Of the rows up to each: the sum of the numbers, and how many there were. Serves means over several spans."""

    total: Floats
    known: Floats


def running_sums(values: Floats) -> RunningSums:
    """What mean_of_last needs, made once."""
    present = ~np.isnan(values)
    return RunningSums(np.cumsum(np.where(present, values, 0.0)), np.cumsum(present.astype(np.float64)))


def mean_of_last(sums: RunningSums, span: int) -> Floats:
    """What rolling_mean gives."""
    total, known = (_over_span(running, span) for running in sums)
    out = np.full(len(total), np.nan)
    np.divide(total, known, out=out, where=known > 0)
    out[: span - 1] = np.nan
    return out


def _over_span(running: Floats, span: int) -> Floats:
    out = running.copy()
    out[span:] -= running[:-span] if span < len(running) else 0.0
    return out


def hold_last(values: Floats) -> Floats:
    """Each missing number replaced by the last one before it; those before the first stay missing."""
    known = np.where(np.isnan(values), 0, np.arange(len(values)))
    return values[np.maximum.accumulate(known)]
