"""Whole numbers as people read them. What is cut off is rounded half to even, and nothing passes through a float."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from protocol.units import MICRO, MINUTE_MS, NANO, PICO, PRICE_SCALE, short

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NOTHING: Final = "-"


def decimal(value: int, scale: int, places: int, *, sign: bool = False) -> str:
    """value / scale with so many places: decimal(971_300_000, 10**9, 4) is "0.9713"."""
    shown = (Decimal(value) / scale).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    return f"{shown:{'+' if sign else ''},f}"


def loss(nano: int) -> str:
    """A loss, in units of the standing forecast's step: 0.9713."""
    return decimal(nano, NANO, 4)


def gain(nano: int) -> str:
    """A difference of losses: +0.0117."""
    return decimal(nano, NANO, 4, sign=True)


def percent(part: int, whole: int, *, sign: bool = False) -> str:
    """part of whole: +1.2%. Nothing when there is no whole."""
    return f"{decimal(100 * part, whole, 2, sign=sign)}%" if whole else NOTHING


def money(micros: int) -> str:
    """Units of account: 12.345678."""
    return decimal(micros, MICRO, 6)


def sigma(pico: int) -> str:
    """The log-return of one step that is usual, in percent: 0.0812%."""
    return f"{decimal(100 * pico, PICO, 4)}%"


def price(e8: int) -> str:
    """A price in the quote currency: 60,000.12."""
    return decimal(e8, PRICE_SCALE, 2)


def exact_price(e8: int) -> str:
    """A price to its last digit: 1.08436, 60,000.123."""
    whole, part = divmod(e8, PRICE_SCALE)
    return f"{whole:,}.{part:08d}".rstrip("0").rstrip(".")


def basis_points(milli: int) -> str:
    """A distance, with its sign: +1.25."""
    return decimal(milli, 1_000, 2, sign=True)


def instant(ms: int) -> str:
    """UTC, ISO 8601: 2025-06-15T12:05:00Z; with milliseconds only where there are some."""
    at = EPOCH + timedelta(milliseconds=ms)
    return at.isoformat(timespec="milliseconds" if ms % 1_000 else "seconds").replace("+00:00", "Z")


def minute(ms: int) -> str:
    """An instant of the grid, which has no seconds: 2025-06-15T12:05Z."""
    return instant(ms) if ms % MINUTE_MS else instant(ms).replace(":00Z", "Z")


def day(number: int) -> str:
    """A UTC day by its number since the epoch: 2025-06-15."""
    return (EPOCH + timedelta(days=number)).date().isoformat()


def identity(value: bytes, *, full: bool) -> str:
    """A hotkey or a round id: eight hex digits, or all of them."""
    return value.hex() if full else short(value)
