"""What the default sampler's scenarios are worth beside the original's, on recorded prices published as a stream.

    AUGURY_RECORDINGS=FOLDER python -m tests.benchmarks.bench_samplers

Each close is a stream's value. Every so many values each sampler sees the newest 1,000 and answers the four horizons;
the outcome is the first value that comes so many seconds later. CRPS is that of the 225 scenarios as they are. A ratio
below 1 says that the default's loss is lower than the peer's; its interval is 95% of a bootstrap over whole days. The
sampler's constants were chosen on KuCoin's closes before March and after March 21, 2023, which are not shown. What it
does about long calms and freshly reached ticks was found wanting on USDT/USD here and mended, so these rows are no test
of that; USDC/USD was looked at afterwards, once.

Then the CPU time of one answer on one thread; all take turns, a figure is the median. The peers are formulas of the
original written in numpy (`tests/benchmarks/sampler_peers.py`), quicker than its own code.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet
from rich.console import Console
from rich.table import Table

from mining_objects.samplers import LAGS, default_sampler
from mining_objects.significance import DayBlocks
from tests.benchmarks.sampler_peers import benchmark_sample, fox_sample, sequential_sample

Floats = NDArray[np.float64]
Sampler = Callable[[Floats, Floats, float, np.random.Generator], Floats]

DELAYS: Final = (70, 310, 910, 3555)
OURS: Final = "default_sampler"
PEERS: Final[Mapping[str, Sampler]] = {
    "MicroCrawler (fox)": fox_sample,
    "SequentialStreamCrawler": sequential_sample,
    "server's benchmark": benchmark_sample,
}
STREAMS: Final = {
    "BTC, Coinbase USD, 1 minute": "multi_exchange_2023-03/coinbase_spot_BTCUSD_1m.parquet",
    "BTC, Binance.US USDT, 1 minute": "multi_exchange_2023-03/binance_us_spot_BTCUSDT_1m.parquet",
    "USDT/USD, Kraken, 1 minute": "multi_exchange_2023-03/kraken_spot_USDTUSD_1m.parquet",
    "USDC/USD, Kraken, 1 minute": "multi_exchange_2023-03/kraken_spot_USDCUSD_1m.parquet",
    "ETH, Binance USDT, 5 minutes": "candles/binance_spot_ETHUSDT_5m.parquet",
}


def load_stream(path: Path, newest: int = 60_000) -> tuple[Floats, Floats]:
    """Closes and the epoch seconds at which their candles end, oldest first."""
    table = parquet.read_table(path, columns=["open_time_ms", "close"])
    opened = table.column("open_time_ms").to_numpy()[-newest:]
    step_ms = int(np.median(np.diff(opened)))
    return table.column("close").to_numpy()[-newest:], (opened + step_ms) / 1_000


def crps(scenarios: Floats, outcome: float) -> float:
    """Of equally likely ascending scenarios. Source: Gneiting & Raftery (2007), equation 21."""
    m = len(scenarios)
    spread = (np.arange(1 - m, m, 2) * scenarios).sum() / m**2
    return float(np.abs(scenarios - outcome).mean() - spread)


def ours(values: Floats, times: Floats, delay: float, chance: np.random.Generator) -> Floats:
    return default_sampler(values, times, delay)


class Played:
    """One stream's questions at one horizon: each sampler's CRPS, and the outcome's middle rank in the default's."""

    def __init__(self, values: Floats, times: Floats, delay: int, every: int) -> None:
        chance = np.random.default_rng(1)
        self.at_ms: list[int] = []
        self.lost: dict[str, list[float]] = {name: [] for name in (OURS, *PEERS)}
        self.below: list[float] = []
        for newest in range(LAGS - 1, len(values), every):
            later = int(np.searchsorted(times, times[newest] + delay))
            if later == len(values):
                break
            seen = slice(newest + 1 - LAGS, newest + 1)
            lags, ages = values[seen][::-1], times[seen][::-1]
            for name, sampler in ({OURS: ours} | dict(PEERS)).items():
                scenarios = sampler(lags, ages, delay, chance)
                self.lost[name].append(crps(scenarios, values[later]))
                if name == OURS:
                    ranks = (
                        np.searchsorted(scenarios, values[later]),
                        np.searchsorted(scenarios, values[later], "right"),
                    )
                    self.below.append(float(np.mean(ranks)) / len(scenarios))
            self.at_ms.append(int(1_000 * times[newest]))

    def cells(self) -> list[str]:
        """The ratio to each peer with its interval, then the shares of outcomes within the middle 50% and 90%."""
        blocks = DayBlocks(np.array(self.at_ms, dtype=np.int64))
        mine = np.array(self.lost[OURS])
        shown = []
        for name in PEERS:
            ratio = blocks.ratio(mine, np.array(self.lost[name]))
            shown.append(
                f"{ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})" if ratio.low else f"{ratio.value:.3f}"
            )
        apart = np.abs(np.array(self.below) - 0.5)
        return [f"{len(mine):,}", *shown, f"{100 * np.mean(apart < 0.25):.0f}, {100 * np.mean(apart < 0.45):.0f}"]


def compare(recordings: Path, every: int) -> Table:
    table = Table(
        title="CRPS of default_sampler over the peer's (95% interval); outcomes within its middle 50% and 90%"
    )
    for heading in ("stream", "horizon", "values", *PEERS, "% within"):
        table.add_column(heading, justify="left" if heading == "stream" else "right")
    for stream, path in STREAMS.items():
        values, times = load_stream(recordings / path)
        for delay in DELAYS:
            cells = Played(values, times, delay, every).cells()
            table.add_row(stream if delay == DELAYS[0] else "", f"{delay} s", *cells)
        table.add_section()
    return table


def time_answers(rounds: int) -> Table:
    chance = np.random.default_rng(1)
    values = 30_000.0 + np.cumsum(chance.standard_normal(LAGS))
    times = 1_700_000_000.0 - 60.0 * np.arange(LAGS)
    took: dict[tuple[str, int], list[float]] = {(name, delay): [] for name in (OURS, *PEERS) for delay in DELAYS}
    for turn in range(1 + rounds):
        for (name, delay), spent in took.items():
            sampler, started = PEERS.get(name, ours), time.thread_time()
            sampler(values, times, delay, chance)
            if turn:
                spent.append(1e3 * (time.thread_time() - started))
    table = Table(title=f"CPU ms of one answer from {LAGS:,} generated lags, {rounds} turns, and as many times ours")
    for heading in ("sampler", *(f"{delay} s" for delay in DELAYS)):
        table.add_column(heading, justify="left" if heading == "sampler" else "right")
    for name in (OURS, *PEERS):
        middles = {delay: float(np.median(took[name, delay])) for delay in DELAYS}
        ratios = (middles[delay] / float(np.median(took[OURS, delay])) for delay in DELAYS)
        cells = (f"{ms:.2f} (x {ratio:.1f})" for ms, ratio in zip(middles.values(), ratios, strict=True))
        table.add_row(name, *cells)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--every", type=int, default=17, help="values between two questions (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=200, help="turns of each timed case (default %(default)s)")
    options = parser.parse_args()
    console = Console(width=160)
    console.print(time_answers(options.rounds))
    named = os.environ.get("AUGURY_RECORDINGS")
    if not named:
        console.print("CRPS needs recorded prices: set AUGURY_RECORDINGS to their folder (docs/contributing.md)")
        return
    console.print(compare(Path(named), options.every))


if __name__ == "__main__":
    main()
