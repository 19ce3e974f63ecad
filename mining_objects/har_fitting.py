"""Fits what `har` knows beforehand: the day's shape, the weights of its inputs, the shape of its law.

Inputs are computed day by day with the functions that the miner serves with, on windows of the same length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


def learn_season(windows: Sequence[Window]) -> Floats:
    """Shape (2, slots): the geometric mean of the windows' own shapes."""
    shapes = []
    for window in windows:
        slots = DAY_MS // window.step_ms
        size = np.abs(window.log_returns())
        shapes.append(shape_of(size, slots_of(window.open_time_ms, window.step_ms), slots, LEARNT_WIDTH)[0])
    learnt: Floats = np.exp(np.mean(np.log(shapes), axis=0))
    return learnt


def spread_examples(
    window: Window, learnt: Floats, from_ms: int, until_ms: int, every_ms: int = HOUR_MS
) -> SpreadExamples:
    """The rows that an answer for T on the hour is made from, T in [from_ms, until_ms), all outcomes in the window.

    Ensembles are asked on the hour, and the first minutes of an hour have a law of their own.
    """
    log_close = np.log(window.close)
    anchors, longest = np.array(ANCHORS), max(ANCHORS)
    parts: list[tuple[NDArray[np.int64], Floats, Floats, Floats]] = []
    anchor_ms = window.open_time_ms + (1 + FITTED_LEAD) * window.step_ms
    asked = (anchor_ms % every_ms == 0) & (anchor_ms >= from_ms) & (anchor_ms < until_ms)
    asked[: Har.lookback] = False
    asked[len(window) - longest - FITTED_LEAD :] = False
    rows = np.flatnonzero(asked)
    days = window.open_time_ms[rows] // DAY_MS
    for day in np.unique(days):
        today = rows[days == day]
        stop = int(today[-1]) + 1
        seen = window.rows(max(0, stop - Har.lookback), stop)
        season = season_of(seen, learnt, SEASON_TRUST, width=SEASON_WIDTH)
        inputs, level = spread_inputs(seen, season, stop - int(today[0]))
        at = today - int(today[0])
        anchor = today + FITTED_LEAD
        ahead = anchor[:, None] + np.arange(1, longest + 1)
        variance = np.cumsum(season[slots_of(window.open_time_ms[ahead], window.step_ms)] ** 2, axis=1)[:, anchors - 1]
        outcome = log_close[anchor[:, None] + anchors] - log_close[anchor][:, None]
        with np.errstate(divide="ignore"):
            parts.append(
                (window.open_time_ms[today], inputs[at], np.log(level[at])[:, None] + 0.5 * np.log(variance), outcome)
            )
    if not parts:
        raise BadCandles(f"{window.series}: no example between these days; 30 days must lie before, a day after")
    at_ms, inputs, offset, outcome = (np.concatenate(column) for column in zip(*parts, strict=True))
    good = np.isfinite(offset).all(axis=1) & np.isfinite(outcome).all(axis=1)
    return SpreadExamples(at_ms[good], inputs[good], offset[good], outcome[good])


def fit_har(learnt: Floats, examples: Sequence[SpreadExamples], step_ms: int) -> HarFit:
    """Scales by the CRPS that they get, each outcome in units of its offset; examples of all series weigh alike.

    The shape of the law is taken from the last half-year alone: how fat tails are changes faster than what volatility
    follows from. Chosen on candles before 2025 (docs/models.md).
    """
    inputs, offset, outcome, at_ms = (
        np.concatenate([getattr(e, name) for e in examples]) for name in ("inputs", "offset", "outcome", "at_ms")
    )
    recent = at_ms >= at_ms.max() - SHAPE_DAYS * DAY_MS
    weights, shapes = [], []
    for anchor in range(len(ANCHORS)):
        shape = Z_GRID
        for turn in range(ROUNDS):
            unit = np.exp(-offset[:, anchor])
            b = fit_log_scale(inputs, offset[:, anchor], outcome[:, anchor], unit, shape)
            residuals = outcome[:, anchor] * unit / np.exp(inputs @ b)
            shape = tabulate_shape(residuals[recent] if turn == ROUNDS - 1 else residuals)
        weights.append(b)
        shapes.append(shape)
    return HarFit(step_ms, learnt, np.stack(weights), np.stack(shapes))
