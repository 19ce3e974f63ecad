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


def test_what_an_absent_validator_has_still_to_score_is_not_let_go_before():
    """Retention ends while the validator is away with rounds to score, and it is back before their closes are."""
    params = replace(SHORT_MEMORY, retention=replace(BRISK.retention, evidence_ms=0))
    gone, back = ANCHOR + 2 * HOUR_MS + 100_000, ANCHOR + 9 * HOUR_MS

    async def away(world):
        await two_that_share(world)
        await world.until(gone)
        await world.stop_validator()
        await world.until(back)
        world.market.halted_from_ms = gone
        await world.start_validator()
        await world.until(back + 2 * MINUTE_MS)
        world.market.halted_from_ms = None

    undisturbed = play(two_that_share, until_ms=ANCHOR + 4 * HOUR_MS, params=params)
    outcome = play(away, until_ms=back + HOUR_MS, params=params)

    kept = {row.round_id for row in outcome.rounds if row.anchor_at_ms < gone and row.state == "final"}
    for name in ("alice", "bob"):
        for want, found in zip(undisturbed.of(name), outcome.of(name), strict=True):
            assert [row for row in want if row[0] in kept] == [row for row in found if row[0] in kept]
    assert {"final"} == {row.state for row in outcome.rounds if ANCHOR < row.anchor_at_ms < gone}
