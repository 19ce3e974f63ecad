"""A validator that starts again remembers exactly what one that never stopped does, also where its memory ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocol.units import HOUR_MS, MINUTE_MS
from tests.support.brisk import ANCHOR, BRISK, Oracle, play

SHORT_MEMORY = replace(
    BRISK,
    skill=replace(BRISK.skill, memory_ms=100 * MINUTE_MS, min_blocks=2),
    sharing=replace(BRISK.sharing, window_ms=2 * HOUR_MS),
)
"""Memory and window end within the scenario, and no block or generation ends with the other."""
LATER = ANCHOR + 7 * HOUR_MS


async def two_that_share(world):
    await world.miner("alice", Oracle(world.market, seed=1))
    await world.miner("bob", Oracle(world.market, seed=2, noise=0.4))


@pytest.fixture(scope="module")
def undisturbed():
    return play(two_that_share, until_ms=LATER, params=SHORT_MEMORY)


@pytest.mark.parametrize("away_minutes", [0, 85])
def test_pay_is_the_same_whether_the_books_were_held_or_read_again(undisturbed, away_minutes):
    """Away in the calm between the reveals and the next opening, so that no round is missed by a short stop."""

    async def scenario(world):
        await two_that_share(world)
        first = ANCHOR + 2 * HOUR_MS + 100_000
        last = LATER - HOUR_MS if away_minutes == 0 else first + 1
        for at in range(first, last, 25 * MINUTE_MS):
            await world.until(at)
            await world.stop_validator()
            await world.until(at + away_minutes * MINUTE_MS)
            await world.start_validator()

    outcome = play(scenario, until_ms=LATER, params=SHORT_MEMORY)

    assert any(pay.accrued_micros for pay in undisturbed.pays[next(iter(undisturbed.pays))])
    missed = {row.anchor_at_ms for row in undisturbed.rounds} - {row.anchor_at_ms for row in outcome.rounds}
    before = min(missed, default=LATER)
    for name in ("alice", "bob"):
        ids = {row.round_id for row in undisturbed.rounds if row.anchor_at_ms < before}
        want = [pay for pay in undisturbed.of(name)[1] if pay[0] in ids]
        assert want == [pay for pay in outcome.of(name)[1] if pay[0] in ids]
