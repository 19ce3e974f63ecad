"""Days of settlements, folded in whatever order, stopped at whatever instant: sums as if nothing had been folded."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurons.ports import Store
from neurons.store import folding
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from neurons.stream_records import DaySumRow, SettlementRow
from neurons.validating.streams.rows import taken_back
from protocol.params import MAIN
from protocol.rules.ledger import Account
from protocol.rules.points import POINTS, POINTS_RESERVE, points_account
from protocol.rules.pot import settle
from protocol.units import DAY_MS, MICRO, Micros, UnixMs
from tests.support.rows import hotkey_of
from tests.support.stream_rows import T0, a_settlement, booked, name_of

FAR_MS = T0 + 100 * DAY_MS
OWNERS = 4


def all_days(lines: list[DaySumRow]) -> list[DaySumRow]:
    """Sums of days without what says how much of them was folded."""
    return [replace(line, folded=0, folded_micros=Micros(0)) for line in lines]


async def check_same(store: Store, whole: Store) -> None:
    """`store`, which folds, against `whole`, which never did."""
    balances = await whole.balances()
    assert balances == await store.balances()
    assert list(await whole.day_sums()) == all_days(list(await store.day_sums()))
    booked_sums: Counter[tuple[Account, str]] = Counter()
    async for one in await store.transactions():
        booked_sums.update({(leg.account, leg.unit): leg.amount_micros for leg in one.postings})
    assert dict(balances) == {key: amount for key, amount in booked_sums.items() if amount}
    for owner in map(hotkey_of, range(OWNERS)):
        kept = list(await store.settlements(owner=owner, limit=10_000))
        days = await store.folded_days(owner, limit=10_000)
        told = sum(amount_of(row, owner.hex()) for row in kept) + sum(day.folded_micros for day in days)
        assert balances.get((points_account(owner.hex()), POINTS), 0) == told
        every = await whole.settlements(owner=owner, limit=10_000)
        assert len(every) == len(kept) + sum(day.folded for day in days)


def amount_of(row: SettlementRow, owner: str) -> int:
    return dict(zip(row.settlement.owners, row.settlement.amounts_micros, strict=True))[owner]


@pytest.fixture(scope="module")
def new_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database to copy: making one takes longer than what is tried on it."""
    path = tmp_path_factory.mktemp("new") / "node.db"

    async def make() -> None:
        await (await SqliteStore.open(path)).aclose()

    asyncio.run(make())
    return path


@st.composite
def a_pot(draw: st.DrawFn, sequence: int) -> SettlementRow:
    """A settlement whose owners won and lost whatever adds up to zero, the reserve included."""
    number, delay = draw(st.integers(0, 1)), draw(st.sampled_from((70, 310)))
    owners = draw(st.permutations(range(OWNERS)))[: draw(st.integers(0, OWNERS))]
    amounts = [draw(st.integers(-3, 3)) * MICRO for _ in owners]
    pot = settle([], [], 0.0, spread=1.0)
    pot = replace(
        pot,
        owners=tuple(hotkey_of(owner).hex() for owner in owners),
        amounts_micros=tuple(map(Micros, amounts)),
        crps_nano=(0,) * len(owners),
        log_score_nano=None,
        reserve_micros=Micros(-sum(amounts)),
    )
    day = draw(st.integers(0, 2))
    return replace(a_settlement(number, sequence, delay=delay, day=day, owners=()), settlement=pot)


@st.composite
def a_history(draw: st.DrawFn) -> list[SettlementRow | int | None]:
    """Settlements, folds of what is before an instant, and None for a restart."""
    steps: list[SettlementRow | int | None] = []
    for sequence in range(draw(st.integers(1, 14))):
        steps.append(draw(a_pot(sequence)))
        while draw(st.booleans()):
            days, sequences = draw(st.integers(0, 3)), draw(st.integers(0, 14))
            steps.append(draw(st.sampled_from((None, T0 + days * DAY_MS + sequences))))
    return steps


@given(history=a_history())
@settings(max_examples=50, deadline=None)
def test_any_order_of_settlements_folds_and_restarts_leaves_every_sum_as_without_folds(
    history, new_file, tmp_path_factory
):
    path = Path(shutil.copy(new_file, tmp_path_factory.mktemp("folds") / "node.db"))

    async def run() -> None:
        file, memory, whole = await SqliteStore.open(path), MemoryStore(), MemoryStore()
        try:
            for step in history:
                if step is None:
                    await file.aclose()
                    file = await SqliteStore.open(path)
                elif isinstance(step, int):
                    touched = [await store.prune_streams(now_ms=T0, settled_before_ms=step) for store in (file, memory)]
                    assert touched[0] == touched[1]
                else:
                    for store in (file, memory, whole):
                        await store.apply(booked(step))
                        await store.apply(booked(step))  # a caller that was cancelled writes again
            for store in (file, memory):
                await check_same(store, whole)
            wanted = (await taken_back(whole, MAIN.streams)).book
            assert wanted == (await taken_back(file, MAIN.streams)).book
            assert ({}, {}) == (await file.wrong_balances(), await file.dangling_names())
        finally:
            await file.aclose()

    asyncio.run(run())


def some_rows() -> list[SettlementRow]:
    return [
        a_settlement(n, 10 * day + s, delay=delay, day=day)
        for n in (1, 2)
        for delay in (70, 310)
        for day in (0, 1)
        for s in (1, 2, 3)
    ]


def test_a_power_cut_at_any_statement_of_a_fold_loses_nothing_and_the_next_start_goes_on(tmp_path):
    """What lies on the disk at each statement is opened as a start would."""
    path, cuts = tmp_path / "node.db", 0
    whole, rows = MemoryStore(), some_rows()

    async def keep() -> None:
        await whole.apply(booked(*rows))
        async with await SqliteStore.open(path) as store:
            await store.apply(booked(*rows))

    async def start_again(number: int) -> None:
        async with await SqliteStore.open(tmp_path / f"cut{number}.db") as store:
            assert {} == await store.wrong_balances()
            await check_same(store, whole)
            await store.prune_streams(now_ms=T0, settled_before_ms=FAR_MS)
            await check_same(store, whole)
            assert [] == list(await store.settlements())

    asyncio.run(keep())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")  # pages reach the log in the midst of a transaction
        cut_at = 0

        def cut(_: str) -> None:
            nonlocal cuts, cut_at
            cut_at += 1
            if cut_at % 8 == 0:
                cuts += 1
                for end in ("", "-wal"):
                    shutil.copy(f"{path}{end}", tmp_path / f"cut{cuts}.db{end}")

        [job] = folding.due(FAR_MS)(connection)
        connection.set_trace_callback(cut)
        for half in (job[:10], job[10:]):
            connection.execute("BEGIN IMMEDIATE")
            folding.fold(half, FAR_MS)(connection)
            connection.execute("COMMIT")
        connection.set_trace_callback(None)
    for number in range(1, cuts + 1):
        asyncio.run(start_again(number))
    assert cuts > 20


def test_a_fold_that_is_stopped_between_jobs_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(folding, "BYTES_A_JOB", 1)
    monkeypatch.setattr(folding, "A_PASS", 5)
    whole, rows = MemoryStore(), some_rows()

    async def run() -> None:
        await whole.apply(booked(*rows))
        async with await SqliteStore.open(tmp_path / "node.db") as store:
            await store.apply(booked(*rows))
            left = len(rows)
            while left:
                commits = store.commits
                pruning = asyncio.create_task(store.prune_streams(now_ms=T0, settled_before_ms=FAR_MS))
                while store.commits < commits + 6 and not pruning.done():  # noqa: ASYNC110 - commits tell nobody
                    await asyncio.sleep(0)
                pruning.cancel()
                await asyncio.gather(pruning, return_exceptions=True)
                await check_same(store, whole)
                now_left = len(await store.settlements())
                assert now_left < left
                left = now_left

    asyncio.run(run())


def test_settlements_of_many_owners_are_jobs_by_themselves_and_small_ones_share_one():
    sizes = [(1, 10_000), (2, 60_000), (3, 20_000), (4, 200_000), (5, 1), (6, 80_000)]
    assert [[1, 2], [3], [4], [5], [6]] == list(folding._jobs(sizes))


def test_a_settlement_that_is_not_old_enough_any_more_is_passed_over(tmp_path):
    """A job is handed rowids; what lies there by then may be another settlement."""

    async def keep() -> None:
        async with await SqliteStore.open(tmp_path / "node.db") as store:
            await store.apply(booked(a_settlement(1, 5)))

    asyncio.run(keep())
    with closing(sqlite3.connect(tmp_path / "node.db")) as connection:
        [[rowid]] = folding.due(T0 + 6)(connection)
        assert {} == dict(folding.fold([rowid, rowid + 1], T0 + 5)(connection))
        assert {"settlements": 1, "transactions": 1} == dict(folding.fold([rowid, rowid + 1], T0 + 6)(connection))


def test_the_file_stops_growing_when_as_much_is_folded_as_comes(tmp_path):
    path = tmp_path / "node.db"

    def pages() -> int:
        with closing(sqlite3.connect(path)) as connection:
            return int(connection.execute("PRAGMA page_count").fetchone()[0])

    one = a_settlement(1, 1, owners=tuple(range(8)))

    def of_day(day: int) -> list[SettlementRow]:
        return [
            replace(one, name=name_of(n), delay=delay, sequence=1_000 * day + s, at_ms=UnixMs(T0 + day * DAY_MS + s))
            for n in range(5)
            for delay in (70, 310)
            for s in range(120)
        ]

    async def run() -> list[int]:
        sizes = []
        async with await SqliteStore.open(path) as store:
            for day in range(5):
                await store.apply(booked(*of_day(day)))
                await store.prune_streams(now_ms=T0, settled_before_ms=T0 + day * DAY_MS)
                sizes.append(pages())
        return sizes

    first, second, *later = asyncio.run(run())
    assert second - first > 40
    assert max(later) - second < (second - first) / 5


def test_reserve_and_subsidy_are_folded_like_any_account():
    async def run() -> None:
        store, whole = MemoryStore(), MemoryStore()
        pot = replace(
            a_settlement(1, 1).settlement, amounts_micros=(Micros(-3), Micros(1), Micros(1)), reserve_micros=Micros(1)
        )
        row = replace(a_settlement(1, 1), settlement=pot)
        for one in (store, whole):
            await one.apply(booked(row))
        await store.prune_streams(now_ms=T0, settled_before_ms=FAR_MS)
        assert 1 == (await store.balances())[POINTS_RESERVE, POINTS]
        await check_same(store, whole)

    asyncio.run(run())


def test_whoever_asks_while_it_is_folded_is_told_each_settlement_once(tmp_path, monkeypatch):
    monkeypatch.setattr(folding, "BYTES_A_JOB", 1)
    rows = [a_settlement(n, s, delay=delay) for n in range(4) for delay in (70, 310) for s in range(20)]
    owner = hotkey_of(1)

    async def run() -> set[int]:
        seen = set()
        async with await SqliteStore.open(tmp_path / "node.db") as store:
            await store.apply(booked(*rows))
            balance = (await store.balances())[points_account(owner.hex()), POINTS]
            pruning = asyncio.create_task(store.prune_streams(now_ms=T0, settled_before_ms=FAR_MS))
            while not pruning.done():
                kept, days = await store.settled_of(owner, limit=1_000)
                told = sum(amount_of(row, owner.hex()) for row in kept) + sum(day.folded_micros for day in days)
                assert balance == told
                seen.add(len(kept))
            await pruning
        return seen

    assert len(asyncio.run(run())) > 5
