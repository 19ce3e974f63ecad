"""Z-curve streams for who reads and writes them: vectors of percentiles or z-scores here, one number a vector there.

Readers' and writers' floats: nothing settles by them. Every way back gives the middles of cells, so no percentile is 0
or 1 and every z-score is finite. `correlation_2022` is the original's estimate, from the left edges that it reads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocol.errors import InvalidRequest
from protocol.rules.zcurve import deinterleave, from_zcurve, middle_of, morton_large, zcurve_nano
from protocol.units import NANO

WINSOR: Final = 5.0
"""A z-score z counts as 5 tanh(z / 5) in a correlation: far ones are bounded."""
SMALL_2022: Final = 1e-6
_STANDARD_NORMAL: Final = NormalDist(mu=0, sigma=1.0)


def zcurve_of_percentiles(prctls: ArrayLike) -> list[float]:
    """The numbers that stand for vectors of percentiles: what is submitted to a `z2~` or `z3~` stream.

    prctls: shape (n, dim), dim 1 to 3, finite and within [0, 1], in the order of the streams in the derived name.
    Raises InvalidRequest (theirs) for anything else.
    """
    vectors = _vectors(prctls)
    if not ((vectors >= 0) & (vectors <= 1)).all():
        raise InvalidRequest("a percentile lies within 0 and 1", field="prctls", limit=1)
    return [zcurve_nano([Fraction(p) for p in vector]) / NANO for vector in vectors.tolist()]


def zcurve_of_zscores(zvalues: ArrayLike) -> list[float]:
    """The numbers that stand for vectors of z-scores, shape (n, dim). Raises as `zcurve_of_percentiles` does."""
    vectors = _vectors(zvalues)
    return zcurve_of_percentiles([[_STANDARD_NORMAL.cdf(z) for z in vector] for vector in vectors.tolist()])


def lagged_copulas(lagged_values: ArrayLike, dim: int) -> NDArray[np.float64]:
    """The percentiles that values of a z-curve stream stand for: shape (n, dim), middles of cells.

    Raises InvalidRequest (theirs) for a value that is not finite or another dim than 1, 2 or 3.
    """
    values = np.asarray(lagged_values, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise InvalidRequest("want finite values in one row", field="lagged_values")
    cells = morton_large(dim) + 1
    places = [min(cells - 1, math.floor(_STANDARD_NORMAL.cdf(z) * cells)) for z in values.tolist()]
    middles = [[float(middle_of(cell)) for cell in deinterleave(place, dim)] for place in places]
    return np.array(middles, dtype=np.float64).reshape(values.size, dim)


def lagged_zvalues(lagged_values: ArrayLike, dim: int) -> NDArray[np.float64]:
    """The z-scores that values of a z-curve stream stand for: shape (n, dim), all finite."""
    middles = lagged_copulas(lagged_values, dim)
    scores = [_STANDARD_NORMAL.inv_cdf(p) for p in middles.ravel().tolist()]
    return np.array(scores, dtype=np.float64).reshape(middles.shape)


def correlation(zvalues: ArrayLike) -> float:
    """The correlation of two streams that values or forecasts of their `z2~` stream imply, winsorised.

    Raises InvalidRequest (theirs) for fewer than two values, or where one of the two never moves.
    """
    return _correlation(WINSOR * np.tanh(lagged_zvalues(zvalues, 2) / WINSOR))


def correlation_2022(zvalues: Sequence[float]) -> float:
    """The original's: normal scores of left edges, 1e-6 for an edge at 0. Raises as `correlation` does."""
    expanded = [[_score_2022(p) for p in from_zcurve(z, 2)] for z in zvalues]
    return _correlation(np.array([[WINSOR * math.tanh(z / WINSOR) for z in both] for both in expanded]))


def _score_2022(p: float) -> float:
    return _STANDARD_NORMAL.inv_cdf(min(1 - SMALL_2022, max(SMALL_2022, p)))


def _correlation(scores: NDArray[np.float64]) -> float:
    if len(scores) < 2 or not np.ptp(scores, axis=0).all():
        raise InvalidRequest("a correlation needs two values of each stream that differ", field="zvalues", limit=2)
    return float(np.corrcoef(scores[:, 0], scores[:, 1])[0][1])


def robust_std(xs: ArrayLike) -> float:
    """The original's spread of forecasts: the mean of IQR / 1.349 and 1.4826 MAD, each sigma for a normal law."""
    values = np.asarray(xs, dtype=np.float64)
    quartiles = np.percentile(values, [25, 75])
    deviation = np.median(np.abs(values - np.median(values)))
    return float(np.mean([(quartiles[1] - quartiles[0]) / 1.349, 1.4826 * deviation]))


def covariance(correlations: ArrayLike, stds: Sequence[float]) -> NDArray[np.float64]:
    """The covariances D R D of streams from their correlations R, shape (n, n), and their spreads.

    Pairwise estimates need not make a positive definite matrix.
    """
    spread = np.diag(np.asarray(stds, dtype=np.float64))
    scaled: NDArray[np.float64] = np.matmul(np.matmul(spread, np.asarray(correlations, dtype=np.float64)), spread)
    return scaled


def _vectors(numbers: ArrayLike) -> NDArray[np.float64]:
    vectors = np.asarray(numbers, dtype=np.float64)
    if vectors.ndim != 2 or vectors.shape[1] not in (1, 2, 3) or not np.isfinite(vectors).all():
        raise InvalidRequest(f"want finite vectors of shape (n, 1 to 3), were {vectors.shape}", field="prctls", limit=3)
    return vectors
