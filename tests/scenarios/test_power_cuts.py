"""The validator is killed at every write, before it is durable and after: what was stored stays, nothing twice."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from protocol.units import MINUTE_MS, SECOND_MS
from tests.support.brisk import ANCHOR, BRISK, Oracle, outcome_of
from tests.support.failing_store import FailingStore, PowerCut, power_cut_at
from tests.support.virtual_time import run_virtual
from tests.support.world import Guessing, World

TINY = replace(
    BRISK,
    challenges=(BRISK.challenges[0], replace(BRISK.challenges[1], cadence_ms=15 * MINUTE_MS)),
    time=replace(BRISK.time, steps=2, dispute_window_ms=5 * MINUTE_MS, epoch_ms=15 * MINUTE_MS),
    skill=replace(BRISK.skill, block_steps=1, min_blocks=2),
    sharing=replace(BRISK.sharing, lags_steps=(0, 1)),
)
START_MS = ANCHOR - 7 * MINUTE_MS
END_MS = ANCHOR + 38 * MINUTE_MS + 7 * SECOND_MS
FIRST = 90
"""Earlier writes are those of start and registration, before there is anything to lose."""
EVERY = 5
"""Every fifth write is tried, a different fifth before and after the write: all of them take half a minute."""


def life(cut_before=0, cut_after=0):
    """What the store holds after 45 minutes with a power cut, how many writes there were, whether it was cut."""

    async def main():
        world = World(TINY)
        inner = world.validator_store
        store = FailingStore(inner, before_apply=power_cut_at(cut_before), after_apply=power_cut_at(cut_after))
        world.validator_store = store
        cuts = 0
        try:
            await world.start_validator()
            await world.miner("alice", Oracle(world.market))
            await world.miner("bob", Guessing(1))
            while world.clock.now_ms() < END_MS:
                try:
                    await world.until(END_MS)
                except BaseExceptionGroup as gone:
                    if gone.subgroup(PowerCut) is None:
                        raise
                    cuts += 1
                    with suppress(BaseExceptionGroup):
                        await world.stop_validator()
                    await world.start_validator()
            return await outcome_of(inner), store.applied, cuts
        finally:
            with suppress(BaseExceptionGroup):
                await world.close()
            await asyncio.sleep(0)

    return run_virtual(main(), start_ms=START_MS)


@pytest.fixture(scope="module")
def undisturbed():
    return life()


def test_a_life_without_power_cuts_has_rounds_and_pay_to_lose(undisturbed):
    outcome, writes, cuts = undisturbed

    assert 0 == cuts
    assert writes > 150
    assert {"final", "resolved"} < {row.state for row in outcome.rounds}
    assert outcome.accrued("alice") > 0
    assert len(outcome.epochs) > 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_whenever_the_power_goes_everything_is_scored_and_paid_once_as_if_it_had_not(undisturbed, moment):
    want, writes, _ = undisturbed
    tried = 0
    for number in range(FIRST + (moment == "after"), writes, EVERY):
        outcome, _, cuts = life(**{f"cut_{moment}": number})
        tried += cuts

        outcome.check_money()
        told = f"cut {moment} write {number}"
        assert want.scores == outcome.scores, told
        assert want.pays == outcome.pays, told
        assert sorted(t.id for t in want.transactions) == sorted(t.id for t in outcome.transactions), told
        assert want.balances == outcome.balances, told
        assert [(r.round_id, r.state) for r in want.rounds] == [(r.round_id, r.state) for r in outcome.rounds], told
        told_then = [(s.round_id, s.hotkey, s.status, s.answer) for s in want.submissions]
        assert told_then == [(s.round_id, s.hotkey, s.status, s.answer) for s in outcome.submissions], told
    assert tried > 20
