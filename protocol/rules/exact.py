"""Exact arithmetic that every stored number goes through: integers, and `decimal` at a fixed precision.

Floats give different last bits on different machines; a score, a share or a balance never sees one.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Final

from protocol.units import NANO, Nano, PriceE8

EXACT: Final = Context(prec=40, rounding=ROUND_HALF_EVEN)
"""The one decimal context of the rules: 40 digits, half to even. `ln`, `exp` and `sqrt` are correctly rounded in it."""


def round_div(numerator: int, denominator: int) -> int:
    """numerator / denominator, rounded half to even. Raises ZeroDivisionError when denominator is 0."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2 == 1):
        quotient += 1
    return quotient


def to_integer(value: Decimal, scale: int) -> int:
    """value times scale, rounded half to even to a whole number."""
    scaled = EXACT.multiply(value, Decimal(scale))
    return int(scaled.to_integral_value(rounding=ROUND_HALF_EVEN, context=EXACT))


@lru_cache(maxsize=65_536)
def _ln(price: PriceE8) -> Decimal:
    return EXACT.ln(Decimal(price))


def log_return_nano(close: PriceE8, anchor: PriceE8) -> Nano:
    """ln(close) - ln(anchor) in nano, each logarithm correctly rounded to 40 digits first, then half to even.

    The logarithm of a price is kept, because a close is an outcome of a hundred rounds and an anchor of one more.
    Both prices must be positive (checked where prices are agreed).
    """
    return Nano(to_integer(EXACT.subtract(_ln(close), _ln(anchor)), NANO))
