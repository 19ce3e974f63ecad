"""Time as a node counts it: the system's, a demo's that runs faster, or one that stands where it is put.

All keep the `Clock` port (`neurons/ports.py`). All instants are UTC epoch milliseconds as integers; a
float appears only as a duration in seconds at the event loop's door.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from typing import Final

from protocol.errors import InvalidSetting
from protocol.units import SECOND_MS, UnixMs

NS_PER_MS: Final = 1_000_000
MAX_SCALE: Final = 100_000
LONGEST_NAP_S: Final = 20.0
"""A long wait is cut into naps of this length, because the wall clock may be set or the machine may sleep meanwhile."""


class ScaledClock:
    """A clock that agrees with the wall at one instant and runs `scale` times as fast from there.

    Until the wall reaches that instant the clock stands still: a demo's processes come up before its time begins.
    Processes that are given the same two origins and scale agree on the time. With scale 600, five minutes
    pass in half a second.
    """

    def __init__(self, *, sim_origin_ms: int, wall_origin_ms: int, scale: int) -> None:
        """sim_origin_ms is this clock's time when the wall shows wall_origin_ms. Raises InvalidSetting (ours)."""
        if not 1 <= scale <= MAX_SCALE:
            raise InvalidSetting(f"a clock's scale lies in 1..{MAX_SCALE}, this one is {scale}", setting="clock.scale")
        self.sim_origin_ms, self.wall_origin_ms, self.scale = sim_origin_ms, wall_origin_ms, scale

    def now_ms(self) -> UnixMs:
        """The time now, rounded down to a whole millisecond."""
        return UnixMs(self.sim_origin_ms + max(0, self._passed_ns()) * self.scale // NS_PER_MS)

    def _passed_ns(self) -> int:
        """Wall time since the origin; negative while the clock still stands."""
        return time.time_ns() - self.wall_origin_ms * NS_PER_MS

    async def sleep_until(self, at_ms: int) -> None:
        """Returns at or just after at_ms; at once when that has passed, and also when the wall clock jumps past it."""
        while (left_ms := at_ms - self.now_ms()) > 0:
            standing_s = max(0, -self._passed_ns()) / (NS_PER_MS * SECOND_MS)
            await asyncio.sleep(min(standing_s + self.wall_seconds(left_ms), LONGEST_NAP_S))

    def timeout(self, ms: int) -> AbstractAsyncContextManager[object]:
        """Raises TimeoutError out of its block when the block takes longer than ms of this clock."""
        return asyncio.timeout(self.wall_seconds(ms))

    def wall_seconds(self, ms: int) -> float:
        """How many seconds of wall time ms of this clock take."""
        return ms / (SECOND_MS * self.scale)


class SystemClock(ScaledClock):
    """The system's own clock: the scale is one and both origins are the epoch."""

    def __init__(self) -> None:
        super().__init__(sim_origin_ms=0, wall_origin_ms=0, scale=1)


class HandClock:
    """Shows `at_ms` until somebody sets another: for replays and tests with real sockets.

    Its deadlines are real ones, a tenth as long.
    """

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
