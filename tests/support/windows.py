"""Generated candles for tests of models: a walk with changing volatility, an open and extremes around each close."""

from __future__ import annotations

import numpy as np

from mining_objects.base_mining_model import Window

STEP_MS = 300_000
START_MS = 1_700_000_100_000 - 1_700_000_100_000 % STEP_MS


def walk_window(
    rows: int, *, seed: int = 1, series: str = "TEST", gaps: tuple[int, ...] = (), sigma: float = 1e-3
) -> Window:
    """`rows` generated candles; the rows in `gaps` are missing."""
    chance = np.random.default_rng(seed)
    wave = 1.0 + 0.5 * np.sin(np.arange(rows) * 2 * np.pi / 288)
    log_close = np.cumsum(sigma * wave * chance.standard_t(5, rows))
    close = 30_000.0 * np.exp(log_close)
    before = np.concatenate([[30_000.0], close[:-1]])
    high = np.maximum(before, close) * np.exp(sigma * chance.random(rows))
    low = np.minimum(before, close) * np.exp(-sigma * chance.random(rows))
    columns = {"open": before, "high": high, "low": low, "close": close, "volume": chance.gamma(2.0, 10.0, rows)}
    for values in columns.values():
        values[list(gaps)] = np.nan
    times = START_MS + STEP_MS * np.arange(rows, dtype=np.int64)
    return Window(series=series, step_ms=STEP_MS, open_time_ms=times, **columns)
