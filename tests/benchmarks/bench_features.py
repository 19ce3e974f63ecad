"""Features of one year of 5-minute candles (105,120 rows, generated): ours against pandas and indicator libraries.

    python -m tests.benchmarks.bench_features

Peers are plain pandas, pandas-ta-classic (in pandas) and TA-Lib (in C), and `ta` where it is installed. Cases take
turns within every round; a figure is the median, with the fastest and the slowest. The ratio is a peer's CPU time over
ours: above 1 ours is faster. CPU time is what the thread itself used, which other work does not inflate as much.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
import pandas_ta_classic
import talib
from rich.console import Console
from rich.table import Table

from mining_objects.candle_features import FEATURES, feature_matrix
from mining_objects.feature_frames import CANDLES_COMPACTED, candle_frame, compact
from mining_objects.feature_scalers import scaler_by_past
from mining_objects.features import WARM_UP, compute_features
from mining_objects.financial_market_indicators import atr, bollinger, ema, macd, obv, rsi
from protocol.units import HOUR_MS
from tests.support.windows import walk_window

YEAR: Final = 365 * 288
SPANS: Final = (12, 36, 72, 144, 288, 2016)
VOLATILITIES: Final = tuple(f"volatility_{span}" for span in SPANS)
INDICATORS: Final = (
    "rsi_14", "macd_line", "macd_signal", "macd_histogram", "bollinger_position", "bollinger_width", "ema_9", "atr_14",
)  # fmt: skip
Cases = dict[str, dict[str, Callable[[], object]]]


def cases() -> Cases:
    """What is timed: kind of feature -> who -> how. `ours` stands first in each."""
    window = walk_window(YEAR)
    served = window.rows(YEAR - WARM_UP - 72, YEAR)
    venues = [walk_window(YEAR, seed=seed) for seed in (2, 3)]
    frame = candle_frame(window)
    h, l, c, v = (frame[name] for name in ("high", "low", "close", "volume"))  # noqa: E741
    high, low, close, volume = window.high, window.low, window.close, window.volume
    pta = pandas_ta_classic

    def pandas_volatilities() -> object:
        squares = np.log(c).diff() ** 2
        return [np.sqrt(squares.rolling(span).mean()) for span in SPANS]

    def pandas_compact() -> object:
        by_time = frame.set_axis(pd.to_datetime(frame.index, unit="ms"))
        return by_time.resample("1h", closed="right", label="right").agg(dict(CANDLES_COMPACTED))

    def pandas_scaled() -> object:
        before = frame.shift(1).rolling(288, min_periods=144)
        return (frame - before.mean()) / before.std(ddof=0)

    def talib_indicators() -> object:
        line, signal, histogram = talib.MACD(close)
        upper, middle, lower = talib.BBANDS(close, 20)
        return (
            talib.RSI(close), line / close, signal / close, histogram / close, (close - middle) / (upper - middle),
            (upper - lower) / middle, np.log(close / talib.EMA(close, 9)), talib.ATR(high, low, close) / close,
        )  # fmt: skip

    def pta_indicators() -> object:
        moving, bands = pta.macd(c, talib=False), pta.bbands(c, 20, talib=False)
        return (
            pta.rsi(c, talib=False), moving.div(c, axis=0), bands.iloc[:, 4], bands.iloc[:, 3],
            np.log(c / pta.ema(c, 9, talib=False)), pta.atr(h, l, c, talib=False) / c,
        )  # fmt: skip

    timed: Cases = {
        "EMA 9": {
            "ours": lambda: ema(close, 9),
            "pandas": lambda: c.ewm(span=9, adjust=False).mean(),
            "pandas-ta-classic": lambda: pta.ema(c, 9, talib=False),
            "TA-Lib": lambda: talib.EMA(close, 9),
        },
        "RSI 14": {
            "ours": lambda: rsi(close),
            "pandas-ta-classic": lambda: pta.rsi(c, talib=False),
            "TA-Lib": lambda: talib.RSI(close),
        },
        "MACD 12/26/9": {
            "ours": lambda: macd(close),
            "pandas-ta-classic": lambda: pta.macd(c, talib=False),
            "TA-Lib": lambda: talib.MACD(close),
        },
        "Bollinger 20 x 2": {
            "ours": lambda: bollinger(close),
            "pandas": lambda: (c.rolling(20).mean(), c.rolling(20).std(ddof=0)),
            "pandas-ta-classic": lambda: pta.bbands(c, 20, talib=False),
            "TA-Lib": lambda: talib.BBANDS(close, 20),
        },
        "ATR 14": {
            "ours": lambda: atr(high, low, close),
            "pandas-ta-classic": lambda: pta.atr(h, l, c, talib=False),
            "TA-Lib": lambda: talib.ATR(high, low, close),
        },
        "OBV": {
            "ours": lambda: obv(close, volume),
            "pandas-ta-classic": lambda: pta.obv(c, v, talib=False),
            "TA-Lib": lambda: talib.OBV(close, volume),
        },
        f"{len(INDICATORS)} indicator features": {
            "ours": lambda: feature_matrix(window, INDICATORS),
            "pandas-ta-classic": pta_indicators,
            "TA-Lib": talib_indicators,
        },
        f"volatility over {len(SPANS)} spans": {
            "ours": lambda: feature_matrix(window, VOLATILITIES),
            "pandas": pandas_volatilities,
        },
        "hours from 5 minutes": {
            "ours": lambda: compact(frame, step_ms=HOUR_MS, until_ms=window.end_ms, how=CANDLES_COMPACTED),
            "pandas": pandas_compact,
        },
        "5 columns by their past day": {
            "ours": lambda: scaler_by_past(frame, span=288).scale(frame),
            "pandas": pandas_scaled,
        },
        f"all {len(FEATURES)} features, 3 venues": {
            "ours": lambda: feature_matrix(window, tuple(FEATURES), venues=venues)
        },
        "the LSTM's 28 features": {"ours": lambda: compute_features(window)},
        "100 windows' last 48 rows": {"ours": lambda: [compute_features(served, last=48) for _ in range(100)]},
    }
    if importlib.util.find_spec("ta"):
        from ta.momentum import rsi as ta_rsi
        from ta.trend import MACD
        from ta.volatility import average_true_range

        timed["RSI 14"]["ta"] = lambda: ta_rsi(c)
        timed["MACD 12/26/9"]["ta"] = lambda: MACD(c).macd_diff()
        timed["ATR 14"]["ta"] = lambda: average_true_range(h, l, c)
    return timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each case (default %(default)s)")
    options = parser.parse_args()
    timed = cases()
    took: dict[tuple[str, str], list[float]] = {(what, who): [] for what in timed for who in timed[what]}
    used: dict[tuple[str, str], list[float]] = {key: [] for key in took}
    load = os.getloadavg()[0]
    for turn in range(1 + options.rounds):
        for what, who in [*used]:
            started, cpu = time.perf_counter(), time.thread_time()
            timed[what][who]()
            passed, burnt = time.perf_counter() - started, time.thread_time() - cpu
            if turn:
                took[what, who].append(1e3 * passed)
                used[what, who].append(1e3 * burnt)
    table = Table(title=f"{YEAR:,} generated candles, {options.rounds} turns, load average {load:.1f} at the start")
    for heading in ("features", "by", "ms", "min..max", "CPU ms", "CPU / ours"):
        table.add_column(heading, justify="left" if heading in {"features", "by"} else "right")
    for (what, who), values in took.items():
        cpu_ms = float(np.median(used[what, who]))
        ratio = cpu_ms / float(np.median(used[what, "ours"]))
        extremes = f"{min(values):.2f}..{max(values):.2f}"
        shown = what if who == "ours" else ""
        table.add_row(shown, who, f"{np.median(values):.2f}", extremes, f"{cpu_ms:.2f}", f"{ratio:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
