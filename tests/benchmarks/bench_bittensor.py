"""Our whole gate against bittensor 10.2 as shipped: signed questions to 64 miners, and large ensembles from 4.

    python -m tests.benchmarks.bench_bittensor [--bittensor VENV] [--turns 3]

VENV is a virtual environment of its own, outside the project: bittensor 10.2.0 is installed there when the folder does
not exist yet. Without it only our side is measured, and the output says so. Both sides run turn by turn in one run,
miners in one process and the asker in another: ours as in bench_gate.py (signed both ways, every nonce on disk);
bittensor's dendrite and axons on loopback without a chain, requests signed, replies not.
Goals: 120 times its rate with 64 miners, aim 250; 100 times with answers of 1000 paths x 100 steps, aim 200.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from neurons.supervise import calm_collector
from tests.benchmarks.bench_gate import VALIDATOR, whole_gate
from tests.benchmarks.interleaved import Rate, Round, interleaved, others_note
from tests.benchmarks.miner_peers import miners

PACKAGES: Final = ("bittensor==10.2.0", "async-substrate-interface<2")
"""The second has dropped a name in 2.0 that bittensor 10.2 imports."""
PEERS: Final = str(Path(__file__).with_name("bittensor_peers.py"))
CASES: Final = {"64 miners, 1 x 100": (64, 1, "120x, aim 250x"), "4 miners, 1000 x 100": (4, 1_000, "100x, aim 200x")}
"""name -> (miners, paths, goal)"""


def python_of(venv: Path) -> str:
    """The Python of a virtual environment with bittensor in it, which is made when it is not there."""
    python = venv / "bin" / "python"
    if not venv.exists():
        print(f"installing {' '.join(PACKAGES)} into {venv}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return str(python)


@asynccontextmanager
async def bittensor_round(python: str, count: int, paths: int) -> AsyncIterator[Round]:
    """One round: bittensor's dendrite asks every one of its axons, all at once; returns how many answered."""

    async def start(*arguments: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *(python, PEERS, *arguments), stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
        )

    async def line_of(process: asyncio.subprocess.Process) -> str:
        assert process.stdout is not None
        while line := (await process.stdout.readline()).decode():
            if line.startswith("> "):  # the rest is bittensor's log
                return line[2:].strip()
        raise RuntimeError(f"bittensor ended; to see why: {python} {PEERS} serve {count} {paths}")

    axons = await start("serve", str(count), str(paths))
    ports = [await line_of(axons) for _ in range(count)]
    dendrite = await start("ask", str(paths), *ports)
    assert "ready" == await line_of(dendrite)

    async def one_round() -> int:
        assert dendrite.stdin is not None
        for process in (axons, dendrite):
            process.send_signal(signal.SIGCONT)
        dendrite.stdin.write(b"\n")
        answered = int(await line_of(dendrite))
        for process in (axons, dendrite):  # 64 idle axons would burn CPU while ours is measured
            process.send_signal(signal.SIGSTOP)
        return answered

    try:
        yield one_round
    finally:
        for process in (dendrite, axons):
            process.kill()
            await process.wait()


async def measure(count: int, paths: int, *, python: str, turns: int) -> Mapping[str, Rate]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = await stack.enter_async_context(miners(count, validator=VALIDATOR.hotkey, folder=folder, paths=paths))
        rounds: dict[str, Round] = {"ours": await stack.enter_async_context(whole_gate(ours))}
        if python:
            rounds["bittensor"] = await stack.enter_async_context(bittensor_round(python, count, paths))
        calm_collector()
        return await interleaved(rounds, turns=turns, seconds=1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bittensor", type=Path, metavar="VENV", help="its virtual environment, made when missing")
    parser.add_argument("--turns", type=int, default=3, help="how often each side is measured (default %(default)s)")
    options = parser.parse_args()
    python = python_of(options.bittensor) if options.bittensor else ""
    for name, (count, paths, goal) in CASES.items():
        rates = asyncio.run(measure(count, paths, python=python, turns=options.turns))
        print(f"{name}: ours      {rates['ours']}")
        if not python:
            print(f"{name}: bittensor not measured; --bittensor VENV measures it (goal {goal})")
            continue
        ours, theirs = rates["ours"], rates["bittensor"]
        print(f"{name}: bittensor {theirs}")
        ratio, by_cpu = ours.median / theirs.median, theirs.cpu_us / ours.cpu_us
        print(f"{name}: ours / bittensor {ratio:.0f}x, by CPU {by_cpu:.0f}x (at least {goal}); {others_note(rates)}")


if __name__ == "__main__":
    main()
