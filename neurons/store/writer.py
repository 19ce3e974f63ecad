"""Group commit: one writer gathers what waits, commits it together, then lets those who waited go on.

A lone change is committed at once; while a commit runs, others gather behind it and share the next one. So the
disk is asked to flush once for many. A change that cannot be stored is found by committing each of the group alone:
its neighbours lose nothing, and only its own caller hears of it. The connection lives on a thread of its own, one hop
away for a whole group; the driver is used directly there.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from neurons.ports import StoreUnavailable
from neurons.records import Change
from neurons.store.errors import RowRefused
from neurons.store.writing import RowWriter

GATHER_SECONDS: Final = 0.005
"""The longest a change waits for others to join it, however fast they keep coming."""
GROUP_MOST: Final = 512
"""Changes in one commit."""
QUEUE_MOST: Final = 1_024
"""Changes waiting; beyond that `apply` waits for room before it waits for its commit."""

Job = Callable[[sqlite3.Connection], Any]


@dataclass(slots=True)
class _Waiting:
    work: Change | Job
    done: asyncio.Future[Any]


def refusal_of(error: Exception) -> Exception:
    """What the caller hears for what the driver said."""
    if isinstance(error, sqlite3.IntegrityError | sqlite3.InterfaceError | sqlite3.ProgrammingError | OverflowError):
        return RowRefused(f"a row cannot be stored: {error}")
    if isinstance(error, sqlite3.Error):
        return StoreUnavailable(f"the database did not take the change: {error}", reason=str(error))
    return error


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
        if len(changes) == 1:
            return [together]
        return [self.commit([change])[0] for change in changes]

    def run(self, job: Job) -> Any:
        """The job's result from a transaction of its own, or the exception it ended with."""
        return self._try(job)

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
    """The queue before the committer and the task that empties it. End it with `aclose`, once."""

    def __init__(self, committer: Committer, thread: ThreadPoolExecutor) -> None:
        self._committer = committer
        self._thread = thread
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(QUEUE_MOST)
        self._closed = False
        self._task = asyncio.create_task(self._serve(), name="store writer")

    @property
    def commits(self) -> int:
        return self._committer.commits

    async def put(self, work: Change | Job) -> Any:
        """Returns once the change is durable, or with the job's result. Raises StoreUnavailable or RowRefused.

        A caller that is cancelled meanwhile does not know whether its change was kept; writing it again is harmless.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        waiting = _Waiting(work, asyncio.get_running_loop().create_future())
        await self._queue.put(waiting)
        return await waiting.done

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            group = await self._gather()
            try:
                await self._settle(loop, group)
            finally:
                for waiting in group:
                    self._queue.task_done()
                    if not waiting.done.done():
                        waiting.done.set_exception(StoreUnavailable("the store's writer was stopped"))

    async def _gather(self) -> list[_Waiting]:
        group = [await self._queue.get()]
        ends = asyncio.get_running_loop().time() + GATHER_SECONDS
        while len(group) < GROUP_MOST and asyncio.get_running_loop().time() < ends:
            if self._queue.empty():
                await asyncio.sleep(0)  # those about to put get their turn
                if self._queue.empty():
                    break
            group.append(self._queue.get_nowait())
        return group

    async def _settle(self, loop: asyncio.AbstractEventLoop, group: Sequence[_Waiting]) -> None:
        changes = [w for w in group if isinstance(w.work, Change)]
        if changes:
            rows = [w.work for w in changes if isinstance(w.work, Change)]
            outcomes = await loop.run_in_executor(self._thread, self._committer.commit, rows)
            for waiting, outcome in zip(changes, outcomes, strict=True):
                _release(waiting, outcome)
        for waiting in group:
            if not isinstance(waiting.work, Change):
                _release(waiting, await loop.run_in_executor(self._thread, self._committer.run, waiting.work))

    async def drain(self) -> None:
        """Takes nothing more, and returns once all that waited was committed."""
        self._closed = True
        await self._queue.join()

    async def aclose(self) -> None:
        """Drains, then ends task, connection and thread."""
        await self.drain()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._committer.close)
        self._thread.shutdown()


def _release(waiting: _Waiting, outcome: Any) -> None:
    if waiting.done.done():  # the caller was cancelled
        return
    if isinstance(outcome, Exception):
        waiting.done.set_exception(outcome)
    else:
        waiting.done.set_result(outcome)
