"""How a validator of open streams grows with streams and with owners: CPU of a value, memory, a start, the file.

    python -m tests.benchmarks.bench_stream_growth [--streams 50 200 500 1000] [--owners 5 20 80 320] [--pictures DIR]

Each size has a process of its own. Every owner predicts four horizons of every stream once; when that has left the
longest quarantine, every stream takes three values, each settled against all of it: timed is the CPU of a signed
request through the gate, the book and SQLite, as `bench_stream_node`. Then the node is opened again over its database.
Values and scenarios are generated.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

from protocol.keys import SigningKey
from protocol.units import MINUTE_MS
from tests.benchmarks.bench_stream_node import Load, MovedClock, Spent, opened, rushed
from tests.benchmarks.pictures import growth_picture

QUARANTINE_MS: Final = 3_600_000
TURNS: Final = 3
STREAMS_BY_OWNERS: Final = 50
OWNERS_BY_STREAMS: Final = 5


@dataclass(frozen=True, slots=True)
class Grown:
    """One size. cpu_ms: of one value, medians are not needed where CPU is counted over all of them."""

    cpu_ms: float
    memory_mb: float
    start_s: float
    file_mb: float


async def measured(folder: Path, streams: int, owners: int) -> Grown:
    clock, validator = MovedClock(), SigningKey(b"v" * 32)
    load = Load(clock, validator, streams, owners)
    async with opened(folder, clock, validator) as node:
        await rushed(node, load.names_taken(), Spent())
        await rushed(node, load.values_only(), Spent())
        await rushed(node, load.everybody(), Spent())
        clock.move(QUARANTINE_MS)
        await rushed(node, load.values_only(), Spent())
        cpu_s = 0.0
        for _ in range(TURNS):
            clock.move(MINUTE_MS)
            due = load.values_only()
            began = time.process_time()
            await rushed(node, due, Spent())
            cpu_s += time.process_time() - began
        memory_mb = psutil.Process().memory_info().rss / 2**20
    began = time.perf_counter()
    async with opened(folder, clock, validator):
        start_s = time.perf_counter() - began
    file_mb = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    return Grown(1e3 * cpu_s / (TURNS * streams), memory_mb, start_s, file_mb)


def of_size(streams: int, owners: int) -> Grown:
    """Measured in a process of its own, so that its memory is its own."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_stream_growth", "--one", str(streams), str(owners)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return Grown(**json.loads(told.stdout))


def curve(sizes: list[int], found: list[Grown], *, across: str, title: str, picture: Path | None) -> None:
    print(f"\n{title}\n{across:>8}{'CPU of a value':>16}{'memory':>10}{'start':>9}{'file':>9}")
    for size, grown in zip(sizes, found, strict=True):
        print(f"{size:8}{grown.cpu_ms:13.2f} ms{grown.memory_mb:7.0f} MB{grown.start_s:7.2f} s{grown.file_mb:6.0f} MB")
    if picture is not None:
        panels = {
            "CPU of a value, ms": [one.cpu_ms for one in found],
            "memory, MB": [one.memory_mb for one in found],
            "a start, s": [one.start_s for one in found],
            "database, MB": [one.file_mb for one in found],
        }
        growth_picture(picture, sizes, panels, across=across, title=f"{title} (generated)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[50, 200, 500, 1_000])
    parser.add_argument("--owners", type=int, nargs="+", default=[5, 20, 80, 320])
    parser.add_argument("--pictures", type=Path, help="where to draw both curves, as PNG")
    parser.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(asdict(asyncio.run(measured(Path(folder), *options.one)))))
        return
    folder = options.pictures
    by_streams = [of_size(streams, OWNERS_BY_STREAMS) for streams in options.streams]
    curve(
        options.streams,
        by_streams,
        across="streams",
        title=f"A validator over its open streams: {OWNERS_BY_STREAMS} owners predict four horizons of each",
        picture=folder and folder / "growth_streams.png",
    )
    by_owners = [of_size(STREAMS_BY_OWNERS, owners) for owners in options.owners]
    curve(
        options.owners,
        by_owners,
        across="owners",
        title=f"A validator over the owners who predict four horizons of each of {STREAMS_BY_OWNERS} streams",
        picture=folder and folder / "growth_owners.png",
    )


if __name__ == "__main__":
    main()
