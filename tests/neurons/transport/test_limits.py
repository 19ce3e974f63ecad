"""Doors: how many may be inside, and that everyone who leaves makes room."""

from __future__ import annotations

import asyncio

import pytest

from neurons.transport.limits import Door, TimeLimit
from neurons.virtual_time import run_virtual
from protocol.errors import NodeFault, Overloaded


def test_a_full_door_refuses_and_an_exit_makes_room():
    door = Door("calls", 2)
    with door:
        with door:
            with pytest.raises(Overloaded, match="2 calls"), door:
                pass
            assert 2 == door.inside
        with door:
            assert 2 == door.inside
    assert (0, 1) == (door.inside, door.refused)


def test_an_error_inside_leaves_the_door_as_it_was():
    door = Door("calls", 1)
    with pytest.raises(KeyError), door:
        raise KeyError
    assert 0 == door.inside


async def stay(limit, seconds):
    """When this one came out, and whether it was cut off."""
    loop = asyncio.get_running_loop()
    try:
        with limit:
            await asyncio.sleep(seconds)
    except NodeFault:
        return loop.time(), True
    return loop.time(), False


def test_whoever_stays_too_long_is_cut_off_when_its_own_time_is_over_and_nobody_else_is():
    async def run():
        limit, start = TimeLimit("a call", 30.0), asyncio.get_running_loop().time()

        async def later(after, seconds):
            await asyncio.sleep(after)
            came_out, cut_off = await stay(limit, seconds)
            return came_out - start, cut_off

        stays = (later(0, 100), later(1, 2), later(10, 100), later(20, 29), later(200, 40))
        return await asyncio.gather(*stays)

    assert [(30, True), (3, False), (40, True), (49, False), (230, True)] == run_virtual(run())


def test_one_who_is_cancelled_by_others_is_not_told_that_it_took_too_long():
    async def run():
        limit = TimeLimit("a call", 30.0)
        task = asyncio.create_task(stay(limit, 100))
        await asyncio.sleep(10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await stay(limit, 29)

    assert run_virtual(run())[1] is False
