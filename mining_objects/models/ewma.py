"""Filtered historical simulation: today's volatility, the clock's shape, and the market's own fat tails.

Volatility is what can be foretold at this range. Three things are learnt from the window alone:
1. the clock: how large moves are at each hour, on working days and at weekends (UTC), relative to the mean;
2. the level: a weighted sum of EWMAs of squared clock-free returns, fast and slow, as in a HAR model;
3. the tails: past clock-free returns divided by the level known one step before each.
Paths then draw residuals with random sign, and every drawn move feeds back into that path's own level.
Sources: Barone-Adesi, Giannopoulos & Vosper (1999), doi:10.1002/(SICI)1096-9934(199908)19:5<583::AID-FUT5>3.0.CO;2-S
(filtered historical simulation); Corsi (2009), doi:10.1093/jjfinec/nbp001 (HAR).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Forecast, Forecaster, Window
from mining_objects.causal import ewma
from protocol.units import HOUR_MS

_HOURS: Final = 48
"""Hours of a working day, then hours of a weekend day."""


@dataclass(frozen=True, slots=True)
class EwmaConfig:
    """Half-lives in steps and the weights of their EWMAs, which sum to 1; chosen on candles before 2025."""

    half_lives: tuple[float, ...] = (12.0, 72.0, 288.0, 2016.0)
    weights: tuple[float, ...] = (0.25, 0.25, 0.25, 0.25)
    weekend_trust: float = 0.3
    """How far the weekend's own hours are believed over those of all days: a month has eight weekend days."""
    largest_residual: float = 8.0
    lookback: int = 30 * 288


class Ewma(Forecaster):
    """No direction: the point path is flat, all skill is in the spread."""

    name: ClassVar[str] = "ewma"
    least = 2 * 288

    def __init__(self, config: EwmaConfig = EwmaConfig()) -> None:
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
        if paths == 0:
            return np.zeros((0, steps))
        config = self.config
        shape = clock_shape(window, config.weekend_trust)
        ahead = window.end_ms + window.step_ms * np.arange(steps, dtype=np.int64)
        moves = window.log_returns() / shape[hour_of(window.open_time_ms)]
        weights = np.asarray(config.weights)
        levels = np.stack([ewma(moves**2, half_life) for half_life in config.half_lives], axis=1)
        residuals = standardise(moves, levels @ weights, config.largest_residual)
        if not len(residuals):
            return np.zeros((paths, steps))
        half = (paths + 1) // 2
        drawn = residuals[chance.integers(0, len(residuals), size=(steps, half))]
        drawn *= chance.choice((-1.0, 1.0), size=(steps, half))
        walked = (
            feedback_walk(drawn, levels[-1], np.asarray(config.half_lives), weights) * shape[hour_of(ahead)][:, None]
        )
        one_side = np.cumsum(walked, axis=0).T
        return np.concatenate([one_side, -one_side])[:paths]


def hour_of(open_time_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """0..23 on Monday to Friday, 24..47 on Saturday and Sunday, UTC."""
    hours = open_time_ms // HOUR_MS
    weekday = (hours // 24 + 3) % 7  # the epoch began on a Thursday
    return hours % 24 + 24 * (weekday >= 5)


def clock_shape(window: Window, weekend_trust: float) -> Floats:
    """Shape (48,): typical size of a move in each hour of a working day and of a weekend day, over the overall one.

    Sizes are mean absolute log-returns, smoothed over neighbouring hours by (1/4, 1/2, 1/4). 1 where unknown.
    """
    size = np.abs(window.log_returns())
    hour = hour_of(window.open_time_ms)
    known = ~np.isnan(size)
    total = np.bincount(hour[known], weights=size[known], minlength=_HOURS).reshape(2, 24)
    count = np.bincount(hour[known], minlength=_HOURS).reshape(2, 24)
    all_days = _day_shape(total.sum(axis=0), count.sum(axis=0))
    working, weekend = _day_shape(total[0], count[0]), _day_shape(total[1], count[1])
    overall = total.sum() / max(1, count.sum())
    expected = count.sum(axis=1) * overall
    level = np.divide(total.sum(axis=1), expected, out=np.ones(2), where=expected > 0)
    return np.concatenate([working * level[0], (weekend_trust * weekend + (1 - weekend_trust) * all_days) * level[1]])


def standardise(moves: Floats, variance: Floats, largest: float) -> Floats:
    """The known moves over the deviation that stood one step before each, without the first day; mean square 1."""
    before = np.full(len(moves), np.nan)
    before[1:] = variance[:-1]
    usable = ~np.isnan(moves) & (before > 0)
    usable[:288] = False
    residuals: Floats = np.clip(moves[usable] / np.sqrt(before[usable]), -largest, largest)
    size = np.sqrt(np.mean(residuals**2)) if len(residuals) else 0.0
    return residuals / size if size > 0 else residuals[:0]


def _day_shape(total: Floats, count: NDArray[np.int64]) -> Floats:
    if not count.all() or not total.sum() > 0:
        return np.ones(24)
    hourly: Floats = total / count
    hourly = 0.25 * np.roll(hourly, 1) + 0.5 * hourly + 0.25 * np.roll(hourly, -1)
    shape: Floats = np.maximum(hourly / hourly.mean(), 0.05)
    return shape


def feedback_walk(residuals: Floats, levels: Floats, half_lives: Floats, weights: Floats) -> Floats:
    """Clock-free moves, shape (steps, m): each is its residual times the level its own path has reached."""
    keep = (0.5 ** (1.0 / half_lives))[:, None]
    running = np.repeat(levels[:, None], residuals.shape[1], axis=1)
    moves = np.empty_like(residuals)
    for step, residual in enumerate(residuals):
        moves[step] = np.sqrt(weights @ running) * residual
        running *= keep
        running += (1.0 - keep) * moves[step] ** 2
    return moves
