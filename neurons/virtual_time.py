"""An event loop whose time is a number: it jumps to the next timer as soon as nothing is ready.

A day of sleeps passes in a fraction of a second, in the same order each time. When nothing is ready and
nothing is scheduled, no timer can ever wake the tasks that wait: that is a deadlock, and it is reported
with the place where each task waits, instead of hanging.

Time never jumps while work is under way outside the loop: calls of `run_in_executor` are counted by the
loop itself; anything else that a thread or a socket finishes must be awaited through `outside`.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future as ThreadFuture
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

from protocol.units import UnixMs

T = TypeVar("T")

MICROS_PER_SECOND = 1_000_000
START_MS = 1_750_000_200_000
"""Where virtual time starts unless told: 2025-06-15 15:10 UTC, an instant of the 5-minute grid."""
OUTSIDE_LIMIT_S = 20.0
"""How long, in real seconds, work outside the loop may take before it counts as lost."""


class Deadlock(AssertionError):
    """Nothing is ready, nothing is scheduled, and tasks still wait."""


class _JumpingSelector(selectors.DefaultSelector):
    """Asks the loop what to do instead of waiting."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.loop.outside_work:
            ready = super().select(OUTSIDE_LIMIT_S)
            if not ready:
                raise Deadlock(f"work outside the loop did not end within {OUTSIDE_LIMIT_S} real seconds")
            return ready
        if timeout is None:
            raise Deadlock(f"nothing is scheduled and nothing is ready, but these tasks wait:\n{self.loop.waiting()}")
        self.loop.advance(timeout)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Starts at `start_ms`; `time()` counts virtual seconds from there."""

    def __init__(self, start_ms: int = START_MS) -> None:
        selector = _JumpingSelector()
        selector.loop = self
        self.start_ms = start_ms
        self.outside_work = 0
        self._seconds = 0.0
        super().__init__(selector)
        # A timer counts as due within this: float rounding must not make the loop spin before it.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._seconds

    def now_ms(self) -> UnixMs:
        """The instant in whole milliseconds; microsecond rounding takes away what float addition left."""
        return UnixMs(self.start_ms + round(self._seconds * MICROS_PER_SECOND) // 1_000)

    def advance(self, seconds: float) -> None:
        self._seconds += seconds

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self.outside_work += 1
        future.add_done_callback(self._outside_done)
        return future

    def _outside_done(self, _: asyncio.Future[Any] | ThreadFuture[Any]) -> None:
        self.outside_work -= 1

    async def shutdown_default_executor(self, *args: Any, **options: Any) -> None:
        with self.time_stands_still():
            await super().shutdown_default_executor(*args, **options)

    @contextmanager
    def time_stands_still(self) -> Iterator[None]:
        """No jump within: what the block awaits comes from a thread or a socket."""
        self.outside_work += 1
        try:
            yield
        finally:
            self.outside_work -= 1

    def waiting(self) -> str:
        """Each unfinished task and the line on which it waits."""
        lines = []
        for task in sorted(asyncio.all_tasks(self), key=lambda t: t.get_name()):
            frames = task.get_stack(limit=1)
            where = f"{frames[0].f_code.co_filename}:{frames[0].f_lineno}" if frames else "not started"
            lines.append(f"  {task.get_name()}: {where}")
        return "\n".join(lines) or "  (none)"


async def outside(work: Awaitable[T]) -> T:
    """Awaits work that a thread or a socket finishes, with time standing still."""
    with running_virtual_loop().time_stands_still():
        return await work


def running_virtual_loop() -> VirtualTimeLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop), "this needs run_virtual(...): the running loop keeps real time"
    return loop


class VirtualClock:
    """The `Clock` port on the running virtual loop."""

    def now_ms(self) -> UnixMs:
        return running_virtual_loop().now_ms()

    async def sleep_until(self, at_ms: int) -> None:
        loop = running_virtual_loop()
        if at_ms <= loop.now_ms():
            return
        woken = loop.create_future()
        timer = loop.call_at((at_ms - loop.start_ms) / 1_000, woken.set_result, None)
        try:
            await woken
        finally:
            timer.cancel()

    def timeout(self, ms: int) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(self.wall_seconds(ms))

    def wall_seconds(self, ms: int) -> float:
        return ms / 1_000


def run_virtual(main: Coroutine[Any, Any, T], *, start_ms: int = START_MS) -> T:
    """Runs main to its end in virtual time and returns what it returns.

    Raises Deadlock when it can never end, and AssertionError when it ends and leaves tasks running.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(start_ms)) as runner:
        result = runner.run(main)
        left = [task.get_name() for task in asyncio.all_tasks(runner.get_loop())]
        assert not left, f"tasks were left running: {sorted(left)}"
        return result
