"""Group commit: one writer gathers what waits, commits it together, then lets those who waited go on.

What comes in one turn of the loop is committed together with what the next turns bring, as long as each brings more
and for `GATHER_S` at most; while a commit runs, the rest gathers behind it. So the disk is asked to flush once for
many, and a change that comes alone waits for nobody. A change that
cannot be stored is found by committing each of the group alone: its neighbours lose nothing, and only its own caller
hears of it. The connection lives on a thread of its own, one hop away for a whole group; the driver is used directly
there.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, Final

from neurons.ports import StoreUnavailable
from neurons.records import Change
from neurons.store.errors import RowRefused
from neurons.store.writing import RowWriter

GROUP_MOST: Final = 512
"""Changes in one commit."""
GATHER_S: Final = 0.003
"""How long a burst may gather; a commit costs as much work as a dozen rows."""
WAITING_MOST: Final = 1_024
"""Changes under way; beyond that `apply` waits for room before it waits for its commit."""

PRIMARY_CODE: Final = 0xFF
"""The part of an SQLite error code that its extended codes share."""

Job = Callable[[sqlite3.Connection], Any]
Work = Change | Job


def refusal_of(error: Exception) -> Exception:
    """What the caller hears for what the driver said."""
    if isinstance(error, sqlite3.IntegrityError | sqlite3.InterfaceError | sqlite3.ProgrammingError | OverflowError):
        return RowRefused(f"a row cannot be stored: {error}")
    if isinstance(error, sqlite3.Error):
        return StoreUnavailable(
            f"the database did not take the change: {error}", reason=str(error), locked=locked(error)
        )
    return error


def locked(error: sqlite3.Error) -> bool:
    """Whether another process holds the lock: then no other change is taken either, and each would wait as long."""
    return getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Committer:
    """The writing connection and how a group becomes durable: used from the writer's thread only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows = RowWriter(connection)
        self.commits = 0

    def commit(self, changes: Sequence[Change]) -> list[Exception | None]:
        """For each change: None once it is durable, or why nothing of it was kept."""
        together = self._try(lambda _: self._rows.write(changes))
        if not isinstance(together, Exception):
            return [None] * len(changes)
        if len(changes) == 1 or (isinstance(together, StoreUnavailable) and together.fields["locked"]):
            return [together] * len(changes)
        return [self.commit([change])[0] for change in changes]

    def serve(self, group: Sequence[Work]) -> list[Any]:
        """What each of the group is to hear: None or a job's result, or the exception to raise. Changes come first."""
        changes = [work for work in group if isinstance(work, Change)]
        outcomes = iter(self.commit(changes) if changes else ())
        return [next(outcomes) if isinstance(work, Change) else self._try(work) for work in group]

    def _try(self, work: Job) -> Any:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = work(connection)
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  whatever one change raises is handed to the one who brought it
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._rows.dropped()
            return refusal_of(error)
        self._rows.kept()
        self.commits += 1
        return result

    def close(self) -> None:
        self._connection.close()


class GroupWriter:
    """The way to the committer and its thread. Belongs to the running loop; end it with `aclose`, once."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(WAITING_MOST)
        self._gathered: list[tuple[Work, asyncio.Future[Any]]] = []
        self._committing = False
        self._inbox: SimpleQueue[list[tuple[Work, asyncio.Future[Any]]] | None] = SimpleQueue()
        """Groups for the thread, one at a time: waking it for each change would cost more than the change."""
        self._callers = 0
        self._closed = False
        self._idle = asyncio.Event()
        self._ended = self._loop.create_future()
        self._thread = threading.Thread(target=self._serve, name="store writer", daemon=True)
        self._thread.start()

    @property
    def commits(self) -> int:
        return self._committer.commits

    @property
    def waiting(self) -> int:
        """Callers of `put` that have not heard yet."""
        return self._callers

    async def put(self, work: Work) -> Any:
        """Returns once the change is durable, or with the job's result. Raises StoreUnavailable or RowRefused.

        A caller that is cancelled meanwhile does not know whether its change was kept; writing it again is harmless.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        self._callers += 1
        try:
            await self._room.acquire()
            try:
                done = self._loop.create_future()
                self._gathered.append((work, done))
                if len(self._gathered) == 1 and not self._committing:
                    self._gather()
                return await done
            finally:
                self._room.release()
        finally:
            self._callers -= 1
            if self._callers == 0:
                self._idle.set()

    def _gather(self) -> None:
        """Hands over after the first turn of the loop that brings nothing more, or when time is up."""
        self._loop.call_soon(self._gather_on, len(self._gathered), self._loop.time() + GATHER_S)

    def _gather_on(self, seen: int, until: float) -> None:
        if seen < len(self._gathered) < GROUP_MOST and self._loop.time() < until:
            self._loop.call_soon(self._gather_on, len(self._gathered), until)
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        """Gives the thread what has gathered; what comes while it is at work gathers for the next time."""
        group, self._gathered = self._gathered[:GROUP_MOST], self._gathered[GROUP_MOST:]
        self._committing = True
        self._inbox.put(group)

    def _serve(self) -> None:
        """The thread: groups until the None that `aclose` sends."""
        while (group := self._inbox.get()) is not None:
            works, waiting = zip(*group, strict=True)
            self._loop.call_soon_threadsafe(self._release, waiting, self._committer.serve(works))
        self._committer.close()
        self._loop.call_soon_threadsafe(self._ended.set_result, None)

    def _release(self, waiting: Sequence[asyncio.Future[Any]], outcomes: Sequence[Any]) -> None:
        self._committing = False
        if self._gathered:
            self._gather()
        for done, outcome in zip(waiting, outcomes, strict=True):
            if done.done():  # the caller was cancelled
                continue
            if isinstance(outcome, Exception):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)

    async def drain(self) -> None:
        """Takes nothing more, and returns once everyone who waited has heard."""
        self._closed = True
        while self._callers:
            self._idle.clear()
            await self._idle.wait()

    async def aclose(self) -> None:
        """Drains, then closes the connection and ends the thread."""
        await self.drain()
        self._inbox.put(None)
        await self._ended
        self._thread.join()
