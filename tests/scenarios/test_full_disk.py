"""The store takes nothing for a while: what was heard is held, and it goes on where it stopped when there is room."""

from __future__ import annotations

import pytest

from protocol.units import HOUR_MS, MINUTE_MS, SECOND_MS
from tests.support.brisk import ANCHOR, Oracle, play
from tests.support.failing_store import FailingStore, full_while
from tests.support.world import Guessing

LATER = ANCHOR + 4 * HOUR_MS


async def two_miners(world):
    await world.miner("alice", Oracle(world.market))
    await world.miner("bob", Guessing(1))


@pytest.fixture(scope="module")
def undisturbed():
    return play(two_miners, until_ms=LATER)


def full_disk(from_ms, until_ms, *, reads_too=False):
    async def scenario(world):
        await two_miners(world)
        await world.until(ANCHOR - 10 * MINUTE_MS)
        refuse = full_while(lambda: from_ms <= world.clock.now_ms() < until_ms)
        store = FailingStore(world.validator_store, before_apply=refuse)
        if reads_too:
            store = FailingStore(world.validator_store, before_apply=refuse, before_read=refuse)
        await world.stop_validator()
        inner, world.validator_store = world.validator_store, store
        await world.start_validator()
        await world.until(until_ms + 1)
        world.validator_store = inner

    return scenario


@pytest.mark.parametrize(
    ("from_s", "until_s"),
    [(-59, -30), (-60, -20), (-60, 20), (-61, -40), (-30, 40), (1, 30), (14, 50), (16, 200), (80, 600)],
    ids=lambda s: f"T{s:+}s",
)
@pytest.mark.parametrize("reads_too", [False, True], ids=["writes", "reads and writes"])
def test_a_disk_that_was_full_for_a_part_of_the_windows_costs_nobody_anything(undisturbed, from_s, until_s, reads_too):
    scenario = full_disk(ANCHOR + from_s * SECOND_MS, ANCHOR + until_s * SECOND_MS, reads_too=reads_too)
    outcome = play(scenario, until_ms=LATER)

    there = {row.round_id for row in outcome.rounds if row.anchor_at_ms == ANCHOR}
    lost = {(s[1]) for name in ("alice", "bob") for s in outcome.of(name)[0] if s[0] in there}
    assert lost <= {"valid"}
    assert not outcome.refused()
    assert 0 == sum(outcome.offences.values())


def test_a_disk_that_was_full_for_half_an_hour_loses_no_answer_that_was_heard(undisturbed):
    outcome = play(full_disk(ANCHOR + 15 * SECOND_MS + 1, ANCHOR + 30 * MINUTE_MS), until_ms=LATER)

    [heard] = [row.round_id for row in outcome.rounds if row.anchor_at_ms == ANCHOR and row.challenge == "closes.point"]
    for name in ("alice", "bob"):
        [want] = [score for score in undisturbed.of(name)[0] if score[0] == heard]
        assert [want] == [score for score in outcome.of(name)[0] if score[0] == heard]


def test_rounds_resolve_and_epochs_are_paid_once_there_is_room_again(undisturbed):
    outcome = play(full_disk(ANCHOR + HOUR_MS, ANCHOR + HOUR_MS + 20 * MINUTE_MS), until_ms=LATER)

    assert [(e.challenge, e.epoch) for e in undisturbed.epochs] == [(e.challenge, e.epoch) for e in outcome.epochs]
    missed = {row.round_id for row in undisturbed.rounds} - {row.round_id for row in outcome.rounds}
    assert len(missed) <= 6
    before = [row.round_id for row in outcome.rounds if row.anchor_at_ms < ANCHOR + 55 * MINUTE_MS]
    kept = [score for score in undisturbed.of("alice")[0] if score[0] in before]
    assert kept == [score for score in outcome.of("alice")[0] if score[0] in before]
