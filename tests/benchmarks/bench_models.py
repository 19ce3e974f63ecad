"""How long each model takes for an ensemble of 1000 paths of 100 steps, and of 256: one window, one CPU thread.

    python -m tests.benchmarks.bench_models

Models take turns within every round, so other work on the machine meets all of them alike; CPU time is what the thread
itself used. The window of 30 days is generated. `lstm` is measured where torch is installed, with onnxruntime if it is.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.table import Table

from mining_objects import models
from mining_objects.base_mining_model import Forecaster
from mining_objects.errors import MissingPackage
from tests.support.windows import walk_window

LIMIT_MS = 150.0
WARM = 3


def installed() -> dict[str, Forecaster]:
    """Every model whose packages are there."""
    there = {}
    for name in models.NAMES:
        try:
            there[name] = models.create(name, inference="auto")
        except MissingPackage as missing:
            print(f"{name} is left out: {missing}")
    return there


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=40, help="answers of each model (default %(default)s)")
    parser.add_argument("--steps", type=int, default=100, help="steps of a path (default %(default)s)")
    options = parser.parse_args()
    window = walk_window(30 * 288)
    sizes = (1_000, 256)
    there = installed()
    took: dict[tuple[str, int], list[tuple[float, float]]] = {(n, m): [] for n in there for m in sizes}
    for turn in range(WARM + options.rounds):
        for (name, paths), times in took.items():
            start, cpu = time.perf_counter(), time.thread_time()
            there[name].forecast([window], steps=options.steps, paths=paths, seed=turn, lead=1)
            if turn >= WARM:
                times.append((1_000 * (time.perf_counter() - start), 1_000 * (time.thread_time() - cpu)))
    table = Table(title=f"one forecast of {options.steps} steps, 1 CPU thread, {options.rounds} rounds")
    for heading in ("model", "paths", "p50 ms", "p99 ms", "CPU p50", "CPU p99"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    slowest = 0.0
    for (name, paths), times in took.items():
        wall, cpu_ms = np.percentile(np.array(times), (50, 99), axis=0).T
        table.add_row(name, str(paths), *(f"{ms:.1f}" for ms in (*wall, *cpu_ms)))
        slowest = max(slowest, float(cpu_ms[1]) if paths == sizes[0] else 0.0)
    console = Console()
    console.print(table)
    console.print(f"slowest of {sizes[0]} paths, CPU p99: {slowest:.1f} ms; less than {LIMIT_MS:g} wanted")


if __name__ == "__main__":
    main()
