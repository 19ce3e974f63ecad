"""Where to look at a stream's distribution, chosen from its lags; and atoms read off a distribution at midpoints.

Readers' floats: nothing settles by them. Lags come newest first, as every reader gets them.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from protocol.errors import InvalidRequest
from protocol.rules.cdfs import Cdf, SmoothCdf, evenly_spaced_percentiles

DISCRETE_DIGITS: Final = 12
ATOM_DIGITS_2021: Final = 6
POINTS: Final = 25


def points_from_lags(lagged_values: Sequence[float], num: int = POINTS) -> list[float]:
    """At most `num` different numbers, ascending, that span where a stream's next value may fall.

    A stream that takes at most `num` values is looked at on those values. Any other is looked at on evenly spaced
    quantiles: of its lags, or, where it looks like a process, of the last value plus their differences.
    Raises InvalidRequest (the reader's fault) for no lags and for num < 1.
    """
    if not lagged_values or num < 1:
        raise InvalidRequest("want at least one lag and one point", field="num", limit=1)
    if is_discrete(lagged_values, num):
        return quantize(lagged_values, num)
    newest = lagged_values[0]
    chronological = np.array(lagged_values[::-1], dtype=np.float64)
    spread = newest + np.diff(chronological) if is_process(chronological) else chronological
    quantiles: list[float] = SmoothCdf.of(spread).quantile(evenly_spaced_percentiles(num)).tolist()
    return sorted(set(quantiles))


def percentile_abscissa(num: int = POINTS) -> list[float]:
    """Where to look at a z-stream: the normal quantiles of 1% to 99%, evenly spaced in probability."""
    return [NormalDist().inv_cdf(p) for p in np.linspace(0.01, 0.99, num).tolist()]


def is_discrete(lagged_values: Sequence[float], num: int, ndigits: int = DISCRETE_DIGITS) -> bool:
    """Whether the lags take at most `num` different values, at so many digits."""
    return len({round(x, ndigits) for x in lagged_values}) <= num


def sign_changes(lagged_values: ArrayLike) -> int:
    """How often a series goes from one sign to the other, two zeros put at its end; through zero counts as none."""
    padded = np.concatenate((np.asarray(lagged_values, dtype=np.float64), [0.0, 0.0]))
    return int(np.count_nonzero(np.abs(np.diff(np.sign(padded))) > 1.5))


def is_process(lagged_values: ArrayLike) -> bool:
    """The original's test for a series that wanders: its differences change sign more than twice as often."""
    return sign_changes(np.diff(np.asarray(lagged_values, dtype=np.float64))) > 2 * sign_changes(lagged_values)


def quantize(xs: Sequence[float], num: int, ndigits: int = DISCRETE_DIGITS) -> list[float]:
    """The different numbers among xs, ascending, rounded to ever fewer digits until there are at most `num`.

    The original's, in order and without repeats. Raises InvalidRequest (the reader's fault) for num < 1.
    """
    if num < 1:
        raise InvalidRequest("want at least one point", field="num", limit=1)
    if len(xs) <= num:
        return sorted(set(xs))
    found = {round(x, ndigits) for x in xs}
    while len(found) > num:
        ndigits -= 1
        found = {round(x, ndigits) for x in xs}
    return sorted(found)


def discrete_points_2021(lagged_values: Sequence[float], num: int, ndigits: int = ATOM_DIGITS_2021) -> list[float]:
    """The original's points of a discrete stream. Of one that looks like a process they are differences, as they were.

    Its points of a continuous stream came from a t-digest that breaks ties at random and are not followed here.
    """
    chronological = [float(x) for x in reversed(lagged_values)]
    steps: list[float] = np.diff([0.0, *chronological]).tolist()
    return quantize(steps if is_process(chronological) else chronological, num, ndigits)


def discrete_pdf(ys: Sequence[float]) -> list[float]:
    """The probability of each atom, from a distribution that says half of it at the atom: the original's formula.

    pdf_k = 2 y_k + 4 sum over i < k of (-1)^(i + k) y_i, where y are shares at all the atoms, ascending.
    """
    signs = [[4.0 * (-1.0) ** (i + k) for i in range(k)] + [2.0] + [0.0] * (len(ys) - k - 1) for k in range(len(ys))]
    atoms: list[float] = np.matmul(np.array(signs), ys).tolist() if ys else []
    return atoms


def discrete_cdf(cdf: Cdf) -> Cdf:
    """The original's steps of a discrete stream: each atom's own probability, from its x to the next atom's.

    A tenth of the smallest gap lies between the two sides of a step. Its y are probabilities of atoms, not their sums,
    as the original has them; the true steps are `empirical_cdf` at the atoms.
    Raises InvalidRequest (the reader's fault) for fewer than two atoms.
    """
    if len(cdf.x) < 2:
        raise InvalidRequest("steps need at least two atoms", field="x", limit=2)
    atoms = discrete_pdf(cdf.y)
    h = float(np.min(np.diff(cdf.x))) / 10.0
    before = zip([x - h for x in cdf.x], [0.0, *atoms[:-1]], strict=True)
    behind = zip([x + h for x in cdf.x], atoms, strict=True)
    pairs = sorted([*before, *behind])
    return Cdf(tuple(x for x, _ in pairs), tuple(y for _, y in pairs))
