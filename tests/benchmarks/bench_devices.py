"""Networks in large batches on every device of this machine: windows a second, how near memory's limit, and how exact.

    python -m tests.benchmarks.bench_devices [--batch 4096]

Answering: the shipped `lstm` and `tcn` on inputs that lie on the device, in float32, in bfloat16 and, if --compile asks
and torch.compile takes the network whole, compiled. Training: an LSTM of 64 units on windows of 50 candles
and 28 features through mining_objects.training, at batch 128 and at --batch.

    limit      memory can do no more: what it copies a second, measured, over the bytes of a window's inputs, outputs
               and its part of the weights, each moved once
    apart      the largest difference of an answer from float32 on the CPU, in logarithms of the scale

Cases take turns within every round. A device that is not here is not measured, and the last line says so.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import time
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from mining_objects import features, models
from mining_objects.devices import CHOICES, pick_device
from mining_objects.models.lstm import Lstm
from mining_objects.models.tcn import Tcn
from mining_objects.tcn_inputs import SHOWN
from mining_objects.training_numerics import compiled, has_bfloat16
from mining_objects.training_settings import BFLOAT16, FLOAT32, TrainingSettings
from protocol.errors import InvalidSetting
from tests.benchmarks.bench_training import BATCH, our_step
from tests.benchmarks.interleaved import Round, interleaved, others_note

COPIED_BYTES = 2**28
COPIES = 8


def devices() -> list[torch.device]:
    """Those of this machine, the CPU first."""
    found = []
    for name in CHOICES[1:]:
        try:
            found.append(pick_device(name))
        except InvalidSetting:
            continue
    return found


def finish(device: torch.device) -> None:
    """Waits until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def bytes_a_second(device: torch.device) -> float:
    """What memory moves: of a large copy, bytes read and written."""
    source = torch.ones(COPIED_BYTES // 4, device=device)
    target = torch.empty_like(source)
    took = []
    for _ in range(COPIES):
        finish(device)
        began = time.perf_counter()
        target.copy_(source)
        finish(device)
        took.append(time.perf_counter() - began)
    return 2 * COPIED_BYTES / min(took)


def networks() -> dict[str, tuple[nn.Module, tuple[int, int]]]:
    """name -> (the shipped network, the shape of a window's inputs)."""
    lstm, tcn = models.create("lstm", inference="torch"), models.create("tcn", inference="torch")
    assert isinstance(lstm, Lstm)
    assert isinstance(tcn, Tcn)
    return {
        "lstm": (lstm.network, (lstm.config.lookback, len(lstm.config.features))),
        "tcn": (tcn.network, (tcn.config.lookback, SHOWN)),
    }


def bytes_a_window(network: nn.Module, inputs: Tensor, outputs: Tensor) -> float:
    weights = sum(part.numel() * part.element_size() for part in network.parameters())
    return (inputs.nbytes + outputs.nbytes + weights) / len(inputs)


class Answering:
    """One network on one device in one precision, over and over on the same batch."""

    def __init__(
        self, network: Callable[[Tensor], Tensor | tuple[Tensor, ...]], inputs: Tensor, precision: str
    ) -> None:
        self._network, self._inputs, self._halves = network, inputs, precision == BFLOAT16

    def answer(self) -> Tensor:
        """ln of the scale, as float32."""
        device = self._inputs.device
        with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=self._halves):
            given = self._network(self._inputs)
        finish(device)
        return (given if isinstance(given, Tensor) else given[-1]).float()

    async def round(self) -> int:
        self.answer()
        return len(self._inputs)


def answering(batch: int, *, compile_too: bool) -> tuple[dict[str, Answering], dict[str, float], dict[str, float]]:
    """By case: what answers, the limit in windows a second, and how far apart from float32 on the CPU."""
    cases: dict[str, Answering] = {}
    limits, apart = {}, {}
    for name, (network, shape) in networks().items():
        inputs = torch.from_numpy(np.random.default_rng(1).standard_normal((batch, *shape)).astype(np.float32))
        exact = Answering(network, inputs, FLOAT32).answer()
        for device in devices():
            here, there = copy.deepcopy(network).to(device).eval(), inputs.to(device)
            found = {precision: Answering(here, there, precision) for precision in precisions(device)}
            if compile_too and name == "tcn":
                settings = TrainingSettings(device=device.type, compile=True)
                found["compiled"] = Answering(compiled(copy.deepcopy(here), settings, there), there, FLOAT32)
            for how, case in found.items():
                outputs, label = case.answer(), f"{name}, {device.type}, {how}"
                cases[label] = case
                limits[label] = bytes_a_second(device) / bytes_a_window(network, there, outputs)
                apart[label] = float((outputs.cpu() - exact).abs().max())
    return cases, limits, apart


def training(batch: int, threads: int) -> dict[str, Round]:
    """What trains, by case; a unit is one window."""
    found: dict[str, Round] = {}
    for device in devices():
        for precision in precisions(device):
            for size in (BATCH, batch):
                step = our_step(precision, threads, features.NAMES, device=device.type, size=size)
                found[f"{device.type}, {precision}, batch {size:,}"] = _stepping(step, size)
    return found


def precisions(device: torch.device) -> list[str]:
    return [FLOAT32] + [BFLOAT16] * has_bfloat16(device)


def _stepping(step: Callable[[], bool], size: int) -> Round:
    async def run() -> int:
        step()
        return size

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=4_096, help="windows a large batch (default %(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="rounds of all cases (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default %(default)s)")
    parser.add_argument("--compile", action="store_true", help="compile what torch.compile takes; needs a C++ compiler")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    console = Console(width=110)
    cases, limits, apart = answering(options.batch, compile_too=options.compile)
    rounds = {name: case.round for name, case in cases.items()}
    rates = asyncio.run(interleaved(rounds, turns=options.turns, seconds=1.0))
    table = Table(title=f"answers of {options.batch:,} windows at once")
    for heading in ("network, device, how", "windows/s", "times the CPU", "of the limit", "apart"):
        table.add_column(heading, justify="left" if heading.startswith("network") else "right")
    for name, rate in rates.items():
        cpu = rates[f"{name.split(', ')[0]}, cpu, {FLOAT32}"]
        table.add_row(
            name, f"{rate.median:,.0f}", f"{rate.median / cpu.median:.2f}", f"{rate.median / limits[name]:.2%}",
            f"{apart[name]:.1e}",
        )  # fmt: skip
    console.print(table)
    trained = asyncio.run(interleaved(training(options.batch, options.threads), turns=options.turns, seconds=2.0))
    first, *_ = trained.values()
    table = Table(title="training an LSTM of 64 units, windows of 50")
    for heading in ("device, precision, batch", "windows/s", "times the first"):
        table.add_column(heading, justify="left" if heading.startswith("device") else "right")
    for name, rate in trained.items():
        table.add_row(name, f"{rate.median:,.0f}", f"{rate.median / first.median:.2f}")
    console.print(table)
    absent = [name for name in CHOICES[1:] if name not in {device.type for device in devices()}]
    console.print(others_note({**rates, **trained}))
    console.print(f"not here, not measured: {', '.join(absent)}" if absent else "every kind of device was measured")


if __name__ == "__main__":
    main()
