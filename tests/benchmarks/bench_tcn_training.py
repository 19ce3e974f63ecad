"""What a step of training the TCN costs, and whether torch.compile or bfloat16 makes it cheaper here.

    python -m tests.benchmarks.bench_tcn_training

Examples are generated; the batch is the family's own, 1,024 windows of 64 candles, through mining_objects.training:
order, gathering, expected CRPS, clipping, AdamW. Cases take turns within every round: other work on the machine meets
all alike. Compiling, which needs a C++ compiler, happens before; how long that takes, and how far a compiled network's
answers are from the eager ones, stands below.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from mining_objects.datasets import Examples
from mining_objects.tcn_inputs import NAMES
from mining_objects.training import Data, Training
from mining_objects.training_numerics import compiled, has_bfloat16
from mining_objects.training_recipe import recipe_of
from mining_objects.training_settings import BFLOAT16
from tests.benchmarks.interleaved import interleaved, others_note

RECIPE = recipe_of({"model": "tcn", "training": {"device": "cpu"}})
BATCH = RECIPE.training.batch
BATCHES = 8
EAGER = "eager, float32"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--turns", type=int, default=7, help="rounds of all cases (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each case in a round (default %(default)s)")
    options = parser.parse_args()
    began = time.perf_counter()
    steps = {EAGER: _step(), "compiled, float32": _step(compile=True)}
    if has_bfloat16(torch.device("cpu")):
        steps |= {
            "eager, bfloat16": _step(precision=BFLOAT16),
            "compiled, bfloat16": _step(precision=BFLOAT16, compile=True),
        }
    for step in steps.values():
        step()
    took = time.perf_counter() - began
    cases = {name: _one(step) for name, step in steps.items()}
    rates = asyncio.run(interleaved(cases, turns=options.turns, seconds=options.seconds))
    table = Table(title=f"a step of {BATCH:,} windows of {RECIPE.config.lookback} candles, one thread")
    for heading in ("case", "ms", "fastest", "slowest", "CPU ms", "CPU / eager"):
        table.add_column(heading, justify="left" if heading == "case" else "right")
    for name, rate in rates.items():
        ms = 1_000 * BATCH
        table.add_row(
            name, f"{ms / rate.median:.0f}", f"{ms / rate.highest:.0f}", f"{ms / rate.lowest:.0f}",
            f"{BATCH * rate.cpu_us / 1_000:.0f}", f"{rate.cpu_us / rates[EAGER].cpu_us:.2f}",
        )  # fmt: skip
    console = Console()
    console.print(table)
    console.print(f"building all cases took {took:.0f} s, nearly all of it compiling; largest difference of an answer: "
                  f"{_difference():.1e}")  # fmt: skip
    console.print(others_note(rates))


def _training(**settings: object) -> Training:
    chance, count = np.random.default_rng(1), BATCHES * BATCH
    lookback, steps = RECIPE.config.lookback, len(RECIPE.family.steps(RECIPE.config))
    rows = 0.3 * chance.standard_normal((count + lookback, len(NAMES))).astype(np.float32)
    outcomes = (1e-3 * chance.standard_normal((count, steps))).astype(np.float32)
    scale = np.full(count, 1e-3, np.float32)
    examples = Examples(
        rows, np.arange(count) + lookback - 1, outcomes, scale, scale, lookback, np.abs(outcomes) + np.float32(1e-4)
    )
    prior = {"season": np.ones((2, 288)), "week": np.ones((7, 288))}
    chosen = replace(RECIPE.training, **settings)
    return Training(RECIPE.family, RECIPE.config, chosen, Data(examples, examples, {}, prior), folder=None)


def _step(**settings: object) -> Callable[[], bool]:
    training = _training(**settings)
    order = np.random.default_rng(2).permutation(BATCHES * BATCH)

    def step() -> bool:
        batch = training.progress.step % BATCHES
        return training.take_step(order[batch * BATCH : (batch + 1) * BATCH], 0, batch)

    return step


def _one(step: Callable[[], bool]) -> Callable[[], object]:
    async def run() -> int:
        step()
        return BATCH

    return run


def _difference() -> float:
    """Between a compiled and an eager network's answers; without dropout, which draws otherwise when it is compiled."""
    torch.manual_seed(1)
    network = RECIPE.family.build(replace(RECIPE.config, dropout=0.0))
    torch.nn.init.normal_(network.last.weight, std=0.1)
    inputs = 0.3 * torch.randn(BATCH, RECIPE.config.lookback, len(NAMES))
    whole = compiled(network, replace(RECIPE.training, compile=True), inputs)
    with torch.no_grad():
        return float((whole(inputs) - network(inputs)).abs().max())


if __name__ == "__main__":
    main()
