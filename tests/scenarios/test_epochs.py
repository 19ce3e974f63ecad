"""Money: accruals while rounds resolve, one payment at an epoch's close, the rest to the reserve, whatever happens."""

from __future__ import annotations

import pytest

from protocol.rules.calendar import epoch_bounds_ms, epoch_of
from protocol.rules.ledger import ACCRUAL, AUG, EPOCH_CLOSE, FUNDING, RESERVE, balance_account
from protocol.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, UnixMs
from tests.support.brisk import ANCHOR, BRISK, PATHS, POINT, Oracle, outcome_of, play
from tests.support.failing_store import FailingStore, full_while
from tests.support.world import Guessing, run_world, signing_key

EPOCH = epoch_of(UnixMs(ANCHOR), BRISK.time)
ENDS = epoch_bounds_ms(EPOCH, BRISK.time)[1]
PAID_AT = ENDS - 5 * MINUTE_MS + 12 * 5 * MINUTE_MS + 30 * SECOND_MS + 15 * MINUTE_MS
"""When the epoch's last point round is final: its last step, the settle delay, the dispute window."""
POOL = 500_000_000


async def two_miners(world):
    await world.miner("alice", Oracle(world.market))
    await world.miner("bob", Guessing(1))


@pytest.fixture(scope="module")
def undisturbed():
    return play(two_miners, until_ms=PAID_AT + HOUR_MS + MINUTE_MS)


def closes_of(outcome, challenge=POINT):
    return [e for e in outcome.epochs if (e.challenge, e.epoch) == (challenge, EPOCH)]


def test_nothing_but_accruals_is_booked_before_the_epoch_closes_and_then_everything_is_paid_at_once():
    async def scenario(world):
        await two_miners(world)
        await world.until(PAID_AT - SECOND_MS)
        before = await outcome_of(world.validator_store)
        assert {FUNDING, ACCRUAL} == {t.kind for t in before.transactions if f"/{POINT}/{EPOCH}" in t.memo}
        assert [] == closes_of(before)
        await world.until(PAID_AT + SECOND_MS)
        after = await outcome_of(world.validator_store)
        [closed] = closes_of(after)
        [paying] = [t for t in after.transactions if t.kind == EPOCH_CLOSE and t.memo.endswith(f"/{POINT}/{EPOCH}")]
        to = {posting.account: posting.amount_micros for posting in paying.postings if posting.amount_micros > 0}
        assert closed.reserve_micros == to[RESERVE]
        alice = signing_key("alice").hotkey
        accrued = sum(p.accrued_micros for p in before.pays[alice] if (p.challenge, p.epoch) == (POINT, EPOCH))
        assert accrued == to[balance_account(alice)] > 0
        assert POOL == closed.paid_micros + closed.reserve_micros
        held = {account for account, _ in after.balances if account.startswith(f"accrued/BTC-USD/{POINT}/{EPOCH}/")}
        assert set() == held

    run_world(scenario, params=BRISK)


def test_every_epoch_pays_its_whole_pool_to_miners_and_reserve(undisturbed):
    assert len(undisturbed.epochs) >= 3
    assert {POOL} == {epoch.paid_micros + epoch.reserve_micros for epoch in undisturbed.epochs}
    emitted = -sum(amount for (account, _), amount in undisturbed.balances.items() if account.startswith("emission"))
    pools = {(t.memo) for t in undisturbed.transactions if t.kind == FUNDING}
    assert POOL * len(pools) == emitted
    assert undisturbed.balances[RESERVE, AUG] == sum(epoch.reserve_micros for epoch in undisturbed.epochs)


def test_an_epoch_in_which_nobody_answered_goes_to_the_reserve_whole():
    async def nobody(world):
        pass

    outcome = play(nobody, until_ms=PAID_AT + HOUR_MS + MINUTE_MS)

    assert {(0, POOL)} == {(epoch.paid_micros, epoch.reserve_micros) for epoch in outcome.epochs}
    assert {POINT, PATHS} == {epoch.challenge for epoch in outcome.epochs}


@pytest.mark.parametrize("at_ms", [-1, 0, 1, 400], ids=lambda ms: f"{ms:+} ms")
def test_a_restart_right_at_the_close_pays_once(undisturbed, at_ms):
    async def scenario(world):
        await two_miners(world)
        await world.until(PAID_AT + at_ms)
        await world.stop_validator()
        await world.start_validator()

    outcome = play(scenario, until_ms=PAID_AT + HOUR_MS + MINUTE_MS)

    assert undisturbed.balances == outcome.balances
    assert [(e.challenge, e.epoch, e.paid_micros) for e in undisturbed.epochs] == [
        (e.challenge, e.epoch, e.paid_micros) for e in outcome.epochs
    ]


def test_an_epoch_whose_close_found_the_disk_full_is_closed_when_there_is_room(undisturbed):
    async def scenario(world):
        await two_miners(world)
        await world.until(PAID_AT - MINUTE_MS)
        inner = world.validator_store
        refuse = full_while(lambda: PAID_AT <= world.clock.now_ms() < PAID_AT + 3 * SECOND_MS)
        await world.stop_validator()
        world.validator_store = FailingStore(inner, before_apply=refuse)
        await world.start_validator()
        await world.until(PAID_AT + MINUTE_MS)
        world.validator_store = inner
        assert 1 == len(closes_of(await outcome_of(inner)))

    outcome = play(scenario, until_ms=PAID_AT + HOUR_MS + MINUTE_MS)

    assert undisturbed.balances == outcome.balances


def test_an_epoch_that_was_complete_when_the_validator_died_is_paid_days_later_when_it_starts_again():
    """Its last round was final, the close was not stored, and no later round will ever remind of it."""

    async def scenario(world):
        await two_miners(world)
        await world.until(PAID_AT - MINUTE_MS)
        inner = world.validator_store
        refuse = full_while(lambda: False)
        store = FailingStore(inner, before_apply=refuse)
        apply = store.apply

        async def without_closes(change):
            if not change.epochs:
                await apply(change)

        store.apply = without_closes
        await world.stop_validator()
        world.validator_store = store
        await world.start_validator()
        await world.until(PAID_AT + SECOND_MS)
        await world.stop_validator()
        assert [] == closes_of(await outcome_of(inner))
        world.validator_store = inner
        await world.until(PAID_AT + 3 * DAY_MS)
        await world.start_validator()
        await world.until(PAID_AT + 3 * DAY_MS + SECOND_MS)
        assert 1 == len(closes_of(await outcome_of(inner)))

    run_world(scenario, params=BRISK)
