"""Scaling of feature frames by the past: once, by a training period, or row by row, by the rows before each.

A column is scaled by its own numbers, or several together as a group: close, high and low then keep their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from mining_objects.errors import BadCandles
from mining_objects.feature_frames import checked

KINDS: Final = ("standard", "min_max", "robust", "none")
"""standard: mean and population deviation.  min_max: lowest to highest becomes -1 to 1.  none: left as it is.
robust: median and the distance of the quartiles, in deviations of a normal law."""

_QUARTILES_APART: Final = 1.3489795003921634
"""Deviations between the quartiles of a normal law."""
_LEAST_SIZE: Final = 1e-9
"""A size that is a smaller part of its centre is rounding: such a column does not vary and is only centred."""

How = Mapping[str | tuple[str, ...], str]
"""A kind for a column, or for a group of columns that share centre and size."""


@dataclass(frozen=True, slots=True)
class Scaler:
    """(x - centre) / size, column by column; both are a Series (every row alike) or a frame (each row its own)."""

    centre: pd.Series[float] | pd.DataFrame
    size: pd.Series[float] | pd.DataFrame

    def scale(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Numbers without unit; NaN stays NaN. Raises BadCandles for columns or rows that it does not know."""
        return (frame - _of(self.centre, frame)) / _of(self.size, frame)

    def unscale(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Back in the columns' units, all of them or some. Raises as scale does."""
        return frame * _of(self.size, frame) + _of(self.centre, frame)


def fit_scaler(frame: pd.DataFrame, *, until_ms: int, how: How | None = None, default: str = "standard") -> Scaler:
    """The scaling learnt from the rows known at or before until_ms; later ones are not looked at.

    how: what differs from the default kind.
    Raises BadCandles when a column has no number by then, stands in two groups or nowhere, or a kind is unknown.
    """
    past = checked(frame)
    past = past[past.index <= until_ms]
    centres, sizes = {}, {}
    for group, kind in _grouped(past, how or {}, default):
        numbers = _stacked(past, group).dropna()
        if numbers.empty:
            raise BadCandles(f"no number of {', '.join(group)} is known by {until_ms}")
        centre, size = _centre_and_size(numbers, kind)
        for name in group:
            centres[name], sizes[name] = float(centre), float(size)
    return Scaler(pd.Series(centres), pd.Series(sizes))


def scaler_by_past(
    frame: pd.DataFrame, *, span: int, least: int | None = None, how: How | None = None, default: str = "standard"
) -> Scaler:
    """A scaling of each row by the `span` rows before it, itself left out.

    least: how many numbers a column needs among them, half the span unless given; a group so many for each column in
    the mean. Before that a row's scaling is NaN.  Raises BadCandles as fit_scaler does.
    """
    past = checked(frame)
    needed = max(1, span // 2 if least is None else least)
    centres: dict[str, Any] = {}
    sizes: dict[str, Any] = {}
    for group, kind in _grouped(past, how or {}, default):
        width = len(group)
        rolling = _stacked(past, group).rolling(span * width, min_periods=needed * width)
        centre, size = _centre_and_size(rolling, kind)
        if kind != "none":
            centre, size = (pd.Series(part[width - 1 :: width]).shift(1).to_numpy() for part in (centre, size))
        for name in group:
            centres[name], sizes[name] = centre, size
    return Scaler(pd.DataFrame(centres, index=past.index), pd.DataFrame(sizes, index=past.index))


def _centre_and_size(numbers: Any, kind: str) -> tuple[Any, Any]:
    """Of a Series two numbers, of a rolling view of one two arrays: pandas gives both the same methods."""
    if kind == "none":
        return 0.0, 1.0
    if kind == "standard":
        centre, size = numbers.mean(), numbers.std(ddof=0)
    elif kind == "min_max":
        low, high = numbers.min(), numbers.max()
        centre, size = (low + high) / 2.0, (high - low) / 2.0
    else:
        centre = numbers.quantile(0.5)
        size = (numbers.quantile(0.75) - numbers.quantile(0.25)) / _QUARTILES_APART
    still = size <= _LEAST_SIZE * np.abs(centre)
    return np.asarray(centre), np.where(still, 1.0, size)


def _grouped(frame: pd.DataFrame, how: How, default: str) -> list[tuple[tuple[str, ...], str]]:
    """Every column in exactly one group, with its kind. Raises BadCandles where that is not so."""
    groups = [((columns,) if isinstance(columns, str) else columns, kind) for columns, kind in how.items()]
    named = [name for group, _ in groups for name in group]
    for name in named:
        if name not in frame.columns or named.count(name) > 1:
            fault = "stands in two groups" if name in frame.columns else "is no column of the frame"
            raise BadCandles(f"{name!r} {fault}", column=name)
    groups += [((name,), default) for name in frame.columns if name not in named]
    for group, kind in groups:
        if kind not in KINDS:
            raise BadCandles(f"{', '.join(group)} cannot be scaled by {kind!r}; there are {', '.join(KINDS)}")
    return groups


def _stacked(frame: pd.DataFrame, group: tuple[str, ...]) -> pd.Series[float]:
    """The group's numbers row after row, so that `width` times as many lie behind each row's last."""
    return pd.Series(frame[list(group)].to_numpy(dtype=np.float64).ravel())


def _of(part: pd.Series[float] | pd.DataFrame, frame: pd.DataFrame) -> pd.Series[float] | pd.DataFrame:
    """The part for this frame's columns, and its rows where each has its own."""
    known = part.index if isinstance(part, pd.Series) else part.columns
    strange = [name for name in frame.columns if name not in known]
    if strange:
        raise BadCandles(f"the scaler was fitted without {', '.join(map(str, strange))}")
    columns = list(frame.columns)
    if isinstance(part, pd.Series):
        return part[columns]
    if part.index.equals(frame.index):
        return part if columns == list(part.columns) else part[columns]
    if not frame.index.isin(part.index).all():
        raise BadCandles("the scaler by past rows knows only the rows it was made of")
    return part.loc[frame.index, columns]
