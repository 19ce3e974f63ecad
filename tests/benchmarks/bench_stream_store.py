"""The store's figures for open streams: scenario sets and settlements kept, their bytes on disk, a start, retention.

    python -m tests.benchmarks.bench_stream_store [--streams 500] [--owners 20] [--minutes 3]

One "minute" is a value for each stream, four settlements with all owners, booked in points, and a fifth of the owners
resubmitting everywhere in batches. The floor is `sqlite3.executemany` of the same scenarios, WAL with synchronous=FULL.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

import numpy as np

from neurons.records import Change
from neurons.store.sqlite import SqliteStore
from neurons.stream_records import SettlementRow, StreamChange, StreamValueRow, WordRow
from protocol.rules.points import settlement_transaction
from protocol.rules.pot import settle
from protocol.rules.stream_names import DELAYS
from protocol.units import MINUTE_MS, Digest, UnixMs
from tests.support.rows import digest_of, hotkey_of
from tests.support.stream_rows import T0, a_stream, name_of

BATCH_ROWS = 700
SETS = np.sort(np.random.default_rng(5).normal(size=(256, 225)), axis=1).astype("<f8")
Taken = tuple[float, float]
"""Seconds of wall time, and of CPU time of all of the process's threads."""


async def timed(work: Awaitable[object]) -> Taken:
    wall, cpu = time.perf_counter(), time.process_time()
    await work
    return time.perf_counter() - wall, time.process_time() - cpu


def batches(streams: int, owners: range, at_ms: int) -> list[tuple[WordRow, ...]]:
    """Every one of these owners' words for every horizon, as the batches in which they come."""
    made = []
    for owner in owners:
        digest = Digest(digest_of("batch", owner, at_ms))
        rows = [
            WordRow(
                name_of(stream), 1, delay, hotkey_of(owner), UnixMs(at_ms), at_ms, "owner", False,
                SETS[(stream + owner + at_ms) % 256].tobytes(), digest,
            )
            for stream in range(streams)
            for delay in DELAYS
        ]  # fmt: skip
        made += [tuple(rows[start : start + BATCH_ROWS]) for start in range(0, len(rows), BATCH_ROWS)]
    return made


def a_value_and_its_pots(stream: int, owners: int, at_ms: int) -> Change:
    """One value, four settlements with every owner, and what they book: one change."""
    value = StreamValueRow(name_of(stream), 1, at_ms, UnixMs(at_ms), "1.25", True, Digest(digest_of(stream, at_ms)))
    keys = [hotkey_of(owner).hex() for owner in range(owners)]
    rows = []
    for place, delay in enumerate(DELAYS):
        pot = settle(keys, SETS[(stream + place) % 200 : (stream + place) % 200 + owners], 0.25, spread=1.0)
        rows.append(SettlementRow(name_of(stream), 1, at_ms, delay, hotkey_of(stream), UnixMs(at_ms), pot))
    booked = [
        settlement_transaction(
            row.settlement, publisher="p", stream=row.name, delay=row.delay, sequence=at_ms, at_ms=row.at_ms
        )
        for row in rows
    ]
    return Change(
        transactions=tuple(one for one in booked if one is not None),
        open_streams=StreamChange(
            streams=(a_stream(stream, sequence=at_ms - T0),), values=(value,), settlements=tuple(rows)
        ),
    )


def floor_of(path: Path, made: list[tuple[WordRow, ...]]) -> float:
    """Seconds for the same scenarios in the same transactions, by the driver alone."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE words (stream TEXT, delay INTEGER, owner BLOB, at_ms INTEGER, scenarios BLOB)")
    rows = [[(r.name, r.delay, r.owner, r.received_at_ms, r.scenarios) for r in batch] for batch in made]
    started = time.perf_counter()
    for batch in rows:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO words VALUES (?, ?, ?, ?, ?)", batch)
        connection.execute("COMMIT")
    taken = time.perf_counter() - started
    connection.close()
    return taken


async def together(store: SqliteStore, changes: list[Change]) -> None:
    await asyncio.gather(*(store.apply(change) for change in changes))


async def load(store: SqliteStore) -> None:
    async for _ in await store.standing_streams():
        pass
    await store.day_sums()
    await store.balances()


async def run(folder: Path, streams: int, owners: int, minutes: int) -> None:
    path = folder / "streams.db"
    print(f"sqlite {sqlite3.sqlite_version}, load average {os.getloadavg()[0]:.2f}; {streams} streams, {owners} owners")
    made = batches(streams, range(owners), T0)
    sets = sum(map(len, made))
    async with await SqliteStore.open(path) as store:
        await together(store, [Change(open_streams=StreamChange(streams=(a_stream(n),))) for n in range(streams)])
        wall, cpu = 0.0, 0.0
        for batch in made:
            one = await timed(store.apply(Change(open_streams=StreamChange(words=batch))))
            wall, cpu = wall + one[0], cpu + one[1]
    floor = floor_of(folder / "floor.db", made)
    print(
        f"scenario sets in batches of {BATCH_ROWS}: {sets} in {wall:.2f} s, {sets / wall:.0f} a second, CPU "
        f"{cpu / sets * 1e6:.0f} us a set; bare executemany {sets / floor:.0f} a second, "
        f"floor / store {floor / wall:.2f}"
    )
    print(f"bytes of a set on disk {path.stat().st_size / sets:.0f}, of which its 225 numbers {225 * 8}")
    async with await SqliteStore.open(path) as store:
        for minute in range(1, minutes + 1):
            at_ms = T0 + minute * MINUTE_MS
            values = [a_value_and_its_pots(n, owners, at_ms) for n in range(streams)]
            again = batches(streams, range(owners // 5), at_ms)
            settled = await timed(together(store, values))
            heard = await timed(together(store, [Change(open_streams=StreamChange(words=batch)) for batch in again]))
            print(
                f"minute {minute}: {streams} values with {4 * streams} settlements of {owners} owners in "
                f"{settled[0]:.2f} s (CPU {settled[1]:.2f} s), {sum(map(len, again))} sets again in {heard[0]:.2f} s "
                f"(CPU {heard[1]:.2f} s)"
            )
        loaded = await timed(load(store))
        print(f"a start reads all that stands in {loaded[0]:.2f} s (CPU {loaded[1]:.2f} s)")
        later = UnixMs(T0 + (minutes + 60) * MINUTE_MS)
        dropped = await store.prune_streams(now_ms=later, settled_before_ms=0)
        pruned = await timed(store.prune_streams(now_ms=later, settled_before_ms=0))
        print(f"retention an hour later dropped {dict(dropped)}; with nothing to drop it takes {pruned[0]:.2f} s")
    bare = sqlite3.connect(path)
    try:
        sizes = dict(bare.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall())
    except sqlite3.OperationalError:
        sizes = {}
    finally:
        bare.close()
    for table, rows in (("settlements", 4 * streams * minutes), ("postings", 4 * streams * owners * minutes)):
        if table in sizes:
            print(f"{table}: {sizes[table] / rows:.0f} bytes a row without indexes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--owners", type=int, default=20)
    parser.add_argument("--minutes", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder), arguments.streams, arguments.owners, arguments.minutes))


if __name__ == "__main__":
    main()
