"""What `tcn` is shown of each candle: the candle itself, and what is known when it is the newest.

    of the candle        its move and its size, free of the learnt day's shape, over the day's mean size
    as the newest one    what the networks of `neural_har` see, and what New York's week says of the steps ahead
    for training alone   the unit of what the network answers: the scale that the day's level and shape give

Everything but the candle's own columns is computed with the season that a miner would take on that day; from closes
alone, since of agreed candles no more is known.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Window
from mining_objects.causal import ewma
from mining_objects.features import scale_of
from mining_objects.har_fitting import asked_days
from mining_objects.models.har import ANCHORS, FITTED_LEAD, Har
from mining_objects.models.neural_har import AT_ANCHORS, INPUTS, Known, known_at
from mining_objects.season import slots_of

CANDLE: Final = ("move", "size")
SHOWN: Final = len(CANDLE) + INPUTS + len(ANCHORS)
"""Columns that the network sees."""
NAMES: Final = (
    *CANDLE,
    *(f"known_{place}" for place in range(INPUTS)),
    *(f"week_{step}" for step in ANCHORS),
    *(f"unit_{step}" for step in ANCHORS),
)
WARM_UP: Final = Har.lookback
_LEVEL_HALF_LIFE: Final = 288.0
_LARGEST_MOVE: Final = 6.0
_LEAST_SIZE: Final = 0.1
_LARGEST_UNIT: Final = 8.0


def candle_columns(window: Window, season: Floats) -> NDArray[np.float32]:
    """Shape (n, len(CANDLE)), finite: row t depends on rows <= t alone. season: (2, slots), as learnt.

    The move is over the mean absolute move of the day (EWMA, half-life 288), cut at +-6; the size is the logarithm of
    its absolute value, at least ln 0.1. Both are 0 where the move is not known.
    """
    free = window.log_returns() / season.ravel()[slots_of(window.open_time_ms, window.step_ms)]
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = free / ewma(np.abs(free), _LEVEL_HALF_LIFE)
    columns = np.stack([np.clip(moves, -_LARGEST_MOVE, _LARGEST_MOVE), np.log(np.abs(moves) + _LEAST_SIZE)], axis=1)
    finite: NDArray[np.float32] = np.nan_to_num(columns, posinf=0.0, neginf=0.0).astype(np.float32)
    return finite


def newest_columns(known: Known) -> NDArray[np.float32]:
    """Shape (n, INPUTS + anchors): what is shown of a candle that is the newest."""
    return np.concatenate([known.inputs, known.told[:, AT_ANCHORS]], axis=1).astype(np.float32)


def training_rows(window: Window, season: Floats, week: Floats) -> NDArray[np.float32]:
    """Shape (n, len(NAMES)), finite; only the candle's columns before WARM_UP rows and in the last 300.

    The unit is ln of the scale over each anchor's steps from T, over scale * sqrt(k) as in `trainable.Batch`.
    """
    rows = np.zeros((len(window), len(NAMES)), np.float32)
    rows[:, : len(CANDLE)] = candle_columns(window, season)
    log_scale = np.log(scale_of(window.log_returns()))
    root = 0.5 * np.log(ANCHORS)
    for day in asked_days(window, season, 0, window.end_ms, window.step_ms):
        known = known_at(day.seen, day.season, week, day.last, day.at, FITTED_LEAD, max(ANCHORS))
        shape = day.season[slots_of(window.open_time_ms[day.ahead], window.step_ms)]
        variance = np.cumsum(shape**2, axis=1)[:, AT_ANCHORS]
        with np.errstate(divide="ignore"):
            unit = np.log(known.level)[:, None] + 0.5 * np.log(variance) - log_scale[day.rows][:, None] - root
        rows[day.rows, len(CANDLE) : SHOWN] = newest_columns(known)
        rows[day.rows, SHOWN:] = np.clip(np.nan_to_num(unit), -_LARGEST_UNIT, _LARGEST_UNIT)
    return rows


def realised_deviation(window: Window, season: Floats) -> Floats:
    """Shape (n, anchors): the deviation that the moves from T up to each anchor tell; NaN where one is not known.

    T lies FITTED_LEAD steps after each row.
    Their mean absolute size, free of the learnt shape, as a normal law's deviation, times the shape of these steps.
    Source: as `neural_har_fitting`, whose examples take the shape of each day instead.
    """
    shape = season.ravel()[slots_of(window.open_time_ms, window.step_ms)]
    free = np.abs(window.log_returns()) / shape
    missing = np.isnan(free)
    sums = [np.concatenate([[0.0], np.cumsum(part)]) for part in (np.where(missing, 0.0, free), missing, shape**2)]
    told = np.full((len(window), len(ANCHORS)), np.nan)
    for column, steps in enumerate(ANCHORS):
        count = len(window) - FITTED_LEAD - steps
        if count <= 0:
            continue
        first = slice(FITTED_LEAD + 1, FITTED_LEAD + 1 + count)
        last = slice(FITTED_LEAD + 1 + steps, FITTED_LEAD + 1 + steps + count)
        size, unknown, variance = (total[last] - total[first] for total in sums)
        deviation = math.sqrt(math.pi / 2.0) / steps * size * np.sqrt(variance)
        told[:count, column] = np.where(unknown == 0, deviation, np.nan)
    return told
