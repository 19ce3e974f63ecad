"""A database of an earlier release: brought to this one's schema with all that it holds."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from neurons.records import Change
from neurons.store.sqlite import SqliteStore
from neurons.store.upgrade import MIGRATIONS, revision_of
from neurons.store.writing import RowWriter
from neurons.stream_records import StreamChange
from tests.support.rows import a_round, a_submission, round_id_of
from tests.support.stream_rows import a_settlement, a_stream, booked


def test_a_database_of_the_release_before_open_streams_is_upgraded_and_keeps_everything(tmp_path):
    path = tmp_path / "node.db"
    connection = sqlite3.connect(path, isolation_level=None)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as bound:
        config.attributes["connection"] = bound
        with EnvironmentContext(config, script, fn=lambda revision, _: script._upgrade_revs("0001", revision)):
            script.run_env()
    assert "0001" == revision_of(connection)
    RowWriter(connection).write([Change(rounds=(a_round(1),), submissions=(a_submission(1, 1),))])
    engine.dispose()
    connection.close()

    async def check(store: SqliteStore) -> None:
        assert a_round(1) == await store.round(round_id_of(1))
        assert [a_submission(1, 1)] == list(await store.submissions(round_id_of(1)))
        await store.apply(Change(open_streams=StreamChange(streams=(a_stream(1),), settlements=(a_settlement(1, 1),))))
        assert [a_settlement(1, 1)] == list(await store.settlements())

    async def run() -> None:
        async with await SqliteStore.open(path) as store:
            await check(store)

    asyncio.run(run())


def test_a_database_without_folded_days_is_upgraded_and_its_settlements_are_folded_like_any(tmp_path):
    path = tmp_path / "node.db"
    row = a_settlement(1, 1)

    async def keep() -> None:
        async with await SqliteStore.open(path) as store:
            await store.apply(booked(row))

    async def check() -> None:
        async with await SqliteStore.open(path) as store:
            [before, _, _] = sums = await store.day_sums()
            assert (row.name, 0) == (before.name, before.folded)
            await store.prune_streams(now_ms=row.at_ms, settled_before_ms=row.at_ms + 1)
            folded = [replace(one, folded=1, folded_micros=one.amount_micros) for one in sums]
            assert folded == list(await store.day_sums())
            assert {} == await store.wrong_balances()

    asyncio.run(keep())
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP INDEX stream_days_by_owner; DROP INDEX settlements_by_time;"
            "ALTER TABLE stream_days DROP COLUMN folded; ALTER TABLE stream_days DROP COLUMN folded_micros;"
            "CREATE INDEX settlements_by_time ON settlements (at_ms); UPDATE alembic_version SET version_num = '0002'"
        )
    asyncio.run(check())
