"""What an epoch of training costs: our loop against a plain one in torch and against the products of matrices alone.

    python -m tests.benchmarks.bench_training

An epoch is a year of 5-minute windows, 105,000 of 50 candles; slices of it take turns within every round, so other work
on the machine meets all cases alike, and the ratios stand where the seconds do not. CPU time is what this process used.

    plain torch           nn.LSTM(5, 64), nn.Linear(64, 100), squared error, Adam, batch 128, windows ready in memory
    plain torch, 28       the same, shown as many features as ours
    ours                  the LSTM family through mining_objects.training: 28 features, 64 units, 1 layer, CRPS at 12
                          anchors, scaling, gradient clipping, AdamW, the order of the data and its gathering
    ours, 5 features      the same, shown no more than plain torch
    ours, bfloat16        ours with precision = "bfloat16", where the processor has it
    the products alone    as many multiplications as the recurrent layer's, float32, in three large products: the floor
                          that BLAS sets if nothing had to wait for the candle before

Data are generated. `--skill DATASET` trains in both precisions on recorded candles and compares validation scores.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from mining_objects import features
from mining_objects.datasets import Examples
from mining_objects.lstm_training import LstmFamily
from mining_objects.models.lstm import LstmConfig
from mining_objects.training import Data, Training
from mining_objects.training_data import load_data, load_series
from mining_objects.training_numerics import has_bfloat16
from mining_objects.training_recipe import recipe_of
from mining_objects.training_settings import BFLOAT16, FLOAT32, TrainingSettings
from tests.benchmarks.interleaved import interleaved, others_note

YEAR = 105_000
WINDOW, UNITS, BATCH = 50, 64, 128
SLICE = 10
"""Batches a round."""
PLAIN = "plain torch"
OURS = "ours"
AIMS_S = {OURS: 8.0, f"{OURS}, {BFLOAT16}": 5.5}
"""Seconds an epoch that are aimed at where the plain loop takes PLAIN_S."""
PLAIN_S = 7.4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default %(default)s)")
    parser.add_argument("--turns", type=int, default=7, help="rounds of all cases (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each case in a round (default %(default)s)")
    parser.add_argument("--skill", type=Path, help="a dataset: compare the precisions' validation scores instead")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.skill:
        compare_skill(options.skill, options.threads)
        return
    cases = {name: slices_of(step) for name, step in steps(options.threads).items()}
    rates = asyncio.run(interleaved(cases, turns=options.turns, seconds=options.seconds))
    table = Table(title=f"an epoch of {YEAR:,} windows of {WINDOW}, {UNITS} units, {options.threads} thread(s)")
    for heading in ("case", "s", "fastest", "slowest", "CPU s", "CPU / plain", "aim"):
        table.add_column(heading, justify="left" if heading == "case" else "right")
    for name, rate in rates.items():
        aim = f"<= {AIMS_S[name] / PLAIN_S:.2f}" if name in AIMS_S else ""
        table.add_row(
            name, f"{YEAR / rate.median:.2f}", f"{YEAR / rate.highest:.2f}", f"{YEAR / rate.lowest:.2f}",
            f"{YEAR * rate.cpu_us / 1e6:.2f}", f"{rate.cpu_us / rates[PLAIN].cpu_us:.2f}", aim,
        )  # fmt: skip
    console = Console()
    console.print(table)
    console.print(others_note(rates))


def steps(threads: int) -> dict[str, Callable[[], Any]]:
    """What takes one step on one batch, by case."""
    found = {
        PLAIN: _plain_step(5),
        f"{PLAIN}, 28 features": _plain_step(len(features.NAMES)),
        OURS: our_step(FLOAT32, threads, features.NAMES),
        f"{OURS}, 5 features": our_step(FLOAT32, threads, features.NAMES[:5]),
    }
    if has_bfloat16(torch.device("cpu")):
        found[f"{OURS}, {BFLOAT16}"] = our_step(BFLOAT16, threads, features.NAMES)
    found["the products alone"] = _products(len(features.NAMES))
    return found


def slices_of(step: Callable[[], Any]) -> Callable[[], Any]:
    async def run() -> int:
        for _ in range(SLICE):
            step()
        return SLICE * BATCH

    return run


def _plain_step(shown: int) -> Callable[[], None]:
    lstm, head = nn.LSTM(shown, UNITS, batch_first=True), nn.Linear(UNITS, 100)
    optimiser = torch.optim.Adam([*lstm.parameters(), *head.parameters()])
    inputs, outcomes = torch.randn(64 * BATCH, WINDOW, shown), torch.randn(64 * BATCH, 100)

    def step() -> None:
        chosen = torch.randint(len(inputs), (BATCH,))
        seen, _ = lstm(inputs[chosen])
        loss = ((head(seen[:, -1]) - outcomes[chosen]) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss.item()

    return step


def our_step(
    precision: str, threads: int, names: tuple[str, ...], *, device: str = "cpu", size: int = BATCH
) -> Callable[[], bool]:
    """size: windows a batch."""
    config = LstmConfig(lookback=WINDOW, hidden=UNITS, layers=1, features=names)
    settings = TrainingSettings(batch=size, device=device, precision=precision, threads=threads)
    chance, count = np.random.default_rng(1), 64 * size
    rows = chance.standard_normal((count + WINDOW, len(names))).astype(np.float32)
    outcomes = (1e-3 * chance.standard_normal((count, len(config.anchors)))).astype(np.float32)
    scale = np.full(count, 1e-3, np.float32)
    examples = Examples(rows, np.arange(count) + WINDOW - 1, outcomes, scale, scale, WINDOW)
    training = Training(LstmFamily(), config, settings, Data(examples, examples, {}), folder=None)
    order = chance.permutation(count)

    def step() -> bool:
        batch = training.progress.step % 64
        return training.take_step(order[batch * size : (batch + 1) * size], 0, batch)

    return step


def _products(shown: int) -> Callable[[], None]:
    """As many multiplications as the recurrent layer's, in three large products: forwards, and twice backwards."""
    seen, weights = torch.randn(BATCH * WINDOW, shown + UNITS), torch.randn(shown + UNITS, 4 * UNITS)
    gates, back, slopes = torch.empty(BATCH * WINDOW, 4 * UNITS), torch.empty_like(seen), torch.empty_like(weights)

    def step() -> None:
        torch.mm(seen, weights, out=gates)
        torch.mm(gates, weights.T, out=back)
        torch.mm(seen.T, gates, out=slopes)

    return step


def compare_skill(dataset: Path, threads: int) -> None:
    """Trains three seeds in both precisions on recorded candles; scores are always taken in float32."""
    table = Table(title="validation after training in both precisions")
    for heading in ("precision", "seed", "score", "skill", "CPU s", "wall s"):
        table.add_column(heading, justify="left" if heading == "precision" else "right")
    for seed in (1, 2, 3):
        for precision in (FLOAT32, BFLOAT16):
            recipe = recipe_of({"config": {"lookback": WINDOW, "hidden": UNITS, "layers": 1}, "data": {"stride": 12}})
            settings = replace(recipe.training, epochs=3, precision=precision, threads=threads, seed=seed)
            training = Training(
                recipe.family, recipe.config, settings, load_data(recipe, load_series(recipe, dataset)), folder=None
            )
            cpu, wall = time.process_time(), time.perf_counter()
            best = training.run().best
            took = time.process_time() - cpu, time.perf_counter() - wall
            table.add_row(precision, str(seed), f"{best.score:.5f}", f"{best.skill:+.2%}", *(f"{s:.1f}" for s in took))
    Console().print(table)


if __name__ == "__main__":
    main()
