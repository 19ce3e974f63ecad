"""Quantiles of the laws that samplers are made of: Student's t, and numbers that weigh differently. numpy alone.

All functions of probabilities take any shape in (0, 1) and return the same shape.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_ANGLES: Final = 8_193
_FEWEST_DEGREES: Final = 1.0
_MOST_DEGREES: Final = 1e6


@lru_cache(maxsize=32)
def _middles(num: int) -> Floats:
    levels = (np.arange(num) + 0.5) / num
    levels.setflags(write=False)
    return levels


def evenly_spaced(num: int) -> Floats:
    """Shape (num,): the levels (k + 1/2) / num that equally likely scenarios stand for. ValueError for num < 1."""
    if num < 1:
        raise ValueError(f"want at least one scenario, were {num}")
    return _middles(num)


def student_t_quantile(probabilities: ArrayLike, degrees: float) -> Floats:
    """Of Student's t law with so many degrees of freedom, at least 1; its deviation is sqrt(nu / (nu - 2)) above 2.

    With t = sqrt(nu) tan(a) the density of the angle a is proportional to cos(a)**(nu - 1), smooth and bounded, so it
    is summed on a grid (trapezoids) and read backwards: within 1e-5 of the exact quantile at probabilities of 1e-3 to
    1 - 1e-3 for 2 degrees or more, 1e-3 below that. A million degrees or more are the normal law, as precisely.
    """
    if not degrees >= _FEWEST_DEGREES:
        raise ValueError(f"want at least {_FEWEST_DEGREES:g} degree of freedom, were {degrees}")
    degrees = min(degrees, _MOST_DEGREES)
    angles, shares = _angle_law(degrees)
    angle = np.interp(np.asarray(probabilities, dtype=np.float64), shares, angles)
    return np.asarray(np.sqrt(degrees) * np.tan(angle), dtype=np.float64)


@lru_cache(maxsize=64)
def _angle_law(degrees: float) -> tuple[Floats, Floats]:
    """Angles, and the probability below each; beyond nine deviations there is nothing to sum."""
    widest = min(np.pi / 2, 9.0 / np.sqrt(degrees)) if degrees > 40 else np.pi / 2
    angles = np.linspace(-widest, widest, _ANGLES)
    density = np.cos(angles) ** (degrees - 1.0)
    below = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    return angles, below / below[-1]


def recency_weights(count: int, decay: float) -> Floats:
    """Shape (count,): exp(-decay k) of the k-th newest, as shares that sum to 1. ValueError unless 0 <= decay."""
    if not decay >= 0:
        raise ValueError(f"want a decay of 0 or more, was {decay}")
    weights = np.exp(-decay * np.arange(count, dtype=np.float64))
    shares: Floats = weights / weights.sum()
    return shares


def weighted_quantile(values: Floats, weights: Floats, probabilities: ArrayLike) -> Floats:
    """Quantiles of numbers that weigh differently, interpolated between the middles of their weights.

    values, weights: shape (n,), n >= 1, weights >= 0 with a sum above 0. Of equal weights it is Hazen's quantile
    (Hyndman & Fan (1996), doi:10.1080/00031305.1996.10473566, definition 5); never beyond the smallest or largest.
    """
    order = np.argsort(values, kind="stable")
    shares = weights[order]
    middles = np.cumsum(shares) - 0.5 * shares
    asked = np.asarray(probabilities, dtype=np.float64) * shares.sum()
    return np.asarray(np.interp(asked, middles, values[order]))


def weighted_atoms(values: Floats, weights: Floats, probabilities: ArrayLike) -> Floats:
    """Quantiles that are always one of the numbers: the smallest whose share of weight at or below reaches p."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    places = np.searchsorted(below / below[-1], np.asarray(probabilities, dtype=np.float64), side="left")
    return np.asarray(values[order][np.minimum(places, len(values) - 1)])
