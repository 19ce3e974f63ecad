"""The standard normal law in `decimal`: the same digits on every machine, where a float's last bits differ."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

from protocol.rules.exact import EXACT, to_integer
from protocol.units import NANO, Nano

_PI: Final = Decimal("3.141592653589793238462643383279502884197169399375105820974944592307816")
_MINUS_HALF: Final = Decimal("-0.5")
_TWO: Final = Decimal(2)
SQRT_TWO_OVER_PI: Final = EXACT.sqrt(EXACT.divide(_TWO, _PI))
ONE_OVER_SQRT_PI: Final = EXACT.divide(Decimal(1), EXACT.sqrt(_PI))
_DENSITY_AT_ZERO: Final = EXACT.divide(SQRT_TWO_OVER_PI, _TWO)
FAR: Final = 14
"""Beyond so many sigmas the tail is below 1e-42, less than the last digit kept."""
_SERIES_BITS: Final = 128
_NANO_STOP: Final = Decimal("1e-22")
"""A Newton step this small leaves an error far below the last nano, even where the density is 1e-9."""


def odd_series(square: Decimal) -> Decimal:
    """A(s) = 1 + s/3 + s^2/15 + s^3/105 + ..., every term of one sign, so no digit is lost; summed in 2**-128ths.

    With it Phi(z) - 1/2 = phi(z) z A(z^2): Abramowitz & Stegun (1964), 26.2.11.
    """
    s = to_integer(square, 1 << _SERIES_BITS)
    term, total, odd = 1 << _SERIES_BITS, 0, 1
    while term:
        total += term
        odd += 2
        term = (term * s >> _SERIES_BITS) // odd
    return EXACT.divide(Decimal(total), Decimal(1 << _SERIES_BITS))


def bell(square: Decimal) -> Decimal:
    """exp(-square / 2)."""
    return EXACT.exp(EXACT.multiply(square, _MINUS_HALF))


def quantile_above_half(above_half: Decimal, *, stop: Decimal) -> Decimal:
    """The z >= 0 with Phi(z) = 1/2 + above_half, within about `stop`. above_half: in [0, 1/2).

    Newton on Phi from 0: above one half Phi is concave and rising, so every iterate stays below the root and climbs.
    """
    z = Decimal(0)
    while True:
        square = EXACT.multiply(z, z)
        density = EXACT.multiply(_DENSITY_AT_ZERO, bell(square))
        reached = EXACT.multiply(EXACT.multiply(density, z), odd_series(square))
        step = EXACT.divide(EXACT.subtract(above_half, reached), density)
        z = EXACT.add(z, step)
        if step.copy_abs() < stop:
            return z


@lru_cache(maxsize=65_536)
def normal_quantile_nano(numerator: int, denominator: int) -> Nano:
    """The z with Phi(z) = numerator / denominator, to the nearest nano; exactly odd about one half.

    Raises ValueError (ours) unless 0 < numerator < denominator, and for a tail thinner than 2**-40.
    """
    if not 0 < numerator < denominator or min(numerator, denominator - numerator) << 40 < denominator:
        raise ValueError(f"want a probability within 2**-40 and 1 - 2**-40, was {numerator} / {denominator}")
    if 2 * numerator < denominator:
        return Nano(-normal_quantile_nano(denominator - numerator, denominator))
    above_half = EXACT.divide(Decimal(2 * numerator - denominator), Decimal(2 * denominator))
    return Nano(to_integer(quantile_above_half(above_half, stop=_NANO_STOP), NANO))


def normal_cdf(z_nano: Nano) -> Decimal:
    """Phi(z) to about 38 digits: 0 or 1 beyond 14 sigmas."""
    if abs(z_nano) >= FAR * NANO:
        return Decimal(int(z_nano > 0))
    z = EXACT.divide(Decimal(z_nano), Decimal(NANO))
    square = EXACT.multiply(z, z)
    above_half = EXACT.multiply(EXACT.multiply(_DENSITY_AT_ZERO, bell(square)), EXACT.multiply(z, odd_series(square)))
    return EXACT.add(EXACT.divide(Decimal(1), _TWO), above_half)
