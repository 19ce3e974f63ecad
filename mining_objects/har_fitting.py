"""Fits what `har` knows beforehand: the day's shape, the weights of its inputs, the shape of its law.

Inputs are computed day by day with the functions that the miner serves with, on windows of the same length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Window
from mining_objects.errors import BadCandles
from mining_objects.models.har import ANCHORS, FITTED_LEAD, SEASON_TRUST, SEASON_WIDTH, Har, HarFit, spread_inputs
from mining_objects.season import season_of, shape_of, slots_of
from mining_objects.spread_law import Z_GRID, fit_log_scale, tabulate_shape
from protocol.units import DAY_MS, HOUR_MS

LEARNT_WIDTH: Final = 7
SHAPE_DAYS: Final = 180
ROUNDS: Final = 2
"""Turns of fitting scales for a shape, then the shape for the scales."""


@dataclass(frozen=True, slots=True)
class SpreadExamples:
    """at_ms: (n,), when the newest candle opened.  inputs: (n, inputs).  offset: (n, anchors), ln of the scale before
    weights.  outcome: (n, anchors), log-returns."""

    at_ms: NDArray[np.int64]
    inputs: Floats
    offset: Floats
    outcome: Floats

    def chosen(self, kept: NDArray[np.bool_]) -> SpreadExamples:
        """Those that are kept, (n,)."""
        return SpreadExamples(self.at_ms[kept], self.inputs[kept], self.offset[kept], self.outcome[kept])


def learn_season(windows: Sequence[Window]) -> Floats:
    """Shape (2, slots): the geometric mean of the windows' own shapes."""
    shapes = []
    for window in windows:
        slots = DAY_MS // window.step_ms
        size = np.abs(window.log_returns())
        shapes.append(shape_of(size, slots_of(window.open_time_ms, window.step_ms), slots, LEARNT_WIDTH)[0])
    learnt: Floats = np.exp(np.mean(np.log(shapes), axis=0))
    return learnt


@dataclass(frozen=True, slots=True)
class AskedDay:
    """The examples of one day. rows: where in `window` their newest candles are.  seen: what a miner would hold at the
    last of them.  season: what it would take for the day's shape."""

    window: Window
    rows: NDArray[np.int64]
    seen: Window
    season: Floats

    @property
    def last(self) -> int:
        """So many rows at the end of `seen` hold all examples."""
        return int(self.rows[-1]) - int(self.rows[0]) + 1

    @property
    def at(self) -> NDArray[np.int64]:
        """Which of these `last` rows are examples."""
        return self.rows - int(self.rows[0])

    @property
    def ahead(self) -> NDArray[np.int64]:
        """Shape (examples, 300): the rows of the steps after T."""
        return self.rows[:, None] + FITTED_LEAD + np.arange(1, max(ANCHORS) + 1)


def asked_days(window: Window, learnt: Floats, from_ms: int, until_ms: int, every_ms: int) -> Iterator[AskedDay]:
    """Day by day, the rows before every T in [from_ms, until_ms) whose 30 days before and outcomes are in the window.

    Raises BadCandles when there is none.
    """
    anchor_ms = window.open_time_ms + (1 + FITTED_LEAD) * window.step_ms
    asked = (anchor_ms % every_ms == 0) & (anchor_ms >= from_ms) & (anchor_ms < until_ms)
    asked[: Har.lookback] = False
    asked[len(window) - max(ANCHORS) - FITTED_LEAD :] = False
    rows = np.flatnonzero(asked)
    if not len(rows):
        raise BadCandles(f"{window.series}: no example between these days; 30 days must lie before, a day after")
    days = window.open_time_ms[rows] // DAY_MS
    for day in np.unique(days):
        today = rows[days == day]
        stop = int(today[-1]) + 1
        seen = window.rows(max(0, stop - Har.lookback), stop)
        yield AskedDay(window, today, seen, season_of(seen, learnt, SEASON_TRUST, width=SEASON_WIDTH))


def examples_of_day(day: AskedDay) -> SpreadExamples:
    """Inputs as they are served, and outcomes; NaN and infinite numbers where candles are missing."""
    window, log_close, anchors = day.window, np.log(day.window.close), np.array(ANCHORS)
    inputs, level = spread_inputs(day.seen, day.season, day.last)
    anchor = day.rows + FITTED_LEAD
    shape = day.season[slots_of(window.open_time_ms[day.ahead], window.step_ms)]
    variance = np.cumsum(shape**2, axis=1)[:, anchors - 1]
    outcome = log_close[anchor[:, None] + anchors] - log_close[anchor][:, None]
    with np.errstate(divide="ignore"):
        offset = np.log(level[day.at])[:, None] + 0.5 * np.log(variance)
    return SpreadExamples(window.open_time_ms[day.rows], inputs[day.at], offset, outcome)


def spread_examples(
    window: Window, learnt: Floats, from_ms: int, until_ms: int, every_ms: int = HOUR_MS
) -> SpreadExamples:
    """The rows that an answer for T on the hour is made from, T in [from_ms, until_ms), all outcomes in the window.

    Ensembles are asked on the hour, and the first minutes of an hour have a law of their own.
    """
    parts = [examples_of_day(day) for day in asked_days(window, learnt, from_ms, until_ms, every_ms)]
    examples = joined(parts)
    return examples.chosen(np.isfinite(examples.offset).all(axis=1) & np.isfinite(examples.outcome).all(axis=1))


def joined(parts: Sequence[SpreadExamples]) -> SpreadExamples:
    """One after the other."""
    return SpreadExamples(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(SpreadExamples)))


def fit_har(learnt: Floats, examples: Sequence[SpreadExamples], step_ms: int) -> HarFit:
    """Scales by the CRPS that they get, each outcome in units of its offset; examples of all series weigh alike.

    The shape of the law is taken from the last half-year alone: how fat tails are changes faster than what volatility
    follows from. Chosen on candles before 2025 (docs/models.md).
    """
    together = joined(examples)
    inputs, offset, outcome = together.inputs, together.offset, together.outcome
    recent = is_recent(together.at_ms)
    fits = [fit_anchor(inputs, offset[:, a], outcome[:, a], recent) for a in range(len(ANCHORS))]
    return HarFit(step_ms, learnt, np.stack([b for b, _ in fits]), np.stack([shape for _, shape in fits]))


def fit_anchor(inputs: Floats, offset: Floats, outcome: Floats, recent: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Weights of the inputs, (inputs,), and the law's shape, (65,), for the return over one number of steps.

    inputs: (n, inputs), the first column 1.  offset, outcome, recent: (n,), as in SpreadExamples and is_recent.
    """
    unit, shape = np.exp(-offset), Z_GRID
    for turn in range(ROUNDS):
        b = fit_log_scale(inputs, offset, outcome, unit, shape)
        residuals = outcome * unit / np.exp(inputs @ b)
        shape = tabulate_shape(residuals[recent] if turn == ROUNDS - 1 else residuals)
    return b, shape


def is_recent(at_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which examples lie in the half-year before the last: (n,)."""
    return at_ms >= at_ms.max() - SHAPE_DAYS * DAY_MS
