"""The original's two default samplers and its benchmark, by their formulas, for comparison. Lags newest first.

Written anew in numpy, so they take less time than theirs did. Their defects are kept: they decide their figures.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from mining_objects.series_kinds import typical_gap_s
from protocol.rules.cdf_points import is_process

Floats = NDArray[np.float64]

_NUM = 225


def fox_sample(values: Floats, times: Floats, delay: float, chance: np.random.Generator) -> Floats:
    """What `MicroCrawler` submits unless told otherwise (client 1.2.0, `samplers.fox_sample`).

    Differences of ORDER max(10, steps) and whole numbers from -50 to 49, where those are exactly 225 together; else
    one-step differences with the sign turned and weights exp(-0.1 k), whatever the horizon. Then moved to the nearest
    value ever seen, to five decimals, and jittered by 1e-5. Its last nudge, of a thousandth of the spread, is left out.
    """
    order = max(10, math.ceil(delay / typical_gap_s(times)))
    drawn = None
    if len(values) >= 250 + order and is_process(values):
        changes = Counter(np.diff(values[::-1], n=order).tolist())
        total = sum(changes.values())
        moves = [move for move, count in changes.items() for _ in range(round(175 * count / total))]
        moves = (moves + list(range(-50, 50)))[:_NUM]
        drawn = values[0] + np.array(moves) if len(moves) == _NUM else None
    if drawn is None:
        drawn = _recent_bootstrap(values, 0.1, chance)
    seen = np.unique(np.round(values, 5))
    above = np.clip(np.searchsorted(seen, drawn), 1, max(1, len(seen) - 1))
    if len(seen) > 1:
        drawn = np.where(drawn - seen[above - 1] <= seen[above] - drawn, seen[above - 1], seen[above])
    return np.sort(drawn + 1e-5 * chance.standard_normal(_NUM))


def sequential_sample(values: Floats, times: Floats, delay: float, chance: np.random.Generator) -> Floats:
    """`SequentialStreamCrawler`: quantiles of the values, or walks of ceil(delay / dt) moves drawn from all of them.

    Its t-digest of the moves is here the moves themselves.
    """
    if not is_process(values):
        return np.asarray(np.quantile(values, (np.arange(_NUM) + 0.5) / _NUM))
    steps = math.ceil(delay / typical_gap_s(times))
    moves = np.diff(values[::-1])
    return np.sort(values[0] + chance.choice(moves, size=(steps, _NUM)).sum(axis=0))


def benchmark_sample(values: Floats, times: Floats, delay: float, chance: np.random.Generator) -> Floats:
    """The server's benchmark (`rediz/samplers.py`): one-step differences of 226 lags, signs turned, 0.005 of noise."""
    drawn = _recent_bootstrap(values[:226], 0.005, chance)
    return np.sort(drawn + 0.005 * chance.standard_normal(_NUM))


def _recent_bootstrap(values: Floats, decay: float, chance: np.random.Generator) -> Floats:
    if not is_process(values):
        return _weighted_draws(values, decay, chance)
    return values[0] + _weighted_draws(np.diff(np.concatenate([values, [0.0, 0.0]])), decay, chance)


def _weighted_draws(population: Floats, decay: float, chance: np.random.Generator) -> Floats:
    weights = np.exp(-decay * np.arange(len(population)))
    return population[np.searchsorted(np.cumsum(weights) / weights.sum(), chance.random(_NUM))]
