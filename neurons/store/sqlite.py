"""A node's memory in one SQLite file: one writer with group commit, readers beside it that never wait for it.

WAL with synchronous=FULL: what `apply` returned for survives SIGKILL and power loss. Readers are SQLAlchemy Core over
aiosqlite on read-only connections; the writer uses the driver directly (neurons/store/writer.py).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from neurons.ports import StoreUnavailable
from neurons.records import Change
from neurons.store import folding, retention, retention_streams
from neurons.store.errors import StoreTooNew
from neurons.store.lock import DatabaseLock
from neurons.store.reading import Reader
from neurons.store.schema import REVISION
from neurons.store.upgrade import revision_of, upgrade
from neurons.store.writer import Committer, GroupWriter
from protocol.units import UnixMs

BUSY_MS: Final = 5_000
"""How long a statement waits for another process's lock (a backup, a person's sqlite3) before it fails."""
READERS: Final = 2
PAGE_BYTES: Final = 8_192
CHECKPOINT_PAGES: Final = 2_000
"""The write-ahead log is folded into the file once it holds this many pages (16 MB)."""
WAL_BYTES_KEPT: Final = 64 * 1024 * 1024


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(str(path))}?mode={mode}"


def _connect_writer(path: Path) -> sqlite3.Connection:
    """A connection of the writer's thread on an upgraded database. Raises StoreUnavailable or StoreTooNew."""
    try:
        connection = sqlite3.connect(_uri(path, "rwc"), uri=True, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"cannot open {path}: {error}", path=str(path)) from error
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}")
        upgrade(connection, path)
        # Foreign keys are declared and audited (Reader.dangling_names), not enforced row by row: that would cost a
        # fifth of the recording rate, and every integer comes from neurons/store/names.py in the same transaction.
        connection.execute("PRAGMA foreign_keys = OFF")
    except sqlite3.Error as error:
        connection.close()
        raise StoreUnavailable(f"cannot use {path}: {error}", path=str(path)) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _reading_engine(path: Path) -> AsyncEngine:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{_uri(path, 'ro')}&uri=true",
        poolclass=AsyncAdaptedQueuePool,
        pool_size=READERS,
        max_overflow=0,
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    return engine


class SqliteStore(Reader):
    """The Store port over one file. Use `await SqliteStore.open(path)`, then `aclose`, or `async with`."""

    def __init__(self, path: Path, engine: AsyncEngine, writer: GroupWriter, lock: DatabaseLock) -> None:
        super().__init__(engine)
        self.path = path
        self._engine = engine
        self._writer = writer
        self._lock = lock
        self._closed = False

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Locks, upgrades and opens the database at `path`; makes it, and its folder, when it is not there.

        Raises StoreInUse, StoreTooNew or StoreUnavailable; then nothing was changed and nothing stays open.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = DatabaseLock(path)
        try:
            with ThreadPoolExecutor(1) as thread:
                connection = await asyncio.get_running_loop().run_in_executor(thread, _connect_writer, path)
        except BaseException:
            lock.release()
            raise
        return cls(path, _reading_engine(path), GroupWriter(Committer(connection)), lock)

    @property
    def commits(self) -> int:
        """How many transactions were committed since the store was opened."""
        return self._writer.commits

    @property
    def waiting(self) -> int:
        """How many changes have been brought and are not durable yet."""
        return self._writer.waiting

    async def apply(self, change: Change) -> None:
        if change:
            await self._writer.put(change)

    async def prune(
        self, *, now_ms: int, evidence_before_ms: int, sharing_before_ms: int = 0, superseded_before_ms: int = 0
    ) -> Mapping[str, int]:
        touched: dict[str, int] = dict(await self._writer.put(retention.expire(now_ms, evidence_before_ms)))
        touched |= await self._writer.put(retention.drop_spent_sums(sharing_before_ms, superseded_before_ms))
        while True:
            dropped: Mapping[str, int] = await self._writer.put(retention.drop_evidence(evidence_before_ms))
            for table, rows in dropped.items():
                touched[table] = touched.get(table, 0) + rows
            if not dropped:
                return {table: rows for table, rows in touched.items() if rows}

    async def prune_streams(self, *, now_ms: UnixMs, settled_before_ms: int) -> Mapping[str, int]:
        touched = Counter(await self._writer.put(retention_streams.drop_edges()))
        while expired := await self._writer.put(retention_streams.drop_evidence(now_ms)):
            touched["stream_evidence"] += expired
        while jobs := await self._writer.put(folding.due(settled_before_ms)):
            for rowids in jobs:
                touched.update(await self._writer.put(folding.fold(rowids, settled_before_ms)))
        for drop in (retention_streams.drop_of_streams, retention_streams.drop_notices):
            after = 0
            while (done := await self._writer.put(drop(after, now_ms))) is not None:
                after, dropped = done
                touched.update(dropped)
        return {table: rows for table, rows in touched.items() if rows}

    async def backup(self, target: Path) -> None:
        """Writes a compact copy of this instant's database to `target` while the node goes on. See `back_up`."""
        await asyncio.to_thread(back_up, self.path, target)

    async def aclose(self) -> None:
        """Commits what waits, closes every connection, ends their threads and gives the lock back."""
        if self._closed:
            return
        self._closed = True
        await self._writer.drain()
        await self._engine.dispose()
        await self._writer.aclose()  # last, because the last writing connection folds the log into the file
        self._lock.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class ReadOnlySqlite(Reader):
    """The reading half over a file that another process may be writing: for commands that look or replay."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self._engine = engine

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises StoreUnavailable when there is no such database, StoreTooNew when its schema is not this release's."""
        try:
            connection = sqlite3.connect(_uri(path, "ro"), uri=True)
            found = revision_of(connection)
            connection.close()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"cannot read {path}: {error}", path=str(path)) from error
        if found > REVISION:
            raise StoreTooNew(path=str(path), found=found, known=REVISION)
        if found < REVISION:
            raise StoreUnavailable(f"{path} has schema revision {found or 'none'}: start its node once to upgrade it")
        return cls(_reading_engine(path))

    async def aclose(self) -> None:
        await self._engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def back_up(path: Path, target: Path) -> None:
    """Writes a compact, consistent copy of the database to `target`, also while a node is writing to it.

    The copy appears under its name only when it is whole. Raises StoreUnavailable when `target` exists, the database
    cannot be read, or there is no room.
    """
    if target.exists():
        raise StoreUnavailable(f"{target} exists already: a backup never overwrites", path=str(target))
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        connection = sqlite3.connect(_uri(path, "ro"), uri=True, isolation_level=None)
        try:
            connection.execute("VACUUM INTO ?", (str(part),))
        finally:
            connection.close()
        part.rename(target)
    except (sqlite3.Error, OSError) as error:
        part.unlink(missing_ok=True)
        raise StoreUnavailable(f"no backup of {path} was made: {error}", path=str(path)) from error
