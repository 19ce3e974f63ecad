"""Running statistics that look only backwards: row t is computed from rows <= t, to the bit.

All take and return float64 arrays of shape (n,). NaN inputs (missing candles) carry no weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import log

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
    block = max(1, int(_LARGEST_EXPONENT / -log(keep)))
    powers = _powers(keep, min(block, len(values)))
    carried = 0.0
    for start in range(0, len(values), block):
        part = values[start : start + block]
        weights = powers[: len(part)]
        inside = sums[start : start + block]
        np.cumsum(np.divide(part, weights, out=inside), out=inside)
        inside += carried
        inside *= weights
        carried = inside[-1]
    return sums


@lru_cache(maxsize=16)
def _powers(keep: float, count: int) -> Floats:
    """keep**1 .. keep**count; kept, because a node asks for the same at every forecast."""
    powers = np.asarray(keep ** np.arange(1, count + 1), dtype=np.float64)
    powers.setflags(write=False)
    return powers


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


def rolling_mean(values: Floats, span: int, *, since: int = 0) -> Floats:
    """Mean of the numbers among the last `span` rows up to t; NaN until span rows lie behind, or where all are NaN.

    since: the first row wanted; the same numbers, sooner: shape (n - since,).
    """
    only: Floats = means_of_last(running_sums(values), (span,), since=since)[0]
    return only


def running_sums(values: Floats) -> Floats:
    """What means_of_last needs, made once for means over several spans.

    Shape (2, n + 1): in column t the sum of the numbers among the first t rows, and how many there are.
    """
    sums = np.empty((2, len(values) + 1))
    sums[:, 0] = 0.0
    missing = np.isnan(values)
    if missing.any():
        np.cumsum(np.where(missing, 0.0, values), out=sums[0, 1:])
        sums[1, 1:] = np.cumsum((~missing).astype(np.int64))  # integers add up sooner, exact either way
    else:
        np.cumsum(values, out=sums[0, 1:])
        sums[1, 1:] = np.arange(1, len(values) + 1)
    return sums


def means_of_last(sums: Floats, spans: Sequence[int], *, since: int = 0) -> Floats:
    """What rolling_mean gives over each span: shape (spans, n - since)."""
    rows = sums.shape[1] - 1
    over = np.zeros((2, len(spans), rows - since))
    for at, span in enumerate(spans):
        first = min(max(since, span - 1), rows)
        np.subtract(sums[:, first + 1 :], sums[:, first + 1 - span : rows + 1 - span], out=over[:, at, first - since :])
    total, known = over
    means = np.full(total.shape, np.nan)
    np.divide(total, known, out=means, where=known > 0)
    return means


def hold_last(values: Floats) -> Floats:
    """Each missing number replaced by the last one before it; those before the first stay missing."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    known = np.where(missing, 0, np.arange(len(values)))
    return values[np.maximum.accumulate(known)]
