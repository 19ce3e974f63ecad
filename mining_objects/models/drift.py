"""The trend goes on: a straight line along the mean return of the last day, around which the random walk spreads.

Markets at this range hardly drift, so expect it to lose to `flat`. It is here to show what a bold guess earns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mining_objects.base_mining_model import Forecast, Forecaster, Window
from mining_objects.models.flat import gaussian_walk, sigma_of


@dataclass(frozen=True, slots=True)
class DriftConfig:
    """span: steps whose mean return is carried on.  share: the part of it that is believed to last."""

    span: int = 288
    share: float = 0.5
    half_life: int = 288
    lookback: int = 30 * 288


class Drift(Forecaster):
    """A straight line, and a Gaussian walk around it."""

    name: ClassVar[str] = "drift"
    least = 2

    def __init__(self, config: DriftConfig = DriftConfig()) -> None:
        self.config = config
        self.lookback = config.lookback

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        answers = []
        for window, chance in zip(windows, chances, strict=True):
            returns = window.log_returns()[-self.config.span :]
            known = returns[~np.isnan(returns)]
            slope = self.config.share * float(known.mean()) if len(known) else 0.0
            line = slope * np.arange(1, steps + 1)
            walk = gaussian_walk(sigma_of(window, self.config.half_life), steps, paths, chance)
            answers.append(Forecast(point=line, paths=line + walk))
        return answers
