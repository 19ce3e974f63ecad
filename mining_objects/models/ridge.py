"""Autoregression on past returns by ridge regression, fitted anew on each window's own past.

The next return is a linear function of the last few; steps further ahead feed on the forecast itself. Returns
are divided by the window's EWMA sigma as it stood before each of them, so a wild week does not drown a calm one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mining_objects.base_mining_model import Floats, Forecast, Forecaster, Window
from mining_objects.causal import ewma
from mining_objects.models.flat import gaussian_walk


@dataclass(frozen=True, slots=True)
class RidgeConfig:
    """lags: past returns used.  penalty: ridge weight, as a number of rows that pull every coefficient to 0."""

    lags: int = 12
    penalty: float = 2_000.0
    half_life: int = 288
    clip: float = 5.0
    """Standardised returns are cut here, so that one crash does not write the coefficients."""
    lookback: int = 30 * 288


class Ridge(Forecaster):
    """AR(lags) by ridge on the window; Gaussian walk around its path."""

    name: ClassVar[str] = "ridge"
    least = 288

    def __init__(self, config: RidgeConfig = RidgeConfig()) -> None:
        self.config = config
        self.lookback = config.lookback

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        answers = []
        for window, chance in zip(windows, chances, strict=True):
            scaled, sigma = standardised_returns(window, self.config.half_life, self.config.clip)
            weights = fit_autoregression(scaled, self.config.lags, self.config.penalty)
            path = sigma * np.cumsum(continue_autoregression(scaled, weights, steps))
            answers.append(Forecast(point=path, paths=path + gaussian_walk(sigma, steps, paths, chance)))
        return answers


def standardised_returns(window: Window, half_life: float, clip: float) -> tuple[Floats, float]:
    """(returns over the sigma known one step before each, cut at clip, missing ones 0; sigma at the end)."""
    returns = window.log_returns()
    sigma = np.sqrt(ewma(returns**2, half_life))
    scaled = np.zeros(len(returns))
    known = ~np.isnan(returns[1:]) & (sigma[:-1] > 0)
    scaled[1:][known] = returns[1:][known] / sigma[:-1][known]
    return np.clip(scaled, -clip, clip), float(np.nan_to_num(sigma[-1]))


def fit_autoregression(scaled: Floats, lags: int, penalty: float) -> Floats:
    """Coefficients w, shape (lags,), oldest lag first, of min sum (x_t - w . x_(t-lags..t-1))**2 + penalty * |w|**2."""
    views = np.ascontiguousarray(sliding_window_view(scaled, lags + 1).T)
    past, following = views[:-1].T, views[-1]
    gram = past.T @ past + penalty * np.eye(lags)
    return np.linalg.solve(gram, past.T @ following).astype(np.float64)


def continue_autoregression(scaled: Floats, weights: Floats, steps: int) -> Floats:
    """Shape (steps,): the recursion run on from the end, each forecast becoming the next one's past."""
    lags = len(weights)
    line = np.concatenate([scaled[-lags:], np.zeros(steps)])
    for step in range(steps):
        line[lags + step] = weights @ line[step : step + lags]
    return line[lags:]
