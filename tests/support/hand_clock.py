"""A clock that stands where a test puts it, for tests with real sockets (the virtual loop has none)."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

from protocol.units import UnixMs


class HandClock:
    """Shows `at_ms` until a test sets another. Its deadlines are real ones, a tenth as long."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> UnixMs:
        return UnixMs(self.at_ms)

    async def sleep_until(self, at_ms: int) -> None:
        """Sets the clock there: nobody else keeps this time."""
        self.at_ms = max(self.at_ms, at_ms)
        await asyncio.sleep(0)

    def timeout(self, ms: int) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(self.wall_seconds(ms))

    def wall_seconds(self, ms: int) -> float:
        return ms / 10_000
