"""Recorded market data for tests: found through AUGURY_RECORDINGS, never committed.

Where they are absent the tests that need them are skipped, and say so in the summary line.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.units import PRICE_SCALE

_PROJECT_ROOT = Path(__file__).parents[2]


def recordings_or_skip() -> Path:
    """The folder of recordings: AUGURY_RECORDINGS, or shared/data beside the project."""
    named = os.environ.get("AUGURY_RECORDINGS")
    folder = Path(named) if named else _PROJECT_ROOT.parent / "shared" / "data"
    if not (folder / "candles").is_dir():
        pytest.skip(f"NO RECORDED PRICES at {folder}: set AUGURY_RECORDINGS to run this test on a real market")
    return folder


def load_candles(path: Path) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
    """Every column of a Parquet candle file as an array: open_time_ms int64, prices and volume float64."""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(path)
    return {name: table.column(name).to_numpy() for name in table.column_names}


def load_closes_e8(path: Path, *, step_ms: int) -> dict[int, int]:
    """Each candle's close in 1e-8 of the quote, by the instant its candle ENDS (open time + step)."""
    candles = load_candles(path)
    closes_e8 = np.rint(candles["close"] * PRICE_SCALE).astype(np.int64)
    return dict(zip((candles["open_time_ms"] + step_ms).tolist(), closes_e8.tolist(), strict=True))
