"""Numbers of several sources brought together by time, on pandas: compact fine rows, join sources, hold what is sparse.

A frame's index says when each row became known (UTC, ms): a candle when it ended, a funding rate when it was published.
Whatever is computed for an instant uses rows known at or before it, so no row of an answer changes when later rows do.

    1-minute candles --compact--> 5-minute rows --.
    three venues ------aggregate--> one market ----+-- collect(at_ms) --> one frame, one row an instant
    funding every 8 h -----------------------------'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mining_objects.base_mining_model import Window
from mining_objects.candle_features import feature_matrix
from mining_objects.errors import BadCandles

COMPACTIONS: Final = ("first", "last", "sum", "min", "max", "mean", "median", "mode")
"""How several numbers become one; missing ones do not count. Of equally frequent ones `mode` takes the smallest."""

How = str | Mapping[str, str]
"""One of COMPACTIONS for all columns, or one for each."""

CANDLES_COMPACTED: Final[How] = MappingProxyType(
    {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
)
"""Fine candles to coarse ones."""
CANDLES_AGGREGATED: Final[How] = MappingProxyType(
    {"open": "mean", "high": "max", "low": "min", "close": "mean", "volume": "sum"}
)
"""One instant's candles of several venues to one; what settles rounds is the agreed close, not this mean."""


def candle_frame(window: Window) -> pd.DataFrame:
    """Open, high, low, close and volume by the instant at which each candle ended; a missing one is a row of NaN."""
    names = ("open", "high", "low", "close", "volume")
    return pd.DataFrame({name: getattr(window, name) for name in names}, index=_ends(window))


def feature_frame(window: Window, names: Sequence[str], *, venues: Sequence[Window] = ()) -> pd.DataFrame:
    """What feature_matrix gives, with names and instants. Raises as it does."""
    return pd.DataFrame(feature_matrix(window, names, venues=venues), index=_ends(window), columns=list(names))


def compact(frame: pd.DataFrame, *, step_ms: int, until_ms: int, how: How) -> pd.DataFrame:
    """One row a grid instant T, made of the rows known after T - step_ms and up to T; NaN where there are none.

    until_ms: now. An instant that has not come yet gets no row, so that none is made of half its parts.
    Raises BadCandles for a frame out of order or an unknown way.
    """
    known = checked(frame)
    if known.empty:
        return known
    belongs = -(-known.index.to_numpy() // step_ms) * step_ms
    grid = pd.Index(np.arange(belongs[0], until_ms + 1, step_ms, dtype=np.int64), name=known.index.name)
    return _reduced(known, belongs, how).reindex(grid)


def aggregate(frames: Sequence[pd.DataFrame], *, how: How, weight: str | None = None) -> pd.DataFrame:
    """Several sources of the same columns as one, instant by instant, of those sources that know something then.

    weight: a column by which every `mean` is weighted, e.g. volume; an instant of which no weight is known is NaN.
    Raises BadCandles when the sources have different columns, are out of order, or lack the weight.
    """
    sources = [checked(frame) for frame in frames]
    if not sources or any(list(source.columns) != list(sources[0].columns) for source in sources):
        raise BadCandles("aggregate needs sources of the same columns; collect joins those of different ones")
    rows = pd.concat(sources).sort_index(kind="stable")
    together = _reduced(rows, rows.index.to_numpy(), how)
    if weight is None:
        return together
    if weight not in rows.columns:
        raise BadCandles(f"the sources have no column {weight!r} to weigh by")
    for column, way in _ways(rows, how).items():
        if way == "mean":
            weights = rows[weight].where(rows[column].notna())
            sums = pd.DataFrame({"weighted": rows[column] * weights, "weight": weights}).groupby(level=0).sum()
            together[column] = (sums["weighted"] / sums["weight"].where(sums["weight"] > 0)).to_numpy()
    return together


def collect(frames: Sequence[pd.DataFrame], at_ms: NDArray[np.int64], *, hold_ms: int = 0) -> pd.DataFrame:
    """Different columns side by side: at each instant the last number known by then, none older than hold_ms.

    at_ms: increasing, e.g. the ends of a window's candles.  hold_ms: 0 takes numbers of that very instant alone.
    Raises BadCandles when two frames have a column in common or one is out of order.
    """
    columns: dict[str, NDArray[np.float64]] = {}
    for frame in map(checked, frames):
        for name in frame.columns:
            if name in columns:
                raise BadCandles(f"two sources have a column {name!r}; rename one, or aggregate them", column=name)
            known = frame[name].dropna()
            times = known.index.to_numpy()
            last = np.searchsorted(times, at_ms, side="right") - 1
            column = np.full(len(at_ms), np.nan)
            there = last >= 0
            there[there] = at_ms[there] - times[last[there]] <= hold_ms
            column[there] = known.to_numpy()[last[there]]
            columns[name] = column
    return pd.DataFrame(columns, index=pd.Index(at_ms, name="known_at_ms"))


def checked(frame: pd.DataFrame) -> pd.DataFrame:
    """The same frame, once it is seen to be in order; NaN means unknown and is allowed.

    Raises BadCandles when times are no integers, repeat or run backwards, or a number is infinite.
    """
    times = frame.index.to_numpy()
    if not np.issubdtype(times.dtype, np.integer):
        raise BadCandles(f"a frame's index must be whole milliseconds, is {times.dtype}")
    if (np.diff(times) <= 0).any():
        row = int(np.argmax(np.diff(times) <= 0)) + 1
        raise BadCandles(f"row {row} (known at {times[row]}) is not later than the row before it", row=row)
    infinite = np.isinf(frame.to_numpy(dtype=np.float64))
    if infinite.any():
        row = int(np.argmax(infinite.any(axis=1)))
        raise BadCandles(f"row {row} (known at {times[row]}) holds an infinite number", row=row)
    return frame


def _ends(window: Window) -> pd.Index[int]:
    return pd.Index(window.open_time_ms + window.step_ms, name="known_at_ms")


def _ways(frame: pd.DataFrame, how: How) -> dict[str, str]:
    """Each column's way. Raises BadCandles when one has none or it is unknown."""
    ways = {name: how if isinstance(how, str) else how.get(name, "") for name in frame.columns}
    for name, way in ways.items():
        if way not in COMPACTIONS:
            raise BadCandles(f"column {name!r} needs one of {', '.join(COMPACTIONS)}, was given {way!r}", column=name)
    return ways


def _reduced(frame: pd.DataFrame, belongs: NDArray[np.int64], how: How) -> pd.DataFrame:
    """Rows that belong to one instant made one row, by instant."""
    groups = frame.groupby(belongs)
    columns = {}
    for name, way in _ways(frame, how).items():
        group = groups[name]
        if way == "sum":
            columns[name] = group.sum(min_count=1)
        elif way == "mode":
            columns[name] = group.agg(_most_frequent)
        else:
            columns[name] = getattr(group, way)()
    return pd.DataFrame(columns).rename_axis(index="known_at_ms")


def _most_frequent(values: pd.Series[float]) -> float:
    modes = values.mode()  # sorted, without NaN
    return float(modes.iloc[0]) if len(modes) else float("nan")
