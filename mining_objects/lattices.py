"""Series that take few values, or only values on an even grid: found in the lags, and forecasts put onto them.

A stream of counts, votes or prices with a tick publishes atoms. Scenarios beside the atoms are lost in settlement by
nearness, so a forecast is moved to the nearest atom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

REPEATED_SHARE: Final = 0.25
"""At least so many of the lags must have been seen before, for a series to count as discrete."""
ON_GRID_SHARE: Final = 0.9
"""So many of the different values must lie on the even grid, for it to be one."""
_SAME: Final = 1e-9
"""Values closer than this part of their range are one value: 0.1 + 0.2 and 0.3."""
_ON_POINT: Final = 1e-4
"""A value this part of a step off a point of the grid is on it."""
_MOST_CELLS: Final = 1_000_000
"""A grid of more cells than this within the range of the lags says nothing."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """The values that a discrete series takes. atoms: ascending, as they were seen.

    step: distance of neighbours where the atoms lie on an even grid, which goes on beyond them; 0 where they do not.
    """

    atoms: Floats
    step: float

    def snap(self, values: ArrayLike) -> Floats:
        """Each value moved to the nearest point; of two as near, to the lower. What was seen is met to the bit."""
        given = np.asarray(values, dtype=np.float64)
        if not self.step > 0:
            return self._nearest_atoms(given)
        points = self.atoms[0] + self.step * np.ceil((given - self.atoms[0]) / self.step - 0.5)
        seen = self._nearest_atoms(points)
        return np.where(np.abs(seen - points) < _ON_POINT * self.step, seen, points)

    def _nearest_atoms(self, given: Floats) -> Floats:
        above = np.clip(np.searchsorted(self.atoms, given), 1, len(self.atoms) - 1)
        lower, upper = self.atoms[above - 1], self.atoms[above]
        return np.asarray(np.where(given - lower <= upper - given, lower, upper))


def distinct(values: Floats) -> Floats:
    """The different values, ascending; what differs by less than a thousand-millionth of the range is one value."""
    ascending = np.sort(values)
    new = np.diff(ascending) > _SAME * (ascending[-1] - ascending[0])
    return np.asarray(ascending[np.concatenate([[True], new])])


def implied_lattice(lagged_values: ArrayLike) -> Lattice | None:
    """The lattice on which a series moves, or None for a continuous one. lagged_values: shape (n,), finite.

    Discrete is what repeats at least a quarter of its values and takes two or more. The grid's step is the commonest
    gap between neighbours; it counts if more than 90% of the different values lie on it.
    Source: microprediction `samplers.implied_lattice`. Where ours differs: what counts as equal follows the series'
    own range and not the fifth decimal, a grid point is met to a tolerance and not to the bit, and a series without an
    even grid moves to its nearest seen value only if it is discrete.
    """
    values = np.asarray(lagged_values, dtype=np.float64)
    atoms = distinct(values)
    if len(atoms) < 2 or len(atoms) > (1.0 - REPEATED_SHARE) * len(values):
        return None
    gaps = np.diff(atoms)
    step = float(_commonest(gaps))
    cells = (atoms - atoms[0]) / step
    even = cells[-1] <= _MOST_CELLS and np.mean(np.abs(cells - np.rint(cells)) < _ON_POINT) > ON_GRID_SHARE
    return Lattice(atoms, step if even else 0.0)


def _commonest(gaps: Floats) -> float:
    """The gap that occurs most often, to a part in 10**6 of the smallest; of several the smallest."""
    kinds = np.rint(1e6 * (gaps / gaps.min()))
    _, first, counts = np.unique(kinds, return_index=True, return_counts=True)
    return float(gaps[first[int(np.argmax(counts))]])
