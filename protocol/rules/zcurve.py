"""Z-curves: two or three percentiles folded into one number by interleaving their bits, and unfolded again.

Each percentile is cut to one of 1024 cells; the bits of the cells are interleaved, the first stream in the lowest bit
(Morton 1966). The network's own curve stands in the middle of its cell: no percentile, not even 0 or 1, is beyond it,
its z-score in nano comes back as the very cells it was made of, and the percentiles that come back are again middles.
The original's own curve, in its floats and with its undefined edges, is `to_zcurve` and `from_zcurve`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from statistics import NormalDist
from typing import Final

from protocol.errors import InvalidRequest
from protocol.rules.exact import EXACT
from protocol.rules.normal_law import normal_cdf, normal_quantile_nano
from protocol.units import Nano

CELL_BITS: Final = 10
CELLS: Final = 1 << CELL_BITS
DIMENSIONS: Final = (1, 2, 3)
_BITS_2021: Final = {2: 16, 3: 10}
"""So many bits of a cell the original interleaves: of p = 1, cell 1024, it keeps the bit in two dimensions only."""

_STANDARD_NORMAL: Final = NormalDist(mu=0, sigma=1.0)


def interleave(cells: Sequence[int]) -> int:
    """The Morton number of one to three cells: bit b of cell i becomes bit b * len(cells) + i.

    Raises InvalidRequest (theirs) for another number of cells, and for one outside 0..1023.
    """
    dim = check_dim(len(cells))
    if any(not 0 <= cell < CELLS for cell in cells):
        raise InvalidRequest(f"a cell lies within 0..{CELLS - 1}", field="cells", limit=CELLS - 1)
    return sum((cell >> bit & 1) << bit * dim + i for i, cell in enumerate(cells) for bit in range(CELL_BITS))


def deinterleave(morton: int, dim: int) -> list[int]:
    """The cells of a Morton number. Raises InvalidRequest (theirs) for a number beyond the curve's end."""
    if not 0 <= morton <= morton_large(dim):
        raise InvalidRequest(f"a curve of {dim} ends at {morton_large(dim)}", field="morton", limit=morton_large(dim))
    return [sum((morton >> bit * dim + i & 1) << bit for bit in range(CELL_BITS)) for i in range(dim)]


def morton_large(dim: int) -> int:
    """The last Morton number: 1,048,575 for two percentiles, 1,073,741,823 for three."""
    return (1 << CELL_BITS * check_dim(dim)) - 1


def check_dim(dim: int) -> int:
    """The number of streams on one curve. Raises InvalidRequest (theirs) for another than 1, 2 or 3."""
    if dim not in DIMENSIONS:
        raise InvalidRequest(f"a z-curve joins 1, 2 or 3 streams, not {dim}", field="dim", limit=max(DIMENSIONS))
    return dim


def cell_of(percentile: Fraction) -> int:
    """The cell of a percentile, 0 to 1023; what lies at or beyond an edge goes into the outermost cell."""
    return min(CELLS - 1, max(0, percentile.numerator * CELLS // percentile.denominator))


def middle_of(cell: int) -> Fraction:
    """The percentile in the middle of a cell; exact as a float too."""
    return Fraction(2 * cell + 1, 2 * CELLS)


def zcurve_nano(percentiles: Sequence[Fraction]) -> Nano:
    """The z-score, in nano, of the middle of the cell that one to three percentiles lie in.

    Defined for all percentiles; one alone is cut to its cell like the others (`z_score_nano` is not).
    Raises InvalidRequest (theirs) for another number of percentiles.
    """
    morton = interleave([cell_of(one) for one in percentiles])
    return normal_quantile_nano(2 * morton + 1, 2 * (morton_large(len(percentiles)) + 1))


def percentiles_of_zcurve(z_nano: Nano, dim: int) -> list[Fraction]:
    """The middles of the cells that a z-score in nano stands for; what lies beyond the curve stands for its end.

    The exact inverse of `zcurve_nano`: a cell of the finest curve (three percentiles) is 2.3 nano wide where it is
    narrowest. Raises InvalidRequest (theirs) for another dimension than 1, 2 or 3.
    """
    large = morton_large(dim)
    reached = EXACT.multiply(normal_cdf(z_nano), Decimal(large + 1)).to_integral_value(ROUND_FLOOR, EXACT)
    return [middle_of(cell) for cell in deinterleave(min(large, max(0, int(reached))), dim)]


def from_cube(prctls: Sequence[float]) -> float:
    """The original's place of 2 or 3 percentiles on its curve, in floats: m / (2**(10 dim) - 1), cells floor(1024 p).

    Raises InvalidRequest (theirs) for another number of percentiles.
    """
    dim = len(prctls)
    if dim not in _BITS_2021:
        raise InvalidRequest(f"the original's cube has 2 or 3 sides, not {dim}", field="dim", limit=max(_BITS_2021))
    cells = [math.floor(p * CELLS) for p in prctls]
    morton = sum((cell >> bit & 1) << bit * dim + i for i, cell in enumerate(cells) for bit in range(_BITS_2021[dim]))
    return morton / morton_large(dim)


def to_cube(zpercentile: float, dim: int) -> list[float]:
    """The original's way back: the left edges of the cells of int(m * zpercentile + 0.5), so that 0 is possible."""
    return [cell / CELLS for cell in deinterleave(int(morton_large(dim) * zpercentile + 0.5), dim)]


def to_zcurve(prctls: Sequence[float]) -> float:
    """The original's z-curve: of one percentile its normal score, of two or three that of their place on the curve.

    Raises StatisticsError, as it does, where every percentile is below 1/1024, every one at or above 1023/1024, or any
    of two is 1: there the original loses the whole set of streams.
    """
    return _STANDARD_NORMAL.inv_cdf(prctls[0] if len(prctls) == 1 else from_cube(prctls))


def from_zcurve(zvalue: float, dim: int) -> list[float]:
    """The original's percentiles of a z-score, 2 or 3 of them."""
    return to_cube(_STANDARD_NORMAL.cdf(zvalue), dim)
