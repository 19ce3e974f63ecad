"""The virtual-time loop itself: many tests lean on it, so it must not lie."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from neurons.virtual_time import (
    START_MS,
    Deadlock,
    VirtualClock,
    outside,
    run_virtual,
    running_virtual_loop,
)
from protocol.units import DAY_MS, MINUTE_MS


def test_a_day_of_thousands_of_sleeps_passes_in_order_and_to_the_millisecond():
    clock = VirtualClock()
    seen: list[int] = []

    async def tick(every_ms: int) -> None:
        at = START_MS
        while at < START_MS + DAY_MS:
            at += every_ms
            await clock.sleep_until(at)
            assert at == clock.now_ms()
            seen.append(at)

    async def day() -> None:
        async with asyncio.TaskGroup() as group:
            for every_ms in (MINUTE_MS, 5 * MINUTE_MS, 7_777, 61_013):
                group.create_task(tick(every_ms))

    run_virtual(day())
    assert sorted(seen) == seen
    assert DAY_MS // MINUTE_MS + DAY_MS // (5 * MINUTE_MS) + -(-DAY_MS // 7_777) + -(-DAY_MS // 61_013) == len(seen)


def test_plain_sleep_advances_virtual_time():
    async def sleep() -> int:
        await asyncio.sleep(3_600)
        return VirtualClock().now_ms()

    assert START_MS + 3_600_000 == run_virtual(sleep())


def test_tiny_sleeps_far_from_the_origin_neither_spin_nor_lose_time():
    async def sleep() -> int:
        await asyncio.sleep(400 * 86_400)
        for _ in range(1_000):
            await asyncio.sleep(1e-9)
        await asyncio.sleep(0.001)
        return VirtualClock().now_ms()

    assert START_MS + 400 * DAY_MS + 1 == run_virtual(sleep())


def test_a_wait_that_nothing_can_end_fails_and_names_the_line_where_it_waits():
    async def wait_for_nobody() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match=r"test_virtual_time\.py:\d+"):
        run_virtual(wait_for_nobody())


def test_a_timeout_fires_at_its_virtual_instant():
    async def wait() -> int:
        clock = VirtualClock()
        with pytest.raises(TimeoutError):
            async with clock.timeout(2_500):
                await asyncio.Event().wait()
        return clock.now_ms()

    assert START_MS + 2_500 == run_virtual(wait())


def test_a_cancelled_sleep_leaves_no_timer_behind():
    async def cancel() -> int:
        clock = VirtualClock()
        sleeper = asyncio.create_task(clock.sleep_until(START_MS + DAY_MS))
        await asyncio.sleep(1)
        sleeper.cancel()
        await asyncio.wait([sleeper])
        await asyncio.sleep(1)
        return clock.now_ms()

    assert START_MS + 2_000 == run_virtual(cancel())


def test_tasks_that_are_left_running_are_reported():
    async def forget() -> None:
        running_virtual_loop().forgotten = asyncio.create_task(asyncio.sleep(9), name="orphan")  # type: ignore[attr-defined]

    with pytest.raises(AssertionError, match="orphan"):
        run_virtual(forget())


def test_time_stands_still_while_a_thread_works_for_the_loop():
    async def work() -> tuple[int, str]:
        loop = asyncio.get_running_loop()
        sleeper = asyncio.create_task(asyncio.sleep(1_000))
        gate = threading.Event()
        loop.call_later(0, gate.set)
        answer = await loop.run_in_executor(None, lambda: (gate.wait(5), time.monotonic(), "done")[2])
        now = VirtualClock().now_ms()
        await sleeper
        return now, answer

    assert (START_MS, "done") == run_virtual(work())


def test_time_stands_still_for_work_that_is_awaited_as_outside():
    async def work() -> int:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        sleeper = asyncio.create_task(asyncio.sleep(1_000))
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=(future.set_result, None))
        thread.start()
        await outside(future)
        thread.join()
        now = VirtualClock().now_ms()
        sleeper.cancel()
        await asyncio.wait([sleeper])
        return now

    assert START_MS == run_virtual(work())


def test_an_error_in_the_coroutine_comes_out_as_itself():
    async def fail() -> None:
        raise KeyError("as itself")

    with pytest.raises(KeyError, match="as itself"):
        run_virtual(fail())


def test_the_virtual_clock_refuses_a_loop_that_keeps_real_time():
    async def read() -> None:
        VirtualClock().now_ms()

    with pytest.raises(AssertionError, match="run_virtual"):
        asyncio.run(read())


def test_every_run_of_the_same_program_is_the_same():
    async def race() -> list[str]:
        order: list[str] = []

        async def runner(name: str, pace: float) -> None:
            for lap in range(5):
                await asyncio.sleep(pace)
                order.append(f"{name}{lap}")

        async with asyncio.TaskGroup() as group:
            for name, pace in (("a", 0.3), ("b", 0.2), ("c", 0.6)):
                group.create_task(runner(name, pace))
        return order

    assert run_virtual(race()) == run_virtual(race())
