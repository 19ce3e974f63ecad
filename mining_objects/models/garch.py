"""GJR-GARCH(1,1) with Student-t likelihood, fitted anew on each window, and filtered historical simulation.

Of season-free returns e_t, in units of their own size: h_t = w + (a + g [e_(t-1) < 0]) e_(t-1)**2 + b h_(t-1), with w
such that the mean variance is the window's (variance targeting). Paths draw the window's own residuals e_t / sqrt(h_t)
with their signs, so a fall may raise volatility more than a rise; the mean residual is taken away: no direction.

Sources: Glosten, Jagannathan & Runkle (1993), doi:10.1111/j.1540-6261.1993.tb05128.x; Bollerslev (1987),
doi:10.2307/1925546 (Student-t); Barone-Adesi, Giannopoulos & Vosper (1999) (filtered historical simulation).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

import numpy as np

from mining_objects.base_mining_model import Floats, Forecast, Forecaster, Window
from mining_objects.causal import recursive_sum
from mining_objects.models.seasonal import own_season
from mining_objects.season import slots_of

EVALUATIONS: Final = 110
"""Likelihoods tried in a fit."""
_START: Final = np.array([0.7, -0.5, 3.4, -0.5])
"""a 0.06, g 0.04, b 0.89, nu 5.7, as `_of_free` reads them."""
_LARGEST_GROWTH: Final = 400.0
"""A path's variance stays below this many times the mean one."""


@dataclass(frozen=True, slots=True)
class GarchConfig:
    """largest_residual: season-free returns are cut at so many times their size, and residuals too."""

    largest_residual: float = 10.0
    width: int = 25
    trust: tuple[float, float] = (1.0, 0.7)
    lookback: int = 30 * 288


class GarchFit(NamedTuple):
    """a: weight of a squared return.  g: what a fall adds to it.  b: weight of the variance before.  nu: degrees of
    freedom, above 2."""

    a: float
    g: float
    b: float
    nu: float


class Garch(Forecaster):
    """No direction; volatility clusters as the window's own GARCH says."""

    name: ClassVar[str] = "garch"
    least = 4 * 288

    def __init__(self, config: GarchConfig = GarchConfig()) -> None:
        self.config = config
        self.lookback = config.lookback

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        return [
            Forecast(point=np.zeros(steps), paths=self._paths(window, steps, paths, chance))
            for window, chance in zip(windows, chances, strict=True)
        ]

    def _paths(self, window: Window, steps: int, paths: int, chance: np.random.Generator) -> Floats:
        season = own_season(window, self.config.trust, self.config.width)
        free = window.log_returns() / season[slots_of(window.open_time_ms, window.step_ms)]
        size = float(np.sqrt(np.nanmean(free**2)))
        if paths == 0 or not size > 0.0:
            return np.zeros((paths, steps))
        largest = self.config.largest_residual
        units = np.clip(free / size, -largest, largest)
        fit = fit_garch(units)
        variance = variances(units, fit)
        known = ~np.isnan(units)
        residuals = np.clip(units[known] / np.sqrt(variance[:-1][known]), -largest, largest)
        residuals = residuals - residuals.mean()
        residuals /= np.sqrt(np.mean(residuals**2))
        ahead = window.end_ms + window.step_ms * np.arange(steps, dtype=np.int64)
        drawn = residuals[chance.integers(0, len(residuals), size=(steps, paths))]
        moves = run_on(drawn, float(variance[-1]), fit)
        return np.cumsum(size * season[slots_of(ahead, window.step_ms)][:, None] * moves, axis=0).T


def variances(units: Floats, fit: GarchFit) -> Floats:
    """Shape (n + 1,): h_t of each return, then of the next one. units: returns of mean square about 1, NaN if missing.

    A missing return counts as one of the variance that was expected on average, 1.
    """
    squares = np.nan_to_num(units**2, nan=1.0)
    shocks = (1.0 - fit.a - 0.5 * fit.g - fit.b) + (fit.a + fit.g * (units < 0.0)) * squares
    return recursive_sum(np.concatenate([[1.0], shocks]), fit.b)


def log_likelihood(units: Floats, fit: GarchFit) -> float:
    """Of the known returns, under a Student-t law of variance h_t."""
    known = ~np.isnan(units)
    h = variances(units, fit)[:-1][known]
    nu = fit.nu
    constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(math.pi * (nu - 2))
    return float(np.sum(constant - 0.5 * np.log(h) - (nu + 1) / 2 * np.log1p(units[known] ** 2 / (h * (nu - 2)))))


def fit_garch(units: Floats) -> GarchFit:
    """The most likely parameters, by the simplex search of Nelder & Mead (1965), doi:10.1093/comjnl/7.4.308."""
    return _of_free(lowest(lambda free: -log_likelihood(units, _of_free(free)) / len(units), _START, EVALUATIONS))


def run_on(residuals: Floats, variance: float, fit: GarchFit) -> Floats:
    """Moves, shape (steps, m): each its residual times the deviation that its own path has reached."""
    rest = 1.0 - fit.a - 0.5 * fit.g - fit.b
    h = np.full(residuals.shape[1], variance)
    moves = np.empty_like(residuals)
    for step, residual in enumerate(residuals):
        np.multiply(np.sqrt(h), residual, out=moves[step])
        h *= fit.b
        h += rest + (fit.a + fit.g * (residual < 0.0)) * moves[step] ** 2
        np.minimum(h, _LARGEST_GROWTH, out=h)
    return moves


def lowest(function: Callable[[Floats], float], start: Floats, evaluations: int) -> Floats:
    """Where a function is lowest, about, after so many evaluations: Nelder & Mead's simplex, no derivatives."""
    points = [start, *(start + 0.5 * unit for unit in np.eye(len(start)))]
    values = [function(point) for point in points]
    used = len(points)
    while used < evaluations:
        order = np.argsort(values)
        points, values = [points[i] for i in order], [values[i] for i in order]
        centre = np.mean(points[:-1], axis=0)
        tried = centre + (centre - points[-1])
        value = function(tried)
        used += 1
        if value < values[0]:
            further = centre + 2.0 * (centre - points[-1])
            beyond = function(further)
            used += 1
            tried, value = (further, beyond) if beyond < value else (tried, value)
        elif value >= values[-2]:
            tried = centre + 0.5 * ((tried if value < values[-1] else points[-1]) - centre)
            value = function(tried)
            used += 1
            if value >= values[-1]:
                points = [points[0], *(points[0] + 0.5 * (p - points[0]) for p in points[1:])]
                values = [values[0], *(function(point) for point in points[1:])]
                used += len(points) - 1
                continue
        points[-1], values[-1] = tried, value
    return points[int(np.argmin(values))]


def _of_free(free: Floats) -> GarchFit:
    """Four numbers without bounds -> parameters within theirs: a, g, b >= 0, a + g/2 + b < 1, 2.1 < nu < 50."""
    shares = np.exp(np.clip(free[:3], -20.0, 20.0))
    a, half_g, b = 0.9999 * shares / (1.0 + shares.sum())
    nu = 2.1 + 47.9 / (1.0 + math.exp(-float(np.clip(free[3] - 2.0, -30.0, 30.0))))
    return GarchFit(float(a), 2.0 * float(half_g), float(b), nu)
