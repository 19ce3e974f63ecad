"""What only a file can do wrong: shared commits, other releases, other nodes, a full disk, backups, threads."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import warnings
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from neurons.ports import StoreUnavailable
from neurons.records import Change, MetaRow
from neurons.store import schema, sqlite
from neurons.store.claim import claim_store
from neurons.store.copying import copy_store
from neurons.store.errors import RowRefused, StoreInUse, StoreOfAnotherNetwork, StoreTooNew
from neurons.store.memory import MemoryStore
from neurons.store.opening import open_store
from neurons.store.sqlite import ReadOnlySqlite, SqliteStore
from neurons.store.upgrade import MIGRATIONS
from neurons.store.writer import Committer
from protocol.errors import InvalidSetting
from protocol.params import DEMO, MAIN
from protocol.rules.ledger import AUG
from protocol.units import Nano
from tests.support.rows import (
    a_commitment,
    a_draft,
    a_round,
    a_score,
    a_submission,
    a_transaction,
    hotkey_of,
    round_id_of,
)

ROUND_OF_BYTES = Change(submissions=tuple(a_submission(1, miner, paths=20) for miner in range(8)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "node.db"


def on_file(path: Path, check: Callable[[SqliteStore], Awaitable[None]]) -> None:
    async def run() -> None:
        async with await SqliteStore.open(path) as store:
            await check(store)

    asyncio.run(run())


def test_many_concurrent_changes_share_few_commits(path):
    async def check(store: SqliteStore) -> None:
        before = store.commits
        await asyncio.gather(*(store.apply(Change(scores=(a_score(n, 1),))) for n in range(500)))

        assert store.commits - before <= 3

    on_file(path, check)


def test_a_change_that_waits_for_room_is_kept_too(path, monkeypatch):
    monkeypatch.setattr("neurons.store.writer.WAITING_MOST", 4)

    async def check(store: SqliteStore) -> None:
        await asyncio.gather(*(store.apply(Change(scores=(a_score(1, n),))) for n in range(100)))

        assert 100 == len(await store.round_scores(round_id_of(1)))

    on_file(path, check)


def test_a_cancelled_caller_stops_nobody_else(path):
    async def check(store: SqliteStore) -> None:
        tasks = [asyncio.create_task(store.apply(Change(scores=(a_score(1, n),)))) for n in range(10)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        told = await asyncio.gather(*tasks, return_exceptions=True)

        assert isinstance(told[3], asyncio.CancelledError)
        assert 9 == told.count(None)
        await store.apply(Change(scores=(a_score(2, 1),)))
        assert [a_score(2, 1)] == list(await store.round_scores(round_id_of(2)))

    on_file(path, check)


def test_what_was_written_is_there_when_the_file_is_opened_again(path):
    async def write(store: SqliteStore) -> None:
        await store.apply(Change(rounds=(a_round(1),), submissions=(a_submission(1, 1),)))

    async def check(store: SqliteStore) -> None:
        await store.apply(Change(rounds=(a_round(1, state="resolved"),), submissions=(a_submission(1, 2),)))
        assert a_round(1, state="resolved") == await store.round(round_id_of(1))
        assert {a_submission(1, 1), a_submission(1, 2)} == set(await store.submissions(round_id_of(1)))

    on_file(path, write)
    on_file(path, check)


def test_changes_that_wait_at_closing_are_kept_and_later_ones_refused(path):
    async def run() -> None:
        store = await SqliteStore.open(path)
        waiting = [asyncio.create_task(store.apply(Change(scores=(a_score(1, n),)))) for n in range(20)]
        await asyncio.sleep(0)
        await store.aclose()
        assert [None] * 20 == await asyncio.gather(*waiting)
        with pytest.raises(StoreUnavailable):
            await store.apply(Change(scores=(a_score(2, 1),)))

    async def check(store: SqliteStore) -> None:
        assert 20 == len(await store.round_scores(round_id_of(1)))

    asyncio.run(run())
    on_file(path, check)


def test_no_thread_and_no_warning_is_left_behind(path):
    async def check(store: SqliteStore) -> None:
        await store.apply(Change(rounds=(a_round(1),)))
        await asyncio.gather(*(store.round(round_id_of(1)) for _ in range(8)))

    before = set(threading.enumerate())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        on_file(path, check)

    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(timeout=10)  # a reader's thread says that it has closed just before it ends
    assert not any(thread.is_alive() for thread in left)
    assert ["node.db", "node.db.lock"] == sorted(os.listdir(path.parent))  # noqa: PTH208  names are enough


def test_two_nodes_on_one_database_are_refused_until_the_first_stops(path):
    async def check(store: SqliteStore) -> None:
        with pytest.raises(StoreInUse) as refused:
            await SqliteStore.open(path)
        assert str(os.getpid()) == refused.value.fields["owner"]
        assert "stop the other node" in str(refused.value)

    on_file(path, check)
    on_file(path, lambda store: store.apply(Change(rounds=(a_round(1),))))


def test_a_database_of_a_newer_schema_is_refused_and_left_alone(path):
    on_file(path, lambda store: store.apply(Change(rounds=(a_round(1),))))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    connection.close()
    for open_it in (SqliteStore.open, open_readonly):
        with pytest.raises(StoreTooNew) as refused:
            asyncio.run(open_it(path))
        assert ("0999", schema.REVISION) == (refused.value.fields["found"], refused.value.fields["known"])
        assert "0999" in str(refused.value)
    connection = sqlite3.connect(path)
    assert [("0999",)] == connection.execute("SELECT * FROM alembic_version").fetchall()
    connection.close()


async def open_readonly(path: Path) -> ReadOnlySqlite:
    return ReadOnlySqlite.open(path)


@pytest.mark.parametrize("content", [b"no database at all, just text" * 100, None])
def test_a_file_that_is_no_node_s_database_is_refused_and_left_alone(path, content):
    if content is None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE recipes (cake TEXT)")
        connection.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()

    with pytest.raises(StoreUnavailable):
        asyncio.run(SqliteStore.open(path))
    assert before[100:] == path.read_bytes()[100:]


def test_the_migrations_make_exactly_the_tables_of_the_schema(path):
    on_file(path, lambda store: store.apply(Change(rounds=(a_round(1),))))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert schema.REVISION == ScriptDirectory.from_config(config).get_current_head()

    def ddl(connection: sqlite3.Connection) -> dict[str, str]:
        query = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name != 'alembic_version'"
        return {name: "".join(sorted("".join(sql.split()))) for name, sql in connection.execute(query)}

    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert [] == compare_metadata(MigrationContext.configure(connection), schema.metadata)
        migrated = ddl(connection.connection.dbapi_connection)
    engine.dispose()
    fresh = create_engine("sqlite://")
    schema.metadata.create_all(fresh)
    with fresh.connect() as connection:
        assert ddl(connection.connection.dbapi_connection) == migrated
    fresh.dispose()


def test_a_full_disk_loses_nothing_and_works_again_when_there_is_room(path, monkeypatch):
    writers: list[sqlite3.Connection] = []
    connect = sqlite._connect_writer
    monkeypatch.setattr(sqlite, "_connect_writer", lambda at: writers.append(connect(at)) or writers[0])

    async def check(store: SqliteStore) -> None:
        await store.apply(Change(rounds=(a_round(1),), commitments=(a_commitment(1, 1),)))
        pages = writers[0].execute("PRAGMA page_count").fetchone()[0]
        writers[0].execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(StoreUnavailable) as full:
            await store.apply(replace(ROUND_OF_BYTES, rounds=(a_round(1, state="closed"),)))
        assert "full" in str(full.value)
        assert a_round(1) == await store.round(round_id_of(1))
        assert [] == list(await store.submissions(round_id_of(1)))
        assert [a_commitment(1, 1)] == list(await store.commitments(round_id_of(1)))

        writers[0].execute("PRAGMA max_page_count = 1000000")
        await store.apply(ROUND_OF_BYTES)
        assert set(ROUND_OF_BYTES.submissions) == set(await store.submissions(round_id_of(1)))

    on_file(path, check)


def test_readers_do_not_wait_for_a_write_that_takes_long(path):
    async def check(store: SqliteStore) -> None:
        await store.apply(Change(rounds=(a_round(1),)))
        writing, read = threading.Event(), threading.Event()

        def hold(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE rounds SET state = 'half written'")
            writing.set()
            assert read.wait(timeout=30)

        held = asyncio.create_task(store._writer.put(hold))
        assert await asyncio.to_thread(writing.wait, 30)
        assert a_round(1) == await store.round(round_id_of(1))
        read.set()
        await held
        assert a_round(1, state="half written") == await store.round(round_id_of(1))

    on_file(path, check)


def test_balances_can_be_checked_against_their_postings(path):
    async def check(store: SqliteStore) -> None:
        await store.apply(Change(transactions=(a_transaction("t", {"a": 5, "b": -5}),)))
        assert {} == await store.wrong_balances()

        await store._writer.put(lambda c: c.execute("UPDATE accounts SET balance_micros = 7 WHERE account = 'a'"))
        assert {("a", AUG): (7, 5)} == await store.wrong_balances()

    on_file(path, check)


def test_names_learnt_by_a_change_that_failed_are_forgotten(path):
    async def check(store: SqliteStore) -> None:
        poison = replace(a_score(1, 1), gain_nano=Nano(2**63))
        for _ in range(2):
            with pytest.raises(RowRefused):
                await store.apply(Change(submissions=(a_submission(1, 1),), scores=(poison,)))
        await store.apply(Change(submissions=(a_submission(1, 1),)))

        assert [a_submission(1, 1)] == list(await store.submissions(round_id_of(1)))
        assert {} == await store.dangling_names()
        await store._writer.put(lambda c: c.execute("DELETE FROM hotkeys"))
        assert {"submissions": 1} == await store.dangling_names()

    on_file(path, check)


def test_a_backup_is_whole_while_the_node_goes_on_and_overwrites_nothing(path, tmp_path):
    target = tmp_path / "backup.db"

    async def check(store: SqliteStore) -> None:
        await store.apply(Change(rounds=(a_round(1),), submissions=(a_submission(1, 1),)))
        await store.backup(target)
        await store.apply(Change(rounds=(a_round(2),)))
        async with ReadOnlySqlite.open(target) as copy:
            assert [a_round(1)] == list(await copy.rounds())
            assert [a_submission(1, 1)] == list(await copy.submissions(round_id_of(1)))
        with pytest.raises(StoreUnavailable):
            await store.backup(target)

    on_file(path, check)


def test_a_reading_command_sees_what_a_running_node_writes(path):
    async def check(store: SqliteStore) -> None:
        async with ReadOnlySqlite.open(path) as looking:
            assert None is await looking.round(round_id_of(1))
            await store.apply(Change(rounds=(a_round(1),)))
            assert a_round(1) == await looking.round(round_id_of(1))

    on_file(path, check)
    with pytest.raises(StoreUnavailable):
        ReadOnlySqlite.open(path.with_name("missing.db"))


def test_fast_forwarded_rounds_reach_the_file_as_they_were(path):
    async def check(store: SqliteStore) -> None:
        memory = MemoryStore()
        await memory.apply(
            Change(
                meta=(MetaRow("network", "augury-test"),),
                rounds=(a_round(1),),
                submissions=tuple(a_submission(1, n) for n in range(9)),
                scores=tuple(a_score(1, n) for n in range(9)),
                drafts=(a_draft(1),),
                transactions=(a_transaction("t", {"a": 5, "b": -5}),),
            )
        )
        assert 22 == await copy_store(memory, store)
        assert {name: list(rows) for name, rows in memory.snapshot() if name == "rounds"} == {"rounds": [a_round(1)]}
        assert await memory.submissions(round_id_of(1)) == await store.submissions(round_id_of(1))
        assert await memory.round_scores(round_id_of(1)) == await store.round_scores(round_id_of(1))
        assert await memory.balances() == await store.balances()
        assert await memory.draft(round_id_of(1)) == await store.draft(round_id_of(1))
        assert await memory.meta() == await store.meta()

    on_file(path, check)


def test_a_database_keeps_to_its_network_params_and_market(path):
    async def check(store: SqliteStore) -> None:
        await claim_store(store, [MAIN], market="live")
        await claim_store(store, [MAIN, replace(MAIN, version=2, activation_ms=9)], market="live")
        before = await store.meta()
        others = [([DEMO], "live"), ([MAIN], "generated"), ([MAIN], "live"), ([replace(MAIN, version=3)], "live")]
        for params, market in others:
            with pytest.raises(StoreOfAnotherNetwork):
                await claim_store(store, params, market=market)
        with pytest.raises(StoreOfAnotherNetwork):
            await claim_store(store, [DEMO])
        assert before == await store.meta()
        assert MAIN.canonical_bytes().decode() == before[f"params/{MAIN.digest.hex()}"]

    on_file(path, check)


def test_a_validators_database_stays_that_validators_whoever_else_may_open_it(path):
    async def check(store: SqliteStore) -> None:
        await claim_store(store, [MAIN], validator=hotkey_of(1))
        await claim_store(store, [MAIN])
        before = await store.meta()
        with pytest.raises(StoreOfAnotherNetwork, match=hotkey_of(1).hex()):
            await claim_store(store, [MAIN], validator=hotkey_of(2))
        assert before == await store.meta()

    on_file(path, check)


def test_a_database_that_somebody_else_holds_is_waited_for_once_and_not_for_every_change(path):
    asked: list[str] = []
    with closing(sqlite._connect_writer(path)) as connection, closing(sqlite3.connect(path)) as somebody:
        connection.execute("PRAGMA busy_timeout = 1")
        connection.set_trace_callback(asked.append)
        somebody.execute("BEGIN IMMEDIATE")
        committer = Committer(connection)
        outcomes = committer.commit([Change(rounds=(a_round(number),)) for number in range(20)])
        assert [StoreUnavailable] * 20 == [type(outcome) for outcome in outcomes]
        assert [1, 0] == [asked.count("BEGIN IMMEDIATE"), asked.count("COMMIT")]
        somebody.rollback()
        assert [None] == committer.commit([Change(rounds=(a_round(1),))])


def test_open_store_knows_paths_urls_and_memory(path):
    async def kinds() -> list[type]:
        opened = []
        for where in (path, str(path), f"sqlite:///{path}", "memory:"):
            async with await open_store(where) as store:
                opened.append(type(store))
        return opened

    assert [SqliteStore] * 3 + [MemoryStore] == asyncio.run(kinds())
    with pytest.raises(InvalidSetting):
        asyncio.run(open_store("postgresql://somewhere/augury"))
