"""The benchmark: a stream's owner takes part in its own pots by a bootstrap of the lags, unless it speaks for itself.

So every stream is predicted from its first value on, and who beats the bootstrap is paid. What is drawn follows from
the publisher's signed sequence number by SHA-256 and SHAKE-256, so every node draws the same.
Source: rediz `_set_scenarios_implementation` and its samplers. Where ours differs: differences are newer minus older
(theirs were the wrong way round), noise is 0.005 of the recent spread and not of the stream's unit, and the benchmark
never replaces the owner's own submission while that stands.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocol.rules.cdf_points import is_process
from protocol.rules.exact import EXACT, to_integer
from protocol.rules.normal_law import normal_quantile_nano
from protocol.rules.pot_scores import recent_spread
from protocol.rules.scenarios import MAX_ABS_VALUE, SCENARIOS, sorted_scenarios
from protocol.units import NANO, Digest, Hotkey

DOMAIN: Final = b"augury/benchmark/1\0"
LAGS: Final = 226
"""The newest lags that are drawn from."""
DECAY: Final = Decimal("0.005")
"""A lag that is k values old weighs exp(-0.005 k)."""
NOISE_SPREADS: Final = 0.005
"""Standard deviation of the noise that tells equal draws apart, in recent spreads."""
REFRESHES_ONE_IN: Final = 20
CARRIES_OVER_ONE_IN: Final = 20
"""`micro2021`: the chance that a pot which nobody won goes to the reserve."""
_NOISES: Final = 225


def seed_of(owner: Hotkey, name: str, *, incarnation: int, sequence: int, delay: int) -> Digest:
    """What everything is drawn from that one value leaves to chance at one horizon.

    SHA-256 of "augury/benchmark/1", a zero byte, the owner's hotkey, incarnation, sequence and delay (8 bytes each,
    little-endian) and the stream's name. A publisher could search a sequence that it likes: it is its own oracle.
    """
    numbers = struct.pack("<QQQ", incarnation, sequence, delay)
    return Digest(hashlib.sha256(DOMAIN + owner + numbers + name.encode()).digest())


def refreshes(seed: Digest) -> bool:
    """Whether a benchmark that stands is drawn anew: one time in 20."""
    return int.from_bytes(seed[:8], "little") % REFRESHES_ONE_IN == 0


def carries_over(seed: Digest) -> bool:
    """Whether a pot of `micro2021` that nobody won goes to the reserve: one time in 20."""
    return int.from_bytes(seed[8:16], "little") % CARRIES_OVER_ONE_IN == 0


def benchmark_scenarios(lagged_values: Sequence[float], seed: Digest, *, count: int = SCENARIOS) -> NDArray[np.float64]:
    """Scenarios drawn with replacement from the newest lags, recent ones oftener: ascending, shape (count,).

    lagged_values: newest first, at least one.  Of a series that looks like a process its differences are drawn and
    added to the last value. What would lie beyond 1e300 is cut to it.
    """
    newest_first = np.asarray(lagged_values[:LAGS], dtype=np.float64)
    if is_process(newest_first[::-1]) and newest_first.size > 1:
        drawn_from = newest_first[0] + (newest_first[:-1] - newest_first[1:])
    else:
        drawn_from = newest_first
    bits = np.frombuffer(hashlib.shake_256(seed).digest(16 * count), dtype="<u8")
    weights = _summed_weights()[: drawn_from.size]
    places = np.searchsorted(weights, bits[:count] % weights[-1], side="right")
    spread = recent_spread(newest_first.tolist()) or 0.0
    noise = _noises()[bits[count:] % np.uint64(_NOISES)] * (NOISE_SPREADS * spread)
    drawn = np.clip(drawn_from[places] + noise, -MAX_ABS_VALUE, MAX_ABS_VALUE)
    return sorted_scenarios(drawn, count=count)


@lru_cache(maxsize=1)
def _summed_weights() -> NDArray[np.uint64]:
    """Sums of exp(-0.005 k) in nano, k = 0..225, each weight correctly rounded."""
    weights = [to_integer(EXACT.exp(EXACT.multiply(-DECAY, Decimal(k))), NANO) for k in range(LAGS)]
    return np.cumsum(np.array(weights, dtype=np.uint64))


@lru_cache(maxsize=1)
def _noises() -> NDArray[np.float64]:
    """Normal quantiles of the middles of 225 equal parts, each to the nearest nano."""
    return np.array([normal_quantile_nano(2 * k + 1, 2 * _NOISES) / NANO for k in range(_NOISES)])
