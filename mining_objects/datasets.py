"""From recorded candles to training examples: read strictly, split by time, aligned to the exact step.

    candle file --read_candles--> Window --compute_features--> rows --Examples--> (inputs up to T, outcomes after T)

Alignment, once and for all: example i belongs to row i of the grid, the newest candle that a miner would have. T lies
`lead` steps after that candle's end, 0 unless a family says otherwise. Inputs are rows <= i; the outcome at step k is
ln(close[i + lead + k] / close[i + lead]).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Window
from mining_objects.causal import ewma
from mining_objects.dataset_folders import choose_files
from mining_objects.errors import BadCandles
from mining_objects.features import scale_of
from protocol.params import MAIN
from protocol.units import MINUTE_MS

COLUMNS: Final = ("open_time_ms", "open", "high", "low", "close", "volume")
STEP_MS: Final = 5 * MINUTE_MS
BASELINE_HALF_LIFE: Final = MAIN.loss.sigma_half_life_steps
"""In steps, of the standing baseline's EWMA (rules.md 1)."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Candles that are missing: open times of the first and last of them, and how many."""

    first_ms: int
    last_ms: int
    missing: int


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of one grid for three purposes, each later than the one before and apart by an embargo."""

    train: range
    validation: range
    test: range


def read_table(path: Path) -> dict[str, NDArray[np.generic]]:
    """The columns of a candle file as they are, in COLUMNS' order and types. Raises BadCandles for wrong columns."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as broken:
        raise BadCandles(f"cannot read {path} as Parquet: {broken}", path=str(path)) from broken
    absent = [name for name in COLUMNS if name not in table.column_names]
    if absent:
        raise BadCandles(
            f"{path.name} lacks {', '.join(absent)}; it has {', '.join(table.column_names)}", path=str(path)
        )
    kinds = {name: np.int64 if name == "open_time_ms" else np.float64 for name in COLUMNS}
    try:
        return {name: table[name].to_numpy().astype(kinds[name], casting="safe") for name in COLUMNS}
    except TypeError as wrong:
        raise BadCandles(f"{path.name}: a column has the wrong type: {wrong}", path=str(path)) from wrong


def check_candles(columns: dict[str, NDArray[np.generic]], name: str, step_ms: int = STEP_MS) -> None:
    """Raises BadCandles naming the first offending row and how many there are.

    Refused: NaN and infinite numbers, prices <= 0, volumes < 0, open or close outside low..high, times that repeat,
    run backwards or lie off the grid. Missing candles are no fault: see gaps_of.
    """
    times = columns["open_time_ms"].astype(np.int64)
    if not len(times):
        raise BadCandles(f"{name} has no rows")
    prices = np.stack([columns[c].astype(np.float64) for c in ("open", "high", "low", "close")])
    volume = columns["volume"].astype(np.float64)
    outside = ((prices[[0, 3]] > prices[1]) | (prices[[0, 3]] < prices[2])).any(axis=0)
    faults = (
        ("has a NaN or infinite number", ~(np.isfinite(prices).all(axis=0) & np.isfinite(volume))),
        ("has a price that is not positive", (prices <= 0).any(axis=0)),
        ("has a negative volume", volume < 0),
        ("has its open or close outside low..high", outside),
        (f"is off the {step_ms} ms grid", times % step_ms != 0),
        ("repeats the time of the row before", np.concatenate([[False], np.diff(times) == 0])),
        ("is earlier than the row before: the file is not sorted", np.concatenate([[False], np.diff(times) < 0])),
    )
    for fault, rows in faults:
        if rows.any():
            row = int(np.argmax(rows))
            count = int(rows.sum())
            raise BadCandles(f"{name}: row {row} (open_time_ms {times[row]}) {fault}; {count} such rows", row=row)


def read_candles(path: Path, *, series: str | None = None, step_ms: int | None = None) -> Window:
    """A candle file or dataset folder (see dataset_folders) as one checked window, NaN rows for missing candles.

    step_ms: what a folder's manifest says, or 5 minutes, when not given.
    Raises BadCandles naming the first offender, or the file that is not what the folder's manifest describes.
    """
    chosen = choose_files(path)
    step_ms = step_ms or chosen.step_ms or STEP_MS
    tables = [read_table(file) for file in chosen.files]
    columns = {name: np.concatenate([table[name] for table in tables]) for name in COLUMNS}
    check_candles(columns, path.name, step_ms)
    times = columns["open_time_ms"].astype(np.int64)
    numbers = {name: columns[name].astype(np.float64) for name in COLUMNS[1:]}
    return Window.on_grid(series or chosen.series, step_ms, times, numbers)


def gaps_of(window: Window) -> list[Gap]:
    """Every run of missing candles, oldest first."""
    absent = np.concatenate([[False], np.isnan(window.close), [False]]).astype(np.int8)
    starts, stops = np.flatnonzero(np.diff(absent) == 1), np.flatnonzero(np.diff(absent) == -1)
    times = window.open_time_ms
    return [Gap(int(times[a]), int(times[b - 1]), int(b - a)) for a, b in zip(starts, stops, strict=True)]


def split_by_time(
    window: Window, *, validation_from_ms: int, test_from_ms: int, until_ms: int, embargo_steps: int
) -> Split:
    """Rows whose candles end before validation, before the test, and before the end, with `embargo_steps` between.

    The embargo must be at least the horizon: then no outcome of one part is seen by the next.
    Raises BadCandles when a part would be empty.
    """
    ends = window.open_time_ms + window.step_ms
    first, second, third = (int(np.searchsorted(ends, at)) for at in (validation_from_ms, test_from_ms, until_ms))
    parts = Split(range(first - embargo_steps), range(first, second - embargo_steps), range(second, third))
    for name in ("train", "validation"):
        if not len(getattr(parts, name)):
            raise BadCandles(f"{window.series}: no candles for {name}; move the dates or shorten the embargo")
    return parts


@dataclass(frozen=True, slots=True)
class Examples:
    """Training examples over one feature matrix; inputs are views, so nothing is copied until a batch is taken.

    features: (n, f).  rows: (e,), the row i of each example.  outcomes: (e, len(steps)), log-returns from the close at
    T.  scale: (e,), the last day's root mean square return at row i.  baseline: (e,), the standing baseline's sigma
    there.  realised: (e, len(steps)), how far the moves after T say that each outcome may have gone, as a deviation of
    log-returns; None where the family does not ask.
    """

    features: NDArray[np.float32]
    rows: NDArray[np.int64]
    outcomes: NDArray[np.float32]
    scale: NDArray[np.float32]
    baseline: NDArray[np.float32]
    lookback: int
    realised: NDArray[np.float32] | None = None

    def inputs(self, chosen: NDArray[np.int64]) -> NDArray[np.float32]:
        """Shape (len(chosen), lookback, f): feature rows i - lookback + 1 .. i of each chosen example."""
        views = sliding_window_view(self.features, self.lookback, axis=0)
        return np.ascontiguousarray(views[self.rows[chosen] - self.lookback + 1].transpose(0, 2, 1))


def pool(parts: Sequence[Examples]) -> Examples:
    """The examples of several series one series after the other; no inputs reach across."""
    starts = np.cumsum([0, *(len(part.features) for part in parts[:-1])])
    told = [part.realised for part in parts if part.realised is not None]
    return Examples(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.rows + start for part, start in zip(parts, starts, strict=True)]),
        np.concatenate([part.outcomes for part in parts]),
        np.concatenate([part.scale for part in parts]),
        np.concatenate([part.baseline for part in parts]),
        lookback=parts[0].lookback,
        realised=np.concatenate(told) if told else None,
    )


def make_examples(
    window: Window,
    features: NDArray[np.float32],
    rows: range,
    *,
    lookback: int,
    warm_up: int,
    steps: tuple[int, ...],
    stride: int,
    lead: int = 0,
    realised: Floats | None = None,
) -> Examples:
    """Every stride-th row whose T is the end of a candle in `rows`, with a whole lookback behind it, and all outcomes
    known inside `rows`.

    realised: (n, len(steps)), of the outcomes of each row, NaN where it is not known; None where nobody asks.
    """
    first = max(rows.start - lead, warm_up + lookback - 1)
    candidates = np.arange(first, rows.stop - lead - max(steps), stride, dtype=np.int64)
    log_close, returns = np.log(window.close), window.log_returns()
    scale, baseline = scale_of(returns), np.sqrt(ewma(returns**2, BASELINE_HALF_LIFE))
    anchors = candidates + lead
    outcomes = log_close[anchors[:, None] + np.asarray(steps)] - log_close[anchors][:, None]
    usable = np.isfinite(outcomes).all(axis=1) & (scale[candidates] > 0) & (baseline[candidates] > 0)
    if realised is not None:
        usable &= np.isfinite(realised[candidates]).all(axis=1)
    kept = candidates[usable]
    return Examples(
        features,
        kept,
        outcomes[usable].astype(np.float32),
        scale[kept].astype(np.float32),
        baseline[kept].astype(np.float32),
        lookback,
        None if realised is None else realised[kept].astype(np.float32),
    )
