"""How long an answer takes: one window in, the bytes of a point path and of an ensemble out, one CPU thread.

    python -m tests.benchmarks.bench_inference

Cases take turns within every round, so other work on the machine meets all of them alike; CPU time is what the
thread itself used, which other work does not inflate. The floor of `lstm` is its
bare torch module on a ready tensor. The window is generated.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from mining_objects import models
from protocol.answers import answer_of
from tests.support.windows import walk_window

LIMIT_MS = 20.0
AIM_MS = 5.0


def cases(paths: int) -> dict[str, Callable[[int], object]]:
    """What is timed, by name; the argument is the seed."""
    import torch

    window = walk_window(8_640)

    def answering(name: str) -> Callable[[int], object]:
        model = models.create(name)

        def answer(seed: int) -> object:
            (forecast,) = model.forecast([window], steps=100, paths=paths, seed=seed, lead=1)
            return answer_of(forecast.point[None, :]), answer_of(forecast.paths)

        return answer

    lstm = models.create("lstm")
    tensor = torch.zeros(1, lstm.config.lookback, len(lstm.config.features))

    def bare(_: int) -> object:
        with torch.inference_mode():
            return lstm.network(tensor)

    return {"bare torch module": bare, **{name: answering(name) for name in models.NAMES}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=400, help="answers of each case (default %(default)s)")
    parser.add_argument("--paths", type=int, default=256, help="paths of the ensemble (default %(default)s)")
    options = parser.parse_args()
    timed = cases(options.paths)
    took: dict[str, list[float]] = {name: [] for name in timed}
    used: dict[str, list[float]] = {name: [] for name in timed}
    for turn in range(20 + options.rounds):
        for name, run in timed.items():
            start, cpu = time.perf_counter(), time.thread_time()
            run(turn)
            if turn >= 20:
                took[name].append(1_000 * (time.perf_counter() - start))
                used[name].append(1_000 * (time.thread_time() - cpu))

    floor = float(np.median(took["bare torch module"]))
    table = Table(title=f"one window to bytes: point 1 x 100 and {options.paths} x 100 float32, 1 CPU thread")
    for heading in ("case", "p50 ms", "p99 ms", "CPU p50", "CPU p99", "p50 / bare torch module"):
        table.add_column(heading, justify="left" if heading == "case" else "right")
    for name, values in took.items():
        p50, p99, *cpu = *np.percentile(values, (50, 99)), *np.percentile(used[name], (50, 99))
        table.add_row(name, *(f"{ms:.2f}" for ms in (p50, p99, *cpu)), f"{p50 / floor:.1f}")
    console = Console()
    console.print(table)
    wall, cpu_time = (float(np.percentile(values["lstm"], 99)) for values in (took, used))
    console.print(f"lstm p99 {wall:.2f} ms (CPU {cpu_time:.2f}): less than {LIMIT_MS:g} wanted, {AIM_MS:g} aimed at")


if __name__ == "__main__":
    main()
