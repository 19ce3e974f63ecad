"""A validator's start, its driver's step and its standings over a store of one day to one month, and the file's size.

    python -m tests.benchmarks.bench_growth [--miners 64] [--days 1 3 10 30] [--picture docs/pictures/FILE.png]

The store is filled with simulated miners' rounds by stored_network.py. Measured on it: opening a `ValidatorNode`;
reading back a challenge's memory of skill (block sums) as the first settlement and `augury standings` need it; the
sharing window on top, answer by answer, because this store holds no sums of it (bench_restart.py measures both ways);
one step of the driver with nothing due; and the standings themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from neurons.clock import HandClock
from neurons.entropy import SystemEntropy
from neurons.store.sqlite import SqliteStore
from neurons.transport.memory import MemoryCaller, MemoryNetwork
from neurons.validating.handlers import Doorkeeping
from neurons.validating.node import ValidatorNode
from neurons.validating.settling import Settling
from protocol.messages import StandingsRequest
from tests.benchmarks.bench_gate import VALIDATOR
from tests.benchmarks.miner_peers import PARAMS, SERIES, quiet_telemetry
from tests.benchmarks.pictures import growth_picture
from tests.benchmarks.stored_network import CHALLENGE, fill

NOW_MS = 1_760_000_100_000


@dataclass(frozen=True, slots=True)
class Grown:
    """Seconds, and megabytes on disk."""

    opening_s: float
    memory_s: float
    book_s: float
    step_s: float
    standings_s: float
    megabytes: float


async def took(work: Callable[[], Awaitable[object]], times: int = 1) -> float:
    """The median of so many goes, in seconds."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        await work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


async def measure(path: Path, miners: int, days: int) -> Grown:
    clock = HandClock(NOW_MS)
    async with await SqliteStore.open(path) as store:
        await fill(store, PARAMS, SERIES, miners=miners, days=days, now_ms=NOW_MS, endpoint="127.0.0.1:1")

    async with await SqliteStore.open(path) as store:

        async def start() -> ValidatorNode:
            return await ValidatorNode.open(
                key=VALIDATOR,
                params=PARAMS,
                series=[SERIES],
                clock=clock,
                entropy=SystemEntropy(),
                store=store,
                caller=MemoryCaller(MemoryNetwork(), clock, PARAMS.wire),
                telemetry=quiet_telemetry(clock),  # type: ignore[arg-type]
                door=Doorkeeping(allowed=None, allow_private_endpoints=True),
            )

        opening = await took(start, 3)
        node = await start()
        memory = await took(lambda: Settling(store, PARAMS).remembered(SERIES, CHALLENGE), 3)
        book = await took(lambda: Settling(store, PARAMS).book(SERIES, CHALLENGE))
        step = await took(node.driver.step, 5)
        standings = await took(lambda: node.readings.standings(StandingsRequest(SERIES, CHALLENGE), now_ms=NOW_MS), 3)
        return Grown(opening, memory, book, step, standings, path.stat().st_size / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--miners", type=int, default=64, help="simulated miners (default %(default)s)")
    parser.add_argument("--days", type=int, nargs="+", default=[1, 3, 10, 30], help="days of rounds in the store")
    parser.add_argument("--picture", type=Path, help="where to draw the growth, as PNG")
    options = parser.parse_args()
    print(f"{options.miners} simulated miners, a point round every five minutes, generated numbers")
    print(f"{'days':>5}{'open':>9}{'skill':>9}{'book':>9}{'step':>9}{'standings':>11}{'file':>10}")
    found = []
    for days in options.days:
        with tempfile.TemporaryDirectory() as folder:
            grown = asyncio.run(measure(Path(folder) / "validator.db", options.miners, days))
        found.append(grown)
        print(
            f"{days:5}{grown.opening_s:8.2f}s{grown.memory_s:8.2f}s{grown.book_s:8.2f}s{grown.step_s * 1e3:7.1f}ms"
            f"{grown.standings_s * 1e3:9.0f}ms{grown.megabytes:8.0f}MB",
            flush=True,
        )
    if options.picture:
        growth_picture(
            options.picture,
            options.days,
            {
                "memory of skill, s": [one.memory_s for one in found],
                "with the sharing window, s": [one.book_s for one in found],
                "driver's step, ms": [one.step_s * 1e3 for one in found],
                "database, MB": [one.megabytes for one in found],
            },
            across="days of rounds stored",
            title=f"A validator over what it stored: {options.miners} simulated miners",
        )


if __name__ == "__main__":
    main()
