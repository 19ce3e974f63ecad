"""Acts whose reply got lost, on a whole validator in virtual time: each happens once."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from neurons.client import StreamWriter
from neurons.peers_file import ListedValidator
from neurons.ports import PeerUnreachable
from protocol.units import SECOND_MS
from tests.support.memory_network import Faults
from tests.support.named_keys import name_nonce
from tests.support.stream_town import LETTERS, PARAMS
from tests.support.world import SeededEntropy, World, run_world, signing_key

ENDPOINT = "validator:1"


async def named_writer(world: World, name: str) -> StreamWriter:
    """A writer whose name the validator knows already, so that its next call is the act."""
    key = signing_key(name)
    made = StreamWriter(
        ListedValidator(world.known_validator.hotkey, ENDPOINT),
        key,
        params=PARAMS,
        clock=world.clock,
        entropy=SeededEntropy(("writer", name)),
        wire=world.caller(),
    )
    await made.take_name(name_nonce(key, LETTERS))
    return made


async def with_a_lost_reply(world: World, act) -> object:
    """The act's reply, of which the first got lost."""
    world.network.faults[ENDPOINT] = Faults(drop_replies=True)
    acting = asyncio.create_task(act)
    await world.until(world.clock.now_ms() + PARAMS.wire.call_timeout_ms // 2)
    world.network.faults[ENDPOINT] = Faults()
    await world.until(world.clock.now_ms() + PARAMS.wire.call_timeout_ms)
    assert acting.done(), "the act was not repeated"
    return await acting


def test_a_value_whose_reply_got_lost_is_taken_charged_and_settled_once() -> None:
    async def scenario(world: World) -> None:
        ann, bob = await named_writer(world, "ann"), await named_writer(world, "bob")
        values = (10.0, 11.0, 9.5)
        for value in values:
            await with_a_lost_reply(world, ann.publish("cop.json", value))
        assert -500_000_000 == (await ann.balance()).balance_micros
        refused = await with_a_lost_reply(world, bob.submit({("cop.json", 70): np.linspace(8.0, 12.0, 225)}))
        assert () == refused
        assert 1 == len(await bob.confirms())
        await world.until(world.clock.now_ms() + 80 * SECOND_MS)
        told = await with_a_lost_reply(world, ann.publish("cop.json", 10.5))
        assert 70 in {fell.delay for fell in told.percentiles}
        assert [10.5, *reversed(values)] == await ann.lagged_values("cop.json")
        [settled] = await bob.transactions()
        assert settled.amount_micros == (await bob.balance()).balance_micros

    run_world(scenario, params=PARAMS)


def test_a_validator_that_starts_again_between_two_attempts_tells_what_it_told() -> None:
    async def scenario(world: World) -> None:
        ann = await named_writer(world, "ann")
        world.network.faults[ENDPOINT] = Faults(drop_replies=True)
        publishing = asyncio.create_task(ann.publish("cop.json", 10.0))
        await world.until(world.clock.now_ms() + 2 * SECOND_MS)
        await world.stop_validator()
        world.network.faults[ENDPOINT] = Faults()
        await world.until(world.clock.now_ms() + 3 * SECOND_MS)
        await world.start_validator()
        await world.until(world.clock.now_ms() + 5 * SECOND_MS)
        await publishing
        assert [10.0] == await ann.lagged_values("cop.json")
        assert -500_000_000 == (await ann.balance()).balance_micros

    run_world(scenario, params=PARAMS)


def test_a_validator_that_stays_away_costs_the_act_and_not_the_writer() -> None:
    async def scenario(world: World) -> None:
        ann = await named_writer(world, "ann")
        await ann.publish("cop.json", 10.0)
        await world.stop_validator()
        publishing = asyncio.create_task(ann.publish("cop.json", 11.0))
        await world.clock.sleep_until(world.clock.now_ms() + 3 * PARAMS.wire.call_timeout_ms)
        with pytest.raises(PeerUnreachable):
            await publishing
        await world.start_validator()
        await ann.publish("cop.json", 12.0)
        assert [12.0, 10.0] == await ann.lagged_values("cop.json")

    run_world(scenario, params=PARAMS)
