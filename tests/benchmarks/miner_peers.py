"""Whole miners to measure against, in a process of their own: real nodes behind real ports.

    async with miners(64, validator=hotkey, folder=folder, paths=1) as peers: ...

Each `MinerNode` has its own key, port, gate and telemetry. `paths`: every miner has a draft of that many paths of 100
steps in its store, for ROUND, and reveals it. They share one SQLite file in `folder`, as a busy node's concurrent
requests do; without a folder each has a store in memory (a miner's disk belongs to a machine of its own).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from neurons.clock import ScaledClock, SystemClock
from neurons.entropy import SystemEntropy
from neurons.mining.handlers import MinerParts
from neurons.mining.node import KnownValidator, MinerNode
from neurons.ports import Store
from neurons.records import Change, DraftRow
from neurons.settings import LogSettings
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from neurons.supervise import calm_collector
from neurons.telemetry import Metrics, Telemetry, open_log
from neurons.transport.client import GrpcCaller
from neurons.transport.server import serving
from protocol.answers import answer_of
from protocol.commitment import commitment
from protocol.keys import SigningKey
from protocol.messages import Answer, Opening
from protocol.params import MAIN, NetworkParams
from protocol.units import HOUR_MS, MINUTE_MS, SECOND_MS, Hotkey, RoundId, UnixMs

SERIES: Final = "BTC-USD"
ROUND: Final = RoundId(hashlib.sha256(b"the round that every peer has a draft of").digest())
SALT: Final = bytes(32)
PARAMS: Final[NetworkParams] = replace(
    MAIN,
    network="augury-bench",
    challenges=tuple(challenge for challenge in MAIN.challenges if challenge.max_paths == 1),
    time=replace(
        MAIN.time,
        min_history_steps=60,
        opens_before_ms=150 * SECOND_MS,
        commit_opens_before_ms=140 * SECOND_MS,
        reveal_opens_after_ms=5 * SECOND_MS,
        reveal_closes_after_ms=145 * SECOND_MS,
    ),
    loss=replace(MAIN.loss, sigma_window_steps=288),
    wire=replace(
        MAIN.wire,
        time_window_ms=2 * HOUR_MS,
        max_lifetime_ms=4 * HOUR_MS,
        call_timeout_ms=5 * MINUTE_MS,
        ip_bucket_size=10**6,
        ip_bucket_per_second=10**6,
        key_bucket_size=10**6,
        key_bucket_per_second=10**6,
    ),
)
"""MAIN, with buckets that a loop without pauses does not empty (they are counted all the same), little history, and
windows and deadlines for clocks that run too fast."""


@dataclass(frozen=True, slots=True)
class MinerPeer:
    """Where one miner listens, and who it is."""

    endpoint: str
    hotkey: Hotkey


@dataclass(frozen=True, slots=True)
class Steps:
    """Answers each opening with fixed small steps of the right shape: made at once, so that no model is measured."""

    number: int
    model: str = "steps"

    async def answer(self, opening: Opening, *, now_ms: int) -> Answer:
        return generated_answer(self.number, opening.asked_paths, opening.steps)

    async def aclose(self) -> None:
        return None


def generated_answer(number: int, paths: int, steps: int = 100) -> Answer:
    """Gaussian walks of a thousandth a step."""
    chance = np.random.default_rng(number)
    return answer_of(np.cumsum(chance.normal(0, 1e-3, (paths, steps)), axis=1).astype(np.float32))


def key_of(number: int) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(b"miner %d" % number).digest())


def quiet_telemetry(clock: ScaledClock) -> Telemetry:
    """A node's usual log level and metrics, written where nobody reads."""
    return Telemetry(log=open_log(LogSettings(), io.StringIO(), role="bench"), metrics=Metrics(now_ms=clock.now_ms))


async def _host(options: argparse.Namespace) -> None:
    """What the peer process does."""
    clock = SystemClock()
    if options.scale != 1:
        clock = ScaledClock(sim_origin_ms=options.sim, wall_origin_ms=options.wall, scale=options.scale)  # type: ignore[assignment]
    validator = KnownValidator(Hotkey(bytes.fromhex(options.validator)), "127.0.0.1:1")
    async with AsyncExitStack() as stack:
        shared: Store | None = None
        if options.folder:
            shared = await stack.enter_async_context(await SqliteStore.open(Path(options.folder) / "miners.db"))
        caller = GrpcCaller(clock, PARAMS.wire)
        stack.push_async_callback(caller.aclose)
        for number in range(options.count):
            key, store = key_of(number), shared or MemoryStore()
            parts = MinerParts(
                me=key.hotkey,
                params=PARAMS,
                clock=clock,
                entropy=SystemEntropy(),
                store=store,
                answerer=Steps(number),
                endpoint="127.0.0.1:1",
                reveal_guard_ms=1_000,
            )
            if options.paths:
                await store.apply(Change(drafts=(_draft(key.hotkey, options.paths, clock.now_ms()),)))
            node = await MinerNode.open(
                parts, key=key, telemetry=quiet_telemetry(clock), caller=caller, validators=[validator]
            )
            address = await stack.enter_async_context(serving(node, "127.0.0.1", 0, wire=PARAMS.wire))
            print(address, key.hotkey.hex(), flush=True)
        calm_collector()
        await asyncio.to_thread(sys.stdin.read)


def _draft(me: Hotkey, paths: int, now_ms: int) -> DraftRow:
    answer = generated_answer(0, paths)
    made = UnixMs(now_ms - HOUR_MS)
    return DraftRow(
        ROUND, SERIES, "closes.point", made, SALT, answer, commitment(ROUND, me, answer, SALT), "steps", made
    )


@asynccontextmanager
async def miners(
    count: int,
    *,
    validator: Hotkey,
    folder: Path | None = None,
    paths: int = 0,
    clock: ScaledClock | None = None,
) -> AsyncIterator[tuple[MinerPeer, ...]]:
    """So many miners that answer this validator, in a fresh process that ends with the block."""
    arguments = ["--count", str(count), "--validator", validator.hex(), "--paths", str(paths)]
    if folder is not None:
        arguments += ["--folder", str(folder)]
    if clock is not None:
        arguments += ["--sim", str(clock.sim_origin_ms), "--wall", str(clock.wall_origin_ms)]
        arguments += ["--scale", str(clock.scale)]
    async with child_lines("tests.benchmarks.miner_peers", arguments, count) as lines:
        yield tuple(MinerPeer(at, Hotkey(bytes.fromhex(hotkey))) for at, hotkey in (line.split() for line in lines))


@asynccontextmanager
async def child_lines(module: str, arguments: Sequence[str], count: int, python: str = "") -> AsyncIterator[list[str]]:
    """Runs a module that prints `count` lines and then works until its standard input ends; yields the lines."""
    process = await asyncio.create_subprocess_exec(
        *(python or sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        lines = [(await process.stdout.readline()).decode().strip() for _ in range(count)]
        assert all(lines), f"{module} did not start"
        yield lines
    finally:
        process.stdin.close()
        await process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="Hosts miners until standard input ends.")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--validator", required=True)
    parser.add_argument("--folder", default="")
    parser.add_argument("--paths", type=int, default=0)
    parser.add_argument("--sim", type=int, default=0)
    parser.add_argument("--wall", type=int, default=0)
    parser.add_argument("--scale", type=int, default=1)
    asyncio.run(_host(parser.parse_args()))


if __name__ == "__main__":
    main()
