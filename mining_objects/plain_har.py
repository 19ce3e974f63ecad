"""The reference that a fitted model has to beat: a plain HAR regression, the day's shape, and a normal law.

For each of a few horizons the root of the realised variance to come is a linear function of those of the last hour, six
hours, day and week, all freed of the day's shape, by least squares over the past. Source: Corsi (2009),
doi:10.1093/jjfinec/nbp001.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mining_objects.base_mining_model import Floats
from mining_objects.causal import rolling_mean
from mining_objects.season import shape_of, slots_of
from mining_objects.walk_forward import Asked
from protocol.units import DAY_MS

SPANS: Final = (12, 72, 288, 2016)
HORIZONS: Final = (1, 3, 6, 12, 24, 48, 72, 100)
_WIDTH: Final = 7
_STRIDE: Final = 3


def plain_har_scale(asked: Asked, fit_until_ms: int) -> Floats:
    """Shape (n, steps): the deviation of each return, by a regression on the candles that end by fit_until_ms."""
    window, steps = asked.window, asked.truth.shape[1]
    stop = int(np.searchsorted(window.open_time_ms + window.step_ms, fit_until_ms, side="right"))
    slots = slots_of(window.open_time_ms, window.step_ms)
    returns = window.log_returns()
    shape, _ = shape_of(np.abs(returns[:stop]), slots[:stop], DAY_MS // window.step_ms, _WIDTH)
    season = shape.ravel()[slots]
    free = (returns / season) ** 2
    inputs = np.column_stack([np.ones(len(free)), *(np.sqrt(rolling_mean(free, span)) for span in SPANS)])
    coefficients = np.stack([_regress(inputs[:stop], free[:stop], asked.lead, k) for k in HORIZONS])
    k = np.arange(1, steps + 1)
    place = np.log(np.minimum(k, HORIZONS[-1]))
    along = np.column_stack([np.interp(place, np.log(HORIZONS), column) for column in coefficients.T])
    sizes = np.maximum(inputs[asked.rows - asked.lead] @ along.T, 1e-6)
    variance = np.cumsum(season[asked.rows[:, None] + k] ** 2, axis=1)
    scale: Floats = sizes * np.sqrt(variance)
    return scale


def _regress(inputs: Floats, free: Floats, lead: int, horizon: int) -> Floats:
    """Least squares of the root mean square over `horizon` steps that begin `lead` steps after each row."""
    ahead = np.full(len(free), np.nan)
    means = rolling_mean(free, horizon)
    ahead[: len(free) - lead - horizon] = np.sqrt(means[lead + horizon :])
    rows = np.flatnonzero(np.isfinite(ahead) & np.isfinite(inputs).all(axis=1))[::_STRIDE]
    solved: Floats = np.linalg.lstsq(inputs[rows], ahead[rows], rcond=None)[0]
    return solved
