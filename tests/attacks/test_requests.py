"""Requests that no node may act on, sent to running nodes: refused with a reason, nothing changed, life goes on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from protocol.answers import answer_of
from protocol.envelope import seal
from protocol.errors import AuguryError
from protocol.messages import (
    NONCE_BYTES,
    DescribeRequest,
    FeedbackReply,
    Purpose,
    RoundsRequest,
    SubmitRequest,
)
from protocol.params import DEMO
from protocol.units import HOUR_MS, MINUTE_MS, SECOND_MS
from protocol.wrapper import encode_envelope, split_envelope
from tests.support.brisk import ANCHOR, BRISK, purpose_of, rows_of
from tests.support.memory_network import Faults
from tests.support.world import Guessing, run_world, signing_key

PEER = "192.0.2.7"
VALIDATOR, ALICE, MALLORY = (signing_key(name) for name in ("validator", "alice", "mallory"))


def sealer(now_ms, **usual):
    """Seals a sound request, but for the changes it is called with."""

    def one(**changes):
        made = {
            "params": BRISK,
            "nonce": bytes(NONCE_BYTES),
            "issued_at_ms": now_ms,
            "deadline_ms": now_ms + 10 * SECOND_MS,
        } | usual
        made |= changes
        return seal(made.pop("message"), **made).raw

    return one


def mixed(one, **other):
    """The header of a sound request, with signature or body of another."""
    header, signature, body = split_envelope(one(), 10**6)
    _, other_signature, other_body = split_envelope(one(**other), 10**6)
    return (header, other_signature, body) if "key" in other else (header, signature, other_body)


def unsigned(one, now):
    header, signature, body = split_envelope(one(), 10**6)
    return encode_envelope(header, bytes(len(signature)), body)


BAD_REQUESTS = {
    "nothing": (lambda one, now: b"", "malformed"),
    "noise": (lambda one, now: bytes(range(256)), "malformed"),
    "oversized": (lambda one, now: one() + bytes(2_000_000), "malformed"),
    "unsigned": (unsigned, "bad-signature"),
    "signed by another": (lambda one, now: encode_envelope(*mixed(one, key=MALLORY)), "bad-signature"),
    "another body": (lambda one, now: encode_envelope(*mixed(one, message=RoundsRequest(limit=7))), "body-mismatch"),
    "for somebody else": (lambda one, now: one(recipient=MALLORY.hotkey), "wrong-recipient"),
    "for another call": (lambda one, now: one(message=FeedbackReply()), "wrong-purpose"),
    "from the future": (
        lambda one, now: one(issued_at_ms=now + 31_000, deadline_ms=now + 40_000),
        "outside-time-window",
    ),
    "from the past": (lambda one, now: one(issued_at_ms=now - 31_000), "outside-time-window"),
    "expired": (lambda one, now: one(issued_at_ms=now - 2_000, deadline_ms=now - 1), "expired"),
    "of a long life": (lambda one, now: one(deadline_ms=now + HOUR_MS), "malformed"),
    "of another network": (lambda one, now: one(params=DEMO), "wrong-network"),
    "of other params": (lambda one, now: one(params=replace(BRISK, version=2)), "upgrade-needed"),
}


async def refusal(node, purpose, raw):
    """The code of the error that refuses it."""
    with pytest.raises(AuguryError) as refused:
        await node.answer(purpose, raw, peer=PEER)
    return refused.value.code


@pytest.mark.parametrize(("make", "code"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_a_validator_refuses_says_why_counts_it_and_changes_nothing(make, code):
    async def scenario(world):
        await world.miner("alice")
        await world.until(ANCHOR - 3 * MINUTE_MS)
        now, before = world.clock.now_ms(), rows_of(world.validator_store)
        one = sealer(now, key=ALICE, recipient=VALIDATOR.hotkey, message=RoundsRequest())

        assert code == await refusal(world.validator, Purpose.ROUNDS, make(one, now))

        assert before == rows_of(world.validator_store)
        counted = await world.validator_store.refusals()
        assert [(code, None, 1)] == [(row.code, row.hotkey, row.count) for row in counted]
        assert await world.validator.answer(Purpose.ROUNDS, one(), peer=PEER)

    run_world(scenario, params=BRISK)


@pytest.mark.parametrize(("make", "code"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_a_miner_refuses_the_same_and_goes_on_answering(make, code):
    async def scenario(world):
        alice = await world.miner("alice")
        await world.until(ANCHOR - 3 * MINUTE_MS)
        now, before = world.clock.now_ms(), rows_of(alice.store)
        one = sealer(now, key=VALIDATOR, recipient=ALICE.hotkey, message=DescribeRequest())

        refused_as = await refusal(alice.node, Purpose.DESCRIBE, make(one, now))

        assert code == refused_as
        assert before == rows_of(alice.store)
        assert await alice.node.answer(Purpose.DESCRIBE, one(), peer=PEER)

    run_world(scenario, params=BRISK)


def test_a_miner_answers_nobody_who_is_not_on_its_list():
    async def scenario(world):
        alice = await world.miner("alice")
        before = rows_of(alice.store)
        one = sealer(world.clock.now_ms(), key=MALLORY, recipient=ALICE.hotkey, message=DescribeRequest())

        assert "unknown-sender" == await refusal(alice.node, Purpose.DESCRIBE, one())
        assert before == rows_of(alice.store)

    run_world(scenario, params=BRISK)


def test_a_validator_takes_answers_only_from_the_registered():
    async def scenario(world):
        await world.until(ANCHOR - MINUTE_MS)
        [row, *_] = await world.validator_store.rounds()
        pushed = SubmitRequest(row.challenge, row.round_id.hex(), bytes(32), answer_of(np.zeros((1, 12), np.float32)))
        one = sealer(world.clock.now_ms(), key=MALLORY, recipient=VALIDATOR.hotkey, message=pushed)

        assert "unknown-sender" == await refusal(world.validator, Purpose.SUBMIT, one())
        assert "unknown-sender" in {refusal.code for refusal in await world.validator_store.refusals()}

    run_world(scenario, params=BRISK)


@pytest.mark.parametrize("restart", [False, True], ids=["at once", "after a restart"])
def test_what_a_validator_asked_cannot_be_asked_again_by_who_recorded_it(restart):
    async def scenario(world):
        recorded = []
        await world.miner("alice", Guessing(1))
        world.network.faults["alice:1"] = Faults(tamper_request=lambda raw: recorded.append(raw) or raw)
        await world.until(ANCHOR + 16 * SECOND_MS)
        if restart:
            await world.miner("alice", Guessing(2), register=False)
        alice = world.miners["alice"]
        before = rows_of(alice.store)
        fresh = [raw for raw in recorded if purpose_of(raw) is Purpose.REVEAL][-2:]

        assert 2 == len(fresh)
        for raw in recorded:
            assert await refusal(alice.node, purpose_of(raw), raw) in {"replayed", "expired", "outside-time-window"}
        assert {"replayed"} == {await refusal(alice.node, Purpose.REVEAL, raw) for raw in fresh}
        assert before == rows_of(alice.store)

    run_world(scenario, params=BRISK)


@pytest.mark.parametrize("restart", [False, True], ids=["at once", "after a restart"])
@pytest.mark.parametrize("known", [True, False], ids=["of a miner", "of a stranger"])
def test_what_a_validator_was_asked_cannot_be_asked_again_by_who_recorded_it(known, restart):
    async def scenario(world):
        await world.miner("alice", register=known)
        now = world.clock.now_ms()
        raw = sealer(now, key=ALICE, recipient=VALIDATOR.hotkey, message=RoundsRequest())()
        assert await world.validator.answer(Purpose.ROUNDS, raw, peer=PEER)
        if restart:
            await world.stop_validator()
            await world.start_validator()
        before = rows_of(world.validator_store)

        assert "replayed" == await refusal(world.validator, Purpose.ROUNDS, raw)
        await world.until(now + 2 * MINUTE_MS)
        assert "outside-time-window" == await refusal(world.validator, Purpose.ROUNDS, raw)
        assert before["nonces"] == rows_of(world.validator_store)["nonces"]

    run_world(scenario, params=BRISK)


def test_a_flood_of_one_key_is_cut_off_and_leaves_the_rounds_alone():
    async def scenario(world):
        await world.miner("alice")
        await world.until(ANCHOR - MINUTE_MS)
        codes = Counter()
        for number in range(300):
            one = sealer(world.clock.now_ms(), key=MALLORY, recipient=VALIDATOR.hotkey, message=RoundsRequest())
            try:
                await world.validator.answer(Purpose.ROUNDS, one(nonce=number.to_bytes(16, "big")), peer=PEER)
            except AuguryError as error:
                codes[error.code] += 1
        assert {"rate-limited": 100} == codes
        await world.until(ANCHOR + MINUTE_MS)
        told = await world.validator_store.submissions(
            (await world.validator_store.rounds(before_ms=ANCHOR + 1))[0].round_id
        )
        assert ["valid"] == [row.status for row in told]

    run_world(scenario, params=BRISK)
