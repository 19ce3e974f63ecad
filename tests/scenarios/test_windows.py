"""Who comes too early or too late, by whose clock: answers stay closed until T, and lateness is judged on receipt."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from protocol.envelope import open_evidence, open_reply, seal
from protocol.errors import AuguryError
from protocol.messages import NONCE_BYTES, Purpose, RevealRequest, SubmitRequest
from protocol.receipts import check_receipt, sign_receipt
from protocol.units import SECOND_MS, UnixMs
from tests.support.brisk import ANCHOR, BRISK, PATHS, POINT, play
from tests.support.memory_network import Faults
from tests.support.virtual_time import VirtualClock
from tests.support.world import Guessing, run_world, signing_key

VALIDATOR, ALICE, BETA = signing_key("validator"), signing_key("alice"), signing_key("beta")


@dataclass
class SkewedClock(VirtualClock):
    """A miner's clock that is off by so much; waiting still takes as long as it takes."""

    off_ms: int = 0

    def now_ms(self) -> UnixMs:
        return UnixMs(super().now_ms() + self.off_ms)


async def point_round(world):
    """The point round anchored at ANCHOR."""
    rows = await world.validator_store.rounds(challenge=POINT, from_ms=ANCHOR, before_ms=ANCHOR + 1)
    return rows[0]


async def ask(world, message, *, key, to, node, nonce=b"n"):
    """Sends a signed request and opens the reply."""
    now = world.clock.now_ms()
    request = seal(
        message,
        key=key,
        params=BRISK,
        recipient=to.hotkey,
        nonce=nonce * NONCE_BYTES,
        issued_at_ms=now,
        deadline_ms=now + 10 * SECOND_MS,
    )
    raw = await node.answer(message.PURPOSE, request.raw, peer="192.0.2.1")
    return open_reply(raw, request=request, params=BRISK, now_ms=now).message


async def push(world, *, answer=None, nonce=b"n"):
    """Alice pushes the answer of her draft (or another) for the round at ANCHOR."""
    row = await point_round(world)
    draft = await world.miners["alice"].store.draft(row.round_id)
    message = SubmitRequest(POINT, row.round_id.hex(), draft.salt, answer or draft.answer)
    return await ask(world, message, key=ALICE, to=VALIDATOR, node=world.validator, nonce=nonce)


@pytest.mark.parametrize("seconds", [-30, -1, 0, 4.9])
def test_a_miner_reveals_nothing_before_its_own_guard_has_passed_whoever_asks(seconds):
    async def scenario(world):
        alice = await world.miner("alice")
        await world.until(ANCHOR + int(seconds * SECOND_MS))
        row = await point_round(world)
        [given] = await world.validator_store.commitments(row.round_id)
        receipt = sign_receipt(
            "commit", row.round_id, ALICE.hotkey, evidence=given.evidence, received_at_ms=1, key=VALIDATOR
        )
        request = RevealRequest(row.round_id, row.anchor_at_ms, receipt)
        with pytest.raises(AuguryError, match="reveals 5000 ms after that") as refused:
            await ask(world, request, key=VALIDATOR, to=ALICE, node=alice.node)
        assert "wrong-phase" == refused.value.code

        await world.until(ANCHOR + 5 * SECOND_MS)
        told = await ask(world, request, key=VALIDATOR, to=ALICE, node=alice.node, nonce=b"m")
        draft = await alice.store.draft(row.round_id)
        assert (draft.salt, draft.answer) == (told.salt, told.answer)

    run_world(scenario, params=BRISK)


@pytest.mark.parametrize(
    ("off_s", "statuses"), [(-20, {"valid"}), (20, {"valid"}), (-70, {"silent"}), (95, {"silent"})]
)
def test_a_miners_clock_may_be_a_little_wrong_and_costs_only_itself_when_it_is_very_wrong(off_s, statuses):
    async def scenario(world):
        await world.miner("alice", Guessing(1))
        await world.miner("bob", Guessing(2))
        await world.miner("bob", Guessing(2), clock=SkewedClock(off_s * SECOND_MS), register=False)

    outcome = play(scenario)

    assert statuses == set(outcome.statuses("bob"))
    assert {"valid"} == set(outcome.statuses("alice"))


@pytest.mark.parametrize(
    ("at_s", "code"), [(-1, "wrong-phase"), (14, "wrong-phase"), (75, "wrong-phase"), (3_000, "wrong-phase")]
)
def test_an_answer_pushed_outside_the_reveal_window_is_refused_and_changes_nothing(at_s, code):
    async def scenario(world):
        await world.miner("alice")
        await world.until(ANCHOR - SECOND_MS)
        world.network.faults["alice:1"] = Faults(unreachable=True)
        await world.until(ANCHOR + at_s * SECOND_MS)
        with pytest.raises(AuguryError) as refused:
            await push(world)
        assert code == refused.value.code
        assert [] == await world.validator_store.submissions((await point_round(world)).round_id)
        assert code in {row.code for row in await world.validator_store.refusals()}

    run_world(scenario, params=BRISK)


def test_an_answer_without_a_commitment_is_not_taken():
    async def scenario(world):
        await world.miner("alice")
        await world.until(ANCHOR - SECOND_MS)
        await world.miner("carol", Guessing(8))
        await world.until(ANCHOR + 20 * SECOND_MS)
        row = await point_round(world)
        draft = await world.miners["alice"].store.draft(row.round_id)
        stolen = SubmitRequest(POINT, row.round_id.hex(), draft.salt, draft.answer)
        with pytest.raises(AuguryError, match="no commitment"):
            await ask(world, stolen, key=signing_key("carol"), to=VALIDATOR, node=world.validator)

    run_world(scenario, params=BRISK)


def test_a_pushed_answer_ends_in_the_same_row_as_a_pulled_one():
    async def pulled_and_pushed(world, rows, is_pushed):
        await world.miner("alice")
        await world.until(ANCHOR + 14 * SECOND_MS)
        if is_pushed:
            world.network.faults["alice:1"] = Faults(unreachable=True)
        await world.until(ANCHOR + 20 * SECOND_MS)
        if is_pushed:
            await push(world)
        rows += await world.validator_store.submissions((await point_round(world)).round_id)

    rows = []
    for is_pushed in (False, True):
        run_world(lambda world, pushed=is_pushed: pulled_and_pushed(world, rows, pushed), params=BRISK)

    pulled, pushed = ((r.round_id, r.hotkey, r.sequence, r.status, r.reason, r.answer, r.salt) for r in rows)
    assert pulled == pushed
    signed = [
        open_evidence(row.evidence, purpose=purpose, network=BRISK.network, max_bytes=10**6)
        for row, purpose in zip(rows, (Purpose.REVEAL_REPLY, Purpose.SUBMIT), strict=True)
    ]
    assert [ALICE.hotkey] * 2 == [opened.header.sender for opened in signed]


def test_a_retry_of_a_push_gets_the_stored_reply_also_after_a_restart_and_after_the_window():
    async def scenario(world):
        await world.miner("alice")
        await world.until(ANCHOR + 14 * SECOND_MS)
        world.network.faults["alice:1"] = Faults(unreachable=True)
        await world.until(ANCHOR + 20 * SECOND_MS)
        first = await push(world)
        check_receipt(first.receipt)
        assert first == await push(world, nonce=b"m")
        await world.until(ANCHOR + 100 * SECOND_MS)
        await world.stop_validator()
        await world.start_validator()
        assert first == await push(world, nonce=b"o")
        assert 1 == len(await world.validator_store.submissions((await point_round(world)).round_id))

    run_world(scenario, params=BRISK)


def test_an_unsound_push_costs_standing_like_an_unsound_reveal():
    async def scenario(world):
        await world.miner("alice")
        await world.until(ANCHOR + 14 * SECOND_MS)
        world.network.faults["alice:1"] = Faults(unreachable=True)
        await world.until(ANCHOR + 20 * SECOND_MS)
        other = (await world.miners["alice"].store.drafts(from_ms=0))[0].answer
        await push(world, answer=other)
        [row] = await world.validator_store.submissions((await point_round(world)).round_id)
        assert "commitment-mismatch" == row.status
        [miner] = await world.validator_store.miners()
        assert 1 == miner.offences

    run_world(scenario, params=BRISK)


def test_both_challenges_are_asked_at_a_full_hour():
    outcome = play(lambda world: world.miner("alice"))

    assert {POINT, PATHS} == {row.challenge for row in outcome.rounds if row.anchor_at_ms == ANCHOR}
