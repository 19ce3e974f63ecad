"""How a node's process runs and ends: signals, an orderly stop with a deadline, and one clear last sentence.

exit code 0   it ended by itself, or was asked to stop and did
          1   a bug: the traceback is printed
          2   a NodeFault: a setting, a key file, a port, the disk; one sentence is printed
          3   it was asked to stop, and did not within the grace time (or was asked twice)
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, NoReturn

from protocol.errors import NodeFault

DONE: Final = 0
BUG: Final = 1
FAULT: Final = 2
CUT_OFF: Final = 3
GRACE_S: Final = 10.0
COLLECT_AFTER: Final = (20_000, 20, 20)
"""Objects made, beyond those gone, before the youngest are searched; then how many searches before the older are."""
M_ARENA_MAX: Final = -8
"""As glibc's malloc.h numbers it."""
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def run_until_stopped(main: Callable[[], Awaitable[None]], *, grace_s: float = GRACE_S) -> int:
    """Runs main to its end, or until SIGINT or SIGTERM asks it to stop; answers the exit code.

    The first signal cancels main, which then has grace_s wall seconds to close what it opened. A second signal, or
    the end of the grace, ends the process at once: the store is built to survive that. What main raises is printed
    on standard error, a NodeFault as one sentence.
    """
    try:
        asyncio.run(_until_stopped(main, grace_s))
    except (Exception, asyncio.CancelledError, BaseExceptionGroup) as error:  # noqa: BLE001 - printed, and named by the exit code
        return report(error)
    return DONE


def calm_collector() -> None:
    """For a node that serves from now on: the memory that it started with is not searched for garbage again and again.

    A search takes as long as there are live objects, and every call makes a few dozen: with the interpreter's own
    thresholds that costs a loaded node a sixth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def share_one_heap() -> None:
    """Before any thread starts: glibc then keeps one heap for all of them, and not one for each, half empty.

    Threads of a node take turns anyway. Other C libraries have no such setting, and no such heaps.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)


def report(error: BaseException) -> int:
    """Prints why a process ends and answers its exit code: one sentence for a NodeFault, a traceback for a bug."""
    causes = list(leaves(error))
    faults = [cause for cause in causes if isinstance(cause, NodeFault)]
    if not causes or len(faults) < len(causes):
        traceback.print_exception(error)
        return BUG
    for sentence in dict.fromkeys(str(fault) for fault in faults):
        print(f"augury: {sentence}", file=sys.stderr)
    return FAULT


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors that groups within groups hold. What was merely cancelled because another failed is left out."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    elif not isinstance(error, asyncio.CancelledError):
        yield error


async def _until_stopped(main: Callable[[], Awaitable[None]], grace_s: float) -> None:
    loop = asyncio.get_running_loop()
    node = asyncio.ensure_future(main())
    stop = _Stop(node, grace_s)
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.ask)
    try:
        await node
    except asyncio.CancelledError:
        if not stop.asked:
            raise
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
        stop.done()


class _Stop:
    """Turns the first request into a cancellation and the second, or the end of the grace, into an exit."""

    def __init__(self, node: asyncio.Future[None], grace_s: float) -> None:
        self.asked = False
        self._node, self._grace_s = node, grace_s
        self._deadline: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        if self.asked:
            _cut_off("asked twice to stop")
        self.asked = True
        self._node.cancel()
        self._deadline = asyncio.get_running_loop().call_later(
            self._grace_s, _cut_off, f"not stopped {self._grace_s:g} s after it was asked to"
        )

    def done(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()


def _cut_off(why: str) -> NoReturn:
    """Ends the process without waiting for anything; says what was still running."""
    current = asyncio.current_task()
    running = sorted(task.get_name() for task in asyncio.all_tasks() if task is not current)
    print(f"augury: {why}; still running: {', '.join(running)}", file=sys.stderr, flush=True)
    os._exit(CUT_OFF)
