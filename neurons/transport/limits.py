"""How much a node takes on at once, and the doors that hold it to that.

A call that comes when the door is full is refused at once (Overloaded), not parked: the receipt clock of a
round is read when the node's service sees the envelope, so a queue in front of it would make answers late.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from protocol.errors import Malformed, NodeFault, Overloaded


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one node takes on at once. Times are wall seconds."""

    answering: int = 1_024
    """Calls between their arrival and their reply, whether they work or wait inside the node, single ones and turns."""
    watching: int = 1_024
    """Watch streams."""
    conversing: int = 1_024
    """Conversations: streams that bring one call after the other. A caller that finds no place calls singly."""
    turns: int = 32
    """Calls of one conversation that are unanswered or whose answer is unread; beyond that it is not read on."""
    prove_s: float = 10.0
    """How soon a conversation has to bring a call that is answered; it was opened without a signature."""
    unsigned: int = 32
    """Health and reflection streams: the only calls that nobody signs."""
    unsigned_s: float = 30.0
    """The longest that one reflection stream may last."""
    answer_s: float = 30.0
    """The longest that the node thinks about one call, whatever deadline the caller set."""
    write_s: float = 10.0
    """How long one frame of a stream may wait for its subscriber to read."""
    grace_s: float = 5.0
    """How long an orderly stop waits for calls in flight."""


DEFAULT_LIMITS: Final = ServerLimits()


def check_size(envelope: bytes, most: int) -> None:
    """Raises Malformed for an envelope of more bytes than that, asked or answered."""
    if len(envelope) > most:
        raise Malformed(f"an envelope holds at most {most} bytes, this one {len(envelope)}")


class Door:
    """Counts who is inside; use as `with door:`. Raises Overloaded when nobody more may enter."""

    def __init__(self, what: str, limit: int) -> None:
        """what: the plural that the refusal names, such as "calls"."""
        self.what, self.limit, self.inside, self.refused = what, limit, 0, 0

    def __enter__(self) -> None:
        if self.inside >= self.limit:
            self.refused += 1
            raise Overloaded(f"this node takes {self.limit} {self.what} at once, ask again later", limit=self.limit)
        self.inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.inside -= 1


class TimeLimit:
    """How long a task may stay inside; use as `with limit:`. Raises NodeFault (ours) in whoever stays longer.

    One timer for all: who entered first is due first, so it is set once in `limit_s` and not for every call.
    """

    def __init__(self, what: str, limit_s: float) -> None:
        """what: what takes too long, as the error names it, such as "COMMIT"."""
        self._what, self._limit_s = what, limit_s
        self._due: dict[asyncio.Task[object], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None, "calls are answered by tasks"
        due = self._due[task] = loop.time() + self._limit_s
        if self._timer is None:
            self._timer = loop.call_at(due, self._cut_off, loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task = asyncio.current_task()
        assert task is not None, "calls are answered by tasks"
        if self._due.pop(task, None) is not None:
            return
        others_cancel_too = task.uncancel() > 0
        if isinstance(error, asyncio.CancelledError) and not others_cancel_too:
            raise NodeFault(f"{self._what} took longer than {self._limit_s} s here") from error

    def _cut_off(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancels those whose time is over, and comes back when it is for the next."""
        self._timer = None
        for task, due in list(self._due.items()):
            if due > loop.time():
                self._timer = loop.call_at(due, self._cut_off, loop)
                return
            del self._due[task]
            task.cancel()


class Streams:
    """The tasks that feed streams. Streams never end by themselves, so that a stopping node must end them."""

    def __init__(self) -> None:
        self.ending = False
        self._tasks: set[asyncio.Task[object]] = set()

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None, "streams are fed by tasks"
        self._tasks.add(task)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task = asyncio.current_task()
        assert task is not None, "streams are fed by tasks"
        self._tasks.discard(task)

    def end(self) -> None:
        """Cancels every feeder; `ending` tells it why, so that it can tell its subscriber."""
        self.ending = True
        for task in self._tasks:
            task.cancel()
