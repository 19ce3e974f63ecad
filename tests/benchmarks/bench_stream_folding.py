"""What settlements of open streams leave on the disk before and after they are folded into days, and who waits for it.

    python -m tests.benchmarks.bench_stream_folding [--streams 500] [--owners 20] [--minutes 20] [--days 4]

A "day" here has some minutes only, one value a stream each, four settlements with all owners, booked in points. Bytes
of a whole day are before those of a settlement times 1,440 minutes of them, after what is left, whatever the minutes.
While a day is folded, a change of one row is brought every 20 ms, and the event loop is looked at every 5 ms. Last,
pots of 10,000 owners are folded, and settlements searched of keys that play everywhere, played once, and never did.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from neurons.records import Change, MetaRow
from neurons.store.sqlite import SqliteStore
from neurons.stream_records import SettlementRow
from neurons.validating.streams.rows import taken_back
from protocol.params import MAIN
from protocol.rules.pot import Settlement
from protocol.rules.stream_names import DELAYS
from protocol.units import DAY_MS, MINUTE_MS, Micros, Nano, UnixMs
from tests.support.rows import hotkey_of
from tests.support.stream_rows import T0, a_settlement, booked, name_of

MINUTES_A_DAY: Final = 1_440
MANY: Final = 10_000
SINGLE: Final = (
    "settlements", "sqlite_autoindex_settlements_1", "settlements_by_time", "transactions",
    "sqlite_autoindex_transactions_1", "postings",
)  # fmt: skip
"""The tables and indexes of what is kept one by one; days' bookings lie in the last three too."""
SUMS: Final = ("stream_days", "stream_days_by_owner")


@dataclass
class Waits:
    """Milliseconds that somebody waited, one by one."""

    commits: list[float] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)


def a_pot(owners: range) -> Settlement:
    """Everybody's points move."""
    amounts = [Micros(100_000 + place if place % 2 else -100_000 - place) for place in range(len(owners))]
    return replace(
        a_settlement(1, 1).settlement,
        owners=tuple(hotkey_of(owner).hex() for owner in owners),
        amounts_micros=tuple(amounts),
        reserve_micros=Micros(-sum(amounts)),
        crps_nano=(Nano(1),) * len(owners),
        log_score_nano=(Nano(1),) * len(owners),
    )


def a_minute(pot: Settlement, streams: int, at_ms: int) -> list[SettlementRow]:
    return [
        SettlementRow(name_of(stream), 1, at_ms, delay, hotkey_of(stream), UnixMs(at_ms), pot)
        for stream in range(streams)
        for delay in DELAYS
    ]


async def keep(store: SqliteStore, rows: list[SettlementRow]) -> None:
    step = len(DELAYS)
    await asyncio.gather(*(store.apply(booked(*rows[n : n + step])) for n in range(0, len(rows), step)))


async def watched(store: SqliteStore, before_ms: int, waits: Waits) -> float:
    """Seconds of one folding of everything before an instant, while others want the store and the loop."""

    async def commit() -> None:
        while True:
            started = time.perf_counter()
            await store.apply(Change(meta=(MetaRow("bench", str(started)),)))
            waits.commits.append(1e3 * (time.perf_counter() - started))
            await asyncio.sleep(0.02)

    async def turn() -> None:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.005)
            waits.turns.append(1e3 * (time.perf_counter() - started) - 5)

    beside = [asyncio.create_task(one()) for one in (commit, turn)]
    started = time.perf_counter()
    await store.prune_streams(now_ms=T0, settled_before_ms=before_ms)
    taken = time.perf_counter() - started
    for one in beside:
        one.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    return taken


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def sizes_of(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as bare:
        bare.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return dict(bare.execute("SELECT name, sum(pgsize - unused) FROM dbstat GROUP BY name").fetchall())


def file_of(path: Path) -> tuple[float, float]:
    """MB of the file, and of it the pages that are free."""
    with closing(sqlite3.connect(path)) as bare:
        pages, free, size = (
            bare.execute(f"PRAGMA {one}").fetchone()[0] for one in ("page_count", "freelist_count", "page_size")
        )
    return pages * size / 1e6, free * size / 1e6


def told(waits: list[float]) -> str:
    ordered = sorted(waits)
    middle, late = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return f"median {middle:.1f}, 99% {late:.1f}, worst {ordered[-1]:.1f} ms"


async def searched(store: SqliteStore, whose: str, owner: int) -> None:
    started = time.perf_counter()
    found = await store.settlements(owner=hotkey_of(owner), limit=50)
    taken = 1e3 * (time.perf_counter() - started)
    print(f"the newest settlements of {whose}: {len(found)} found in {taken:.1f} ms")


async def fold_days(path: Path, streams: int, owners: int, minutes: int, days: int) -> None:
    pot, waits = a_pot(range(owners)), Waits()
    settlements, sums = minutes * streams * len(DELAYS), streams * len(DELAYS)
    empty = {}
    async with await SqliteStore.open(path) as store:
        empty = sizes_of(path)
        for day in range(days):
            started = time.perf_counter()
            for minute in range(minutes):
                await keep(store, a_minute(pot, streams, T0 + day * DAY_MS + minute * MINUTE_MS))
            filled = time.perf_counter() - started
            if day == 0:
                before = sizes_of(path)
                single = sum(before[one] - empty[one] for one in SINGLE)
                print(
                    f"kept one by one: {single / settlements:.0f} bytes a settlement with its booking, "
                    f"{single / settlements * MINUTES_A_DAY * sums / 1e9:.2f} GB in a whole day"
                )
            taken = await watched(store, T0 + (day + 1) * DAY_MS, waits)
            now = sizes_of(path)
            if day == 0:
                booking, summed = (sum(now[one] - empty[one] for one in group) for group in (SINGLE, SUMS))
                print(
                    f"folded: {(booking + summed) / 1e6:.2f} MB a day ({booking / 1e6:.2f} the day's bookings, "
                    f"{summed / 1e6:.2f} the sums of its {sums * owners} owners and horizons), however many settlements"
                )
            size, free = file_of(path)
            print(
                f"day {day}: {settlements} settlements kept in {filled:.1f} s, folded in {taken:.1f} s, "
                f"{taken / settlements * 1e6:.0f} us each; file {size:.0f} MB, {free:.0f} of it free"
            )
        print(f"meanwhile a change waited {told(waits.commits)}; the event loop was late by {told(waits.turns)}")
        assert {} == await store.wrong_balances()
        started, held = time.perf_counter(), resident_mb()
        kept = await taken_back(store, MAIN.streams)
        taken, more = time.perf_counter() - started, resident_mb() - held
        boards = len(kept.book.tallies.days)
        print(
            f"a start takes {days} days back into {boards} boards: {taken / days:.2f} s and {more / days:.1f} MB a day"
        )


async def fold_many(path: Path) -> None:
    pot, waits = a_pot(range(MANY)), Waits()
    async with await SqliteStore.open(path) as store:
        for minute in range(4):
            await keep(store, a_minute(pot, 1, T0 + minute * MINUTE_MS))
        taken = await watched(store, T0 + DAY_MS, waits)
        print(
            f"16 settlements of {MANY} owners folded in {taken:.2f} s; a change waited {told(waits.commits)}, "
            f"the event loop was late by {told(waits.turns)}"
        )


async def search(path: Path, streams: int, owners: int, minutes: int) -> None:
    """A day on which one key played once; what comes after it is full of others."""
    pot = a_pot(range(owners))
    async with await SqliteStore.open(path) as store:
        once = [one for one in a_minute(a_pot(range(owners + 1)), 1, T0) if one.delay == DELAYS[0]]
        await keep(store, once)
        for minute in range(1, minutes):
            await keep(store, a_minute(pot, streams, T0 + minute * MINUTE_MS))
        for minute in range(3):
            await keep(store, a_minute(pot, streams, T0 + DAY_MS + minute * MINUTE_MS))
        print(f"{minutes * streams * len(DELAYS)} settlements on one day, {3 * streams * len(DELAYS)} on the next")
        await searched(store, "a key that plays everywhere", 1)
        await searched(store, "a key that played once on the day before", owners)
        await searched(store, "a key without settlements", streams - 1)
    with closing(sqlite3.connect(path)) as bare:
        started = time.perf_counter()
        bare.execute("SELECT rowid FROM settlements WHERE instr(sides, x'ffffffff') > 0 ORDER BY at_ms").fetchall()
        print(f"looking through all of them, as before: {1e3 * (time.perf_counter() - started):.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--owners", type=int, default=20)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--days", type=int, default=4)
    given = parser.parse_args()
    print(f"sqlite {sqlite3.sqlite_version}, load average {os.getloadavg()[0]:.2f}; generated pots")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(fold_days(Path(folder) / "days.db", given.streams, given.owners, given.minutes, given.days))
        asyncio.run(fold_many(Path(folder) / "many.db"))
        asyncio.run(search(Path(folder) / "search.db", given.streams, given.owners, given.minutes))


if __name__ == "__main__":
    main()
