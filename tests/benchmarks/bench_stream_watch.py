"""What it takes to push values and settlements of open streams to many subscribers, over gRPC.

    python -m tests.benchmarks.bench_stream_watch [--subscribers 1000] [--followed 20] [--streams 500] [--seconds 60]

A `ValidatorNode` behind its transport; the subscribers are `Reader`s in a process of their own (50 to a connection),
each of which follows some streams by topic and checks every frame's MAC and every broadcast's signature. Every stream
takes a value a minute that settles four horizons of three owners, at the pace of real time. Printed: news delivered a
second, the time from a value's arrival to the subscriber's hands, the validator's share of one core without and with
subscribers, and the floor: the same frames' MACs and the same signatures alone. Values and scenarios are generated.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from neurons.client import Reader
from neurons.peers_file import ListedValidator
from neurons.transport.client import GrpcCaller
from neurons.transport.server import serving
from protocol.errors import TooSlow
from protocol.keys import SigningKey
from protocol.messages import SettlementNews, StreamNews, stream_topic
from protocol.units import Hotkey
from tests.benchmarks.bench_stream_node import PARAMS, Load, MovedClock, Spent, opened, paced, rushed

A_CONNECTION: Final = 50
OWNERS: Final = 3
SUBSCRIBED_A_SECOND: Final = 50
"""How long the subscribers are waited for before anything is timed."""
QUARANTINE_MS: Final = 3_600_000


async def subscribe(options: argparse.Namespace, validator: Hotkey) -> None:
    """The subscribers' process: says "ready", follows until its standard input ends, then prints what came."""
    clock = MovedClock(*options.origins)
    rng = np.random.default_rng(2)
    took_ms: list[float] = []
    dropped = 0
    peer = ListedValidator(validator, options.endpoint)
    wires = [GrpcCaller(clock, PARAMS.wire) for _ in range(-(-options.subscribers // A_CONNECTION))]

    async def follow(number: int) -> None:
        nonlocal dropped
        reader = Reader(
            peer, SigningKey(number.to_bytes(32, "big")), params=PARAMS, clock=clock, wire=wires[number % len(wires)]
        )
        chosen = rng.choice(options.streams, size=options.followed, replace=False)
        try:
            async for news in reader.watch(*(stream_topic(f"s{place}.json") for place in chosen)):
                if isinstance(news.message, StreamNews | SettlementNews):
                    took_ms.append(clock.now_ms() - news.message.at_ms)
        except TooSlow:
            dropped += 1

    following = [asyncio.create_task(follow(number)) for number in range(options.subscribers)]
    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    quantiles = np.quantile(took_ms, [0.5, 0.99]).tolist() if took_ms else [0.0, 0.0]
    print(json.dumps({"delivered": len(took_ms), "median": quantiles[0], "late": quantiles[1], "dropped": dropped}))


async def measure(folder: Path, options: argparse.Namespace) -> Table:
    clock, validator = MovedClock(), SigningKey(b"v" * 32)
    load = Load(clock, validator, options.streams, OWNERS)
    async with opened(folder, clock, validator) as node, serving(node, "127.0.0.1", 0, wire=PARAMS.wire) as endpoint:
        await rushed(node, load.names_taken(), Spent())
        for number in range(5):
            await rushed(node, load.minute(number), Spent())
            clock.move(60_000)
        clock.move(QUARANTINE_MS)
        alone = await stretch(node, load, options.seconds)
        command = [
            sys.executable, "-m", "tests.benchmarks.bench_stream_watch", "--endpoint", endpoint,
            "--origins", str(clock.sim_origin_ms), str(clock.wall_origin_ms),
            *(f"--{name}={getattr(options, name)}" for name in ("subscribers", "followed", "streams")),
        ]  # fmt: skip
        child = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdin is not None
        assert b"ready\n" == await child.stdout.readline()
        await asyncio.sleep(options.subscribers / SUBSCRIBED_A_SECOND)
        assert options.subscribers == node.watchers, f"{node.watchers} subscribers are there"
        beside = await stretch(node, load, options.seconds)
        await asyncio.sleep(1.0)
        child.stdin.close()
        told = json.loads(await child.stdout.readline())
        await child.wait()
    return drawn(options, alone, beside, told)


async def stretch(node: object, load: Load, seconds: int) -> Spent:
    """So many seconds of a minute at the pace of real time; nobody predicts anew meanwhile."""
    due = [one for one in load.values_only() if one.at_ms < 1_000 * seconds]
    spent = Spent()
    cpu, wall = time.process_time(), time.perf_counter()
    await paced(node, due, spent)
    spent.cpu_s, spent.wall_s = time.process_time() - cpu, time.perf_counter() - wall
    return spent


def floor_s(frames: int, broadcasts: int) -> float:
    """CPU seconds of so many MACs over a frame of 300 bytes and so many signatures."""
    key, payload = SigningKey(bytes(32)), bytes(300)
    began = time.process_time()
    for _ in range(broadcasts):
        key.sign(payload)
    for _ in range(frames):
        hmac.new(b"k" * 32, payload, hashlib.sha256).digest()
    return time.process_time() - began


def drawn(options: argparse.Namespace, alone: Spent, beside: Spent, told: dict[str, float]) -> Table:
    table = Table(
        title=f"{options.subscribers} subscribers of {options.followed} streams each, {options.streams} streams"
    )
    for heading in ("", "figure"):
        table.add_column(heading, justify="right" if heading else "left")
    rate = told["delivered"] / beside.wall_s
    values = len(beside.latencies_ms[next(iter(beside.latencies_ms))])
    floor = floor_s(int(told["delivered"]), values * 5) / beside.wall_s
    rows = {
        "news delivered, a second": f"{rate:,.0f}",
        "from arrival to a subscriber, median": f"{told['median']:.0f} ms",
        "99%": f"{told['late']:.0f} ms",
        "subscribers dropped": f"{told['dropped']:.0f}",
        "share of a core, nobody watching": f"{alone.cpu_s / alone.wall_s:.0%}",
        "share of a core, with them": f"{beside.cpu_s / beside.wall_s:.0%}",
        "floor: MACs and signatures alone": f"{floor:.1%}",
    }
    for name, figure in rows.items():
        table.add_row(name, figure)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--followed", type=int, default=20)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--endpoint", help=argparse.SUPPRESS)
    parser.add_argument("--origins", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.endpoint:
        asyncio.run(subscribe(options, SigningKey(b"v" * 32).hotkey))
        return
    with tempfile.TemporaryDirectory() as folder:
        Console().print(asyncio.run(measure(Path(folder), options)))


if __name__ == "__main__":
    main()
