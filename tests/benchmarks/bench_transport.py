"""Unary round trips a second over loopback: neurons.transport against bare grpc.aio, nothing signed by us.

    python -m tests.benchmarks.bench_transport [--endpoints 64] [--turns 7] [--seconds 1.0]

A round asks every endpoint once, all at the same time; the peers live in a process of their own. The signed floor
stands beside it for whoever measures the whole gate.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

from tests.benchmarks.grpc_peers import bare_floor, our_round, peers, signed_floor, stubs_floor
from tests.benchmarks.interleaved import Rate, Round, interleaved

CASES = {"bare": bare_floor, "stubs": stubs_floor, "signed": signed_floor, "ours": our_round}


async def measure(*, endpoints: int, turns: int, seconds: float) -> Mapping[str, Rate]:
    """Round trips a second of each case."""
    async with AsyncExitStack() as stack:
        rounds: dict[str, Round] = {}
        for kind, asking in CASES.items():
            addresses = await stack.enter_async_context(peers(kind, endpoints))
            rounds[kind] = await stack.enter_async_context(asking(addresses))
        return await interleaved(rounds, turns=turns, seconds=seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoints", type=int, default=64, help="how many servers are asked in a round")
    parser.add_argument("--turns", type=int, default=7, help="how often each case is measured")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each turn lasts")
    options = parser.parse_args()
    rates = asyncio.run(measure(endpoints=options.endpoints, turns=options.turns, seconds=options.seconds))
    ours = rates["ours"]
    for kind, rate in rates.items():
        print(f"{kind:8}{rate}; ours / this: {ours.median / rate.median:.2f}, by CPU {rate.cpu_us / ours.cpu_us:.2f}")


if __name__ == "__main__":
    main()
