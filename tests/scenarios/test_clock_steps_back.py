"""A validator that starts again with a clock behind its own closes."""

from __future__ import annotations

from neurons.records import Change, CloseRow
from protocol.units import HOUR_MS, MINUTE_MS, PriceE8, UnixMs
from tests.support.virtual_time import START_MS
from tests.support.world import SERIES, World, run_world


def test_closes_that_are_stored_are_not_agreed_again_when_the_clock_steps_back():
    """They have scored rounds; another price in their place would belie every score that followed from them."""

    async def scenario(world: World) -> None:
        await world.stop_validator()
        newest = UnixMs(START_MS + 2 * HOUR_MS)
        told = CloseRow(SERIES, newest, 0, PriceE8(123_45678901), "median", b"[]", newest)
        await world.validator_store.apply(Change(closes=(told,)))

        node = await world.start_validator()

        assert newest == node.newest_close_ms(SERIES)

        await world.until(newest + 30 * MINUTE_MS)
        stored = await world.validator_store.closes(SERIES, from_ms=newest, to_ms=newest)
        assert [told] == list(stored)

    run_world(scenario)
