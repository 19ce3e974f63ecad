"""The market is late, silent or full of holes: a missing close is missing for all, and no round waits for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neurons.telemetry import RoundSkipped
from protocol.units import HOUR_MS, MINUTE_MS, SECOND_MS
from tests.support.brisk import ANCHOR, BRISK, PATHS, POINT, STEP_MS, Oracle, outcome_of, play
from tests.support.world import Guessing, run_world

TWENTY = replace(BRISK, time=replace(BRISK.time, steps=20))
"""Twenty steps, of which two may be missing."""
LATER = ANCHOR + 4 * HOUR_MS


async def two_miners(world):
    await world.miner("alice", Oracle(world.market))
    await world.miner("bob", Guessing(1))


def missing(*steps):
    """A market in which the closes at these steps from ANCHOR are missing."""

    async def scenario(world):
        world.market.missing |= {ANCHOR + step * STEP_MS for step in steps}
        await two_miners(world)

    return play(scenario, until_ms=LATER, params=TWENTY)


def of_anchor(outcome, anchor=ANCHOR):
    return {row.challenge: row for row in outcome.rounds if row.anchor_at_ms == anchor}


@pytest.mark.parametrize("steps", [(), (1,), (7, 8), (3, 19)], ids=str)
def test_up_to_a_tenth_of_the_steps_may_be_missing_and_drop_out_for_everybody(steps):
    outcome = missing(*steps)

    rounds = of_anchor(outcome)
    assert {POINT: "final", PATHS: "final"} == {name: row.state for name, row in rounds.items()}
    assert {"valid"} == set(outcome.statuses("alice")) == set(outcome.statuses("bob"))


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ((3, 4, 5), "17 of 20 closes are agreed, want 90%"),
        ((20,), "the last step's close is missing"),
        ((0,), "the close at the anchor is missing"),
    ],
    ids=["over a tenth", "last step", "anchor"],
)
def test_a_round_without_its_truth_is_void_when_its_time_is_up_and_nobody_gains_or_loses(steps, reason):
    outcome = missing(*steps)

    rounds = of_anchor(outcome)
    assert {("void", reason)} == {(row.state, row.reason) for row in rounds.values()}
    void = {row.round_id for row in rounds.values()}
    for name in ("alice", "bob"):
        assert not void & {score[0] for part in outcome.of(name) for score in part}
    assert outcome.epochs


def test_a_void_round_is_given_up_two_hours_after_its_last_step_and_not_before():
    """Half an hour in these params."""

    async def scenario(world):
        world.market.missing.add(ANCHOR + 20 * STEP_MS)
        await two_miners(world)
        void_at = ANCHOR + 20 * STEP_MS + 30 * MINUTE_MS
        for at, state in ((void_at - SECOND_MS, "scoring"), (void_at + SECOND_MS, "void")):
            await world.until(at)
            assert {state} == {row.state for row in of_anchor(await outcome_of(world.validator_store)).values()}

    run_world(scenario, params=TWENTY)


def test_a_silent_market_stops_the_opening_of_rounds_says_why_and_the_late_closes_count():
    skipped = []

    async def scenario(world):
        await two_miners(world)
        await world.until(ANCHOR - 15 * MINUTE_MS)
        telemetry = world.validator._parts.telemetry
        record = telemetry.record
        object.__setattr__(telemetry, "record", lambda event: (skipped.append(event), record(event))[1])
        world.market.halted_from_ms = ANCHOR
        await world.until(ANCHOR + 60 * MINUTE_MS)
        world.market.halted_from_ms = None

    outcome = play(scenario, until_ms=LATER)

    told = [event for event in skipped if isinstance(event, RoundSkipped)]
    assert told
    assert {"BTC-USD"} == {event.series for event in told}
    assert len({(event.challenge, event.anchor_at_ms) for event in told}) == len(told)
    anchors = {row.anchor_at_ms for row in outcome.rounds if row.challenge == POINT}
    assert ANCHOR in anchors
    assert ANCHOR + 30 * MINUTE_MS not in anchors
    assert ANCHOR + 75 * MINUTE_MS in anchors
    assert {"final"} == {row.state for row in of_anchor(outcome).values()}


def test_a_market_that_never_comes_back_voids_what_was_asked():
    async def scenario(world):
        await two_miners(world)
        world.market.halted_from_ms = ANCHOR + 10 * MINUTE_MS

    outcome = play(scenario, until_ms=LATER)

    assert {"void"} == {row.state for row in outcome.rounds if row.anchor_at_ms >= ANCHOR}
    assert not [row for row in outcome.rounds if row.anchor_at_ms > ANCHOR + 30 * MINUTE_MS]


def test_no_round_opens_before_there_is_history_enough():
    long = replace(BRISK, time=replace(BRISK.time, min_history_steps=60))

    async def scenario(world):
        known = world.clock.now_ms() - 72 * STEP_MS
        world.market.missing |= set(range(known, known + 40 * STEP_MS, STEP_MS))
        await world.stop_validator()
        world.validator_store = type(world.validator_store)()
        await world.start_validator()
        await two_miners(world)

    outcome = play(scenario, until_ms=ANCHOR + 3 * HOUR_MS, params=long)

    first = outcome.rounds[0]
    assert first.anchor_at_ms > ANCHOR
    assert {"valid"} == set(outcome.statuses("alice"))


def test_rounds_of_a_challenge_resolve_in_the_order_of_their_anchors_though_one_truth_comes_late():
    async def scenario(world):
        await two_miners(world)
        world.market.halted_from_ms = ANCHOR + 65 * MINUTE_MS
        await world.until(ANCHOR + 80 * MINUTE_MS)
        world.market.halted_from_ms = None

    outcome = play(scenario, until_ms=LATER)

    for challenge in (POINT, PATHS):
        settled = [row for row in outcome.rounds if row.challenge == challenge and row.resolved_at_ms]
        assert sorted(row.resolved_at_ms for row in settled) == [row.resolved_at_ms for row in settled]
    assert not [row for row in outcome.rounds if row.state == "void"]
