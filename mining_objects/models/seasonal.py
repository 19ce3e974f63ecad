"""The day's shape alone: the last hours' level of volatility, carried through the livelier and the calmer hours ahead.

The shape is the window's own, of the last four weeks, for working days and weekend days; the walk is Gaussian. What
`ewma` and `har` add to it, they add beyond this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mining_objects.base_mining_model import Floats, Forecast, Forecaster, Window
from mining_objects.causal import ewma
from mining_objects.season import season_of, slots_of
from protocol.units import DAY_MS


@dataclass(frozen=True, slots=True)
class SeasonalConfig:
    """half_life: steps after which a squared, season-free return weighs half.  width: slots over which it is smooth."""

    half_life: int = 72
    width: int = 25
    trust: tuple[float, float] = (1.0, 0.7)
    """How far the window's own shape is believed, against no shape, on working and on weekend days."""
    lookback: int = 30 * 288


class Seasonal(Forecaster):
    """A flat path, and a Gaussian walk whose steps have the size of their hour."""

    name: ClassVar[str] = "seasonal"
    least = 2 * 288

    def __init__(self, config: SeasonalConfig = SeasonalConfig()) -> None:
        self.config = config
        self.lookback = config.lookback

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        answers = []
        for window, chance in zip(windows, chances, strict=True):
            sizes = self.sizes_ahead(window, steps)
            walk = np.cumsum(sizes * chance.standard_normal((paths, steps)), axis=1)
            answers.append(Forecast(point=np.zeros(steps), paths=walk))
        return answers

    def sizes_ahead(self, window: Window, steps: int) -> Floats:
        """Shape (steps,): the deviation of each of the next steps' log-returns; 0 where nothing is known."""
        season = own_season(window, self.config.trust, self.config.width)
        free = window.log_returns() / season[slots_of(window.open_time_ms, window.step_ms)]
        level = np.sqrt(np.nan_to_num(ewma(free**2, self.config.half_life)[-1]))
        ahead = window.end_ms + window.step_ms * np.arange(steps, dtype=np.int64)
        sizes: Floats = level * season[slots_of(ahead, window.step_ms)]
        return sizes


def own_season(window: Window, trust: tuple[float, float], width: int) -> Floats:
    """Shape (2 * slots,): the window's own shape of the day, drawn towards 1 as far as it is not believed."""
    return season_of(window, np.ones((2, DAY_MS // window.step_ms)), trust, width=width)
