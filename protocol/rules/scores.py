"""How far an answer was from what happened: losses in nano, from integers alone (rules.md 1, 3 and 6).

    answer (float) --quantize_answer--> nano --crps_numerators--> exact CRPS --ensemble_losses--> one loss

A loss of NANO (10**9) is an average error of one baseline step: sigma at step 1, sigma * sqrt(k) at step k.
One function serves both challenges: a point path is an ensemble of one member, whose CRPS is its absolute error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from operator import mul
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocol.errors import InvalidAnswer
from protocol.rules.exact import log_return_nano, round_div
from protocol.units import NANO, PICO, Nano, NanoReturns, Pico, PriceE8

MAX_MEMBERS: Final = 1000
MAX_ABS_ANSWER_NANO: Final = 2 * NANO
MAX_ABS_TRUTH_NANO: Final = 50 * NANO
"""Above the log-return between any two prices that fit 64 bits: ln(2**64) = 44.4."""

UNSCORED: Final = -1
"""Stands where a step is missing: no CRPS is negative, so nobody takes it for a score, least of all a perfect one."""

_PICO_PER_NANO: Final = PICO // NANO
_RECIPROCAL_BITS: Final = 160


def quantize_answer(answer: NDArray[np.float32] | NDArray[np.float64], *, max_abs_return_nano: int) -> NanoReturns:
    """An answer as settled numbers: log-returns in nano, int64, the same shape, rounded half to even.

    answer: float32 or float64 log-returns from the anchor.  max_abs_return_nano: the largest magnitude taken.
    Float32 is widened first, and its product with 10**9 (24 + 21 significant bits) is exact in float64. A float64
    product is rounded once by IEEE 754 before the rounding to a whole number: the same on every machine.
    Raises InvalidAnswer (the miner's fault) for another dtype, for the first number that is not finite, and for the
    first one out of range: fields position, value, limit_nano. ValueError (ours) for a limit that losses cannot take.
    """
    if not 0 < max_abs_return_nano <= MAX_ABS_ANSWER_NANO:
        raise ValueError(f"the limit must be within {MAX_ABS_ANSWER_NANO} nano, was {max_abs_return_nano}")
    if answer.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise InvalidAnswer(f"want float32 or float64 log-returns, were {answer.dtype}", dtype=str(answer.dtype))
    wide = answer.astype(np.float64)
    finite = np.isfinite(wide)
    if not finite.all():
        raise _invalid(wide, np.argwhere(~finite), "is not a finite number", max_abs_return_nano)
    with np.errstate(over="ignore"):  # an infinite product is out of range like any other
        nano = wide * NANO
    outside = np.abs(nano) > max_abs_return_nano
    if outside.any():
        raise _invalid(wide, np.argwhere(outside), "is out of range", max_abs_return_nano)
    return np.rint(nano).astype(np.int64)


def _invalid(answer: NDArray[np.float64], positions: NDArray[np.int64], what: str, limit_nano: int) -> InvalidAnswer:
    position = tuple(positions[0].tolist())
    value = float(answer[position])
    return InvalidAnswer(
        f"the log-return at {list(position)} {what}: {value!r}, and the limit is {limit_nano / NANO:g} either way",
        position=position,
        value=repr(value),
        limit_nano=limit_nano,
    )


@lru_cache(maxsize=64)
def step_scales_pico(sigma_pico: Pico, steps: int) -> tuple[int, ...]:
    """sigma * sqrt(k) for k = 1..steps in pico, each to the nearest whole pico (an integer's root is never a tie).

    Raises ValueError (ours) when sigma is not positive: such a round must not open.
    """
    if sigma_pico <= 0:
        raise ValueError(f"sigma must be positive, was {sigma_pico} pico")
    return tuple((math.isqrt(4 * sigma_pico * sigma_pico * k) + 1) // 2 for k in range(1, steps + 1))


def truth_returns(closes: Sequence[PriceE8 | None], anchor: PriceE8) -> tuple[Nano | None, ...]:
    """What happened: ln(close / anchor) in nano for each step, None where the close is missing.

    Raises ValueError (ours) for a price that is not positive: prices are checked where they are agreed.
    """
    if anchor <= 0 or any(close is not None and close <= 0 for close in closes):
        raise ValueError("the anchor and every close must be positive")
    return tuple(None if close is None else log_return_nano(close, anchor) for close in closes)


def crps_numerators(answers: NanoReturns, truth: Sequence[Nano | None]) -> NDArray[np.int64]:
    """m**2 times the CRPS of each ensemble's own law at each step, exactly; for m = 1 the absolute error.

    answers: int64 nano, shape (n, m, steps), 1 <= m <= 1000, magnitudes within 2 * 10**9.  truth: one nano log-return
    a step, None where missing.  Returns int64 of shape (n, steps), >= 0, UNSCORED at missing steps.
    Raises ValueError (ours) for other shapes or magnitudes: answers are checked when they arrive.

    The law of an answer is its members' empirical distribution (Gneiting & Raftery 2007,
    doi:10.1198/016214506000001437):
        CRPS = mean |x_i - y| - sum_{i<j} |x_i - x_j| / m**2.
    Not the "fair" estimator, which divides by m(m-1): it is proper only for members drawn at random, and pays whoever
    answers the baseline's quantiles 1.6% of skill for nothing (docs/decisions/0020).
    With members sorted, i = 0..m-1, sum_{i<j} |x_i - x_j| = sum (2i-m+1) x_(i), and |x-y| = 2 max(x, y) - x - y, so
        m**2 CRPS = 2 m sum max(x_i, y) - sum (2i+1) x_(i) - m**2 y.
    It is never negative: it is m**2 times the integral of the squared distance of two distribution functions.

    Why float64 is exact here: every product and partial sum, in any order and fused or not, is a whole number below
    2**53 = 9.0e15: sum (2i+1) |x_(i)| <= 1e6 * 2e9 = 2e15, and sum |max(x_i, y)| <= 1000 * 5e10 = 5e13. The last
    line is int64: 2 * 1000 * 5e13 + 2e15 + 1e6 * 5e10 < 1.6e17 < 2**63.
    """
    n, _, steps = _checked_shape(answers, truth)
    scored = [k for k, y in enumerate(truth) if y is not None]
    outcome = np.array([y for y in truth if y is not None], dtype=np.int64)
    if outcome.size and max(int(outcome.max()), -int(outcome.min())) > MAX_ABS_TRUTH_NANO:
        raise ValueError(f"a true log-return is beyond {MAX_ABS_TRUTH_NANO} nano")
    numerators = np.full((n, steps), UNSCORED, dtype=np.int64)
    columns = slice(None) if len(scored) == steps else scored
    for row in range(n):  # one ensemble at a time: 256 x 100 members are sorted and summed without leaving the cache
        numerators[row, columns] = _numerators(_as_int32(answers[row])[:, columns], outcome)
    return numerators


def _checked_shape(answers: NanoReturns, truth: Sequence[Nano | None]) -> tuple[int, int, int]:
    if answers.ndim != 3 or answers.dtype != np.int64 or answers.shape[2] != len(truth):
        raise ValueError(f"want int64 answers of shape (n, m, {len(truth)}), were {answers.dtype} {answers.shape}")
    n, m, steps = answers.shape
    if not 1 <= m <= MAX_MEMBERS:
        raise ValueError(f"want 1 to {MAX_MEMBERS} members, were {m}")
    return n, m, steps


def _as_int32(members: NanoReturns) -> NDArray[np.int32]:
    """Half as wide, so that numpy sorts twice as many at once. Refuses what would not fit or break the bounds."""
    if members.size and (members.max() > MAX_ABS_ANSWER_NANO or members.min() < -MAX_ABS_ANSWER_NANO):
        raise ValueError(f"an answer is beyond {MAX_ABS_ANSWER_NANO} nano: it was not quantized by quantize_answer")
    return members.astype(np.int32)


def _numerators(members: NDArray[np.int32], outcome: NDArray[np.int64]) -> NDArray[np.int64]:
    """members: shape (m, steps).  outcome: shape (steps,).  Returns m**2 CRPS, shape (steps,)."""
    m = members.shape[0]
    ordered = np.ascontiguousarray(members.T)
    ordered.sort(axis=1)
    wide = ordered.astype(np.float64)
    by_rank = (wide @ np.arange(1, 2 * m, 2, dtype=np.float64)).astype(np.int64)
    np.maximum(wide, outcome[:, np.newaxis].astype(np.float64), out=wide)
    upper = (wide @ np.ones(m)).astype(np.int64)
    numerators: NDArray[np.int64] = 2 * m * upper - by_rank - m * m * outcome
    return numerators


def ensemble_losses(answers: NanoReturns, truth: Sequence[Nano | None], sigma_pico: Pico) -> list[Nano]:
    """Each answer's loss of a round in nano: the mean over scored steps k of CRPS_k / (sigma * sqrt(k)).

    answers: shape (n, m, steps) as for crps_numerators; m = 1 for point paths.  sigma_pico: the round's, positive.
    Each loss is one exact fraction (over step_scales_pico), rounded once, half to even.
    Raises ValueError (ours) when no step is scored or sigma is not positive: there is no loss then, and least of all 0.
    """
    numerators = crps_numerators(answers, truth)
    scored = [k for k, y in enumerate(truth) if y is not None]
    if not scored:
        raise ValueError("no step of this round is scored")
    every_scale = step_scales_pico(sigma_pico, len(truth))
    scales = [every_scale[k] for k in scored]
    divisor = len(scored) * answers.shape[1] ** 2
    reciprocals = [(1 << _RECIPROCAL_BITS) // scale for scale in scales]
    return [_mean_in_scales(row, scales, reciprocals, divisor) for row in numerators[:, scored].tolist()]


def _mean_in_scales(numerators: list[int], scales: list[int], reciprocals: list[int], divisor: int) -> Nano:
    """sum(numerators / scales) / divisor in nano, rounded once, half to even.

    The fraction's own denominator has thousands of bits. The reciprocals, cut below 2**-160, bracket the sum: each is
    less than one unit too small. Where both ends round alike, that is the answer; else the fraction decides.
    """
    low = sum(map(mul, numerators, reciprocals))
    high = low + sum(numerators)
    unit = divisor << _RECIPROCAL_BITS
    loss = round_div(low * NANO * _PICO_PER_NANO, unit)
    if loss != round_div(high * NANO * _PICO_PER_NANO, unit):
        exact = sum(map(Fraction, numerators, scales), start=Fraction(0)) * NANO * _PICO_PER_NANO / divisor
        loss = round_div(exact.numerator, exact.denominator)
    return Nano(loss)


def cap_loss(baseline_loss: Nano, cap_multiple: int) -> Nano:
    """The loss of a round for an answer that was broken: the baseline's loss times the multiple, moved by nobody."""
    return Nano(baseline_loss * cap_multiple)


def capped(loss: Nano, baseline_loss: Nano, cap_multiple: int) -> Nano:
    """A loss, cut to the cap of its round."""
    return min(loss, cap_loss(baseline_loss, cap_multiple))
