"""The checks that messages make when they are built, and the sizes they check against."""

from __future__ import annotations

import math
from typing import Final

from protocol.errors import Malformed

SALT_BYTES: Final = 32
NONCE_BYTES: Final = 16
SIGNATURE_BYTES: Final = 64
MAX_TEXT_CHARS: Final = 256
MAX_ROWS: Final = 1_000


def sized(name: str, value: bytes, size: int) -> None:
    """Raises Malformed unless value has exactly this many bytes."""
    if len(value) != size:
        raise Malformed(f"{name} must be {size} bytes, were {len(value)}", field=name)


def text(name: str, value: str, *, limit: int = MAX_TEXT_CHARS) -> None:
    """Raises Malformed unless value is printable and neither empty nor over the limit."""
    if not value or len(value) > limit or not value.isprintable():
        raise Malformed(f"{name} must be 1 to {limit} printable characters, were {len(value)}", field=name)


def rows(name: str, values: tuple[object, ...]) -> None:
    """Raises Malformed when there are more rows than a message may hold."""
    if len(values) > MAX_ROWS:
        raise Malformed(f"{name} holds at most {MAX_ROWS} rows, were {len(values)}", field=name)


def some_rows(name: str, values: tuple[object, ...]) -> None:
    """Raises Malformed when there is no row, or more than a message may hold."""
    if not values:
        raise Malformed(f"{name} must hold a row", field=name)
    rows(name, values)


def positive(name: str, value: int) -> None:
    """Raises Malformed unless value is above 0."""
    if value <= 0:
        raise Malformed(f"{name} must be positive, was {value}", field=name)


def finite(name: str, values: tuple[float, ...]) -> None:
    """Raises Malformed when a number is not finite, or there are more than a message may hold."""
    rows(name, values)
    if not all(map(math.isfinite, values)):
        raise Malformed(f"{name} must be finite", field=name)
