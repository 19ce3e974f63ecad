"""Quantiles of Student's t, to the nano and the same on every machine: how far luck alone may carry a mean."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

from protocol.rules.exact import EXACT, to_integer
from protocol.units import MICRO, NANO, Nano

_ONE: Final = Decimal(1)
_CLOSE_ENOUGH: Final = Decimal("1e-14")
_SERIES_END: Final = Decimal("1e-38")


@lru_cache(maxsize=4096)
def t_quantile_nano(degrees: int, confidence_ppm: int) -> Nano:
    """The t with P(T <= t) = confidence, for T Student-distributed with whole degrees of freedom, in nano.

    degrees: >= 1.  confidence_ppm: one-sided, in (500_000, 1_000_000).
    Raises ValueError outside these bounds (ours: params are checked when they are made).
    Found by bisection of the finite sums for P(|T| <= t): Abramowitz & Stegun (1964), 26.7.3 and 26.7.4.
    """
    if degrees < 1 or not MICRO // 2 < confidence_ppm < MICRO:
        raise ValueError(f"want degrees >= 1 and 500_000 < confidence_ppm < 1_000_000: {degrees}, {confidence_ppm}")
    wanted = EXACT.divide(Decimal(2 * confidence_ppm - MICRO), Decimal(MICRO))
    low, high = Decimal(0), _ONE
    while _two_sided_probability(high, degrees) < wanted:
        low, high = high, EXACT.add(high, high)
    while EXACT.subtract(high, low) > EXACT.multiply(_CLOSE_ENOUGH, high):
        middle = EXACT.divide(EXACT.add(low, high), Decimal(2))
        if _two_sided_probability(middle, degrees) < wanted:
            low = middle
        else:
            high = middle
    return Nano(to_integer(high, NANO))


def _two_sided_probability(t: Decimal, degrees: int) -> Decimal:
    """P(|T| <= t) as a finite sum in cos(theta) and sin(theta), theta = atan(t / sqrt(degrees))."""
    hypotenuse = EXACT.sqrt(EXACT.add(Decimal(degrees), EXACT.multiply(t, t)))
    sine = EXACT.divide(t, hypotenuse)
    cosine_squared = EXACT.divide(Decimal(degrees), EXACT.multiply(hypotenuse, hypotenuse))
    if degrees % 2 == 0:
        return EXACT.multiply(sine, _sum_of_powers(_ONE, cosine_squared, range(2, degrees, 2)))
    angle = _atan(EXACT.divide(t, EXACT.sqrt(Decimal(degrees))))
    if degrees > 1:
        cosine = EXACT.sqrt(cosine_squared)
        powers = _sum_of_powers(cosine, cosine_squared, range(3, degrees, 2))
        angle = EXACT.add(angle, EXACT.multiply(sine, powers))
    return EXACT.divide(EXACT.multiply(Decimal(2), angle), _pi())


def _sum_of_powers(first: Decimal, cosine_squared: Decimal, divisors: range) -> Decimal:
    """first * (1 + (d1 - 1) / d1 * c2 + (d1 - 1)(d2 - 1) / (d1 d2) * c2**2 + ...), a term a divisor."""
    term = total = first
    for divisor in divisors:
        term = EXACT.divide(
            EXACT.multiply(term, EXACT.multiply(cosine_squared, Decimal(divisor - 1))), Decimal(divisor)
        )
        total = EXACT.add(total, term)
    return total


def _atan(x: Decimal) -> Decimal:
    """atan of x >= 0: three half-angle steps bring it under 0.2, then the alternating series."""
    doublings = 3
    for _ in range(doublings):
        x = EXACT.divide(x, EXACT.add(_ONE, EXACT.sqrt(EXACT.add(_ONE, EXACT.multiply(x, x)))))
    minus_square = EXACT.minus(EXACT.multiply(x, x))
    power = total = x
    odd = 1
    while EXACT.abs(power) > _SERIES_END:
        power = EXACT.multiply(power, minus_square)
        odd += 2
        total = EXACT.add(total, EXACT.divide(power, Decimal(odd)))
    return EXACT.multiply(total, Decimal(2**doublings))


@lru_cache(maxsize=1)
def _pi() -> Decimal:
    return EXACT.multiply(Decimal(4), _atan(_ONE))
