"""A miner that tells two validators two things proves it itself; who tells both the same cannot be accused."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from neurons.mining.node import KnownValidator
from neurons.store.memory import MemoryStore
from neurons.validating.handlers import Doorkeeping
from neurons.validating.node import ValidatorNode
from protocol.codec import decode_opening
from protocol.equivocation import EquivocationProof, check_equivocation
from protocol.errors import InvalidRequest
from protocol.messages import Purpose
from protocol.units import DIGEST_BYTES, MINUTE_MS, SECOND_MS
from tests.support.brisk import ANCHOR, BRISK, POINT, resigned
from tests.support.memory_network import Faults
from tests.support.world import SERIES, SeededEntropy, quiet_telemetry, run_world, signing_key

ALICE, BETA = signing_key("alice"), signing_key("beta")


async def point_round(world):
    """The point round anchored at ANCHOR."""
    rows = await world.validator_store.rounds(challenge=POINT, from_ms=ANCHOR, before_ms=ANCHOR + 1)
    return rows[0]


def test_two_validators_ask_for_the_same_rounds_and_an_honest_miner_tells_both_the_same():
    async def scenario(world):
        store = await beta_too(world)
        alice = await world.miner("alice")
        await alice.node.register(KnownValidator(BETA.hotkey, "beta:1"))
        await world.until(ANCHOR + MINUTE_MS)
        row = await point_round(world)
        assert decode_opening(row.opening) == decode_opening((await store.round(row.round_id)).opening)
        given = [(await one.commitments(row.round_id))[0] for one in (world.validator_store, store)]
        assert given[0].commitment == given[1].commitment
        with pytest.raises(InvalidRequest, match="the same"):
            check_equivocation(EquivocationProof(*(row.evidence for row in given)), network=BRISK.network)

    run_world(scenario, params=BRISK)


async def beta_too(world):
    """Starts a second validator, which the miners of this world know too; returns its store."""
    store = MemoryStore()
    node = await ValidatorNode.open(
        key=BETA,
        params=world.params,
        series=[SERIES],
        clock=world.clock,
        entropy=SeededEntropy("beta"),
        store=store,
        caller=world.caller(),
        telemetry=quiet_telemetry(world.clock),
        door=Doorkeeping(allowed=None, allow_private_endpoints=True),
    )
    world.network.host("beta:1", node)
    world.run_beside("beta", node.run({SERIES: world.market}))
    world.validators.append(KnownValidator(BETA.hotkey, "beta:1"))
    return store


def test_two_signed_commitments_to_one_round_are_proof_that_anybody_can_check_offline():
    async def scenario(world):
        store = await beta_too(world)
        alice = await world.miner("alice")
        await alice.node.register(KnownValidator(BETA.hotkey, "beta:1"))
        told = count()
        another = resigned(
            ALICE, Purpose.COMMIT_REPLY, lambda reply: replace(reply, commitment=bytes([next(told)]) * DIGEST_BYTES)
        )
        await world.until(ANCHOR - 2 * MINUTE_MS)
        world.network.faults["alice:1"] = Faults(tamper_reply=another)
        await world.until(ANCHOR - SECOND_MS)
        row = await point_round(world)
        given = [(await one.commitments(row.round_id))[0].evidence for one in (world.validator_store, store)]
        found = check_equivocation(EquivocationProof(*given), network=BRISK.network)
        assert (ALICE.hotkey, row.round_id) == (found.hotkey, found.round_id)

    run_world(scenario, params=BRISK)
