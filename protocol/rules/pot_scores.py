"""What is recorded beside every settlement: CRPS, and a log score on bins as wide as the stream has lately moved.

Neither pays by itself; `logpool` pays by the log score. Both come out the same on every machine: floats are only
subtracted, compared and scaled by powers of two, which IEEE 754 rounds alike everywhere; the rest is whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocol.rules.exact import EXACT, round_div, to_integer
from protocol.rules.scenarios import Columns
from protocol.units import NANO, Nano

SPREAD_VALUES: Final = 101
"""The newest values that the recent spread looks at."""

BIN_SPREADS: Final = (1.0, 4.0, 16.0)
"""Widths of the log score's bins, in recent spreads. A forecast of noise about a mean is about one spread wide, one
of a minute's random walk an hour ahead about eleven: some width suits each (decision 0090)."""

MOST_NANO: Final = 2**63 - 1
"""A CRPS of this much, or more (9.2e9 of the stream's own unit): what 64 bits hold."""

_BITS: Final = 52
_MOST_EXPONENT: Final = 1_000
_AT_ONCE: Final = 128
"""Owners whose numbers are scored together: 128 columns of 225 stay in the cache, a thousand do not."""
_SHIFTS: Final = (0.0, 0.5)
_HALF: Final = Decimal("0.5")
GRIDS: Final = len(BIN_SPREADS) * len(_SHIFTS)


def recent_spread(lagged_values: Sequence[float]) -> float | None:
    """How far a stream moves from one value to the next: the median of the changes that are not zero.

    lagged_values: newest first, of which the first 101 count; none of them the value that is to be settled.
    None below two values; 0.0 when all are equal. A publisher's single jump moves a median of a hundred by one place.
    """
    newest = np.asarray(lagged_values[:SPREAD_VALUES], dtype=np.float64)
    if newest.size < 2:
        return None
    changes = np.abs(np.diff(newest))
    changes = np.sort(changes[changes > 0])
    if changes.size == 0:
        return 0.0
    middle = changes.size // 2
    return float(
        changes[middle] if changes.size % 2 else changes[middle - 1] + (changes[middle] - changes[middle - 1]) / 2
    )


def crps_nano(columns: Columns, value: float) -> list[Nano]:
    """Each owner's CRPS in nano of the stream's unit: the CRPS of the scenarios' own law, 0 when all are the value.

    columns: shape (m, n).  With d = x - v (one IEEE subtraction) and ranks i = 0..m-1,
        m**2 CRPS = 2 m sum max(d_i, 0) - sum (2i+1) d_i        (see `scores.crps_numerators`)
    Each owner's numbers are first scaled by a power of two and rounded, so that no sum of products can reach 2**53: the
    sums are exact, and the numbers are known to 2**-36 of the owner's largest when m is 225.
    At most MOST_NANO.
    """
    m = columns.shape[0]
    found: list[Nano] = []
    for start in range(0, columns.shape[1], _AT_ONCE):
        numerators, exponents = _crps_numerators(columns[:, start : start + _AT_ONCE], value)
        found += [
            Nano(min(MOST_NANO, round_div(numerator * NANO << max(0, -exponent), m * m << max(0, exponent))))
            for numerator, exponent in zip(numerators.tolist(), exponents.tolist(), strict=True)
        ]
    return found


def _crps_numerators(columns: Columns, value: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """m**2 times each owner's CRPS as numerator / 2**exponent."""
    m = columns.shape[0]
    apart = columns - value
    largest = np.maximum(np.abs(apart[0]), np.abs(apart[-1]))
    exponents = np.minimum(_BITS - (m * m).bit_length() - np.frexp(largest)[1], _MOST_EXPONENT)
    apart *= np.ldexp(1.0, exponents)
    np.rint(apart, out=apart)
    by_rank = np.arange(1, 2 * m, 2, dtype=np.float64) @ apart
    upper = np.ones(m) @ np.maximum(apart, 0.0, out=apart)
    return 2 * m * upper.astype(np.int64) - by_rank.astype(np.int64), exponents


class Reach(NamedTuple):
    """How far each row of sorted columns reaches over all owners: what spares looking at rows that cannot matter.

    lowest, highest: shape (m,), ascending as the rows are.
    """

    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]

    @classmethod
    def of(cls, columns: Columns) -> Reach:
        return cls(columns.min(axis=1, initial=np.inf), columns.max(axis=1, initial=-np.inf))

    def rows(self, low: float, high: float) -> slice:
        """The rows that may hold a number from low to high."""
        first, last = np.searchsorted(self.highest, low, "left"), np.searchsorted(self.lowest, high, "right")
        return slice(int(first), max(int(first), int(last)))


def log_points_nano(columns: Columns, value: float, spread: float) -> NDArray[np.int64]:
    """Each owner's ln(c + 1/2) in nano, summed over GRIDS partitions of the line into bins; more is better.

    c counts the owner's scenarios in the value's bin. The partitions are [j w, (j + 1) w) and the same moved by half a
    bin, for w of each of BIN_SPREADS times `spread`; nobody's answer moves them. A spread of 0 leaves the value itself.
    Rounded logarithms are summed as whole numbers. The half is Krichevsky and Trofimov's (1981): an empty bin costs
    ln(2 m + 1) and not everything.
    """
    table = _log_table(columns.shape[0])
    points = np.zeros(columns.shape[1], dtype=np.int64)
    reach = Reach.of(columns)
    for low, high in _bins(value, spread):
        near = columns[reach.rows(low, high)]
        inside = (near >= low) & (near < high) if low < high else near == value
        points += table[np.add.reduce(inside.view(np.uint8), axis=0, dtype=np.uint16)]
    return points


def log_scores_nano(points_nano: NDArray[np.int64], count: int) -> list[Nano]:
    """The mean over the partitions of ln((c + 1/2) / (m + 1/2)), in nano: 0 at best.

    points_nano: from `log_points_nano`.  count: m, the scenarios of each owner.
    """
    quotients, remainders = np.divmod(points_nano - best_points_nano(count), GRIDS)
    up = (2 * remainders > GRIDS) | ((2 * remainders == GRIDS) & (quotients % 2 == 1))
    return [Nano(one) for one in (quotients + up).tolist()]


def best_points_nano(count: int) -> int:
    """The points of an owner with every scenario in the value's bin, in every partition."""
    return GRIDS * int(_log_table(count)[count])


def worst_points_nano(count: int) -> int:
    """The points of an owner with no scenario in the value's bin, in any partition."""
    return GRIDS * int(_log_table(count)[0])


def _bins(value: float, spread: float) -> list[tuple[float, float]]:
    """The value's bin [low, high) in each partition; low == high where float64 has no number between."""
    if spread == 0:
        return [(value, value)] * GRIDS
    found = []
    for width in (spread * spreads for spreads in BIN_SPREADS):
        for shift in (width * part for part in _SHIFTS):
            with np.errstate(over="ignore", invalid="ignore"):
                low = float(np.floor((value - shift) / width) * width + shift)
            low = low - width if low > value else low  # the quotient was rounded up to a whole number
            found.append((low, low + width) if low <= value < low + width else (value, value))
    return found


@lru_cache(maxsize=8)
def _log_table(count: int) -> NDArray[np.int64]:
    """ln(c + 1/2) in nano for c = 0..count, each correctly rounded."""
    return np.array([to_integer(EXACT.ln(Decimal(c) + _HALF), NANO) for c in range(count + 1)], dtype=np.int64)
