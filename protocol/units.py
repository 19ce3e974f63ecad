"""The units of the network, as types: a number whose unit is unclear is a bug waiting for its day.

Numbers that settle anything are integers (rules.md 6). Each unit's scale stands here and nowhere else.
"""

from __future__ import annotations

from typing import Final, NewType

import numpy as np
from numpy.typing import NDArray

UnixMs = NewType("UnixMs", int)
"""An instant: UTC epoch milliseconds."""

Micros = NewType("Micros", int)
"""Money or points: one millionth of a unit of account."""

PriceE8 = NewType("PriceE8", int)
"""A price: 1e-8 of the quote currency."""

Nano = NewType("Nano", int)
"""One billionth: of a log-return, of a loss (a loss of one baseline step is 10**9), of a skill."""

Pico = NewType("Pico", int)
"""One millionth of a millionth of a log-return: the unit of sigma, which is itself small."""

Stake = NewType("Stake", int)
"""A validator's stake, in whole micro-units."""

Hotkey = NewType("Hotkey", bytes)
"""An Ed25519 public key, 32 bytes: who signs."""

RoundId = NewType("RoundId", bytes)
"""SHA-256 of what makes a round the same round for every validator, 32 bytes."""

Digest = NewType("Digest", bytes)
"""A SHA-256 digest, 32 bytes."""

NanoReturns = NDArray[np.int64]
"""Log-returns from the anchor in nano, int64; the last axis is the steps."""

NANO: Final = 10**9
PICO: Final = 10**12
MICRO: Final = 10**6
PRICE_SCALE: Final = 10**8
DIGEST_BYTES: Final = 32
HOTKEY_BYTES: Final = 32

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS


def short(identity: bytes) -> str:
    """The first eight hex digits of a key, digest or round id: what logs and tables show a person."""
    return identity[:4].hex()
