"""A clock that stands still until a test moves it, for tests with real sockets whose server waits for the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from protocol.units import UnixMs


class SteppedClock:
    """Shows `at_ms`; `move_to` wakes those whose time has come. Its deadlines are real ones, a tenth as long."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms
        self._sleepers: list[tuple[int, asyncio.Event]] = []

    def now_ms(self) -> UnixMs:
        return UnixMs(self.at_ms)

    async def sleep_until(self, at_ms: int) -> None:
        if at_ms > self.at_ms:
            woken = asyncio.Event()
            self._sleepers.append((at_ms, woken))
            await woken.wait()

    def move_to(self, at_ms: int) -> None:
        self.at_ms = max(self.at_ms, at_ms)
        for due_ms, woken in self._sleepers:
            if due_ms <= self.at_ms:
                woken.set()
        self._sleepers = [(due_ms, woken) for due_ms, woken in self._sleepers if not woken.is_set()]

    def timeout(self, ms: int) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(self.wall_seconds(ms))

    def wall_seconds(self, ms: int) -> float:
        return ms / 10_000


async def until(holds: Callable[[], object], *, within_s: float = 20.0) -> None:
    """Returns once `holds()` is true, which real sockets bring about. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110  # what is waited for happens in sockets, which set no event of ours
            await asyncio.sleep(0.001)
