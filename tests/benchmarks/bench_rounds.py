"""Whole rounds with 16, 64, 256 and 1024 miners on this machine: who answered, and how long a miner took.

    python -m tests.benchmarks.bench_rounds [--sizes 16 64 256 1024] [--rounds 2] [--picture docs/pictures/FILE.png]

A real `ValidatorNode` with a SQLite store opens rounds on a clock that runs 40 times too fast, asks real miners over
gRPC (all in one other process, their stores in memory, as their disks belong to machines of their own) to commit and
then to reveal, and stores what they say. A round's time runs from the opening of each window to the last receipt in
it, as stored. The miners' answers and the closes are generated. Goal: 256 of 256 answered, and at most 1.75 times as
long a miner as with 64.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from neurons.clock import ScaledClock
from neurons.entropy import SystemEntropy
from neurons.ports import Store
from neurons.records import Change, MinerRow, RoundRow
from neurons.store.sqlite import SqliteStore
from neurons.supervise import calm_collector
from neurons.transport.client import GrpcCaller
from neurons.validating.handlers import Doorkeeping
from neurons.validating.node import ValidatorNode
from protocol.rules.calendar import round_times
from protocol.units import HOUR_MS, SECOND_MS, UnixMs
from tests.benchmarks.bench_gate import VALIDATOR
from tests.benchmarks.interleaved import cpu_seconds
from tests.benchmarks.miner_peers import PARAMS, SERIES, MinerPeer, miners, quiet_telemetry
from tests.benchmarks.pictures import growth_picture
from tests.support.world import WalkMarket

SCALE: Final = 40
"""A round every 7.5 seconds of wall time, and windows of 3.5."""


@dataclass(slots=True)
class Measured:
    """What rounds of one size took: milliseconds of wall time and of CPU a miner, and who answered."""

    miners: int
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        wall = f"{statistics.median(self.wall_ms):6.2f} ms of wall time a miner"
        spread = f"[{min(self.wall_ms):.2f}..{max(self.wall_ms):.2f}]"
        cpu = f"{statistics.median(self.cpu_ms):.2f} ms of CPU"
        return f"{self.miners:5} miners: {min(self.answered)} of {self.miners} answered, {wall} {spread}, {cpu}"


async def measure(count: int, rounds: int, folder: Path) -> Measured:
    """The first round warms up the channels; the others count."""
    clock = ScaledClock(
        sim_origin_ms=1_760_000_100_000 + HOUR_MS, wall_origin_ms=time.time_ns() // 1_000_000, scale=SCALE
    )
    measured = Measured(count)
    async with AsyncExitStack() as stack:
        peers = await stack.enter_async_context(miners(count, validator=VALIDATOR.hotkey, clock=clock))
        store = await stack.enter_async_context(await SqliteStore.open(folder / f"{count}.db"))
        await store.apply(Change(miners=tuple(_row(peer, clock.now_ms()) for peer in peers)))
        caller = GrpcCaller(clock, PARAMS.wire)
        stack.push_async_callback(caller.aclose)
        node = await ValidatorNode.open(
            key=VALIDATOR,
            params=PARAMS,
            series=[SERIES],
            clock=clock,
            entropy=SystemEntropy(),
            store=store,
            caller=caller,
            telemetry=quiet_telemetry(clock),
            door=Doorkeeping(allowed=None, allow_private_endpoints=True),
        )
        market = WalkMarket(clock, PARAMS.time.step_ms, PARAMS.time.settle_delay_ms)  # type: ignore[arg-type]
        running = asyncio.create_task(node.run({SERIES: market}), name="validator")
        calm_collector()
        first = clock.now_ms() + 2 * PARAMS.time.step_ms
        anchor = UnixMs(first - first % PARAMS.time.step_ms)
        for number in range(rounds + 1):
            await _watch_round(anchor, clock, store, measured if number else Measured(count))
            anchor = UnixMs(anchor + PARAMS.time.step_ms)
        running.cancel()
        await asyncio.wait([running])
    return measured


def _row(peer: MinerPeer, now_ms: int) -> MinerRow:
    return MinerRow(peer.hotkey, peer.endpoint, ("closes.point",), UnixMs(now_ms - HOUR_MS))


async def _watch_round(anchor: UnixMs, clock: ScaledClock, store: Store, measured: Measured) -> None:
    """Waits until a round's windows are over and reads what came of it."""
    times = round_times(anchor, PARAMS.time)
    await clock.sleep_until(times.commit_opens_ms)
    cpu = cpu_seconds()
    await clock.sleep_until(times.reveal_closes_ms + SECOND_MS)
    cpu = cpu_seconds() - cpu
    found: Sequence[RoundRow] = await store.rounds(from_ms=anchor, before_ms=anchor + 1)
    assert found, f"no round was opened for {anchor}"
    commitments = await store.commitments(found[0].round_id)
    answers = [row for row in await store.submissions(found[0].round_id) if row.status == "valid"]
    assert answers, "nobody answered"
    took = max(row.received_at_ms for row in commitments) - times.commit_opens_ms
    took += max(row.received_at_ms for row in answers) - times.reveal_opens_ms
    measured.wall_ms.append(took / SCALE / measured.miners)
    measured.cpu_ms.append(cpu * 1_000 / measured.miners)
    measured.answered.append(len(answers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 64, 256, 1024], help="miners in a network")
    parser.add_argument("--rounds", type=int, default=2, help="rounds measured of each size (default %(default)s)")
    parser.add_argument("--picture", type=Path, help="where to draw the growth, as PNG")
    options = parser.parse_args()
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        for count in options.sizes:
            measured.append(asyncio.run(measure(count, options.rounds, Path(folder))))
            print(measured[-1], flush=True)
    by_size = {one.miners: one for one in measured}
    if 64 in by_size and 256 in by_size:
        wall, cpu = (
            statistics.median(getattr(by_size[256], name)) / statistics.median(getattr(by_size[64], name))
            for name in ("wall_ms", "cpu_ms")
        )
        print(f"a miner among 256 / among 64: {wall:.2f}, by CPU {cpu:.2f} (at most 1.75)")
    if options.picture:
        growth_picture(
            options.picture,
            [one.miners for one in measured],
            {
                "commit + reveal, ms of wall time a miner": [statistics.median(one.wall_ms) for one in measured],
                "ms of CPU a miner, both sides": [statistics.median(one.cpu_ms) for one in measured],
            },
            across="simulated miners on one machine",
            title="A round's time, a miner",
        )


if __name__ == "__main__":
    main()
