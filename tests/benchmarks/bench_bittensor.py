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
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from neurons.supervise import calm_collector
from tests.benchmarks.bench_gate import VALIDATOR, whole_gate
from tests.benchmarks.interleaved import Rate, Round, interleaved, others_note
from tests.benchmarks.miner_peers import miners
from tests.benchmarks.outside_peers import outside_peer, python_of

PACKAGES: Final = ("bittensor==10.2.0", "async-substrate-interface<2")
"""The second has dropped a name in 2.0 that bittensor 10.2 imports."""
PEERS: Final = str(Path(__file__).with_name("bittensor_peers.py"))
CASES: Final = {"64 miners, 1 x 100": (64, 1, "120x, aim 250x"), "4 miners, 1000 x 100": (4, 1_000, "100x, aim 200x")}
"""name -> (miners, paths, goal)"""


@asynccontextmanager
async def bittensor_round(python: str, count: int, paths: int) -> AsyncIterator[Round]:
    """One round: bittensor's dendrite asks every one of its axons, all at once; returns how many answered."""
    async with AsyncExitStack() as stack:
        axons = await stack.enter_async_context(outside_peer(python, PEERS, "serve", str(count), str(paths)))
        ports = [await axons.told() for _ in range(count)]
        dendrite = await stack.enter_async_context(outside_peer(python, PEERS, "ask", str(paths), *ports))
        assert "ready" == await dendrite.told()

        async def one_round() -> int:
            for peer in (axons, dendrite):
                peer.go_on()
            answered = int(await dendrite.ask())
            for peer in (axons, dendrite):  # 64 idle axons would burn CPU while ours is measured
                peer.stand_still()
            return answered

        yield one_round


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
    python = python_of(options.bittensor, PACKAGES) if options.bittensor else ""
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
