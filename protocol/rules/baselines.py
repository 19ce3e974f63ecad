"""The standing forecast everyone must beat: a driftless walk whose sigma is an EWMA of past returns (rules.md 1).

`closes.point` stands against the walk's path (all zeros), `closes.paths` against its law N(0, sigma^2 k). Both losses
are exact or `decimal`; only `sample_gaussian_walk`, which makes an answer and settles nothing, uses floats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import compress
from operator import mul
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocol.errors import TooLittleHistory
from protocol.rules.exact import EXACT, round_div, to_integer
from protocol.rules.normal_law import FAR, ONE_OVER_SQRT_PI, SQRT_TWO_OVER_PI, bell, odd_series, quantile_above_half
from protocol.rules.scores import ensemble_losses, step_scales_pico
from protocol.units import MICRO, NANO, PICO, Nano, NanoReturns, Pico

_WEIGHT_ONE: Final = 1 << 64
"""The weight of the newest return; one 64 half-lives old weighs nothing."""

_QUANTILE_SCALE: Final = 10**30
_NEWTON_STOP: Final = Decimal("1e-32")
"""Well above what 40 digits leave of a step at the outermost quantile, where the density is 5e-6."""


def ewma_sigma_pico(returns_nano: Sequence[Nano | None], *, half_life_steps: int) -> Pico:
    """The typical size of one step: sqrt(sum w r^2 / sum w) in pico, to the nearest, with w = 0.5 ** (age / half-life).

    returns_nano: one-step log-returns in time order, newest last, None where a close is missing: such a step drops out
    of both sums but still ages the ones before it. Driftless: the mean is taken to be 0.
    Raises TooLittleHistory (ours) when no return is known, and when every known one is zero: a market that has not
    moved gives no scale to measure errors in.
    """
    weights = _ewma_weights(half_life_steps, len(returns_nano))
    known = [r is not None for r in returns_nano]
    total = sum(compress(weights, known))
    if total == 0:
        raise TooLittleHistory("no return is known in the sigma window", steps=len(returns_nano))
    moves = [r or 0 for r in returns_nano]
    energy = sum(map(mul, weights, map(mul, moves, moves)))
    sigma = (math.isqrt(4 * energy * (PICO // NANO) ** 2 // total) + 1) // 2
    if sigma == 0:
        raise TooLittleHistory("the price did not move in the sigma window", steps=len(returns_nano))
    return Pico(sigma)


@lru_cache(maxsize=8)
def _ewma_weights(half_life_steps: int, length: int) -> tuple[int, ...]:
    """Whole-number weights, newest last: 2**64 * 2**(-age / half-life), cut to a whole number.

    One half-life of them comes from `decimal`; each older one is that table shifted right, a bit per half-life.
    """
    if half_life_steps < 1:
        raise ValueError(f"the half-life must be at least one step, was {half_life_steps}")
    fall = EXACT.power(Decimal(2), EXACT.divide(Decimal(-1), Decimal(half_life_steps)))
    first = [to_integer(EXACT.power(fall, Decimal(age)), _WEIGHT_ONE) for age in range(min(half_life_steps, length))]
    by_age = [first[age % half_life_steps] >> (age // half_life_steps) for age in range(length)]
    return tuple(reversed(by_age))


def walk_point_loss_nano(truth: Sequence[Nano | None], sigma_pico: Pico) -> Nano:
    """The point baseline's loss of a round: what the all-zeros path (the price stays) scores.

    It is zero when no scored close moved at all; then every cap is zero too and nobody gains or loses.
    Raises ValueError (ours) when no step is scored or sigma is not positive.
    """
    stays = np.zeros((1, 1, len(truth)), dtype=np.int64)
    return ensemble_losses(stays, truth, sigma_pico)[0]


def gaussian_walk_loss_nano(truth: Sequence[Nano | None], sigma_pico: Pico) -> Nano:
    """The ensemble baseline's loss of a round: the CRPS of N(0, sigma^2 k) in closed form, in units of its own scale.

    The mean over scored steps of z (2 Phi(z) - 1) + 2 phi(z) - 1/sqrt(pi), with z = truth / (sigma sqrt(k)), rounded
    once to nano; about 35 digits stand behind it.  Source: Gneiting & Raftery (2007), doi:10.1198/016214506000001437.
    Raises ValueError (ours) when no step is scored or sigma is not positive.
    """
    scales = step_scales_pico(sigma_pico, len(truth))
    scored = [(y, scale) for y, scale in zip(truth, scales, strict=True) if y is not None]
    if not scored:
        raise ValueError("no step of this round is scored")
    total = Decimal(0)
    for y, scale in scored:
        z = EXACT.divide(Decimal(y * (PICO // NANO)), Decimal(scale))
        total = EXACT.add(total, _mean_distance(z))
    mean = EXACT.divide(total, Decimal(len(scored)))
    return Nano(to_integer(EXACT.subtract(mean, ONE_OVER_SQRT_PI), NANO))


def _mean_distance(z: Decimal) -> Decimal:
    """E|Z - z| = z (2 Phi(z) - 1) + 2 phi(z) for a standard normal Z.

    With A of `odd_series`, Phi(z) - 1/2 = phi(z) z A(z^2), so it is 2 phi(z) (1 + z^2 A(z^2)).
    """
    if z.copy_abs() > FAR:  # copy_abs, because abs() and unary minus round by the thread's own context
        return z.copy_abs()
    square = EXACT.multiply(z, z)
    grown = EXACT.fma(square, odd_series(square), Decimal(1))
    return EXACT.multiply(EXACT.multiply(grown, SQRT_TWO_OVER_PI), bell(square))


def gaussian_walk_quantiles_nano(sigma_pico: Pico, steps: int, probabilities_ppm: Sequence[int]) -> NanoReturns:
    """The baseline's quantiles: z_p * sigma * sqrt(k) in nano, half to even, int64 of shape (q, steps).

    probabilities_ppm: q parts per million, each within 1..999,999. Raises ValueError (ours) for others.
    """
    scales = step_scales_pico(sigma_pico, steps)
    scaled_z = [_normal_quantile_e30(p) for p in probabilities_ppm]
    unit = _QUANTILE_SCALE * (PICO // NANO)
    rows = [[round_div(z * scale, unit) for scale in scales] for z in scaled_z]
    return np.array(rows, dtype=np.int64).reshape(len(rows), steps)


@lru_cache(maxsize=4096)
def _normal_quantile_e30(probability_ppm: int) -> int:
    """The standard normal quantile times 10**30, to a whole number; exactly odd about one half."""
    if not 0 < probability_ppm < MICRO:
        raise ValueError(f"a probability must lie within 1..{MICRO - 1} ppm, was {probability_ppm}")
    if 2 * probability_ppm < MICRO:
        return -_normal_quantile_e30(MICRO - probability_ppm)
    wanted = EXACT.divide(Decimal(2 * probability_ppm - MICRO), Decimal(2 * MICRO))
    return to_integer(quantile_above_half(wanted, stop=_NEWTON_STOP), _QUANTILE_SCALE)


def sample_gaussian_walk(sigma_pico: Pico, paths: int, steps: int, normals: NDArray[np.float64]) -> NDArray[np.float32]:
    """An ensemble drawn from the baseline: float32 log-returns, shape (paths, steps).

    normals: standard normal draws of that shape (chance is injected). Raises ValueError (ours) for another shape.
    """
    if normals.shape != (paths, steps):
        raise ValueError(f"want normals of shape {(paths, steps)}, were {normals.shape}")
    walk = np.cumsum(normals, axis=1) * (sigma_pico / PICO)
    return walk.astype(np.float32)
