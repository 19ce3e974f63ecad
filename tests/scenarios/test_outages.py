"""The validator, or a miner, is away for a while: windows are missed, and nobody pays for the other's absence."""

from __future__ import annotations

import pytest

from protocol.units import HOUR_MS, SECOND_MS
from tests.support.brisk import ANCHOR, BRISK, MINUTE_MS, POINT, STEP_MS, Oracle, play
from tests.support.memory_network import Faults
from tests.support.world import Guessing, run_world, signing_key

LATER = ANCHOR + 4 * HOUR_MS


async def two_miners(world):
    await world.miner("alice", Oracle(world.market))
    await world.miner("bob", Guessing(1))


@pytest.fixture(scope="module")
def undisturbed():
    return play(two_miners, until_ms=LATER)


def validator_away(from_ms, until_ms):
    async def scenario(world):
        await two_miners(world)
        await world.until(from_ms)
        await world.stop_validator()
        await world.until(until_ms)
        await world.start_validator()

    return scenario


@pytest.mark.parametrize("at_s", [-90, -75, -60, -30, -1, 0, 7, 15, 16, 40], ids=lambda s: f"T{s:+}s")
def test_a_validator_that_is_killed_and_starts_again_within_the_windows_loses_nothing(undisturbed, at_s):
    at = ANCHOR + at_s * SECOND_MS
    outcome = play(validator_away(at, at + 2 * SECOND_MS), until_ms=LATER)

    assert outcome.of("alice") == undisturbed.of("alice")
    assert outcome.of("bob") == undisturbed.of("bob")
    assert outcome.balances == undisturbed.balances


def test_an_answer_that_was_stored_is_not_asked_for_again_after_a_restart():
    async def scenario(world):
        await two_miners(world)
        await world.until(ANCHOR - 30 * SECOND_MS)
        await world.stop_validator()
        before = [await world.validator_store.commitments(row.round_id) for row in await world.validator_store.rounds()]
        calls = []
        for name in ("alice", "bob"):
            world.network.faults[f"{name}:1"] = Faults(tamper_request=lambda raw: calls.append(raw) or raw)
        await world.start_validator()
        await world.until(ANCHOR - SECOND_MS)
        assert any(before)
        assert [] == calls

    run_world(scenario, params=BRISK)


@pytest.mark.parametrize("minutes", [1, 10, 70, 200], ids=lambda m: f"{m} minutes")
def test_a_validator_that_was_away_for_the_reveals_blames_nobody(undisturbed, minutes):
    gone = ANCHOR + 2 * SECOND_MS
    back = gone + minutes * MINUTE_MS + 20 * SECOND_MS
    outcome = play(validator_away(gone, back), until_ms=max(LATER, back + 3 * HOUR_MS))

    missed = [row for row in outcome.rounds if row.anchor_at_ms == ANCHOR]
    assert {("void", "the validator was not there to ask the miners")} == {(r.state, r.reason) for r in missed}
    assert {"unrevealed"}.isdisjoint(outcome.statuses("alice") + outcome.statuses("bob"))
    assert not outcome.refused()
    before = [score for score in undisturbed.of("alice")[0] if score in outcome.of("alice")[0]]
    assert before[:3] == undisturbed.of("alice")[0][:3]


def test_rounds_that_were_locked_in_before_a_long_outage_are_scored_oldest_first_afterwards(undisturbed):
    """Away for longer than two hours past their last steps: late, but with everything that they need."""
    gone, back = ANCHOR + 10 * MINUTE_MS + 100 * SECOND_MS, ANCHOR + 4 * HOUR_MS
    outcome = play(validator_away(gone, back), until_ms=back + HOUR_MS)

    kept = [row for row in outcome.rounds if row.anchor_at_ms <= gone and row.challenge == POINT]
    assert {"final"} == {row.state for row in kept}
    resolved = [row.resolved_at_ms for row in kept]
    assert sorted(resolved) == resolved
    want = {score[0]: score for score in undisturbed.of("alice")[0]}
    found = {score[0]: score for score in outcome.of("alice")[0]}
    assert {row.round_id: want[row.round_id] for row in kept} == {row.round_id: found[row.round_id] for row in kept}


def test_no_round_is_opened_whose_commit_window_has_begun():
    gone = ANCHOR - 2 * MINUTE_MS
    outcome = play(validator_away(gone, ANCHOR - 50 * SECOND_MS))

    assert ANCHOR not in {row.anchor_at_ms for row in outcome.rounds}
    assert ANCHOR + STEP_MS in {row.anchor_at_ms for row in outcome.rounds}


def test_a_miner_that_starts_again_between_commit_and_reveal_reveals_the_answer_it_committed_to(undisturbed):
    async def scenario(world):
        await two_miners(world)
        await world.until(ANCHOR - 20 * SECOND_MS)
        drafts = await world.miners["bob"].store.drafts(from_ms=0)
        world.stop_miner("bob")
        await world.until(ANCHOR + 5 * SECOND_MS)
        await world.miner("bob", Guessing(seed=77), register=False)
        await world.until(ANCHOR + 2 * MINUTE_MS)
        kept = await world.miners["bob"].store.drafts(from_ms=0)
        assert list(drafts) == [draft for draft in kept if draft in drafts]
        revealed = (await world.validator_store.submissions(drafts[-1].round_id))[-2:]
        mine = [row for row in revealed if row.hotkey == signing_key("bob").hotkey]
        assert [(drafts[-1].salt, drafts[-1].answer)] == [(row.salt, row.answer) for row in mine]

    outcome = play(scenario, until_ms=LATER)

    by_anchor = {row.round_id: row.anchor_at_ms for row in outcome.rounds}
    same = [score for score in outcome.of("bob")[0] if by_anchor[score[0]] <= ANCHOR]
    assert same == undisturbed.of("bob")[0][: len(same)]
    assert {"valid"} == set(outcome.statuses("bob"))


@pytest.mark.parametrize(("gone_s", "back_s", "status"), [(-70, 1, "silent"), (5, 80, "unrevealed"), (5, 30, "valid")])
def test_a_miner_that_is_away_pays_for_its_own_absence_alone(undisturbed, gone_s, back_s, status):
    async def scenario(world):
        await two_miners(world)
        await world.until(ANCHOR + gone_s * SECOND_MS)
        world.stop_miner("bob")
        await world.until(ANCHOR + back_s * SECOND_MS)
        await world.miner("bob", register=False)

    outcome = play(scenario, until_ms=LATER)

    there = [row.round_id for row in outcome.rounds if row.anchor_at_ms == ANCHOR]
    assert {status} == {score[1] for score in outcome.of("bob")[0] if score[0] in there}
    others = [score for score in outcome.of("bob")[0] if score[0] not in there]
    assert others == [score for score in undisturbed.of("bob")[0] if score[0] not in there]
    assert outcome.of("alice") == undisturbed.of("alice")


def test_pay_follows_from_the_store_alone_however_often_the_validator_restarts(undisturbed):
    async def scenario(world):
        await two_miners(world)
        for at in range(ANCHOR + 13 * MINUTE_MS, LATER, 17 * MINUTE_MS):
            await world.until(at)
            await world.stop_validator()
            await world.start_validator()

    outcome = play(scenario, until_ms=LATER)

    assert outcome.of("alice") == undisturbed.of("alice")
    assert outcome.epochs == undisturbed.epochs
    assert outcome.transactions == undisturbed.transactions
    assert outcome.balances == undisturbed.balances
