"""Clocks: the one that is the system's, the one that runs faster, and what both promise."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from neurons.clock import ScaledClock, SystemClock
from protocol.errors import InvalidSetting
from protocol.units import HOUR_MS, MINUTE_MS

if TYPE_CHECKING:
    from neurons.ports import Clock


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the wall clock to a number of seconds since the epoch."""

    def set_wall(seconds: float) -> None:
        monkeypatch.setattr(time, "time_ns", lambda: round(seconds * 1_000_000_000))

    return set_wall


def test_the_system_clock_shows_the_wall_in_whole_milliseconds(wall):
    wall(1_750_000_000.2509)
    assert 1_750_000_000_250 == SystemClock().now_ms()


def test_a_scaled_clock_agrees_with_its_origin_and_runs_faster_from_there(wall):
    clock = ScaledClock(sim_origin_ms=50 * HOUR_MS, wall_origin_ms=1_000_000, scale=600)
    wall(1_000)
    assert 50 * HOUR_MS == clock.now_ms()
    wall(1_000.5)
    assert 50 * HOUR_MS + 5 * MINUTE_MS == clock.now_ms()


def test_two_scaled_clocks_with_the_same_origins_agree_at_every_instant(wall):
    one, other = (ScaledClock(sim_origin_ms=7, wall_origin_ms=3, scale=333) for _ in range(2))
    for seconds in (0.0, 1.0001, 99.7, 1e9):
        wall(seconds)
        assert one.now_ms() == other.now_ms()


def test_until_its_origin_a_scaled_clock_stands_still(wall):
    wall(0)
    assert 1_000_000 == ScaledClock(sim_origin_ms=1_000_000, wall_origin_ms=1_000, scale=10).now_ms()


@pytest.mark.parametrize("scale", [0, -1, 100_001])
def test_a_scale_out_of_bounds_is_refused_by_name(scale):
    with pytest.raises(InvalidSetting, match=r"1\.\.100000"):
        ScaledClock(sim_origin_ms=0, wall_origin_ms=0, scale=scale)


def test_a_duration_takes_its_scaled_share_of_the_wall():
    assert 0.5 == ScaledClock(sim_origin_ms=0, wall_origin_ms=0, scale=600).wall_seconds(5 * MINUTE_MS)
    assert 1.5 == SystemClock().wall_seconds(1_500)


def test_sleeping_until_an_instant_ends_at_or_after_it():
    async def nap(clock: Clock) -> tuple[int, int]:
        goal = clock.now_ms() + 5 * MINUTE_MS
        await clock.sleep_until(goal)
        return goal, clock.now_ms()

    goal, woke = asyncio.run(nap(ScaledClock(sim_origin_ms=0, wall_origin_ms=0, scale=60_000)))
    assert goal <= woke


def test_sleeping_until_the_past_returns_at_once():
    asyncio.run(SystemClock().sleep_until(0))


def test_a_long_sleep_notices_that_the_wall_clock_was_set_forward(monkeypatch, wall):
    naps = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        wall(4_000)  # somebody sets the clock while we sleep

    monkeypatch.setattr(asyncio, "sleep", nap)
    wall(0)
    asyncio.run(SystemClock().sleep_until(HOUR_MS))
    assert [20.0] == naps


def test_a_timeout_counts_time_of_its_own_clock():
    async def wait_an_hour() -> None:
        async with ScaledClock(sim_origin_ms=0, wall_origin_ms=0, scale=100_000).timeout(HOUR_MS):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(wait_an_hour())
