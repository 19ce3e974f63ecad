"""One forecast and one epoch against Keras, in which the first networks of this kind were written.

    python -m tests.benchmarks.bench_keras [--keras VENV] [--turns 5]

VENV is a virtual environment of its own, outside the project: tensorflow-cpu is installed there when the folder does
not exist yet. Without it only our side is measured, and the output says so. Sides take turns in one run.

    keras predict         model.predict of one window, as a miner calls it; keras function: through tf.function
    the same network      ours by onnxruntime, one thread: as many candles, features and units
    a whole answer        the shipped `lstm`, one thread: from 8,640 candles to the bytes of 1 x 100, features and all
    keras fit             an epoch of a year: 105,000 windows of 50 candles, 5 features, 64 units, batch 128
    ours                  mining_objects.training with 28 features; its own goals stand in bench_training.py

Keras takes as many threads as it likes; the CPU column counts what they burnt. Data are generated.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from mining_objects import features, models
from mining_objects.models.lstm import Lstm, LstmConfig, LstmNetwork
from mining_objects.training_numerics import has_bfloat16
from mining_objects.training_settings import BFLOAT16, FLOAT32
from protocol.answers import answer_of
from tests.benchmarks.bench_training import BATCH, UNITS, WINDOW, YEAR, our_step, slices_of
from tests.benchmarks.interleaved import Rate, Round, interleaved, others_note
from tests.benchmarks.outside_peers import OutsidePeer, outside_peer, python_of
from tests.support.windows import walk_window

PACKAGES: Final = ("tensorflow-cpu==2.21.0",)
PEERS: Final = str(Path(__file__).with_name("keras_peers.py"))
SHOWN: Final = 5
STEPS: Final = 100
CALLS: Final = 20


def answering() -> dict[str, Round]:
    """What forecasts, by case; a unit is one forecast."""
    config = LstmConfig(lookback=WINDOW, hidden=UNITS, layers=1, features=features.NAMES[:SHOWN])
    small = Lstm(config, LstmNetwork(config), inference="onnx")
    inputs = np.random.default_rng(1).standard_normal((1, WINDOW, SHOWN)).astype(np.float32)
    shipped, window = models.create("lstm", inference="onnx"), walk_window(8_640)

    def whole(seed: int) -> object:
        (forecast,) = shipped.forecast([window], steps=STEPS, paths=0, seed=seed, lead=1)
        return answer_of(forecast.point[None, :])

    return {
        "the same network": _called(lambda _: small.engine.run(inputs)),
        "a whole answer": _called(whole),
    }


def learning(threads: int) -> dict[str, Round]:
    """What trains, by case; a unit is one window."""
    precisions = [FLOAT32] + [BFLOAT16] * has_bfloat16(torch.device("cpu"))
    return {f"ours, {precision}": slices_of(our_step(precision, threads, features.NAMES)) for precision in precisions}


def _called(case: Callable[[int], object]) -> Round:
    async def run() -> int:
        for seed in range(CALLS):
            case(seed)
        return CALLS

    return run


def _kerased(peer: OutsidePeer, what: str) -> Round:
    async def run() -> int:
        peer.go_on()
        done = int(await peer.ask(what))
        peer.stand_still()
        return done

    return run


async def measure(python: str, turns: int, threads: int) -> tuple[Mapping[str, Rate], Mapping[str, Rate]]:
    forecasting, training = answering(), learning(threads)
    async with AsyncExitStack() as stack:
        if python:
            sizes = (SHOWN, WINDOW, UNITS, STEPS, BATCH)
            peer = await stack.enter_async_context(outside_peer(python, PEERS, *map(str, sizes)))
            assert "ready" == await peer.told()
            forecasting = {f"keras {what}": _kerased(peer, what) for what in ("predict", "function")} | forecasting
            training = {"keras fit": _kerased(peer, "fit")} | training
        return (
            await interleaved(forecasting, turns=turns, seconds=1.0),
            await interleaved(training, turns=turns, seconds=2.0),
        )


def shown(title: str, unit: str, per: float, rates: Mapping[str, Rate]) -> Table:
    """per: units of work in one of what the table counts."""
    table = Table(title=title)
    first, *_ = rates.values()
    for heading in ("case", unit, "fastest", "slowest", f"CPU {unit}", "first / it, wall", "CPU"):
        table.add_column(heading, justify="left" if heading == "case" else "right")
    for name, rate in rates.items():
        took = [f"{per / speed:.3g}" for speed in (rate.median, rate.highest, rate.lowest)]
        ratios = rate.median / first.median, first.cpu_us / rate.cpu_us
        table.add_row(name, *took, f"{per * rate.cpu_us / 1e6:.3g}", *(f"{ratio:.3g}" for ratio in ratios))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keras", type=Path, metavar="VENV", help="its virtual environment, made when missing")
    parser.add_argument("--turns", type=int, default=5, help="how often each side is measured (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of our training (default %(default)s)")
    options = parser.parse_args()
    python = python_of(options.keras, PACKAGES) if options.keras else ""
    forecasting, training = asyncio.run(measure(python, options.turns, options.threads))
    console = Console(width=110)
    console.print(shown("one forecast", "ms", 1e3, forecasting))
    console.print(shown(f"an epoch of {YEAR:,} windows of {WINDOW}, {UNITS} units", "s", YEAR, training))
    if not options.keras:
        console.print("Keras not measured; --keras VENV measures it")
    console.print(others_note({**forecasting, **training}))


if __name__ == "__main__":
    main()
