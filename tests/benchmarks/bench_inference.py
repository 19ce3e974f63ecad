"""How long an answer takes on one CPU thread: the network alone, the point path, and everything a validator asks for.

    python -m tests.benchmarks.bench_inference

Three tables of one run. The network: a ready tensor in, its outputs back. The point path: one window in, the bytes of
1 x 100 out. Everything: those and the bytes of an ensemble. Each is timed with eager torch and with onnxruntime, which
a miner takes on the CPU. Cases take turns within every round, so other work on the machine meets all of them alike; CPU
time is what the thread itself used, which other work does not inflate. The window is generated.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.table import Table

from mining_objects import models
from mining_objects.base_mining_model import Forecaster
from protocol.answers import answer_of
from tests.support.windows import walk_window

P99_LIMIT_MS = 5.0
TIMES_FASTER = 2.0
WARM = 20
EAGER, OURS = "lstm, eager torch", "lstm, onnxruntime"

Case = Callable[[int], object]
"""What is timed; the argument is the seed."""


def cases(paths: int) -> dict[str, dict[str, Case]]:
    """Table -> name -> case; the first case of a table is what the others are compared with."""
    window = walk_window(8_640)
    eager, ours = (models.create("lstm", inference=engine) for engine in ("torch", "onnx"))
    inputs = np.random.default_rng(1).standard_normal((1, eager.config.lookback, len(eager.config.features)))
    ready = inputs.astype(np.float32)

    def answering(model: Forecaster, wanted: int) -> Case:
        def answer(seed: int) -> object:
            (forecast,) = model.forecast([window], steps=100, paths=wanted, seed=seed, lead=1)
            point = answer_of(forecast.point[None, :])
            return (point, answer_of(forecast.paths)) if wanted else point

        return answer

    others = {name: models.create(name) for name in models.NAMES if name != "lstm"}
    both = {EAGER: eager, OURS: ours}
    return {
        "the network": {name: lambda _, engine=model.engine: engine.run(ready) for name, model in both.items()},
        "the point path, 1 x 100": {name: answering(model, 0) for name, model in (both | others).items()},
        f"everything, 1 x 100 and {paths} x 100": {
            name: answering(model, paths) for name, model in (both | others).items()
        },
    }


def measure(timed: Mapping[str, Case], rounds: int) -> dict[str, np.ndarray]:
    """Name -> (rounds, 2): wall and CPU milliseconds."""
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in timed}
    for turn in range(WARM + rounds):
        for name, run in timed.items():
            start, cpu = time.perf_counter(), time.thread_time()
            run(turn)
            if turn >= WARM:
                took[name].append((1_000 * (time.perf_counter() - start), 1_000 * (time.thread_time() - cpu)))
    return {name: np.array(values) for name, values in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=400, help="answers of each case (default %(default)s)")
    parser.add_argument("--paths", type=int, default=256, help="paths of the ensemble (default %(default)s)")
    options = parser.parse_args()
    console = Console(width=110)
    verdicts = []
    for title, timed in cases(options.paths).items():
        took = measure(timed, options.rounds)
        first = np.median(took[EAGER], axis=0)
        table = Table(title=f"{title}, 1 CPU thread, {options.rounds} rounds")
        for heading in ("case", "p50 ms", "p99 ms", "CPU p50", "CPU p99", "eager / it, wall", "CPU"):
            table.add_column(heading, justify="left" if heading == "case" else "right")
        for name, values in took.items():
            wall, cpu = np.percentile(values, (50, 99), axis=0).T
            faster = first / np.median(values, axis=0)
            table.add_row(name, *(f"{ms:.2f}" for ms in (*wall, *cpu)), *(f"{times:.1f}" for times in faster))
        console.print(table)
        ratio = first / np.median(took[OURS], axis=0)
        p99 = np.percentile(took[OURS], 99, axis=0)
        verdicts.append(f"{title}: {ratio[0]:.1f} times eager torch (CPU {ratio[1]:.1f}); p99 {p99[0]:.2f} ms")
    console.print(*verdicts, sep="\n")
    console.print(f"wanted: {TIMES_FASTER:g} times eager torch, p99 of the point path under {P99_LIMIT_MS:g} ms")


if __name__ == "__main__":
    main()
