"""Reading as an auditor: one instant of a database in use, and rows that no node would write."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from neurons.records import Change
from neurons.store.auditing import AuditSqlite
from neurons.store.sqlite import SqliteStore
from protocol.rules.ledger import AUG
from tests.support.rows import a_round, a_score, a_transaction


def test_all_reads_see_one_instant_while_a_node_goes_on_writing(tmp_path: Path):
    async def check() -> None:
        async with await SqliteStore.open(tmp_path / "node.db") as store:
            await store.apply(Change(rounds=(a_round(1),), scores=(a_score(1, 1),)))
            async with AuditSqlite.open(store.path) as database:
                assert 1 == (await database.row_counts())["rounds"]
                await store.apply(Change(rounds=(a_round(2),), scores=(a_score(2, 1),)))
                assert [a_round(1)] == list(await database.rounds())
                assert 1 == (await database.row_counts())["scores"]
            async with AuditSqlite.open(store.path) as database:
                assert 2 == (await database.row_counts())["rounds"]

    asyncio.run(check())


def test_a_transaction_that_does_not_balance_is_read_as_it_stands(tmp_path: Path):
    path = tmp_path / "node.db"

    async def check() -> None:
        async with await SqliteStore.open(path) as store:
            await store.apply(Change(transactions=(a_transaction("t", {"a": 5, "b": -5}),)))
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("UPDATE postings SET amount_micros = 7 WHERE place = 0")
        connection.close()
        async with AuditSqlite.open(path) as database:
            booked = await database.booked("t")
            assert booked is not None
            assert {("a", AUG): 7, ("b", AUG): -5} == booked.legs
            assert {AUG: 2} == await database.posting_sums()
            assert ["t"] == [one async for one in database.booked_ids()]
            assert None is await database.booked("another")

    asyncio.run(check())
