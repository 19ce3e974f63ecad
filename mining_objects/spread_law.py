"""A law of returns as one shape times one scale, and its CRPS: what fits scales, and what members are made of.

A shape is given by its quantiles at the normal scores Z_GRID, symmetric about 0: a normal law of deviation 1 is the
grid itself. s times such a law has CRPS s * C(y / s), so C is tabulated once and a scale is fitted by Newton's steps.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np

from mining_objects.base_mining_model import Floats

Z_GRID: Final = np.linspace(-4.0, 4.0, 65)
"""Normal scores at which a shape is tabulated."""
_LEVELS: Final = np.array([0.5 * (1.0 + math.erf(z / math.sqrt(2.0))) for z in Z_GRID])
_MEMBERS: Final = 512
_Y_GRID: Final = np.linspace(-15.0, 15.0, 3001)
_STEPS: Final = 40


class CrpsTable(NamedTuple):
    """C(y), C'(y) and C''(y) of a law of scale 1 on a fine grid of y."""

    value: Floats
    slope: Floats
    curve: Floats

    def at(self, y: Floats) -> tuple[Floats, Floats, Floats]:
        """The three at any y; C goes on as a straight line beyond the grid."""
        inside = np.clip(y, _Y_GRID[0], _Y_GRID[-1])
        value, slope, curve = (np.interp(inside, _Y_GRID, column) for column in self)
        return value + slope * (y - inside), slope, curve


@lru_cache(maxsize=32)
def normal_scores(members: int) -> Floats:
    """Shape (members,): the normal scores of the levels (i - 1/2) / members."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((i + 0.5) / members) for i in range(members)])


def tabulate_shape(residuals: Floats) -> Floats:
    """Quantiles of standardised residuals, made symmetric, at the scores Z_GRID: (e,) -> (65,)."""
    both = np.concatenate([residuals, -residuals])
    shape: Floats = np.quantile(both, _LEVELS)
    return shape


def crps_table(shape: Floats) -> CrpsTable:
    """The CRPS of the law with this shape, for each outcome on the grid.

    C(y) = E|X - y| - E|X - X'| / 2, so C'(y) = 2 F(y) - 1 and C'' is twice the density.
    Source: Gneiting & Raftery (2007), doi:10.1198/016214506000001437, equation 21.
    """
    members = np.interp(normal_scores(_MEMBERS), Z_GRID, shape)
    spread = (np.arange(1 - _MEMBERS, _MEMBERS, 2) * members).sum() / _MEMBERS**2
    below = np.searchsorted(members, _Y_GRID)
    sums = np.concatenate([[0.0], np.cumsum(members)])
    distance = (_Y_GRID * (2 * below - _MEMBERS) + sums[-1] - 2 * sums[below]) / _MEMBERS
    slope = 2.0 * below / _MEMBERS - 1.0
    smooth = np.convolve(np.pad(slope, 15, mode="edge"), np.full(31, 1 / 31), mode="valid")
    return CrpsTable(distance - spread, slope, np.maximum(np.gradient(smooth, _Y_GRID), 1e-4))


def fit_log_scale(inputs: Floats, offset: Floats, outcome: Floats, weight: Floats, shape: Floats) -> Floats:
    """Coefficients b, shape (f,), that make the mean of weight * CRPS smallest, the scale being exp(offset + inputs b).

    inputs: shape (n, f), the first column 1.  offset, outcome, weight: shape (n,).  shape: the law of outcome / scale.
    Newton's steps with the positive part of the curvature, halved while they do not help; a small ridge keeps
    coefficients of inputs that say the same apart from infinity.
    """
    table = crps_table(shape)
    ridge = 1e-5 * np.diag([0.0] + [1.0] * (inputs.shape[1] - 1))

    def loss_at(b: Floats) -> float:
        scale = np.exp(offset + inputs @ b)
        return float(np.mean(weight * scale * table.at(outcome / scale)[0]) + 0.5 * b @ ridge @ b)

    b = np.zeros(inputs.shape[1])
    loss = loss_at(b)
    for _ in range(_STEPS):
        scale = np.exp(offset + inputs @ b)
        y = outcome / scale
        value, slope, curve = table.at(y)
        pull = weight * scale
        gradient = inputs.T @ (pull * (value - y * slope)) / len(y) + ridge @ b
        bent = (inputs * (pull * (y**2 * curve + 0.05))[:, None]).T @ inputs / len(y) + ridge
        step = np.linalg.solve(bent, gradient)
        size = 1.0
        while size > 1e-4 and not loss_at(b - size * step) < loss:
            size /= 2
        if size <= 1e-4:
            break
        b = b - size * step
        before, loss = loss, loss_at(b)
        if before - loss < 1e-9 * abs(loss):
            break
    return b
