"""The random walk: nobody knows the direction, and yesterday's volatility is tomorrow's.

This is the standing baseline of both challenges, so it earns nothing; it is what the others must beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mining_objects.base_mining_model import Forecast, Forecaster, Window
from mining_objects.causal import ewma


@dataclass(frozen=True, slots=True)
class FlatConfig:
    """half_life: steps after which a squared return weighs half in sigma, as in the network's baseline."""

    half_life: int = 288
    lookback: int = 30 * 288


class Flat(Forecaster):
    """A path of zeros, and a driftless Gaussian walk of EWMA sigma."""

    name: ClassVar[str] = "flat"
    least = 2

    def __init__(self, config: FlatConfig = FlatConfig()) -> None:
        self.config = config
        self.lookback = config.lookback

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        return [
            Forecast(point=np.zeros(steps), paths=gaussian_walk(sigma_of(w, self.config.half_life), steps, paths, c))
            for w, c in zip(windows, chances, strict=True)
        ]


def sigma_of(window: Window, half_life: float) -> float:
    """Square root of the EWMA of squared log-returns at the window's end, one step's log-return; 0 if none is known."""
    variance = ewma(window.log_returns() ** 2, half_life)[-1]
    return 0.0 if np.isnan(variance) else float(np.sqrt(variance))


def gaussian_walk(
    sigma: float, steps: int, paths: int, chance: np.random.Generator
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Shape (paths, steps): sums of independent normal steps of standard deviation sigma."""
    walk: np.ndarray[tuple[int, int], np.dtype[np.float64]] = np.cumsum(
        sigma * chance.standard_normal((paths, steps)), axis=1
    )
    return walk
