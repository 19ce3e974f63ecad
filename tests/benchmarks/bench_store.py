"""The store's figures: recording a round, its bytes on disk, and loading one round among few and among many.

    python -m tests.benchmarks.bench_store [--rounds 200] [--stored 1000000] [--folder DIR]

Cases are interleaved and a figure is a median, because only ratios from one run say anything on a shared machine.
The floor is `sqlite3.executemany` of the same BLOBs in one transaction a round, WAL with synchronous=FULL too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from pathlib import Path

from neurons.records import Change, SubmissionRow
from neurons.store.copying import copy_store
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from protocol.envelope import seal
from protocol.keys import SigningKey
from protocol.messages import Answer, RevealReply
from protocol.params import MAIN
from protocol.units import Digest
from tests.support.rows import a_round, a_submission, digest_of, hotkey_of

MINERS = 256
Taken = tuple[float, float]
"""Seconds of wall time, and of CPU time of all of the process's threads."""


async def timed(work: Awaitable[None]) -> Taken:
    wall, cpu = time.perf_counter(), time.process_time()
    await work
    return time.perf_counter() - wall, time.process_time() - cpu


FEW, MANY, LOOKS = 10_000, 1_000_000, 300

KEYS = [SigningKey(digest_of("seed", miner)) for miner in range(MINERS)]


def a_full_round(number: int, *, evidence: bool = True) -> Change:
    """A round and its 256 answers of 100 float32, each sealed by its miner, in a random order of arrival."""
    rows = [a_sealed_submission(number, miner) for miner in range(MINERS)]
    random.Random(number).shuffle(rows)
    if not evidence:
        rows = [replace(row, evidence=b"", salt=b"") for row in rows]
    return Change(rounds=(a_round(number),), submissions=tuple(rows))


def a_sealed_submission(number: int, miner: int) -> SubmissionRow:
    row = a_submission(number, miner)
    assert row.answer is not None
    sealed = seal(
        RevealReply(row.salt, row.answer),
        key=KEYS[miner],
        params=MAIN,
        recipient=hotkey_of(10_000),
        nonce=digest_of("nonce", number, miner)[:16],
        issued_at_ms=row.received_at_ms,
        deadline_ms=row.received_at_ms + 10_000,
        in_reply_to=Digest(digest_of("request", number, miner)),
    )
    return replace(row, hotkey=KEYS[miner].hotkey, evidence=sealed.raw)


def open_floor(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE answers (round INTEGER, miner INTEGER, answer BLOB, evidence BLOB)")
    connection.execute("CREATE INDEX answers_by_round ON answers (round)")
    return connection


async def record_floor(connection: sqlite3.Connection, number: int, rows: Sequence[SubmissionRow]) -> None:
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO answers VALUES (?, ?, ?, ?)",
        [
            (number, miner, row.answer.values if row.answer else None, row.evidence[:-400])
            for miner, row in enumerate(rows)
        ],
    )
    connection.execute("COMMIT")


async def bench_recording(folder: Path, rounds: int, *, evidence: bool) -> None:
    name = "with" if evidence else "without"
    floor = open_floor(folder / f"floor-{name}.db")
    path = folder / f"store-{name}.db"
    theirs: list[Taken] = []
    ours: list[Taken] = []
    async with await SqliteStore.open(path) as store:
        for number in range(rounds):
            change = a_full_round(number, evidence=evidence)
            if number % 2:
                theirs.append(await timed(record_floor(floor, number, change.submissions)))
                ours.append(await timed(store.apply(change)))
            else:
                ours.append(await timed(store.apply(change)))
                theirs.append(await timed(record_floor(floor, number, change.submissions)))
    floor.close()
    print(f"recording a round of {MINERS} x 100 float32, {name} evidence, {rounds} rounds each way, interleaved")
    for label, taken in (("bare executemany", theirs), ("store.apply", ours)):
        wall, cpu = zip(*taken, strict=True)
        spread = f"[{min(wall) * 1e3:.2f}..{max(wall) * 1e3:.2f}]"
        print(
            f"  {label:18}{statistics.median(wall) * 1e3:7.2f} ms {spread:16}"
            f"{MINERS / statistics.median(wall):9.0f} answers/s, CPU {statistics.median(cpu) * 1e3:5.2f} ms"
        )
    ratios = [statistics.median(t[kind] for t in theirs) / statistics.median(t[kind] for t in ours) for kind in (0, 1)]
    print(f"  floor / store {ratios[0]:.2f} (at least 0.5, aim 0.75); by CPU time {ratios[1]:.2f}")
    print(f"  bytes of an answer on disk {path.stat().st_size / rounds / MINERS:.0f} (at most 800, aim 500)")


async def bench_loading(folder: Path, stored: int) -> None:
    """Two databases, looked into turn by turn: the due round and its 256 answers as rows."""
    async with (
        await SqliteStore.open(folder / "few.db") as few,
        await SqliteStore.open(folder / "many.db") as many,
    ):
        sizes = {few: FEW // MINERS, many: stored // MINERS}
        for store, rounds in sizes.items():
            for number in range(rounds):
                await store.apply(fast_round(number, due=number == rounds // 2))
        taken: dict[SqliteStore, list[Taken]] = {few: [], many: []}
        for look in range(LOOKS):
            for store in (few, many) if look % 2 else (many, few):
                taken[store].append(await timed(load_due_round(store)))
    for store, times in taken.items():
        wall, cpu = zip(*times, strict=True)
        spread = f"[{min(wall) * 1e3:.2f}..{max(wall) * 1e3:.2f}]"
        print(
            f"loading the due round, {sizes[store] * MINERS:9,} answers stored: {statistics.median(wall) * 1e3:.2f} ms "
            f"{spread}, CPU {statistics.median(cpu) * 1e3:5.2f} ms"
        )
    ratios = [
        statistics.median(t[k] for t in taken[many]) / statistics.median(t[k] for t in taken[few]) for k in (0, 1)
    ]
    print(f"  many / few {ratios[0]:.2f} (at most 3, aim 1.6); by CPU time {ratios[1]:.2f}")


async def load_due_round(store: SqliteStore) -> None:
    (due,) = await store.due_rounds(now_ms=10**15, limit=1)
    assert MINERS == len(await store.submissions(due.round_id))


TEMPLATE = a_full_round(0).submissions


def fast_round(number: int, *, due: bool = False) -> Change:
    """A round like the others, its numbers from the operating system: a million are made in seconds."""
    row = a_round(number, due_at_ms=number + 1 if due else None)
    noise = os.urandom(400 * MINERS)
    rows = []
    for place, first in enumerate(TEMPLATE):
        values = noise[place * 400 : place * 400 + 400]
        rows.append(
            replace(
                first,
                round_id=row.round_id,
                answer=Answer((1, 100), "float32", values),
                evidence=first.evidence[:-400] + values,
            )
        )
    return Change(rounds=(row,), submissions=tuple(rows))


async def bench_memory_and_copy(folder: Path) -> None:
    store = MemoryStore()
    changes = [Change(rounds=(a_round(n),), submissions=tuple(TEMPLATE[:2])) for n in range(5_000)]
    started = time.perf_counter()
    for change in changes:
        await store.apply(change)
    print(f"memory twin: {(time.perf_counter() - started) / len(changes) * 1e6:.1f} us a change of 3 rows")
    full = MemoryStore()
    for number in range(100):
        await full.apply(fast_round(number))
    async with await SqliteStore.open(folder / "copy.db") as target:
        started = time.perf_counter()
        rows = await copy_store(full, target)
        print(f"copy to SQLite: {rows / (time.perf_counter() - started):.0f} rows/s ({rows} rows)")


async def run(folder: Path, rounds: int, stored: int) -> None:
    print(f"sqlite {sqlite3.sqlite_version}, load average {os.getloadavg()[0]:.2f}, in {folder.stat().st_dev:x}")
    await bench_recording(folder, rounds, evidence=True)
    await bench_recording(folder, rounds, evidence=False)
    await bench_memory_and_copy(folder)
    await bench_loading(folder, stored)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200, help="rounds recorded each way")
    parser.add_argument("--stored", type=int, default=MANY, help="answers stored for the second loading figure")
    parser.add_argument("--folder", type=Path, default=None, help="where the databases are made (default: a new one)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        asyncio.run(run(Path(folder), arguments.rounds, arguments.stored))


if __name__ == "__main__":
    main()
