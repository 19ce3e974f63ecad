"""How an answer differs from the baseline, as small integers whose dot products are exact in any order.

A deviation of 1 is 1e-4 of sigma * sqrt(k), the standard deviation the baseline gives step k. Values are
clipped to int16, at 3.2767 standard deviations: an answer that bets more than that loses its skill long before.
"""

from __future__ import annotations

from functools import lru_cache
from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocol.rules.scores import step_scales_pico
from protocol.units import MICRO, NanoReturns, Pico

Deviations = NDArray[np.int16]
"""One answer's deviations from the baseline, shape (steps, depth): depth 1 for a path, a column a probability else."""

DEVIATION_SCALE: Final = 10**4
DEVIATION_LIMIT: Final = np.iinfo(np.int16).max
QUANTILES_PPM: Final = tuple(range(50_000, 1_000_000, 100_000))
"""The probabilities at which ensembles are compared: 5%, 15%, ... 95%."""

_NANO_TO_UNIT: Final = 1_000 * DEVIATION_SCALE
"""nano-returns times this, over sigma * sqrt(k) in pico, is a deviation."""
_ROOT_SCALE: Final = 10**6


def path_deviations(path_nano: NanoReturns, *, sigma_pico: Pico) -> Deviations:
    """A point answer's deviations: the path itself, since its baseline is zero.

    path_nano: shape (steps,), log-returns from the anchor, abs at most 2 * 10**9 (checked at the border).
    Returns shape (steps, 1).
    """
    return _in_units(path_nano[:, np.newaxis], sigma_pico)


def ensemble_deviations(
    paths_nano: NanoReturns, *, baseline_quantiles_nano: NanoReturns, sigma_pico: Pico
) -> Deviations:
    """An ensemble's deviations: its quantiles at `QUANTILES_PPM` in each step, less the baseline's.

    paths_nano: shape (m, steps), abs at most 2 * 10**9.  baseline_quantiles_nano: shape (quantiles, steps), from
    `baselines.gaussian_walk_quantiles_nano` at the same probabilities.  Returns shape (steps, quantiles).
    """
    return _in_units((ensemble_quantiles_nano(paths_nano) - baseline_quantiles_nano).T, sigma_pico)


def ensemble_quantiles_nano(paths_nano: NanoReturns) -> NanoReturns:
    """Quantiles of each step at `QUANTILES_PPM`, shape (quantiles, steps), linear between neighbouring members.

    The quantile of probability p lies at position p * m - 1/2 of the sorted members 0..m-1, held inside them
    (Hyndman & Fan 1996, doi:10.2307/2684934, definition 5), rounded down to a nano. Integers throughout:
    members of at most 2 * 10**9 times weights of at most 2 * 10**6 stay far below 2**63.
    """
    members = np.sort(paths_nano, axis=0)
    m = members.shape[0]
    twice_position = np.clip(2 * np.array(QUANTILES_PPM, dtype=np.int64) * m - MICRO, 0, 2 * MICRO * (m - 1))
    below, weight = np.divmod(twice_position, 2 * MICRO)
    above = np.minimum(below + 1, m - 1)
    weight = weight[:, np.newaxis]
    quantiles: NanoReturns = (members[below] * (2 * MICRO - weight) + members[above] * weight) // (2 * MICRO)
    return quantiles


def seen_later(deviations: Deviations, *, lag_steps: int) -> Deviations:
    """What an answer given `lag_steps` earlier says about the targets of now, for comparison with answers of now.

    deviations: shape (..., steps, depth).  Returns shape (..., steps - lag, depth): row k is the target k + 1 steps
    from now. A path (depth 1) is anchored again at its own value now: with x in deviations, the row is
    (x_(k+lag) sqrt(k+lag) - x_lag sqrt(lag)) / sqrt(k). An ensemble's quantile deviations keep the scale of their
    target, x_(k+lag), because quantiles of a difference do not follow from the quantiles of its parts. That the
    earlier round had its own sigma scales all its answers by one number, which correlations hardly notice.
    Raises ValueError for a lag of as many steps or more: such an answer says nothing of what is still to come (ours).
    """
    steps = deviations.shape[-2]
    if not 0 <= lag_steps < steps:
        raise ValueError(f"an answer of {steps} steps cannot be compared {lag_steps} steps later")
    if lag_steps == 0:
        return deviations
    later = deviations[..., lag_steps:, :]
    if deviations.shape[-1] > 1:
        return later
    roots = _roots(steps)
    here = later.astype(np.int64) * roots[lag_steps:]
    start = deviations[..., lag_steps - 1 : lag_steps, :].astype(np.int64) * roots[lag_steps - 1]
    return _clipped(_rounded(here - start, roots[: later.shape[-2]]))


def _in_units(deviations_nano: NanoReturns, sigma_pico: Pico) -> Deviations:
    """abs(deviation) <= 4 * 10**9 nano (two returns) times 10**7 stays below 2**63, doubled for rounding too."""
    scales = np.array(step_scales_pico(sigma_pico, deviations_nano.shape[0]), dtype=np.int64)
    return _clipped(_rounded(deviations_nano * _NANO_TO_UNIT, scales[:, np.newaxis]))


def _rounded(numerator: NDArray[np.int64], denominator: NDArray[np.int64]) -> NDArray[np.int64]:
    """numerator / denominator to the nearest whole, halves up; odd in sign but for the halves."""
    return (2 * numerator + denominator) // (2 * denominator)


def _clipped(values: NDArray[np.int64]) -> Deviations:
    return np.clip(values, -DEVIATION_LIMIT, DEVIATION_LIMIT).astype(np.int16)


@lru_cache(maxsize=8)
def _roots(steps: int) -> NDArray[np.int64]:
    """sqrt(1), sqrt(2), ..., as integers, shape (steps, 1)."""
    roots = np.array([isqrt(k * _ROOT_SCALE * _ROOT_SCALE) for k in range(1, steps + 1)], dtype=np.int64)
    return roots[:, np.newaxis]
