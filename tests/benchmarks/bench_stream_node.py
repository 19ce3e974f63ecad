"""Open streams on a whole validator, at the pace of real time: what it takes, and how long settling a value takes.

    python -m tests.benchmarks.bench_stream_node [--streams 500] [--owners 20] [--minutes 2] [--warmup 62]

A `ValidatorNode` with its gate, its book and SQLite on disk (synchronous=FULL), without the transport. Every stream
takes a value a minute, spread over it; every minute a fifth of the owners predict anew, four horizons of every stream,
in signed batches of up to 700. The warm-up runs through its minutes as fast as it can, so that every horizon has its
pools and its words in quarantine; then time is real. Printed: milliseconds from a value's arrival to its signed reply
(all its horizons settled and durable by then), the share of one core, memory, how the same minute goes as fast as it
can, which says where the limit lies; the same with readers who ask for lags and distributions five times a second
each; and the floor of a minute: checking the signatures and writing the envelopes' bytes as bare rows of SQLite.
Values and scenarios are generated. Requests are signed before anything is timed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import os
import resource
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from neurons.clock import ScaledClock
from neurons.entropy import SystemEntropy
from neurons.settings import LogSettings
from neurons.store.sqlite import SqliteStore
from neurons.supervise import calm_collector
from neurons.telemetry import Metrics, Telemetry, open_log
from neurons.validating.handlers import Doorkeeping
from neurons.validating.node import ValidatorNode
from protocol.answers import answer_of
from protocol.envelope import seal
from protocol.keys import SigningKey, verify
from protocol.messages import (
    SAMPLES,
    CdfQuestion,
    LagsQuestion,
    Message,
    NamedValue,
    Publish,
    Purpose,
    StreamActRequest,
    StreamReadRequest,
    SubmitRequest,
    TakeName,
)
from protocol.params import MAIN
from protocol.rules.scenarios import SCENARIOS
from protocol.rules.stream_names import DELAYS, horizon_name
from protocol.units import MICRO, MINUTE_MS, Micros, UnixMs
from tests.support.named_keys import name_nonce

WIRE: Final = replace(
    MAIN.wire,
    time_window_ms=10 * MINUTE_MS,
    key_bucket_size=100_000,
    ip_bucket_size=10**7,
    key_bucket_per_second=10_000,
)
PARAMS: Final = replace(MAIN, network="augury-bench", wire=WIRE, streams=replace(MAIN.streams, letters_given=9))
PUBLISHERS: Final = 20
ROWS_A_BATCH: Final = 700
ONE_IN: Final = 5
START_MS: Final = 1_763_800_000_000
PEER: Final = "192.0.2.1"


class MovedClock(ScaledClock):
    """The wall's pace, from an instant that can be moved forward."""

    def __init__(self, sim_origin_ms: int = START_MS, wall_origin_ms: int | None = None) -> None:
        now_ms = time.time_ns() // 1_000_000
        super().__init__(sim_origin_ms=sim_origin_ms, wall_origin_ms=wall_origin_ms or now_ms, scale=1)

    def move(self, ms: int) -> None:
        self.sim_origin_ms += ms


@dataclass(frozen=True, slots=True)
class Due:
    """A sealed request, and when in its minute it arrives (ms)."""

    at_ms: int
    purpose: Purpose
    envelope: bytes


@dataclass
class Load:
    """Who publishes and predicts, and their requests."""

    clock: MovedClock
    validator: SigningKey
    streams: int
    owners: int
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))
    _sequence: int = START_MS
    _nonces: int = 0

    def __post_init__(self) -> None:
        self.names = [f"s{number}.json" for number in range(self.streams)]
        self.publishers = [SigningKey(bytes([1, number]) + bytes(30)) for number in range(PUBLISHERS)]
        self.predictors = [
            SigningKey(bytes([2, *number.to_bytes(2, "big")]) + bytes(29)) for number in range(self.owners)
        ]
        self.values = np.zeros(self.streams)

    def sealed(self, key: SigningKey, message: Message, at_ms: int = 0) -> Due:
        self._nonces += 1
        now = self.clock.now_ms()
        raw = seal(
            message,
            key=key,
            params=PARAMS,
            recipient=self.validator.hotkey,
            nonce=self._nonces.to_bytes(16, "big"),
            issued_at_ms=now,
            deadline_ms=UnixMs(now + WIRE.max_lifetime_ms),
        ).raw
        return Due(at_ms, message.PURPOSE, raw)

    def next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    def names_taken(self) -> list[Due]:
        """Every key shows its name."""
        taken = []
        for key in (*self.publishers, *self.predictors):
            nonce = name_nonce(key, 6).to_bytes(8, "big")
            taken.append(self.sealed(key, StreamActRequest(self.next_sequence(), TakeName(nonce))))
        return taken

    def values_only(self) -> list[Due]:
        """A minute's values, in the order of their arrival."""
        due = []
        self.values += self.rng.standard_normal(self.streams)
        for place, name in enumerate(self.names):
            value = NamedValue(name, repr(float(self.values[place])).encode(), Micros(MICRO))
            act = StreamActRequest(self.next_sequence(), Publish((value,)))
            due.append(self.sealed(self.publishers[place % PUBLISHERS], act, place * MINUTE_MS // self.streams))
        return due

    def minute(self, number: int) -> list[Due]:
        """A minute's requests, in the order of their arrival."""
        due = self.values_only()
        due += self.batches_of(self.predictors[number % ONE_IN :: ONE_IN])
        return sorted(due, key=lambda one: one.at_ms)

    def everybody(self) -> list[Due]:
        """Every owner's scenarios for every horizon."""
        return self.batches_of(self.predictors)

    def batches_of(self, predictors: list[SigningKey]) -> list[Due]:
        """All horizons of all streams, by each of these, spread over a minute."""
        due = []
        horizons = [(place, horizon_name(name, delay)) for place, name in enumerate(self.names) for delay in DELAYS]
        batches = [
            (key, horizons[start : start + ROWS_A_BATCH])
            for key in predictors
            for start in range(0, len(horizons), ROWS_A_BATCH)
        ]
        for turn, (key, some) in enumerate(batches):
            places = np.array([place for place, _ in some])
            rows = self.values[places][:, None] + self.rng.standard_normal((len(some), SCENARIOS))
            submit = SubmitRequest(
                SAMPLES, "", b"", answer_of(rows), tuple(horizon for _, horizon in some), self.next_sequence()
            )
            due.append(self.sealed(key, submit, turn * MINUTE_MS // len(batches)))
        return due

    def reads(self, readers: int, seconds: int) -> list[Due]:
        """What so many readers ask, five times a second each."""
        asked = []
        for turn in range(5 * seconds):
            for reader in range(readers):
                name = self.names[int(self.rng.integers(self.streams))]
                question = LagsQuestion(name, 225) if turn % 2 else CdfQuestion(name, DELAYS[turn % 4])
                key = self.predictors[reader % self.owners]
                asked.append(self.sealed(key, StreamReadRequest(question), turn * 200 + reader))
        return asked


@dataclass
class Spent:
    """What a stretch of time took."""

    latencies_ms: dict[Purpose, list[float]] = field(default_factory=dict)
    cpu_s: float = 0.0
    wall_s: float = 0.0

    def cells(self) -> tuple[str, ...]:
        values = np.array(self.latencies_ms[Purpose.STREAM_ACT])
        batches = np.array(self.latencies_ms[Purpose.SUBMIT])
        late = f"{np.median(values):.1f}", f"{np.quantile(values, 0.99):.0f}", f"{values.max():.0f}"
        return (*late, f"{np.median(batches):.0f}", f"{self.cpu_s / self.wall_s:.0%}")


async def answered(node: ValidatorNode, due: Due, spent: Spent) -> None:
    began = time.perf_counter()
    await node.answer(due.purpose, due.envelope, peer=PEER)
    spent.latencies_ms.setdefault(due.purpose, []).append(1e3 * (time.perf_counter() - began))


async def timed(run: Callable[[Spent], Awaitable[None]]) -> Spent:
    spent = Spent()
    cpu, wall = time.process_time(), time.perf_counter()
    await run(spent)
    spent.cpu_s, spent.wall_s = time.process_time() - cpu, time.perf_counter() - wall
    return spent


async def paced(node: ValidatorNode, due: list[Due], spent: Spent) -> None:
    """Each request at its instant, whatever became of the one before."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as tasks:
        for one in sorted(due, key=lambda each: each.at_ms):
            await asyncio.sleep(max(0.0, began + one.at_ms / 1e3 - loop.time()))
            tasks.create_task(answered(node, one, spent))


async def rushed(node: ValidatorNode, due: list[Due], spent: Spent) -> None:
    """One after the other, eight at a time, as fast as it goes."""
    waiting = iter(due)

    async def work() -> None:
        for one in waiting:
            await answered(node, one, spent)

    await asyncio.gather(*(work() for _ in range(8)))


def floor_s(due: list[Due], folder: Path) -> float:
    """CPU seconds of one signature check for each request, and of writing their bytes, a commit each."""
    key = SigningKey(bytes(32))
    signature = key.sign(b"x" * 200)
    with sqlite3.connect(folder / "floor.sqlite", isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE raw (id INTEGER PRIMARY KEY, body BLOB)")
        began = time.process_time()
        for one in due:
            verify(key.hotkey, b"x" * 200, signature)
            connection.execute("INSERT INTO raw (body) VALUES (?)", (one.envelope,))
        return time.process_time() - began


@asynccontextmanager
async def opened(folder: Path, clock: MovedClock, validator: SigningKey) -> AsyncIterator[ValidatorNode]:
    """A validator of open streams alone, over a database in the folder."""
    telemetry = Telemetry(
        log=open_log(LogSettings(level="error", format="json"), io.StringIO(), role="bench"),
        metrics=Metrics(now_ms=clock.now_ms),
    )
    async with await SqliteStore.open(folder / "augury.sqlite") as store:
        node = await ValidatorNode.open(
            key=validator,
            params=PARAMS,
            series=[],
            clock=clock,
            entropy=SystemEntropy(),
            store=store,
            caller=None,  # type: ignore[arg-type]
            telemetry=telemetry,
            door=Doorkeeping(allowed=None, allow_private_endpoints=True),
        )
        keeping = asyncio.create_task(node.keeper.run())
        try:
            yield node
        finally:
            keeping.cancel()


async def measure(folder: Path, *, streams: int, owners: int, minutes: int, warmup: int, readers: int) -> Table:
    clock, validator = MovedClock(), SigningKey(b"v" * 32)
    load = Load(clock, validator, streams, owners)
    async with opened(folder, clock, validator) as node:
        await rushed(node, load.names_taken(), Spent())
        for number in range(warmup):
            await rushed(node, load.minute(number), Spent())
            clock.move(MINUTE_MS)
        calm_collector()
        gc.freeze()
        found: dict[str, Spent] = {}
        ahead = [load.minute(number) for number in range(minutes)]
        found["at the pace of real time"] = await timed(lambda spent: _all_paced(node, ahead, spent))
        both = [*load.minute(minutes), *load.reads(readers, 60)]
        found[f"and {readers} readers, 5 questions a second each"] = await timed(lambda spent: paced(node, both, spent))
        clock.move(MINUTE_MS)
        last = load.minute(minutes + 1)
        found["as fast as it goes"] = await timed(lambda spent: rushed(node, last, spent))
    return drawn(found, last, folder, f"{streams} streams x {len(DELAYS)} horizons x {owners} owners")


async def _all_paced(node: ValidatorNode, minutes: list[list[Due]], spent: Spent) -> None:
    for due in minutes:
        await paced(node, due, spent)


def drawn(found: dict[str, Spent], minute: list[Due], folder: Path, title: str) -> Table:
    table = Table(title=title)
    for heading in ("", "value: median, ms", "99%", "worst", "batch: median, ms", "of one core"):
        table.add_column(heading, justify="right" if heading else "left")
    for label, spent in found.items():
        table.add_row(label, *spent.cells())
    fast = found["as fast as it goes"]
    floor = floor_s(minute, folder)
    table.caption = (
        f"a minute's requests take {fast.wall_s:.1f} s and {fast.cpu_s:.1f} s of CPU as fast as they go: "
        f"the limit lies at {60 / fast.wall_s:.1f} times these streams. "
        f"Floor of checking and writing them: {floor:.2f} s of CPU. "
        f"Peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, "
        f"load average {os.getloadavg()[0]:.1f}"
    )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--owners", type=int, default=20)
    parser.add_argument("--minutes", type=int, default=2, help="real minutes")
    parser.add_argument("--warmup", type=int, default=62, help="minutes before, as fast as they go")
    parser.add_argument("--readers", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = asyncio.run(measure(Path(folder), **vars(arguments)))
    Console().print(table)


if __name__ == "__main__":
    main()
