"""How large moves are through the week of New York: by its clock and weekday, its exchange's holidays as Sundays.

Markets that trade around the clock are liveliest while New York's exchange is open, and less so on each day in its own
way. The day's shape of `mining_objects/season.py` keeps UTC, which daily routines of crypto markets follow, and knows
working days and weekends alone; this one moves with New York's daylight saving and tells seven days apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from holidays.financial.ny_stock_exchange import NewYorkStockExchange
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Window
from mining_objects.causal import rolling_mean
from mining_objects.season import shape_of
from protocol.units import DAY_MS, HOUR_MS

DAYS: Final = 7
"""Monday first; Sunday stands for holidays too."""
_NEW_YORK: Final = ZoneInfo("America/New_York")
_WIDTH: Final = 25
_LEVEL_STEPS: Final = 7 * 288


def week_slots(open_time_ms: NDArray[np.int64], step_ms: int) -> NDArray[np.int64]:
    """0 up to a day's slots on Monday, and so on to Sunday, by New York's clock; a holiday takes Sunday's slots."""
    hours, place = np.unique(open_time_ms // HOUR_MS, return_inverse=True)
    known = [_new_york(int(hour)) for hour in hours]
    offset, day = (np.array(column, dtype=np.int64)[place] for column in zip(*known, strict=True))
    slots = DAY_MS // step_ms
    return (open_time_ms + offset) % DAY_MS // step_ms + slots * day


def learn_week(windows: Sequence[Window]) -> Floats:
    """Shape (7, slots): the geometric mean of the windows' own shapes, each move over the mean size of its week."""
    shapes = []
    for window in windows:
        size = np.abs(window.log_returns())
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = size / rolling_mean(size, _LEVEL_STEPS)
        relative[~np.isfinite(relative)] = np.nan
        slots = week_slots(window.open_time_ms, window.step_ms)
        shapes.append(shape_of(relative, slots, DAY_MS // window.step_ms, _WIDTH, DAYS)[0])
    learnt: Floats = np.exp(np.mean(np.log(shapes), axis=0))
    return learnt


@lru_cache(maxsize=100_000)
def _new_york(hour: int) -> tuple[int, int]:
    """New York's offset from UTC in ms and its day, 0 to 6, at an hour since the epoch."""
    there = datetime.fromtimestamp(hour * 3_600, UTC).astimezone(_NEW_YORK)
    offset_ms = int((there.replace(tzinfo=UTC).timestamp() - hour * 3_600) * 1_000)
    rest = there.date() in _holidays_of(there.year)
    return offset_ms, DAYS - 1 if rest else there.weekday()


@lru_cache(maxsize=128)
def _holidays_of(year: int) -> frozenset[date]:
    return frozenset(NewYorkStockExchange(years=year))
